package consentws

import (
	"cmp"
	"context"
	"slices"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/consenting"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/identity"
)

// maxDataCheck is the size of a data check: 10,000 items that say everything are about 4 MiB.
const maxDataCheck = 8 << 20

// Verification returns the service that tells whether a professional may see a citizen's data.
func Verification(v *consenting.Verification, p soap.Profile) []Mount {
	s := verifier{v}
	check, data := policy(admitting.Recompute), policy(admitting.Recompute)
	data.MaxBytes = maxDataCheck
	return []Mount{{PathVerification, soap.Service{
		Name: VerificationService, Component: audit.Samtykke, Contract: verificationContract(), Profile: p, Tell: soap.TellDown(textDown),
		Operations: slices.Concat(
			verification.operations(opUserCheck, check, s.user), verification.operations(opForeignersCheck, check, s.foreigner),
			verification.operations(opDataCheck, data, s.data)),
	}}}
}

type verifier struct{ use *consenting.Verification }

func (s verifier) user(ctx context.Context, caller identity.Caller, b binder, root xmltree.Node) (func(writer), error) {
	c, err := b.check(root, ofUserCheck, 0)
	if err != nil {
		return nil, err
	}
	return answer(s.use.Check(ctx, caller, c.Question))
}

func (s verifier) foreigner(ctx context.Context, caller identity.Caller, b binder, root xmltree.Node) (func(writer), error) {
	c, err := b.check(root, ofForeignersCheck, 0)
	if err != nil {
		return nil, err
	}
	c.Foreign = true // also where nothing says of which country
	return answer(s.use.Check(ctx, caller, c.Question))
}

// answer answers with nothing but the answer: neither why, nor by how many registrations.
func answer(a consent.Answer, err error) (func(writer), error) {
	return func(w writer) { w.Elem(w.child+elemCheckResult, answerNames[a]) }, err
}

func (s verifier) data(ctx context.Context, caller identity.Caller, b binder, root xmltree.Node) (func(writer), error) {
	c, err := b.check(root, ofDataCheck, cmp.Or(s.use.MaxItems, consenting.DefaultMaxItems))
	if err != nil {
		return nil, err
	}
	allowed, err := s.use.CheckItems(ctx, caller, c.Question, c.items)
	return func(w writer) { w.verdicts(c.ids, allowed) }, err
}

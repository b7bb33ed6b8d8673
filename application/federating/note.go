package federating

import (
	"context"
	"strconv"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/trust"
)

// record is what the audit log is told of a request: what was proved, and nothing that was only said before the certificate was found good.
type record struct {
	person        cpr.Number // who the card or token is about
	cvr           string
	cardID, kind  string // of the ID card that was issued or exchanged
	level         int
	signer        trust.Holder // of the request
	authorisation string
	audience      string
	onBehalfOf    cpr.Number
}

// card records an ID card.
func (r *record) card(c Card) {
	r.cardID, r.kind, r.level, r.cvr = c.ID, "system", c.Level, c.CVR
	if c.User != nil {
		r.kind = "user"
	}
}

// note tells the audit log what was proved and what became of the request.
func (s *TokenService) note(ctx context.Context, where audit.Context, r record, err error) {
	var info []audit.Information
	add := func(key audit.Key, value string) {
		if value != "" {
			info = append(info, key.Is(value))
		}
	}
	add(audit.SubjectCPR, r.person.Digits())
	add(audit.SubjectCVR, r.cvr)
	add(audit.IDCardID, r.cardID)
	add(audit.IDCardType, r.kind)
	if r.level != 0 {
		add(audit.Level, strconv.Itoa(r.level))
	}
	add(audit.CertificateSerial, r.signer.Serial)
	add(audit.CertificateIssuer, r.signer.IssuerDN)
	add(audit.AuthorisationCode, r.authorisation)
	add(audit.Audience, r.audience)
	add(audit.OnBehalfOf, r.onBehalfOf.Digits())
	add(audit.Status, status(err))
	s.Trail.Note(ctx, audit.STS, where, info...)
}

// status is what became of a request: "issued", or the code of the fault.
func status(err error) string {
	if err == nil {
		return "issued"
	}
	if f, ok := fault.Of(err); ok {
		return f.Code
	}
	return fault.CodeProcessing
}

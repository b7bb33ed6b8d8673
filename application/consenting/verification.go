package consenting

import (
	"cmp"
	"context"
	"strconv"
	"time"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/ports"
)

// DefaultMaxItems is how many items one call may ask about where nothing else is said.
const DefaultMaxItems = 10_000

// Why somebody may not verify.
var (
	ErrNotVerifier error = forbidden(fault.CodeNotAuthorized, "The caller may not use this operation")
	ErrNoGrant     error = forbidden(fault.CodeNotAuthorized, "The calling organisation may not use this operation")
	errLevel       error = forbidden(fault.CodeSecurityLevel, "The ID card is of too low a level")
)

// Verification tells whether a professional may see a citizen's data. It is safe for concurrent use. Whatever is registered when a check
// begins binds it: nothing is cached. Where something does not answer, nobody hears that anything may be seen.
type Verification struct {
	Store          ports.ConsentStore
	Overrides      ports.OverrideLog
	Outbox         ports.Outbox
	Trees          ports.OrgTrees
	Authorisations ports.Authorisations // nil unless VerifyAuthorisation
	Trail          ports.Trail
	Granted        func(ctx context.Context, name, cvr string) (bool, error)
	Now            func() time.Time
	NewID          func() string // a UUID

	VerifyAuthorisation  bool    // an override with an authorisation that is not signed takes one of the register
	OverrideByForeigners bool    // professionals of other countries may override
	MinLog               LogWhat // "" = LogOverride
	MaxItems             int     // of one call; 0 = 10,000

	Decided    func(consent.Answer) // told of each answer to a check; nil = nobody is
	Overridden func()               // told of each call that overrode; nil = nobody is
}

// Check tells how much of the citizen's data may be seen. A citizen may see all of her own, and so may who overrides, which is kept before
// Check returns.
func (v *Verification) Check(ctx context.Context, caller identity.Caller, q Question) (consent.Answer, error) {
	where := audit.ConsentForUserCheck
	if q.Foreign {
		where = audit.ConsentForForeigners
	}
	a, err := v.admit(ctx, where, caller, &q, 0)
	if err != nil {
		return consent.Negative, err
	}
	answer := consent.PositiveAnswer
	if !a.open {
		answer = consent.Check(a.registrations, a.tree, a.requester, a.at)
	}
	v.Trail.Note(ctx, audit.Samtykke, where, audit.ConsentAnswer.Is(answer.String()))
	if v.Decided != nil {
		v.Decided(answer)
	}
	return answer, nil
}

// CheckItems tells which of the items may be seen, in their order, as Check does.
func (v *Verification) CheckItems(ctx context.Context, caller identity.Caller, q Question, items []Item) ([]bool, error) {
	a, err := v.admit(ctx, audit.ConsentForDataCheck, caller, &q, len(items))
	if err != nil {
		return nil, err
	}
	allowed := make([]bool, len(items))
	if a.open {
		for i := range allowed {
			allowed[i] = true
		}
		return allowed, nil
	}
	return consent.CheckItems(allowed, a.registrations, a.tree, a.requester, a.at, resolved(items, a.tree, a.at)), nil
}

// admitted is a question that may be answered.
type admitted struct {
	at            time.Time
	tree          *org.Tree
	requester     consent.Requester
	open          bool // everything may be seen, whatever is registered
	registrations []consent.Registration
}

// admit refuses the call, or does all of it but the verdict.
func (v *Verification) admit(ctx context.Context, where audit.Context, caller identity.Caller, q *Question, items int) (admitted, error) {
	v.note(ctx, where, caller, q, items)
	a := admitted{at: v.Now(), tree: v.Trees.Current()}
	by, err := v.verifier(ctx, caller, q)
	if err != nil {
		return a, err
	}
	if by == theCitizen {
		err = ownQuestion(caller, q)
	} else {
		a.requester, err = by.requester(caller, q, a.tree, a.at)
	}
	if err != nil {
		return a, err
	}
	o := caller.Override || q.Override
	var code string
	if o {
		if code, err = v.authority(ctx, by, caller, q, a.requester, a.at); err != nil {
			return a, err
		}
	}
	if limit := cmp.Or(v.MaxItems, DefaultMaxItems); items > limit {
		return a, tooMany(limit, "items")
	}
	a.open = o || by == theCitizen
	switch {
	case o:
		if err = v.override(ctx, where, caller, q, &a, code); err == nil && v.Overridden != nil {
			v.Overridden()
		}
	case v.MinLog == LogAll:
		err = v.log(ctx, caller, q, &a)
	}
	if err != nil || a.open {
		return a, err
	}
	if a.registrations, err = v.Store.Active(ctx, q.Citizen); err != nil {
		return a, unavailable("read registrations", err)
	}
	return a, nil
}

// verifier is as what somebody may ask.
type verifier uint8

// The verifiers.
const (
	nobody       verifier = iota
	theCitizen            // herself, by token or portal
	authorised            // a professional with a signed authorisation
	helper                // of a professional, for whom an organisation vouches
	theSystem             // a system that says which professional uses it
	contactPoint          // a system that asks for professionals of other countries
)

// verifier tells as what the caller may ask the question, if it may: which credential, and which grants of its organisation. What is asked for
// whom is [verifier.requester]'s.
func (v *Verification) verifier(ctx context.Context, caller identity.Caller, q *Question) (verifier, error) {
	if err := checkHSUID(caller, q.Foreign && caller.Kind == identity.Professional); err != nil {
		return nobody, err
	}
	if err := checkCode(caller, q); err != nil {
		return nobody, err
	}
	if caller.Proof() == identity.DGWS && caller.Credential.Level < minLevel {
		return nobody, errLevel
	}
	switch {
	case caller.Kind == identity.Citizen && !caller.Vouched:
		if p := caller.Proof(); p != identity.IDWS && p != identity.Sample || caller.OnBehalfOf != nil {
			return nobody, ErrNotForCitizen
		}
		return own(caller, q)
	case caller.Kind == identity.Citizen && vouched(caller):
		if err := v.granted(ctx, caller, GrantAdmin); err != nil {
			return nobody, err
		}
		return own(caller, q)
	case caller.Signed() && caller.Credential.Scheme != identity.Session && !q.Foreign:
		if caller.Authorised() {
			return authorised, nil
		}
		return helper, v.granted(ctx, caller, GrantVerification)
	case caller.Kind == identity.Professional && vouched(caller):
		return v.system(ctx, caller, q)
	case caller.Kind == identity.System && said(caller):
		if err := v.granted(ctx, caller, trust.HSUIDGrant); err != nil {
			return nobody, err
		}
		return v.system(ctx, caller, q)
	}
	return nobody, ErrNotVerifier
}

// minLevel is the lowest level of an ID card.
const minLevel = 3

// said tells whether a system that opened a session with its ID card says in the message itself who uses it.
func said(c identity.Caller) bool {
	return !c.Vouched && c.Credential.Scheme == identity.Session && c.Credential.Level >= minLevel &&
		(c.Proof() == identity.DGWS || c.Proof() == identity.Sample)
}

// own is the citizen who asks about herself.
func own(caller identity.Caller, q *Question) (verifier, error) {
	if !q.Citizen.IsZero() && !caller.Is(q.Citizen) {
		return nobody, ErrNotForCitizen
	}
	return theCitizen, nil
}

// system is the system that asks for professionals of this country or of others.
func (v *Verification) system(ctx context.Context, caller identity.Caller, q *Question) (verifier, error) {
	if q.Foreign {
		return contactPoint, v.granted(ctx, caller, GrantForeign)
	}
	return theSystem, v.granted(ctx, caller, GrantVerification)
}

func (v *Verification) granted(ctx context.Context, caller identity.Caller, name string) error {
	ok, err := v.Granted(ctx, name, caller.Org.CVR)
	switch {
	case err != nil:
		return unavailable("look up grant", err)
	case !ok:
		return ErrNoGrant
	}
	return nil
}

// ownQuestion tells what is wrong with a question of the citizen about herself. For whom she asks does not count.
func ownQuestion(caller identity.Caller, q *Question) error {
	if err := checkCitizen(caller, q.Citizen); err != nil {
		return err
	}
	if q.Citizen.IsZero() {
		return consent.ErrMissingCitizen
	}
	return nil
}

// requester returns for whom the verifier asks, if it may ask for him: a professional with an authorisation helps nobody, and one without helps
// somebody.
func (by verifier) requester(caller identity.Caller, q *Question, t *org.Tree, at time.Time) (consent.Requester, error) {
	r, err := q.requester(caller, t, at)
	switch {
	case err != nil:
		return r, err
	case by == authorised && !r.Responsible.IsZero(), by == helper && r.Responsible.IsZero():
		return r, ErrNotVerifier
	}
	return r, q.Complete()
}

// note has the audit log tell who asks about whom, as the message and its header say it, before anything is decided.
func (v *Verification) note(ctx context.Context, where audit.Context, caller identity.Caller, q *Question, items int) {
	info := []audit.Information{
		audit.PatientID.Is(q.Citizen.Digits()), audit.PatientIDSource.Is(register(q.Citizen)), audit.ActorRole.Is(role(caller)),
	}
	if q.Foreign {
		info = append(info, audit.ActorID.Is(q.Identifier), audit.ActorCountry.Is(q.Country), audit.ActorOrg.Is(q.OrgName))
	} else {
		acting, responsible, unit := q.Acting, q.Responsible, ""
		if acting.IsZero() {
			acting = caller.CPR
		}
		if h := caller.HSUID; h != nil && responsible.IsZero() {
			responsible = h.Responsible
		}
		if q.Org.Code != "" {
			unit = string(q.Org.Scheme) + ":" + q.Org.Code
		}
		info = append(info, audit.ActorID.Is(acting.Digits()), audit.ActorIDSource.Is(register(acting)),
			audit.ResponsibleID.Is(responsible.Digits()), audit.ActorOrg.Is(unit))
	}
	info = append(info, audit.System.Is(system(caller)))
	if where == audit.ConsentForDataCheck {
		info = append(info, audit.Items.Is(strconv.Itoa(items)))
	}
	if caller.Override || q.Override {
		info = append(info, audit.ConsentOverride.Is("true"))
	}
	v.Trail.Note(ctx, audit.Samtykke, where, info...)
}

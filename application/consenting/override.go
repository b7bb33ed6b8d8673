package consenting

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/domain/validity"
)

// LogWhat says which verifications the citizen reads of in MinLog. Every override is kept in the log of overrides, whatever it says.
type LogWhat string

// What MinLog is told.
const (
	LogNone     LogWhat = "none"
	LogOverride LogWhat = "override"
	LogAll      LogWhat = "all" // every check that is answered
)

// What MinLog is told of a verification; the name of the check is ours.
const (
	overridden = "Værdispring"
	verified   = "Kontrol af samtykke"
)

// The longest texts that MinLog takes (minlog2-registration.xsd).
const (
	maxPerson       = 50 // number or name of a person
	maxOrganisation = 200
)

// Why an override is refused.
var (
	ErrNoOverride  error = forbidden(fault.CodeNotAuthorized, "The caller may not override")
	errMessageUsed error = invalidRequest("The MessageID was used for another override")
	errCode        error = invalidRequest("The authorisation code is not 5 letters and digits")
)

// claimedCode is the authorisation of the principal that a system claims, in its header or, without one, in the message.
func claimedCode(caller identity.Caller, q *Question) string {
	if caller.HSUID != nil {
		return strings.ToUpper(caller.HSUID.ResponsibleCode)
	}
	return strings.ToUpper(q.AuthorisationCode)
}

// checkCode tells whether an authorisation code, where one is claimed, is one (HS-6).
func checkCode(caller identity.Caller, q *Question) error {
	if code := claimedCode(caller, q); code != "" && !identity.IsAuthorisationCode(code) {
		return errCode
	}
	return nil
}

// authority returns the authorisation by which the verifier overrides for a requester, ErrNoOverride if there is none. A professional of another
// country needs none, if any may override.
func (v *Verification) authority(
	ctx context.Context, by verifier, caller identity.Caller, q *Question, r consent.Requester, at time.Time,
) (code string, err error) {
	switch by {
	case authorised:
		return caller.AuthorisationCode, nil // signed
	case helper, theSystem:
		code = claimedCode(caller, q)
	case contactPoint:
		if v.OverrideByForeigners {
			return "", nil
		}
	case nobody, theCitizen:
	}
	if code == "" {
		return "", ErrNoOverride
	}
	if v.VerifyAuthorisation {
		err = v.registered(ctx, code, principal(r), at)
	}
	return code, err
}

// registered tells whether the authorisation is the person's in the register at an instant.
func (v *Verification) registered(ctx context.Context, code string, person cpr.Number, at time.Time) error {
	all, err := v.Authorisations.ByPerson(ctx, person, at)
	if err != nil {
		return unavailable("look up authorisation", err)
	}
	if !slices.ContainsFunc(all, func(a stamdata.Authorisation) bool { return a.Number == code }) {
		return ErrNoOverride
	}
	return nil
}

// principal is in whose name the requester acts.
func principal(r consent.Requester) cpr.Number {
	if r.Responsible.IsZero() {
		return r.Acting
	}
	return r.Responsible
}

// override keeps that the requester broke through, whether or not anything was blocked: else the log would tell of blocks.
func (v *Verification) override(
	ctx context.Context, where audit.Context, caller identity.Caller, q *Question, a *admitted, code string,
) error {
	o := consent.Override{
		ID: overrideID(a.at), At: a.at, Citizen: q.Citizen, Acting: a.requester.Acting, Responsible: a.requester.Responsible,
		AuthorisationCode: code, Org: q.Org, System: system(caller), CVR: caller.Org.CVR, MessageID: caller.MessageID, Operation: string(where),
	}
	if o.MessageID == "" {
		o.MessageID = v.NewID() // a call of a session that cannot come again
	}
	var notices []notice.Notice
	if v.MinLog != LogNone {
		n := v.notice(caller, q, a, overridden)
		n.Entry.Addition = overridden
		notices = append(notices, n)
	}
	if err := v.Overrides.Append(ctx, o, notices...); err != nil {
		return unavailable("keep override", err)
	}
	return v.kept(ctx, &o)
}

// A message comes again within the life of an ID card; the citizen's overrides of that time are looked at, so many at most.
const (
	resendWithin = 24 * time.Hour
	maxLookedAt  = 1000
)

// kept tells whether the log has the override, itself or that of the same message before. It has not where the message before was another's:
// whoever uses a MessageID twice breaks through unseen otherwise. The log does not tell foreigners apart, so that their messages never come again.
func (v *Verification) kept(ctx context.Context, o *consent.Override) error {
	log, err := v.Overrides.ByCitizen(ctx, o.Citizen, validity.Period{From: o.At.Add(-resendWithin)}, "", maxLookedAt)
	if err != nil {
		return unavailable("find override", err)
	}
	if !slices.ContainsFunc(log, func(k consent.Override) bool {
		return k.ID == o.ID || k.CVR == o.CVR && k.MessageID == o.MessageID && k.Operation == o.Operation &&
			k.Acting == o.Acting && k.Responsible == o.Responsible && !k.Acting.IsZero()
	}) {
		return errMessageUsed
	}
	return nil
}

// overrideID returns 26 characters of what nobody can guess, in the order of their times.
func overrideID(at time.Time) string {
	var id [16]byte
	binary.BigEndian.PutUint64(id[:], uint64(at.UnixMilli())<<16) //nolint:gosec // the 6 octets of milliseconds last for 8,000 years
	_, _ = rand.Read(id[6:])                                      // never fails
	return base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(id[:])
}

// log has MinLog tell of a check.
func (v *Verification) log(ctx context.Context, caller identity.Caller, q *Question, a *admitted) error {
	if err := v.Outbox.Put(ctx, v.notice(caller, q, a, verified)); err != nil {
		return unavailable("keep notice", err)
	}
	return nil
}

// notice is what MinLog is told of a verification.
func (v *Verification) notice(caller identity.Caller, q *Question, a *admitted, activity string) notice.Notice {
	e := minlog.Entry{
		System: minLogSystem, Activity: activity, From: a.at, To: a.at, Person: minlog.ID{Source: minlog.CPR, Value: q.Citizen.Digits()},
		OrgName: clean(caller.Org.Name, maxOrganisation), CorrelationID: clean(caller.MessageID, maxCorrelation),
	}
	switch {
	case caller.Kind == identity.Citizen:
		e.User, e.UserRole = minlog.ID{Source: minlog.CPR, Value: caller.CPR.Digits()}, roleCitizen
	case q.Foreign:
		e.User = minlog.ID{Source: minlog.EuropeanHealthProfessional, Value: clean(q.Identifier, maxPerson)}
	default:
		e.User = minlog.ID{Source: minlog.CPR, Value: a.requester.Acting.Digits()}
		if r := a.requester.Responsible; !r.IsZero() {
			e.OnBehalfOf = minlog.ID{Source: minlog.CPR, Value: r.Digits()}
		}
		if sor := a.requester.Org; sor != "" {
			e.Org = minlog.ID{Source: minlog.SOR, Value: sor}
			if u, ok := a.tree.Unit(sor); ok {
				e.OrgName = clean(u.Name, maxOrganisation)
			}
		}
	}
	e.UserName = clean(caller.Name, maxPerson)
	id := v.NewID()
	return told(id, id, e)
}

// clean returns the first n characters of s, without what MinLog does not take and without what surrounds the text.
func clean(s string, n int) string {
	return cut(strings.TrimSpace(strings.ReplaceAll(s, "\x00", "")), n)
}

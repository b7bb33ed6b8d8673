package consenting

import (
	"cmp"
	"time"

	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/org"
)

// What a message lacks, or says otherwise than who sent it.
var (
	ErrOtherUser         error = forbidden(codeMismatch, "HSUID and request name different users")
	ErrOtherOrganisation error = forbidden(codeMismatch, "HSUID and request name different organisations")
	errNoProfessional    error = invalidRequest("healthProfessionalCPR is missing")
	errNoOrganisation    error = invalidRequest("organization is missing")
	errNoForeigner       error = invalidRequest("foreignHealthProfessional has no countryCode or no identifier")
)

// Requester returns who asks, as the tree has the organisation at an instant. Who is responsible for himself has nobody responsible.
func (q *Question) Requester(t *org.Tree, at time.Time) consent.Requester {
	if q.Foreign {
		return consent.Requester{Foreign: true}
	}
	r := consent.Requester{Acting: q.Acting, Responsible: q.Responsible}
	if r.Responsible == r.Acting {
		r.Responsible = cpr.Number{}
	}
	r.Org, _ = t.Resolve(q.Org, at)
	return r
}

// Complete tells what the question lacks.
func (q *Question) Complete() error {
	switch {
	case q.Citizen.IsZero():
		return consent.ErrMissingCitizen
	case q.Foreign && (q.Country == "" || clean(q.Identifier, maxPerson) == ""):
		return errNoForeigner
	case q.Foreign:
		return nil
	case q.Acting.IsZero():
		return errNoProfessional
	case q.Org.Code == "":
		return errNoOrganisation
	}
	return nil
}

// requester returns who asks, of the question and of what caller's header and credential say. They may not contradict one another (HS-8):
// ErrOtherCitizen, ErrOtherUser, ErrOtherOrganisation.
func (q *Question) requester(caller identity.Caller, t *org.Tree, at time.Time) (consent.Requester, error) {
	if err := checkCitizen(caller, q.Citizen); err != nil {
		return consent.Requester{}, err
	}
	whole := *q
	if q.Foreign {
		return whole.Requester(t, at), nil
	}
	switch {
	case q.Acting.IsZero():
		whole.Acting = caller.CPR // so that it is known whether another is responsible; the message lacks it all the same
	case !caller.CPR.IsZero() && !caller.Is(q.Acting):
		return consent.Requester{}, ErrOtherUser
	}
	if h := caller.HSUID; h != nil {
		switch {
		case q.Responsible.IsZero():
			whole.Responsible = h.Responsible
		case !h.Responsible.IsZero() && h.Responsible != q.Responsible:
			return consent.Requester{}, ErrOtherUser
		}
	}
	r := whole.Requester(t, at)
	var err error
	r.Org, err = agreed(r.Org, caller, t, at)
	return r, err
}

// agreed returns the unit that the message names as sor ("" = one that cannot be resolved), given what the header and, of a user, the credential
// say. Where one of message and header can be resolved and the other cannot, it is not known which unit it is.
func agreed(sor string, caller identity.Caller, t *org.Tree, at time.Time) (string, error) {
	named, unit := []string{sor}, sor
	if h := caller.HSUID; h != nil && h.Org.Code != "" {
		header, ok := t.Resolve(h.Org.Unit(), at)
		if named = append(named, header); !ok {
			unit = ""
		}
	}
	if caller.Kind == identity.Professional && !caller.Vouched { // else the credential is a system's
		for _, id := range caller.Org.IDs {
			own, _ := t.Resolve(id.Unit(), at)
			named = append(named, own)
		}
	}
	one := ""
	for _, n := range named {
		if n != "" && one != "" && n != one {
			return "", ErrOtherOrganisation
		}
		one = cmp.Or(one, n)
	}
	return unit, nil
}

// resolved returns the items as the tree has their origins at an instant.
func resolved(items []Item, t *org.Tree, at time.Time) []consent.Item {
	out := make([]consent.Item, len(items))
	for i := range items {
		out[i].Data = items[i].Data
		out[i].Origin, _ = t.Resolve(items[i].Origin, at)
	}
	return out
}

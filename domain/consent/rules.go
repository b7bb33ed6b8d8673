package consent

import (
	"cmp"
	"slices"
	"time"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/domain/validity"
)

// Why a registration is not made, changed or revoked.
var (
	ErrID             = fault.Error{Kind: fault.Malformed, Code: fault.CodeSyntax, Text: "consentId is not a number of 15 digits"}
	ErrMissingID      = fault.Error{Kind: fault.Malformed, Code: codeInvalid, Text: "consentId is missing"}
	ErrMissingCitizen = fault.Error{Kind: fault.Malformed, Code: codeInvalid, Text: "citizenCPR is missing"}
	ErrMissingFrom    = fault.Error{Kind: fault.Malformed, Code: codeInvalid, Text: "validFrom is missing"}
	ErrNotFound       = fault.Error{Kind: fault.NotFound, Code: "consent_not_found", Text: "no such registration for this citizen"}
	ErrInactive       = fault.Error{Kind: fault.Conflict, Code: "consent_inactive", Text: "the registration has been revoked"}
	ErrNotPositive    = fault.Error{Kind: fault.Conflict, Code: codeKind, Text: "the registration is not a positive consent"}
	ErrNotConstraint  = fault.Error{Kind: fault.Conflict, Code: codeKind, Text: "the registration is not a constraint"}
	ErrTooManyActive  = fault.Error{Kind: fault.Invalid, Code: "too_many", Text: "the citizen has as many active registrations as there may be"}

	ErrNoEnd      = fault.Error{Kind: fault.Invalid, Code: codeValidity, Text: "a positive consent must have an end"}
	ErrEnd        = fault.Error{Kind: fault.Invalid, Code: codeValidity, Text: "validTo is not after validFrom"}
	ErrPast       = fault.Error{Kind: fault.Invalid, Code: codeValidity, Text: "validTo is not in the future"}
	ErrTooLong    = fault.Error{Kind: fault.Invalid, Code: codeValidity, Text: "a positive consent may not last that long"}
	ErrTargets    = fault.Error{Kind: fault.Invalid, Code: codeWho, Text: "who names more than one target"}
	ErrWhoSubs    = fault.Error{Kind: fault.Invalid, Code: codeWho, Text: "who has sub-units without an organisation"}
	ErrWhatSubs   = fault.Error{Kind: fault.Invalid, Code: codeWhat, Text: "what has sub-units without an organisation"}
	ErrDataPeriod = fault.Error{Kind: fault.Invalid, Code: codeWhat, Text: "what.dataPeriodTo is not after what.dataPeriodFrom"}
	ErrWhoOrg     = fault.Error{Kind: fault.Invalid, Code: codeOrg, Text: "who.healthcareOrganization is not a known SOR unit"}
	ErrWhatOrg    = fault.Error{Kind: fault.Invalid, Code: codeOrg, Text: "what.originatingOrganization is not a known SOR unit"}
)

const (
	codeInvalid  = "invalid_request"
	codeKind     = "consent_type_mismatch"
	codeValidity = "invalid_validity"
	codeWho      = "invalid_who"
	codeWhat     = "invalid_what"
	codeOrg      = "unknown_organization"
)

// Rules are what registrations must keep to.
type Rules struct {
	Tree          *org.Tree // of today; nil is an empty one: then no organisation is known
	MaxActive     int       // active registrations of a citizen; 0 = no limit
	PositiveYears int       // that a positive consent may last, by the calendar of Copenhagen; 0 = no limit
}

// Add returns a new registration of the citizen, whose others are all, made by somebody at an instant. It does not look whether id is free.
func (r Rules) Add(all []Registration, citizen cpr.Number, kind Kind, d Draft, id ID, by Stamp) (Registration, error) {
	by.At = instant(by.At)
	if citizen.IsZero() {
		return Registration{}, ErrMissingCitizen
	}
	d, err := r.draft(kind.normal(), d, by.At)
	if err != nil {
		return Registration{}, err
	}
	if active := countActive(all); r.MaxActive > 0 && active >= r.MaxActive {
		return Registration{}, ErrTooManyActive
	}
	return Registration{ID: id, Version: 1, Citizen: citizen, Kind: kind.normal(), Who: d.Who, What: d.What, Valid: d.Valid, Active: true, Created: by}, nil
}

// Modify returns the next version of the registration id, one of all: what the draft says, as a whole. kind is what the caller takes it for.
func (r Rules) Modify(all []Registration, id ID, kind Kind, d Draft, by Stamp) (Registration, error) {
	by.At = instant(by.At)
	next, err := nextVersion(all, id, by)
	if err != nil {
		return Registration{}, err
	}
	if next.Kind.normal() != kind.normal() {
		if kind.normal() == Positive {
			return Registration{}, ErrNotPositive
		}
		return Registration{}, ErrNotConstraint
	}
	d, err = r.draft(kind.normal(), d, by.At)
	if err != nil {
		return Registration{}, err
	}
	next.Who, next.What, next.Valid = d.Who, d.What, d.Valid
	return next, nil
}

// Revoke returns the last version of the registration id, one of all.
func Revoke(all []Registration, id ID, by Stamp) (Registration, error) {
	by.At = instant(by.At)
	last, err := nextVersion(all, id, by)
	last.Active = false
	return last, err
}

// nextVersion returns the active registration id as its next version.
func nextVersion(all []Registration, id ID, by Stamp) (Registration, error) {
	if id == 0 {
		return Registration{}, ErrMissingID
	}
	i := slices.IndexFunc(all, func(r Registration) bool { return r.ID == id })
	if i < 0 {
		return Registration{}, ErrNotFound
	}
	if !all[i].Active {
		return Registration{}, ErrInactive
	}
	next := all[i]
	next.Version++
	next.Modified = by
	return next, nil
}

func countActive(all []Registration) (n int) {
	for i := range all {
		if all[i].Active {
			n++
		}
	}
	return n
}

// draft returns the draft as a registration holds it, or why none may.
func (r Rules) draft(kind Kind, d Draft, now time.Time) (Draft, error) {
	d.Valid, d.What.Data = whole(d.Valid), whole(d.What.Data)
	if d.Valid.From.IsZero() {
		return d, ErrMissingFrom
	}
	return d, cmp.Or(d.Who.check(), d.What.check(), r.valid(kind, d.Valid, now), r.known(d.Who.Org, ErrWhoOrg), r.known(d.What.Origin, ErrWhatOrg))
}

func (w Who) check() error {
	targets := 0
	for _, named := range [...]bool{!w.Person.IsZero(), w.Org.SOR != "", w.Foreign} {
		if named {
			targets++
		}
	}
	switch {
	case targets > 1:
		return ErrTargets
	case w.Org.SubUnits && w.Org.SOR == "":
		return ErrWhoSubs
	}
	return nil
}

func (w What) check() error {
	switch {
	case w.Origin.SubUnits && w.Origin.SOR == "":
		return ErrWhatSubs
	case w.Data.Empty():
		return ErrDataPeriod
	}
	return nil
}

func (r Rules) valid(kind Kind, p validity.Period, now time.Time) error {
	switch {
	case p.To.IsZero() && kind == Positive:
		return ErrNoEnd
	case p.To.IsZero():
		return nil
	case p.Empty():
		return ErrEnd
	case !p.To.After(now):
		return ErrPast
	case kind == Positive && r.PositiveYears > 0 && p.To.After(p.From.In(calendar.Location()).AddDate(r.PositiveYears, 0, 0)):
		return ErrTooLong
	}
	return nil
}

// known: the check digit of a SOR number is not checked, since units of old have wrong ones.
func (r Rules) known(o Organisation, unknown error) error {
	if _, ok := r.Tree.Unit(o.SOR); !ok && o.SOR != "" {
		return unknown
	}
	return nil
}

// instant is t as registrations hold it: UTC, whole milliseconds.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

func whole(p validity.Period) validity.Period {
	return validity.Period{From: instant(p.From), To: instant(p.To)}
}

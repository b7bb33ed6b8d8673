// Package enquiring answers who a person is, from the CPR register and the register of insured persons: the national CPR look-up (SCES) and
// person information.
package enquiring

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports"
)

// The grants of who may ask: the CPR look-up, person information.
const (
	GrantLookup            = "sces"
	GrantPersonInformation = "personinformation"
)

// Why the CPR look-up tells nothing. The texts are those of the national service (trifork/sdm).
var (
	ErrNotGranted error = fault.Error{Kind: fault.Forbidden, Code: fault.CodeNotAuthorized,
		Text: "The request CVR number is not authorized to use this service."}
	ErrBlank error = fault.Error{Kind: fault.Invalid, Code: "cpr_missing",
		Text: "PersonCivilRegistrationIdentifier was not set in request, but is required."}
	ErrPattern error = fault.Error{Kind: fault.Invalid, Code: "cpr_invalid", Text: "The value of element 'PersonCivilRegistrationIdentifier' is not valid."}
	ErrNoData  error = fault.Error{Kind: fault.NotFound, Code: "no_data", Text: "Ingen data fundet"}
	ErrDown    error = fault.Error{Kind: fault.Unavailable, Code: fault.CodeProcessing, Text: "Internal Server Error"}
)

// unknownNumber is the number that stands where somebody's is required and not known.
const unknownNumber = "0000000000"

// CPRLookup tells organisations who a person is. It is safe for concurrent use; its fields are not changed after the first call.
type CPRLookup struct {
	Register ports.CPRRegister
	Trail    ports.Trail
	Granted  func(ctx context.Context, name, cvr string) (bool, error)
	Now      func() time.Time
	// CountyCode is of the county that addresses are in: 4 digits, or 99; anything else is 0000.
	CountyCode string
}

// Answer is what is told of a person.
type Answer struct {
	Person stamdata.Disclosure
	Health *stamdata.Health // nil = not asked for
}

// Person tells of the person with a number, and of the person's practice and insurance if asked. A register that cannot be read is ErrDown,
// never ErrNoData. Whoever asks is in the audit log, also for nothing.
func (l *CPRLookup) Person(ctx context.Context, caller identity.Caller, number string, health bool) (answer Answer, err error) {
	defer func() { l.note(ctx, caller, number, health, err) }()
	if ok, err := l.Granted(ctx, GrantLookup, caller.Org.CVR); err != nil || !ok {
		return Answer{}, either(err, ErrNotGranted)
	}
	if strings.TrimSpace(number) == "" {
		return Answer{}, ErrBlank
	}
	n, err := cpr.Parse(number)
	switch {
	case number == unknownNumber:
		return Answer{}, ErrNoData
	case err != nil || n.Digits() != number:
		return Answer{}, ErrPattern
	}
	now := l.Now()
	record, err := l.record(ctx, n, now, health)
	if err != nil {
		return Answer{}, err
	}
	answer.Person = record.Disclose(l.CountyCode, now)
	if health {
		told := record.Health(now)
		answer.Health = &told
	}
	return answer, nil
}

// either returns err as the fault of a register that cannot be read, or none.
func either(err, none error) error {
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDown, err)
	}
	return none
}

// record reads what the registers have of a person.
func (l *CPRLookup) record(ctx context.Context, n cpr.Number, now time.Time, health bool) (r stamdata.Record, err error) {
	if r.Citizen, err = l.Register.Citizen(ctx, n); fault.Is(err, fault.NotFound) {
		return r, ErrNoData
	} else if err != nil {
		return r, either(err, nil)
	}
	if r.Prior, err = l.Register.Prior(ctx, n); err != nil && !fault.Is(err, fault.NotFound) {
		return r, either(err, nil)
	}
	if r.Family, r.Relatives, err = family(ctx, l.Register, n, now); err != nil {
		return r, either(err, nil)
	}
	if !health {
		return r, nil
	}
	insured, err := l.Register.Insured(ctx, n)
	switch {
	case err == nil:
		r.Insured = &insured
	case !fault.Is(err, fault.NotFound):
		return r, either(err, nil)
	}
	return r, nil
}

// family returns the family of n and those of its members whom the register has.
func family(ctx context.Context, register ports.CPRRegister, n cpr.Number, at time.Time) (stamdata.Family, map[cpr.Number]stamdata.Citizen, error) {
	f, err := register.Family(ctx, n, at)
	if err != nil {
		return f, nil, err
	}
	members := map[cpr.Number]stamdata.Citizen{}
	for _, relatives := range [][]stamdata.Relative{f.Holders, f.Guardians, f.Children, f.Wards, f.Born, f.Parents} {
		for _, r := range relatives {
			if _, known := members[r.CPR]; known || r.CPR.IsZero() {
				continue
			}
			c, err := register.Citizen(ctx, r.CPR)
			switch {
			case err == nil:
				members[r.CPR] = c
			case !fault.Is(err, fault.NotFound):
				return f, nil, err
			}
		}
	}
	return f, members, nil
}

// note says in the audit log who asks for whom. Whether somebody is protected it does not tell.
func (l *CPRLookup) note(ctx context.Context, caller identity.Caller, number string, health bool, err error) {
	where := audit.PersonInformation
	if health {
		where = audit.PersonHealthInformation
	}
	l.Trail.Note(ctx, audit.SDM, where, asked(caller, number, err)...)
}

// asked is what the audit log tells of a question for one person that ended with err.
func asked(caller identity.Caller, number string, err error) []audit.Information {
	info := []audit.Information{audit.RequestedCPR.Is(number), audit.ClientCVR.Is(caller.Org.CVR)}
	switch {
	case err == nil:
		info = append(info, audit.Result.Is("found"))
	case fault.Is(err, fault.NotFound):
		info = append(info, audit.Result.Is("not-found"))
	}
	return info
}

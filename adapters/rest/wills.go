package rest

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/opennsp/nsp/application/willkeeping"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/will"
)

// Wills is what a server with living wills and treatment wills does.
type Wills struct {
	Keeper    *willkeeping.Keeper
	Audiences []string // of tokens that open sessions for wills; none = sessions that ID cards opened alone
}

// Paths of wills. Whose they are stands in the header Citizen-Id.
const (
	pathWillExistence = "/api/wills/v1/existence"
	pathTreatmentWill = "/api/wills/v1/treatment-will"
	pathWillUpgrade   = "/api/wills/v1/treatment-will/upgrade"
	pathLivingWill    = "/api/wills/v1/living-will"
)

const (
	headerSurface = "Surface" // by whose rules a call is judged: those of who administers the registers, or, without it, everybody else's
	surfaceAdmin  = "admin"
	viewForced    = "forced-treatment"
)

// What callers hear of wills beside what the rules refuse.
var (
	errSurface = syntaxError("The header Surface may be there once, and be admin.")
	errWishes  = syntaxError("A will must say of each of its wishes whether it is declined.")
	errNeeds   = syntaxError("needs must be relative, guardian or trustedAgent, or be left out.")
	errView    = syntaxError("The query may have one view, which is forced-treatment.")
)

func (a *api) willEndpoints() []endpoint {
	if a.Wills == nil {
		return nil
	}
	k := a.Wills.Keeper
	upgrade := func(ctx context.Context, caller identity.Caller, req willkeeping.Request, _ will.Register, d will.Draft) (will.Registration, error) {
		return k.UpgradeTo(ctx, caller, req, d)
	}
	return a.personal(audit.LTRBTR, a.Wills.Audiences, []endpoint{
		{method: http.MethodGet, path: pathWillExistence, operation: "ReadWillExistence", serve: a.willExistence},

		{method: http.MethodGet, path: pathTreatmentWill, operation: "ReadTreatmentWill", serve: a.readTreatmentWill},
		{method: http.MethodPost, path: pathTreatmentWill, operation: "CreateTreatmentWill", serve: fresh(writeWill(will.BTR, pathTreatmentWill, k.Create)),
			status: http.StatusCreated, again: keptAgain(pathTreatmentWill)},
		{method: http.MethodPut, path: pathTreatmentWill, operation: "UpdateTreatmentWill", serve: writeWill(will.BTR, "", k.Update), again: keptAgain("")},
		{method: http.MethodDelete, path: pathTreatmentWill, operation: "DeleteTreatmentWill", serve: a.deleteWill(will.BTR),
			status: http.StatusNoContent, again: doneAgain},
		{method: http.MethodPost, path: pathWillUpgrade, operation: "UpgradeToTreatmentWill", serve: writeWill(will.BTR, pathTreatmentWill, upgrade),
			status: http.StatusCreated, again: keptAgain(pathTreatmentWill)},

		{method: http.MethodGet, path: pathLivingWill, operation: "ReadLivingWill", serve: a.readLivingWill},
		{method: http.MethodPost, path: pathLivingWill, operation: "CreateLivingWill", serve: fresh(writeWill(will.LTR, pathLivingWill, k.Create)),
			status: http.StatusCreated, again: keptAgain(pathLivingWill)},
		{method: http.MethodPut, path: pathLivingWill, operation: "UpdateLivingWill", serve: writeWill(will.LTR, "", k.Update), again: keptAgain("")},
		{method: http.MethodDelete, path: pathLivingWill, operation: "DeleteLivingWill", serve: a.deleteWill(will.LTR),
			status: http.StatusNoContent, again: doneAgain},
	})
}

// will reads whose wills a call is about, and how.
func (x *exchange) will(caller identity.Caller) (req willkeeping.Request, err error) {
	switch values := x.http.Header.Values(headerSurface); {
	case len(values) == 1 && values[0] == surfaceAdmin:
		req.Surface = will.Admin
	case len(values) > 0:
		return req, errSurface
	}
	req.Citizen = x.person(caller)
	req.Match, err = x.match()
	return req, err
}

// wishJSON is a wish in an answer.
type wishJSON struct {
	Declined bool            `json:"declined"`
	Needs    will.Acceptance `json:"needs,omitempty"`
}

// willJSON is a will in an answer, with the wishes that its register has.
type willJSON struct {
	ID                 string    `json:"id"`
	RegisteredAt       time.Time `json:"registeredAt"`
	IfDying            *wishJSON `json:"ifDying,omitempty"`
	IfSeverelyDegraded *wishJSON `json:"ifSeverelyDegraded,omitempty"`
	IfSeverePain       *wishJSON `json:"ifSeverePain,omitempty"`
	NoForcedTreatment  *wishJSON `json:"noForcedTreatment,omitempty"`
}

func willOf(r will.Registration) willJSON {
	j := willJSON{
		ID: r.ID, RegisteredAt: r.From.UTC(), IfDying: wishOf(r.IfDying), IfSeverelyDegraded: wishOf(r.IfSeverelyDegraded),
	}
	if r.Register == will.BTR {
		j.IfSeverePain, j.NoForcedTreatment = wishOf(r.IfSeverePain), wishOf(r.NoForcedTreatment)
	}
	return j
}

func wishOf(w will.Wish) *wishJSON { return &wishJSON{Declined: w.Declined, Needs: w.Needs} }

// wishes reads a will that is to be registered: it says of each wish of the register whether it is declined. That one may not need anybody's
// acceptance the rules tell.
func (x *exchange) wishes(reg will.Register) (d will.Draft, err error) {
	type wish struct {
		name     string
		into     *will.Wish
		declined *bool
		needs    *will.Acceptance
	}
	all := []*wish{{name: "ifDying", into: &d.IfDying}, {name: "ifSeverelyDegraded", into: &d.IfSeverelyDegraded}}
	if reg == will.BTR {
		all = append(all, &wish{name: "ifSeverePain", into: &d.IfSeverePain}, &wish{name: "noForcedTreatment", into: &d.NoForcedTreatment})
	}
	into := members{}
	for _, w := range all {
		into[w.name] = object(func() members { return members{"declined": &w.declined, "needs": &w.needs} })
	}
	if err := x.ask(into); err != nil {
		return d, err
	}
	for _, w := range all {
		if w.declined == nil {
			return d, errWishes
		}
		w.into.Declined = *w.declined
		if w.needs == nil {
			continue
		}
		switch w.into.Needs = *w.needs; w.into.Needs {
		case will.Relative, will.Guardian, will.TrustedAgent:
		default:
			return d, errNeeds
		}
	}
	return d, nil
}

// registering is a use case that registers a will.
type registering = func(context.Context, identity.Caller, willkeeping.Request, will.Register, will.Draft) (will.Registration, error)

// writeWill serves what registers a will: at a path, or "" where there was one before.
func writeWill(reg will.Register, path string, write registering) serving {
	return func(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
		req, err := x.will(caller)
		if err != nil {
			return reply{}, err
		}
		d, err := x.wishes(reg)
		if err != nil {
			return reply{}, err
		}
		r, err := write(ctx, caller, req, reg, d)
		if err != nil {
			return reply{}, err
		}
		return kept(path, r.ID, willOf(r)), nil
	}
}

func (a *api) deleteWill(reg will.Register) serving {
	return func(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
		req, err := x.will(caller)
		if err == nil {
			err = x.bare()
		}
		if err != nil {
			return reply{}, err
		}
		return reply{status: http.StatusNoContent}, a.Wills.Keeper.Delete(ctx, caller, req, reg)
	}
}

// readTreatmentWill answers with the will, or with the one wish that dentists may see.
func (a *api) readTreatmentWill(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	req, err := x.will(caller)
	if err != nil {
		return reply{}, err
	}
	forced, err := x.forcedOnly()
	if err != nil {
		return reply{}, err
	}
	if forced {
		r, err := a.Wills.Keeper.GetForced(ctx, caller, req)
		return found(req, r, willJSON{ID: r.ID, RegisteredAt: r.From.UTC(), NoForcedTreatment: wishOf(r.NoForcedTreatment)}, err)
	}
	r, err := a.Wills.Keeper.Get(ctx, caller, req, will.BTR)
	return found(req, r, willOf(r), err)
}

// forcedOnly tells whether nothing but the wish about treatment by force is asked for.
func (x *exchange) forcedOnly() (bool, error) {
	if err := x.noBody(); err != nil || x.http.URL.RawQuery == "" {
		return false, err
	}
	query, err := url.ParseQuery(x.http.URL.RawQuery)
	if err != nil || len(query) != 1 || !slices.Equal(query["view"], []string{viewForced}) {
		return false, errView
	}
	return true, nil
}

func (a *api) readLivingWill(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	req, err := x.will(caller)
	if err == nil {
		err = x.bare()
	}
	if err != nil {
		return reply{}, err
	}
	r, err := a.Wills.Keeper.Get(ctx, caller, req, will.LTR)
	return found(req, r, willOf(r), err)
}

// found answers with what was read, if it is the one that was asked for.
func found(req willkeeping.Request, r will.Registration, j willJSON, err error) (reply, error) {
	if err == nil && req.Match != "" && req.Match != r.ID {
		err = will.ErrChanged
	}
	if err != nil {
		return reply{}, err
	}
	return kept("", r.ID, j), nil
}

// willExistence answers for both registers. Dentists, who may not ask about living wills, are refused before anything was looked up.
func (a *api) willExistence(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	req, err := x.will(caller)
	if err == nil {
		err = x.bare()
	}
	if err != nil {
		return reply{}, err
	}
	living, err := a.Wills.Keeper.Has(ctx, caller, req, will.LTR)
	if err != nil {
		return reply{}, err
	}
	treatment, err := a.Wills.Keeper.Has(ctx, caller, req, will.BTR)
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, value: struct {
		LivingWill    bool `json:"livingWill"`
		TreatmentWill bool `json:"treatmentWill"`
	}{living && !treatment, treatment}}, nil // both: it was replaced between the looks
}

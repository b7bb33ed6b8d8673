package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/opennsp/nsp/application/optingout"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/fgvhr"
	"github.com/opennsp/nsp/domain/identity"
)

// FGVHR is what a server does where resuscitation can be declined.
type FGVHR struct {
	Registrar *optingout.Registrar
	Audiences []string // of tokens that open sessions for it; none = sessions that ID cards opened alone
}

// pathOptOut is that of a citizen's opt-out. Whose it is stands in the header Citizen-Id.
const pathOptOut = "/api/fgvhr/v1/opt-out"

// What callers hear of opt-outs beside what the rules refuse.
var (
	errStatus   = syntaxError("status must be ACTIVE, INACTIVE or ENTERED-IN-ERROR.")
	errDay      = syntaxError("citizenCreatedDate must be a day, such as 2026-11-21.")
	errNoChange = syntaxError("The body must have a status, a citizenCreatedDate, or both.")
	errAnyRow   = syntaxError("If-Match must be the entity tag of the registration that is changed.")
)

func (a *api) fgvhrEndpoints() []endpoint {
	if a.FGVHR == nil {
		return nil
	}
	return a.personal(audit.FGVHR, a.FGVHR.Audiences, []endpoint{
		{method: http.MethodGet, path: pathOptOut, operation: "ReadOptOut", serve: a.readOptOut},
		{method: http.MethodPost, path: pathOptOut, operation: "RegisterOptOut", serve: fresh(a.registerOptOut),
			status: http.StatusCreated, again: keptAgain(pathOptOut)},
		{method: http.MethodPatch, path: pathOptOut, operation: "UpdateOptOut", serve: a.updateOptOut, again: keptAgain("")},
		{method: http.MethodDelete, path: pathOptOut, operation: "DeleteOptOut", serve: a.deleteOptOut, status: http.StatusNoContent, again: doneAgain},
	})
}

// optOutJSON is an opt-out in an answer.
type optOutJSON struct {
	ID             string       `json:"id"`
	Status         fgvhr.Status `json:"status"`
	CreatedAt      time.Time    `json:"createdAt"`
	CitizenCreated string       `json:"citizenCreatedDate,omitempty"`
	ValidFrom      time.Time    `json:"validFrom"`
	InForce        bool         `json:"inForce"`
	Replaces       string       `json:"replaces,omitempty"`
}

func optOutOf(v optingout.View) optOutJSON {
	j := optOutJSON{ID: v.ID, Status: v.Status, CreatedAt: v.Created.UTC(), ValidFrom: v.ValidFrom.UTC(), InForce: v.InForce,
		Replaces: v.Replaces}
	if v.CitizenCreated != (calendar.Day{}) {
		j.CitizenCreated = v.CitizenCreated.String()
	}
	return j
}

func (a *api) registerOptOut(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	asked := optingout.Registration{Citizen: x.person(caller)}
	if err := x.formDate(&asked.CitizenCreated); err != nil {
		return reply{}, err
	}
	v, err := a.FGVHR.Registrar.Register(ctx, caller, asked)
	if err != nil {
		return reply{}, err
	}
	return kept(pathOptOut, v.ID, optOutOf(v)), nil
}

// formDate reads the date on the paper form, if there is one; without it no body is needed.
func (x *exchange) formDate(day *calendar.Day) error {
	if len(x.body) == 0 {
		return x.noQuery()
	}
	return x.ask(members{"citizenCreatedDate": (*dayJSON)(day)})
}

func (a *api) updateOptOut(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	c, err := x.optOutChange()
	if err != nil {
		return reply{}, err
	}
	v, err := a.FGVHR.Registrar.Update(ctx, caller, x.person(caller), c)
	if err != nil {
		return reply{}, err
	}
	return kept("", v.ID, optOutOf(v)), nil
}

// optOutChange reads what is to be changed of which registration, which must be said.
func (x *exchange) optOutChange() (c fgvhr.Change, err error) {
	if len(x.http.Header.Values("If-Match")) == 0 {
		return c, errNoVersion
	}
	switch c.ID, err = x.match(); {
	case err != nil:
		return c, err
	case c.ID == "":
		return c, errAnyRow
	}
	err = x.ask(members{"status": (*statusJSON)(&c.Status), "citizenCreatedDate": (*dayJSON)(&c.CitizenCreated)})
	if err == nil && c.Status == "" && c.CitizenCreated == (calendar.Day{}) {
		err = errNoChange
	}
	return c, err
}

func (a *api) deleteOptOut(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	if err := x.bare(); err != nil {
		return reply{}, err
	}
	match, err := x.match()
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusNoContent}, a.FGVHR.Registrar.Delete(ctx, caller, x.person(caller), match)
}

func (a *api) readOptOut(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	if err := x.bare(); err != nil {
		return reply{}, err
	}
	match, err := x.match()
	if err != nil {
		return reply{}, err
	}
	v, visible, err := a.FGVHR.Registrar.Get(ctx, caller, x.person(caller))
	switch {
	case err != nil:
		return reply{}, err
	case match != "" && (!visible || v.ID != match):
		return reply{}, fgvhr.ErrChanged
	case !visible:
		return reply{status: http.StatusNoContent}, nil
	}
	return kept("", v.ID, optOutOf(v)), nil
}

// dayJSON and statusJSON read what a member says.
type (
	dayJSON    calendar.Day
	statusJSON fgvhr.Status
)

func (day *dayJSON) read(d *json.Decoder) error {
	var text string
	if err := decodeValue(d, &text, false); err != nil {
		return err
	}
	read, err := calendar.ParseDay(text)
	if err != nil || read.Year < 1 {
		return errDay
	}
	*day = dayJSON(read)
	return nil
}

func (s *statusJSON) read(d *json.Decoder) error {
	var text fgvhr.Status
	if err := decodeValue(d, &text, false); err != nil {
		return err
	}
	if !slices.Contains([]fgvhr.Status{fgvhr.Active, fgvhr.Inactive, fgvhr.EnteredInError}, text) {
		return errStatus
	}
	*s = statusJSON(text)
	return nil
}

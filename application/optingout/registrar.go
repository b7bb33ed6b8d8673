package optingout

import (
	"context"
	"errors"
	"fmt"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fgvhr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/stamdata"
)

// Register registers that a citizen declines resuscitation, in force when the waiting time is over. The citizen may, and administrators.
func (r *Registrar) Register(ctx context.Context, caller identity.Caller, reg Registration) (View, error) {
	if err := r.admit(ctx, audit.RegisterConsent, caller, reg.Citizen); err != nil {
		return View{}, err
	}
	var as person
	var kept fgvhr.OptOut
	defer func() {
		r.note(ctx, audit.RegisterConsent, patient(reg.Citizen), r.calls(caller), outcome(kept), as.noted())
	}()
	now := r.Now()
	if err := fgvhr.CheckFormDate(reg.CitizenCreated, r.administers(caller), now); err != nil {
		return View{}, err
	}
	born, status, err := r.citizen(ctx, reg.Citizen)
	if err != nil {
		return View{}, err
	}
	if err := r.Rules.Eligible(born, status, now); err != nil {
		return View{}, err
	}
	if as = r.person(ctx, reg.Citizen); as.alone != nil {
		return View{}, as.alone
	}
	kept, err = r.change(ctx, caller, as, registering, func(h fgvhr.History, next fgvhr.OptOut) (fgvhr.OptOut, error) {
		next.CitizenCreated = reg.CitizenCreated
		return h.Register(next, r.Rules, r.Now())
	})
	if err != nil {
		return View{}, err
	}
	return r.view(caller, as, kept), nil
}

// Update corrects a citizen's opt-out: it should never have been registered, or the paper form has another date. Administrators alone may.
func (r *Registrar) Update(ctx context.Context, caller identity.Caller, citizen cpr.Number, c fgvhr.Change) (View, error) {
	if err := r.admit(ctx, audit.UpdateConsent, caller, citizen); err != nil {
		return View{}, err
	}
	as := r.lookUp(ctx, citizen)
	if as.alone != nil && c.Status != fgvhr.EnteredInError {
		return View{}, as.alone
	}
	kept, err := r.change(ctx, caller, as, correcting, func(h fgvhr.History, next fgvhr.OptOut) (fgvhr.OptOut, error) {
		now := r.Now()
		if err := fgvhr.CheckFormDate(c.CitizenCreated, true, now); err != nil {
			return fgvhr.OptOut{}, err
		}
		return h.Update(c, next, now)
	})
	if err != nil {
		return View{}, err
	}
	r.note(ctx, audit.UpdateConsent, patient(citizen), r.calls(caller), outcome(kept))
	return r.view(caller, as, kept), nil
}

// Delete withdraws a citizen's opt-out, in force or waiting, at once. The citizen may, and administrators. match is the ID of the row that is to be
// withdrawn, "" = whichever it is; of another one it is ErrChanged.
func (r *Registrar) Delete(ctx context.Context, caller identity.Caller, citizen cpr.Number, match string) error {
	if err := r.admit(ctx, audit.DeleteConsent, caller, citizen); err != nil {
		return err
	}
	as := r.lookUp(ctx, citizen)
	kept, err := r.change(ctx, caller, as, withdrawing, func(h fgvhr.History, next fgvhr.OptOut) (fgvhr.OptOut, error) {
		next, err := h.Delete(next, r.Now())
		if as.alone != nil && errors.Is(err, fgvhr.ErrNotFound) { // it may be under another number: who withdraws it must not think it gone
			err = as.alone
		}
		if err == nil && match != "" && match != next.Replaces {
			return fgvhr.OptOut{}, fgvhr.ErrChanged
		}
		return next, err
	})
	if err != nil {
		return err
	}
	r.note(ctx, audit.DeleteConsent, patient(citizen), r.calls(caller), outcome(kept))
	return nil
}

// Get returns a citizen's opt-out, ok=false if there is none that the caller may see: the citizen and administrators see the latest row whatever
// its status, systems one that is in force alone.
func (r *Registrar) Get(ctx context.Context, caller identity.Caller, citizen cpr.Number) (v View, ok bool, err error) {
	if err := r.admit(ctx, audit.GetConsent, caller, citizen); err != nil {
		return View{}, false, err
	}
	as := r.lookUp(ctx, citizen)
	heads, err := r.Store.Heads(ctx, as.numbers)
	if err != nil {
		return View{}, false, down("read opt-out", err)
	}
	if caller.Kind != identity.System || caller.OnBehalfOf != nil && !caller.OnBehalfOf.CPR.IsZero() {
		if err := r.tell(ctx, caller, citizen, looking); err != nil {
			return View{}, false, err
		}
	}
	head, ok := heads.Head()
	v = r.view(caller, as, head)
	if !ok || caller.Kind == identity.System && !v.InForce {
		return View{}, false, nil
	}
	return v, true, nil
}

// change keeps the row that rule makes of a person's history. What the rule refuses is refused before MinLog is told of it.
func (r *Registrar) change(ctx context.Context, caller identity.Caller, as person, activity string,
	rule func(fgvhr.History, fgvhr.OptOut) (fgvhr.OptOut, error),
) (kept fgvhr.OptOut, err error) {
	h, err := r.Store.History(ctx, as.numbers)
	if err != nil {
		return fgvhr.OptOut{}, down("read opt-outs", err)
	}
	next := fgvhr.OptOut{ID: r.NewID(), Citizen: as.asked(), Actor: r.actor(caller)}
	if _, err := rule(h, next); err != nil {
		return fgvhr.OptOut{}, err
	}
	if err := r.tell(ctx, caller, as.asked(), activity); err != nil {
		return fgvhr.OptOut{}, err
	}
	var refused error
	err = r.Store.Update(ctx, as.numbers, func(h fgvhr.History) (fgvhr.OptOut, []notice.Notice, error) {
		if kept, refused = rule(h, next); refused != nil {
			return fgvhr.OptOut{}, nil, refused
		}
		return kept, []notice.Notice{r.notice(h, kept)}, nil
	})
	switch {
	case err == nil:
		return kept, nil
	case refused != nil && errors.Is(err, refused):
		return fgvhr.OptOut{}, err
	}
	return fgvhr.OptOut{}, down("store opt-out", err)
}

// person is the numbers of one person, the one that was asked for first.
type person struct {
	numbers []cpr.Number
	alone   error // why there may be others: the register did not answer. What leaves an opt-out active needs them all.
}

func (p person) asked() cpr.Number { return p.numbers[0] }

// noted is what the audit log tells of it.
func (p person) noted() []audit.Information {
	if p.alone == nil {
		return nil
	}
	return []audit.Information{audit.AliasesRead.Is("unavailable")}
}

// person returns a citizen's numbers; where the register does not answer, the asked one alone.
func (r *Registrar) person(ctx context.Context, citizen cpr.Number) person {
	numbers, _, err := r.Aliases.Of(ctx, citizen)
	if err != nil {
		return person{numbers: []cpr.Number{citizen}, alone: down("read aliases", err)}
	}
	return person{numbers: numbers}
}

// lookUp is person, and says in the audit log that the citizen's opt-out is looked up.
func (r *Registrar) lookUp(ctx context.Context, citizen cpr.Number) person {
	as := r.person(ctx, citizen)
	r.note(ctx, audit.GetConsent, patient(citizen), as.noted())
	return as
}

// citizen returns birth date (zero = not known) and status ("" of a number that is not known) by the CPR register.
func (r *Registrar) citizen(ctx context.Context, n cpr.Number) (born calendar.Day, status string, err error) {
	c, err := r.Citizens.Citizen(ctx, n)
	switch {
	case errors.Is(err, stamdata.ErrUnknown):
		c = stamdata.Citizen{CPR: n}
	case err != nil:
		return calendar.Day{}, "", down("read citizen", err)
	}
	if day, ok := c.Birth(); ok {
		born = day
	}
	return born, c.Status, nil
}

// view is an opt-out as the caller may see it.
func (r *Registrar) view(caller identity.Caller, as person, o fgvhr.OptOut) View {
	v := View{OptOut: o, InForce: o.InForce(r.Now())}
	v.Citizen = as.asked()
	if !r.administers(caller) {
		v.Replaces = ""
	}
	if caller.Kind == identity.System {
		v.CitizenCreated = calendar.Day{}
	}
	return v
}

// down is what the caller hears when something did not answer; the cause is for the log.
func down(action string, cause error) error {
	return fmt.Errorf("%s: %w: %w", action, ErrDown, cause)
}

package issuing

import (
	"context"
	"errors"
	"slices"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/stamdata"
)

const (
	replacements = 5  // of a CPR number that are followed (EC-21)
	mergesFollow = 20 // of a registration that may have been merged while it was changed
)

// errMoved: the registration was merged away since it was read.
var errMoved = errors.New("merged meanwhile")

var errReplacements = errors.New("CPR numbers replace each other in a circle, or too often")

// Update changes the registration with an X-eCPR, of a merged one the survivor's, and returns it. All edits are done or none; where all was so
// already nothing is kept. A CPR number is looked up first. What is wrong is a [ecpr.Problem].
func (r *Registry) Update(ctx context.Context, caller identity.Caller, key ecpr.Identifier, s Submission) (ecpr.Person, error) {
	r.noteActor(ctx, audit.UpdatePerson, s.Actor)
	if key.OID != ecpr.XECPROID {
		return ecpr.Person{}, &ecpr.Problem{Err: ecpr.ErrInvalid, Text: "Personen angives med sit X-eCPR-nummer", OID: key.OID}
	}
	return r.update(ctx, caller, s, nil, func(table ecpr.Table) (ecpr.Person, error) {
		id, err := table.Normalise(key)
		if err != nil {
			return ecpr.Person{}, err
		}
		return r.find(ctx, id)
	})
}

// UpdateByID is Update of the registration with an id; ErrStale if a revision is given that is not its revision.
func (r *Registry) UpdateByID(ctx context.Context, caller identity.Caller, id ecpr.PersonID, revision *int64, s Submission,
) (ecpr.Person, error) {
	r.noteActor(ctx, audit.UpdatePerson, s.Actor)
	return r.update(ctx, caller, s, revision, func(ecpr.Table) (ecpr.Person, error) { return r.byID(ctx, id) })
}

// update is the use case behind both; find returns the registration, maybe a merged one.
func (r *Registry) update(ctx context.Context, caller identity.Caller, s Submission, revision *int64,
	find func(ecpr.Table) (ecpr.Person, error),
) (ecpr.Person, error) {
	act, err := r.act(ctx, caller, s.Actor)
	if err != nil {
		return ecpr.Person{}, err
	}
	table, err := r.Table(ctx)
	if err != nil {
		return ecpr.Person{}, err
	}
	p, err := find(table)
	if err != nil {
		return ecpr.Person{}, err
	}
	if revision != nil && p.Revision != *revision {
		return ecpr.Person{}, ErrStale
	}
	if p, err = r.survivor(ctx, p); err != nil {
		return ecpr.Person{}, err
	}
	r.Trail.Note(ctx, audit.ECPR, audit.UpdatePerson, audit.PersonID.Is(p.Number.Text()))
	edits, err := r.resolved(ctx, p, table, s.Edits)
	if err != nil {
		return ecpr.Person{}, err
	}
	for range mergesFollow {
		var next ecpr.Person
		next, err = r.change(ctx, p, table, edits, act, revision)
		if !errors.Is(err, errMoved) {
			return next, err
		}
		if p, err = r.byID(ctx, p.ID); err != nil {
			return ecpr.Person{}, err
		}
		if p, err = r.survivor(ctx, p); err != nil {
			return ecpr.Person{}, err
		}
		r.Trail.Note(ctx, audit.ECPR, audit.UpdatePerson, audit.PersonID.Is(p.Number.Text()))
	}
	return ecpr.Person{}, err
}

// survivor follows merges.
func (r *Registry) survivor(ctx context.Context, p ecpr.Person) (ecpr.Person, error) {
	for p.MergedTo != "" {
		var err error
		if p, err = r.byID(ctx, p.MergedTo); err != nil {
			return ecpr.Person{}, err
		}
	}
	return p, nil
}

// change edits the registration p as it was read, or as it is by now.
func (r *Registry) change(ctx context.Context, p ecpr.Person, table ecpr.Table, edits []ecpr.Edit, act ecpr.Act, revision *int64,
) (ecpr.Person, error) {
	trial, changed, err := p.Apply(edits, table, act, r.newPID)
	switch {
	case err != nil:
		return ecpr.Person{}, err
	case len(changed) == 0:
		return p, nil
	}
	linked := opened(p, trial)
	r.noteLinked(ctx, audit.UpdatePerson, linked)
	if err := r.free(ctx, p.ID, linked); err != nil {
		return ecpr.Person{}, err
	}
	var next ecpr.Person
	err = r.Persons.Update(ctx, act, []ecpr.PersonID{p.ID}, func(now []ecpr.Person) ([]ecpr.Person, []notice.Notice, error) {
		switch {
		case revision != nil && now[0].Revision != *revision:
			return nil, nil, ErrStale
		case now[0].MergedTo != "":
			return nil, nil, errMoved
		}
		var err error
		if next, changed, err = now[0].Apply(edits, table, act, r.newPID); err != nil {
			return nil, nil, err
		}
		return []ecpr.Person{next}, r.events(len(changed) > 0, act, event{next, "Updated"}), nil
	})
	if err != nil {
		return ecpr.Person{}, r.told(ctx, err, p.ID, linked)
	}
	r.noteChanged(ctx, changed)
	return next, nil
}

func (r *Registry) noteChanged(ctx context.Context, kinds []ecpr.Kind) {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.String()
	}
	r.Trail.Note(ctx, audit.ECPR, audit.UpdatePerson, audit.Information{Key: audit.Changed.Name, Class: audit.Changed.Class, List: names})
}

// resolved returns edits with every CPR number replaced by the one that the register gives as current (EC-21). It is asked before anything is
// locked.
func (r *Registry) resolved(ctx context.Context, p ecpr.Person, table ecpr.Table, edits []ecpr.Edit) ([]ecpr.Edit, error) {
	edits = slices.Clone(edits)
	for i, e := range edits {
		id, ok := e.Of(p).Element.(ecpr.Identifier)
		if !ok || id.OID != ecpr.CPROID {
			continue
		}
		id, err := table.Normalise(id)
		if err != nil {
			return nil, err
		}
		n, err := cpr.Parse(id.Value)
		if err != nil {
			return nil, &ecpr.Problem{Err: ecpr.ErrCPRForm, Value: id.Value}
		}
		if n, err = r.current(ctx, n); err != nil {
			return nil, err
		}
		id.Value = n.Digits()
		edits[i].Element = id
	}
	return edits, nil
}

// current returns the number in force of who has or had the CPR number n.
func (r *Registry) current(ctx context.Context, n cpr.Number) (cpr.Number, error) {
	unknown := &ecpr.Problem{Err: ecpr.ErrCPRUnknown, Value: n.Digits()}
	for range replacements + 1 {
		c, err := r.Citizens.Citizen(ctx, n)
		switch {
		case fault.Is(err, fault.NotFound):
			return cpr.Number{}, unknown
		case err != nil:
			return cpr.Number{}, unavailable("look up CPR number", err)
		case c.Status == stamdata.StatusAnnulled || c.Status == stamdata.StatusDeleted:
			return cpr.Number{}, unknown
		case c.Current.IsZero() || c.Current == n:
			return n, nil
		}
		n = c.Current
	}
	return cpr.Number{}, unavailable("look up CPR number", errReplacements)
}

// event is what NAS is told of a registration.
type event struct {
	person ecpr.Person
	action string
}

// events returns what goes to the outbox with an act that wrote.
func (r *Registry) events(wrote bool, act ecpr.Act, events ...event) (notices []notice.Notice) {
	if !wrote || !r.Notify {
		return nil
	}
	for _, e := range events {
		notices = append(notices, r.notice(act, e))
	}
	return notices
}

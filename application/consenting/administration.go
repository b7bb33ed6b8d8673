package consenting

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/ports"
)

// ErrStale: a modification was made of a version that is not the latest.
var ErrStale error = fault.Error{Kind: fault.Stale, Code: "conflict", Text: "The registration was changed since"}

// maxDraws is how often new ids are drawn for what is added until nobody has them.
const maxDraws = 5

// Administration is what citizens, and the staff who help them, do with registrations: read and change them. What it changes, MinLog is told of in
// the same transaction; what it shows, before it is shown. It is safe for concurrent use; its fields are not changed after the first call.
type Administration struct {
	Store         ports.ConsentStore
	Overrides     ports.OverrideLog
	Outbox        ports.Outbox
	Trees         ports.OrgTrees
	Trail         ports.Trail
	Granted       func(ctx context.Context, name, cvr string) (bool, error)
	Now           func() time.Time
	NewID         func() string              // a UUID
	DrawID        func() (consent.ID, error) // one that nobody can foresee
	Roles         []string                   // national roles of staff who may do everything for every citizen
	Professionals bool                       // authorised professionals may do it too
	MaxEntries    int                        // of a call
	MaxActive     int                        // registrations of a citizen
	PositiveYears int                        // that a positive consent lasts at most
	MaxItems      int                        // of an explanation; 0 = 10,000
}

// Get returns the latest version of each registration of a citizen, by creation.
func (a *Administration) Get(ctx context.Context, caller identity.Caller, citizen cpr.Number) (all []consent.Registration, err error) {
	defer func() { a.note(ctx, audit.ConsentGet, caller, citizen, audit.Items.Is(count(len(all), err))) }()
	if err := a.reader(ctx, caller, citizen, true); err != nil {
		return nil, err
	}
	if all, err = a.Store.All(ctx, citizen); err != nil {
		return nil, unavailable("read registrations", err)
	}
	if err := a.tell(ctx, caller, citizen); err != nil {
		return nil, err
	}
	return all, nil
}

// Add stores new registrations of one citizen, all or none, and returns them in the order of the entries.
func (a *Administration) Add(ctx context.Context, caller identity.Caller, additions []Addition) ([]consent.Registration, error) {
	steps := make([]step, len(additions))
	for i, e := range additions {
		steps[i] = step{citizen: e.Citizen, adds: true, next: func(c current) (consent.Registration, error) {
			id, err := a.DrawID()
			if err != nil {
				return consent.Registration{}, unavailable("draw id", err)
			}
			if slices.ContainsFunc(c.all, func(r consent.Registration) bool { return r.ID == id }) {
				return consent.Registration{}, ports.ErrIDTaken
			}
			return c.rules.Add(c.all, e.Citizen, e.Kind, e.Draft, id, c.by)
		}}
	}
	where := ofKind(additions, func(e Addition) consent.Kind { return e.Kind }, audit.ConsentAddConstraint, audit.ConsentAddPositive, audit.ConsentAdd)
	return a.write(ctx, where, caller, steps)
}

// Modify replaces what registrations of one citizen say, all or none, and returns their new versions in the order of the entries.
func (a *Administration) Modify(ctx context.Context, caller identity.Caller, modifications []Modification) ([]consent.Registration, error) {
	steps := make([]step, len(modifications))
	for i, e := range modifications {
		steps[i] = step{citizen: e.Citizen, id: e.ID, next: func(c current) (consent.Registration, error) {
			stale := func(r consent.Registration) bool { return r.ID == e.ID && r.Version != e.Version }
			if e.Version != 0 && slices.ContainsFunc(c.all, stale) {
				return consent.Registration{}, ErrStale
			}
			return c.rules.Modify(c.all, e.ID, e.Kind, e.Draft, c.by)
		}}
	}
	where := ofKind(modifications, func(e Modification) consent.Kind { return e.Kind },
		audit.ConsentModifyConstraint, audit.ConsentModifyPositive, audit.ConsentModify)
	return a.write(ctx, where, caller, steps)
}

// ofKind returns what is said of entries that are all constraints, all positive consents, or neither.
func ofKind[E any](entries []E, kind func(E) consent.Kind, constraints, positives, both audit.Context) audit.Context {
	isPositive := func(e E) bool { return kind(e) != consent.Constraint }
	switch {
	case !slices.ContainsFunc(entries, isPositive):
		return constraints
	case slices.ContainsFunc(entries, func(e E) bool { return !isPositive(e) }):
		return both
	}
	return positives
}

// Revoke ends registrations of one citizen for good, all or none, and returns their last versions in the order of the entries.
func (a *Administration) Revoke(ctx context.Context, caller identity.Caller, revocations []Revocation) ([]consent.Registration, error) {
	steps := make([]step, len(revocations))
	for i, e := range revocations {
		steps[i] = step{citizen: e.Citizen, id: e.ID, next: func(c current) (consent.Registration, error) {
			return consent.Revoke(c.all, e.ID, c.by)
		}}
	}
	return a.write(ctx, audit.ConsentRevoke, caller, steps)
}

// step is one entry of a call that changes registrations. next makes the version that it asks for.
type step struct {
	citizen cpr.Number
	id      consent.ID
	adds    bool // there is no id yet
	next    func(current) (consent.Registration, error)
}

// current is what a step meets.
type current struct {
	all   []consent.Registration // latest versions of the citizen's, with what earlier entries added
	rules consent.Rules
	by    consent.Stamp
}

// write carries out the entries of a call, all or none.
func (a *Administration) write(ctx context.Context, where audit.Context, caller identity.Caller, steps []step,
) (stored []consent.Registration, err error) {
	var citizen cpr.Number // of all entries
	if len(steps) > 0 {
		citizen = steps[0].citizen
	}
	defer func() { a.note(ctx, where, caller, citizen, a.changed(steps, stored)...) }()
	if err := a.admit(ctx, caller, citizen, true); err != nil {
		return nil, err
	}
	switch {
	case len(steps) == 0:
		return nil, errNothing
	case len(steps) > a.MaxEntries:
		return nil, tooMany(a.MaxEntries, "entries")
	case citizen.IsZero():
		return nil, consent.AtEntry(1, consent.ErrMissingCitizen)
	}
	for range maxDraws {
		stored, err = a.update(ctx, caller, citizen, steps)
		if !errors.Is(err, ports.ErrIDTaken) {
			return stored, err
		}
	}
	return nil, unavailable("draw ids", err)
}

// update is write for one drawing of ids.
func (a *Administration) update(ctx context.Context, caller identity.Caller, citizen cpr.Number, steps []step) ([]consent.Registration, error) {
	var change consent.Change
	var refused error
	err := a.Store.Update(ctx, citizen, func(all []consent.Registration) (consent.Change, error) {
		change, refused = a.edit(caller, citizen, steps, all)
		return change, refused
	})
	switch {
	case err == nil:
		return change.Put, nil
	case refused != nil && errors.Is(err, refused), errors.Is(err, ports.ErrIDTaken), errors.Is(err, ports.ErrConflict):
		return nil, err
	}
	return nil, unavailable("store registrations", err)
}

// edit makes the change that the entries ask for of the latest versions of a citizen's registrations.
func (a *Administration) edit(caller identity.Caller, citizen cpr.Number, steps []step, all []consent.Registration,
) (change consent.Change, err error) {
	now := a.Now().UTC().Truncate(time.Millisecond) // under the lock of the citizen, so that versions have the order of their times
	tree := a.Trees.Current()
	c := current{
		all: slices.Clip(all), rules: consent.Rules{Tree: tree, MaxActive: a.MaxActive, PositiveYears: a.PositiveYears},
		by: consent.Stamp{At: now, System: system(caller), User: caller.CPR.Digits()},
	}
	for i, s := range steps {
		if err := s.check(citizen, steps[:i]); err != nil {
			return consent.Change{}, consent.AtEntry(i+1, err)
		}
		r, err := s.next(c)
		switch {
		case errors.Is(err, ErrStale), errors.Is(err, ports.ErrIDTaken), errors.Is(err, errUnavailable): // no fault of the entry
			return consent.Change{}, err
		case err != nil:
			return consent.Change{}, consent.AtEntry(i+1, err)
		}
		if s.adds {
			c.all = append(c.all, r)
		}
		change.Put = append(change.Put, r)
		change.Notices = append(change.Notices, told(a.NewID(), r.ID.String(), entry(tree, caller, citizen, activity(r), now)))
	}
	return change, nil
}

// check tells whether an entry says what it is about: the citizen of all entries, and a registration that none before it is about.
func (s *step) check(citizen cpr.Number, before []step) error {
	switch {
	case s.citizen.IsZero():
		return consent.ErrMissingCitizen
	case s.citizen != citizen:
		return errSeveralCitizens
	case s.adds:
	case s.id == 0:
		return consent.ErrMissingID
	case slices.ContainsFunc(before, func(b step) bool { return b.id == s.id }):
		return errTwice
	}
	return nil
}

// admit tells whether the caller may administer a citizen's registrations, in the order of the matrix: the citizen herself (AU-1), a portal that
// she uses (AU-2), national staff (AU-4) and, where professionals may and the server says so, authorised ones (AU-5). Nobody acts for another
// citizen (AU-3). A citizen who is not said is missing, to whoever may administer anybody's.
func (a *Administration) admit(ctx context.Context, c identity.Caller, citizen cpr.Number, professionals bool) error {
	if err := cmp.Or(checkHSUID(c, false), checkCode(c, &Question{})); err != nil {
		return err
	}
	if c.Proof() == identity.DGWS && c.Credential.Level < minLevel {
		return errLevel
	}
	switch c.Kind {
	case identity.Citizen:
		if err := a.self(ctx, c, citizen); err != nil {
			return err
		}
	case identity.Professional:
		if !c.Signed() || !a.staff(c) && !(professionals && a.professional(c)) {
			return ErrNotForCitizen
		}
	case identity.Unknown, identity.System, identity.Operator:
		return ErrNotForCitizen
	}
	if err := checkCitizen(c, citizen); err != nil {
		return err
	}
	return checkOrganisation(c, a.Trees.Current(), a.Now())
}

// self tells whether the caller is the citizen, by her own token or by the word of a portal.
func (a *Administration) self(ctx context.Context, c identity.Caller, citizen cpr.Number) error {
	token := !c.Vouched && (c.Proof() == identity.IDWS || c.Proof() == identity.Sample)
	if c.OnBehalfOf != nil || c.CPR.IsZero() || !citizen.IsZero() && !c.Is(citizen) || !token && !vouched(c) {
		return ErrNotForCitizen
	}
	if token {
		return nil
	}
	granted, err := a.Granted(ctx, GrantAdmin, c.Org.CVR)
	switch {
	case err != nil:
		return unavailable("read grants", err)
	case !granted:
		return ErrNotForCitizen
	}
	return nil
}

// reader is admit for a call that shows something of one citizen.
func (a *Administration) reader(ctx context.Context, c identity.Caller, citizen cpr.Number, professionals bool) error {
	if err := a.admit(ctx, c, citizen, professionals); err != nil {
		return err
	}
	if citizen.IsZero() {
		return consent.ErrMissingCitizen
	}
	return nil
}

// staff tells whether the caller has a role that may administer everybody's registrations.
func (a *Administration) staff(c identity.Caller) bool {
	return c.AuthorisationCode == "" && c.NationalRole != "" && slices.Contains(a.Roles, c.NationalRole)
}

// professional tells whether the caller is an authorised professional, by its own message and on nobody else's behalf, and such may.
func (a *Administration) professional(c identity.Caller) bool {
	return a.Professionals && c.Authorised() && c.Credential.Scheme != identity.Session &&
		(c.HSUID == nil || c.HSUID.Responsible.IsZero() || c.Is(c.HSUID.Responsible))
}

// tell keeps what MinLog is to be told of a look at a citizen's registrations.
func (a *Administration) tell(ctx context.Context, caller identity.Caller, citizen cpr.Number) error {
	id, now := a.NewID(), a.Now().UTC()
	n := told(id, id, entry(a.Trees.Current(), caller, citizen, activityRead, now))
	if err := a.Outbox.Put(ctx, n); err != nil {
		return unavailable("put notice", err)
	}
	return nil
}

// note says in the audit log who did something about a citizen.
func (a *Administration) note(ctx context.Context, where audit.Context, c identity.Caller, citizen cpr.Number, info ...audit.Information) {
	all := []audit.Information{audit.PatientID.Is(citizen.Digits()), audit.PatientIDSource.Is(register(citizen)), audit.ActorRole.Is(role(c)),
		audit.ActorID.Is(c.CPR.Digits()), audit.ActorIDSource.Is(register(c.CPR)), audit.System.Is(system(c))}
	a.Trail.Note(ctx, audit.Samtykke, where, append(all, info...)...)
}

// register is what a number is from.
func register(n cpr.Number) string {
	if n.IsZero() {
		return ""
	}
	return "CPR"
}

// changed is what the audit log tells of the registrations that a call is about: those that were stored, or that were to be changed.
func (a *Administration) changed(steps []step, stored []consent.Registration) []audit.Information {
	ids, states := audit.ConsentID.Is(""), audit.ConsentStatus.Is("")
	for _, r := range stored {
		ids.List, states.List = append(ids.List, r.ID.String()), append(states.List, r.State(a.Now()).String())
	}
	if len(stored) > 0 {
		return []audit.Information{ids, states}
	}
	for _, s := range steps[:min(len(steps), a.MaxEntries)] {
		if s.id != 0 {
			ids.List = append(ids.List, s.id.String())
		}
	}
	return []audit.Information{ids, audit.Items.Is(count(len(steps), nil))}
}

// count is how many there are of something, "" where that is not told.
func count(n int, err error) string {
	if err != nil {
		return ""
	}
	return strconv.Itoa(n)
}

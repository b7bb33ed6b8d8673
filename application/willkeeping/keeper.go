package willkeeping

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/will"
	"github.com/opennsp/nsp/ports"
)

// DefaultMinLogTimeout is how long MinLog is waited for.
const DefaultMinLogTimeout = 2 * time.Second

// Keeper keeps wills: citizens make them and take them back, those who need them find them. MinLog is told of everything before it is done or
// shown; where it cannot be told, nothing is. It is safe for concurrent use; its fields are not changed after the first call.
type Keeper struct {
	Store    ports.WillStore
	Citizens ports.Citizens
	Aliases  ports.Aliases
	Access   ports.AccessLog
	Trail    ports.Trail
	Granted  func(ctx context.Context, name, cvr string) (bool, error)
	Now      func() time.Time
	NewID    func() string // a UUID
	Rules    will.Rules

	AdminRoles        []string // national roles of administrators; none = nobody is one
	Educations        []string // education codes of professionals who may read; none = all
	DentistEducations []string // of those who may read of treatment by force alone
	LogEmptyReads     bool     // MinLog is told of reads that find nothing too
	MinLogTimeout     time.Duration
	Topics            Topics
}

// Create registers a will of a citizen who has none; will.ErrExists if she has one in either register.
func (k *Keeper) Create(ctx context.Context, caller identity.Caller, req Request, reg will.Register, d will.Draft) (will.Registration, error) {
	allowed := func(now time.Time) error { return k.Rules.MayCreate(reg, now) }
	return k.change(ctx, caller, req, change{operation: creating(reg), draft: &d, allowed: allowed, rule: will.History.Create})
}

// Update replaces what the citizen's will in reg says; will.ErrNotFound if she has none there.
func (k *Keeper) Update(ctx context.Context, caller identity.Caller, req Request, reg will.Register, d will.Draft) (will.Registration, error) {
	allowed := func(now time.Time) error { return k.Rules.MayUpdate(reg, req.Surface, now) }
	return k.change(ctx, caller, req, change{operation: updating(reg), draft: &d, allowed: allowed, rule: will.History.Update})
}

// UpgradeTo replaces the citizen's living will by a treatment will.
func (k *Keeper) UpgradeTo(ctx context.Context, caller identity.Caller, req Request, d will.Draft) (will.Registration, error) {
	return k.change(ctx, caller, req, change{operation: upgrading(), draft: &d, rule: will.History.UpgradeTo})
}

// Delete ends the citizen's will in reg; will.ErrNotFound if she has none there.
func (k *Keeper) Delete(ctx context.Context, caller identity.Caller, req Request, reg will.Register) error {
	_, err := k.change(ctx, caller, req, change{
		operation: deleting(reg),
		rule: func(h will.History, _ will.Registration, now time.Time) (will.Change, error) {
			return h.Delete(reg, now)
		},
	})
	return err
}

// Get returns the citizen's valid will in reg; will.ErrNotFound if there is none.
func (k *Keeper) Get(ctx context.Context, caller identity.Caller, req Request, reg will.Register) (will.Registration, error) {
	return k.get(ctx, caller, req, getting(reg))
}

// GetForced returns the citizen's valid treatment will with nothing but what it says of treatment by force; will.ErrNotFound if there is none.
func (k *Keeper) GetForced(ctx context.Context, caller identity.Caller, req Request) (will.Registration, error) {
	r, err := k.get(ctx, caller, req, gettingForced())
	r.Wishes = will.Wishes{NoForcedTreatment: r.NoForcedTreatment}
	return r, err
}

// Has tells whether the citizen has a valid will in reg.
func (k *Keeper) Has(ctx context.Context, caller identity.Caller, req Request, reg will.Register) (bool, error) {
	return k.look(ctx, caller, req, asking(reg), func(person []cpr.Number) (bool, error) { return k.Store.Exists(ctx, person, reg) })
}

func (k *Keeper) get(ctx context.Context, caller identity.Caller, req Request, op operation) (r will.Registration, err error) {
	found, err := k.look(ctx, caller, req, op, func(person []cpr.Number) (ok bool, err error) {
		r, ok, err = k.Store.Current(ctx, person)
		return ok && r.Register == op.register, err
	})
	switch {
	case err != nil:
		return will.Registration{}, err
	case !found:
		return will.Registration{}, will.ErrNotFound
	}
	return r, nil
}

// look finds something, and tells MinLog before it is answered.
func (k *Keeper) look(ctx context.Context, caller identity.Caller, req Request, op operation, find func(person []cpr.Number) (bool, error),
) (found bool, err error) {
	v := k.enter(caller, req, op)
	defer v.leave(ctx)
	if err := v.admit(ctx); err != nil {
		return false, err
	}
	if found, err = find(v.person(ctx)); err != nil {
		return false, down("read will", err)
	}
	if found || k.LogEmptyReads {
		if err := v.tell(ctx); err != nil {
			return false, err
		}
	}
	v.exists = strconv.FormatBool(found)
	return found, nil
}

// change is an operation that changes wills.
type change struct {
	operation
	draft   *will.Draft               // of what is opened; nil = nothing
	allowed func(now time.Time) error // whether its register takes it; nil = it does
	rule    func(h will.History, next will.Registration, now time.Time) (will.Change, error)
}

// change carries out an operation. Whatever refuses it does so before MinLog is told, but for what others did in the meantime.
func (k *Keeper) change(ctx context.Context, caller identity.Caller, req Request, c change) (will.Registration, error) {
	v := k.enter(caller, req, c.operation)
	defer v.leave(ctx)
	if err := v.admit(ctx); err != nil {
		return will.Registration{}, err
	}
	next := will.Registration{ID: k.NewID(), Citizen: req.Citizen, Register: c.register}
	if c.draft != nil {
		var err error
		if next.Wishes, err = k.open(ctx, v, c); err != nil {
			return will.Registration{}, err
		}
	}
	person := v.person(ctx)
	if c.draft != nil && v.alone != nil {
		return will.Registration{}, v.alone
	}
	apply := func(h will.History) (will.Change, error) {
		if valid, _ := h.Valid(); req.Match != "" && valid.ID != req.Match {
			return will.Change{}, will.ErrChanged
		}
		done, err := c.rule(h, next, v.at)
		if v.alone != nil && errors.Is(err, will.ErrNotFound) { // the will may be under another number: who withdraws it must not think it gone
			err = v.alone
		}
		return done, err
	}
	h, err := k.Store.History(ctx, person)
	if err != nil {
		return will.Registration{}, down("read wills", err)
	}
	if _, err := apply(h); err != nil {
		return will.Registration{}, err
	}
	if err := v.tell(ctx); err != nil {
		return will.Registration{}, err
	}
	var done will.Change
	var refused error
	err = k.Store.Update(ctx, person, func(h will.History) (will.Change, []notice.Notice, error) {
		if done, refused = apply(h); refused != nil {
			return will.Change{}, nil, refused
		}
		return done, k.notices(req.Citizen, h, done), nil
	})
	switch {
	case refused != nil && errors.Is(err, refused):
		return will.Registration{}, refused
	case err != nil:
		return will.Registration{}, down("store will", err)
	case done.New != nil:
		return *done.New, nil
	}
	return will.Registration{}, nil
}

// open tells whether somebody may have a will now, and returns the wishes as they are kept.
func (k *Keeper) open(ctx context.Context, v *visit, c change) (will.Wishes, error) {
	if c.allowed != nil {
		if err := c.allowed(v.at); err != nil {
			return will.Wishes{}, err
		}
	}
	wishes, err := k.Rules.Check(c.register, *c.draft)
	if err != nil {
		return will.Wishes{}, err
	}
	born, _ := v.req.Citizen.Birth() // of a number that the register does not know
	row, err := k.Citizens.Citizen(ctx, v.req.Citizen)
	switch {
	case err == nil:
		born, _ = row.Birth()
	case !fault.Is(err, fault.NotFound):
		return will.Wishes{}, down("read citizen", err)
	}
	return wishes, k.Rules.Eligible(born, row.Status, v.at)
}

// visit is one call, and what the audit log is told of it.
type visit struct {
	k      *Keeper
	caller identity.Caller
	req    Request
	op     operation
	at     time.Time
	alone  error // why the other numbers of the person are not known

	register will.Register // told once the caller may call
	exists   string
}

func (k *Keeper) enter(caller identity.Caller, req Request, op operation) *visit {
	return &visit{k: k, caller: caller, req: req, op: op, at: k.Now().UTC().Truncate(time.Microsecond)}
}

func (v *visit) admit(ctx context.Context) error {
	if err := v.k.admit(ctx, v.caller, v.req, v.op); err != nil {
		return err
	}
	v.register = v.op.register
	return nil
}

// person returns all numbers of the citizen, the one that was asked for first; that alone where the others are not to be had.
func (v *visit) person(ctx context.Context) []cpr.Number {
	numbers, _, err := v.k.Aliases.Of(ctx, v.req.Citizen)
	if err != nil {
		v.alone = down("read aliases", err)
		return []cpr.Number{v.req.Citizen}
	}
	return numbers
}

// tell tells MinLog. A system calls for no person whom MinLog could name.
func (v *visit) tell(ctx context.Context) error {
	if v.caller.Kind == identity.System && v.caller.OnBehalfOf == nil {
		return nil
	}
	ctx, stop := context.WithTimeout(ctx, cmp.Or(v.k.MinLogTimeout, DefaultMinLogTimeout))
	defer stop()
	entry := logkeeping.Visit{
		System: string(audit.LTRBTR), Activity: v.op.activity, Citizen: v.req.Citizen, Caller: v.caller, At: v.at, ID: v.k.NewID(),
	}
	if err := v.k.Access.Log(ctx, entry.Entry()); err != nil {
		return fmt.Errorf("tell minlog: %w: %w", ErrMinLog, err)
	}
	return nil
}

// leave tells the audit log who did what for whom.
func (v *visit) leave(ctx context.Context) {
	actor := v.caller.Actor(v.k.capacity(v.caller, v.req.Surface) == administrators)
	source, aliases := "", ""
	if !v.req.Citizen.IsZero() {
		source = "CPR"
	}
	if v.alone != nil {
		aliases = "unavailable"
	}
	v.k.Trail.Note(ctx, audit.LTRBTR, v.op.where,
		audit.PatientID.Is(v.req.Citizen.Digits()), audit.PatientIDSource.Is(source),
		audit.ActorRole.Is(actor.Role), audit.ActorID.Is(actor.ID), audit.ActorIDSource.Is(actor.Source),
		audit.WillRegister.Is(string(v.register)), audit.WillExists.Is(v.exists), audit.AliasesRead.Is(aliases))
}

// down is what the caller hears when something did not answer; the cause is for the log.
func down(action string, cause error) error {
	return fmt.Errorf("%s: %w: %w", action, ErrDown, cause)
}

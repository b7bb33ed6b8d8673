package memory

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/ports"
)

// ecprRows is what the stores of replacement numbers keep. What is in a map is never changed, but replaced.
type ecprRows struct {
	ledger  map[ecpr.Number]time.Time
	persons map[ecpr.PersonID]registration
	living  map[string]ecpr.PersonID     // every X-eCPR of a registration: the one that it leads to
	active  map[identifier]ecpr.PersonID // of active identifiers
	holders map[ecpr.PID]ecpr.PersonID   // of versions
	acts    map[string]ecpr.Act          // evidence
	changes []change                     // by their number, from 1
	oids    map[string]ecpr.OID          // by OID
	roles   map[ecpr.Assignment]struct{} // who has which
}

type registration struct {
	ecpr.Person
	since time.Time
}

// identifier is what is active on one registration.
type identifier struct{ oid, value string }

// change tells of a version, or of the registration itself where pid is empty.
type change struct {
	person ecpr.PersonID
	pid    ecpr.PID
}

func newECPRRows() ecprRows {
	return ecprRows{ledger: map[ecpr.Number]time.Time{}, persons: map[ecpr.PersonID]registration{}, living: map[string]ecpr.PersonID{},
		active: map[identifier]ecpr.PersonID{}, holders: map[ecpr.PID]ecpr.PersonID{}, acts: map[string]ecpr.Act{}, oids: map[string]ecpr.OID{},
		roles: map[ecpr.Assignment]struct{}{}}
}

// Ledger returns the ledger of replacement numbers.
func (db *DB) Ledger() ports.NumberLedger { return ledger{db} }

// Persons returns the store of registrations.
func (db *DB) Persons() ports.PersonStore { return persons{db} }

// OIDs returns the table of identifier systems.
func (db *DB) OIDs() ports.OIDTable { return oids{db} }

// ECPRRoles returns the store of who has which role.
func (db *DB) ECPRRoles() ports.ECPRRoles { return ecprRoles{db} }

type ledger struct{ db *DB }

var _ ports.NumberLedger = ledger{}

func (s ledger) Claim(ctx context.Context, n ecpr.Number, at time.Time) (claimed bool, err error) {
	err = s.db.alone(ctx, func(u *unit) error {
		if _, spent := s.db.ecpr.ledger[n]; !spent {
			put(u, s.db.ecpr.ledger, n, ecpr.Instant(at))
			claimed = true
		}
		return nil
	})
	return claimed, err
}

func (s ledger) Taken(ctx context.Context, series ecpr.Series) (taken []ecpr.Number, err error) {
	err = s.db.read(ctx, func() error {
		for n := range s.db.ecpr.ledger {
			if series.Has(n) {
				taken = append(taken, n)
			}
		}
		return nil
	})
	return taken, err
}

type persons struct{ db *DB }

var _ ports.PersonStore = persons{}

var errKnown = errors.New("a registration or a version with the id is there already")

func (s persons) Create(ctx context.Context, p ecpr.Person, act ecpr.Act) error {
	return s.db.write(ctx, func(u *unit) error {
		rows := &s.db.ecpr
		_, known := rows.persons[p.ID]
		_, used := rows.living[p.Number.Text()]
		if known || used {
			return errKnown
		}
		made, err := ecpr.Begin(p, act)
		if err != nil {
			return err
		}
		put(u, rows.persons, p.ID, registration{Person: made.Person, since: ecpr.Instant(act.At)})
		put(u, rows.living, p.Number.Text(), p.ID)
		put(u, rows.acts, act.ID, act)
		rows.tell(u, change{person: p.ID})
		return rows.open(u, p.ID, made.Opened)
	})
}

// open keeps versions that were opened.
func (rows *ecprRows) open(u *unit, id ecpr.PersonID, opened []ecpr.Version) error {
	for _, v := range opened {
		if _, known := rows.holders[v.PID]; known {
			return errKnown
		}
		put(u, rows.holders, v.PID, id)
		rows.tell(u, change{id, v.PID})
		if i, ok := v.Element.(ecpr.Identifier); ok && v.Valid.To.IsZero() {
			if _, taken := rows.active[identifier{i.OID, i.Value}]; taken {
				return ecpr.ErrValueExists
			}
			put(u, rows.active, identifier{i.OID, i.Value}, id)
		}
	}
	return nil
}

// close frees the identifiers of versions that were closed.
func (rows *ecprRows) close(u *unit, id ecpr.PersonID, closed []ecpr.Version) {
	for _, v := range closed {
		rows.tell(u, change{id, v.PID})
		if i, ok := v.Element.(ecpr.Identifier); ok {
			drop(u, rows.active, identifier{i.OID, i.Value})
		}
	}
}

func (rows *ecprRows) tell(u *unit, c change) {
	n := len(rows.changes)
	u.undo = append(u.undo, func() { rows.changes = rows.changes[:n] })
	rows.changes = append(rows.changes, c)
}

func (s persons) Get(ctx context.Context, id ecpr.Identifier) (p ecpr.Person, err error) {
	err = s.db.read(ctx, func() error {
		holder, known := s.db.ecpr.active[identifier{id.OID, id.Value}]
		if id.OID == ecpr.XECPROID {
			holder, known = s.db.ecpr.living[id.Value]
		}
		if !known {
			return ecpr.ErrPersonUnknown
		}
		p = s.db.ecpr.persons[holder].Kept()
		return nil
	})
	return p, err
}

func (s persons) ByID(ctx context.Context, id ecpr.PersonID) (p ecpr.Person, err error) {
	err = s.db.read(ctx, func() error {
		r, known := s.db.ecpr.persons[id]
		if !known {
			return ecpr.ErrPersonUnknown
		}
		p = r.Kept()
		return nil
	})
	return p, err
}

func (s persons) Update(ctx context.Context, act ecpr.Act, ids []ecpr.PersonID,
	edit func([]ecpr.Person) ([]ecpr.Person, []notice.Notice, error)) error {
	return s.db.write(ctx, func(u *unit) error {
		rows := &s.db.ecpr
		var before, given []ecpr.Person
		for _, id := range ids {
			r, known := rows.persons[id]
			if !known {
				return ecpr.ErrPersonUnknown
			}
			before, given = append(before, r.Person), append(given, r.Kept())
		}
		after, notices, err := edit(given)
		if err != nil {
			return err
		}
		amended, err := ecpr.Amend(before, after, act)
		if err != nil {
			return err
		}
		for _, a := range amended {
			if !a.Empty() {
				put(u, rows.acts, act.ID, act)
				rows.amend(u, a)
			}
		}
		for _, a := range amended { // when all that was closed is
			if err := rows.open(u, a.Person.ID, a.Opened); err != nil {
				return err
			}
		}
		return putNotices(u, notices)
	})
}

// amend keeps what a registration is now, and what was closed of it.
func (rows *ecprRows) amend(u *unit, a ecpr.Amendment) {
	id, to := a.Person.ID, a.Person.MergedTo
	r := rows.persons[id]
	r.Person = a.Person
	put(u, rows.persons, id, r)
	if a.Merged {
		rows.tell(u, change{person: id})
		for n, leads := range rows.living {
			if leads == id {
				put(u, rows.living, n, to)
			}
		}
	}
	rows.close(u, id, a.Closed)
}

// Search looks at all.
func (s persons) Search(ctx context.Context, q ecpr.Query, limit int) (found []ecpr.Person, truncated bool, err error) {
	err = s.db.read(ctx, func() error {
		rows, candidates := &s.db.ecpr, map[ecpr.Word]int{} // of the beginnings of words
		for _, r := range rows.persons {
			if r.MergedTo != "" {
				continue
			}
			if q.Match(r.Person) {
				found = append(found, r.Kept())
			}
			words := map[ecpr.Word]bool{}
			for w := range ecpr.Words(r.Person) {
				words[w] = true
			}
			for _, t := range q.Terms {
				for _, p := range t.Patterns {
					candidates[ecpr.Word{Field: t.Field, Text: p}] += among(words, t.Field, p)
				}
			}
		}
		rarest := math.MaxInt
		for _, n := range candidates {
			rarest = min(rarest, n)
		}
		if len(candidates) > 0 && rarest > ecpr.MaxCandidates {
			return ecpr.ErrTooBroad
		}
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	slices.SortFunc(found, func(a, b ecpr.Person) int {
		return cmp.Or(b.Changed.Compare(a.Changed), strings.Compare(a.Number.Text(), b.Number.Text()))
	})
	return found[:min(limit, len(found))], len(found) > limit, nil
}

// among counts the words of a field that begin as a pattern does.
func among(words map[ecpr.Word]bool, f ecpr.Field, pattern string) (n int) {
	literal, whole := ecpr.Prefix(pattern)
	for w := range words {
		if w.Field == f && (w.Text == literal || !whole && strings.HasPrefix(w.Text, literal)) {
			n++
		}
	}
	return n
}

func (s persons) Changes(ctx context.Context, seq int64, limit int) (changes []ecpr.Change, err error) {
	err = s.db.read(ctx, func() error {
		rows := &s.db.ecpr
		for at := max(seq, 0); at < int64(len(rows.changes)) && len(changes) < limit; at++ {
			c := rows.changes[at]
			r := rows.persons[c.person]
			told := ecpr.Change{Seq: at + 1, Person: r.ID, MergedTo: r.MergedTo, Since: r.since}
			if i := slices.IndexFunc(r.Versions, func(v ecpr.Version) bool { return v.PID == c.pid }); i >= 0 {
				told.Version = new(r.Versions[i])
			}
			changes = append(changes, told)
		}
		return nil
	})
	return changes, err
}

type oids struct{ db *DB }

var _ ports.OIDTable = oids{}

func (s oids) OIDs(ctx context.Context) (all []ecpr.OID, err error) {
	err = s.db.read(ctx, func() error {
		for _, o := range s.db.ecpr.oids {
			all = append(all, o)
		}
		return nil
	})
	slices.SortFunc(all, func(a, b ecpr.OID) int { return strings.Compare(a.OID, b.OID) })
	return all, err
}

func (s oids) PutOID(ctx context.Context, o ecpr.OID) error {
	return s.db.write(ctx, func(u *unit) error {
		if old, known := s.db.ecpr.oids[o.OID]; known {
			o.UUID = old.UUID
		}
		put(u, s.db.ecpr.oids, o.OID, o)
		return nil
	})
}

type ecprRoles struct{ db *DB }

var _ ports.ECPRRoles = ecprRoles{}

func (s ecprRoles) Has(ctx context.Context, cvr string, p cpr.Number, r ecpr.Role) (has bool, err error) {
	err = s.db.read(ctx, func() error {
		_, has = s.db.ecpr.roles[ecpr.Assignment{CVR: cvr, Person: p, Role: r}]
		return nil
	})
	return has, err
}

func (s ecprRoles) Roles(ctx context.Context) (all []ecpr.Assignment, err error) {
	err = s.db.read(ctx, func() error {
		for a := range s.db.ecpr.roles {
			all = append(all, a)
		}
		return nil
	})
	slices.SortFunc(all, ecpr.Assignment.Compare)
	return all, err
}

func (s ecprRoles) Assign(ctx context.Context, a ecpr.Assignment) (added bool, err error) {
	err = s.db.write(ctx, func(u *unit) error {
		if _, has := s.db.ecpr.roles[a]; !has {
			put(u, s.db.ecpr.roles, a, struct{}{})
			added = true
		}
		return nil
	})
	return added, err
}

func (s ecprRoles) End(ctx context.Context, a ecpr.Assignment) (ended bool, err error) {
	err = s.db.write(ctx, func(u *unit) error {
		if _, ended = s.db.ecpr.roles[a]; ended {
			drop(u, s.db.ecpr.roles, a)
		}
		return nil
	})
	return ended, err
}

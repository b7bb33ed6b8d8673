package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/ports"
)

// personStore keeps registrations in ecpr_person, their versions in ecpr_version, and what they are found by in ecpr_alias and ecpr_search.
type personStore struct{ db *DB }

var _ ports.PersonStore = personStore{}

// personRows reads registrations and their versions by one statement, so that both are of one moment.
const personRows = "SELECT p.id, p.number, p.merged_to, p.revision, p.changed_at, " + versionColumns + " FROM "

const (
	personByNumber = personRows + `ecpr_alias AS a JOIN ecpr_person AS p ON p.id = a.person_id LEFT JOIN ecpr_version AS v ON v.person_id = p.id
		WHERE a.number = ?`
	personByIdentifier = personRows + `ecpr_version AS i JOIN ecpr_person AS p ON p.id = i.person_id LEFT JOIN ecpr_version AS v ON v.person_id = p.id
		WHERE i.oid = ? AND i.value = ? AND i.kind = 'identifier' AND i.valid_to IS NULL`
	personsByID = personRows + "ecpr_person AS p LEFT JOIN ecpr_version AS v ON v.person_id = p.id WHERE p.id IN "
)

// persons returns the registrations that a query finds, in no order.
func (s session) persons(ctx context.Context, query string, args ...any) (found []ecpr.Person, err error) {
	at := map[string]int{}
	err = s.query(ctx, func(rows *sql.Rows) error {
		var id, mergedTo []byte
		var number string
		var p ecpr.Person
		var changed sql.NullInt64
		var v versionRow
		if err := rows.Scan(append([]any{&id, &number, &mergedTo, &p.Revision, &changed}, v.columns()...)...); err != nil {
			return err
		}
		i, known := at[string(id)]
		if !known {
			if p.Number, err = numberOf(number); err != nil {
				return err
			}
			i, at[string(id)] = len(found), len(found)
			p.ID, p.MergedTo, p.Changed = unpacked[ecpr.PersonID](id), unpacked[ecpr.PersonID](mergedTo), fromMicros(changed)
			found = append(found, p)
		}
		if v.pid == nil {
			return nil
		}
		version, err := v.version()
		found[i].Versions = append(found[i].Versions, version)
		return err
	}, query, args...)
	for i := range found {
		found[i] = found[i].Kept()
	}
	return found, err
}

func onePerson(found []ecpr.Person, err error) (ecpr.Person, error) {
	switch {
	case err != nil:
		return ecpr.Person{}, fmt.Errorf("find a registration: %w", translate(err))
	case len(found) == 0:
		return ecpr.Person{}, ecpr.ErrPersonUnknown
	}
	return found[0], nil
}

func (s personStore) Get(ctx context.Context, id ecpr.Identifier) (ecpr.Person, error) {
	if id.OID == ecpr.XECPROID {
		return onePerson(s.db.read(ctx).persons(ctx, personByNumber, id.Value))
	}
	return onePerson(s.db.read(ctx).persons(ctx, personByIdentifier, id.OID, id.Value))
}

func (s personStore) ByID(ctx context.Context, id ecpr.PersonID) (ecpr.Person, error) {
	key, err := packed(id)
	if err != nil || key == nil {
		return ecpr.Person{}, ecpr.ErrPersonUnknown
	}
	return onePerson(s.db.read(ctx).persons(ctx, personsByID+values(1, 1), key))
}

// Create is run again where two registrations that hold the same identifiers wait for each other.
func (s personStore) Create(ctx context.Context, p ecpr.Person, act ecpr.Act) error {
	made, err := ecpr.Begin(p, act)
	if err != nil {
		return err
	}
	return s.db.edit(ctx, func(t *tx) error {
		if err := t.create(made, act); err != nil {
			return fmt.Errorf("create a registration: %w", err)
		}
		return nil
	})
}

func (t *tx) create(made ecpr.Amendment, act ecpr.Act) error {
	p := made.Person
	id, err := packed(p.ID)
	if err != nil {
		return err
	}
	at := micros(p.Changed)
	if _, err := t.exec(t.ctx, "INSERT INTO ecpr_person (id, number, merged_to, revision, created_at, changed_at) VALUES (?, ?, NULL, ?, ?, ?)",
		id, p.Number.Text(), p.Revision, at, at); err != nil {
		return uncollided(err)
	}
	if _, err := t.exec(t.ctx, "INSERT INTO ecpr_alias (number, person_id) VALUES (?, ?)", p.Number.Text(), id); err != nil {
		return uncollided(err)
	}
	t.changes = append(t.changes, personChange{person: id})
	return t.write(act, made)
}

// uncollided is an error of a row that is there already, which it would be again.
func uncollided(err error) error {
	if errors.Is(translate(err), errDuplicate) {
		return errors.New("a registration or a version with the id is there already")
	}
	return err
}

// Update locks the registrations before it reads them, so that no other Update of one of them happens in between.
func (s personStore) Update(ctx context.Context, act ecpr.Act, ids []ecpr.PersonID,
	edit func([]ecpr.Person) ([]ecpr.Person, []notice.Notice, error)) error {
	return s.db.edit(ctx, func(t *tx) error {
		before, err := t.locked(ids)
		if err != nil {
			return err
		}
		given := make([]ecpr.Person, len(before))
		for i, p := range before {
			given[i] = p.Kept()
		}
		after, notices, err := edit(given)
		if err != nil {
			return err
		}
		amended, err := ecpr.Amend(before, after, act)
		if err != nil {
			return err
		}
		if err := t.amend(act, amended); err != nil {
			return fmt.Errorf("update registrations: %w", err)
		}
		return t.putNotices(notices)
	})
}

// locked returns registrations in the order of ids, and locks them in the order of their ids, so that two who lock the same do not wait for each
// other.
func (t *tx) locked(ids []ecpr.PersonID) ([]ecpr.Person, error) {
	keys := make([]any, len(ids))
	for i, id := range ids {
		key, err := packed(id)
		if err != nil || key == nil {
			return nil, ecpr.ErrPersonUnknown
		}
		keys[i] = key
	}
	if err := t.db.lockPersons(t, keys); err != nil {
		return nil, fmt.Errorf("lock registrations: %w", err)
	}
	found, err := t.persons(t.ctx, personsByID+values(len(keys), 1), keys...)
	if err != nil {
		return nil, fmt.Errorf("read registrations: %w", err)
	}
	return inOrder(found, ids)
}

// inOrder returns what was found in the order of ids.
func inOrder(found []ecpr.Person, ids []ecpr.PersonID) ([]ecpr.Person, error) {
	all := make([]ecpr.Person, len(ids))
	for i, id := range ids {
		at := slices.IndexFunc(found, func(p ecpr.Person) bool { return p.ID == id })
		if at < 0 {
			return nil, ecpr.ErrPersonUnknown
		}
		all[i] = found[at]
	}
	return all, nil
}

// amend writes what an edit changed. What was closed is before anything is opened, which may be what another registration had.
func (t *tx) amend(act ecpr.Act, amended []ecpr.Amendment) error {
	amended = slices.DeleteFunc(amended, ecpr.Amendment.Empty)
	for _, a := range amended {
		if err := t.writePerson(a); err != nil {
			return err
		}
		if err := t.close(a, act); err != nil {
			return err
		}
	}
	if len(amended) == 0 {
		return nil
	}
	return t.write(act, amended...)
}

func (t *tx) writePerson(a ecpr.Amendment) error {
	id, err := packed(a.Person.ID)
	if err != nil {
		return err
	}
	to, err := packed(a.Person.MergedTo)
	if err != nil {
		return err
	}
	if _, err := t.exec(t.ctx, "UPDATE ecpr_person SET merged_to = ?, revision = ?, changed_at = ? WHERE id = ?",
		to, a.Person.Revision, micros(a.Person.Changed), id); err != nil {
		return err
	}
	if !a.Merged {
		return nil
	}
	t.changes = append(t.changes, personChange{person: id})
	if _, err := t.exec(t.ctx, "UPDATE ecpr_alias SET person_id = ? WHERE person_id = ?", to, id); err != nil {
		return err
	}
	// Its words lead to the survivor where they are among the versions that the survivor got.
	_, err = t.exec(t.ctx, "DELETE FROM ecpr_search WHERE person_id = ?", id)
	return err
}

const closeVersion = "UPDATE ecpr_version SET valid_to = ?, closed_by = ? WHERE pid = ? AND valid_to IS NULL"

func (t *tx) close(a ecpr.Amendment, act ecpr.Act) error {
	id, err := packed(a.Person.ID)
	if err != nil {
		return err
	}
	by, err := packed(act.ID)
	if err != nil {
		return err
	}
	for _, v := range a.Closed {
		pid, err := packed(v.PID)
		if err != nil {
			return err
		}
		closed, err := t.exec(t.ctx, closeVersion, micros(v.Valid.To), by, pid)
		if err != nil {
			return err
		}
		if closed != 1 {
			return errors.New("a version was closed by another")
		}
		t.changes = append(t.changes, personChange{id, pid})
	}
	return nil
}

// write inserts who did it, the versions that were opened and their words.
func (t *tx) write(act ecpr.Act, amended ...ecpr.Amendment) error {
	by, err := packed(act.ID)
	if err != nil {
		return err
	}
	doc, err := actorDoc(act.Actor)
	if err != nil {
		return err
	}
	if _, err := t.exec(t.ctx, "INSERT INTO ecpr_actor (id, actor, caller, at) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
		by, doc, act.Caller, ecpr.Instant(act.At).UnixMicro()); err != nil {
		return err
	}
	for _, a := range amended {
		if err := t.open(a); err != nil {
			return err
		}
	}
	for _, a := range amended {
		if err := t.index(a); err != nil {
			return err
		}
	}
	return nil
}

// open inserts identifiers in their order, so that two who insert the same do not wait for each other.
func (t *tx) open(a ecpr.Amendment) error {
	person, err := packed(a.Person.ID)
	if err != nil {
		return err
	}
	opened := slices.Clone(a.Opened)
	slices.SortStableFunc(opened, func(v, w ecpr.Version) int {
		i, _ := v.Element.(ecpr.Identifier)
		j, _ := w.Element.(ecpr.Identifier)
		return cmp.Or(strings.Compare(i.OID, j.OID), strings.Compare(i.Value, j.Value))
	})
	insert := inserter{tx: t, into: "ecpr_version (pid, person_id, kind, oid, value, data, valid_from, valid_to, opened_by, closed_by)", columns: 10}
	for _, v := range opened {
		row, err := rowOf(v.Element)
		if err != nil {
			return err
		}
		pid, err := packed(v.PID)
		if err != nil {
			return err
		}
		openedBy, err := packed(v.Opened)
		if err != nil {
			return err
		}
		closedBy, err := packed(v.Closed)
		if err != nil {
			return err
		}
		t.changes = append(t.changes, personChange{person, pid})
		from, to := micros(v.Valid.From), micros(v.Valid.To)
		if err := insert.row(pid, person, row.kind, row.oid, row.value, row.data, from, to, openedBy, closedBy); err != nil {
			return valueExists(err)
		}
	}
	return valueExists(insert.flush())
}

// valueExists is ecpr.ErrValueExists where the index of active identifiers refused a row.
func valueExists(err error) error {
	if err == nil || !errors.Is(translate(err), errDuplicate) {
		return err
	}
	// SQLite names the columns of the index, PostgreSQL the index.
	if text := err.Error(); strings.Contains(text, "ecpr_version.oid") || strings.Contains(text, "ecpr_version_active") {
		return ecpr.ErrValueExists
	}
	return uncollided(err)
}

// index adds the words of what was opened. Those of what was closed stay: what a person was once called finds it.
func (t *tx) index(a ecpr.Amendment) error {
	if a.Person.MergedTo != "" {
		return nil
	}
	person, err := packed(a.Person.ID)
	if err != nil {
		return err
	}
	insert := inserter{tx: t, into: "ecpr_search (person_id, field, word)", columns: 3, rest: " ON CONFLICT (person_id, field, word) DO NOTHING"}
	for w := range ecpr.Words(ecpr.Person{Versions: a.Opened}) {
		field, err := fieldCode(w.Field)
		if err != nil {
			return err
		}
		if err := insert.row(person, field, w.Text); err != nil {
			return err
		}
	}
	return insert.flush()
}

// personChange tells that a version, or the registration itself where pid is nil, changed.
type personChange struct{ person, pid []byte }

// tell numbers what changed, last of all that a transaction does: who numbers holds a lock to the end of its commit, so that nobody who reads
// changes in their order sees one before a lower one.
func (t *tx) tell() error {
	if len(t.changes) == 0 {
		return nil
	}
	ctx, cancel := t.db.engine.control(t.ctx)
	defer cancel()
	defer func(before context.Context) { t.ctx = before }(t.ctx)
	t.ctx = ctx
	if err := t.db.lockChanges(t); err != nil {
		return fmt.Errorf("lock the changes of registrations: %w", err)
	}
	insert := inserter{tx: t, into: "ecpr_change (person_id, pid)", columns: 2}
	for _, c := range t.changes {
		if err := insert.row(c.person, c.pid); err != nil {
			return fmt.Errorf("tell what changed: %w", err)
		}
	}
	if err := insert.flush(); err != nil {
		return fmt.Errorf("tell what changed: %w", err)
	}
	return nil
}

// changesPage is how many changes one statement reads. It stands in the statement, so that the planner knows them to be few.
const changesPage = 1000

var findChanges = "SELECT c.seq, c.person_id, p.merged_to, p.created_at, " + versionColumns + fmt.Sprintf(` FROM
	(SELECT seq, person_id, pid FROM ecpr_change WHERE seq > ? ORDER BY seq LIMIT %d) AS c
	JOIN ecpr_person AS p ON p.id = c.person_id LEFT JOIN ecpr_version AS v ON v.pid = c.pid ORDER BY c.seq`, changesPage)

func (s personStore) Changes(ctx context.Context, seq int64, limit int) ([]ecpr.Change, error) {
	var all []ecpr.Change
	for {
		page, err := s.db.read(ctx).changes(ctx, seq)
		if err != nil {
			return nil, fmt.Errorf("read the changes of registrations: %w", translate(err))
		}
		all = append(all, page[:min(len(page), limit-len(all))]...)
		if len(page) < changesPage || len(all) >= limit {
			return all, nil
		}
		seq = all[len(all)-1].Seq
	}
}

func (s session) changes(ctx context.Context, after int64) (page []ecpr.Change, err error) {
	err = s.query(ctx, func(rows *sql.Rows) error {
		var c ecpr.Change
		var person, mergedTo []byte
		var since sql.NullInt64
		var v versionRow
		if err := rows.Scan(append([]any{&c.Seq, &person, &mergedTo, &since}, v.columns()...)...); err != nil {
			return err
		}
		c.Person, c.MergedTo, c.Since = unpacked[ecpr.PersonID](person), unpacked[ecpr.PersonID](mergedTo), fromMicros(since)
		if v.pid != nil {
			version, err := v.version()
			if err != nil {
				return err
			}
			c.Version = &version
		}
		page = append(page, c)
		return nil
	}, findChanges, after)
	return page, err
}

package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/domain/relation"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports"
)

// registerRow is a row of a register, and when it was loaded and closed.
type registerRow struct {
	stamdata.Row
	opened, closed time.Time
}

// pick is a condition on the rows o of a register.
type pick struct {
	of    registerTable
	where string
	args  []any
}

// current picks the row of a person, or those of two.
func (t registerTable) current(values ...string) pick {
	p := pick{of: t, where: "o.valid_to IS NULL AND o.cpr IN (?" + strings.Repeat(", ?", len(values)-1) + ")"}
	for _, v := range values {
		p.args = append(p.args, v)
	}
	return p
}

// latest picks rows that are the latest of their keys.
func (t registerTable) latest(where string, values ...string) pick {
	p := pick{of: t, where: "(" + where + ") AND (o.valid_to IS NULL OR NOT EXISTS (SELECT 1 FROM " + t.name + " AS s WHERE " + t.sameKey() +
		" AND s.valid_from > o.valid_from))"}
	for _, v := range values {
		p.args = append(p.args, v)
	}
	return p
}

// selects is the statement of several picks: the number of the pick, when the row was loaded and closed, and its columns, filled up to those of
// the widest.
func selects(picks []pick) (text string, args []any) {
	widest := 0
	for _, p := range picks {
		widest = max(widest, len(p.of.columns))
	}
	var all []string
	for i, p := range picks {
		all = append(all, "SELECT "+strconv.Itoa(i)+", o.valid_from, o.valid_to, "+p.of.list("o.")+strings.Repeat(", ''", widest-len(p.of.columns))+
			" FROM "+p.of.name+" AS o WHERE "+p.where)
		args = append(args, p.args...)
	}
	return strings.Join(all, " UNION ALL "), args
}

// pick returns the rows of each pick, in no order.
func (s session) pick(ctx context.Context, picks ...pick) ([][]registerRow, error) {
	text, args := selects(picks)
	found := make([][]registerRow, len(picks))
	err := s.query(ctx, func(rows *sql.Rows) error {
		columns, err := rows.Columns()
		if err != nil {
			return err
		}
		var of int
		row, from, to, err := scanRegister(rows, len(columns)-3, &of)
		if err != nil {
			return err
		}
		found[of] = append(found[of], registerRow{row[:len(picks[of].of.columns)], from, to})
		return nil
	}, text, args...)
	return found, translate(err)
}

// scanRegister reads before, when a row was loaded and closed, and so many columns of it.
func scanRegister(rows *sql.Rows, columns int, before ...any) (row stamdata.Row, from, to time.Time, err error) {
	var opened int64
	var closed sql.NullInt64
	row = make(stamdata.Row, columns)
	into := slices.Concat(before, []any{&opened, &closed})
	for i := range row {
		into = append(into, &row[i])
	}
	err = rows.Scan(into...)
	return row, time.UnixMicro(opened).UTC(), fromMicros(closed), err
}

// cprRegister reads the registers of persons.
type cprRegister struct {
	db                                                           *DB
	person, custody, child, guardian, proxies, insured, practice registerTable
}

var _ ports.CPRRegister = cprRegister{}

func (db *DB) cprRegister() cprRegister {
	return cprRegister{
		db: db, person: registerNamed(stamdata.CPRPerson), custody: registerNamed(stamdata.CPRCustody), child: registerNamed(stamdata.CPRChild),
		guardian: registerNamed(stamdata.CPRGuardian), proxies: registerNamed(stamdata.Proxies), insured: registerNamed(stamdata.InsuredPersons),
		practice: registerNamed(stamdata.Practices),
	}
}

func (s cprRegister) Citizen(ctx context.Context, n cpr.Number) (stamdata.Citizen, error) {
	found, err := s.db.read(ctx).pick(ctx, s.person.current(n.Digits()))
	if err != nil {
		return stamdata.Citizen{}, fmt.Errorf("find a citizen: %w", err)
	}
	for _, r := range found[0] {
		return stamdata.CitizenOf(r.Row, r.opened, r.closed), nil
	}
	return stamdata.Citizen{}, stamdata.ErrUnknown
}

// between picks the persons and their relations.
func (s cprRegister) between(actor, subject string) []pick {
	return []pick{
		s.person.current(actor, subject), s.custody.latest("o.cpr = ? AND o.relation_cpr = ?", subject, actor),
		s.guardian.latest("o.cpr = ? AND o.relation_cpr = ?", subject, actor), s.proxies.latest("o.actor = ? AND o.subject = ?", actor, subject),
	}
}

func (s cprRegister) Between(ctx context.Context, actor, subject cpr.Number, at time.Time) ([]relation.Relation, error) {
	found, err := s.db.read(ctx).pick(ctx, s.between(actor.Digits(), subject.Digits())...)
	if err != nil {
		return nil, fmt.Errorf("find relations: %w", err)
	}
	known := stamdata.Registered{Custody: s.kin(s.custody, found[1]), Guardians: s.kin(s.guardian, found[2])}
	for _, r := range found[0] {
		citizen := stamdata.CitizenOf(r.Row, r.opened, r.closed)
		if citizen.CPR == actor {
			known.Actor = &citizen
		}
		if citizen.CPR == subject {
			known.Subject = &citizen
		}
	}
	for _, r := range found[3] {
		known.Proxies = append(known.Proxies, stamdata.ProxyOf(s.proxies.Register, r.Row, r.opened, r.closed))
	}
	return known.Between(actor, subject, at), nil
}

func (cprRegister) kin(of registerTable, rows []registerRow) []stamdata.Kin {
	all := make([]stamdata.Kin, 0, len(rows))
	for _, r := range rows {
		all = append(all, stamdata.KinOf(of.Register, r.Row, r.opened, r.closed))
	}
	return all
}

// family picks the rows that name a person on either side.
func (s cprRegister) family(n string) []pick {
	return []pick{
		s.custody.latest("o.cpr = ? OR o.relation_cpr = ?", n, n), s.child.latest("o.cpr = ? OR o.barn_cpr = ?", n, n),
		s.guardian.latest("o.cpr = ? OR o.relation_cpr = ?", n, n),
	}
}

func (s cprRegister) Family(ctx context.Context, n cpr.Number, at time.Time) (stamdata.Family, error) {
	if n.IsZero() { // a guardian who is known by name alone has none
		return stamdata.Family{}, nil
	}
	found, err := s.db.read(ctx).pick(ctx, s.family(n.Digits())...)
	if err != nil {
		return stamdata.Family{}, fmt.Errorf("find a family: %w", err)
	}
	return stamdata.FamilyOf(n, s.kin(s.custody, found[0]), s.kin(s.child, found[1]), s.kin(s.guardian, found[2]), at), nil
}

// practices picks those of an insured person.
func (s cprRegister) practices(n string) pick {
	const of = "FROM sikrede AS s WHERE s.cpr = ? AND s.valid_to IS NULL"
	return pick{s.practice, "o.valid_to IS NULL AND o.ydernummer IN (SELECT s.ydernummer " + of + " UNION ALL SELECT s.ydernummer_gl " + of + ")", []any{n, n}}
}

func (s cprRegister) Insured(ctx context.Context, n cpr.Number) (stamdata.Insured, error) {
	found, err := s.db.read(ctx).pick(ctx, s.insured.current(n.Digits()), s.practices(n.Digits()))
	if err != nil {
		return stamdata.Insured{}, fmt.Errorf("find an insured person: %w", err)
	}
	for _, r := range found[0] {
		return stamdata.InsuredOf(r.Row, func(number string) (stamdata.Practice, bool) {
			for _, r := range found[1] {
				if p := stamdata.PracticeOf(r.Row); p.Number == number {
					return p, true
				}
			}
			return stamdata.Practice{}, false
		}), nil
	}
	return stamdata.Insured{}, stamdata.ErrUnknown
}

const findPrior = "SELECT cpr FROM cpr_person WHERE gaeldende_cpr = ? AND gaeldende_cpr <> '' AND valid_to IS NULL AND cpr <> ? " +
	"ORDER BY status_dato DESC, cpr DESC LIMIT 1"

func (s cprRegister) Prior(ctx context.Context, n cpr.Number) (cpr.Number, error) {
	found, err := s.db.read(ctx).numbers(ctx, findPrior, n.Digits(), n.Digits())
	switch {
	case err != nil:
		return cpr.Number{}, fmt.Errorf("find a prior number: %w", translate(err))
	case len(found) == 0:
		return cpr.Number{}, stamdata.ErrUnknown
	}
	return found[0], nil
}

// numbers returns the civil registration numbers that a query finds.
func (s session) numbers(ctx context.Context, text string, args ...any) (all []cpr.Number, err error) {
	err = s.query(ctx, func(rows *sql.Rows) error {
		var digits string
		if err := rows.Scan(&digits); err != nil {
			return err
		}
		n, err := cpr.Parse(digits)
		all = append(all, n)
		return err
	}, text, args...)
	return all, err
}

// findDeceased goes through the dead from a number on, by an index that holds all it asks for.
const findDeceased = "SELECT cpr FROM cpr_person WHERE status = '90' AND valid_to IS NULL AND cpr > ? AND " +
	"CASE WHEN doedsdato <> '' THEN doedsdato ELSE status_dato END >= ? ORDER BY cpr LIMIT ?"

func (s cprRegister) Deceased(ctx context.Context, since time.Time, after cpr.Number, n int) ([]cpr.Number, error) {
	found, err := s.db.read(ctx).numbers(ctx, findDeceased, after.Digits(), calendar.DayOf(since).String(), n)
	if err != nil {
		return nil, fmt.Errorf("find the deceased: %w", translate(err))
	}
	return found, nil
}

// aliases tells which numbers are one person's.
type aliases struct{ db *DB }

var _ ports.Aliases = aliases{}

const (
	// findAliases finds the numbers that a number replaced, the one that replaced it, and the registration that has it.
	findAliases = "SELECT 0, cpr FROM cpr_person WHERE gaeldende_cpr = ? AND gaeldende_cpr <> '' AND valid_to IS NULL " +
		"UNION ALL SELECT 0, gaeldende_cpr FROM cpr_person WHERE cpr = ? AND gaeldende_cpr <> '' AND valid_to IS NULL " +
		"UNION ALL SELECT 1, p.number FROM ecpr_version AS v JOIN ecpr_person AS p ON p.id = v.person_id " +
		"WHERE v.oid = '" + ecpr.CPROID + "' AND v.value = ? AND v.kind = 'identifier' AND v.valid_to IS NULL"

	// mostAliases is how many numbers a person can have: a register that says more is broken.
	mostAliases = 1000
)

// Of has one statement for each number, which is one for nearly everybody.
func (s aliases) Of(ctx context.Context, n cpr.Number) (numbers []cpr.Number, linked []ecpr.Number, err error) {
	numbers = []cpr.Number{n}
	for i := 0; i < len(numbers); i++ {
		digits := numbers[i].Digits()
		err := s.db.read(ctx).query(ctx, func(rows *sql.Rows) error {
			var isLinked bool
			var text string
			if err := rows.Scan(&isLinked, &text); err != nil {
				return err
			}
			if isLinked {
				x, err := ecpr.ParseNumber(text)
				linked = append(linked, x)
				return err
			}
			other, err := cpr.Parse(text)
			switch {
			case err != nil || slices.Contains(numbers, other):
				return err
			case len(numbers) == mostAliases:
				return errors.New("one person has too many numbers")
			}
			numbers = append(numbers, other)
			return nil
		}, findAliases, digits, digits, digits)
		if err != nil {
			return nil, nil, fmt.Errorf("find the numbers of a person: %w", translate(err))
		}
	}
	slices.SortFunc(numbers[1:], func(a, b cpr.Number) int { return strings.Compare(a.Digits(), b.Digits()) })
	slices.SortFunc(linked, func(a, b ecpr.Number) int { return strings.Compare(a.Text(), b.Text()) })
	return numbers, slices.Compact(linked), nil
}

// authorisations reads the register of authorisations.
type authorisations struct {
	db *DB
	of registerTable
}

var _ ports.Authorisations = authorisations{}

func (s authorisations) ByNumber(ctx context.Context, number string, at time.Time) (stamdata.Authorisation, error) {
	found, err := s.find(ctx, "o.autorisationsnummer = ?", stamdata.NormalAuthorisation(number), at)
	if err == nil && len(found) == 0 {
		err = stamdata.ErrUnknown
	}
	if err != nil {
		return stamdata.Authorisation{}, err
	}
	return found[0], nil
}

func (s authorisations) ByPerson(ctx context.Context, n cpr.Number, at time.Time) ([]stamdata.Authorisation, error) {
	return s.find(ctx, "o.cpr = ?", n.Digits(), at)
}

func (s authorisations) find(ctx context.Context, where, value string, at time.Time) (all []stamdata.Authorisation, err error) {
	found, err := s.db.read(ctx).pick(ctx, s.of.latest(where, value))
	if err != nil {
		return nil, fmt.Errorf("find authorisations: %w", err)
	}
	for _, r := range found[0] {
		if a := stamdata.AuthorisationOf(s.of.Register, r.Row, r.opened, r.closed); a.Valid.Contains(at) {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, func(a, b stamdata.Authorisation) int {
		return strings.Compare(a.Number+" "+a.Education, b.Number+" "+b.Education)
	})
	return all, nil
}

// delegations reads the register of delegations, of which these statuses count.
type delegations struct {
	db       *DB
	of       registerTable
	statuses []string
}

var _ ports.Delegations = delegations{}

// between picks the delegations of a pair.
func (s delegations) between(delegator, delegate string) pick {
	return s.of.latest("o.bemyndigende_cpr = ? AND o.bemyndigede_cpr = ?", delegator, delegate)
}

func (s delegations) Between(ctx context.Context, delegator, delegate cpr.Number, cvr string, at time.Time) (all []stamdata.Delegation, err error) {
	found, err := s.db.read(ctx).pick(ctx, s.between(delegator.Digits(), delegate.Digits()))
	if err != nil {
		return nil, fmt.Errorf("find delegations: %w", err)
	}
	for _, r := range found[0] {
		if d := stamdata.DelegationOf(s.of.Register, r.Row, r.opened, r.closed); d.Counts(delegator, delegate, cvr, s.statuses, at) {
			all = append(all, d)
		}
	}
	slices.SortFunc(all, func(a, b stamdata.Delegation) int { return strings.Compare(a.Code, b.Code) })
	return all, nil
}

// orgUnits reads the SOR register.
type orgUnits struct {
	db *DB
	of registerTable
}

var _ ports.OrgUnits = orgUnits{}

func (s orgUnits) Units(ctx context.Context) ([]org.Unit, error) {
	all, err := s.units(ctx, s.db.read(ctx))
	if err != nil {
		return nil, fmt.Errorf("read the units: %w", err)
	}
	return all, nil
}

func (s orgUnits) units(ctx context.Context, from session) (all []org.Unit, err error) {
	found, err := from.pick(ctx, s.of.latest("o.pid > 0"))
	if err != nil {
		return nil, err
	}
	for _, r := range found[0] {
		all = append(all, stamdata.UnitOf(s.of.Register, r.Row, r.opened, r.closed))
	}
	return all, nil
}

// unitsLoaded is the latest pid: every load that changes a unit takes one.
const unitsLoaded = "SELECT pid FROM sor_unit ORDER BY modified_s DESC, pid DESC LIMIT 1"

func (s orgUnits) Loaded(ctx context.Context) (pid int64, err error) {
	err = s.db.read(ctx).query(ctx, func(rows *sql.Rows) error { return rows.Scan(&pid) }, unitsLoaded)
	if err != nil {
		return 0, fmt.Errorf("find the latest unit: %w", translate(err))
	}
	return pid, nil
}

// page is the statement of a page of copies. A row that another one of its key follows with the same first day has its place taken by that one.
func (t registerTable) page() string {
	text := "SELECT o.pid, o.modified_s, o.valid_from, o.valid_to, " + t.list("o.") + " FROM " + t.name + " AS o WHERE (o.modified_s, o.pid) > (?, ?)"
	if t.To != 0 {
		from := t.columns[t.From]
		text += " AND (o.valid_to IS NULL OR o." + from + " = '' OR NOT EXISTS (SELECT 1 FROM " + t.name + " AS s WHERE " + t.sameKey() + " AND s." + from + " = o." + from +
			" AND s.valid_from > o.valid_from))"
	}
	return text + " ORDER BY o.modified_s, o.pid LIMIT ?"
}

// cprPage returns rows of a view of the CPR register (ports.CopyRegister.Page), which is read from the register itself.
func (db *DB) cprPage(ctx context.Context, v stamdata.View, after stamdata.Offset, limit int) (page []stamdata.CopyRow, err error) {
	name, ok := stamdata.CPRRegisterOf(v)
	if !ok {
		return nil, stamdata.ErrUnknown
	}
	t := registerNamed(name)
	err = db.read(ctx).query(ctx, func(rows *sql.Rows) error {
		var pid, modified int64
		row, from, to, err := scanRegister(rows, len(t.columns), &pid, &modified)
		if err != nil {
			return err
		}
		copied := stamdata.CPRView(t.Register, row, from, to)
		copied.PID, copied.Modified = pid, time.Unix(modified, 0).UTC()
		page = append(page, copied)
		return nil
	}, t.page(), after.Seconds, after.PID, limit)
	if err != nil {
		return nil, fmt.Errorf("read a page of %s: %w", name, translate(err))
	}
	return page, nil
}

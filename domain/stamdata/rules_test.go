package stamdata_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/relation"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/domain/validity"
)

var noon = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)

func num(t require.TestingT, digits string) cpr.Number {
	n, err := cpr.Parse(digits)
	require.NoError(t, err)
	return n
}

func onDay(t require.TestingT, s string) calendar.Day {
	if s == "" {
		return calendar.Day{}
	}
	d, err := calendar.ParseDay(s)
	require.NoError(t, err)
	return d
}

func TestStatus(t *testing.T) {
	statuses := []string{"01", "03", "05", "07", "20"}
	for code, want := range map[string]bool{
		"01": true, "03": true, "05": true, "07": true, "20": true, "30": false, "50": false, "60": false, "70": false, "80": false, "90": false, "": false,
	} {
		t.Run("PC-48 status "+code, func(t *testing.T) {
			c := stamdata.Citizen{Status: code}
			assert.Equal(t, want, c.Active(statuses))
			assert.Equal(t, code == "90", c.Dead())
			assert.False(t, c.Active(nil))
		})
	}
}

func TestAge(t *testing.T) {
	const leapling, man = "2902044063", "1403800099"
	for _, c := range []struct {
		name                             string
		number, status, born, died, from string // from = of the status
		on                               string
		want                             int
		err                              error
	}{
		{"PC-46 born 29 February, before", leapling, "01", "", "", "", "2025-02-28", 20, nil},
		{"PC-46 born 29 February, in a common year", leapling, "01", "", "", "", "2025-03-01", 21, nil},
		{"born 29 February, in a leap year", leapling, "01", "", "", "", "2024-02-29", 20, nil},
		{"the day before", man, "01", "", "", "", "2026-03-13", 45, nil},
		{"the birthday", man, "01", "", "", "", "2026-03-14", 46, nil},
		{"the day of birth", man, "01", "", "", "", "1980-03-14", 0, nil},
		{"before birth", man, "01", "", "", "", "1980-03-13", 0, stamdata.ErrUnborn},
		{"the register's birth date comes first", man, "01", "1981-03-14", "", "", "2026-03-14", 45, nil},
		{"the dead, at death", man, "90", "", "2020-05-01", "2020-06-01", "2026-03-14", 40, nil},
		{"the dead, at the status", man, "90", "", "", "2019-03-13", "2026-03-14", 38, nil},
		{"the dead, before death", man, "90", "", "2020-05-01", "", "2019-03-14", 39, nil},
		{"the dead, of no day", man, "90", "", "", "", "2026-03-14", 0, stamdata.ErrNoAge},
		{"a death that the status does not tell", man, "01", "", "2020-05-01", "", "2026-03-14", 46, nil},
		{"the dead before birth", man, "90", "", "1979-01-01", "", "2026-03-14", 0, stamdata.ErrUnborn},
		{"a number of no day", "2902230003", "01", "", "", "", "2026-03-14", 0, stamdata.ErrNoAge}, // 29 February 1923
		{"a number of no day, but a birth date", "2902230003", "01", "2004-02-29", "", "", "2024-02-29", 20, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			citizen := stamdata.Citizen{
				CPR: num(t, c.number), Status: c.status, Registered: onDay(t, c.born), Died: onDay(t, c.died), StatusSince: onDay(t, c.from),
			}
			got, err := citizen.Age(onDay(t, c.on))
			if c.err != nil {
				require.ErrorIs(t, err, c.err)
				require.True(t, fault.Is(err, fault.Invalid))
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}

	t.Run("an age grows by one, on the birthday or 1 March", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			born := time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 40_000).Draw(t, "born"))
			on := born.AddDate(0, 0, rapid.IntRange(1, 40_000).Draw(t, "days"))
			day := func(x time.Time) calendar.Day { return calendar.Day{Year: x.Year(), Month: x.Month(), Dom: x.Day()} }
			c := stamdata.Citizen{Status: "01", Registered: day(born)}
			before, err := c.Age(day(on.AddDate(0, 0, -1)))
			require.NoError(t, err)
			after, err := c.Age(day(on))
			require.NoError(t, err)
			birthday := on.Month() == born.Month() && on.Day() == born.Day()
			if born.Month() == time.February && born.Day() == 29 {
				birthday = birthday || on.Month() == time.March && on.Day() == 1 && on.AddDate(0, 0, -1).Day() == 28
			}
			want := before
			if birthday {
				want++
			}
			require.Equal(t, want, after)
		})
	})
}

func TestProtected(t *testing.T) {
	first := onDay(t, "2020-01-01").Start()
	last := onDay(t, "2021-01-01").Start()
	open := stamdata.Citizen{Protection: onDay(t, "2020-01-01")}
	ended := stamdata.Citizen{Protection: onDay(t, "2020-01-01"), ProtectionEnd: onDay(t, "2021-01-01")}
	for _, c := range []struct {
		name    string
		citizen stamdata.Citizen
		at      time.Time
		want    bool
	}{
		{"never", stamdata.Citizen{}, noon, false},
		{"an end alone", stamdata.Citizen{ProtectionEnd: onDay(t, "2030-01-01")}, noon, false},
		{"before", open, first.Add(-time.Millisecond), false},
		{"from the first instant of the day in Copenhagen", open, first, true},
		{"without end", open, noon, true},
		{"before the end", ended, last.Add(-time.Millisecond), true},
		{"from the end on", ended, last, false},
	} {
		assert.Equal(t, c.want, c.citizen.Protected(c.at), c.name)
	}
}

func TestDeceasedSince(t *testing.T) {
	since := onDay(t, "2020-05-01")
	for _, c := range []struct {
		status, died, from string
		want               bool
	}{
		{"90", "2020-05-01", "", true}, {"90", "2020-04-30", "2026-01-01", false}, {"90", "", "2020-05-01", true}, {"90", "", "2020-04-30", false},
		{"90", "", "", false}, {"01", "2020-05-01", "2020-05-01", false},
	} {
		got := stamdata.Citizen{Status: c.status, Died: onDay(t, c.died), StatusSince: onDay(t, c.from)}.DeceasedSince(since)
		assert.Equal(t, c.want, got, c)
	}
}

// persons of the relations.
const mother, child, grown, man, ward, dead = "2207820468", "0905124643", "3011064116", "1403800099", "1702553083", "2508480706"

func citizen(t require.TestingT, digits string) stamdata.Citizen {
	c := stamdata.Citizen{CPR: num(t, digits), Status: "01"}
	if digits == dead {
		c.Status, c.Died = "90", onDay(t, "2020-05-01")
	}
	return c
}

func kin(t require.TestingT, of, relative, kind, from, to string) stamdata.Kin {
	k := stamdata.Kin{Citizen: num(t, of), Relative: stamdata.Relative{Type: kind}}
	if relative != "" {
		k.CPR = num(t, relative)
	}
	if from != "" {
		k.Valid.From = onDay(t, from).Start()
	}
	if to != "" {
		k.Valid.To = onDay(t, to).Start()
	}
	return k
}

func TestCustody(t *testing.T) {
	row := kin(t, child, mother, "0003", "2012-05-09", "")
	for _, c := range []struct {
		name          string
		holder, child stamdata.Citizen
		rows          []stamdata.Kin
		at            time.Time
		want          bool
	}{
		{"PC-45 a mother", citizen(t, mother), citizen(t, child), []stamdata.Kin{row}, noon, true},
		{"PC-45 the other way", citizen(t, child), citizen(t, mother), []stamdata.Kin{row}, noon, false},
		{"PC-45 the day before the 18th birthday", citizen(t, mother), citizen(t, grown), []stamdata.Kin{kin(t, grown, mother, "0003", "", "")},
			onDay(t, "2024-11-30").Start().Add(-time.Nanosecond), true},
		{"PC-45 the 18th birthday", citizen(t, mother), citizen(t, grown), []stamdata.Kin{kin(t, grown, mother, "0003", "", "")},
			onDay(t, "2024-11-30").Start(), false},
		{"no rows", citizen(t, mother), citizen(t, child), nil, noon, false},
		{"somebody else's row", citizen(t, man), citizen(t, child), []stamdata.Kin{row}, noon, false},
		{"a row of another child", citizen(t, mother), citizen(t, child), []stamdata.Kin{kin(t, grown, mother, "0003", "", "")}, noon, false},
		{"a father", citizen(t, man), citizen(t, child), []stamdata.Kin{row, kin(t, child, man, "0004", "", "")}, noon, true},
		{"another holder", citizen(t, man), citizen(t, child), []stamdata.Kin{kin(t, child, man, "0005", "", "")}, noon, true},
		{"one more holder", citizen(t, man), citizen(t, child), []stamdata.Kin{kin(t, child, man, "0006", "", "")}, noon, true},
		{"a row of another type", citizen(t, man), citizen(t, child), []stamdata.Kin{kin(t, child, man, "0007", "", "")}, noon, false},
		{"a row of a lower type", citizen(t, man), citizen(t, child), []stamdata.Kin{kin(t, child, man, "0002", "", "")}, noon, false},
		{"a row of no type", citizen(t, man), citizen(t, child), []stamdata.Kin{kin(t, child, man, "", "", "")}, noon, false},
		{"before the row", citizen(t, mother), citizen(t, child), []stamdata.Kin{row}, row.Valid.From.Add(-time.Millisecond), false},
		{"from its first day", citizen(t, mother), citizen(t, child), []stamdata.Kin{row}, row.Valid.From, true},
		{"after the row", citizen(t, mother), citizen(t, child), []stamdata.Kin{kin(t, child, mother, "0003", "", "2026-03-02")}, noon, false},
		{"a holder who is dead", citizen(t, dead), citizen(t, child), []stamdata.Kin{kin(t, child, dead, "0003", "", "")}, noon, false},
		{"a child who is dead", citizen(t, mother), stamdata.Citizen{CPR: num(t, child), Status: "90", Died: onDay(t, "2020-01-01")},
			[]stamdata.Kin{row}, noon, false},
		{"a child of unknown age", citizen(t, mother), citizen(t, "2902230003"), []stamdata.Kin{kin(t, "2902230003", mother, "0003", "", "")}, noon, false},
		{"a child who is not born", citizen(t, mother), citizen(t, child), []stamdata.Kin{kin(t, child, mother, "0003", "", "")},
			onDay(t, "2012-05-08").Start(), false},
		{"nobody", stamdata.Citizen{}, citizen(t, child), []stamdata.Kin{kin(t, child, "", "0003", "", "")}, noon, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := stamdata.Custody(c.holder, c.child, c.rows, c.at)
			assert.Equal(t, c.want, len(got) == 1)
			for _, r := range got {
				assert.Equal(t, relation.Custody, r.Kind)
				assert.True(t, r.Valid.Contains(c.at))
			}
		})
	}

	t.Run("it ends when the child is 18, or before", func(t *testing.T) {
		got := stamdata.Custody(citizen(t, mother), citizen(t, child), []stamdata.Kin{row}, noon)
		assert.Equal(t, validity.Period{From: row.Valid.From, To: onDay(t, "2030-05-09").Start()}, got[0].Valid)
		early := kin(t, child, mother, "0003", "2012-05-09", "2027-01-01")
		assert.Equal(t, early.Valid, stamdata.Custody(citizen(t, mother), citizen(t, child), []stamdata.Kin{early}, noon)[0].Valid)
		leapling := kin(t, "2902124643", mother, "0003", "", "")
		got = stamdata.Custody(citizen(t, mother), citizen(t, "2902124643"), []stamdata.Kin{leapling}, noon)
		assert.Equal(t, onDay(t, "2030-03-01").Start(), got[0].Valid.To, "born 29 February")
	})
}

func TestGuardianship(t *testing.T) {
	row := kin(t, ward, man, "0001", "2018-06-01", "2040-01-01")
	for _, c := range []struct {
		name           string
		guardian, ward stamdata.Citizen
		rows           []stamdata.Kin
		at             time.Time
		want           bool
	}{
		{"PC-47 a guardian", citizen(t, man), citizen(t, ward), []stamdata.Kin{row}, noon, true},
		{"PC-47 after its end", citizen(t, man), citizen(t, ward), []stamdata.Kin{row}, row.Valid.To, false},
		{"PC-47 before its end", citizen(t, man), citizen(t, ward), []stamdata.Kin{row}, row.Valid.To.Add(-time.Millisecond), true},
		{"the other way", citizen(t, ward), citizen(t, man), []stamdata.Kin{row}, noon, false},
		{"a guardian known by name", citizen(t, man), citizen(t, ward), []stamdata.Kin{kin(t, ward, "", "0002", "", "")}, noon, false},
		{"nobody, and a guardian known by name", stamdata.Citizen{Status: "01"}, citizen(t, ward), []stamdata.Kin{kin(t, ward, "", "0002", "", "")},
			noon, false},
		{"a guardian who is dead", citizen(t, dead), citizen(t, ward), []stamdata.Kin{kin(t, ward, dead, "0001", "", "")}, noon, false},
		{"a ward who is dead", citizen(t, man), citizen(t, dead), []stamdata.Kin{kin(t, dead, man, "0001", "", "")}, noon, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := stamdata.Guardianship(c.guardian, c.ward, c.rows, c.at)
			assert.Equal(t, c.want, len(got) == 1)
			for _, r := range got {
				assert.Equal(t, relation.Relation{Kind: relation.Guardian, Valid: row.Valid}, r)
			}
		})
	}
}

func TestBetween(t *testing.T) {
	actor, subject := citizen(t, man), citizen(t, child)
	proxy := func(from int, scope string) stamdata.Proxy {
		return stamdata.Proxy{Actor: actor.CPR, Subject: subject.CPR, Relation: relation.Relation{
			Kind: relation.Proxy, Valid: validity.Period{From: noon.Add(time.Duration(from) * time.Hour)}, Scope: []string{scope},
		}}
	}
	r := stamdata.Registered{
		Actor: &actor, Subject: &subject, Proxies: []stamdata.Proxy{proxy(0, "b"), proxy(1, "later"), proxy(-1, "a")},
		Custody: []stamdata.Kin{kin(t, child, man, "0005", "", "")}, Guardians: []stamdata.Kin{kin(t, child, man, "0001", "", "")},
	}
	kinds := func(all []relation.Relation) (kinds []relation.Kind) {
		for _, x := range all {
			kinds = append(kinds, x.Kind)
		}
		return kinds
	}
	assert.Equal(t, []relation.Kind{relation.Custody, relation.Guardian, relation.Proxy, relation.Proxy}, kinds(r.Between(actor.CPR, subject.CPR, noon)))
	assert.Equal(t, []string{"a"}, r.Between(actor.CPR, subject.CPR, noon)[2].Scope, "oldest first")
	assert.Empty(t, r.Between(subject.CPR, actor.CPR, noon), "the other way")
	assert.Empty(t, r.Between(cpr.Number{}, cpr.Number{}, noon))
	unknown := r
	unknown.Subject = nil
	assert.Equal(t, []relation.Kind{relation.Proxy, relation.Proxy}, kinds(unknown.Between(actor.CPR, subject.CPR, noon)),
		"custody is of persons whom the register has")
	unknown = r
	unknown.Actor = nil
	assert.Equal(t, []relation.Kind{relation.Proxy, relation.Proxy}, kinds(unknown.Between(actor.CPR, subject.CPR, noon)))
	nobody := stamdata.Registered{Proxies: []stamdata.Proxy{{Relation: relation.Relation{Kind: relation.Proxy}}}}
	assert.Empty(t, nobody.Between(cpr.Number{}, cpr.Number{}, noon), "a row without numbers is nobody's")
}

// Whatever rows there are, who acts for somebody is alive, another row's person is not, and the child is a minor.
func TestBetweenIsNeverTooMuch(t *testing.T) {
	numbers := []string{mother, child, grown, man, ward, dead}
	rapid.Check(t, func(t *rapid.T) {
		pick := rapid.SampledFrom(numbers)
		days := rapid.SampledFrom([]string{"", "2010-01-01", "2020-01-01", "2026-03-02", "2026-03-03", "2040-01-01"})
		rows := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) stamdata.Kin {
			kind := rapid.SampledFrom([]string{"", "0001", "0003", "0004", "0005", "0006", "0007"}).Draw(t, "type")
			return kin(t, pick.Draw(t, "of"), pick.Draw(t, "relative"), kind, days.Draw(t, "from"), days.Draw(t, "to"))
		}), 0, 8)
		a, s := citizen(t, pick.Draw(t, "actor")), citizen(t, pick.Draw(t, "subject"))
		r := stamdata.Registered{Actor: &a, Subject: &s, Custody: rows.Draw(t, "custody"), Guardians: rows.Draw(t, "guardians")}
		at := noon.AddDate(rapid.IntRange(-20, 20).Draw(t, "years"), 0, 0)
		has := func(rows []stamdata.Kin, custody bool) bool {
			for _, k := range rows {
				typed := k.Type == "0003" || k.Type == "0004" || k.Type == "0005" || k.Type == "0006"
				if k.Citizen == s.CPR && k.CPR == a.CPR && k.Valid.Contains(at) && (typed || !custody) {
					return true
				}
			}
			return false
		}
		alive := a.Status != "90" && s.Status != "90"
		age, err := s.Age(calendar.DayOf(at))
		wantCustody := alive && err == nil && age < 18 && has(r.Custody, true)
		wantGuardian := alive && has(r.Guardians, false)
		var custody, guardian bool
		for _, x := range r.Between(a.CPR, s.CPR, at) {
			require.True(t, x.Valid.Contains(at))
			custody, guardian = custody || x.Kind == relation.Custody, guardian || x.Kind == relation.Guardian
		}
		require.Equal(t, wantCustody, custody)
		require.Equal(t, wantGuardian, guardian)
	})
}

func TestFamilyOf(t *testing.T) {
	custody := []stamdata.Kin{
		kin(t, child, mother, "0003", "2012-05-09", ""), kin(t, child, man, "0005", "2010-01-01", ""),
		kin(t, grown, mother, "0003", "2006-11-30", "2024-11-30"),
	}
	children := []stamdata.Kin{kin(t, mother, child, "", "", ""), kin(t, mother, grown, "", "", "")}
	guardians := []stamdata.Kin{
		kin(t, ward, man, "0001", "2018-06-01", ""), {Citizen: num(t, ward), Relative: stamdata.Relative{Name: "Mogens", Type: "0002"}},
	}
	of := func(n string) stamdata.Family {
		return stamdata.FamilyOf(num(t, n), custody, children, guardians, noon)
	}
	assert.Equal(t, stamdata.Family{
		Holders: []stamdata.Relative{custody[1].Relative, custody[0].Relative}, // oldest first
		Parents: []stamdata.Relative{{CPR: num(t, mother)}},
	}, of(child))
	assert.Equal(t, stamdata.Family{
		Children: []stamdata.Relative{{CPR: num(t, child), Type: "0003", Valid: custody[0].Valid}},
		Born:     []stamdata.Relative{{CPR: num(t, child)}, {CPR: num(t, grown)}},
	}, of(mother))
	assert.Equal(t, stamdata.Family{Guardians: []stamdata.Relative{{Name: "Mogens", Type: "0002"}, guardians[0].Relative}}, of(ward))
	assert.Equal(t, []stamdata.Relative{{CPR: num(t, ward), Type: "0001", Valid: guardians[0].Valid}}, of(man).Wards)
	assert.Equal(t, stamdata.Family{}, stamdata.FamilyOf(cpr.Number{}, nil, nil, nil, noon))
}

func TestDelegationCounts(t *testing.T) {
	d := stamdata.Delegation{
		Delegator: num(t, mother), Delegate: num(t, man), Status: "Godkendt",
		Valid: validity.Period{From: noon, To: noon.Add(time.Hour)},
	}
	bound := d
	bound.DelegateCVR = "33257872"
	counts := []string{"Godkendt"}
	for _, c := range []struct {
		name                string
		d                   stamdata.Delegation
		delegator, delegate cpr.Number
		cvr                 string
		statuses            []string
		at                  time.Time
		want                bool
	}{
		{"PI-08 it counts", d, d.Delegator, d.Delegate, "", counts, noon, true},
		{"the other way", d, d.Delegate, d.Delegator, "", counts, noon, false},
		{"from another", d, num(t, child), d.Delegate, "", counts, noon, false},
		{"to another", d, d.Delegator, num(t, child), "", counts, noon, false},
		{"another status", d, d.Delegator, d.Delegate, "", []string{"Bestilt"}, noon, false},
		{"no status counts", d, d.Delegator, d.Delegate, "", nil, noon, false},
		{"before", d, d.Delegator, d.Delegate, "", counts, noon.Add(-time.Millisecond), false},
		{"at its end", d, d.Delegator, d.Delegate, "", counts, noon.Add(time.Hour), false},
		{"any organisation", d, d.Delegator, d.Delegate, "33257872", counts, noon, true},
		{"the organisation", bound, d.Delegator, d.Delegate, "33257872", counts, noon, true},
		{"another organisation", bound, d.Delegator, d.Delegate, "12345678", counts, noon, false},
		{"no organisation", bound, d.Delegator, d.Delegate, "", counts, noon, false},
		{"nobody", stamdata.Delegation{Status: "Godkendt"}, cpr.Number{}, cpr.Number{}, "", counts, noon, false},
	} {
		assert.Equal(t, c.want, c.d.Counts(c.delegator, c.delegate, c.cvr, c.statuses, c.at), c.name)
	}
	assert.Equal(t, "0TST1", stamdata.NormalAuthorisation(" 0tst1 "))
}

func TestCPRView(t *testing.T) {
	fields := func(row stamdata.CopyRow) (names []string, values map[string]string) {
		values = map[string]string{}
		for _, f := range row.Fields {
			names = append(names, f.Name)
			if !f.Null {
				values[f.Name] = f.Value
			} else {
				assert.Empty(t, f.Value)
			}
		}
		return names, values
	}
	const none = "2999-12-31T00:00:00.000Z"
	opened := noon.Add(123 * time.Millisecond)

	t.Run("every view has its published columns", func(t *testing.T) {
		for _, name := range []string{stamdata.CPRPerson, stamdata.CPRCustody, stamdata.CPRChild, stamdata.CPRGuardian} {
			r := register(t, name)
			view, ok := stamdata.CPRViewOf(name)
			require.True(t, ok)
			got := stamdata.CPRView(r, make(stamdata.Row, len(r.Columns)), opened, time.Time{})
			names, _ := fields(got)
			assert.Equal(t, view.Columns(), names, name)
			assert.Equal(t, view, got.View)
			back, ok := stamdata.CPRRegisterOf(view)
			assert.True(t, ok)
			assert.Equal(t, name, back)
		}
		_, ok := stamdata.CPRViewOf(stamdata.Practices)
		assert.False(t, ok)
		_, ok = stamdata.CPRRegisterOf(stamdata.View{Register: "cpr", Datatype: "person", Version: 2})
		assert.False(t, ok)
	})

	t.Run("a person", func(t *testing.T) {
		r := register(t, stamdata.CPRPerson)
		person := row(t, r, map[string]string{"cpr": man, "status": "01", "koen": "M", "fornavn": "Mads", "foedselsdato": "1980-03-14", "vejKode": "42",
			"navnebeskyttelsestartdato": "2020-01-01"})
		got := stamdata.CPRView(r, person, opened, time.Time{})
		_, values := fields(got)
		assert.Equal(t, map[string]string{
			"cpr": man, "status": "01", "koen": "M", "fornavn": "Mads", "foedselsdato": "1980-03-14", "vejKode": "0042",
			"navnebeskyttelsestartdato": "2020-01-01", "validFrom": "2026-03-02T12:00:00.123Z", "validTo": none,
		}, values)
		assert.Equal(t, opened, got.ValidFrom)
		assert.Equal(t, man, got.Key)
		_, values = fields(stamdata.CPRView(r, person, opened, opened.Add(time.Hour)))
		assert.Equal(t, "2026-03-02T13:00:00.123Z", values["validTo"])
	})

	t.Run("custody", func(t *testing.T) {
		r := register(t, stamdata.CPRCustody)
		for code, text := range map[string]string{"0003": "Mor", "0004": "Far", "0005": "Anden indehaver 1", "0006": "Anden indehaver 2", "0009": ""} {
			got := stamdata.CPRView(r, stamdata.Row{child, code, mother, "2012-05-09", "2030-01-01"}, opened, time.Time{})
			_, values := fields(got)
			want := map[string]string{"id": child + "-" + mother, "cpr": child, "typeKode": code, "typeTekst": text, "relationCpr": mother,
				"validFrom": "2012-05-08T22:00:00.000Z", "validTo": "2029-12-31T23:00:00.000Z"}
			if text == "" {
				delete(want, "typeTekst")
			}
			assert.Equal(t, want, values)
			assert.Equal(t, onDay(t, "2012-05-09").Start(), got.ValidFrom)
		}
		got := stamdata.CPRView(r, stamdata.Row{child, "0003", mother, "", ""}, opened, time.Time{})
		assert.Equal(t, opened, got.ValidFrom, "where the file tells no day, that of the load")
		got = stamdata.CPRView(r, stamdata.Row{child, "0003", mother, "2040-01-01", ""}, opened, opened.Add(time.Hour))
		_, values := fields(got)
		assert.Equal(t, values["validFrom"], values["validTo"], "closed before it began")
	})

	t.Run("guardians", func(t *testing.T) {
		r := register(t, stamdata.CPRGuardian)
		_, known := fields(stamdata.CPRView(r, stamdata.Row{ward, "0001", man, "", "2018-06-01", ""}, opened, time.Time{}))
		assert.Equal(t, map[string]string{"id": ward + "-" + man, "cpr": ward, "typeKode": "0001", "relationCpr": man, "relationCprStartDato": "2018-06-01",
			"validFrom": "2018-05-31T22:00:00.000Z", "validTo": none}, known)
		_, named := fields(stamdata.CPRView(r, stamdata.Row{ward, "0002", "", "Mogens Mand", "2018-06-01", ""}, opened, time.Time{}))
		assert.Equal(t, "Mogens Mand", named["vaergesNavn"])
		assert.Equal(t, "2018-06-01", named["vaergesNavnStartDato"])
		assert.NotContains(t, named, "relationCprStartDato")
		_, other := fields(stamdata.CPRView(r, stamdata.Row{ward, "0002", "", "Anden Mand", "2018-06-01", ""}, opened, time.Time{}))
		assert.NotEqual(t, named["id"], other["id"])
		assert.LessOrEqual(t, len(named["id"]), 21, "as long as the published column")
	})
}

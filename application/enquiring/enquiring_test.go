package enquiring_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/enquiring"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports/portstest"
)

const cvr = "33257872"

var now = time.Date(2026, time.November, 22, 9, 0, 0, 0, time.UTC)

// house is both services on registers in memory.
type house struct {
	now      time.Time
	db       *memory.DB
	register *portstest.FailingCPRRegister
	lookup   enquiring.CPRLookup
	persons  enquiring.PersonInformation
	granted  []string // asked for
	caller   identity.Caller
}

func newHouse(t *testing.T) *house {
	h := &house{now: now, caller: identity.Caller{Kind: identity.System, Org: identity.Organisation{CVR: cvr}}}
	clock := func() time.Time { return h.now }
	h.db = memory.New(clock)
	portstest.LoadPeople(t, h.db.Stamdata(), time.Date(2012, time.January, 1, 0, 0, 0, 0, time.UTC))
	h.register = &portstest.FailingCPRRegister{Register: h.db.Register()}
	h.lookup = enquiring.CPRLookup{
		Register: h.register, Trail: admitting.Trail{}, Now: clock,
		Granted: func(_ context.Context, name, who string) (bool, error) {
			h.granted = append(h.granted, name+" "+who)
			return who == cvr, nil
		},
	}
	h.persons = enquiring.PersonInformation{
		Register: h.register, Trail: admitting.Trail{}, Now: clock, ActiveStatuses: []string{"01", "03", "05", "07", "20"},
	}
	return h
}

// noted runs a question and returns what it says in the audit log.
func noted(t *testing.T, ask func(context.Context)) (where audit.Context, told map[string]string) {
	t.Helper()
	var notes audit.Notes
	ask(admitting.WithNotes(t.Context(), &notes))
	require.Len(t, notes, 1)
	require.Equal(t, audit.SDM, notes[0].Component)
	require.Len(t, notes[0].Contexts, 1)
	told = map[string]string{}
	for i := range audit.Flatten(notes[0].Contexts[0].Information, 10) {
		told[i.Key] = i.Value
	}
	return notes[0].Contexts[0].Context, told
}

func number(t *testing.T, digits string) cpr.Number {
	t.Helper()
	n, err := cpr.Parse(digits)
	require.NoError(t, err)
	return n
}

func TestPerson(t *testing.T) {
	h := newHouse(t)
	for _, c := range []struct {
		name, number, cvr string
		want              error
		result            string
	}{
		{"PC-37 a child", "0905124643", cvr, nil, "found"},
		{"PC-38 a protected person", "0310710721", cvr, nil, "found"},
		{"PC-39 a dead person", "2508480706", cvr, nil, "found"},
		{"PC-40 nobody", "0909729999", cvr, enquiring.ErrNoData, "not-found"},
		{"EC-01 nobody's number", "0000000000", cvr, enquiring.ErrNoData, "not-found"},
		{"PC-40 no number", "9999999999", cvr, enquiring.ErrPattern, ""},
		{"PC-40 an X-eCPR", "1308781QT7", cvr, enquiring.ErrPattern, ""},
		{"EC-01 the pattern has no hyphen", "090512-4643", cvr, enquiring.ErrPattern, ""},
		{"PC-40 blank", " ", cvr, enquiring.ErrBlank, ""},
		{"PC-40 not listed", "0905124643", "99999902", enquiring.ErrNotGranted, ""},
		{"PC-40 not listed comes first", "", "99999902", enquiring.ErrNotGranted, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, health := range []bool{false, true} {
				h.caller.Org.CVR, h.granted = c.cvr, nil
				var answer enquiring.Answer
				var err error
				where, told := noted(t, func(ctx context.Context) { answer, err = h.lookup.Person(ctx, h.caller, c.number, health) })
				assert.Equal(t, []string{"sces " + c.cvr}, h.granted)
				want := map[string]string{"client-cvr": c.cvr}
				if c.number != "" {
					want["requested-cpr"] = c.number
				}
				if c.result != "" {
					want["result"] = c.result
				}
				assert.Equal(t, want, told)
				assert.Equal(t, map[bool]audit.Context{false: audit.PersonInformation, true: audit.PersonHealthInformation}[health], where)
				if c.want != nil {
					require.ErrorIs(t, err, c.want)
					assert.Zero(t, answer)
					continue
				}
				require.NoError(t, err)
				assert.Equal(t, c.number, answer.Person.CPR.Digits())
				assert.Equal(t, health, answer.Health != nil)
			}
		})
	}
}

func TestPersonReadsRelatives(t *testing.T) {
	h := newHouse(t)
	h.lookup.CountyCode = "1084"
	answer, err := h.lookup.Person(t.Context(), h.caller, "2101194638", true)
	require.NoError(t, err)
	mother, father := number(t, "2207820468"), number(t, "0611809735")
	assert.Equal(t, []stamdata.Related{{CPR: mother, Kinship: stamdata.Mother}, {CPR: father, Kinship: stamdata.FatherWithoutCustody}}, answer.Person.Custody)
	assert.Equal(t, "1084", answer.Person.County)
	answer, err = h.lookup.Person(t.Context(), h.caller, "1403800099", true)
	require.NoError(t, err)
	assert.Equal(t, number(t, "2804901808"), answer.Person.Prior)
	assert.Equal(t, []stamdata.Related{{CPR: number(t, "1702553083"), Kinship: stamdata.WardOf}}, answer.Person.Wards)
	require.NotNil(t, answer.Health)
	assert.Equal(t, "019002", answer.Health.Practice.Number)
	assert.Equal(t, "0000", func() string {
		h.lookup.CountyCode = ""
		a, err := h.lookup.Person(t.Context(), h.caller, "1403800099", false)
		require.NoError(t, err)
		return a.Person.County
	}())
}

// TestRegisterDown fails each read in turn: what cannot be read is never "not found".
func TestRegisterDown(t *testing.T) {
	secret := errors.New("secret cause")
	h := newHouse(t)
	for name, question := range map[string]struct {
		reads int
		ask   func(context.Context) error
	}{
		"look-up": {6, func(ctx context.Context) error { // the person, prior number, family, both parents, insurance
			_, err := h.lookup.Person(ctx, h.caller, "2101194638", true)
			return err
		}},
		"existence": {1, func(ctx context.Context) error { _, err := h.persons.Exists(ctx, h.caller, "2101194638"); return err }},
		"custody":   {5, func(ctx context.Context) error { _, err := h.persons.Custody(ctx, h.caller, "2207820468"); return err }},
		"name":      {1, func(ctx context.Context) error { _, err := h.persons.Name(ctx, h.caller, "2207820468"); return err }},
		"deceased": {1, func(ctx context.Context) error {
			_, err := h.persons.Deceased(ctx, h.caller, calendar.Day{}, cpr.Number{})
			return err
		}},
	} {
		t.Run("PC-40 "+name, func(t *testing.T) {
			for n := range question.reads {
				for _, cause := range []error{secret, fault.Error{Kind: fault.Unavailable, Code: "down", Text: "down"}} {
					h.register.OnRead.FailFrom(n+1, cause)
					err := question.ask(t.Context())
					require.ErrorIs(t, err, enquiring.ErrDown, "read %d", n+1)
					require.ErrorIs(t, err, cause)
					told, _ := fault.Of(err)
					require.Equal(t, enquiring.ErrDown, error(told))
				}
			}
			h.register.OnRead.FailFrom(question.reads+1, secret)
			defer h.register.OnRead.Heal()
			require.NoError(t, question.ask(t.Context()), "there are no more reads")
		})
	}
	t.Run("PC-40 grants", func(t *testing.T) {
		h.lookup.Granted = func(context.Context, string, string) (bool, error) { return true, secret }
		_, err := h.lookup.Person(t.Context(), h.caller, "2101194638", false)
		require.ErrorIs(t, err, enquiring.ErrDown)
	})
}

func TestPersonInformation(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	at := func(day string, hour int) {
		d, err := calendar.ParseDay(day)
		require.NoError(t, err)
		h.now = d.Start().Add(time.Duration(hour) * time.Hour)
	}
	t.Run("PI-01 who is there", func(t *testing.T) {
		for _, digits := range []string{"0905124643", "2508480706", "0803611471", "2804901808"} {
			n, err := h.persons.Exists(ctx, h.caller, digits)
			require.NoError(t, err)
			assert.Equal(t, digits, n.Digits())
		}
		for _, digits := range []string{"0909729999", "0000000000", "090512-4643", "x", ""} {
			_, err := h.persons.Exists(ctx, h.caller, digits)
			require.ErrorIs(t, err, enquiring.ErrNoPerson, digits)
		}
	})
	t.Run("PC-48 who is active", func(t *testing.T) {
		for digits, want := range map[string]struct {
			status string
			active bool
		}{
			"0905124643": {"01", true}, "1606752533": {"20", true}, "1112660712": {"80", false}, "2508480706": {"90", false},
			"2804901808": {"60", false}, "0803611471": {"30", false},
		} {
			status, err := h.persons.Status(ctx, h.caller, digits)
			require.NoError(t, err)
			assert.Equal(t, want.status, status)
			active, err := h.persons.Active(ctx, h.caller, digits)
			require.NoError(t, err)
			assert.Equal(t, want.active, active, digits)
		}
		active, err := h.persons.Active(ctx, h.caller, "0909729999")
		require.ErrorIs(t, err, enquiring.ErrNoPerson)
		assert.False(t, active)
	})
	t.Run("PC-46 born on 29 February", func(t *testing.T) {
		for day, want := range map[string]int{"2025-02-28": 20, "2025-03-01": 21} {
			at(day, 12)
			age, err := h.persons.Age(ctx, h.caller, "2902044063")
			require.NoError(t, err)
			assert.Equal(t, want, age, day)
		}
	})
	t.Run("PI-02 ages that cannot be told", func(t *testing.T) {
		at("2012-05-08", 12)
		_, err := h.persons.Age(ctx, h.caller, "0905124643")
		require.ErrorIs(t, err, enquiring.ErrNoPerson, "not born")
		at("2026-11-22", 12)
		age, err := h.persons.Age(ctx, h.caller, "2508480706")
		require.NoError(t, err)
		assert.Equal(t, 71, age, "at death")
	})
	t.Run("PI-02 birthdays", func(t *testing.T) {
		birth, err := h.persons.Birthday(ctx, h.caller, "2902044063")
		require.NoError(t, err)
		assert.Equal(t, "2004-02-29", birth.String())
		_, err = h.persons.Birthday(ctx, h.caller, "0909729999")
		require.ErrorIs(t, err, enquiring.ErrNoPerson)
	})
	t.Run("PC-45 custody", func(t *testing.T) {
		mother, grown := "2207820468", number(t, "3011064116")
		has := func(child cpr.Number) bool {
			over, err := h.persons.Custody(ctx, h.caller, mother)
			require.NoError(t, err)
			return slices.ContainsFunc(over.Children, func(c stamdata.InCustody) bool { return c.CPR == child })
		}
		at("2024-11-29", 23)
		assert.True(t, has(grown), "the day before the 18th birthday")
		at("2024-11-30", 0)
		assert.False(t, has(grown), "the 18th birthday")
		at("2026-11-22", 12)
		over, err := h.persons.Custody(ctx, h.caller, mother)
		require.NoError(t, err)
		assert.Equal(t, []stamdata.InCustody{{CPR: number(t, "0905124643"), Age: 14}, {CPR: number(t, "2101194638"), Age: 7}}, over.Children)
		reversed, err := h.persons.Custody(ctx, h.caller, "0905124643")
		require.NoError(t, err)
		assert.Zero(t, reversed)
	})
	t.Run("PC-47 guardianship", func(t *testing.T) {
		over, err := h.persons.Custody(ctx, h.caller, "1403800099")
		require.NoError(t, err)
		assert.Equal(t, []cpr.Number{number(t, "1702553083")}, over.Wards)
		reversed, err := h.persons.Custody(ctx, h.caller, "1702553083")
		require.NoError(t, err)
		assert.Zero(t, reversed)
		_, err = h.persons.Custody(ctx, h.caller, "0909729999")
		require.ErrorIs(t, err, enquiring.ErrNoPerson)
	})
	t.Run("PC-38 names and addresses", func(t *testing.T) {
		name, err := h.persons.Name(ctx, h.caller, "2101194638")
		require.NoError(t, err)
		assert.Equal(t, stamdata.Name{Given: "Ida", Middle: "Prøve", Surname: "Testesen"}, name)
		address, err := h.persons.Address(ctx, h.caller, "2101194638")
		require.NoError(t, err)
		assert.Equal(t, "Prøvevej", address.Street)
		for digits, why := range map[string]string{"0310710721": "protected", "0803611471": "not known", "0909729999": "nobody"} {
			_, err := h.persons.Name(ctx, h.caller, digits)
			require.ErrorIs(t, err, enquiring.ErrNoPerson, why)
			_, err = h.persons.Address(ctx, h.caller, digits)
			require.ErrorIs(t, err, enquiring.ErrNoPerson, why)
		}
		_, err = h.persons.Address(ctx, h.caller, "2508480706")
		require.ErrorIs(t, err, enquiring.ErrNoPerson, "dead")
		at("2019-12-31", 23)
		_, err = h.persons.Name(ctx, h.caller, "0310710721")
		require.NoError(t, err, "before the protection")
		at("2026-11-22", 12)
	})
	t.Run("PI-01 the dead", func(t *testing.T) {
		died := calendar.Day{Year: 2020, Month: time.May, Dom: 1}
		dead := number(t, "2508480706")
		for _, c := range []struct {
			since calendar.Day
			after cpr.Number
			want  []cpr.Number
		}{
			{calendar.Day{Year: 1900, Month: 1, Dom: 1}, cpr.Number{}, []cpr.Number{dead}}, {died, cpr.Number{}, []cpr.Number{dead}},
			{calendar.Day{Year: 2020, Month: time.May, Dom: 3}, cpr.Number{}, nil}, {died, dead, nil},
		} {
			all, err := h.persons.Deceased(ctx, h.caller, c.since, c.after)
			require.NoError(t, err)
			assert.ElementsMatch(t, c.want, all)
		}
	})
}

func TestPersonInformationIsAudited(t *testing.T) {
	h := newHouse(t)
	for digits, result := range map[string]string{"0905124643": "found", "0310710721": "found", "0909729999": "not-found", "x": "not-found"} {
		where, told := noted(t, func(ctx context.Context) { _, _ = h.persons.Name(ctx, h.caller, digits) })
		assert.Equal(t, audit.PersonLookup, where)
		assert.Equal(t, map[string]string{"requested-cpr": digits, "client-cvr": cvr, "result": result}, told, "never whether somebody is protected")
	}
	where, told := noted(t, func(ctx context.Context) { _, _ = h.persons.Deceased(ctx, h.caller, calendar.Day{}, cpr.Number{}) })
	assert.Equal(t, audit.DeceasedLookup, where)
	assert.Equal(t, map[string]string{"client-cvr": cvr}, told)
}

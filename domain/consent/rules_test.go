package consent_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/validity"
)

const newID consent.ID = 333_333_333_333_333

var (
	portal = consent.Stamp{At: now, System: "TestPortal", User: citizen.Digits()}
	later  = consent.Stamp{At: now.Add(time.Hour), System: "TestAdmin", User: another.Digits()}
	soon   = days(now, now.AddDate(0, 3, 0))
)

func rules(t testing.TB) consent.Rules {
	t.Helper()
	return consent.Rules{Tree: newTree(t), MaxActive: 3, PositiveYears: 10}
}

func TestAdd(t *testing.T) {
	draft := consent.Draft{Who: at(hospital, true), What: consent.What{Data: year2024, Origin: consent.Organisation{SOR: ward}}, Valid: soon}
	for _, kind := range []consent.Kind{consent.Constraint, consent.Positive} {
		got, err := rules(t).Add(nil, citizen, kind, draft, newID, portal)
		require.NoError(t, err)
		assert.Equal(t, consent.Registration{ID: newID, Version: 1, Citizen: citizen, Kind: kind, Who: draft.Who, What: draft.What, Valid: soon,
			Active: true, Created: portal}, got)
	}

	got, err := rules(t).Add(nil, citizen, consent.Constraint, consent.Draft{Valid: validity.Period{From: now}}, newID, portal)
	require.NoError(t, err, "CT-21 a constraint without validTo")
	assert.Equal(t, validity.Period{From: now}, got.Valid)
	got, err = rules(t).Add(nil, citizen, 9, consent.Draft{Valid: soon}, newID, portal)
	require.NoError(t, err)
	assert.Equal(t, consent.Positive, got.Kind, "every number but 0")
}

func TestInstantsAreWholeMillisecondsOfUTC(t *testing.T) {
	zone := time.FixedZone("", 3600)
	odd := time.Date(2026, time.May, 1, 12, 0, 0, 123_456_789, zone)
	want := time.Date(2026, time.May, 1, 11, 0, 0, 123_000_000, time.UTC)
	draft := consent.Draft{What: dated(days(odd, odd.Add(time.Second))), Valid: days(odd, odd.Add(time.Second))}
	got, err := rules(t).Add(nil, citizen, consent.Constraint, draft, newID, consent.Stamp{At: odd})
	require.NoError(t, err)
	assert.Equal(t, days(want, want.Add(time.Second)), got.Valid)
	assert.Equal(t, got.Valid, got.What.Data)
	assert.Equal(t, want, got.Created.At)
}

// refusals are drafts that neither make a registration nor change one.
func refusals() []struct {
	name string
	kind consent.Kind
	edit func(*consent.Draft)
	want error
} {
	utc := func(y int, m time.Month, d, h int) time.Time { return time.Date(y, m, d, h, 0, 0, 0, time.UTC) }
	return []struct {
		name string
		kind consent.Kind
		edit func(*consent.Draft)
		want error
	}{
		{"CT-20 a positive consent without validTo", consent.Positive, func(d *consent.Draft) { d.Valid.To = time.Time{} }, consent.ErrNoEnd},
		{"CT-20 validTo is validFrom", consent.Positive, func(d *consent.Draft) { d.Valid.From = d.Valid.To }, consent.ErrEnd},
		{"CT-20 validTo before validFrom", consent.Constraint, func(d *consent.Draft) { d.Valid.From = d.Valid.To.Add(time.Millisecond) }, consent.ErrEnd},
		{"CT-20 validTo is past", consent.Positive, func(d *consent.Draft) { d.Valid = days(now.AddDate(0, -1, 0), now.Add(-1)) }, consent.ErrPast},
		{"validTo is now", consent.Constraint, func(d *consent.Draft) { d.Valid = days(now.AddDate(0, -1, 0), now) }, consent.ErrPast},
		{"validTo is in the next millisecond", consent.Constraint, func(d *consent.Draft) {
			d.Valid = days(now.AddDate(0, -1, 0), now.Add(time.Millisecond))
		}, nil},
		{"CT-20 an unknown organisation in who", consent.Constraint, func(d *consent.Draft) { d.Who = at(unknown, false) }, consent.ErrWhoOrg},
		{"CT-20 an unknown organisation in what", consent.Positive, func(d *consent.Draft) { d.What = from(unknown, true) }, consent.ErrWhatOrg},
		{"an organisation that is no SOR number", consent.Constraint, func(d *consent.Draft) { d.Who = at("9990A1", false) }, consent.ErrWhoOrg},
		{"CT-21 without validFrom", consent.Constraint, func(d *consent.Draft) { d.Valid.From = time.Time{} }, consent.ErrMissingFrom},
		{"CT-22 who is a person and an organisation", consent.Constraint, func(d *consent.Draft) { d.Who.Person, d.Who.Org.SOR = doctor, hospital },
			consent.ErrTargets},
		{"who is a person and foreigners", consent.Positive, func(d *consent.Draft) { d.Who.Person, d.Who.Foreign = doctor, true }, consent.ErrTargets},
		{"who is an organisation and foreigners", consent.Positive, func(d *consent.Draft) { d.Who.Org.SOR, d.Who.Foreign = hospital, true }, consent.ErrTargets},
		{"CT-22 sub-units without an organisation in who", consent.Constraint, func(d *consent.Draft) { d.Who.Org.SubUnits = true }, consent.ErrWhoSubs},
		{"a person with sub-units", consent.Constraint, func(d *consent.Draft) { d.Who.Person, d.Who.Org.SubUnits = doctor, true }, consent.ErrWhoSubs},
		{"sub-units without an origin in what", consent.Constraint, func(d *consent.Draft) { d.What.Origin.SubUnits = true }, consent.ErrWhatSubs},
		{"data of no time", consent.Constraint, func(d *consent.Draft) { d.What.Data = days(now, now) }, consent.ErrDataPeriod},
		{"data until before they begin", consent.Positive, func(d *consent.Draft) { d.What.Data = days(now, now.Add(-time.Hour)) }, consent.ErrDataPeriod},
		{"data of all time to come", consent.Positive, func(d *consent.Draft) { d.What.Data = validity.Period{From: day(2030, 1, 1)} }, nil},
		{"ten years", consent.Positive, func(d *consent.Draft) { d.Valid = days(day(2026, 3, 1), day(2036, 3, 1)) }, nil},
		{"more than ten years", consent.Positive, func(d *consent.Draft) { d.Valid = days(day(2026, 3, 1), day(2036, 3, 1).Add(time.Millisecond)) },
			consent.ErrTooLong},
		{"more than ten years of a constraint", consent.Constraint, func(d *consent.Draft) { d.Valid = days(day(2026, 3, 1), day(2126, 3, 1)) }, nil},
		{"ten years from a summer's midnight", consent.Positive, func(d *consent.Draft) { d.Valid = days(utc(2026, 6, 30, 22), utc(2036, 6, 30, 22)) }, nil},
		// 29 March 2037 is a day on which the clock changes, 29 March 2027 is in summer.
		{"ten years by the calendar that are an hour more by the clock", consent.Positive, func(d *consent.Draft) {
			d.Valid = days(calendar.Day{Year: 2027, Month: 3, Dom: 29}.Start(), calendar.Day{Year: 2037, Month: 3, Dom: 29}.Start())
		}, nil},
	}
}

func TestDraftsThatAreRefused(t *testing.T) {
	for _, c := range refusals() {
		t.Run(c.name, func(t *testing.T) {
			draft := consent.Draft{Valid: soon}
			c.edit(&draft)
			_, err := rules(t).Add(nil, citizen, c.kind, draft, newID, portal)
			require.Equal(t, c.want, err, "added")
			there := consent.Registration{ID: newID, Version: 4, Citizen: citizen, Kind: c.kind, Valid: soon, Active: true, Created: portal, Modified: portal}
			_, err = rules(t).Modify([]consent.Registration{there}, newID, c.kind, draft, portal)
			require.Equal(t, c.want, err, "modified")
		})
	}
}

func TestCT22WhoThatSetsNothingIsEveryone(t *testing.T) {
	got, err := rules(t).Add(nil, citizen, consent.Constraint, consent.Draft{Valid: soon}, newID, portal)
	require.NoError(t, err)
	assert.Equal(t, consent.Who{}, got.Who)
	assert.True(t, got.What.IsZero())
}

func TestAddNeedsACitizen(t *testing.T) {
	_, err := rules(t).Add(nil, consent.Registration{}.Citizen, consent.Constraint, consent.Draft{Valid: soon}, newID, portal)
	assert.Equal(t, consent.ErrMissingCitizen, err)
}

func TestCT25MoreThanMayBeActive(t *testing.T) {
	r := rules(t)
	all := make([]consent.Registration, 3)
	for i := range all {
		all[i] = constraint(everyone, allData)
		all[i].Valid.To = now.Add(-time.Minute) // expired counts too: it can be moved ahead
	}
	_, err := r.Add(all, citizen, consent.Constraint, consent.Draft{Valid: soon}, newID, portal)
	assert.Equal(t, consent.ErrTooManyActive, err)
	all[1].Active = false
	_, err = r.Add(all, citizen, consent.Constraint, consent.Draft{Valid: soon}, newID, portal)
	require.NoError(t, err)
	all[1].Active, r.MaxActive = true, 0
	_, err = r.Add(all, citizen, consent.Constraint, consent.Draft{Valid: soon}, newID, portal)
	require.NoError(t, err, "without a limit")
}

func TestWithoutATreeNoOrganisationIsKnown(t *testing.T) {
	r := consent.Rules{}
	_, err := r.Add(nil, citizen, consent.Constraint, consent.Draft{Who: at(hospital, false), Valid: soon}, newID, portal)
	assert.Equal(t, consent.ErrWhoOrg, err)
	_, err = r.Add(nil, citizen, consent.Positive, consent.Draft{Valid: days(now, now.AddDate(500, 0, 0))}, newID, portal)
	require.NoError(t, err, "without a limit of years")
}

func TestModify(t *testing.T) {
	first := constraint(at(hospital, true), dated(year2024))
	first.Created = portal
	others := positive(everyone, allData)
	all := []consent.Registration{others, first}
	draft := consent.Draft{Who: person(doctor), Valid: soon}
	second, err := rules(t).Modify(all, first.ID, consent.Constraint, draft, later)
	require.NoError(t, err)
	assert.Equal(t, consent.Registration{ID: first.ID, Version: 2, Citizen: citizen, Kind: consent.Constraint, Who: draft.Who, Valid: soon, Active: true,
		Created: portal, Modified: later}, second, "the draft as a whole, the rest as it was")

	third, err := rules(t).Modify([]consent.Registration{second}, first.ID, consent.Constraint, draft, portal)
	require.NoError(t, err)
	assert.Equal(t, 3, third.Version)
	assert.Equal(t, portal, third.Modified)
	assert.Equal(t, constraint(at(hospital, true), dated(year2024)).Who, all[1].Who, "what was given is as it was")
}

func TestExpiredIsMovedAhead(t *testing.T) {
	r := positive(everyone, allData)
	r.Valid = days(now.AddDate(0, -2, 0), now.AddDate(0, -1, 0))
	next, err := rules(t).Modify([]consent.Registration{r}, r.ID, consent.Positive, consent.Draft{Valid: days(r.Valid.From, now.AddDate(0, 1, 0))}, portal)
	require.NoError(t, err)
	assert.Equal(t, consent.InForce, next.State(now))
}

func TestCT17Revoke(t *testing.T) {
	r := constraint(at(hospital, true), allData)
	r.Created = portal
	last, err := consent.Revoke([]consent.Registration{r}, r.ID, later)
	require.NoError(t, err)
	want := r
	want.Version, want.Active, want.Modified = 2, false, later
	assert.Equal(t, want, last)
	assert.True(t, r.Active)
}

func TestWhatCannotBeChanged(t *testing.T) {
	blocked, allowed, revoked := constraint(everyone, allData), positive(everyone, allData), constraint(everyone, allData)
	revoked.ID, revoked.Active = 444_444_444_444_444, false
	all := []consent.Registration{blocked, allowed, revoked}
	for _, c := range []struct {
		name   string
		id     consent.ID
		kind   consent.Kind
		modify error
		revoke error
	}{
		{"CT-18 a revoked one", revoked.ID, consent.Constraint, consent.ErrInactive, consent.ErrInactive},
		{"a revoked one, as the other kind", revoked.ID, consent.Positive, consent.ErrInactive, consent.ErrInactive},
		{"CT-19 one that is not the citizen's, or is not there", newID, consent.Constraint, consent.ErrNotFound, consent.ErrNotFound},
		{"CT-20 a constraint as a positive consent", blocked.ID, consent.Positive, consent.ErrNotPositive, nil},
		{"a positive consent as a constraint", allowed.ID, consent.Constraint, consent.ErrNotConstraint, nil},
		{"no id", 0, consent.Constraint, consent.ErrMissingID, consent.ErrMissingID},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := rules(t).Modify(all, c.id, c.kind, consent.Draft{Valid: soon}, portal)
			assert.Equal(t, c.modify, err, "modify")
			_, err = consent.Revoke(all, c.id, portal)
			if c.revoke == nil {
				require.NoError(t, err, "either kind is revoked")
				return
			}
			assert.Equal(t, c.revoke, err, "revoke")
		})
	}
}

func TestRefusalsHaveTheirCodes(t *testing.T) {
	for code, errs := range map[string][]fault.Error{
		"syntax_error":          {consent.ErrID},
		"invalid_request":       {consent.ErrMissingID, consent.ErrMissingCitizen, consent.ErrMissingFrom},
		"consent_not_found":     {consent.ErrNotFound},
		"consent_inactive":      {consent.ErrInactive},
		"consent_type_mismatch": {consent.ErrNotPositive, consent.ErrNotConstraint},
		"too_many":              {consent.ErrTooManyActive},
		"invalid_validity":      {consent.ErrNoEnd, consent.ErrEnd, consent.ErrPast, consent.ErrTooLong},
		"invalid_who":           {consent.ErrTargets, consent.ErrWhoSubs},
		"invalid_what":          {consent.ErrWhatSubs, consent.ErrDataPeriod},
		"unknown_organization":  {consent.ErrWhoOrg, consent.ErrWhatOrg},
	} {
		kinds := map[fault.Kind]bool{}
		for _, err := range errs {
			assert.Equal(t, code, err.Code, err.Text)
			kinds[err.Kind] = true
		}
		assert.Len(t, kinds, 1, code)
	}
}

// TestVersions walks through changes as they come, and keeps the history as a store does.
func TestVersions(t *testing.T) {
	r := rules(t)
	first, err := r.Add(nil, citizen, consent.Positive, consent.Draft{Valid: soon}, newID, portal)
	require.NoError(t, err)
	history := []consent.Registration{first}
	for i := range 3 {
		by := consent.Stamp{At: now.Add(time.Duration(i+1) * time.Minute), System: fmt.Sprint("system ", i)}
		next, err := r.Modify(history[i:], newID, consent.Positive, consent.Draft{Valid: days(now, now.AddDate(0, i+4, 0))}, by)
		require.NoError(t, err)
		history = append(history, next)
	}
	kept := slices.Clone(history)
	last, err := consent.Revoke(history[3:], newID, later)
	require.NoError(t, err)
	assert.Equal(t, kept, history, "older versions are not altered")
	history = append(history, last)
	for i, v := range history {
		assert.Equal(t, i+1, v.Version)
		assert.Equal(t, portal, v.Created)
		assert.Equal(t, i == 0, v.Modified == consent.Stamp{})
		assert.Equal(t, i < 4, v.Active)
	}
	assert.Equal(t, history[3].Valid, last.Valid, "what is revoked is told as it was")
}

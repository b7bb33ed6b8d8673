package stamdata_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/domain/validity"
)

var lookedUp = time.Date(2026, time.November, 22, 9, 0, 0, 0, time.UTC)

func person(t *testing.T, digits string) cpr.Number {
	t.Helper()
	n, err := cpr.Parse(digits)
	require.NoError(t, err)
	return n
}

func on(t *testing.T, s string) calendar.Day {
	t.Helper()
	d, err := calendar.ParseDay(s)
	require.NoError(t, err)
	return d
}

// household is what the registers have of a child, its parents, an aunt with custody, a guardian, and children that are grown up or dead.
type household struct {
	child, mother, father, aunt, guardian, adult, dead cpr.Number
	all                                                map[cpr.Number]stamdata.Citizen
}

func newHousehold(t *testing.T) household {
	h := household{
		child: person(t, "0905124643"), mother: person(t, "2207820468"), father: person(t, "1403800099"), aunt: person(t, "1909851138"),
		guardian: person(t, "0611809735"), adult: person(t, "3011064116"), dead: person(t, "2101194638"),
		all: map[cpr.Number]stamdata.Citizen{},
	}
	for n, sex := range map[cpr.Number]stamdata.Sex{
		h.child: stamdata.Male, h.mother: stamdata.Female, h.father: stamdata.Male, h.aunt: stamdata.Female, h.guardian: stamdata.Male,
		h.adult: stamdata.Female, h.dead: stamdata.Male,
	} {
		h.all[n] = stamdata.Citizen{CPR: n, Status: "01", Sex: sex}
	}
	h.change(h.dead, func(c *stamdata.Citizen) { c.Status, c.Died = stamdata.StatusDead, on(t, "2025-02-01") })
	return h
}

func (h household) change(n cpr.Number, edit func(*stamdata.Citizen)) {
	c := h.all[n]
	edit(&c)
	h.all[n] = c
}

func (h household) record(n cpr.Number, f stamdata.Family) stamdata.Record {
	return stamdata.Record{Citizen: h.all[n], Family: f, Relatives: h.all}
}

func rows(code string, numbers ...cpr.Number) []stamdata.Relative {
	var all []stamdata.Relative
	for _, n := range numbers {
		all = append(all, stamdata.Relative{CPR: n, Type: code})
	}
	return all
}

func TestSC01WhatTheRegisterLacksIsFilledIn(t *testing.T) {
	n := person(t, "0905124643")
	for _, c := range []struct {
		name string
		in   stamdata.Citizen
		want func(*stamdata.Disclosure)
	}{
		{"SC-01 everything is known", stamdata.Citizen{}, func(*stamdata.Disclosure) {}},
		{"SC-01 no name", stamdata.Citizen{Name: stamdata.Name{Given: " "}}, func(d *stamdata.Disclosure) {
			d.Name, d.Addressing = stamdata.Name{Given: "UKENDT", Surname: "UKENDT"}, "UKENDT"
		}},
		{"SC-01 a given name alone", stamdata.Citizen{Name: stamdata.Name{Given: "Bo"}}, func(d *stamdata.Disclosure) {
			d.Name, d.Addressing = stamdata.Name{Given: "Bo", Surname: "UKENDT"}, "Bo"
		}},
		{"SC-01 a middle name", stamdata.Citizen{Name: stamdata.Name{Given: "Bo", Middle: "Prøve", Surname: "Testesen"}}, func(d *stamdata.Disclosure) {
			d.Name.Middle, d.Addressing = "Prøve", "Bo Prøve Testesen"
		}},
		{"SC-01 short codes", stamdata.Citizen{Address: stamdata.Address{Street: "Vej", PostCode: "900", District: "By", StreetCode: "7", MunicipalityCode: "99"}},
			func(d *stamdata.Disclosure) {
				d.Address = stamdata.Address{Street: "Vej", PostCode: "0900", District: "By", StreetCode: "0007", MunicipalityCode: "0099"}
			}},
		{"SC-01 codes that are none", stamdata.Citizen{Address: stamdata.Address{House: "1", PostCode: "12345", StreetCode: "x"}}, func(d *stamdata.Disclosure) {
			d.Address = stamdata.Address{Street: "UKENDT", House: "1", PostCode: "0000", District: "UKENDT", StreetCode: "0000", MunicipalityCode: "0000"}
		}},
		{"SC-01 the status is as old as the person where its day is not known", stamdata.Citizen{}, func(d *stamdata.Disclosure) {
			d.StatusSince = d.Birth
		}},
		{"PI-02 the birth date of the register", stamdata.Citizen{Registered: on(t, "2012-05-08"), BirthUncertain: true}, func(d *stamdata.Disclosure) {
			d.Birth, d.BirthUncertain, d.StatusSince = on(t, "2012-05-08"), true, on(t, "2012-05-08")
		}},
		{"SC-04 the current number", stamdata.Citizen{Current: person(t, "1403800099"), Status: "60"}, func(d *stamdata.Disclosure) {
			d.Current, d.Status, d.Address, d.County = person(t, "1403800099"), "60", stamdata.UnknownAddress(), "0000"
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.in.CPR = n
			if c.in.Status == "" {
				c.in.Status = "01"
			}
			if c.in.Name == (stamdata.Name{}) {
				c.in.Name = stamdata.Name{Given: "Bo", Surname: "Testesen"}
			}
			want := stamdata.Disclosure{
				CPR: n, Name: stamdata.Name{Given: "Bo", Surname: "Testesen"}, Addressing: "Bo Testesen", Birth: on(t, "2012-05-09"),
				StatusSince: on(t, "2012-05-09"), Status: "01", County: "1084",
			}
			c.want(&want)
			r := stamdata.Record{Citizen: c.in}
			assert.Equal(t, want, r.Disclose("1084", lookedUp))
		})
	}
	t.Run("SC-05 the code of the county", func(t *testing.T) {
		r := stamdata.Record{Citizen: stamdata.Citizen{CPR: n, Status: "01"}}
		for county, want := range map[string]string{"1084": "1084", "99": "99", "": "0000", "84": "0000", "Syd": "0000", "10840": "0000"} {
			assert.Equal(t, want, r.Disclose(county, lookedUp).County, county)
		}
	})
	t.Run("SC-01 a birth date that does not exist", func(t *testing.T) {
		r := stamdata.Record{Citizen: stamdata.Citizen{CPR: person(t, "2902231111"), Status: "01"}}
		d := r.Disclose("0000", lookedUp)
		assert.Equal(t, on(t, "1970-01-01"), d.Birth)
		assert.Equal(t, on(t, "1970-01-01"), d.StatusSince)
		assert.True(t, d.BirthUncertain)
	})
}

func TestSC02WhoHasNoAddress(t *testing.T) {
	known := stamdata.Address{CareOf: "x", Street: "Vej", House: "1", PostCode: "0900", District: "By", StreetCode: "0001", MunicipalityCode: "0002"}
	for status, has := range map[string]bool{
		"01": true, "03": true, "05": true, "07": true, "80": true, "20": false, "30": false, "50": false, "60": false, "70": false, "90": false,
	} {
		r := stamdata.Record{Citizen: stamdata.Citizen{CPR: person(t, "2508480706"), Status: status, Address: known}}
		want, county := known, "1084"
		if !has {
			want = stamdata.Address{Street: "UKENDT", PostCode: "0000", District: "UKENDT", StreetCode: "0000", MunicipalityCode: "0000"}
			county = "0000"
		}
		d := r.Disclose("1084", lookedUp)
		assert.Equal(t, want, d.Address, "SC-02 status %s", status)
		assert.Equal(t, county, d.County, "SC-02 status %s", status)
	}
}

func TestSC03AProtectedPersonIsCensored(t *testing.T) {
	h := newHousehold(t)
	n := h.child
	h.change(n, func(c *stamdata.Citizen) {
		c.Name = stamdata.Name{Given: "Bo", Middle: "Prøve", Surname: "Testesen"}
		c.Address = stamdata.Address{CareOf: "Mor", Street: "Vej", House: "1", PostCode: "0900", District: "By", Town: "Sted"}
		c.Current, c.Registered, c.StatusSince, c.Status = h.adult, on(t, "2012-05-08"), on(t, "2020-02-02"), "05"
		c.Protection = on(t, "2020-01-01")
	})
	r := h.record(n, stamdata.Family{
		Holders: rows("0003", h.mother), Guardians: rows("", h.guardian), Parents: rows("", h.father), Wards: rows("", h.aunt),
	})
	r.Prior = h.dead
	practice := stamdata.Practice{Number: "900001", Name: "Lægerne", CVR: "12345678"}
	r.Insured = &stamdata.Insured{CPR: n, Group: "2", GroupSince: on(t, "2015-01-01"), Status: "G", Practice: &practice, Prior: &practice}
	want := stamdata.Disclosure{
		CPR: n, Current: h.adult, Name: stamdata.Name{Given: "ADRESSEBESKYTTET", Surname: "ADRESSEBESKYTTET"}, Addressing: "ADRESSEBESKYTTET",
		Protected: true, ProtectedSince: on(t, "2020-01-01"), Birth: on(t, "1970-01-01"), BirthUncertain: true, Status: "01",
		StatusSince: on(t, "1970-01-01"), County: "0000",
		Address: stamdata.Address{
			Street: "ADRESSEBESKYTTET", PostCode: "0000", District: "ADRESSEBESKYTTET", StreetCode: "0000", MunicipalityCode: "0000",
		},
	}
	assert.Equal(t, want, r.Disclose("1084", lookedUp))
	assert.Equal(t, stamdata.Health{
		Practice: stamdata.Practice{
			Number: "0", Name: "ADRESSEBESKYTTET", Address: "ADRESSEBESKYTTET", PostCode: "0000", District: "ADRESSEBESKYTTET", Phone: "00000000",
			Email: "ADRESSEBESKYTTET@example.com",
		},
		Group: "1", GroupSince: on(t, "1970-01-01"),
	}, r.Health(lookedUp))

	for _, c := range []struct {
		name       string
		start, end string
		protected  bool
	}{
		{"PI-05 from the day on", "2026-11-22", "", true},
		{"PI-05 not the day before", "2026-11-23", "", false},
		{"PI-05 until the day before the end", "2020-01-01", "2026-11-23", true},
		{"PI-05 not on the day of the end", "2020-01-01", "2026-11-22", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := stamdata.Record{Citizen: stamdata.Citizen{CPR: n, Status: "01", Protection: on(t, c.start), Name: stamdata.Name{Given: "Bo"}}}
			if c.end != "" {
				r.Citizen.ProtectionEnd = on(t, c.end)
			}
			d := r.Disclose("0000", lookedUp)
			assert.Equal(t, c.protected, d.Protected)
			assert.Equal(t, c.protected, d.Name.Given != "Bo")
			assert.Equal(t, c.protected, d.ProtectedSince != calendar.Day{})
		})
	}
}

func TestSC04Health(t *testing.T) {
	none := stamdata.Practice{
		Number: "0", Name: "UKENDT", Address: "UKENDT", PostCode: "0000", District: "UKENDT", Phone: "00000000", Email: "UKENDT@example.com",
	}
	practice := stamdata.Practice{
		Number: "900001", Name: "Lægerne Testby", Address: "Prøvevej 1", PostCode: "900", District: "Testby", Phone: "12345678", Email: "a@b.dk", CVR: "12345678",
	}
	complete := practice
	complete.PostCode = "0900"
	bare := stamdata.Practice{Number: "900002"}
	filled := stamdata.Practice{Number: "900002", Name: "UKENDT", Address: "UKENDT", PostCode: "0000", District: "UKENDT"}
	for _, c := range []struct {
		name string
		in   *stamdata.Insured
		want stamdata.Health
	}{
		{"SC-04 not insured", nil, stamdata.Health{Practice: none, Group: "1", GroupSince: on(t, "1970-01-01")}},
		{"SC-04 insured", &stamdata.Insured{Group: "2", GroupSince: on(t, "2015-01-01"), Status: "G", Practice: &practice, Prior: &bare},
			stamdata.Health{Practice: complete, Prior: &filled, Group: "2", GroupSince: on(t, "2015-01-01"), Status: "G"}},
		{"SC-04 without a practice", &stamdata.Insured{Group: "9"}, stamdata.Health{Practice: none, Group: "9"}},
		{"SC-04 a group and a status that there are not", &stamdata.Insured{Group: "3", Status: "X"}, stamdata.Health{Practice: none, Group: "1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := stamdata.Record{Citizen: stamdata.Citizen{CPR: person(t, "0905124643"), Status: "01"}, Insured: c.in}
			assert.Equal(t, c.want, r.Health(lookedUp))
		})
	}
	assert.Equal(t, "900", practice.PostCode, "the row is not changed")
}

func TestSC05Custody(t *testing.T) {
	h := newHousehold(t)
	sexless := person(t, "0203267001")
	h.all[sexless] = stamdata.Citizen{CPR: sexless, Status: "01"}
	stranger := person(t, "0909729999")
	ended := stamdata.Relative{CPR: h.mother, Type: "0003", Valid: validity.Period{To: lookedUp}}
	for _, c := range []struct {
		name string
		of   cpr.Number
		in   stamdata.Family
		want []stamdata.Related
	}{
		{"SC-05 the codes of custody", h.child,
			stamdata.Family{Holders: append(append(rows("0003", h.mother), rows("0004", h.father)...), rows("0005", h.aunt)...)},
			[]stamdata.Related{{h.mother, stamdata.Mother}, {h.father, stamdata.Father}, {h.aunt, stamdata.OtherHolder}}},
		{"SC-05 the other code of another holder", h.child, stamdata.Family{Holders: rows("0006", h.aunt)}, []stamdata.Related{{h.aunt, stamdata.OtherHolder}}},
		{"SC-05 a code that is none", h.child, stamdata.Family{Holders: rows("0007", h.aunt)}, nil},
		{"SC-05 parents without custody, by sex", h.child, stamdata.Family{Parents: rows("", h.father, h.mother, sexless)},
			[]stamdata.Related{{h.father, stamdata.FatherWithoutCustody}, {h.mother, stamdata.MotherWithoutCustody}}},
		{"SC-05 a parent with custody is told once", h.child, stamdata.Family{Holders: rows("0003", h.mother), Parents: rows("", h.mother, h.father)},
			[]stamdata.Related{{h.mother, stamdata.Mother}, {h.father, stamdata.FatherWithoutCustody}}},
		{"SC-05 a row that has ended", h.child, stamdata.Family{Holders: []stamdata.Relative{ended}}, nil},
		{"SC-05 a guardian, also of an adult", h.adult, stamdata.Family{Guardians: rows("", h.guardian)}, []stamdata.Related{{h.guardian, stamdata.GuardianOf}}},
		{"SC-05 a guardian who is known by name", h.adult, stamdata.Family{Guardians: []stamdata.Relative{{Name: "Værge"}}}, nil},
		{"SC-05 nobody has custody of an adult", h.adult, stamdata.Family{Holders: rows("0003", h.mother), Parents: rows("", h.father)}, nil},
		{"SC-05 nor of the dead", h.dead, stamdata.Family{Holders: rows("0003", h.mother), Parents: rows("", h.father), Guardians: rows("", h.guardian)}, nil},
		{"SC-05 nor do the dead have any", h.child, stamdata.Family{Holders: rows("0005", h.dead), Parents: rows("", h.dead), Guardians: rows("", h.dead)}, nil},
		{"SC-05 nor whom the register does not have", h.child,
			stamdata.Family{Holders: rows("0005", stranger), Parents: rows("", stranger), Guardians: rows("", stranger)}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := h.record(c.of, c.in)
			assert.Equal(t, c.want, r.Disclose("0000", lookedUp).Custody)
		})
	}
	assert.True(t, stamdata.Mother.HoldsCustody() && stamdata.Father.HoldsCustody() && stamdata.OtherHolder.HoldsCustody())
	assert.False(t, stamdata.MotherWithoutCustody.HoldsCustody() || stamdata.FatherWithoutCustody.HoldsCustody() || stamdata.GuardianOf.HoldsCustody())
}

func TestSC05Wards(t *testing.T) {
	h := newHousehold(t)
	for _, c := range []struct {
		name string
		of   cpr.Number
		in   stamdata.Family
		want []stamdata.Related
	}{
		{"SC-05 a child in the mother's custody", h.mother, stamdata.Family{Children: rows("0003", h.child), Born: rows("", h.child)},
			[]stamdata.Related{{h.child, stamdata.Child}}},
		{"SC-05 the code tells that the child is the father's own", h.father, stamdata.Family{Children: rows("0004", h.child)},
			[]stamdata.Related{{h.child, stamdata.Child}}},
		{"SC-05 an own child whom another code names", h.mother, stamdata.Family{Children: rows("0005", h.child), Born: rows("", h.child)},
			[]stamdata.Related{{h.child, stamdata.Child}}},
		{"SC-05 an own child without custody", h.father, stamdata.Family{Born: rows("", h.child)}, []stamdata.Related{{h.child, stamdata.ChildWithoutCustody}}},
		{"SC-05 another holder's child is not the own", h.aunt, stamdata.Family{Children: rows("0005", h.child)}, nil},
		{"SC-05 children who are grown up or dead", h.mother,
			stamdata.Family{Children: rows("0003", h.adult, h.dead), Born: rows("", h.adult, h.dead)}, nil},
		{"SC-05 a ward", h.guardian, stamdata.Family{Wards: rows("", h.adult)}, []stamdata.Related{{h.adult, stamdata.WardOf}}},
		{"SC-05 a ward who is dead", h.guardian, stamdata.Family{Wards: rows("", h.dead)}, nil},
		{"SC-05 of the dead", h.dead, stamdata.Family{Children: rows("0003", h.child), Born: rows("", h.child), Wards: rows("", h.adult)}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := h.record(c.of, c.in)
			assert.Equal(t, c.want, r.Disclose("0000", lookedUp).Wards)
		})
	}
}

func TestCustodyOver(t *testing.T) {
	h := newHousehold(t)
	birthday := on(t, "2024-11-30") // of adult, born 2006-11-30
	for _, c := range []struct {
		name     string
		of       cpr.Number
		in       stamdata.Family
		at       time.Time
		children []stamdata.InCustody
		wards    []cpr.Number
	}{
		{"PC-45 a child, whatever the code", h.mother, stamdata.Family{Children: append(rows("0003", h.child), rows("0005", h.child)...)}, lookedUp,
			[]stamdata.InCustody{{h.child, 14}}, nil},
		{"PC-45 the day before the 18th birthday", h.mother, stamdata.Family{Children: rows("0003", h.adult)}, birthday.Start().Add(-time.Second),
			[]stamdata.InCustody{{h.adult, 17}}, nil},
		{"PC-45 the 18th birthday", h.mother, stamdata.Family{Children: rows("0003", h.adult)}, birthday.Start(), nil, nil},
		{"PC-45 the other way round", h.child, stamdata.Family{Holders: rows("0003", h.mother)}, lookedUp, nil, nil},
		{"PC-45 a child who is dead", h.mother, stamdata.Family{Children: rows("0003", h.dead)}, lookedUp, nil, nil},
		{"PC-47 a ward", h.guardian, stamdata.Family{Wards: append(rows("", h.adult), rows("", h.adult)...)}, lookedUp, nil, []cpr.Number{h.adult}},
		{"PC-47 a row that has ended", h.guardian, stamdata.Family{Wards: []stamdata.Relative{{CPR: h.adult, Valid: validity.Period{To: lookedUp}}}},
			lookedUp, nil, nil},
		{"PC-47 whom the register does not have", h.guardian, stamdata.Family{Wards: rows("", person(t, "0909729999"))}, lookedUp, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.change(h.adult, func(a *stamdata.Citizen) { a.Registered = on(t, "2006-11-30") })
			r := h.record(c.of, c.in)
			children, wards := r.CustodyOver(c.at)
			assert.Equal(t, c.children, children)
			assert.Equal(t, c.wards, wards)
		})
	}
}

func TestHomeAddress(t *testing.T) {
	at := stamdata.Address{Street: "Vej", PostCode: "900"}
	for _, c := range []struct {
		name string
		in   stamdata.Citizen
		ok   bool
	}{
		{"as the register has it", stamdata.Citizen{Status: "01", Address: at}, true},
		{"nothing is known", stamdata.Citizen{Status: "01"}, false},
		{"SC-02 the dead have none", stamdata.Citizen{Status: "90", Address: at}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, ok := c.in.HomeAddress()
			assert.Equal(t, c.ok, ok)
			if ok {
				assert.Equal(t, at, a)
			}
		})
	}
}

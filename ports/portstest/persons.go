package portstest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/domain/relation"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/domain/validity"
)

// dayOf reads yyyy-MM-dd.
func dayOf(t require.TestingT, s string) calendar.Day {
	d, err := calendar.ParseDay(s)
	require.NoError(t, err)
	return d
}

// startOf is the first instant of a day.
func startOf(t require.TestingT, s string) time.Time { return dayOf(t, s).Start() }

// families has the persons of the cases, and who has custody and guardianship of whom.
func families(t *testing.T, open OpenRegisters) registers {
	t.Helper()
	r := registersOf(t, open)
	r.load(0, "cpr-person.csv", "cpr;status;statusDato;koen;gaeldendeCPR;doedsdato\n"+
		man+";01;;M;;\n"+mother+";01;;K;;\n"+boy+";01;;M;;\n"+girl+";01;;K;;\n"+ward+";01;;M;;\n"+
		dead+";90;2020-05-02;M;;2020-05-01\n"+secretary+";01;;M;;\n"+replaced+";60;2010-01-01;M;"+man+";\n")
	r.load(1, "cpr-foraeldremyndighed.csv", "cpr;typeKode;relationCpr;validFrom;validTo\n"+
		girl+";0003;"+mother+";2019-01-21;\n"+boy+";0004;"+dead+";2012-05-09;\n"+boy+";0003;"+mother+";2012-05-09;\n"+
		boy+";0005;"+secretary+";2020-01-01;2026-11-02\n"+girl+";0005;0909729999;;\n")
	r.load(2, "cpr-vaerge.csv", "cpr;typeKode;relationCpr;vaergesNavn;validFrom;validTo\n"+
		ward+";0001;"+man+";;2020-01-01;2026-11-02\n"+ward+";0002;;Mogens Mand;2020-01-01;\n")
	r.load(3, "cpr-barn.csv", "cpr;barnCPR\n"+mother+";"+boy+"\n"+mother+";"+girl+"\n"+dead+";"+boy+"\n")
	r.load(4, "fuldmagt.csv", "actor;subject;scope;validFrom;validTo\n"+
		secretary+";"+man+";minlog fmk;2026-01-01;2026-11-02\n"+secretary+";"+man+";*;2026-11-02;\n"+secretary+";0909729999;*;;\n")
	return r
}

func stamdataPersons(t *testing.T, open OpenRegisters) {
	t.Run("Citizen returns every column of the current row, and nothing where there is nothing", func(t *testing.T) {
		r := registersOf(t, open)
		r.load(0, "cpr-person.csv", "cpr;status;statusDato;koen;fornavn;mellemnavn;efternavn;coNavn;lokalitet;vejnavn;bygningsnummer;husnummer;etage;"+
			"sideDoerNummer;bynavn;postnummer;postdistrikt;gaeldendeCPR;foedselsdato;foedselsdatoMarkering;stilling;vejKode;kommuneKode;"+
			"navnebeskyttelsestartdato;navnebeskyttelseslettedato;doedsdato\n"+
			"0905124643;20;2012-05-09;K;Bo;Bøje;Testesen;c/o Hansen;Gården;Prøvevej;B1;12A;2;tv;Lilleby;900;Testby;1403800099;2012-05-08;1;Elev;42;101;"+
			"2020-01-01;2021-01-01;2025-12-31\n"+man+";01;;;;;;;;;;;;;;;;;;;;;;;;\n")
		got, err := r.two().Register().Citizen(r.ctx, person(t, boy))
		require.NoError(t, err)
		assert.Equal(t, stamdata.Citizen{
			CPR: person(t, boy), Status: "20", StatusSince: dayOf(t, "2012-05-09"), Sex: stamdata.Female,
			Name: stamdata.Name{Given: "Bo", Middle: "Bøje", Surname: "Testesen"},
			Address: stamdata.Address{
				CareOf: "c/o Hansen", Locality: "Gården", Street: "Prøvevej", Building: "B1", House: "12A", Floor: "2", Door: "tv", Town: "Lilleby",
				PostCode: "0900", District: "Testby", StreetCode: "0042", MunicipalityCode: "0101",
			},
			Current: person(t, man), Registered: dayOf(t, "2012-05-08"), BirthUncertain: true, Died: dayOf(t, "2025-12-31"), Occupation: "Elev",
			Protection: dayOf(t, "2020-01-01"), ProtectionEnd: dayOf(t, "2021-01-01"), Valid: validity.Period{From: noon},
		}, got)
		got, err = r.two().Register().Citizen(r.ctx, person(t, man))
		require.NoError(t, err)
		assert.Equal(t, stamdata.Citizen{CPR: person(t, man), Status: "01", Valid: validity.Period{From: noon}}, got)
		for _, n := range []cpr.Number{person(t, mother), {}} {
			_, err = r.two().Register().Citizen(r.ctx, n)
			require.ErrorIs(t, err, stamdata.ErrUnknown)
		}
	})

	t.Run("a person whose row was closed or changed", func(t *testing.T) {
		r := registersOf(t, open)
		const header = "cpr;status;fornavn\n"
		r.load(0, "cpr-person.csv", header+man+";01;A\n"+mother+";01;B\n")
		r.load(1, "cpr-person.csv", header+man+";90;AA\n")
		got, err := r.two().Register().Citizen(r.ctx, person(t, man))
		require.NoError(t, err)
		assert.Equal(t, stamdata.Citizen{CPR: person(t, man), Status: "90", Name: stamdata.Name{Given: "AA"}, Valid: validity.Period{From: later(1)}}, got)
		_, err = r.two().Register().Citizen(r.ctx, person(t, mother))
		require.ErrorIs(t, err, stamdata.ErrUnknown)
	})

	t.Run("Between", func(t *testing.T) {
		r := families(t, open)
		since := func(from, to string) validity.Period {
			p := validity.Period{From: startOf(t, from)}
			if to != "" {
				p.To = startOf(t, to)
			}
			return p
		}
		custody := relation.Relation{Kind: relation.Custody, Valid: since("2012-05-09", "2030-05-09")}
		other := relation.Relation{Kind: relation.Custody, Valid: since("2020-01-01", "2026-11-02")}
		guardian := relation.Relation{Kind: relation.Guardian, Valid: since("2020-01-01", "2026-11-02")}
		proxy := relation.Relation{Kind: relation.Proxy, Valid: since("2026-01-01", "2026-11-02"), Scope: []string{"minlog", "fmk"}}
		nextProxy := relation.Relation{Kind: relation.Proxy, Valid: since("2026-11-02", ""), Scope: []string{"*"}}
		for _, c := range []struct {
			name, actor, subject string
			at                   time.Time
			want                 []relation.Relation
		}{
			{"PC-45 the mother of a child", mother, boy, later(9), []relation.Relation{custody}},
			{"PC-45 the child of a mother", boy, mother, later(9), nil},
			{"PC-45 before the child was 18", mother, boy, startOf(t, "2030-05-09").Add(-time.Millisecond), []relation.Relation{custody}},
			{"PC-45 from 18 years on", mother, boy, startOf(t, "2030-05-09"), nil},
			{"before the row begins", mother, boy, startOf(t, "2012-05-09").Add(-time.Millisecond), nil},
			{"a father who is dead", dead, boy, later(9), nil},
			{"before the row ends", secretary, boy, startOf(t, "2026-11-02").Add(-time.Millisecond), []relation.Relation{other}},
			{"from its end on", secretary, boy, startOf(t, "2026-11-02"), nil},
			{"a holder who is not in the register", "0909729999", girl, later(9), nil},
			{"PC-47 a guardian", man, ward, later(9), []relation.Relation{guardian}},
			{"PC-47 the ward of a guardian", ward, man, later(9), nil},
			{"PC-47 after the end", man, ward, startOf(t, "2026-11-02"), nil},
			{"a proxy", secretary, man, later(9), []relation.Relation{proxy}},
			{"the next proxy", secretary, man, startOf(t, "2026-11-02"), []relation.Relation{nextProxy}},
			{"who gave the proxy", man, secretary, later(9), nil},
			{"nobody", man, girl, later(9), nil},
			{"oneself", man, man, later(9), nil},
		} {
			t.Run(c.name, func(t *testing.T) {
				got, err := r.two().Register().Between(r.ctx, person(t, c.actor), person(t, c.subject), c.at)
				require.NoError(t, err)
				if len(c.want)+len(got) > 0 {
					assert.Equal(t, c.want, got)
				}
			})
		}
		t.Run("the empty number", func(t *testing.T) {
			got, err := r.two().Register().Between(r.ctx, cpr.Number{}, cpr.Number{}, later(9))
			require.NoError(t, err)
			assert.Empty(t, got)
		})
		t.Run("a relation whose row was closed held until then, one that was changed is what it says now", func(t *testing.T) {
			r.load(20, "cpr-foraeldremyndighed.csv", "cpr;typeKode;relationCpr;validFrom;validTo\n"+girl+";0003;"+mother+";2026-11-01;\n")
			for _, c := range []struct {
				subject string
				at      time.Time
				want    int
			}{
				{boy, later(20).Add(-time.Millisecond), 1}, {boy, later(20), 0},
				{girl, later(20), 1}, {girl, later(0), 1}, {girl, startOf(t, "2026-11-01").Add(-time.Millisecond), 0},
			} {
				got, err := r.two().Register().Between(r.ctx, person(t, mother), person(t, c.subject), c.at)
				require.NoError(t, err)
				assert.Len(t, got, c.want, c.at)
			}
		})
	})

	t.Run("Family", func(t *testing.T) {
		r := families(t, open)
		at := func(n string, at time.Time) stamdata.Family {
			f, err := r.two().Register().Family(r.ctx, person(t, n), at)
			require.NoError(t, err)
			return f
		}
		numbers := func(all []stamdata.Relative) (digits []string) {
			for _, x := range all {
				digits = append(digits, x.CPR.Digits()+x.Type+x.Name)
			}
			return digits
		}
		f := at(boy, later(9))
		assert.Equal(t, []string{mother + "0003", dead + "0004", secretary + "0005"}, numbers(f.Holders), "oldest first, then by number")
		assert.Equal(t, []string{mother, dead}, numbers(f.Parents))
		assert.Empty(t, f.Guardians)
		assert.Empty(t, f.Children)
		assert.Equal(t, validity.Period{From: startOf(t, "2020-01-01"), To: startOf(t, "2026-11-02")}, f.Holders[2].Valid)
		assert.Equal(t, []string{mother + "0003", dead + "0004"}, numbers(at(boy, startOf(t, "2026-11-02")).Holders))
		f = at(mother, later(9))
		assert.Equal(t, []string{boy + "0003", girl + "0003"}, numbers(f.Children))
		assert.Equal(t, []string{boy, girl}, numbers(f.Born))
		assert.Empty(t, f.Holders)
		f = at(ward, later(9))
		assert.Equal(t, []string{"0002Mogens Mand", man + "0001"}, numbers(f.Guardians))
		assert.Equal(t, []string{ward + "0001"}, numbers(at(man, later(9)).Wards))
		assert.Empty(t, at(man, startOf(t, "2026-11-02")).Wards)
		assert.Equal(t, stamdata.Family{}, at("0611809735", later(9)))
		assert.Empty(t, at(boy, later(3).Add(-time.Millisecond)).Parents, "a row without days counts from when it was loaded")
	})

	t.Run("Insured", func(t *testing.T) {
		r := registersOf(t, open)
		r.load(0, "yder.csv", "ydernummer;navn;adresse;postnummer;postdistrikt;telefon;email;cvr;hvdSpecKode;tilgDato;afgDato\n"+
			"900001;Lægerne Testby;Prøvevej 1;0900;Testby;33333333;laege@example.com;33257872;80;1999-01-01;2030-01-01\n900002;Lukket;;;;;;;;;\n")
		r.load(1, "sikrede.csv", "cpr;ydernummer;ydernummerGl;gruppe;gruppeDato;status\n"+
			boy+";900001;900003;1;2012-05-09;D\n"+girl+";;;2;;\n"+man+";900002;;1;;\n")
		r.load(2, "yder.csv", "ydernummer;navn;adresse;postnummer;postdistrikt;telefon;email;cvr;hvdSpecKode;tilgDato;afgDato\n"+
			"900001;Lægerne Testby;Prøvevej 1;0900;Testby;33333333;laege@example.com;33257872;80;1999-01-01;2030-01-01\n")
		got, err := r.two().Register().Insured(r.ctx, person(t, boy))
		require.NoError(t, err)
		assert.Equal(t, stamdata.Insured{
			CPR: person(t, boy), Group: "1", GroupSince: dayOf(t, "2012-05-09"), Status: "D",
			Practice: &stamdata.Practice{
				Number: "900001", Name: "Lægerne Testby", Address: "Prøvevej 1", PostCode: "0900", District: "Testby", Phone: "33333333",
				Email: "laege@example.com", CVR: "33257872", Speciality: "80", Opened: dayOf(t, "1999-01-01"), Closed: dayOf(t, "2030-01-01"),
			},
			Prior: &stamdata.Practice{Number: "900003"},
		}, got)
		got, err = r.two().Register().Insured(r.ctx, person(t, girl))
		require.NoError(t, err)
		assert.Equal(t, stamdata.Insured{CPR: person(t, girl), Group: "2"}, got)
		got, err = r.two().Register().Insured(r.ctx, person(t, man))
		require.NoError(t, err)
		assert.Equal(t, &stamdata.Practice{Number: "900002"}, got.Practice, "its row was closed")
		_, err = r.two().Register().Insured(r.ctx, person(t, mother))
		require.ErrorIs(t, err, stamdata.ErrUnknown)
	})

	t.Run("Prior is the latest number that was replaced", func(t *testing.T) {
		r := registersOf(t, open)
		const header = "cpr;status;statusDato;gaeldendeCPR\n"
		prior := func() string {
			n, err := r.two().Register().Prior(r.ctx, person(t, man))
			if err != nil {
				require.ErrorIs(t, err, stamdata.ErrUnknown)
			}
			return n.Digits()
		}
		for i, c := range []struct{ rows, want string }{
			{man + ";01;;" + man + "\n", ""},
			{replaced + ";60;2010-01-01;" + man + "\n", replaced},
			{ward + ";60;;" + man + "\n", replaced},
			{ward + ";60;2010-01-01;" + man + "\n", replaced},
			{ward + ";60;2010-01-02;" + man + "\n", ward},
			{ward + ";60;2010-01-02;\n", replaced},
		} {
			r.load(i, "cpr-person.delta.csv", header+c.rows)
			assert.Equal(t, c.want, prior())
		}
		r.load(9, "cpr-person.csv", header+man+";01;;\n")
		assert.Empty(t, prior())
		_, err := r.two().Register().Prior(r.ctx, cpr.Number{})
		require.ErrorIs(t, err, stamdata.ErrUnknown)
	})

	t.Run("Deceased pages through who is dead since a day", func(t *testing.T) {
		r := registersOf(t, open)
		r.load(0, "cpr-person.csv", "cpr;status;statusDato;doedsdato\n"+man+";90;2026-01-01;2020-05-01\n"+dead+";90;;2020-05-02\n"+boy+";90;2020-05-03;\n"+
			ward+";01;2021-01-01;\n"+girl+";90;;\n"+mother+";90;;2019-12-31\n")
		since := func(at time.Time, after string, n int) (digits []string) {
			var last cpr.Number
			if after != "" {
				last = person(t, after)
			}
			all, err := r.two().Register().Deceased(r.ctx, at, last, n)
			require.NoError(t, err)
			for _, x := range all {
				digits = append(digits, x.Digits())
			}
			return digits
		}
		assert.Equal(t, []string{boy, man, dead}, since(startOf(t, "2020-05-01"), "", 9))
		assert.Equal(t, []string{boy, man, dead}, since(startOf(t, "2020-05-02").Add(-time.Second), "", 9), "the whole day of the instant")
		assert.Equal(t, []string{boy, dead}, since(startOf(t, "2020-05-02"), "", 9))
		assert.Equal(t, []string{boy, man}, since(startOf(t, "2020-05-01"), "", 2))
		assert.Equal(t, []string{dead}, since(startOf(t, "2020-05-01"), man, 2))
		assert.Empty(t, since(startOf(t, "2020-05-01"), dead, 2))
		assert.Empty(t, since(startOf(t, "2020-05-01"), "", 0))
	})

	t.Run("Aliases", func(t *testing.T) { stamdataAliases(t, open) })
}

func stamdataAliases(t *testing.T, open OpenRegisters) {
	r := registersOf(t, open)
	r.load(0, "cpr-person.csv", "cpr;status;gaeldendeCPR\n"+replaced+";60;"+man+"\n"+ward+";60;"+replaced+"\n"+secretary+";60;"+man+"\n"+man+";01;\n"+
		boy+";60;"+girl+"\n"+girl+";60;"+boy+"\n"+mother+";01;\n")
	ids := 0
	newID := func() string { ids++; return uuid(ids) }
	link := func(number, digits string) {
		n, err := ecpr.ParseNumber(number)
		require.NoError(t, err)
		valid := validity.Period{From: noon}
		act := ecpr.Act{ID: newID(), At: noon}
		id := func(oid, value string) ecpr.Version {
			return ecpr.Version{PID: ecpr.PID(newID()), Element: ecpr.Identifier{OID: oid, Value: value}, Valid: valid, Opened: act.ID}
		}
		require.NoError(t, r.one().Persons().Create(r.ctx, ecpr.Person{ID: ecpr.PersonID(newID()), Number: n, Changed: noon,
			Versions: []ecpr.Version{id(ecpr.XECPROID, number), id(ecpr.CPROID, digits)}}, act))
	}
	link("1308781QT7", man)
	link("0203267ZK4", ward)
	of := func(n string) (numbers, linked []string) {
		all, registrations, err := r.two().Aliases().Of(r.ctx, person(t, n))
		require.NoError(t, err)
		for _, x := range all {
			numbers = append(numbers, x.Digits())
		}
		for _, x := range registrations {
			linked = append(linked, x.Text())
		}
		return numbers, linked
	}
	for _, c := range []struct {
		n       string
		numbers []string
		linked  []string
	}{
		{man, []string{man, ward, secretary, replaced}, []string{"0203267ZK4", "1308781QT7"}},
		{ward, []string{ward, man, secretary, replaced}, []string{"0203267ZK4", "1308781QT7"}},
		{boy, []string{boy, girl}, nil}, // each the other's
		{mother, []string{mother}, nil},
		{"0909729999", []string{"0909729999"}, nil},
	} {
		numbers, linked := of(c.n)
		assert.Equal(t, c.numbers, numbers)
		assert.Equal(t, c.linked, linked)
	}
	r.load(1, "cpr-person.delta.csv", "cpr;status;gaeldendeCPR\n"+replaced+";60;\n")
	numbers, linked := of(man)
	assert.Equal(t, []string{man, secretary}, numbers, "what a row said before does not count")
	assert.Equal(t, []string{"1308781QT7"}, linked)
}

func stamdataOrganisations(t *testing.T, open OpenRegisters) {
	t.Run("Authorisations", func(t *testing.T) {
		r := registersOf(t, open)
		const header = "autorisationsnummer;cpr;fornavn;efternavn;uddannelseskode;validFrom;validTo\n"
		r.load(0, "autorisation.csv", header+
			"0TST1;"+mother+";Tove;Testlæge;7170;2000-01-01;2026-11-02\n0TST1;"+mother+";Tove;Testlæge;5166;2026-11-02;\n"+
			"0TST1;"+mother+";Tove;Testlæge;9999;2000-01-01;2026-11-02\n0AAA1;"+mother+";Tove;Testlæge;7170;;\n0BBB1;"+secretary+";;;5166;;\n")
		all := r.two().Authorisations()
		got, err := all.ByNumber(r.ctx, "0tst1", later(9))
		require.NoError(t, err)
		assert.Equal(t, stamdata.Authorisation{
			Number: "0TST1", Education: "7170", CPR: person(t, mother), Name: stamdata.Name{Given: "Tove", Surname: "Testlæge"},
			Valid: validity.Period{From: startOf(t, "2000-01-01"), To: startOf(t, "2026-11-02")},
		}, got)
		got, err = all.ByNumber(r.ctx, "0TST1", startOf(t, "2026-11-02"))
		require.NoError(t, err)
		assert.Equal(t, "5166", got.Education)
		for _, number := range []string{"0TST2", "", "0TST"} {
			_, err = all.ByNumber(r.ctx, number, later(9))
			require.ErrorIs(t, err, stamdata.ErrUnknown)
		}
		_, err = all.ByNumber(r.ctx, "0TST1", startOf(t, "2000-01-01").Add(-time.Millisecond))
		require.ErrorIs(t, err, stamdata.ErrUnknown)
		of := func(n cpr.Number, at time.Time) (codes []string) {
			rows, err := all.ByPerson(r.ctx, n, at)
			require.NoError(t, err)
			for _, a := range rows {
				codes = append(codes, a.Number+a.Education)
			}
			return codes
		}
		assert.Equal(t, []string{"0AAA17170", "0TST17170", "0TST19999"}, of(person(t, mother), later(9)))
		assert.Equal(t, []string{"0AAA17170", "0TST15166"}, of(person(t, mother), startOf(t, "2026-11-02")))
		assert.Empty(t, of(person(t, man), later(9)))
		assert.Empty(t, of(cpr.Number{}, later(9)))
		r.load(1, "autorisation.csv", header+"0AAA1;"+secretary+";;;7170;;\n")
		assert.Empty(t, of(person(t, mother), later(1)))
		assert.Equal(t, []string{"0TST17170", "0TST19999"}, of(person(t, mother), later(1).Add(-time.Millisecond)),
			"rows that were closed held until then; one that was changed is what it says now")
		assert.Equal(t, []string{"0AAA17170"}, of(person(t, secretary), later(1)))
	})

	t.Run("Delegations", func(t *testing.T) {
		r := registersOf(t, open)
		r.load(0, "bemyndigelse.csv", "kode;bemyndigende_cpr;bemyndigede_cpr;bemyndigede_cvr;system;arbejdsfunktion;rettighed;status;"+
			"godkendelses_dato;gyldig_fra_dato;gyldig_til_dato\n"+
			"b;"+mother+";"+secretary+";;FMK;Lægesekretær;Alt;Godkendt;2020-01-01;2020-01-02;2026-11-02\n"+
			"a;"+mother+";"+secretary+";33257872;FMK;;;Godkendt;;;\n"+
			"c;"+mother+";"+secretary+";;FMK;;;Bestilt;;;\n"+
			"d;"+mother+";"+man+";;FMK;;;Godkendt;;;\n")
		between := func(statuses []string, delegator, delegate, cvr string, at time.Time) (codes []string) {
			all, err := r.two().Delegations(statuses).Between(r.ctx, person(t, delegator), person(t, delegate), cvr, at)
			require.NoError(t, err)
			for _, d := range all {
				codes = append(codes, d.Code)
			}
			return codes
		}
		counts := []string{"Godkendt"}
		assert.Equal(t, []string{"a", "b"}, between(counts, mother, secretary, "33257872", later(9)))
		assert.Equal(t, []string{"b"}, between(counts, mother, secretary, "12345678", later(9)), "of another organisation")
		assert.Equal(t, []string{"b"}, between(counts, mother, secretary, "", later(9)))
		assert.Equal(t, []string{"a", "b", "c"}, between([]string{"Bestilt", "Godkendt"}, mother, secretary, "33257872", later(9)))
		assert.Empty(t, between(nil, mother, secretary, "33257872", later(9)))
		assert.Equal(t, []string{"a"}, between(counts, mother, secretary, "33257872", startOf(t, "2026-11-02")))
		assert.Equal(t, []string{"a"}, between(counts, mother, secretary, "33257872", startOf(t, "2020-01-02").Add(-time.Millisecond)))
		assert.Empty(t, between(counts, secretary, mother, "33257872", later(9)), "the other way")
		all, err := r.two().Delegations(counts).Between(r.ctx, person(t, mother), person(t, secretary), "", later(9))
		require.NoError(t, err)
		assert.Equal(t, []stamdata.Delegation{{
			Code: "b", Delegator: person(t, mother), Delegate: person(t, secretary), System: "FMK", Function: "Lægesekretær", Right: "Alt",
			Status: "Godkendt", Valid: validity.Period{From: startOf(t, "2020-01-02"), To: startOf(t, "2026-11-02")},
		}}, all)
	})

	t.Run("OrgUnits", func(t *testing.T) {
		r := registersOf(t, open)
		const header = "sorNummer;overordnetSor;type;navn;shak;ydernummer;cvr;pnummer;ean;validFrom;validTo\n"
		loaded := func() int64 {
			n, err := r.two().OrgUnits().Loaded(r.ctx)
			require.NoError(t, err)
			return n
		}
		empty := loaded()
		r.load(0, "sor-enhed.csv", header+hospital+";"+regionSOR+";sygehus;Testby Sygehus;9901;;33257872;1234567890;5790000000000;2020-01-01;2030-01-01\n"+
			regionSOR+";;institution;Region Test;;;;;;;\n"+surgery+";;praksis;Lægerne;;1;;;;;\n")
		first := loaded()
		assert.NotEqual(t, empty, first)
		units := func() map[string]org.Unit {
			all, err := r.two().OrgUnits().Units(r.ctx)
			require.NoError(t, err)
			bySOR := map[string]org.Unit{}
			for _, u := range all {
				bySOR[u.SOR] = u
			}
			require.Len(t, bySOR, len(all), "one row of each")
			return bySOR
		}
		assert.Equal(t, org.Unit{
			SOR: hospital, Parent: regionSOR, Type: "sygehus", Name: "Testby Sygehus", SHAK: "9901", CVR: "33257872", PNR: "1234567890",
			EAN: "5790000000000", Valid: validity.Period{From: startOf(t, "2020-01-01"), To: startOf(t, "2030-01-01")},
		}, units()[hospital])
		assert.Equal(t, org.Unit{SOR: surgery, Type: "praksis", Name: "Lægerne", Yder: "000001"}, units()[surgery])

		r.load(1, "yder.csv", practiceHeader+"1;A\n")
		r.load(2, "sor-enhed.delta.csv", header+regionSOR+";;institution;Region Test;;;;;;;\n")
		assert.Equal(t, first, loaded(), "nothing of the units changed")

		r.load(3, "sor-enhed.csv", header+hospital+";;sygehus;Testby Sygehus;9902;;;;;;\n"+regionSOR+";;institution;Region Test;;;;;;;\n")
		assert.NotEqual(t, first, loaded())
		assert.Equal(t, org.Unit{SOR: hospital, Type: "sygehus", Name: "Testby Sygehus", SHAK: "9902"}, units()[hospital])
		closed := org.Unit{SOR: surgery, Type: "praksis", Name: "Lægerne", Yder: "000001", Valid: validity.Period{To: later(3)}}
		assert.Equal(t, closed, units()[surgery], "closed ones too")
		require.Len(t, units(), 3)
		assert.Contains(t, units(), regionSOR)
	})
}

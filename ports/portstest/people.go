package portstest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/relation"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports"
)

// LoadPeople loads synthetic persons into registers, with the custody, practices and insurance of some: children 0905124643 (no address) and
// 2101194638 of 2207820468, who also had custody of the grown-up 3011064116; 0611809735 is the younger child's father without custody; 1403800099,
// who had the number 2804901808, is guardian of 1702553083; 2508480706 is dead, 0310710721 protected since 2020, 1112660712 abroad with an
// address, 1606752533 without, 0803611471 annulled, 2902044063 born on 29 February.
func LoadPeople(t testing.TB, into ports.StamdataLoader, at time.Time) {
	t.Helper()
	load := func(register string, lines ...string) {
		t.Helper()
		_, err := into.Load(t.Context(), RegisterFile(t, register+".csv", strings.Join(lines, "\n")), 1, at)
		require.NoError(t, err, register)
	}
	load(stamdata.CPRPerson,
		"cpr;status;statusDato;koen;fornavn;mellemnavn;efternavn;coNavn;vejnavn;husnummer;etage;sideDoerNummer;bynavn;postnummer;postdistrikt;"+
			"gaeldendeCPR;foedselsdato;vejKode;kommuneKode;navnebeskyttelsestartdato;doedsdato",
		"0905124643;01;2012-05-09;M;Bo;;Testesen;;;;;;;;;;2012-05-09;;;;",
		"2101194638;01;2019-01-21;K;Ida;Prøve;Testesen;Tove Testlæge;Prøvevej;12A;1;tv;Testlund;0900;Testby;;2019-01-21;12;99;;",
		"2207820468;01;1982-07-22;K;Tove;;Testlæge;;Prøvevej;12A;1;tv;Testlund;0900;Testby;;1982-07-22;12;99;;",
		"3011064116;01;2006-11-30;K;Eva;;Voksen;;Prøvevej;14;ST;;;0900;Testby;;2006-11-30;12;99;;",
		"0611809735;01;;M;Far;;Fraværende;;Anden Vej;999B;99;mf;;0901;Prøveby;;;1;101;;",
		"1403800099;01;2001-01-02;M;Ole;;Ældre;;Lang;1000;kælder;bagerst;;0900;Testby;;;12;99;;",
		"2804901808;60;2001-01-02;M;Ole;;Ældre;;;;;;;;;1403800099;;;;;",
		"1702553083;05;;K;;;;;Ukendthuset;;;;;;;;;;;;",
		"2508480706;90;2020-05-02;M;Død;;Testesen;;Prøvevej;2;;;;0900;Testby;;1948-08-25;12;99;;2020-05-01",
		"0310710721;05;2020-01-01;K;Hemmelig;Skjult;Person;Hos Nogen;Hemmelig Vej;3;;;;0900;Testby;;1971-10-03;12;99;2020-01-01;",
		"1112660712;80;2015-01-01;M;Ude;;Vandret;;Foreign Street;7;;;;0902;Udby;;;;;;",
		"1606752533;20;2016-01-01;K;Uden;;Bopæl;;Gammel Vej;8;;;;0903;Byen;;;;;;",
		"0803611471;30;2010-01-01;M;;;;;;;;;;;;;;;;;",
		"2902044063;01;2004-02-29;K;Skud;;Dag;;;;;;;;;;2004-02-29;;;;",
	)
	load(stamdata.CPRCustody, "cpr;typeKode;relationCpr",
		"0905124643;0003;2207820468", "2101194638;0003;2207820468", "3011064116;0003;2207820468")
	load(stamdata.CPRChild, "cpr;barnCPR",
		"2207820468;0905124643", "2207820468;2101194638", "2207820468;3011064116", "0611809735;2101194638")
	load(stamdata.CPRGuardian, "cpr;relationCpr;vaergesNavn", "1702553083;1403800099;", "1702553083;;Advokat Værge")
	load(stamdata.Practices, "ydernummer;navn;adresse;postnummer;postdistrikt;telefon;email;cvr",
		"900001;Lægerne Testby;Prøvevej 1;0900;Testby;;;", "019002;Lægehuset Prøveby;Anden Vej 2;0901;Prøveby;12 34 56 78;post@laegehuset.test;12345678")
	load(stamdata.InsuredPersons, "cpr;ydernummer;ydernummerGl;gruppe;gruppeDato;status",
		"0905124643;900001;;1;;", "0310710721;900001;019002;2;2012-02-03;G", "1403800099;019002;900001;0;2012-02-03;D")
}

// FailingCPRRegister is a CPR register whose reads fail on demand.
type FailingCPRRegister struct {
	Register ports.CPRRegister
	OnRead   Failure // of every method, in the order of the calls
}

var _ ports.CPRRegister = (*FailingCPRRegister)(nil)

// Citizen fails as OnRead says.
func (r *FailingCPRRegister) Citizen(ctx context.Context, n cpr.Number) (stamdata.Citizen, error) {
	if err := r.OnRead.next(); err != nil {
		return stamdata.Citizen{}, err
	}
	return r.Register.Citizen(ctx, n)
}

// Between fails as OnRead says.
func (r *FailingCPRRegister) Between(ctx context.Context, actor, subject cpr.Number, at time.Time) ([]relation.Relation, error) {
	if err := r.OnRead.next(); err != nil {
		return nil, err
	}
	return r.Register.Between(ctx, actor, subject, at)
}

// Family fails as OnRead says.
func (r *FailingCPRRegister) Family(ctx context.Context, n cpr.Number, at time.Time) (stamdata.Family, error) {
	if err := r.OnRead.next(); err != nil {
		return stamdata.Family{}, err
	}
	return r.Register.Family(ctx, n, at)
}

// Insured fails as OnRead says.
func (r *FailingCPRRegister) Insured(ctx context.Context, n cpr.Number) (stamdata.Insured, error) {
	if err := r.OnRead.next(); err != nil {
		return stamdata.Insured{}, err
	}
	return r.Register.Insured(ctx, n)
}

// Prior fails as OnRead says.
func (r *FailingCPRRegister) Prior(ctx context.Context, n cpr.Number) (cpr.Number, error) {
	if err := r.OnRead.next(); err != nil {
		return cpr.Number{}, err
	}
	return r.Register.Prior(ctx, n)
}

// Deceased fails as OnRead says.
func (r *FailingCPRRegister) Deceased(ctx context.Context, since time.Time, after cpr.Number, n int) ([]cpr.Number, error) {
	if err := r.OnRead.next(); err != nil {
		return nil, err
	}
	return r.Register.Deceased(ctx, since, after, n)
}

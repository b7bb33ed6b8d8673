package stamdata

import (
	"strings"
	"time"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/domain/relation"
	"github.com/opennsp/nsp/domain/validity"
)

// The readers below turn rows that Take made into values. opened and closed are when the row was loaded and when a load ended it, zero while it
// is current. Of a key only the latest row counts.

// Kin is a row of a register of relations: somebody in a relation to a citizen.
type Kin struct {
	Citizen cpr.Number // the child, the parent or the ward: whose row it is
	Relative
}

// Proxy is a row of the register of proxies (fuldmagt).
type Proxy struct {
	Actor, Subject cpr.Number
	Relation       relation.Relation
}

// Period returns when the row counts: as its columns say, for as long as it is loaded. A column without a value sets no bound. A register
// without such columns counts while the row is loaded.
func (r Register) Period(row Row, opened, closed time.Time) validity.Period {
	p := validity.Period{From: opened}
	if r.To != 0 {
		p = validity.Period{From: start(row[r.From]), To: start(row[r.To])}
	}
	if !closed.IsZero() {
		p = p.End(closed)
	}
	return p
}

// CitizenOf reads a row of CPRPerson.
func CitizenOf(row Row, opened, closed time.Time) Citizen {
	return Citizen{
		CPR: number(row[personCPR]), Status: row[personStatus], StatusSince: day(row[personStatusDate]), Sex: sexOf(row[personSex]),
		Name: Name{Given: row[personGiven], Middle: row[personMiddle], Surname: row[personSurname]},
		Address: Address{
			CareOf: row[personCareOf], Locality: row[personLocality], Street: row[personStreet], Building: row[personBuilding],
			House: row[personHouse], Floor: row[personFloor], Door: row[personDoor], Town: row[personTown], PostCode: row[personPostCode],
			District: row[personDistrict], StreetCode: row[personStreetCode], MunicipalityCode: row[personMunicipality],
		},
		Current: number(row[personCurrent]), Registered: day(row[personBirth]), BirthUncertain: row[personBirthUncertain] == "1",
		Died: day(row[personDied]), Occupation: row[personOccupation], Protection: day(row[personProtection]),
		ProtectionEnd: day(row[personProtectionEnd]), Valid: validity.Period{From: opened, To: closed},
	}
}

// KinOf reads a row of r: CPRCustody (the holders of a child), CPRChild (the children of a parent) or CPRGuardian (the guardians of a ward).
func KinOf(r Register, row Row, opened, closed time.Time) Kin {
	k := Kin{Citizen: number(row[0])}
	switch r.Name {
	case CPRCustody:
		k.Relative = Relative{CPR: number(row[custodyHolder]), Type: row[custodyType]}
	case CPRChild:
		k.Relative = Relative{CPR: number(row[childChild])}
	case CPRGuardian:
		k.Relative = Relative{CPR: number(row[guardianCPR]), Name: row[guardianName], Type: row[guardianType]}
	default:
		return Kin{}
	}
	k.Valid = r.Period(row, opened, closed)
	return k
}

// AuthorisationOf reads a row of r, Authorisations.
func AuthorisationOf(r Register, row Row, opened, closed time.Time) Authorisation {
	return Authorisation{
		Number: row[authorisationNumber], Education: row[authorisationEducation], CPR: number(row[authorisationCPR]),
		Name: Name{Given: row[authorisationGiven], Surname: row[authorisationSurname]}, Valid: r.Period(row, opened, closed),
	}
}

// UnitOf reads a row of r, OrgUnits.
func UnitOf(r Register, row Row, opened, closed time.Time) org.Unit {
	return org.Unit{
		SOR: row[unitSOR], Parent: row[unitParent], Type: row[unitType], Name: row[unitName], SHAK: row[unitSHAK], Yder: row[unitYder],
		CVR: row[unitCVR], PNR: row[unitPNR], EAN: row[unitEAN], Valid: r.Period(row, opened, closed),
	}
}

// PracticeOf reads a row of Practices.
func PracticeOf(row Row) Practice {
	return Practice{
		Number: row[practiceNumber], Name: row[practiceName], Address: row[practiceAddress], PostCode: row[practicePostCode],
		District: row[practiceDistrict], Phone: row[practicePhone], Email: row[practiceEmail], CVR: row[practiceCVR],
		Speciality: row[practiceSpeciality], Opened: day(row[practiceOpened]), Closed: day(row[practiceClosed]),
	}
}

// InsuredOf reads a row of InsuredPersons. Its practices have nothing but their numbers: practice, if the register has one with this number,
// tells the rest.
func InsuredOf(row Row, practice func(number string) (Practice, bool)) Insured {
	named := func(number string) *Practice {
		if number == "" {
			return nil
		}
		p, ok := practice(number)
		if !ok {
			p = Practice{Number: number}
		}
		return &p
	}
	return Insured{
		CPR: number(row[insuredCPR]), Group: row[insuredGroup], GroupSince: day(row[insuredGroupDate]), Status: row[insuredStatus],
		Practice: named(row[insuredPractice]), Prior: named(row[insuredPrior]),
	}
}

// DelegationOf reads a row of r, Delegations.
func DelegationOf(r Register, row Row, opened, closed time.Time) Delegation {
	return Delegation{
		Code: row[delegationCode], Delegator: number(row[delegationDelegator]), Delegate: number(row[delegationDelegate]),
		DelegateCVR: row[delegationCVR], System: row[delegationSystem], Function: row[delegationFunction], Right: row[delegationRight],
		Status: row[delegationStatus], Valid: r.Period(row, opened, closed),
	}
}

// ProxyOf reads a row of r, Proxies.
func ProxyOf(r Register, row Row, opened, closed time.Time) Proxy {
	return Proxy{Actor: number(row[proxyActor]), Subject: number(row[proxySubject]), Relation: relation.Relation{
		Kind: relation.Proxy, Valid: r.Period(row, opened, closed), Scope: strings.Fields(row[proxyScope]),
	}}
}

func sexOf(code string) Sex {
	switch code {
	case "M":
		return Male
	case "K":
		return Female
	}
	return UnknownSex
}

// number reads what Take made: no number is nobody.
func number(s string) cpr.Number {
	n, _ := cpr.Parse(s)
	return n
}

// day reads what Take made; no date is the zero day.
func day(s string) calendar.Day {
	d, _ := calendar.ParseDay(s)
	return d
}

// start is the first instant of a date in Copenhagen, zero for no date.
func start(s string) time.Time {
	if s == "" {
		return time.Time{}
	}
	return day(s).Start()
}

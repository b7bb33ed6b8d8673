package stamdata

import (
	"slices"
	"strings"
)

// Names of the registers.
const (
	CPRPerson      = "cpr-person"
	CPRCustody     = "cpr-foraeldremyndighed"
	CPRChild       = "cpr-barn"
	CPRGuardian    = "cpr-vaerge"
	Authorisations = "autorisation"
	OrgUnits       = "sor-enhed"
	Practices      = "yder"
	InsuredPersons = "sikrede"
	Delegations    = "bemyndigelse"
	Proxies        = "fuldmagt"
)

// Places of columns, in the order of Registers.
const (
	personCPR = iota
	personStatus
	personStatusDate
	personSex
	personGiven
	personMiddle
	personSurname
	personCareOf
	personLocality
	personStreet
	personBuilding
	personHouse
	personFloor
	personDoor
	personTown
	personPostCode
	personDistrict
	personCurrent
	personBirth
	personBirthUncertain
	personOccupation
	personStreetCode
	personMunicipality
	personProtection
	personProtectionEnd
	personDied
)

const (
	custodyChild = iota
	custodyType
	custodyHolder
	custodyFrom
	custodyTo
)

const (
	childParent = iota
	childChild
)

const (
	guardianWard = iota
	guardianType
	guardianCPR
	guardianName
	guardianFrom
	guardianTo
)

const (
	authorisationNumber = iota
	authorisationCPR
	authorisationGiven
	authorisationSurname
	authorisationEducation
	authorisationFrom
	authorisationTo
)

const (
	unitSOR = iota
	unitParent
	unitType
	unitName
	unitSHAK
	unitYder
	unitCVR
	unitPNR
	unitEAN
	unitSpeciality
	unitStreet
	unitPostCode
	unitTown
	unitPhone
	unitFrom
	unitTo
)

const (
	practiceNumber = iota
	practiceName
	practiceAddress
	practicePostCode
	practiceDistrict
	practicePhone
	practiceEmail
	practiceCVR
	practiceSpeciality
	practiceOpened
	practiceClosed
)

const (
	insuredCPR = iota
	insuredPractice
	insuredPrior
	insuredGroup
	insuredGroupDate
	insuredStatus
)

const (
	delegationCode = iota
	delegationDelegator
	delegationDelegate
	delegationCVR
	delegationSystem
	delegationFunction
	delegationRight
	delegationStatus
	delegationApproved
	delegationFrom
	delegationTo
)

const (
	proxyActor = iota
	proxySubject
	proxyScope
	proxyFrom
	proxyTo
)

// Registers returns every register, in the order in which they are loaded.
func Registers() []Register {
	text := func(name string) Column { return Column{Name: name} }
	number := func(name string) Column { return Column{Name: name, Kind: CPR} }
	date := func(name string) Column { return Column{Name: name, Kind: Date} }
	digits := func(name string, least, most int) Column {
		return Column{Name: name, Kind: Digits, Min: least, Max: most}
	}
	padded := func(name string, most int) Column {
		return Column{Name: name, Kind: Digits, Min: 1, Max: most, Pad: true}
	}
	code := func(name string, least, most int) Column {
		return Column{Name: name, Kind: Code, Min: least, Max: most}
	}
	choice := func(name string, values ...string) Column { return Column{Name: name, Kind: Choice, Values: values} }
	required := func(c Column) Column { c.Required = true; return c }

	return []Register{
		{Name: CPRPerson, Key: []int{personCPR}, Columns: []Column{
			required(number("cpr")), required(choice("status", "01", "03", "05", "07", "20", "30", "50", "60", "70", "80", "90")), date("statusDato"),
			choice("koen", "M", "K"), text("fornavn"), text("mellemnavn"), text("efternavn"), text("coNavn"), text("lokalitet"), text("vejnavn"),
			text("bygningsnummer"), text("husnummer"), text("etage"), text("sideDoerNummer"), text("bynavn"), padded("postnummer", 4),
			text("postdistrikt"), number("gaeldendeCPR"), date("foedselsdato"), choice("foedselsdatoMarkering", "0", "1"), text("stilling"),
			padded("vejKode", 4), padded("kommuneKode", 4), date("navnebeskyttelsestartdato"), date("navnebeskyttelseslettedato"), date("doedsdato"),
		}},
		{Name: CPRCustody, Key: []int{custodyChild, custodyType, custodyHolder}, From: custodyFrom, To: custodyTo, Columns: []Column{
			required(number("cpr")), required(padded("typeKode", 4)), required(number("relationCpr")), date("validFrom"), date("validTo"),
		}},
		{Name: CPRChild, Key: []int{childParent, childChild}, Columns: []Column{required(number("cpr")), required(number("barnCPR"))}},
		{Name: CPRGuardian, Key: []int{guardianWard, guardianCPR, guardianName}, From: guardianFrom, To: guardianTo, Columns: []Column{
			required(number("cpr")), padded("typeKode", 4), number("relationCpr"), text("vaergesNavn"), date("validFrom"), date("validTo"),
		}},
		{
			Name: Authorisations, Key: []int{authorisationNumber, authorisationEducation}, From: authorisationFrom, To: authorisationTo,
			Columns: []Column{
				required(code("autorisationsnummer", 5, 5)), required(number("cpr")), text("fornavn"), text("efternavn"),
				required(code("uddannelseskode", 1, 10)), date("validFrom"), date("validTo"),
			},
		},
		{Name: OrgUnits, Key: []int{unitSOR}, From: unitFrom, To: unitTo, Columns: []Column{
			required(digits("sorNummer", 6, 18)), digits("overordnetSor", 6, 18),
			required(choice("type", "institution", "sygehus", "afdeling", "praksis", "apotek", "andet")), required(text("navn")), code("shak", 4, 7),
			padded("ydernummer", 6), digits("cvr", 8, 8), digits("pnummer", 10, 10), digits("ean", 13, 13), text("specialeKode"), text("vejnavn"),
			text("postnummer"), text("bynavn"), text("telefon"), date("validFrom"), date("validTo"),
		}},
		{Name: Practices, Key: []int{practiceNumber}, Columns: []Column{
			required(padded("ydernummer", 6)), required(text("navn")), text("adresse"), padded("postnummer", 4), text("postdistrikt"), text("telefon"),
			text("email"), digits("cvr", 8, 8), text("hvdSpecKode"), date("tilgDato"), date("afgDato"),
		}},
		{Name: InsuredPersons, Key: []int{insuredCPR}, Columns: []Column{
			required(number("cpr")), padded("ydernummer", 6), padded("ydernummerGl", 6),
			required(choice("gruppe", "0", "1", "2", "4", "5", "6", "7", "8", "9")), date("gruppeDato"), choice("status", "D", "G", "U", "V"),
		}},
		{Name: Delegations, Key: []int{delegationCode}, From: delegationFrom, To: delegationTo, Columns: []Column{
			required(text("kode")), required(number("bemyndigende_cpr")), required(number("bemyndigede_cpr")), digits("bemyndigede_cvr", 8, 8),
			text("system"), text("arbejdsfunktion"), text("rettighed"), required(text("status")), date("godkendelses_dato"), date("gyldig_fra_dato"),
			date("gyldig_til_dato"),
		}},
		{Name: Proxies, Key: []int{proxyActor, proxySubject, proxyFrom}, From: proxyFrom, To: proxyTo, Columns: []Column{
			required(number("actor")), required(number("subject")), required(text("scope")), date("validFrom"), date("validTo"),
		}},
	}
}

// RegisterNamed returns the register with a name; ErrNoRegister if there is none.
func RegisterNamed(name string) (Register, error) {
	for _, r := range Registers() {
		if r.Name == name {
			return r, nil
		}
	}
	return Register{}, ErrNoRegister
}

// RegisterOf tells which register a file is for, and whether it is a full one (NAME.csv) or tells changes alone (NAME.delta.csv);
// ErrNoRegister if its name tells none.
func RegisterOf(fileName string) (r Register, full bool, err error) {
	name, ok := strings.CutSuffix(fileName, ".csv")
	if !ok {
		return Register{}, false, ErrNoRegister
	}
	name, delta := strings.CutSuffix(name, ".delta")
	r, err = RegisterNamed(name)
	return r, !delta && err == nil, err
}

// KeyOf returns what names the row in the register: texts of one register are equal where their rows have the same key, and sort as Rows of
// a register are ordered.
func (r Register) KeyOf(row Row) string {
	parts := make([]string, len(r.Key))
	for i, c := range r.Key {
		parts[i] = row[c]
	}
	return strings.Join(parts, "\x01")
}

// Column returns the place of the column with a name, -1 if there is none.
func (r Register) Column(name string) int {
	return slices.IndexFunc(r.Columns, func(c Column) bool { return c.Name == name })
}

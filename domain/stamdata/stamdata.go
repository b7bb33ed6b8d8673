// Package stamdata holds the national reference registers: persons and their relations, authorisations, organisations, practices, insured
// persons and delegations, and the rules of reading them.
package stamdata

import (
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/validity"
)

// Sex of a person as the CPR register knows it.
type Sex uint8

// The sexes of the CPR register.
const (
	UnknownSex Sex = iota
	Male
	Female
)

// Status codes of the CPR register (CPR-kontoret).
const (
	StatusDead      = "90"
	StatusAnnulled  = "30"
	StatusDeleted   = "50"
	StatusNewNumber = "60"
)

// Name of a citizen; empty parts are not known.
type Name struct{ Given, Middle, Surname string }

// Address of a citizen as the CPR register has it; empty parts are not known.
type Address struct {
	CareOf, Locality, Street, Building, House, Floor, Door, Town, PostCode, District string
	StreetCode, MunicipalityCode                                                     string
}

// Citizen is the current row of a person in the CPR register.
type Citizen struct {
	CPR            cpr.Number
	Status         string       // two digits
	StatusSince    calendar.Day // zero = not known
	Sex            Sex
	Name           Name
	Address        Address
	Current        cpr.Number   // the number that replaced this one (gaeldendeCPR), empty if none did
	Registered     calendar.Day // birth date of the register (foedselsdato); zero = not known
	BirthUncertain bool
	Died           calendar.Day // zero = not known
	Occupation     string
	Protection     calendar.Day // first day of name and address protection; zero = not protected
	ProtectionEnd  calendar.Day // first day without it again; zero = no end
	Valid          validity.Period
}

// Relative is somebody in a relation to a citizen.
type Relative struct {
	CPR   cpr.Number // empty for a guardian who is known by name only
	Name  string
	Type  string // code of the register: 0003 mother, 0004 father, 0005 and 0006 other holder of custody
	Valid validity.Period
}

// Family is what the register tells of a citizen's relations at an instant. Holders, Guardians are who have custody or guardianship of the
// citizen; Children and Wards whom the citizen has custody or guardianship of; Born are the citizen's own children and Parents the citizen's
// parents (barnrelation).
type Family struct{ Holders, Guardians, Children, Wards, Born, Parents []Relative }

// Insured is a citizen's row in the register of insured persons (sikrede), with the practices it names.
type Insured struct {
	CPR        cpr.Number
	Group      string // 0-9
	GroupSince calendar.Day
	Status     string // D, G, U, V or ""
	Practice   *Practice
	Prior      *Practice
}

// Practice is a row of the register of practices (yderregistret).
type Practice struct {
	Number, Name, Address, PostCode, District, Phone, Email, CVR, Speciality string
	Opened, Closed                                                           calendar.Day
}

// Authorisation of a health professional (autorisationsregistret).
type Authorisation struct {
	Number    string // 5 characters of A-Z0-9
	Education string // uddannelseskode
	CPR       cpr.Number
	Name      Name
	Valid     validity.Period
}

// Delegation lets one person act with the rights of another (bemyndigelse).
type Delegation struct {
	Code                string
	Delegator, Delegate cpr.Number
	DelegateCVR         string // "" = any organisation
	System, Function    string
	Right               string
	Status              string
	Valid               validity.Period
}

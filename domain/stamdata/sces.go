package stamdata

import (
	"slices"
	"strings"
	"time"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
)

// Unknown stands where the CPR look-up must tell a name that the register does not have (nspop.dk, SCES; trifork/sdm).
const Unknown = "UKENDT"

// What else the CPR look-up tells where the register knows nothing, or where a person is protected.
const (
	censored    = "ADRESSEBESKYTTET"
	noCode      = "0000"
	mailbox     = "@example.com"
	noPhone     = "00000000"
	normalGroup = "1"
)

// epoch is the day that stands for one that is not told.
func epoch() calendar.Day { return calendar.Day{Year: 1970, Month: time.January, Dom: 1} }

// Record is what the registers have of a person.
type Record struct {
	Citizen   Citizen
	Prior     cpr.Number // the number that this one replaced, empty = none
	Family    Family     // as of the instant of the look-up
	Relatives map[cpr.Number]Citizen
	Insured   *Insured // nil = no current row
}

// Kinship is what a relative is to a person, in the words of the CPR look-up 1.0.4.
type Kinship string

// The kinships: of who has, or could have, custody of a person; and of whom a person has custody, or could have.
const (
	Mother               Kinship = "mor"
	MotherWithoutCustody Kinship = "mor_uden"
	Father               Kinship = "far"
	FatherWithoutCustody Kinship = "far_uden"
	OtherHolder          Kinship = "anden"
	GuardianOf           Kinship = "vaerge"

	Child               Kinship = "barn"
	ChildWithoutCustody Kinship = "barn_uden"
	WardOf              Kinship = "myndling"
)

// HoldsCustody tells whether a relative of this kinship has custody of the person.
func (k Kinship) HoldsCustody() bool { return k == Mother || k == Father || k == OtherHolder }

// Related is one relative of a person.
type Related struct {
	CPR cpr.Number
	Kinship
}

// Disclosure is what the CPR look-up tells of a person, to whoever asks: what the register lacks is filled in, and of a protected person
// nothing is told but that.
type Disclosure struct {
	CPR            cpr.Number
	Current        cpr.Number // the number that replaced this one, empty = none
	Prior          cpr.Number // the number that this one replaced, empty = none
	Name           Name
	Addressing     string // name on letters
	Sex            Sex
	Protected      bool
	ProtectedSince calendar.Day // zero = not protected
	Birth          calendar.Day
	BirthUncertain bool
	Status         string
	StatusSince    calendar.Day
	Address        Address // zero = nothing is known; else complete
	County         string
	Custody        []Related // who has custody or guardianship of the person, and parents who have not
	Wards          []Related // the person's children under 18, and whom the person is guardian of
}

// Health is what the CPR look-up tells of a person's general practitioner and health insurance.
type Health struct {
	Practice   Practice
	Prior      *Practice // nil = none
	Group      string    // one digit
	GroupSince calendar.Day
	Status     string // "" = not told
}

// UnknownAddress is the address of somebody who has none.
func UnknownAddress() Address { return placeholder(Unknown) }

func placeholder(text string) Address {
	return Address{Street: text, PostCode: noCode, District: text, StreetCode: noCode, MunicipalityCode: noCode}
}

// Disclose returns what is told of the person at an instant; county is the code of the county that addresses are in, 4 digits or 99; what is
// none is 0000.
func (r *Record) Disclose(county string, at time.Time) Disclosure {
	c := r.Citizen
	if c.Protected(at) {
		return Disclosure{
			CPR: c.CPR, Current: c.Current, Name: Name{Given: censored, Surname: censored}, Addressing: censored, Protected: true,
			ProtectedSince: c.Protection, Birth: epoch(), BirthUncertain: true, Status: "01", StatusSince: epoch(),
			Address: placeholder(censored), County: noCode,
		}
	}
	d := Disclosure{
		CPR: c.CPR, Current: c.Current, Prior: r.Prior, Sex: c.Sex, Birth: epoch(), BirthUncertain: true, Status: c.Status,
		Name:       Name{Given: known(c.Name.Given), Middle: strings.TrimSpace(c.Name.Middle), Surname: known(c.Name.Surname)},
		Addressing: known(c.Name.String()),
		Address:    c.address(), County: noCode,
		Custody: r.custody(at), Wards: r.wards(at),
	}
	if birth, ok := c.Birth(); ok {
		d.Birth, d.BirthUncertain = birth, c.BirthUncertain
	}
	d.StatusSince = first(c.StatusSince, c.Died, d.Birth)
	if d.Address != UnknownAddress() && (county == "99" || code(county) == county) {
		d.County = county
	}
	return d
}

// address returns the address as it is told of somebody who is not protected. Who is abroad, missing, dead or has another number has none.
func (c Citizen) address() Address {
	if slices.Contains([]string{"20", StatusAnnulled, StatusDeleted, StatusNewNumber, "70", StatusDead}, c.Status) {
		return UnknownAddress()
	}
	a := c.Address
	if a == (Address{}) {
		return a
	}
	a.Street, a.District, a.PostCode = known(a.Street), known(a.District), code(a.PostCode)
	a.StreetCode, a.MunicipalityCode = code(a.StreetCode), code(a.MunicipalityCode)
	return a
}

// custody returns who has custody of a child, parents who have not, and guardians: living persons that the register has.
func (r *Record) custody(at time.Time) []Related {
	var all related
	child := r.Citizen
	for _, h := range r.Family.Holders {
		if holder, ok := r.Relatives[h.CPR]; ok && custody(holder, child, h, at) {
			all.add(h.CPR, holderOf(h.Type))
		}
	}
	if child.minor(at) {
		for _, p := range r.Family.Parents {
			if parent, ok := r.Relatives[p.CPR]; ok && !parent.Dead() {
				all.add(p.CPR, parentWithout(parent.Sex))
			}
		}
	}
	for _, g := range r.Family.Guardians {
		if guardian, ok := r.Relatives[g.CPR]; ok && guardianship(guardian, child, g, at) {
			all.add(g.CPR, GuardianOf)
		}
	}
	return all
}

// wards returns the person's own children under 18 and whom the person is guardian of: living persons that the register has.
func (r *Record) wards(at time.Time) []Related {
	var all related
	parent := r.Citizen
	for _, c := range r.Family.Children {
		own := c.Type == TypeMother || c.Type == TypeFather ||
			slices.ContainsFunc(r.Family.Born, func(b Relative) bool { return b.CPR == c.CPR })
		if child, ok := r.Relatives[c.CPR]; ok && own && custody(parent, child, c, at) {
			all.add(c.CPR, Child)
		}
	}
	for _, c := range r.Family.Born {
		if child, ok := r.Relatives[c.CPR]; ok && child.minor(at) && !parent.Dead() {
			all.add(c.CPR, ChildWithoutCustody)
		}
	}
	for _, w := range r.Family.Wards {
		if ward, ok := r.Relatives[w.CPR]; ok && guardianship(parent, ward, w, at) {
			all.add(w.CPR, WardOf)
		}
	}
	return all
}

// InCustody is a child in somebody's custody.
type InCustody struct {
	CPR cpr.Number
	Age int // whole years
}

// CustodyOver returns the children that the person has custody of at an instant and whom the person is guardian of, oldest row first (PI-03,
// PI-04).
func (r *Record) CustodyOver(at time.Time) (children []InCustody, wards []cpr.Number) {
	for _, c := range r.Family.Children {
		child, ok := r.Relatives[c.CPR]
		known := slices.ContainsFunc(children, func(other InCustody) bool { return other.CPR == c.CPR })
		if ok && !known && custody(r.Citizen, child, c, at) {
			age, _ := child.Age(calendar.DayOf(at)) // under 18, so that it is known
			children = append(children, InCustody{CPR: c.CPR, Age: age})
		}
	}
	for _, w := range r.Family.Wards {
		if ward, ok := r.Relatives[w.CPR]; ok && !slices.Contains(wards, w.CPR) && guardianship(r.Citizen, ward, w, at) {
			wards = append(wards, w.CPR)
		}
	}
	return children, wards
}

// HomeAddress returns the address of somebody who is not protected; ok is false where there is none, or none is known.
func (c Citizen) HomeAddress() (a Address, ok bool) {
	a = c.address()
	return c.Address, a != (Address{}) && a != UnknownAddress()
}

// holderOf is the kinship of a holder of custody by the type of the row.
func holderOf(code string) Kinship {
	switch code {
	case TypeMother:
		return Mother
	case TypeFather:
		return Father
	}
	return OtherHolder
}

// parentWithout is the kinship of a parent without custody; "" where the register does not tell which parent it is.
func parentWithout(s Sex) Kinship {
	switch s {
	case Female:
		return MotherWithoutCustody
	case Male:
		return FatherWithoutCustody
	}
	return ""
}

// custody tells whether holder has custody of child at an instant by a row of either.
func custody(holder, child Citizen, row Relative, at time.Time) bool {
	row.CPR = holder.CPR
	return len(Custody(holder, child, []Kin{{Citizen: child.CPR, Relative: row}}, at)) > 0
}

// guardianship tells whether guardian is that of ward at an instant by a row of either.
func guardianship(guardian, ward Citizen, row Relative, at time.Time) bool {
	row.CPR = guardian.CPR
	return len(Guardianship(guardian, ward, []Kin{{Citizen: ward.CPR, Relative: row}}, at)) > 0
}

// minor tells whether the citizen lives and is known to be under 18.
func (c Citizen) minor(at time.Time) bool {
	age, err := c.Age(calendar.DayOf(at))
	return err == nil && age < adult && !c.Dead()
}

// related is a list that names each relative once.
type related []Related

func (all *related) add(n cpr.Number, kinship Kinship) {
	if kinship != "" && !slices.ContainsFunc(*all, func(other Related) bool { return other.CPR == n }) {
		*all = append(*all, Related{CPR: n, Kinship: kinship})
	}
}

// Health returns what is told of the person's general practitioner and health insurance at an instant.
func (r *Record) Health(at time.Time) Health {
	switch {
	case r.Citizen.Protected(at):
		return Health{Practice: noPractice(censored), Group: normalGroup, GroupSince: epoch()}
	case r.Insured == nil:
		return Health{Practice: noPractice(Unknown), Group: normalGroup, GroupSince: epoch()}
	}
	h := Health{Practice: noPractice(Unknown), Group: r.Insured.Group, GroupSince: r.Insured.GroupSince}
	if p := r.Insured.Practice; p != nil {
		h.Practice = p.complete()
	}
	if p := r.Insured.Prior; p != nil {
		prior := p.complete()
		h.Prior = &prior
	}
	if g := h.Group; len(g) != 1 || g < "0" || g > "9" || g == "3" {
		h.Group = normalGroup
	}
	if slices.Contains([]string{"D", "G", "U", "V"}, r.Insured.Status) {
		h.Status = r.Insured.Status
	}
	return h
}

func noPractice(text string) Practice {
	return Practice{Number: "0", Name: text, Address: text, PostCode: noCode, District: text, Phone: noPhone, Email: text + mailbox}
}

// complete returns the practice with what the CPR look-up must tell of one.
func (p Practice) complete() Practice {
	p.Name, p.Address, p.District, p.PostCode = known(p.Name), known(p.Address), known(p.District), code(p.PostCode)
	return p
}

// known returns the text, or what stands for one that is not known.
func known(s string) string {
	if s = strings.TrimSpace(s); s == "" {
		return Unknown
	}
	return s
}

// code returns a code of four digits, filled up with zeros from the left; 0000 for what is none.
func code(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > len(noCode) || strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' }) {
		return noCode
	}
	return noCode[len(s):] + s
}

// first returns the first day that is known.
func first(days ...calendar.Day) calendar.Day {
	i := slices.IndexFunc(days, func(d calendar.Day) bool { return d != calendar.Day{} })
	return days[i]
}

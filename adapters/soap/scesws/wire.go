package scesws

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/application/enquiring"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/stamdata"
)

// Patterns of the schemas for values that are left out where they do not fit.
var (
	housePattern = regexp.MustCompile(`^[1-9][0-9]{0,2}[A-Z]?$`)
	floorPattern = regexp.MustCompile(`^([1-9][0-9]?|KL|ST|kl|st|[kK][2-9])$`)
	phonePattern = regexp.MustCompile(`^[0-9]{1,15}$`)
	emailPattern = regexp.MustCompile(`^[^>()\[\]\\,;:@\s]{0,191}@[^>()\[\]\\,;:@\s]{1,64}$`)
	cvrPattern   = regexp.MustCompile(`^[0-9]{8}$`)
	yderPattern  = regexp.MustCompile(`^0*([0-9]{1,6})$`)
)

// printer writes an answer in a version. Texts that are longer than the schemas allow are cut.
type printer struct {
	*xmlout.Writer
	v Version
}

// write writes the body of an answer.
func write(w *xmlout.Writer, v Version, a *enquiring.Answer) {
	p := printer{w, v}
	if a.Health == nil {
		p.Start(opPerson+out, declarations(v, false)...)
		p.person(&a.Person)
		p.End()
		return
	}
	p.Start(opHealth+out, declarations(v, true)...)
	p.Start(elemWhole)
	p.person(&a.Person)
	p.health(a.Health)
	p.End()
	p.End()
}

func (p printer) person(d *stamdata.Disclosure) {
	p.Start(elemInformation)
	p.number(elemCurrent, d.Current)
	if p.v == V104 {
		p.number(elemPrior, d.Prior)
	}
	p.regular(d)
	p.address(d)
	p.relatives(d)
	p.End()
}

// regular writes who the person is. What was in a schema of its own in older versions is in that of the look-up in newer ones.
func (p printer) regular(d *stamdata.Disclosure) {
	person, simple, status, code := elemPerson, elemSimple, elemStatus, elemStatusCode
	if p.v < V104 {
		simple = "c0601:" + simple
	}
	if p.v < V103 {
		person, status, code = "c0601:"+person, "c0601:"+status, "c0511:"+code
	}
	p.Start(person)
	p.Start(simple)
	p.Start("i0601:" + elemName)
	p.text("d0302:"+elemGiven, d.Name.Given, 50)
	p.text("d0302:"+elemMiddle, d.Name.Middle, 40)
	p.text("d0302:"+elemSurname, d.Name.Surname, 40)
	p.End()
	p.number("c0503:"+elemNumber, d.CPR)
	p.End()
	p.text("i0502:"+elemAddressing, d.Addressing, 34)
	p.Elem("d0302:"+elemGender, genders()[d.Sex])
	p.Elem("c0511:"+elemProtected, strconv.FormatBool(d.Protected))
	p.Start("c0511:" + elemBirth)
	p.day("d0503:"+elemBirthDate, d.Birth)
	p.Elem("c0511:"+elemUncertain, strconv.FormatBool(d.BirthUncertain))
	p.End()
	p.Start(status)
	p.Elem(code, d.Status)
	p.day("c0601:"+elemStatusStart, d.StatusSince)
	p.End()
	p.End()
}

func genders() [3]string {
	return [...]string{stamdata.UnknownSex: "unknown", stamdata.Male: "male", stamdata.Female: "female"}
}

// address writes where the person lives. An address of which nothing is known is left out where the version allows.
func (p printer) address(d *stamdata.Disclosure) {
	a := d.Address
	known := a != (stamdata.Address{})
	if !known {
		a = stamdata.UnknownAddress()
	}
	house := only(housePattern, a.House)
	p.Start(elemAddress)
	p.text("i0506:"+elemCareOf, a.CareOf, 34)
	if known || p.v < V104 {
		p.Start(elemComplete)
		p.Start(elemAccess)
		p.Elem("c0503:"+elemMunicipality, a.MunicipalityCode)
		p.Elem("c0503:"+elemStreetCode, a.StreetCode)
		p.text("d0302:"+elemHouse, house, 4)
		p.End()
		p.Start(elemPostal)
		p.text("d0503:"+elemStreet, a.Street, 40)
		p.text("d0302:"+elemHouse, house, 4)
		p.text("d0302:"+elemFloor, only(floorPattern, a.Floor), 2)
		p.text("d0302:"+elemSuite, a.Door, 4)
		p.text("d0503:"+elemSubdivision, subdivision(a), 34)
		p.Elem("d0503:"+elemPostCode, a.PostCode)
		p.text("d0503:"+elemDistrict, a.District, 20)
		p.End()
		p.End()
	}
	p.day("c0609:"+elemProtectedSince, d.ProtectedSince)
	p.Elem(elemCounty, d.County)
	p.End()
}

// subdivision is the place within the district: the town, else the locality.
func subdivision(a stamdata.Address) string {
	if town := strings.TrimSpace(a.Town); town != "" {
		return town
	}
	return a.Locality
}

// relatives writes who has custody of the person, and of whom the person has: 1.0.3 tells of two who have custody, 1.0.2 of nobody.
func (p printer) relatives(d *stamdata.Disclosure) {
	told := 0
	for _, k := range d.Custody {
		if p.v == V102 || p.v == V103 && (told == 2 || !k.HoldsCustody()) {
			continue
		}
		told++
		p.Start(elemCustody)
		p.number(elemCustodyNumber, k.CPR)
		if p.v == V104 {
			p.Elem(elemCustodyRelation, string(k.Kinship))
		}
		p.End()
	}
	if p.v < V104 {
		return
	}
	for _, k := range d.Wards {
		p.Start(elemWard)
		p.number(elemWardNumber, k.CPR)
		p.Elem(elemWardRelation, string(k.Kinship))
		p.End()
	}
}

func (p printer) health(h *stamdata.Health) {
	p.Start(elemHealth)
	if p.v == V104 {
		p.Start(elemCurrentPractice)
	}
	p.practice(&h.Practice)
	if p.v == V104 {
		p.text(elemCVR, only(cvrPattern, h.Practice.CVR), 8)
		p.End()
	}
	if h.Prior != nil && p.v >= V103 {
		p.Start(elemPriorPractice)
		p.practice(h.Prior)
		p.End()
	}
	group := h.Group
	if group == "0" && p.v < V104 {
		group = "1" // the older versions have no group 0
	}
	p.Start(elemInsurance)
	p.Elem(elemGroup, groupPrefix+group)
	p.day("mc:"+elemGroupSince, h.GroupSince)
	if p.v >= V103 {
		p.text(elemInsuranceStatus, h.Status, 1)
	}
	p.End()
	p.End()
}

func (p printer) practice(y *stamdata.Practice) {
	number := "0"
	if m := yderPattern.FindStringSubmatch(y.Number); m != nil {
		number = m[1]
	}
	p.Start("mc:" + elemPractice)
	p.Elem("mc:"+elemPracticeNumber, number)
	p.text("mc:"+elemPracticeName, y.Name, 70)
	p.text("i0506:"+elemPracticeAddress, y.Address, 150)
	p.Elem("d0503:"+elemPostCode, y.PostCode)
	p.text("d0503:"+elemDistrict, y.District, 20)
	p.text("d0509:"+elemPhone, only(phonePattern, strings.ReplaceAll(y.Phone, " ", "")), 15)
	p.text("x0503:"+elemEmail, only(emailPattern, y.Email), 256)
	p.End()
}

// text writes the first limit characters of a text, nothing where there is none.
func (p printer) text(name, s string, limit int) {
	if s = strings.TrimSpace(s); s == "" {
		return
	}
	n := 0
	for i := range s {
		if n == limit {
			s = s[:i]
			break
		}
		n++
	}
	p.Elem(name, s)
}

// number writes a number, nothing where there is none.
func (p printer) number(name string, n cpr.Number) {
	if !n.IsZero() {
		p.Elem(name, n.Digits())
	}
}

// day writes a day, nothing where there is none.
func (p printer) day(name string, d calendar.Day) {
	if d != (calendar.Day{}) {
		p.Elem(name, d.String())
	}
}

// only returns s if it is of the pattern, else nothing.
func only(pattern *regexp.Regexp, s string) string {
	if pattern.MatchString(s) {
		return s
	}
	return ""
}

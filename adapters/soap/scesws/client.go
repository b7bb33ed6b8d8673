package scesws

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/adapters/xml/xsd"
	"github.com/opennsp/nsp/application/enquiring"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports"
)

// Client asks a CPR look-up. Send posts the element that body writes, in an envelope with the caller's credential, with the given SOAPAction; a
// SOAP fault is a *soap.Fault.
type Client struct {
	Send func(ctx context.Context, action string, body func(*xmlout.Writer)) (*soap.Response, error)
}

// ErrAnswer is returned for an answer that is not what the contract says.
var ErrAnswer = errors.New("CPR look-up: unexpected answer")

// Person asks in a version for the person with a number, and for the person's practice and insurance too.
func (c *Client) Person(ctx context.Context, v Version, number string, health bool) (enquiring.Answer, error) {
	op, action := opPerson, actionPerson
	if health {
		op, action = opHealth, actionHealth
	}
	response, err := c.Send(ctx, action, func(w *xmlout.Writer) {
		w.Start(op+in, "xmlns", v.Namespace())
		w.Elem("c0503:"+elemNumber, number, "xmlns:c0503", nsC0503)
		w.End()
	})
	if err != nil {
		return enquiring.Answer{}, err
	}
	defer response.Tree.Release()
	if !response.Tree.Is(response.Body, v.Namespace(), op+out) {
		return enquiring.Answer{}, ErrAnswer
	}
	return readAnswer(response.Tree, response.Body, health)
}

// readAnswer reads the body of an answer of any version: elements are found by their local names. Strings are copies.
func readAnswer(t *xmltree.Tree, body xmltree.Node, health bool) (a enquiring.Answer, err error) {
	r := reader{tree: t}
	whole := body
	if health {
		whole = r.child(body, elemWhole)
	}
	a.Person = r.person(r.child(whole, elemInformation))
	if health {
		h := r.health(r.child(whole, elemHealth))
		a.Health = &h
	}
	if a.Person.CPR.IsZero() || a.Person.Status == "" {
		return enquiring.Answer{}, ErrAnswer
	}
	if r.err != nil {
		return enquiring.Answer{}, ErrAnswer // what was wrong is somebody's data
	}
	return a, nil
}

// reader reads an answer and keeps the first error. What is not there reads as nothing.
type reader struct {
	tree *xmltree.Tree
	err  error
}

// child returns the first child with a local name, by a path of them.
func (r *reader) child(n xmltree.Node, path ...string) xmltree.Node {
	for _, local := range path {
		if n == xmltree.None {
			return n
		}
		parent := n
		n = xmltree.None
		for c := range r.tree.Children(parent) {
			if r.tree.Local(c) == local {
				n = c
				break
			}
		}
	}
	return n
}

func (r *reader) text(n xmltree.Node, path ...string) string {
	if n = r.child(n, path...); n == xmltree.None {
		return ""
	}
	s, err := r.tree.Text(n)
	if err != nil {
		r.err = err
	}
	return strings.Clone(strings.TrimSpace(s))
}

func (r *reader) number(n xmltree.Node, path ...string) cpr.Number {
	s := r.text(n, path...)
	if s == "" || s == "0000000000" {
		return cpr.Number{}
	}
	number, err := cpr.Parse(s)
	if err != nil {
		r.err = err
	}
	return number
}

func (r *reader) day(n xmltree.Node, path ...string) calendar.Day {
	s := r.text(n, path...)
	if s == "" {
		return calendar.Day{}
	}
	if len(s) > len(time.DateOnly) {
		s = s[:len(time.DateOnly)] // xs:date may have a zone, which says nothing of a day
	}
	d, err := calendar.ParseDay(s)
	if err != nil {
		r.err = err
	}
	return d
}

func (r *reader) truth(n xmltree.Node, path ...string) bool {
	s := r.text(n, path...)
	if s == "" {
		return false
	}
	b, err := xsd.ParseBoolean(s)
	if err != nil {
		r.err = err
	}
	return b
}

func (r *reader) person(n xmltree.Node) stamdata.Disclosure {
	who := r.child(n, elemPerson)
	name := r.child(who, elemSimple, elemName)
	d := stamdata.Disclosure{
		CPR: r.number(who, elemSimple, elemNumber), Current: r.number(n, elemCurrent), Prior: r.number(n, elemPrior),
		Name:       stamdata.Name{Given: r.text(name, elemGiven), Middle: r.text(name, elemMiddle), Surname: r.text(name, elemSurname)},
		Addressing: r.text(who, elemAddressing), Protected: r.truth(who, elemProtected),
		Birth: r.day(who, elemBirth, elemBirthDate), BirthUncertain: r.truth(who, elemBirth, elemUncertain),
		Status: r.text(who, elemStatus, elemStatusCode), StatusSince: r.day(who, elemStatus, elemStatusStart),
		Address: r.address(r.child(n, elemAddress)), ProtectedSince: r.day(n, elemAddress, elemProtectedSince), County: r.text(n, elemAddress, elemCounty),
		Custody: r.related(n, elemCustody, elemCustodyNumber, elemCustodyRelation),
		Wards:   r.related(n, elemWard, elemWardNumber, elemWardRelation),
	}
	if len(d.Status) == 1 {
		d.Status = "0" + d.Status // a number in 1.0.2
	}
	all := genders()
	if i := slices.Index(all[:], r.text(who, elemGender)); i > 0 {
		d.Sex = stamdata.Sex(i)
	}
	return d
}

func (r *reader) address(n xmltree.Node) stamdata.Address {
	access, postal := r.child(n, elemComplete, elemAccess), r.child(n, elemComplete, elemPostal)
	return stamdata.Address{
		CareOf: r.text(n, elemCareOf), MunicipalityCode: r.text(access, elemMunicipality), StreetCode: r.text(access, elemStreetCode),
		Street: r.text(postal, elemStreet), House: r.text(postal, elemHouse), Floor: r.text(postal, elemFloor), Door: r.text(postal, elemSuite),
		Town: r.text(postal, elemSubdivision), PostCode: r.text(postal, elemPostCode), District: r.text(postal, elemDistrict),
	}
}

func (r *reader) related(n xmltree.Node, elem, number, relation string) []stamdata.Related {
	var all []stamdata.Related
	if n == xmltree.None {
		return nil
	}
	for c := range r.tree.Children(n) {
		if r.tree.Local(c) == elem {
			all = append(all, stamdata.Related{CPR: r.number(c, number), Kinship: stamdata.Kinship(r.text(c, relation))})
		}
	}
	return all
}

func (r *reader) health(n xmltree.Node) stamdata.Health {
	current := r.child(n, elemCurrentPractice)
	if current == xmltree.None {
		current = n // before 1.0.4
	}
	insurance := r.child(n, elemInsurance)
	h := stamdata.Health{
		Practice: r.practice(r.child(current, elemPractice)), GroupSince: r.day(insurance, elemGroupSince),
		Group: strings.TrimPrefix(r.text(insurance, elemGroup), groupPrefix), Status: r.text(insurance, elemInsuranceStatus),
	}
	h.Practice.CVR = r.text(current, elemCVR)
	if prior := r.child(n, elemPriorPractice, elemPractice); prior != xmltree.None {
		y := r.practice(prior)
		h.Prior = &y
	}
	return h
}

func (r *reader) practice(n xmltree.Node) stamdata.Practice {
	return stamdata.Practice{
		Number: r.text(n, elemPracticeNumber), Name: r.text(n, elemPracticeName), Address: r.text(n, elemPracticeAddress),
		PostCode: r.text(n, elemPostCode), District: r.text(n, elemDistrict), Phone: r.text(n, elemPhone), Email: r.text(n, elemEmail),
	}
}

// Citizens is the CPR register behind a CPR look-up of another server: a citizen has the status and the current number, and of the rest what the
// look-up tells. It is safe for concurrent use.
type Citizens struct {
	Client  *Client
	Timeout time.Duration // of a look-up; 0 = none
}

var _ ports.Citizens = (*Citizens)(nil)

// What a caller of ours hears of the other server.
var (
	errNobody      error = fault.Error{Kind: fault.NotFound, Code: "no_person", Text: "There is no such person."}
	errUnreachable error = fault.Error{Kind: fault.Unavailable, Code: fault.CodeProcessing, Text: "Internal Server Error"}
)

// Citizen implements ports.Citizens. Of a protected person the look-up tells the number, the current number and that it is protected; the status
// is then 01 whatever it is.
func (c *Citizens) Citizen(ctx context.Context, n cpr.Number) (stamdata.Citizen, error) {
	if c.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Timeout)
		defer cancel()
	}
	a, err := c.Client.Person(ctx, V104, n.Digits(), false)
	if told, ok := errors.AsType[*soap.Fault](err); ok {
		none, _ := fault.Of(enquiring.ErrNoData)
		if told.FaultString == none.Text {
			return stamdata.Citizen{}, errNobody
		}
		// The text of another fault may quote the number.
		return stamdata.Citizen{}, fmt.Errorf("%w: the CPR look-up answered with the fault %s, HTTP status %d", errUnreachable, told.FaultCode, told.Status)
	}
	switch {
	case err != nil:
		return stamdata.Citizen{}, fmt.Errorf("%w: ask the CPR look-up: %w", errUnreachable, err)
	case a.Person.CPR != n:
		return stamdata.Citizen{}, fmt.Errorf("%w: %w", errUnreachable, ErrAnswer)
	}
	return citizenOf(&a.Person), nil
}

// citizenOf returns the citizen that the look-up told of, without what it filled in.
func citizenOf(d *stamdata.Disclosure) stamdata.Citizen {
	c := stamdata.Citizen{CPR: d.CPR, Status: d.Status, Current: d.Current}
	if d.Protected {
		if c.Protection = d.ProtectedSince; c.Protection == (calendar.Day{}) {
			c.Protection = d.StatusSince
		}
		return c
	}
	c.StatusSince, c.Sex = d.StatusSince, d.Sex
	c.Name = stamdata.Name{Given: known(d.Name.Given), Middle: d.Name.Middle, Surname: known(d.Name.Surname)}
	if c.Registered, c.BirthUncertain = d.Birth, d.BirthUncertain; d.BirthUncertain && d.Birth == (calendar.Day{Year: 1970, Month: time.January, Dom: 1}) {
		c.Registered, c.BirthUncertain = calendar.Day{}, false
	}
	if d.Address != stamdata.UnknownAddress() {
		c.Address = d.Address
	}
	return c
}

// known returns a text unless it stands for one that is not known.
func known(s string) string {
	if s == stamdata.Unknown {
		return ""
	}
	return s
}

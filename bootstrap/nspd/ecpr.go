package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/opennsp/nsp/adapters/soap/ecprws"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/ecpr"
)

type callECPR struct {
	Create ecprCreate `cmd:"" help:"Give a person without a CPR number a replacement number."`
	Update ecprUpdate `cmd:"" help:"Add to what is known of a person, or link a CPR number."`
	Get    ecprGet    `cmd:"" help:"Show the person with a number."`
	Search ecprSearch `cmd:"" help:"Find persons by what is or was known of them."`
	Merge  ecprMerge  `cmd:"" help:"Make one registration of two."`
	OIDs   ecprOIDs   `cmd:"" name:"oids" help:"List the kinds of identifiers."`
}

// ecpr returns the client of the national eCPR that shows the caller's card.
func (c *caller) ecpr() *ecprws.Client {
	return &ecprws.Client{Send: c.sender(at(ecprws.Path))}
}

// elements is what a command line says of a person.
type elements struct {
	Given      string            `help:"Given names." placeholder:"NAME"`
	Family     string            `help:"Family name." placeholder:"NAME"`
	Gender     string            `help:"male, female, other or unknown." placeholder:"GENDER"`
	Birth      string            `help:"Birth date: 1978-08-13, 1978-08 or 1978." placeholder:"DATE"`
	Phone      []string          `help:"Telephone numbers." placeholder:"NUMBER"`
	Street     string            `help:"First line of the home address." placeholder:"TEXT"`
	City       string            `help:"City of the home address." placeholder:"NAME"`
	Identifier map[string]string `help:"Further numbers, by the OID of their kind; call ecpr oids lists the kinds." placeholder:"OID=VALUE"`
}

func (e elements) edits() (edits []ecpr.Edit) {
	add := func(value ecpr.Element) { edits = append(edits, ecpr.Edit{Kind: value.Kind(), Element: value}) }
	for oid, value := range e.Identifier {
		add(ecpr.Identifier{OID: oid, Value: value})
	}
	if e.Given != "" || e.Family != "" {
		add(ecpr.Name{Given: e.Given, Family: e.Family})
	}
	if e.Gender != "" {
		add(ecpr.Gender(e.Gender))
	}
	if e.Birth != "" {
		add(ecpr.BirthDate(e.Birth))
	}
	for _, phone := range e.Phone {
		add(ecpr.Contact{Value: phone})
	}
	if e.Street != "" || e.City != "" {
		add(ecpr.Address{Lines: [10]string{e.Street}, City: e.City})
	}
	return edits
}

// actor is the sample as who changes a registration.
func (c *caller) actor() *ecpr.Actor {
	p := c.sample.Person
	return &ecpr.Actor{
		Authorisation: c.card.Card.AuthorisationCode, Name: strings.TrimSpace(p.GivenName + " " + p.Surname), Person: p.CPR.Digits(),
		Organisation: ecpr.Organisation{Name: c.sample.Organisation, ID: c.sample.Subject.CVR, Source: "CVR"},
	}
}

// ecprCall is what all commands on registrations have in common.
type ecprCall struct {
	As string `help:"Sample that calls, an employee." default:"laege"`
	target
}

// run has a sample call the service.
func (c ecprCall) run(s streams, call func(context.Context, *caller, *ecprws.Client) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	caller, err := c.connect(ctx, c.As, s.out)
	if err != nil {
		return err
	}
	return call(ctx, caller, caller.ecpr())
}

// show prints the persons that a call returns.
func (c ecprCall) show(s streams, call func(context.Context, *caller, *ecprws.Client) ([]ecpr.Person, error)) error {
	return c.run(s, func(ctx context.Context, as *caller, client *ecprws.Client) error {
		found, err := call(ctx, as, client)
		if err != nil {
			return err
		}
		return printPersons(s.out, found)
	})
}

func one(p ecpr.Person, err error) ([]ecpr.Person, error) { return []ecpr.Person{p}, err }

type ecprCreate struct {
	elements
	ecprCall
}

// Run registers a person.
func (c ecprCreate) Run(s streams) error {
	return c.show(s, func(ctx context.Context, as *caller, client *ecprws.Client) ([]ecpr.Person, error) {
		return one(client.CreatePerson(ctx, as.actor(), c.edits()))
	})
}

type ecprUpdate struct {
	Number     string   `arg:"" help:"X-eCPR of the person."`
	CPR        string   `name:"cpr" help:"CPR number of the person, to be linked." placeholder:"CPR"`
	Invalidate []string `help:"Elements that hold no longer, as KIND=PID, such as Contact=5b1f0a52-…; get --history shows PIDs." placeholder:"KIND=PID"`
	elements
	ecprCall
}

// Run changes what is known of a person.
func (c ecprUpdate) Run(s streams) error {
	number, err := ecpr.ParseNumber(c.Number)
	if err != nil {
		return fmt.Errorf("%s is no X-eCPR", c.Number)
	}
	edits := c.edits()
	if c.CPR != "" {
		edits = append(edits, ecpr.Edit{Kind: ecpr.IdentifierKind, Element: ecpr.Identifier{OID: ecpr.CPROID, Value: c.CPR}})
	}
	for _, ended := range c.Invalidate {
		name, pid, found := strings.Cut(ended, "=")
		kind, known := kinds()[name]
		if !found || !known {
			return fmt.Errorf("%s: want KIND=PID with a kind of Identifier, Name, BirthDate, Contact, Address", ended)
		}
		edits = append(edits, ecpr.Edit{Kind: kind, PID: ecpr.PID(pid)})
	}
	return c.show(s, func(ctx context.Context, as *caller, client *ecprws.Client) ([]ecpr.Person, error) {
		return one(client.UpdatePerson(ctx, number, as.actor(), edits))
	})
}

func kinds() map[string]ecpr.Kind {
	return map[string]ecpr.Kind{
		"Identifier": ecpr.IdentifierKind, "Name": ecpr.NameKind, "Gender": ecpr.GenderKind, "BirthDate": ecpr.BirthDateKind,
		"Contact": ecpr.ContactKind, "Address": ecpr.AddressKind,
	}
}

type ecprGet struct {
	Value   string `arg:"" help:"Number of the person: X-eCPR, or another kind of number with --oid."`
	OID     string `name:"oid" help:"Kind of the number." default:"1.2.208.176.1.6.1.1"`
	History bool   `help:"Show every version, also those that hold no longer."`
	ecprCall
}

// Run shows a person.
func (c ecprGet) Run(s streams) error {
	return c.run(s, func(ctx context.Context, _ *caller, client *ecprws.Client) error {
		p, found, err := client.GetPersonByID(ctx, ecpr.Identifier{OID: c.OID, Value: c.Value})
		switch {
		case err != nil:
			return err
		case !found:
			fmt.Fprintln(s.out, "There is no such person.")
			return nil
		case c.History:
			return printVersions(s.out, p)
		}
		return printPersons(s.out, []ecpr.Person{p})
	})
}

type ecprSearch struct {
	Query string `arg:"" help:"Such as 'familyname:prøve* AND birthdate:1978-08-13'."`
	ecprCall
}

// Run finds persons.
func (c ecprSearch) Run(s streams) error {
	return c.show(s, func(ctx context.Context, _ *caller, client *ecprws.Client) ([]ecpr.Person, error) {
		return client.SearchPerson(ctx, c.Query)
	})
}

type ecprMerge struct {
	Survivor string `arg:"" help:"X-eCPR that stays."`
	Loser    string `arg:"" help:"X-eCPR that leads to it from then on."`
	ecprCall
}

// Run merges two persons.
func (c ecprMerge) Run(s streams) error {
	survivor, err := ecpr.ParseNumber(c.Survivor)
	if err != nil {
		return fmt.Errorf("%s is no X-eCPR", c.Survivor)
	}
	loser, err := ecpr.ParseNumber(c.Loser)
	if err != nil {
		return fmt.Errorf("%s is no X-eCPR", c.Loser)
	}
	return c.show(s, func(ctx context.Context, as *caller, client *ecprws.Client) ([]ecpr.Person, error) {
		return one(client.MergePersons(ctx, as.actor(), survivor, loser))
	})
}

type ecprOIDs struct{ ecprCall }

// Run lists the kinds of identifiers.
func (c ecprOIDs) Run(s streams) error {
	return c.run(s, func(ctx context.Context, _ *caller, client *ecprws.Client) error {
		rows, err := client.GetOIDs(ctx)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "OID\tKIND\tSOURCE\tTYPE\tFORM")
		for _, o := range rows {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", o.OID, o.Label, orDash(o.Secondary), o.Type, orDash(o.Pattern))
		}
		return table.Flush()
	})
}

// printPersons prints what holds now of each person.
func printPersons(w io.Writer, all []ecpr.Person) error {
	if len(all) == 0 {
		fmt.Fprintln(w, "Nobody is found.")
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "X-ECPR\tNAME\tGENDER\tBORN\tADDRESS\tPHONE\tOTHER NUMBERS")
	for _, p := range all {
		var cells [6][]string
		for _, v := range p.Versions {
			if !v.Valid.To.IsZero() {
				continue
			}
			switch e := v.Element.(type) {
			case ecpr.Name:
				cells[0] = append(cells[0], e.Text)
			case ecpr.Gender:
				cells[1] = append(cells[1], string(e))
			case ecpr.BirthDate:
				cells[2] = append(cells[2], string(e))
			case ecpr.Address:
				cells[3] = append(cells[3], strings.TrimSpace(e.Lines[0]+" "+e.City))
			case ecpr.Contact:
				cells[4] = append(cells[4], e.Value)
			case ecpr.Identifier:
				if e.OID != ecpr.XECPROID {
					cells[5] = append(cells[5], e.Value)
				}
			}
		}
		fmt.Fprint(table, p.Number.Text())
		for _, c := range cells {
			fmt.Fprint(table, "\t", orDash(strings.Join(c, ", ")))
		}
		fmt.Fprintln(table)
	}
	return table.Flush()
}

// printVersions prints every version of a person.
func printVersions(w io.Writer, p ecpr.Person) error {
	names := map[ecpr.Kind]string{}
	for name, kind := range kinds() {
		names[kind] = name
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ELEMENT\tPID\tFROM\tTO\tVALUE")
	for _, v := range p.Versions {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", names[v.Element.Kind()], v.PID, moment(v.Valid.From), orDash(moment(v.Valid.To)), textOf(v.Element))
	}
	return table.Flush()
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(calendar.Location()).Format("2006-01-02 15:04:05")
}

func textOf(e ecpr.Element) string {
	switch e := e.(type) {
	case ecpr.Identifier:
		return e.Value + " (" + e.OID + ")"
	case ecpr.Name:
		return e.Text
	case ecpr.Gender:
		return string(e)
	case ecpr.BirthDate:
		return string(e)
	case ecpr.Contact:
		return e.Value
	case ecpr.Address:
		return strings.TrimSpace(strings.Join(e.Lines[:], " ")) + " " + e.City
	}
	return ""
}

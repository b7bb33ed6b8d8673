package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/opennsp/nsp/adapters/soap/minlogws"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/minlog"
)

// callTimeout bounds a command that calls a server.
const callTimeout = time.Minute

type callCommand struct {
	MinLog  callMinLog  `cmd:"" name:"minlog" help:"MinLog2: who looked at whose health data."`
	ECPR    callECPR    `cmd:"" name:"ecpr" help:"National eCPR: replacement numbers for persons without a CPR number."`
	CPR     callCPR     `cmd:"" name:"cpr" help:"Det Gode CPR Opslag: look a citizen up."`
	SKRS    callSKRS    `cmd:"" name:"skrs" help:"Register replication: copy a register page by page."`
	Consent callConsent `cmd:"" help:"Samtykke (MinSpærring): who may see a citizen's data."`
	NAS     callNAS     `cmd:"" name:"nas" help:"NAS2: be told when something changes."`
	Will    callWill    `cmd:"" help:"LTR-BTR: living wills and treatment wills."`
	FGVHR   callFGVHR   `cmd:"" name:"fgvhr" help:"FGVHR: who declines resuscitation."`
}

type callMinLog struct {
	Register   registerCommand   `cmd:"" help:"Register an access to a citizen's data."`
	Lookup     lookupCommand     `cmd:"" help:"Read a citizen's log: the own, or that of somebody the caller may act for."`
	Assistants assistantsCommand `cmd:"" help:"Read what others did on one's behalf."`
}

// target is who calls which server.
type target struct {
	Server        string `help:"Address of the server." default:"${server}"`
	STS           string `name:"sts" help:"Address of its token service, where that is another." placeholder:"URL"`
	Federation    string `help:"Folder of the server's test federation." default:"${federation}"`
	Authorisation string `help:"Authorisation code on the ID card, where the person has several." placeholder:"CODE"`
	XML           bool   `name:"xml" help:"Print the messages that are exchanged."`
}

func (t target) connect(ctx context.Context, sample string, out io.Writer) (*caller, error) {
	return connect(ctx, t.addresses(), t.Federation, sample, t.Authorisation, t.client(out))
}

func (t target) connectCitizen(ctx context.Context, number, audience string, out io.Writer) (*citizen, error) {
	return connectCitizen(ctx, t.addresses(), t.Federation, number, audience, t.client(out))
}

// addresses are where services and their token service are, such as http://127.0.0.1:8080.
type addresses struct{ server, sts string }

func (t target) addresses() addresses {
	return addresses{strings.TrimSuffix(t.Server, "/"), strings.TrimSuffix(cmp.Or(t.STS, t.Server), "/")}
}

func (t target) client(out io.Writer) *http.Client {
	client := &http.Client{}
	if t.XML {
		client.Transport = &transcript{next: http.DefaultTransport, w: out}
	}
	return client
}

type registerCommand struct {
	As         string `help:"Sample that calls, a system or an employee." default:"epj"`
	Person     string `help:"Whose data was looked at (CPR number)." default:"0101010001"`
	User       string `help:"Who looked (CPR number)." default:"0101010004"`
	Role       string `help:"In which role." default:"Sekretær"`
	OnBehalfOf string `help:"For whom: authorisation code or CPR number; empty = nobody." default:"TST01"`
	System     string `help:"In which system." default:"FMK"`
	Activity   string `help:"What was done." default:"Opslag på medicinkort"`
	Count      int    `help:"How many equal accesses, a second apart." default:"1"`
	target
}

// Run registers the access.
func (c registerCommand) Run(s streams) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	caller, err := c.connect(ctx, c.As, s.out)
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	entries := make([]minlog.Entry, max(c.Count, 0))
	for i := range entries {
		at := now.Add(-time.Duration(i) * time.Second)
		entries[i] = minlog.Entry{
			System: c.System, Activity: c.Activity, From: at, To: at, Person: minlog.ID{Source: minlog.CPR, Value: c.Person},
			User: minlog.ID{Source: minlog.CPR, Value: c.User}, UserRole: c.Role, SequenceNumber: strconv.Itoa(i + 1), OnBehalfOf: behalf(c.OnBehalfOf),
		}
	}
	answer, err := caller.minLog(caller.card.Assertion).Register(ctx, minlog.Interface20250312, entries)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%d registered, %d refused\n", answer.Added, answer.Failed)
	for _, f := range answer.Failures {
		fmt.Fprintf(s.out, "  entry %s: %s (%s)\n", f.SequenceNumber, f.Text, f.Code)
	}
	if answer.Failed > 0 {
		return fmt.Errorf("%d of %d accesses were refused", answer.Failed, len(entries))
	}
	return nil
}

// behalf names a professional by CPR number or authorisation code.
func behalf(id string) minlog.ID {
	if id == "" {
		return minlog.ID{}
	}
	if _, err := cpr.Parse(id); err == nil {
		return minlog.ID{Source: minlog.CPR, Value: id}
	}
	return minlog.ID{Source: minlog.Authorisation, Value: id}
}

// window is what part of a log is read.
type window struct {
	Since    time.Duration `help:"How far back; 0 = everything." default:"0"`
	System   string        `help:"Only accesses in this system." placeholder:"NAME"`
	Grouping string        `help:"How accesses are gathered, such as None or Day." default:"None"`
	Limit    int           `help:"Groups at most." default:"20"`
}

func (w window) question(person minlog.ID) minlogws.Question {
	q := minlogws.Question{Person: person, Grouping: w.Grouping, Details: "None", PageSize: w.Limit}
	if w.Since > 0 {
		q.From = time.Now().Add(-w.Since)
	}
	if w.System != "" {
		q.Pass = []minlog.Condition{{Field: "SystemName", Value: w.System}}
	}
	return q
}

type lookupCommand struct {
	As      string `help:"Who calls: a sample, an employee; or borger, a citizen who logged in." default:"laege"`
	Citizen string `help:"Which citizen borger is (CPR number)." default:"2512489996"`
	Person  string `help:"Whose log (CPR number); empty = the caller's own." placeholder:"CPR"`
	window
	target
}

// Run reads the log.
func (c lookupCommand) Run(s streams) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	client, own, err := c.caller(ctx, s.out)
	if err != nil {
		return err
	}
	answer, err := client.Citizens(ctx, c.question(minlog.ID{Source: minlog.CPR, Value: cmp.Or(c.Person, own)}))
	if err != nil {
		return err
	}
	return printStatements(s.out, answer)
}

// caller returns the client of who calls, and that person's own number.
func (c lookupCommand) caller(ctx context.Context, out io.Writer) (client *minlogws.Client, own string, err error) {
	if c.As == citizenSample {
		caller, err := c.connectCitizen(ctx, c.Citizen, minLogName, out)
		if err != nil {
			return nil, "", err
		}
		return caller.minLog(), caller.number.Digits(), nil
	}
	caller, err := c.connect(ctx, c.As, out)
	if err != nil {
		return nil, "", err
	}
	return caller.minLog(caller.card.Assertion), caller.sample.Person.CPR.Digits(), nil
}

type assistantsCommand struct {
	As         string `help:"Sample that calls, an authorised employee." default:"laege"`
	OnBehalfOf string `help:"Authorisation code or CPR number; empty = the caller's own." placeholder:"ID"`
	window
	target
}

// Run reads the assistants' log.
func (c assistantsCommand) Run(s streams) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	caller, err := c.connect(ctx, c.As, s.out)
	if err != nil {
		return err
	}
	professional := cmp.Or(c.OnBehalfOf, caller.card.Card.AuthorisationCode, caller.sample.Person.CPR.Digits())
	answer, err := caller.minLog(caller.card.Assertion).Assistants(ctx, c.question(behalf(professional)))
	if err != nil {
		return err
	}
	return printStatements(s.out, answer)
}

func printStatements(w io.Writer, answer minlogws.Statements) error {
	if len(answer.Groups) == 0 {
		fmt.Fprintln(w, "Nothing is registered.")
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "WHEN\tCOUNT\tSYSTEM\tACTIVITY\tBY\tFOR")
	for _, g := range answer.Groups {
		e := g.Head
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%s\t%s\n", e.To.In(calendar.Location()).Format("2006-01-02 15:04:05"), g.Count, e.System, e.Activity,
			orDash(strings.TrimSpace(e.UserRole+" "+e.User.Value)), orDash(e.OnBehalfOf.Value))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if answer.Next != "" {
		fmt.Fprintln(w, "There is more; --limit shows it.")
	}
	return nil
}

func orDash(s string) string { return cmp.Or(s, "-") }

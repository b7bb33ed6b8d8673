package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/opennsp/nsp/adapters/auth/hsuid"
	"github.com/opennsp/nsp/adapters/rest/consentjson"
	"github.com/opennsp/nsp/adapters/soap/consentws"
	"github.com/opennsp/nsp/application/consenting"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/domain/validity"
)

// consentName is the audience of tokens for consent.
const consentName = "https://audience.nspop.dk/minspaerring"

type callConsent struct {
	Get    consentGet    `cmd:"" help:"List what a citizen registered."`
	Add    consentAdd    `cmd:"" help:"Block professionals from a citizen's data, or let them see the data."`
	Modify consentModify `cmd:"" help:"Replace what a registration says."`
	Revoke consentRevoke `cmd:"" help:"End registrations, for good."`
	Check  consentCheck  `cmd:"" help:"Ask whether a professional may see a citizen's data."`
	Items  consentItems  `cmd:"" help:"Ask which pieces of data a professional may see."`
}

// consentCall is what all administration has in common.
type consentCall struct {
	As      string `help:"Who calls: borger, the citizen who logged in; portal, a system for the citizen; or spaerringsadm, an administrator." default:"borger"`
	Citizen string `help:"Whose registrations (CPR number)." default:"2512489996"`
	target
}

// run has whoever calls administer the citizen's registrations.
func (c consentCall) run(s streams, call func(ctx context.Context, client *consentws.Client, citizen cpr.Number) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	number, err := cpr.Parse(c.Citizen)
	if err != nil {
		return fmt.Errorf("--citizen: %w", err)
	}
	if c.As == citizenSample {
		caller, err := c.connectCitizen(ctx, c.Citizen, consentName, s.out)
		if err != nil {
			return err
		}
		return call(ctx, &consentws.Client{Send: caller.sender(consentPath)}, number)
	}
	caller, err := c.connect(ctx, c.As, s.out)
	if err != nil {
		return err
	}
	caller.user = &identity.HSUID{Issuer: systemName, UserType: "nsi:HealthcareProfessional", Acting: caller.sample.Person.CPR, SystemName: systemName}
	if caller.level() == 3 {
		caller.user.UserType, caller.user.Acting = "nsi:Citizen", number
	}
	return call(ctx, &consentws.Client{Send: caller.sender(consentPath)}, number)
}

// consentPath is where an action is served.
func consentPath(action string) string {
	if strings.HasPrefix(action, "ConsentFor") {
		return consentws.PathVerification
	}
	return consentws.PathAdministration
}

type consentGet struct{ consentCall }

// Run lists the registrations.
func (c consentGet) Run(s streams) error {
	return c.run(s, func(ctx context.Context, client *consentws.Client, citizen cpr.Number) error {
		all, err := client.Get(ctx, citizen)
		if err != nil {
			return err
		}
		return printConsents(s.out, all)
	})
}

func printConsents(w io.Writer, all []consent.Registration) error {
	if len(all) == 0 {
		fmt.Fprintln(w, "Nothing is registered.")
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tKIND\tSTATE\tWHO\tWHAT\tFROM\tTO")
	for _, r := range all {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.ID, r.Kind, r.State(time.Now()), whoText(r.Who), whatText(r.What), moment(r.Valid.From),
			orDash(moment(r.Valid.To)))
	}
	return table.Flush()
}

func whoText(w consent.Who) string {
	switch {
	case w.Foreign:
		return "foreigners"
	case !w.Person.IsZero():
		return w.Person.Digits()
	case w.Org != consent.Organisation{}:
		return unitText(w.Org)
	}
	return "everyone"
}

func whatText(w consent.What) string {
	var parts []string
	if w.Data != (validity.Period{}) {
		parts = append(parts, "from "+orDash(moment(w.Data.From))+" to "+orDash(moment(w.Data.To)))
	}
	if w.Origin != (consent.Organisation{}) {
		parts = append(parts, "made at "+unitText(w.Origin))
	}
	if len(parts) == 0 {
		return "all data"
	}
	return strings.Join(parts, ", ")
}

func unitText(o consent.Organisation) string {
	if o.SubUnits {
		return o.SOR + " and below"
	}
	return o.SOR
}

// draft is what a command line says of a registration.
type draft struct {
	Positive       bool   `help:"A positive consent; otherwise it is a block."`
	Person         string `help:"Only this professional (CPR number)." placeholder:"CPR"`
	Organisation   string `help:"Only professionals of this unit (SOR number)." placeholder:"SOR"`
	SubUnits       bool   `help:"And of the units below it."`
	Foreign        bool   `help:"Only professionals of other countries."`
	DataFrom       string `help:"Only data from this day on, 2024-01-31 or with a time." placeholder:"DAY"`
	DataTo         string `help:"Only data until this day, included." placeholder:"DAY"`
	Origin         string `help:"Only data made at this unit (SOR number)." placeholder:"SOR"`
	OriginSubUnits bool   `help:"And at the units below it."`
	From           string `help:"In force from this day on; empty = now." placeholder:"DAY"`
	To             string `help:"In force until this day, included; a positive consent needs one." placeholder:"DAY"`
}

func (d draft) kind() consent.Kind {
	if d.Positive {
		return consent.Positive
	}
	return consent.Constraint
}

func (d draft) draft() (consent.Draft, error) {
	made := consent.Draft{
		Who:  consent.Who{Org: consent.Organisation{SOR: d.Organisation, SubUnits: d.SubUnits}, Foreign: d.Foreign},
		What: consent.What{Origin: consent.Organisation{SOR: d.Origin, SubUnits: d.OriginSubUnits}},
	}
	var err, whose error
	if d.Person != "" {
		if made.Who.Person, whose = cpr.Parse(d.Person); whose != nil {
			whose = fmt.Errorf("--person: %w", whose)
		}
	}
	if made.What.Data, err = period(d.DataFrom, d.DataTo); err != nil {
		return made, errors.Join(whose, err)
	}
	made.Valid, err = period(d.From, d.To)
	if made.Valid.From.IsZero() {
		made.Valid.From = time.Now().UTC().Truncate(time.Millisecond)
	}
	return made, errors.Join(whose, err)
}

// period reads what is said of a period: days, of which the last is in it, or instants. "" is open.
func period(from, to string) (p validity.Period, err error) {
	if p.From, err = instant(from, false); err != nil {
		return p, err
	}
	p.To, err = instant(to, true)
	return p, err
}

func instant(text string, end bool) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	day, err := calendar.ParseDay(text)
	if err != nil {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return at, fmt.Errorf("%s: want a day such as 2024-01-31, or an instant such as 2024-01-31T12:00:00Z", text)
		}
		return at, nil
	}
	if end {
		day = calendar.DayOf(day.Start().Add(36 * time.Hour)) // days have 23 to 25 hours
	}
	return day.Start(), nil
}

type consentAdd struct {
	draft
	consentCall
}

// Run registers.
func (c consentAdd) Run(s streams) error {
	d, err := c.draft.draft()
	if err != nil {
		return err
	}
	return c.consentCall.run(s, func(ctx context.Context, client *consentws.Client, citizen cpr.Number) error {
		add := client.AddConstraint
		if c.Positive {
			add = client.AddPositive
		}
		return printIDs(s.out, "registered")(add(ctx, []consenting.Addition{{Citizen: citizen, Kind: c.kind(), Draft: d}}))
	})
}

func printIDs(w io.Writer, what string) func([]consent.ID, error) error {
	return func(ids []consent.ID, err error) error {
		for _, id := range ids {
			fmt.Fprintf(w, "%s is %s.\n", id, what)
		}
		return err
	}
}

type consentModify struct {
	ID string `arg:"" help:"Number of the registration."`
	draft
	consentCall
}

// Run replaces what the registration says.
func (c consentModify) Run(s streams) error {
	id, err := consent.ParseID(c.ID)
	if err != nil {
		return fmt.Errorf("%s is no number of a registration", c.ID)
	}
	d, err := c.draft.draft()
	if err != nil {
		return err
	}
	return c.consentCall.run(s, func(ctx context.Context, client *consentws.Client, citizen cpr.Number) error {
		modify := client.ModifyConstraint
		if c.Positive {
			modify = client.ModifyPositive
		}
		return printIDs(s.out, "changed")(modify(ctx, []consenting.Modification{{ID: id, Citizen: citizen, Kind: c.kind(), Draft: d}}))
	})
}

type consentRevoke struct {
	ID []string `arg:"" help:"Numbers of registrations."`
	consentCall
}

// Run ends the registrations.
func (c consentRevoke) Run(s streams) error {
	return c.run(s, func(ctx context.Context, client *consentws.Client, citizen cpr.Number) error {
		var all []consenting.Revocation
		for _, text := range c.ID {
			id, err := consent.ParseID(text)
			if err != nil {
				return fmt.Errorf("%s is no number of a registration", text)
			}
			all = append(all, consenting.Revocation{ID: id, Citizen: citizen})
		}
		return printIDs(s.out, "revoked")(client.Revoke(ctx, all))
	})
}

// verification is what all checks have in common.
type verification struct {
	As           string `help:"Sample that calls: an employee for the own sight, or a system such as portal for that of others." default:"laege"`
	Citizen      string `help:"Whose data (CPR number)." default:"2512489996"`
	Acting       string `help:"Who wants to see them (CPR number); empty = the employee who calls." placeholder:"CPR"`
	Responsible  string `help:"Whom that person helps (CPR number)." placeholder:"CPR"`
	Organisation string `help:"Place of treatment." default:"900041000016007"`
	Scheme       string `help:"Kind of its code." enum:"SOR,SHAK,YDER" default:"SOR"`
	Foreign      string `help:"Country of a professional from abroad, in place of the three before." placeholder:"SE"`
	Override     bool   `help:"Break through blocks (værdispring): it is logged."`
	Code         string `help:"Authorisation code of who does, where a system calls." placeholder:"CODE"`
	target
}

// ask has the sample call the verification.
func (c verification) ask(s streams, call func(ctx context.Context, client *consentws.Client, q consenting.Question) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	caller, err := c.connect(ctx, c.As, s.out)
	if err != nil {
		return err
	}
	q := consenting.Question{Acting: caller.sample.Person.CPR, Org: org.ID{Code: c.Organisation, Scheme: orgScheme(c.Scheme)}}
	for _, n := range []struct {
		flag, text string
		to         *cpr.Number
	}{{"--citizen", c.Citizen, &q.Citizen}, {"--acting", c.Acting, &q.Acting}, {"--responsible", c.Responsible, &q.Responsible}} {
		if n.text == "" {
			continue
		}
		if *n.to, err = cpr.Parse(n.text); err != nil {
			return fmt.Errorf("%s: %w", n.flag, err)
		}
	}
	if c.Foreign != "" {
		q.Acting, q.Responsible, q.Org = cpr.Number{}, cpr.Number{}, org.ID{}
		q.Foreign, q.Country, q.Identifier = true, c.Foreign, systemName
	}
	caller.user = &identity.HSUID{
		Issuer: systemName, UserType: "nsi:HealthcareProfessional", Acting: q.Acting, Responsible: q.Responsible, ResponsibleCode: c.Code,
		Override: c.Override, SystemName: systemName,
	}
	if c.Scheme == "SOR" && c.Foreign == "" {
		caller.user.Org = identity.OrgID{Scheme: hsuid.SOR, Code: c.Organisation}
	}
	return call(ctx, &consentws.Client{Send: caller.sender(consentPath)}, q)
}

func orgScheme(name string) org.Scheme {
	return map[string]org.Scheme{"SOR": org.SOR, "SHAK": org.SHAK, "YDER": org.Yder}[name]
}

type consentCheck struct{ verification }

// Run asks.
func (c consentCheck) Run(s streams) error {
	return c.ask(s, func(ctx context.Context, client *consentws.Client, q consenting.Question) error {
		check := client.UserCheck
		if q.Foreign {
			check = client.ForeignersCheck
		}
		answer, err := check(ctx, q)
		if err != nil {
			return err
		}
		fmt.Fprintln(s.out, answerText(answer))
		return nil
	})
}

func answerText(a consent.Answer) string {
	switch a {
	case consent.PositiveAnswer:
		return "Positive: everything may be shown."
	case consent.DataSpecific:
		return "DataSpecific: it depends on the data; `nspd call consent items` asks for each."
	case consent.Negative:
	}
	return "Negative: nothing may be shown."
}

type consentItems struct {
	Item []string `arg:"" help:"Pieces of data: FROM/TO@SOR, such as 2024-05-01/2024-05-02@900011000016001; each part may lack."`
	verification
}

// Run asks.
func (c consentItems) Run(s streams) error {
	items := make([]consentws.Item, len(c.Item))
	for i, text := range c.Item {
		times, unit, _ := strings.Cut(text, "@")
		from, to, _ := strings.Cut(times, "/")
		data, err := period(from, to)
		if err != nil {
			return err
		}
		items[i].ID, items[i].Data = fmt.Sprint(i+1), data
		if unit != "" {
			items[i].Origin = org.ID{Code: unit, Scheme: org.SOR}
		}
	}
	return c.ask(s, func(ctx context.Context, client *consentws.Client, q consenting.Question) error {
		allowed, err := client.DataCheck(ctx, q, items)
		for i, ok := range allowed {
			fmt.Fprintf(s.out, "%s  %s\n", map[bool]string{true: "Allowed", false: "Denied "}[ok], c.Item[i])
		}
		return err
	})
}

type consentCommand struct {
	Explain consentExplain `cmd:"" help:"Tell from registrations in JSON who may see what, and which registrations decide."`
}

type consentExplain struct {
	File string `arg:"" optional:"" help:"File with registrations, requester, items and units; - is standard input." default:"-"`
}

// maxCase is how long a case may be, in octets.
const maxCase = 64 << 20

// Run explains.
func (c consentExplain) Run(s streams) error {
	in := s.in
	if c.File != "-" {
		file, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer file.Close()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, maxCase+1))
	if err != nil {
		return err
	}
	if len(text) > maxCase {
		return fmt.Errorf("the case is longer than %d octets", maxCase)
	}
	asked, err := consentjson.ReadCase(text)
	if err != nil {
		return err
	}
	explained, err := asked.Explain(time.Now())
	if err != nil {
		return err
	}
	return printExplanation(s.out, explained)
}

func printExplanation(w io.Writer, e consentjson.Explanation) error {
	fmt.Fprintf(w, "answer: %s\n", e.Answer)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(e.Registrations) > 0 {
		fmt.Fprintln(table, "\nREGISTRATION\tKIND\tAPPLIES\tREASON")
	}
	for _, r := range e.Registrations {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", r.ID, r.Kind, map[bool]string{true: "yes", false: "no"}[r.Applies], r.Reason)
	}
	if len(e.Items) > 0 {
		fmt.Fprintln(table, "\nITEM\tACCESS\tBLOCKED BY\tALLOWED BY")
	}
	for _, i := range e.Items {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", i.ID, i.Access, orDash(strings.Join(i.Constraints, " ")), orDash(strings.Join(i.Positives, " ")))
	}
	return table.Flush()
}

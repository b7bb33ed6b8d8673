package rest

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/minlog"
)

// MinLog is what a server with MinLog does. A use case that is nil has no path.
type MinLog struct {
	Registrar  *logkeeping.Registrar
	Citizens   *logkeeping.CitizenLookup
	Assistants *logkeeping.AssistantLookup
	Report     *logkeeping.Report

	// Appending is the gate of registrations, whose effect is in the message log; nil = that of every call.
	Appending *admitting.Gate
	Audiences []string // of tokens that open sessions for MinLog; none = sessions that ID cards opened alone
}

// Paths of MinLog beside those of its operation.
const (
	pathRegistrations   = "/api/minlog/v1/registrations"
	pathCitizenLookups  = "/api/minlog/v1/citizen-lookups"
	pathAssistantLookup = "/api/minlog/v1/assistant-lookups"
	pathReport          = "/api/minlog/v1/report"
)

// maxRegistration is how large a body of registrations may be, in octets, as for the SOAP service.
const maxRegistration = 10 << 20

// lastYear is the last that a time can be of.
const lastYear = 9999

// maxPersonID is how many code points an identifier of a person has at most.
const maxPersonID = 50

// What callers hear of MinLog beside what the rules refuse.
var (
	errNoEntry   = syntaxError("At least one entry is required.")
	errWhose     = syntaxError("person must have the source CPR or eCPR and an id.")
	errPeriod    = syntaxError("from and to must be times with a zone (RFC 3339), of the years 1 to 9999.")
	errDays      = syntaxError("The query must have from and to, each a day such as 2026-11-01 and once, and may have one system.")
	errPageToken = syntaxError("pageToken must be what an answer gave as nextPageToken, or null.")
)

// minlogEndpoints are for the callers of the SOAP services, by sessions; the report is for administrators too. Who of them may, the use cases
// decide.
func (a *api) minlogEndpoints() []endpoint {
	m := a.MinLog
	if m == nil {
		return nil
	}
	registrant := admitting.Policy{
		Schemes: []identity.Scheme{identity.Session}, MinLevel: 3, Kinds: []identity.Kind{identity.System, identity.Professional},
		Audiences: m.Audiences, Resend: admitting.Store,
	}
	reader, reporter := registrant, registrant
	reader.MinLevel, reader.Kinds, reader.Resend = 4, []identity.Kind{identity.Professional, identity.Citizen}, admitting.Recompute
	reporter.Schemes = []identity.Scheme{identity.Session, identity.OperatorToken}
	reporter.Kinds = []identity.Kind{identity.System, identity.Professional, identity.Operator}
	reporter.Resend = admitting.Recompute

	var all []endpoint
	if m.Registrar != nil {
		all = append(all, endpoint{method: http.MethodPost, path: pathRegistrations, operation: "AddRegistrations", policy: registrant,
			serve: a.register, maxBytes: maxRegistration, gate: m.Appending, keyOptional: true, again: registeredAgain})
	}
	if m.Citizens != nil {
		all = append(all, endpoint{method: http.MethodPost, path: pathCitizenLookups, operation: "FindOwnLog", policy: reader,
			serve: lookUp(m.Citizens.Find, true)})
	}
	if m.Assistants != nil {
		all = append(all, endpoint{method: http.MethodPost, path: pathAssistantLookup, operation: "FindAssistantsLog", policy: reader,
			serve: lookUp(m.Assistants.Find, false)})
	}
	if m.Report != nil {
		all = append(all, endpoint{method: http.MethodGet, path: pathReport, operation: "ReadReport", policy: reporter, serve: a.report})
	}
	for i := range all {
		all[i].component = audit.MinLog2
		if len(m.Audiences) == 0 {
			all[i].admit = a.cardHolder
		}
	}
	return all
}

// receiptJSON is what became of a body of registrations.
type receiptJSON struct {
	Added    int           `json:"added"`
	Failed   int           `json:"failed"`
	Failures []failureJSON `json:"failures"`
}

type failureJSON struct {
	Index          int    `json:"index"` // of the entry, from 0
	SequenceNumber string `json:"sequenceNumber,omitempty"`
	Code           string `json:"code"`
	Text           string `json:"text"`
}

// register adds the entries of the body. What stands for the MessageID of an entry without sequence number is the Idempotency-Key: the call
// comes with it as its MessageID.
func (a *api) register(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	if err := x.noQuery(); err != nil {
		return reply{}, err
	}
	drafts, err := x.drafts(a.MinLog.Registrar.MaxBulk)
	if err != nil {
		return reply{}, err
	}
	if !x.keyed() && lacksSequence(drafts) {
		return reply{}, errNoKey
	}
	receipt, err := a.MinLog.Registrar.Add(ctx, caller, logkeeping.Submission{
		Interface: minlog.Interface20250312, Payload: sha256.Sum256(x.body), Entries: drafts,
	})
	if err != nil {
		return reply{}, err
	}
	answer := receiptJSON{receipt.Added, len(receipt.Failures), make([]failureJSON, len(receipt.Failures))}
	for i, f := range receipt.Failures {
		answer.Failures[i] = failureJSON{f.Index, f.SequenceNumber, f.Problem.Code, problemText(f.Problem)}
	}
	return reply{status: http.StatusOK, value: answer}, nil
}

func registeredAgain(body []byte) reply {
	return reply{status: http.StatusOK, value: json.RawMessage(body)}
}

// lookUp asks find for what the body describes; whose says that it may name a person.
func lookUp(
	find func(context.Context, identity.Caller, logkeeping.Inquiry) (logkeeping.Page, error), whose bool,
) func(context.Context, *exchange, identity.Caller) (reply, error) {
	return func(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
		q, err := x.inquiry(whose)
		if err != nil {
			return reply{}, err
		}
		page, err := find(ctx, caller, q)
		if err != nil {
			return reply{}, err
		}
		return reply{status: http.StatusOK, value: pageOf(page)}, nil
	}
}

// inquiry reads what a lookup asks for.
func (x *exchange) inquiry(whose bool) (logkeeping.Inquiry, error) {
	var q logkeeping.Inquiry
	var from, to, token *string
	named := false
	known := members{
		"grouping": &q.Grouping, "details": &q.Details, "chronologic": &q.Chronologic, "from": &from, "to": &to, "pageSize": &q.PageSize,
		"pass": conditions(&q.Pass), "stop": conditions(&q.Stop), "pageToken": orNull{&token},
	}
	if whose {
		known["person"] = object(func() members {
			named = true
			return members{"source": &q.Person.Source, "id": &q.Person.Value}
		})
	}
	if err := x.ask(known); err != nil {
		return q, err
	}
	switch {
	case named && !namesPerson(q.Person):
		return q, errWhose
	case !bound(&q.From, from) || !bound(&q.To, to):
		return q, errPeriod
	case token != nil && *token == "":
		return q, errPageToken
	case token != nil:
		q.PageToken = *token
	}
	return q, nil
}

// bound sets at to what text says, if there is one.
func bound(at *time.Time, text *string) (ok bool) {
	if text == nil {
		return true
	}
	*at, ok = instant(*text)
	*at = at.UTC()
	return ok && at.Year() >= 1 && at.Year() <= lastYear && !at.IsZero() // the zero time is no bound
}

func namesPerson(id minlog.ID) bool {
	return (id.Source == minlog.CPR || id.Source == minlog.ECPR) && strings.TrimSpace(id.Value) != "" && utf8.RuneCountInString(id.Value) <= maxPersonID
}

// conditions reads what a field must, or must not, equal.
func conditions(all *[]minlog.Condition) objects {
	return func() members {
		*all = append(*all, minlog.Condition{})
		c := &(*all)[len(*all)-1] // filled before the next one is appended
		return members{"field": &c.Field, "value": &c.Value}
	}
}

// pageJSON is a part of an answer.
type pageJSON struct {
	View   string      `json:"view"`
	Groups []groupJSON `json:"groups"`
	Next   *string     `json:"nextPageToken"`
}

// groupJSON is a group: what all its entries have in common, from the earliest from to the latest to.
type groupJSON struct {
	Count int `json:"count"`
	accessJSON
	Entries []foundJSON `json:"entries,omitempty"`
}

type foundJSON struct {
	RegistrationID string `json:"registrationId"`
	accessJSON
}

// accessJSON is an access as a lookup shows it, in the names of minlog.Entry: without sequence number and filters, and without what is masked.
type accessJSON struct {
	Source         *minlog.Chain `json:"source,omitempty"`
	System         string        `json:"system,omitempty"`
	Activity       string        `json:"activity,omitempty"`
	Reason         string        `json:"reason,omitempty"`
	Addition       string        `json:"addition,omitempty"`
	Criticality    string        `json:"criticality,omitempty"`
	From           time.Time     `json:"from"`
	To             time.Time     `json:"to"`
	Org            minlog.ID     `json:"org,omitzero"`
	OrgName        string        `json:"orgName,omitempty"`
	Person         minlog.ID     `json:"person,omitzero"`
	PersonName     string        `json:"personName,omitempty"`
	CorrelationID  string        `json:"correlationId,omitempty"`
	User           minlog.ID     `json:"user,omitzero"`
	UserName       string        `json:"userName,omitempty"`
	UserRole       string        `json:"userRole,omitempty"`
	OnBehalfOf     minlog.ID     `json:"behalf,omitzero"`
	OnBehalfOfName string        `json:"behalfName,omitempty"`
	OnBehalfOfRole string        `json:"behalfRole,omitempty"`
}

func accessOf(e *minlog.Entry) accessJSON {
	return accessJSON{
		Source: e.Source, System: e.System, Activity: e.Activity, Reason: e.Reason, Addition: e.Addition, Criticality: e.Criticality, From: e.From,
		To: e.To, Org: e.Org, OrgName: e.OrgName, Person: e.Person, PersonName: e.PersonName, CorrelationID: e.CorrelationID, User: e.User,
		UserName: e.UserName, UserRole: e.UserRole, OnBehalfOf: e.OnBehalfOf, OnBehalfOfName: e.OnBehalfOfName, OnBehalfOfRole: e.OnBehalfOfRole,
	}
}

func pageOf(p logkeeping.Page) pageJSON {
	page := pageJSON{View: p.View.String(), Groups: make([]groupJSON, len(p.Groups))}
	for i := range p.Groups {
		g := &p.Groups[i]
		page.Groups[i] = groupJSON{Count: len(g.Entries), accessJSON: accessOf(&g.Head)}
		if !p.Details {
			continue
		}
		for k := range g.Entries {
			r := &g.Entries[k]
			page.Groups[i].Entries = append(page.Groups[i].Entries, foundJSON{r.ID.String(), accessOf(&r.Entry)})
		}
	}
	if p.Next != "" {
		page.Next = &p.Next
	}
	return page
}

// countJSON is a row of the report.
type countJSON struct {
	Day      string `json:"day"`
	System   string `json:"system"`
	CVR      string `json:"cvr"`
	Stored   int64  `json:"stored"`
	Rejected int64  `json:"rejected"`
}

func (a *api) report(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	if err := x.noBody(); err != nil {
		return reply{}, err
	}
	from, to, system, err := x.days()
	if err != nil {
		return reply{}, err
	}
	counts, err := a.MinLog.Report.Days(ctx, caller, from, to, system)
	if err != nil {
		return reply{}, err
	}
	days := make([]countJSON, len(counts))
	for i, c := range counts {
		days[i] = countJSON{c.Day.String(), c.System, c.CVR, c.Stored, c.Rejected}
	}
	return reply{status: http.StatusOK, value: map[string]any{"days": days}}, nil
}

// days reads the query of a report: the days from which to which, the last not included, and the system, "" = all.
func (x *exchange) days() (from, to calendar.Day, system string, err error) {
	query, err := url.ParseQuery(x.http.URL.RawQuery)
	for name, values := range query {
		known := name == "from" || name == "to" || name == "system"
		if !known || len(values) != 1 || values[0] == "" {
			err = errDays
		}
	}
	if err != nil {
		return from, to, "", errDays
	}
	from, first := calendar.ParseDay(query.Get("from"))
	to, last := calendar.ParseDay(query.Get("to"))
	if first != nil || last != nil {
		return from, to, "", errDays
	}
	return from, to, query.Get("system"), nil
}

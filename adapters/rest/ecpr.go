package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/issuing"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
)

// ECPR is what a server with registrations of the national eCPR does.
type ECPR struct {
	Registry       *issuing.Registry
	Administration *issuing.Administration
}

// Paths of the national eCPR. The id is that of the registration, and the OID of a row.
const (
	pathPersons      = "/api/ecpr/v1/persons"
	pathPerson       = "/api/ecpr/v1/persons/:id"
	pathPersonMerge  = "/api/ecpr/v1/persons/:id/merge"
	pathPersonLookup = "/api/ecpr/v1/persons/lookup"
	pathPersonSearch = "/api/ecpr/v1/persons/search"
	pathOIDs         = "/api/ecpr/v1/oids"
	pathOID          = "/api/ecpr/v1/oids/:id"
	pathRoles        = "/api/ecpr/v1/roles"
)

// Grants of an organisation, as for the SOAP service.
const (
	grantECPRRead  = "ecpr.read"
	grantECPRWrite = "ecpr.write"
)

// What callers hear beside what the rules refuse.
var (
	errIDCard = fault.Error{Kind: fault.Forbidden, Code: fault.CodeNotAuthorized, Text: "The operation is for sessions that an ID card opened."}
	errNoRole = fault.Error{Kind: fault.NotFound, Code: "no_such_role", Text: "Nobody has this role."}
)

// ecprEndpoints are for the callers of the SOAP service, by sessions that their ID cards opened; administration is for web administrators and
// those of the server.
func (a *api) ecprEndpoints() []endpoint {
	if a.ECPR == nil {
		return nil
	}
	user := admitting.Policy{Schemes: []identity.Scheme{identity.Session}, MinLevel: 4, Kinds: []identity.Kind{identity.Professional}}
	anybody := user
	anybody.MinLevel, anybody.Kinds = 3, []identity.Kind{identity.Professional, identity.System}
	administrator := user
	administrator.Schemes = []identity.Scheme{identity.Session, identity.OperatorToken}
	administrator.Kinds = []identity.Kind{identity.Professional, identity.Operator}
	reader, searcher, writer := anybody, user, user
	reader.Grant, searcher.Grant, writer.Grant, writer.Resend = grantECPRRead, grantECPRRead, grantECPRWrite, admitting.Store

	all := []endpoint{
		{method: http.MethodPost, path: pathPersons, operation: "CreatePerson", policy: writer, serve: a.createPerson,
			status: http.StatusCreated, again: createdAgain},
		{method: http.MethodPost, path: pathPersonLookup, operation: "LookUpPerson", policy: reader, serve: a.lookUpPerson},
		{method: http.MethodPost, path: pathPersonSearch, operation: "SearchPersons", policy: searcher, serve: a.searchPersons},
		{method: http.MethodGet, path: pathPerson, operation: "ReadPerson", policy: reader, serve: a.readPerson},
		{method: http.MethodPatch, path: pathPerson, operation: "UpdatePerson", policy: writer, serve: a.updatePerson, again: personAgain},
		{method: http.MethodPost, path: pathPersonMerge, operation: "MergePersons", policy: writer, serve: a.mergePersons, again: personAgain},
		{method: http.MethodGet, path: pathOIDs, operation: "ListOIDs", policy: anybody, serve: a.listOIDs},
		{method: http.MethodPut, path: pathOID, operation: "PutOID", policy: administrator, serve: a.putOID},
		{method: http.MethodGet, path: pathRoles, operation: "ListRoles", policy: administrator, serve: a.listRoles},
		{method: http.MethodPut, path: pathRoles, operation: "AssignRole", policy: administrator, serve: a.assignRole},
		{method: http.MethodDelete, path: pathRoles, operation: "EndRole", policy: administrator, serve: a.endRole},
	}
	for i := range all {
		all[i].component, all[i].admit = audit.ECPR, a.cardHolder
	}
	return all
}

// cardHolder tells whose bearer token the request has, unless a token of IDWS opened the session.
func (a *api) cardHolder(ctx context.Context, x *exchange) (identity.Caller, error) {
	caller, err := a.holder(ctx, x)
	if err == nil && caller.Credential.Scheme == identity.Session && caller.Credential.Origin == identity.IDWS {
		err = errIDCard
	}
	return caller, err
}

// personJSON is a registration with its versions.
type personJSON struct {
	ID          string           `json:"id"`
	Version     int64            `json:"version"`
	ECPR        string           `json:"ecpr"`
	CPR         *string          `json:"cpr"`
	MergedInto  *string          `json:"mergedInto"`
	Identifiers []identifierJSON `json:"identifiers"`
	Names       []nameJSON       `json:"names"`
	Genders     []valueJSON      `json:"genders"`
	BirthDates  []valueJSON      `json:"birthDates"`
	Contacts    []contactJSON    `json:"contacts"`
	Addresses   []addressJSON    `json:"addresses"`
}

type versionJSON struct {
	PID       string    `json:"pid"`
	ValidFrom time.Time `json:"validFrom"`
	ValidTo   time.Time `json:"validTo,omitzero"`
}

type identifierJSON struct {
	versionJSON
	OID      string      `json:"oid"`
	Label    string      `json:"label"`
	Type     string      `json:"type"`
	Value    string      `json:"value"`
	Validity json.Number `json:"validity,omitempty"`
	Expiry   string      `json:"expiry,omitempty"`
}

type nameJSON struct {
	versionJSON
	Use    string `json:"use"`
	Text   string `json:"text"`
	Family string `json:"family,omitempty"`
	Given  string `json:"given,omitempty"`
}

type valueJSON struct {
	versionJSON
	Value string `json:"value"`
}

type contactJSON struct {
	versionJSON
	System string `json:"system"`
	Value  string `json:"value"`
	Expiry string `json:"expiry,omitempty"`
}

type addressJSON struct {
	versionJSON
	Use        string   `json:"use"`
	Lines      []string `json:"lines"`
	City       string   `json:"city,omitempty"`
	District   string   `json:"district,omitempty"`
	State      string   `json:"state,omitempty"`
	PostalCode string   `json:"postalCode,omitempty"`
	Country    string   `json:"country,omitempty"`
	PostBox    string   `json:"postBox,omitempty"`
	Expiry     string   `json:"expiry,omitempty"`
}

// personOf tells of a registration; table has the labels of its identifiers.
func personOf(p ecpr.Person, table ecpr.Table) personJSON {
	j := personJSON{
		ID: string(p.ID), Version: p.Revision, ECPR: p.Number.Text(), Identifiers: []identifierJSON{}, Names: []nameJSON{}, Genders: []valueJSON{},
		BirthDates: []valueJSON{}, Contacts: []contactJSON{}, Addresses: []addressJSON{},
	}
	if p.MergedTo != "" {
		j.MergedInto = (*string)(&p.MergedTo)
	}
	for _, v := range p.Versions {
		version := versionJSON{PID: string(v.PID), ValidFrom: v.Valid.From.UTC(), ValidTo: v.Valid.To}
		switch e := v.Element.(type) {
		case ecpr.Identifier:
			row, _ := table.Row(e.OID)
			j.Identifiers = append(j.Identifiers, identifierJSON{version, e.OID, row.Label, row.Type, e.Value, json.Number(e.Validity), e.Expiry})
			if e.OID == ecpr.CPROID && v.Active() {
				j.CPR = &e.Value
			}
		case ecpr.Name:
			j.Names = append(j.Names, nameJSON{version, "official", e.Text, e.Family, e.Given})
		case ecpr.Gender:
			j.Genders = append(j.Genders, valueJSON{version, string(e)})
		case ecpr.BirthDate:
			j.BirthDates = append(j.BirthDates, valueJSON{version, string(e)})
		case ecpr.Contact:
			j.Contacts = append(j.Contacts, contactJSON{version, "phone", e.Value, e.Expiry})
		case ecpr.Address:
			j.Addresses = append(j.Addresses, addressJSON{
				version, "home", linesOf(e), e.City, e.District, e.State, e.PostalCode, e.Country, e.Box, e.Expiry,
			})
		}
	}
	return j
}

// linesOf are the lines up to the last that holds something.
func linesOf(a ecpr.Address) []string {
	n := len(a.Lines)
	for n > 0 && a.Lines[n-1] == "" {
		n--
	}
	return a.Lines[:n]
}

// person answers with a registration.
func (a *api) person(ctx context.Context, p ecpr.Person) (reply, error) {
	table, err := a.ECPR.Registry.Table(ctx)
	if err != nil {
		return reply{}, err
	}
	return personOf(p, table).reply(), nil
}

func (j personJSON) reply() reply {
	return reply{status: http.StatusOK, value: j, etag: tag(j.Version)}
}

func (j personJSON) created() reply {
	r := j.reply()
	r.status, r.location = http.StatusCreated, pathPersons+"/"+j.ID
	return r
}

// personAgain and createdAgain are the replies with a registration that was written before.
func personAgain(body []byte) reply { return read(body).reply() }

func createdAgain(body []byte) reply { return read(body).created() }

func read(body []byte) (j personJSON) {
	_ = json.Unmarshal(body, &j) // what was written reads back
	return j
}

func (a *api) createPerson(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	s, err := x.submitted()
	if err != nil {
		return reply{}, err
	}
	p, err := a.ECPR.Registry.Create(ctx, caller, s)
	if err != nil {
		return reply{}, err
	}
	table, err := a.ECPR.Registry.Table(ctx)
	return personOf(p, table).created(), err
}

func (a *api) lookUpPerson(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	var id ecpr.Identifier
	history := true
	if err := x.ask(members{"oid": &id.OID, "value": &id.Value, "history": &history}); err != nil {
		return reply{}, err
	}
	p, found, err := a.ECPR.Registry.Get(ctx, caller, id)
	switch {
	case err != nil:
		return reply{}, err
	case !found:
		return reply{}, ecpr.ErrPersonUnknown
	}
	if !history {
		p.Versions = slices.DeleteFunc(p.Versions, func(v ecpr.Version) bool { return !v.Active() })
	}
	return a.person(ctx, p)
}

func (a *api) readPerson(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	if err := x.bare(); err != nil {
		return reply{}, err
	}
	id, err := personID(x.id)
	if err != nil {
		return reply{}, err
	}
	p, found, err := a.ECPR.Registry.ByID(ctx, caller, id)
	switch {
	case err != nil:
		return reply{}, err
	case !found:
		return reply{}, ecpr.ErrPersonUnknown
	}
	return a.person(ctx, p)
}

// personID reads the id of a registration.
func personID(s string) (ecpr.PersonID, error) {
	if id, err := uuid.Parse(s); err != nil || id.String() != s {
		return "", ecpr.ErrPersonUnknown
	}
	return ecpr.PersonID(s), nil
}

func (a *api) updatePerson(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	id, err := personID(x.id)
	if err != nil {
		return reply{}, err
	}
	revision, err := x.revision()
	if err != nil {
		return reply{}, err
	}
	s, err := x.submitted()
	if err != nil {
		return reply{}, err
	}
	p, err := a.ECPR.Registry.UpdateByID(ctx, caller, id, revision, s)
	if err != nil {
		return reply{}, err
	}
	return a.person(ctx, p)
}

func (a *api) searchPersons(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	var query string
	if err := x.ask(members{"query": &query}); err != nil {
		return reply{}, err
	}
	found, truncated, err := a.ECPR.Registry.Search(ctx, caller, query)
	if err != nil {
		return reply{}, err
	}
	table, err := a.ECPR.Registry.Table(ctx)
	answer := struct {
		Persons   []personJSON `json:"persons"`
		Truncated bool         `json:"truncated"`
	}{make([]personJSON, len(found)), truncated}
	for i, p := range found {
		answer.Persons[i] = personOf(p, table)
	}
	return reply{status: http.StatusOK, value: answer}, err
}

func (a *api) mergePersons(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	survivor, err := personID(x.id)
	if err != nil {
		return reply{}, err
	}
	var w writing
	var loser string
	if err := x.ask(members{"actor": w.actor(), "loser": &loser}); err != nil {
		return reply{}, err
	}
	merged, err := personID(loser)
	if err != nil {
		return reply{}, err
	}
	p, err := a.ECPR.Registry.MergeByID(ctx, caller, w.Actor, survivor, merged)
	if err != nil {
		return reply{}, err
	}
	return a.person(ctx, p)
}

type oidJSON struct {
	OID       string `json:"oid"`
	Label     string `json:"label"`
	Secondary string `json:"secondary,omitempty"`
	Pattern   string `json:"pattern,omitempty"`
	Type      string `json:"type"`
}

func (a *api) listOIDs(ctx context.Context, x *exchange, _ identity.Caller) (reply, error) {
	if err := x.bare(); err != nil {
		return reply{}, err
	}
	rows, err := a.ECPR.Registry.OIDs(ctx)
	answer := struct {
		OIDs []oidJSON `json:"oids"`
	}{make([]oidJSON, len(rows))}
	for i, o := range rows {
		answer.OIDs[i] = oidJSON{o.OID, o.Label, o.Secondary, o.Pattern, o.Type}
	}
	return reply{status: http.StatusOK, value: answer}, err
}

func (a *api) putOID(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	o := ecpr.OID{OID: x.id}
	if err := x.ask(members{"label": &o.Label, "secondary": &o.Secondary, "pattern": &o.Pattern, "type": &o.Type}); err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusNoContent}, a.ECPR.Administration.PutOID(ctx, caller, o)
}

type roleJSON struct {
	CVR  string `json:"cvr"`
	CPR  string `json:"cpr"`
	Role string `json:"role"`
}

func (a *api) listRoles(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	if err := x.bare(); err != nil {
		return reply{}, err
	}
	all, err := a.ECPR.Administration.List(ctx, caller)
	answer := struct {
		Roles []roleJSON `json:"roles"`
	}{make([]roleJSON, len(all))}
	for i, r := range all {
		answer.Roles[i] = roleJSON{r.CVR, r.Person.Digits(), string(r.Role)}
	}
	return reply{status: http.StatusOK, value: answer}, err
}

// assignment reads who has which role.
func (x *exchange) assignment() (as ecpr.Assignment, err error) {
	var person string
	if err := x.ask(members{"cvr": &as.CVR, "cpr": &person, "role": &as.Role}); err != nil {
		return as, err
	}
	if as.Person, err = cpr.Parse(person); err != nil {
		err = ecpr.ErrCPRForm
	}
	return as, err
}

func (a *api) assignRole(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	as, err := x.assignment()
	if err != nil {
		return reply{}, err
	}
	_, err = a.ECPR.Administration.Assign(ctx, caller, as)
	return reply{status: http.StatusNoContent}, err
}

func (a *api) endRole(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	as, err := x.assignment()
	if err != nil {
		return reply{}, err
	}
	ended, err := a.ECPR.Administration.End(ctx, caller, as)
	if err == nil && !ended {
		err = errNoRole
	}
	return reply{status: http.StatusNoContent}, err
}

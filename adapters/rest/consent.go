package rest

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/opennsp/nsp/adapters/rest/consentjson"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/consenting"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/validity"
)

// Consent is what a server with consent does. A use case that is nil has no paths.
type Consent struct {
	Administration *consenting.Administration
	Verification   *consenting.Verification
	Audiences      []string // of tokens that open sessions for consent; none = sessions that ID cards opened alone
}

// Paths of consent. The id is that of a registration; whose it is stands in the header Citizen-Id.
const (
	pathConsents          = "/api/consent/v1/registrations"
	pathConsent           = "/api/consent/v1/registrations/:id"
	pathConsentRevocation = "/api/consent/v1/registrations/:id/revocation"
	pathConsentVersions   = "/api/consent/v1/registrations/:id/versions"
	pathOverrides         = "/api/consent/v1/overrides"
	pathChecks            = "/api/consent/v1/checks"
	pathItemChecks        = "/api/consent/v1/checks/items"
	pathExplanations      = "/api/consent/v1/explanations"
)

const (
	headerCitizen = "Citizen-Id"

	maxItemsBytes     = 8 << 20 // of a body with items
	defaultOverrides  = 100     // of an answer
	maxOverrides      = 1000
	lengthOfOverrides = 26 // of their ids, in characters
)

// codePrecondition is that a header which makes the call depend on a version is missing (RFC 6585, section 3).
const codePrecondition = "precondition_required"

// What callers hear of consent beside what the rules refuse.
var (
	errCitizen   = syntaxError("The header Citizen-Id must be there once at most, and hold a CPR number.")
	errNoVersion = fault.Error{Kind: fault.Malformed, Code: codePrecondition, Text: "The header If-Match is missing."}
	errState     = syntaxError("The query may have one state: all, in_force or active.")
	errOverrides = syntaxError("The query may have from, to, after and limit, each once: times with a zone (RFC 3339), the id of an override, and 1 to 1000.")
)

// consentEndpoints are for the callers of the SOAP services, by sessions. Who of them may, the use cases decide.
func (a *api) consentEndpoints() []endpoint {
	k := a.Consent
	if k == nil {
		return nil
	}
	reader := admitting.Policy{
		Schemes: []identity.Scheme{identity.Session}, MinLevel: 3, Audiences: k.Audiences,
		Kinds: []identity.Kind{identity.Citizen, identity.Professional, identity.System},
	}
	writer := reader
	writer.Resend = admitting.Store

	var all []endpoint
	if k.Administration != nil {
		all = append(all,
			endpoint{method: http.MethodGet, path: pathConsents, operation: "ListConsents", policy: reader, serve: a.listConsents},
			endpoint{method: http.MethodPost, path: pathConsents, operation: "AddConsent", policy: writer, serve: a.addConsent,
				status: http.StatusCreated, again: consentAddedAgain},
			endpoint{method: http.MethodPut, path: pathConsent, operation: "ModifyConsent", policy: writer, serve: a.modifyConsent,
				again: consentAgain},
			endpoint{method: http.MethodPost, path: pathConsentRevocation, operation: "RevokeConsent", policy: writer, serve: a.revokeConsent,
				again: consentAgain},
			endpoint{method: http.MethodGet, path: pathConsentVersions, operation: "ListConsentVersions", policy: reader,
				serve: a.listConsentVersions},
			endpoint{method: http.MethodGet, path: pathOverrides, operation: "ListOverrides", policy: reader, serve: a.listOverrides},
			endpoint{method: http.MethodPost, path: pathExplanations, operation: "ExplainConsent", policy: reader, serve: a.explainConsent,
				maxBytes: maxItemsBytes},
		)
	}
	if k.Verification != nil {
		all = append(all,
			endpoint{method: http.MethodPost, path: pathChecks, operation: "CheckConsent", policy: reader, serve: a.checkConsent},
			endpoint{method: http.MethodPost, path: pathItemChecks, operation: "CheckConsentItems", policy: reader, serve: a.checkItems,
				maxBytes: maxItemsBytes},
		)
	}
	for i := range all {
		all[i].component, all[i].keyOptional = audit.Samtykke, true
		if len(k.Audiences) == 0 {
			all[i].admit = a.cardHolder
		}
	}
	return all
}

// citizen reads whose registrations the call is about: who the header names, else a citizen who calls.
func (x *exchange) citizen(caller identity.Caller) (n cpr.Number, err error) {
	values := x.http.Header.Values(headerCitizen)
	if len(values) == 0 {
		if caller.Kind == identity.Citizen {
			n = caller.CPR
		}
		return n, nil
	}
	if n, err = cpr.Parse(values[0]); err != nil || len(values) > 1 {
		return cpr.Number{}, errCitizen
	}
	return n, nil
}

// text returns the body of an operation that takes no query.
func (x *exchange) text() ([]byte, error) {
	if x.media != contentJSON {
		return nil, errMedia
	}
	return x.body, x.noQuery()
}

// consentOf answers with a registration.
func (a *api) consentOf(r *consent.Registration) reply {
	return consentReply(consentjson.RegistrationOf(r, a.Now()))
}

func consentReply(j consentjson.Registration) reply {
	return reply{status: http.StatusOK, value: j, etag: tag(int64(j.Version))}
}

func created(r reply, id string) reply {
	r.status, r.location = http.StatusCreated, pathConsents+"/"+id
	return r
}

// consentAgain and consentAddedAgain are the replies with a registration that was written before.
func consentAgain(body []byte) reply {
	var j struct {
		Version int64 `json:"version"`
	}
	_ = json.Unmarshal(body, &j) // what was written reads back
	return reply{status: http.StatusOK, value: json.RawMessage(body), etag: tag(j.Version)}
}

func consentAddedAgain(body []byte) reply {
	var j struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal(body, &j)
	return created(consentAgain(body), j.ID)
}

func (a *api) listConsents(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	wanted, err := x.states()
	if err != nil {
		return reply{}, err
	}
	citizen, err := x.citizen(caller)
	if err != nil {
		return reply{}, err
	}
	all, err := a.Consent.Administration.Get(ctx, caller, citizen)
	if err != nil {
		return reply{}, err
	}
	now := a.Now()
	answer := struct {
		Registrations []consentjson.Registration `json:"registrations"`
	}{[]consentjson.Registration{}}
	for i := range all {
		if wanted(&all[i], now) {
			answer.Registrations = append(answer.Registrations, consentjson.RegistrationOf(&all[i], now))
		}
	}
	return reply{status: http.StatusOK, value: answer}, nil
}

// states reads in which states registrations are wanted.
func (x *exchange) states() (func(*consent.Registration, time.Time) bool, error) {
	if err := x.noBody(); err != nil {
		return nil, err
	}
	query, err := url.ParseQuery(x.http.URL.RawQuery)
	if err != nil || len(query) > 1 || len(query) == 1 && len(query["state"]) != 1 {
		return nil, errState
	}
	switch values := query["state"]; {
	case values == nil || values[0] == "all":
		return func(*consent.Registration, time.Time) bool { return true }, nil
	case values[0] == "in_force":
		return func(r *consent.Registration, now time.Time) bool { return r.State(now) == consent.InForce }, nil
	case values[0] == "active":
		return func(r *consent.Registration, _ time.Time) bool { return r.Active }, nil
	}
	return nil, errState
}

func (a *api) addConsent(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	d, citizen, err := x.consentDraft(caller)
	if err != nil {
		return reply{}, err
	}
	added, err := a.Consent.Administration.Add(ctx, caller, []consenting.Addition{{Citizen: citizen, Kind: d.Kind, Draft: d.Draft}})
	if err != nil {
		return reply{}, err
	}
	return created(a.consentOf(&added[0]), added[0].ID.String()), nil
}

// consentDraft reads what is to be registered, and of whom.
func (x *exchange) consentDraft(caller identity.Caller) (d consentjson.Draft, citizen cpr.Number, err error) {
	body, err := x.text()
	if err != nil {
		return d, citizen, err
	}
	if citizen, err = x.citizen(caller); err != nil {
		return d, citizen, err
	}
	d, err = consentjson.ReadDraft(body)
	return d, citizen, err
}

func (a *api) modifyConsent(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	id, err := consent.ParseID(x.id)
	if err != nil {
		return reply{}, err
	}
	version, err := x.version()
	if err != nil {
		return reply{}, err
	}
	d, citizen, err := x.consentDraft(caller)
	if err != nil {
		return reply{}, err
	}
	modified, err := a.Consent.Administration.Modify(ctx, caller, []consenting.Modification{
		{ID: id, Citizen: citizen, Kind: d.Kind, Version: version, Draft: d.Draft},
	})
	if err != nil {
		return reply{}, err
	}
	return a.consentOf(&modified[0]), nil
}

// version reads of which version the call is, which must be said; 0 = the latest, whichever it is.
func (x *exchange) version() (int, error) {
	if len(x.http.Header.Values("If-Match")) == 0 {
		return 0, errNoVersion
	}
	revision, err := x.revision()
	switch {
	case err != nil || revision == nil:
		return 0, err
	case *revision < 1:
		return 0, errTag
	}
	return int(*revision), nil
}

func (a *api) revokeConsent(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	id, citizen, err := x.consentNamed(caller)
	if err != nil {
		return reply{}, err
	}
	revoked, err := a.Consent.Administration.Revoke(ctx, caller, []consenting.Revocation{{ID: id, Citizen: citizen}})
	if err != nil {
		return reply{}, err
	}
	return a.consentOf(&revoked[0]), nil
}

// consentNamed reads which registration of whom a call without body and query is about.
func (x *exchange) consentNamed(caller identity.Caller) (id consent.ID, citizen cpr.Number, err error) {
	if err := x.bare(); err != nil {
		return 0, citizen, err
	}
	if id, err = consent.ParseID(x.id); err != nil {
		return 0, citizen, err
	}
	citizen, err = x.citizen(caller)
	return id, citizen, err
}

func (a *api) listConsentVersions(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	id, citizen, err := x.consentNamed(caller)
	if err != nil {
		return reply{}, err
	}
	all, err := a.Consent.Administration.Versions(ctx, caller, citizen, id)
	if err != nil {
		return reply{}, err
	}
	now := a.Now()
	answer := struct {
		Versions []consentjson.Version `json:"versions"`
	}{make([]consentjson.Version, len(all))}
	for i := range all {
		answer.Versions[i] = consentjson.VersionOf(&all[i], now)
	}
	return reply{status: http.StatusOK, value: answer}, nil
}

func (a *api) listOverrides(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	q, err := x.overrides()
	if err != nil {
		return reply{}, err
	}
	citizen, err := x.citizen(caller)
	if err != nil {
		return reply{}, err
	}
	all, err := a.Consent.Administration.ListOverrides(ctx, caller, citizen, q.period, q.after, q.limit)
	if err != nil {
		return reply{}, err
	}
	answer := struct {
		Overrides []consentjson.Override `json:"overrides"`
	}{make([]consentjson.Override, len(all))}
	for i := range all {
		answer.Overrides[i] = consentjson.OverrideOf(&all[i])
	}
	return reply{status: http.StatusOK, value: answer}, nil
}

// overridesWanted are at most limit that come after one, newest first.
type overridesWanted struct {
	period validity.Period
	after  string // "" = from the newest
	limit  int
}

// overrides reads which overrides are asked for.
func (x *exchange) overrides() (q overridesWanted, err error) {
	if err := x.noBody(); err != nil {
		return q, err
	}
	query, err := url.ParseQuery(x.http.URL.RawQuery)
	if err != nil {
		return q, errOverrides
	}
	q.limit = defaultOverrides
	for name, values := range query {
		ok := false
		switch name {
		case "from":
			q.period.From, ok = consentjson.Instant(values[0])
		case "to":
			q.period.To, ok = consentjson.Instant(values[0])
		case "after":
			q.after, ok = values[0], isOverride(values[0])
		case "limit":
			q.limit, err = strconv.Atoi(values[0])
			ok = err == nil && q.limit >= 1 && q.limit <= maxOverrides
		}
		if !ok || len(values) != 1 {
			return q, errOverrides
		}
	}
	return q, nil
}

// isOverride tells whether s looks like the id of an override.
func isOverride(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return len(s) == lengthOfOverrides
}

// question reads what is asked about the citizen's data.
func (x *exchange) question(caller identity.Caller, read func([]byte) (consentjson.Request, error)) (q consentjson.Request, err error) {
	body, err := x.text()
	if err != nil {
		return q, err
	}
	citizen, err := x.citizen(caller)
	if err != nil {
		return q, err
	}
	q, err = read(body)
	q.Question.Citizen = citizen
	return q, err
}

// asking is the caller of a check, whose id is that of the call: with one of the client's choice, which may come again, an override could be
// taken for one that is in the log already.
func (x *exchange) asking(caller identity.Caller) identity.Caller {
	caller.MessageID = x.access.CallID
	return caller
}

func (a *api) checkConsent(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	q, err := x.question(caller, consentjson.ReadCheck)
	if err != nil {
		return reply{}, err
	}
	found, err := a.Consent.Verification.Check(ctx, x.asking(caller), q.Question)
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, value: struct {
		Answer string `json:"answer"`
	}{found.String()}}, nil
}

func (a *api) checkItems(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	q, err := x.question(caller, func(body []byte) (consentjson.Request, error) {
		return consentjson.ReadItemsCheck(body, cmp.Or(a.Consent.Verification.MaxItems, consenting.DefaultMaxItems))
	})
	if err != nil {
		return reply{}, err
	}
	allowed, err := a.Consent.Verification.CheckItems(ctx, x.asking(caller), q.Question, q.Items)
	if err != nil {
		return reply{}, err
	}
	answer := struct {
		Items []consentjson.Verdict `json:"items"`
	}{make([]consentjson.Verdict, len(q.Items))}
	for i, id := range q.IDs {
		answer.Items[i] = consentjson.VerdictOf(id, allowed[i])
	}
	return reply{status: http.StatusOK, value: answer}, nil
}

func (a *api) explainConsent(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	q, err := x.question(caller, func(body []byte) (consentjson.Request, error) {
		return consentjson.ReadExplanation(body, cmp.Or(a.Consent.Administration.MaxItems, consenting.DefaultMaxItems))
	})
	if err != nil {
		return reply{}, err
	}
	e, err := a.Consent.Administration.Explain(ctx, caller, q.Question, q.At, q.Items)
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, value: consentjson.ExplanationOf(e, q.IDs)}, nil
}

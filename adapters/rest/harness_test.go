package rest_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/auth/dgws"
	"github.com/opennsp/nsp/adapters/auth/idws"
	"github.com/opennsp/nsp/adapters/auth/idws/idwstest"
	authtrust "github.com/opennsp/nsp/adapters/auth/trust"
	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/adapters/rest"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/securityws"
	"github.com/opennsp/nsp/adapters/soap/stsws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/enquiring"
	"github.com/opennsp/nsp/application/federating"
	"github.com/opennsp/nsp/application/issuing"
	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/application/notifying"
	"github.com/opennsp/nsp/application/relaying"
	"github.com/opennsp/nsp/application/replicating"
	"github.com/opennsp/nsp/application/scheduling"
	"github.com/opennsp/nsp/application/securing"
	"github.com/opennsp/nsp/bootstrap/devfed"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/relation"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

const (
	base          = "/api/security/v1/"
	audience      = "https://minlog"
	nancy, child  = "2512489996", "1101116171"
	operatorToken = "b3BlcmF0b3ItdG9rZW4tb2YtYS10ZXN0LXNlcnZlciE" // 43 characters
)

// federation is the test federation of all tests of the package. It is not changed.
var federation = sync.OnceValues(func() (devfed.Federation, error) {
	dir, err := os.MkdirTemp("", "rest")
	if err != nil {
		return devfed.Federation{}, err
	}
	return devfed.Ensure(dir, noon)
})

func TestMain(m *testing.M) {
	code := m.Run()
	if f, err := federation(); err == nil {
		_ = os.RemoveAll(f.Dir)
	}
	os.Exit(code)
}

// custody has the relations that there are.
type custody struct{}

func (custody) Between(_ context.Context, actor, subject cpr.Number, _ time.Time) ([]relation.Relation, error) {
	switch [2]string{actor.Digits(), subject.Digits()} {
	case [2]string{nancy, child}, [2]string{proxyHolder, littleOne}:
		return []relation.Relation{{Kind: relation.Custody}}, nil
	case [2]string{proxyHolder, citizen}:
		return []relation.Relation{{Kind: relation.Proxy, Scope: []string{"minlog"}}}, nil
	}
	return nil, nil
}

var _ ports.Relations = custody{}

// house is the API on stores in memory and a test federation. Time stands still until a test moves it.
type house struct {
	now        time.Time
	db         *memory.DB
	audit      *memory.AuditLog
	sessions   *portstest.FailingSessionStore
	grants     *admitting.Grants
	trust      *authtrust.Source
	log        bytes.Buffer
	refused    []audit.Refusal
	observed   []admitting.Observed
	deps       rest.Deps
	profile    soap.Profile
	router     *soap.Router
	echo       *echo.Echo
	secrets    []string // what no log may hold
	consumer   *logkeeping.Consumer
	runner     *scheduling.Runner // stands still until runJobs
	ticks      chan time.Time
	cleaned    fakeCleanup
	nasCleaned fakeCleanup
	register   portstest.FailingCPRRegister
	appends    portstest.FailingMessageLog // of the message log of MinLog

	nasLog    portstest.FailingMessageLog // of the message log of NAS
	consents  portstest.FailingConsents
	overrides portstest.FailingOverrides

	willStore portstest.FailingWills
	optOuts   portstest.FailingOptOuts
	looks     looks // of wills and opt-outs
}

// start makes the API; change may change what it is made of.
func start(t *testing.T, change ...func(*house)) *house {
	t.Helper()
	f, err := federation()
	require.NoError(t, err)
	h := &house{now: noon, audit: &memory.AuditLog{}, secrets: []string{operatorToken}}
	now := func() time.Time { return h.now }
	newID := uuid.NewString
	h.db = memory.New(now)
	h.register.Register, h.appends.Log, h.nasLog.Log = h.db.Register(), h.db.MessageLog(), h.db.MessageLog()
	h.willStore.Store, h.optOuts.Store = h.db.Wills(), h.db.OptOuts()
	h.sessions = &portstest.FailingSessionStore{Sessions: h.db.Sessions()}
	h.grants = admitting.NewGrants(h.db.Grants(), now)
	h.trust, err = authtrust.Open(f.TrustFile())
	require.NoError(t, err)
	signer, err := authtrust.OpenSigner(f.SigningKeys())
	require.NoError(t, err)
	people, err := authtrust.OpenPeople(f.PeopleFile())
	require.NoError(t, err)

	log := slog.New(slog.NewJSONHandler(&h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	trail := admitting.Trail{}
	gate := &admitting.Gate{Audit: h.audit, Units: h.db.Units(), Grants: h.grants.Has, Replies: h.db.Replies(), Seen: h.db.Seen(), Now: now, Log: log}
	issuer := &federating.TestIssuer{TokenService: &federating.TokenService{
		Certificates: &authtrust.Holders{Source: h.trust}, People: people, Relations: custody{}, Trail: trail, Now: now, NewID: newID,
		Issuer: devfed.STSIssuer, Audiences: []string{audience, "https://fsk"},
	}, IdentityProvider: "https://idp.opennsp.test"}
	sessions := &securing.Sessions{Store: h.sessions, Trail: trail, Now: now}
	administrators := []auth.Administrator{{Role: "NspAdministrator", CVR: "99999903"}}
	profile := &soap.DGWS{Schemes: &auth.Schemes{
		DGWS: &dgws.Verifier{Trust: h.trust, Now: now}, IDWS: &idws.Verifier{Trust: h.trust, Now: now}, Administrators: administrators,
	}, Now: now, NewID: newID}
	h.profile = profile
	h.router = soap.NewRouter(securityws.Service(sessions, profile, []string{audience}), soap.Deps{Gate: gate, Now: now, NewID: newID, Log: log})
	h.consumer = &logkeeping.Consumer{
		Log: h.db.MessageLog(), Topics: h.db.Topics(), Store: h.db.LogStore(), Now: now, Logger: log, Topic: "minlog", Spec: messagelog.Spec{Partitions: 2},
		Batch: 10, RetentionYears: 2,
	}
	h.ticks = make(chan time.Time)
	h.runner = &scheduling.Runner{
		Leases: h.db.Leases(), Runs: h.db.JobRuns(), Units: h.db.Units(), Audit: &memory.AuditLog{}, Now: time.Now, NewID: auth.NewCallID, Log: log,
		Instance: "a", Ticks: h.ticks, Jobs: []scheduling.Job{{Name: logkeeping.CleanupJob, Begin: h.cleaned.begin}, {Name: notifying.CleanupJob, Begin: h.nasCleaned.begin}},
	}
	h.deps = rest.Deps{
		Gate: gate, Sessions: sessions, Envelopes: h.router, Audiences: []string{audience},
		Grants:         &securing.Grants{Store: h.db.Grants(), Trail: trail, Now: now, NewID: newID},
		Trust:          &securing.Trust{Source: h.trust, Reload: h.trust.Reload, Trail: trail, Now: now},
		Events:         &securing.Events{Store: h.db.SecurityEvents(), Trail: trail},
		Granted:        h.grants.Refresh,
		Operator:       sha256.Sum256([]byte(operatorToken)),
		Administrators: administrators,
		Development: &rest.Development{
			Samples: &securing.Samples{Issuer: issuer, Find: func(name string) (securing.Sample, error) {
				s, err := f.Sample(name)
				if err != nil {
					return securing.Sample{}, err
				}
				return securing.Sample{Certificate: s.Certificate.Raw, Organisation: s.Organisation}, nil
			}},
			Issuer: &stsws.TestIssuer{Issuer: issuer, Signer: signer},
		},
		Cleaning:    &logkeeping.Cleaning{Runner: h.runner, Trail: trail},
		Registers:   &replicating.Operation{Loader: h.db.Stamdata(), Runner: h.runner, State: h.db.ExportState(), Trail: trail},
		Consumption: &logkeeping.Consumption{Consumers: []*logkeeping.Consumer{h.consumer}, Trail: trail},
		MinLog:      h.minlog(log),
		Consent:     h.consent(t),
		NAS:         h.nas(log),
		Wills:       h.wills(),
		FGVHR:       h.fgvhr(),
		Outbox:      &relaying.Operating{Outbox: h.db.Outbox(), Trail: trail, Now: now},
		ECPR: &rest.ECPR{
			Registry: &issuing.Registry{
				Ledger: h.db.Ledger(), Persons: h.db.Persons(), OIDTable: h.db.OIDs(), Roles: h.db.ECPRRoles(), Citizens: h.db.Register(),
				Authorisations: h.db.Authorisations(), Trail: trail, Now: now, NewID: newID, Draw: func(n int) (int, error) { return rand.IntN(n), nil },
				Logger: log,
			},
			Administration: &issuing.Administration{Roles: h.db.ECPRRoles(), OIDTable: h.db.OIDs(), Trail: trail, NewID: newID},
		},
		Now: now, Log: log,
		Refused: func(r audit.Refusal) {
			h.refused = append(h.refused, r)
			if err := h.db.SecurityEvents().Record(t.Context(), h.now.Add(time.Hour), r); err != nil {
				t.Error(err)
			}
		},
		Observe: func(_ context.Context, o admitting.Observed) { h.observed = append(h.observed, o) },
	}
	for _, c := range change {
		c(h)
	}
	h.echo = echo.New()
	rest.Mount(h.echo, h.deps)
	rest.MountPersonInformation(h.echo, h.deps, &enquiring.PersonInformation{
		Register: &h.register, Trail: trail, Now: now, ActiveStatuses: []string{"01", "03", "05", "07", "20"},
	})
	t.Cleanup(func() { h.noSecrets(t) })
	return h
}

// production takes away what only development offers.
func production(h *house) { h.deps.Development = nil }

// answer is what came back.
type answer struct {
	*httptest.ResponseRecorder
	body map[string]any // of a JSON answer
}

// call sends a request; headers are names and values in turn.
func (h *house) call(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	return h.send(t, h.request(method, path, strings.NewReader(body), headers...))
}

func (h *house) request(method, path string, body io.Reader, headers ...string) *http.Request {
	r := httptest.NewRequest(method, "http://nsp.test:8080"+path, body)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func (h *house) send(t *testing.T, r *http.Request) answer {
	t.Helper()
	a := answer{ResponseRecorder: httptest.NewRecorder()}
	lines := len(h.audit.Lines())
	h.echo.ServeHTTP(a, r)
	assert.Regexp(t, "^[0-9a-f]{16}$", a.Header().Get("X-OpenNSP-Call"))
	assert.Equal(t, "no-store", a.Header().Get("Cache-Control"))
	if strings.HasSuffix(a.Header().Get("Content-Type"), "json") && a.Body.Bytes()[0] == '{' {
		require.NoError(t, json.Unmarshal(a.Body.Bytes(), &a.body), "%s", a.Body)
	}
	if new := h.audit.Lines()[lines:]; len(new) > 0 {
		require.Len(t, new, 1, "one line a call")
		assert.Equal(t, a.Code, new[0].Access.Code)
		assert.Equal(t, int64(a.Body.Len()), new[0].Access.ResSize)
	}
	return a
}

// post sends a JSON object with the token, "" for none.
func (h *house) post(t *testing.T, token, path, body string) answer {
	t.Helper()
	return h.call(t, http.MethodPost, path, body, append(bearer(token), "Content-Type", "application/json")...)
}

func (h *house) get(t *testing.T, token, path string) answer {
	t.Helper()
	return h.call(t, http.MethodGet, path, "", bearer(token)...)
}

func (h *house) delete(t *testing.T, token, path string) answer {
	t.Helper()
	return h.call(t, http.MethodDelete, path, "", bearer(token)...)
}

func bearer(token string) []string {
	if token == "" {
		return nil
	}
	return []string{"Authorization", "Bearer " + token}
}

// as opens a session of a sample, or of a citizen with the number.
func (h *house) as(t *testing.T, who string) (token string) {
	t.Helper()
	body := `{"sample":"` + who + `"}`
	if who[0] <= '9' {
		body = `{"citizen":"` + who + `"}`
	}
	return h.token(t, h.post(t, "", base+"sessions", body))
}

// token takes the token of a session that was opened, which no log may hold from then on.
func (h *house) token(t *testing.T, a answer) string {
	t.Helper()
	require.Equal(t, http.StatusCreated, a.Code, "%s", a.Body)
	token, _ := a.body["token"].(string)
	require.Len(t, token, 43)
	h.secrets = append(h.secrets, token)
	return token
}

// problem requires a problem of the code, and that an audit line, the metrics and, if it is a refusal, the security events tell of it.
func (h *house) problem(t *testing.T, a answer, status int, code string) {
	t.Helper()
	require.Equal(t, status, a.Code, "%s\n%s", a.Body, h.log.String())
	assert.Equal(t, "application/problem+json", a.Header().Get("Content-Type"))
	assert.Equal(t, "urn:opennsp:problem:"+code, a.body["type"])
	assert.InDelta(t, status, a.body["status"], 0)
	assert.Equal(t, a.Header().Get("X-OpenNSP-Call"), a.body["callId"])
	assert.NotEmpty(t, a.body["title"])
	assert.NotEmpty(t, a.body["detail"])
	last := h.observed[len(h.observed)-1]
	assert.Equal(t, "security-api", last.Service)
	assert.Equal(t, code, last.Fault.Code)
	assert.Equal(t, status, last.Access.Code)
	if last.Operation == "" {
		assert.Equal(t, admitting.Faulted, last.Outcome, "security refused nobody")
	}
	if last.Outcome == admitting.Refused {
		require.NotEmpty(t, h.refused)
		assert.Equal(t, code, h.refused[len(h.refused)-1].Code)
	}
}

// line is the newest audit line.
func (h *house) line(t *testing.T) audit.Entry {
	t.Helper()
	lines := h.audit.Lines()
	require.NotEmpty(t, lines)
	return lines[len(lines)-1]
}

// said is what the newest audit line says: "Component/Context key=value …" for each context.
func (h *house) said(t *testing.T) []string {
	t.Helper()
	var told []string
	for _, c := range h.line(t).Notes {
		for _, where := range c.Contexts {
			text := string(c.Component) + "/" + string(where.Context)
			for i := range audit.Flatten(where.Information, 10) {
				text += " " + i.Key + "=" + i.Value
			}
			told = append(told, text)
		}
	}
	return told
}

// persons are the numbers and names of the federation's persons, and the numbers of MinLog's.
var persons = []string{
	nancy, child, "0101010001", "0101010006", "0511804817", "Testborger", "Nancy", "Laege", "laege@",
	citizen, littleOne, teen, professional, assistant, stranger, proxyHolder, holder, other, doctor, helper,
	grown, old, minor, gone,
}

// noSecrets searches the application log and the security events for persons and tokens, and every audit line for tokens.
func (h *house) noSecrets(t *testing.T) {
	t.Helper()
	events, err := json.Marshal(h.refused)
	require.NoError(t, err)
	lines, err := json.Marshal(h.audit.Lines())
	require.NoError(t, err)
	for _, s := range append(persons, h.secrets...) {
		assert.NotContains(t, h.log.String(), s, "SA-53 in the application log")
		assert.NotContains(t, string(events), s, "SA-53 in the security events")
	}
	for _, s := range h.secrets {
		assert.NotContains(t, string(lines), s, "in the audit log")
	}
}

var errTest = errors.New("a secret cause")

// envelope is a DGWS message with a card, that asks for a session.
func (h *house) envelope(card []byte, messageID string) string {
	return string(dgws.Request{Created: h.now, Card: card, MessageID: messageID, FlowID: "f-1", Body: openSession}.Bytes())
}

func openSession(w *xmlout.Writer) { w.Elem("sec:OpenSession", "", "xmlns:sec", securityws.Namespace) }

// card fetches the card of a sample.
func (h *house) card(t *testing.T, sample string) []byte {
	t.Helper()
	a := h.post(t, "", "/api/sts/v1/dev/cards", `{"sample":"`+sample+`"}`)
	require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
	return a.Body.Bytes()
}

// sampleKey is the key of a sample.
func sampleKey(t *testing.T, name string) *idwstest.Key {
	t.Helper()
	f, err := federation()
	require.NoError(t, err)
	s, err := f.Sample(name)
	require.NoError(t, err)
	return &idwstest.Key{Private: s.Key, Certificate: s.Certificate.Raw}
}

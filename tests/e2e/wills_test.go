package e2e

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	uuidgen "github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/will"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
	"github.com/opennsp/nsp/tests/nsptest"
)

// Where wills are served (nspop.dk), and who is meant to read tokens for them.
const (
	ltrPath, btrPath           = "/btr/ltr", "/btr/btr"
	ltrAdminPath, btrAdminPath = "/btr/ltrAdmin", "/btr/btrAdmin"
	fskAudience                = "https://fsk"
	fskCVR                     = "33257872"
)

// An interface of the registers: the namespace of its messages, of its wills, and the names that differ.
type willForm struct{ path, admin, space, will, kind, create, update, payload string }

var (
	ltr = willForm{ltrPath, ltrAdminPath, "http://sundhedsdatastyrelsen.dk/livstestamente/2018/05/01/", "urn:hl7-org:ltr", "LivingWill",
		"livingWill", "livingWill", "LivingWill"}
	btr2018 = willForm{btrPath, btrAdminPath, "http://sundhedsdatastyrelsen.dk/behandlingstestamente/2018/05/01/", "urn:hl7-org:btr", "TreatmentWill",
		"treatmentWill", "treatmentWill", "TreatmentWill"}
	btr = willForm{btrPath, btrAdminPath, "http://sundhedsdatastyrelsen.dk/behandlingstestamente/2020/03/16/", "urn:hl7-org:btrv2", "TreatmentWill",
		"treatmentWillV2", "treatmentWill", "TreatmentWillV2"}
)

// The elements of a will in order; an empty text leaves the element out.
var wishNames = []string{"noLifeProlongingIfDying", "noLifeProlongingIfSeverelyDegraded", "noLifeProlongingIfSeverePain", "noForcedTreatmentIfIncapable"}

// wishes are the texts of the elements, "relative:true" for one that a relative must accept.
func (f willForm) wishes(values ...string) string {
	var b strings.Builder
	for i, v := range values {
		attribute := ""
		if who, rest, ok := strings.Cut(v, ":"); ok {
			attribute, v = ` acceptanceNeeded="`+who+`AcceptanceRequired"`, rest
		}
		fmt.Fprintf(&b, "<w:%s%s>%s</w:%[1]s>", wishNames[i], attribute, v)
	}
	return b.String()
}

// plain is a will with something declined.
func (f willForm) plain() string {
	if f.kind == "LivingWill" {
		return f.wishes("true", "false")
	}
	return f.wishes("true", "relative:true", "false", "guardian:true")
}

func willID(citizen string) string {
	return `<id root="1.2.208.176.1.2" extension="` + citizen + `" assigningAuthorityName="CPR"/>`
}

// message is a request of an operation such as Create about a citizen; content is that of the will, "" where there is none.
func (f willForm) message(operation, citizen, content string) (action, body string) {
	name := operation + f.kind
	if operation == "GetForced" {
		name = "GetTreatmentWillWithOnlyForcedTreatment"
	}
	if element := map[string]string{"Create": f.create, "UpgradeTo": f.create, "Update": f.update}[operation]; element != "" {
		content = "<" + element + ">" + content + "</" + element + ">"
	}
	return strings.TrimSuffix(f.space, "/") + "#" + name,
		"<b:" + name + `Request xmlns:b="` + f.space + `" xmlns:w="` + f.will + `">` + willID(citizen) + content + "</b:" + name + "Request>"
}

// townsfolk is registers with a hundred of each age, and a few in particular.
func townsfolk() map[string]string {
	var b strings.Builder
	b.WriteString("cpr;status;koen;fornavn;efternavn;gaeldendeCPR;foedselsdato\n")
	for i := range 100 {
		fmt.Fprintf(&b, "%s;01;K;Anna;Voksen;;%d-%02d-%02d\n", adultNo(i), 1970, i/25+1, i%25+1)
		fmt.Fprintf(&b, "%s;01;M;Arne;Aeldre;;%d-%02d-%02d\n", elderNo(i), 1950, i/25+1, i%25+1)
	}
	b.WriteString(nearlyAdult + ";01;K;Ung;Voksen;;2008-11-22\n" + nearlySixty + ";01;K;Snart;Seksti;;1966-11-22\n")
	b.WriteString(deceased + ";90;K;Doed;Voksen;;1970-11-22\n" + settled + ";80;M;Ude;Rejst;;1950-11-22\n")
	b.WriteString(adultNo(99)[:6] + "0999" + ";60;K;Anna;Voksen;" + adultNo(99) + ";1970-04-25\n")
	b.WriteString(elderNo(99)[:6] + "0999" + ";60;M;Arne;Aeldre;" + elderNo(99) + ";1950-04-25\n")
	return map[string]string{"cpr-person.csv": b.String()}
}

const (
	nearlyAdult = "2211084444"
	nearlySixty = "2211660444"
	deceased    = "2211700444"
	settled     = "2211500444"
)

func adultNo(i int) string { return fmt.Sprintf("%02d%02d700%03d", i%25+1, i/25+1, i) }
func elderNo(i int) string { return fmt.Sprintf("%02d%02d500%03d", i%25+1, i/25+1, i) }

// registrar is a server with wills and opt-outs whose store and notifications can be seen.
type registrar struct {
	*nsptest.Server
	wills   ports.WillStore
	optOuts ports.OptOutStore
	noticed *notifier
	drawn   int
	mu      sync.Mutex
	heard   []nsptest.Answer // all that anybody was told

	failingWills   *portstest.FailingWills // as the server has them
	failingOptOuts *portstest.FailingOptOuts
}

// minLogPatience is by the clock on the wall: none of a test's calls is to come too late.
const minLogPatience = 20 * time.Second

// registrars runs f on every store.
func registrars(t *testing.T, o nsptest.Options, f func(t *testing.T, r *registrar)) {
	t.Helper()
	r := &registrar{}
	o.Wills = func(s ports.WillStore) ports.WillStore {
		r.wills = s
		r.failingWills = &portstest.FailingWills{Store: s}
		return r.failingWills
	}
	o.OptOuts = func(s ports.OptOutStore) ports.OptOutStore {
		r.optOuts = s
		r.failingOptOuts = &portstest.FailingOptOuts{Store: s}
		return r.failingOptOuts
	}
	set := map[string]string{
		"outbox.poll": "20ms", "wills.admin_roles": "WillAdmin", "fgvhr.admin_roles": "WillAdmin",
		"wills.minlog_timeout": minLogPatience.String(), "http.call_timeout": "1m",
	}
	for k, v := range o.Set {
		set[k] = v
	}
	o.Set, o.Registers = set, townsfolk()
	if o.Now.IsZero() {
		o.Now = time.Date(2026, 11, 21, 22, 5, 10, 0, time.UTC)
	}
	onEveryStore(t, notifying(o, r), func(t *testing.T, s *nsptest.Server) {
		r.Server, r.drawn, r.heard = s, 0, nil
		r.noticed.reset()
		s.Heard = func(a nsptest.Answer) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.heard = append(r.heard, a)
		}
		f(t, r)
		t.Run("WA-40 nobody is told more than is theirs", r.discreet)
	})
}

var tenDigits = regexp.MustCompile(`[0-9]{6}-?[0-9]{4}`)

// discreet ends the server and shows that all that it told, but to those who may know, has neither anybody's number nor wishes.
func (r *registrar) discreet(t *testing.T) {
	metrics := r.Fetch(t, "/metrics")
	r.Stop()
	access := r.AccessLog(t)
	require.Contains(t, access, `"soapHeaders"`)
	logs := r.Logs() + metrics + access
	said, faults := logs, 0
	for _, a := range r.heard {
		if a.Status >= http.StatusBadRequest {
			said, faults = said+string(a.Body), faults+1
		}
	}
	require.NotZero(t, faults)
	people := townsfolk()["cpr-person.csv"] + strings.Join([]string{doctorD, helperH, admin}, ";")
	for _, n := range tenDigits.FindAllString(said, -1) {
		assert.NotContains(t, people, strings.ReplaceAll(n, "-", ""))
	}
	logs += strings.Join(r.AuditLines(t), "\n") // not the faults: they name the element that is wrong
	for _, secret := range append([]string{"AcceptanceRequired", "guardian", "IfDying", "ifDying", "Declined", "declined"}, wishNames...) {
		assert.False(t, strings.Contains(logs, secret), "%s is told", secret)
	}
}

func notifying(o nsptest.Options, r *registrar) nsptest.Options {
	if o.Notifier == nil {
		r.noticed = &notifier{}
		o.Notifier = r.noticed
	}
	return o
}

// adult and elder return somebody nobody has asked about yet.
func (r *registrar) adult() string { r.drawn++; return adultNo(r.drawn - 1) }
func (r *registrar) elder() string { r.drawn++; return elderNo(r.drawn - 1) }

// calling sends the message of an action.
type calling func(t *testing.T, path, action, body string) nsptest.Answer

func (r *registrar) holding(h nsptest.Holder) calling {
	return func(t *testing.T, path, action, body string) nsptest.Answer {
		t.Helper()
		return h.For(fskAudience).Call(t, path, action, body)
	}
}

func (r *registrar) carded(card nsptest.Actor) calling {
	return func(t *testing.T, path, action, body string) nsptest.Answer {
		t.Helper()
		return r.Post(t, path, card.Message(nsptest.NewMessageID(), body), "SOAPAction", `"`+action+`"`)
	}
}

func (r *registrar) citizen(number string) calling { return r.holding(r.Citizen(number)) }
func (r *registrar) doctor() calling               { return r.carded(r.Doctor(doctorD, codeD)) }
func (r *registrar) system(cvr string) calling     { return r.carded(r.System(cvr)) }

func (r *registrar) dentist() calling {
	return r.carded(r.As(r.UserCard(helperH, codeH).With("medcom:UserRole", "5433")))
}

func (r *registrar) adminCard() calling {
	return r.carded(r.As(r.UserCard(admin, "").With("medcom:UserRole", "WillAdmin")))
}

func (r *registrar) adminToken() calling { return r.holding(r.adminHolder()) }

func (r *registrar) adminHolder() nsptest.Holder {
	h := r.Employee(admin, "")
	h.Token = h.Token.Without("dk:healthcare:saml:attribute:UserAuthorizationCode").Without("dk:healthcare:saml:attribute:UserEducationCode").
		WithXML("urn:oasis:names:tc:xacml:2.0:subject:role", `<Role xmlns="urn:hl7-org:v3" code="WillAdmin" codeSystem="1.2.208.176.1.3"/>`)
	return h
}

// asks sends a request of an operation about a citizen.
func (f willForm) asks(t *testing.T, by calling, operation, citizen string, content ...string) nsptest.Answer {
	t.Helper()
	action, body := f.message(operation, citizen, strings.Join(content, ""))
	return by(t, f.path, action, body)
}

// administers is asks on the surface of administrators.
func (f willForm) administers(t *testing.T, by calling, operation, citizen string, content ...string) nsptest.Answer {
	t.Helper()
	action, body := f.message(operation, citizen, strings.Join(content, ""))
	return by(t, f.admin, action, body)
}

func ok(t *testing.T, a nsptest.Answer) nsptest.Answer {
	t.Helper()
	require.Equal(t, http.StatusOK, a.Status, "%s", a.Body)
	return a
}

// fails shows that the answer is the fault with a code, and nothing else.
func fails(t *testing.T, code string, a nsptest.Answer) {
	t.Helper()
	assert.Equal(t, http.StatusInternalServerError, a.Status)
	assert.Equal(t, code, a.FaultCode, "%s", a.Body)
	assert.Zero(t, len(a.All(t, "ClinicalDocument"))+len(a.All(t, "willExists"))+len(a.All(t, "consent")))
}

// has tells what the answers to Has are, of both registers.
func (r *registrar) has(t *testing.T, citizen string) (living, treatment string) {
	t.Helper()
	by := r.citizen(citizen)
	return ok(t, ltr.asks(t, by, "Has", citizen)).All(t, "willExists")[0], ok(t, btr.asks(t, by, "Has", citizen)).All(t, "willExists")[0]
}

func (r *registrar) history(t *testing.T, numbers ...string) will.History {
	t.Helper()
	var person []cpr.Number
	for _, n := range numbers {
		person = append(person, numbered(n))
	}
	h, err := r.wills.History(t.Context(), person)
	require.NoError(t, err)
	return h
}

// keeps puts a will into the store that was made at an instant under a number, as one from before the register closed.
func (r *registrar) keeps(t *testing.T, number string, reg will.Register, at time.Time) {
	t.Helper()
	r.putting(t, number, reg, at, nil)
}

func (r *registrar) putting(t *testing.T, number string, reg will.Register, at time.Time, told []notice.Notice) {
	t.Helper()
	row := will.Registration{
		ID: uuidgen.NewString(), Citizen: numbered(number), Register: reg, From: at, Wishes: will.Wishes{IfDying: will.Wish{Declined: true}},
	}
	require.NoError(t, r.wills.Update(t.Context(), []cpr.Number{numbered(number)}, func(will.History) (will.Change, []notice.Notice, error) {
		return will.Change{At: at, New: &row}, told, nil
	}))
}

// advised lets time pass until there are n notifications about a number, and one that was put behind them: there are no more.
func (r *registrar) advised(t *testing.T, number string, n int) (found []nas.Notification) {
	t.Helper()
	require.Eventually(t, func() bool {
		r.Clock.Advance(20 * time.Millisecond)
		found = r.about(number)
		return len(found) >= n
	}, time.Minute, 5*time.Millisecond)
	last, key := r.adult(), ""
	if h := r.history(t, number); len(h) > 0 {
		key = h[0].ID
	} else {
		key = r.rows(t, number)[0].ID
	}
	behind := notice.Notice{ID: uuidgen.NewString(), Key: key, To: notice.NAS, Advis: found[0], Created: r.Clock.Now()}
	behind.Advis.ID = last
	r.putting(t, last, will.BTR, r.Clock.Now(), []notice.Notice{behind})
	require.Eventually(t, func() bool {
		r.Clock.Advance(20 * time.Millisecond)
		return len(r.about(last)) > 0
	}, time.Minute, 5*time.Millisecond)
	found = r.about(number)
	require.Len(t, found, n)
	return found
}

func (r *registrar) about(number string) (found []nas.Notification) {
	for _, n := range r.noticed.told() {
		if n.ID == number {
			found = append(found, n)
		}
	}
	return found
}

// logged returns what MinLog has of a citizen.
func (r *registrar) logged(t *testing.T, number string) (entries []minlog.Entry) {
	t.Helper()
	r.Consumed(t)
	for _, reg := range stored(t, r.Server, minlog.Key("CPR:"+number)) {
		entries = append(entries, reg.Entry)
	}
	slices.SortFunc(entries, func(a, b minlog.Entry) int {
		if c := a.To.Compare(b.To); c != 0 {
			return c
		}
		return strings.Compare(a.Activity, b.Activity)
	})
	return entries
}

func activitiesOf(entries []minlog.Entry) (all []string) {
	for _, e := range entries {
		all = append(all, e.Activity)
	}
	return all
}

// openOf counts the rows that are valid.
func openOf(h will.History) (open int) {
	for _, row := range h {
		if row.To.IsZero() {
			open++
		}
	}
	return open
}

// whole shows that no two rows of a history overlap, and that at most one is valid.
func whole(t *testing.T, h will.History) {
	t.Helper()
	assert.LessOrEqual(t, openOf(h), 1)
	for i, row := range h {
		if !row.To.IsZero() {
			assert.True(t, row.From.Before(row.To), "no row is empty")
		}
		if i > 0 {
			assert.False(t, h[i-1].To.IsZero() || row.From.Before(h[i-1].To), "row %d begins before the one before it ended", i)
		}
	}
}

// willSchemas holds what was heard against the schemas of the registers.
func willSchemas(t *testing.T, s *nsptest.Server, heard []nsptest.Answer) {
	t.Helper()
	schemaValid(t, s, map[string][2]string{
		ltr.space: {ltrPath, "livstestamente-20180501.xsd"}, btr2018.space: {btrPath, "behandlingstestamente-20180501.xsd"},
		btr.space: {btrPath, "behandlingstestamente-20200316.xsd"}, "http://www.medcom.dk/dgws/2006/04/dgws-1.0.xsd": {btrPath, "dgws-1.0.xsd"},
	}, heard)
}

package nasws_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/auth/allowlist"
	"github.com/opennsp/nsp/adapters/auth/dgws"
	"github.com/opennsp/nsp/adapters/auth/dgws/dgwstest"
	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/nasws"
	"github.com/opennsp/nsp/adapters/xml/c14n"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/adapters/xml/xpath"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/notifying"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

// Topics of the cases, and what is bound to the prefixes of their requests.
const (
	topicCard   = "http://example.dk/advis/2024/01/01:CardChanged"
	topicMoved  = "http://example.dk/advis/2024/01/01:Moved"
	topicClosed = "http://example.dk/advis/2024/01/01:Closed"
	simple      = "http://docs.oasis-open.org/wsn/t-1/TopicExpression/Simple"

	prefixes = ` xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2" xmlns:wsa="http://www.w3.org/2005/08/addressing" xmlns:advis="http://nsi.dk/advis/v10"` +
		` xmlns:idl="http://www.nsi.dk/2012/12/nas/idlist" xmlns:nasx="urn:opennsp:nas:1" xmlns:c="http://example.dk/advis/2024/01/01"` +
		` xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"`

	base        = "https://nsp.example.dk"
	personA     = "2512484916"
	personB     = "0101010101"
	typeCPR     = "http://nsi.dk/advis/v10/CPR"
	publisherIP = "10.0.0.7"
)

// The ids of the samples, given out first.
const (
	samplePullPoint    = "0d6f2c1e-7a38-4b1e-9a53-2f1f5f1c9e10"
	sampleSubscription = "5b0c8d4a-1f63-4c7e-8d0e-6f2b7a9c3d21"
)

var start = time.Date(2026, time.March, 1, 10, 15, 30, 0, time.UTC)

// federation is one key pair for all tests of the package.
var federation = sync.OnceValue(func() *dgwstest.Federation { return dgwstest.New(2048) })

// service is the notification service on stores in memory, behind its routers and real security.
type service struct {
	db         *memory.DB
	audit      *memory.AuditLog
	log        bytes.Buffer
	units      *portstest.FailingUnitOfWork
	records    *portstest.FailingMessageLog
	points     *failingPoints
	now        time.Time
	ids        []string
	made, sent int
	card       dgwstest.Card
	from       string // address of the client
	statistics []string
	answers    []string // envelopes
	deps       nasws.Deps
	mux        *http.ServeMux
}

// failingPoints is a store that ends nothing while it is down.
type failingPoints struct {
	ports.PullPointStore
	down error
}

func (p *failingPoints) EndSubscription(ctx context.Context, id nas.SubscriptionID, at time.Time) error {
	if p.down != nil {
		return p.down
	}
	return p.PullPointStore.EndSubscription(ctx, id, at)
}

func (p *failingPoints) EndPullPoint(ctx context.Context, id nas.PullPointID, at time.Time) error {
	if p.down != nil {
		return p.down
	}
	return p.PullPointStore.EndPullPoint(ctx, id, at)
}

func newService(t testing.TB, alter ...func(*nasws.Deps)) *service {
	t.Helper()
	s := &service{audit: &memory.AuditLog{}, now: start, ids: []string{samplePullPoint, sampleSubscription}, from: "192.0.2.1", mux: http.NewServeMux()}
	s.card = dgwstest.SystemCard(start.Add(-time.Minute))
	clock := func() time.Time { return s.now }
	s.db = memory.New(clock)
	s.units = &portstest.FailingUnitOfWork{Units: s.db.Units()}
	s.records = &portstest.FailingMessageLog{Log: s.db.MessageLog()}
	s.points = &failingPoints{PullPointStore: s.db.PullPoints()}
	logger := slog.New(slog.NewTextHandler(&s.log, nil))
	statistics := func(line string) { s.statistics = append(s.statistics, line) }
	topics := &notifying.Directory{Store: s.db.NASTopics(), Now: clock, Age: 0}

	admin := &notifying.Administration{
		Store: s.db.NASTopics(), PullPoints: s.points, Lists: s.db.IDLists(), Log: s.records, Admin: s.db.Topics(), Topics: topics,
		Trail: admitting.Trail{}, Now: clock, CloseDays: 14, DefaultRetention: 14 * 24 * time.Hour,
	}
	for _, name := range []nas.TopicName{topicCard, topicMoved, topicClosed} {
		require.NoError(t, admin.Ensure(t.Context(), name, []string{"ALL"}))
	}
	s.closeTopic(t, topicClosed)

	const newID = "5b1f0a52-0c0e-4f0c-9d57-%012d"
	profile := &soap.DGWS{
		Schemes: &auth.Schemes{
			DGWS: &dgws.Verifier{Trust: dgwstest.Trust(federation().Anchor), Now: clock},
			Lists: map[string]allowlist.List{nasws.AddressList: {
				{Network: netip.MustParsePrefix(publisherIP + "/32"), Name: "fmk"},
				{Network: netip.MustParsePrefix("10.0.0.8/32"), Name: "one topic", Topics: []string{topicMoved}},
			}},
		},
		Now: clock, NewID: func() string { return "an-id" },
	}
	s.deps = nasws.Deps{
		Broker: &notifying.Broker{
			Topics: topics, Log: s.records, Contents: nasws.Contents{}, Trail: admitting.Trail{}, Now: clock, Statistics: statistics,
			MaxMessages: 1000, MaxBytes: nas.MaxPayload,
		},
		Subscriptions: &notifying.Subscriptions{
			Store: s.points, Topics: topics, Log: s.records, Lists: s.db.IDLists(), Filters: xpath.Filter{}, Trail: admitting.Trail{}, Now: clock,
			NewID: func() string {
				if len(s.ids) > 0 {
					id := s.ids[0]
					s.ids = s.ids[1:]
					return id
				}
				s.made++
				return fmt.Sprintf(newID, s.made)
			},
			Statistics: statistics, MaxPerOwner: 100, MaxPerPullPoint: 50, MaxSingleIDs: 1000, MaxIDs: 500_000,
		},
		Fetching: &notifying.Fetching{
			Store: s.points, Topics: topics, Log: s.records, Lists: s.db.IDLists(), Filters: xpath.Filter{}, Trail: admitting.Trail{}, Now: clock,
			Logger: logger, Statistics: statistics, Default: 256, Limit: 1000, MaxBytes: 8 << 20, Poll: time.Second, CatchUpPoll: 5 * time.Second,
			DeltaMax: 1000, MaxTime: 15 * time.Second, AdvanceMin: 1000, OffsetDeltaMin: 100, CacheIDs: 1000,
		},
		Profile: profile,
	}
	for _, f := range alter {
		f(&s.deps)
	}
	gate := &admitting.Gate{Audit: s.audit, Units: s.units, Replies: s.db.Replies(), Seen: s.db.Seen(), Now: clock, Log: logger}
	deps := soap.Deps{Gate: gate, Now: clock, NewID: func() string { return "an-id" }, Log: logger, PublicURL: base}
	for _, m := range append(nasws.Broker(s.deps), nasws.Subscriber(s.deps)...) {
		s.mux.Handle(strings.Replace(m.Path, ":id", "{id}", 1), soap.NewRouter(m.Service, deps))
	}
	return s
}

func (s *service) closeTopic(t testing.TB, name nas.TopicName) {
	t.Helper()
	require.NoError(t, s.db.NASTopics().UpdateTopic(t.Context(), name, func(topic nas.Topic) (nas.Topic, error) {
		topic.Active, topic.ClosedAt = false, s.now
		return topic, nil
	}))
}

// post sends a message; header are names and values in turn.
func (s *service) post(t testing.TB, path string, message []byte, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://nsp.test"+path, bytes.NewReader(message))
	r.RemoteAddr = s.from + ":4711"
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.mux.ServeHTTP(w, r)
	s.answers = append(s.answers, w.Body.String())
	return w
}

// valid asserts that all answers were as the schemas have them.
func (s *service) valid(t *testing.T) {
	t.Helper()
	t.Run("T49 the answers are valid", func(t *testing.T) { nasws.ValidAnswers(t, s.answers) })
}

// message is a body in an envelope with the card of the service's client; the prefixes are declared on the Envelope.
func (s *service) message(id, headers, body string) []byte {
	m := dgws.Request{
		Created: s.now, Card: federation().Sign(s.card), SecurityLevel: s.card.Level(), MessageID: id,
		Headers: func(w *xmlout.Writer) { w.Raw([]byte(headers)) }, Body: func(w *xmlout.Writer) { w.Raw([]byte(body)) },
	}.Bytes()
	return bytes.Replace(m, []byte("<soap:Envelope"), []byte("<soap:Envelope"+prefixes), 1)
}

// bare is a body in an envelope without any header.
func bare(body string) []byte {
	return []byte(`<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"` + prefixes + `><soap:Body>` + body + `</soap:Body></soap:Envelope>`)
}

// send posts a body, in a message of its own.
func (s *service) send(t testing.TB, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	s.sent++
	return s.post(t, path, s.message("m-"+strconv.Itoa(s.sent), "", body))
}

// resend posts a body in a message with an id.
func (s *service) resend(t testing.TB, id, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	return s.post(t, path, s.message(id, "", body))
}

// publish sends a Notify without credential from an address on the list.
func (s *service) publish(t testing.TB, notifications ...string) *httptest.ResponseRecorder {
	t.Helper()
	from := s.from
	defer func() { s.from = from }()
	s.from = publisherIP
	return s.post(t, nasws.PathBroker, bare("<wsnt:Notify>"+strings.Join(notifications, "")+"</wsnt:Notify>"))
}

// notification is about a person.
func notification(topic, id, payload string) string {
	return enclosed(topic, `<advis:NotifyContent id="`+id+`" idType="`+typeCPR+`">`+payload+`</advis:NotifyContent>`)
}

func enclosed(topic, message string) string {
	return `<wsnt:NotificationMessage><wsnt:Topic Dialect="` + simple + `">` + topic + `</wsnt:Topic><wsnt:Message>` + message +
		`</wsnt:Message></wsnt:NotificationMessage>`
}

const changed = `<c:CardChanged><c:version>7</c:version></c:CardChanged>`

// subscribe is the body of a Subscribe; filter holds what is in it beside the topic.
func subscribe(address, topic, filter string) string {
	return `<wsnt:Subscribe>` + consumer(address) + `<wsnt:Filter>` + expression(topic) + filter + `</wsnt:Filter></wsnt:Subscribe>`
}

func consumer(address string) string {
	return `<wsnt:ConsumerReference><wsa:Address>` + address + `</wsa:Address></wsnt:ConsumerReference>`
}

func expression(topic string) string {
	return `<wsnt:TopicExpression Dialect="` + simple + `">` + topic + `</wsnt:TopicExpression>`
}

func idFilter(content string) string {
	return `<wsnt:MessageContent Dialect="http://nsi.dk/advis/v10/IDMCP_Dialect"><advis:IDFilter>` + content + `</advis:IDFilter></wsnt:MessageContent>`
}

const (
	createPullPoint  = `<wsnt:CreatePullPoint/>`
	destroyPullPoint = `<wsnt:DestroyPullPoint/>`
	unsubscribe      = `<wsnt:Unsubscribe/>`
	getMessages      = `<wsnt:GetMessages/>`
)

var (
	bodyElement    = regexp.MustCompile(`(?s)<soap:Body>(.*)</soap:Body>`)
	addressElement = regexp.MustCompile(`<wsa:Address>` + base + `(/[^<]*)</wsa:Address>`)
)

// good returns the body of a good answer.
func (s *service) good(t testing.TB, w *httptest.ResponseRecorder) string {
	t.Helper()
	require.Equal(t, http.StatusOK, w.Code, "%s\n%s", w.Body, s.log.String())
	return bodyElement.FindStringSubmatch(w.Body.String())[1]
}

// pullPoint makes a pull point and returns its path.
func (s *service) pullPoint(t testing.TB) (path string) {
	t.Helper()
	return addressElement.FindStringSubmatch(s.good(t, s.send(t, nasws.PathFactory, createPullPoint)))[1]
}

// subscribed subscribes and returns the path of the subscription.
func (s *service) subscribed(t testing.TB, pullPoint, topic, filter string) (path string) {
	t.Helper()
	return addressElement.FindStringSubmatch(s.good(t, s.send(t, nasws.PathManager, subscribe(base+pullPoint, topic, filter))))[1]
}

// fetch returns the ids of the notifications that a pull point gives.
func (s *service) fetch(t testing.TB, pullPoint string) []string {
	t.Helper()
	return contentIDs(t, s.send(t, pullPoint, getMessages))
}

// contentIDs are the ids of the notifications in an answer.
func contentIDs(t testing.TB, w *httptest.ResponseRecorder) (ids []string) {
	t.Helper()
	for _, content := range contents(t, w) {
		tree := parsed(t, content)
		id, _ := tree.Attr(tree.Root(), "", "id")
		ids = append(ids, id)
	}
	return ids
}

// contents are the NotifyContents in an answer, as they stand in it.
func contents(t testing.TB, w *httptest.ResponseRecorder) (all []string) {
	t.Helper()
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	tree := parsed(t, w.Body.String())
	const wsnt = "http://docs.oasis-open.org/wsn/b-2"
	for message := range tree.Children(tree.First(tree.Child(tree.Root(), tree.Space(tree.Root()), "Body"))) {
		from, to := tree.Range(tree.First(tree.Child(message, wsnt, "Message")))
		all = append(all, string(tree.Source()[from:to]))
	}
	return all
}

// parsed reads a document for the length of a test.
func parsed(t testing.TB, doc string) *xmltree.Tree {
	t.Helper()
	tree, err := xmltree.Parse([]byte(doc), xmltree.DefaultLimits(16<<20))
	require.NoError(t, err, "%s", doc)
	t.Cleanup(tree.Release)
	return tree
}

// canonical is a document in Exclusive Canonical XML.
func canonical(t testing.TB, doc string) string {
	t.Helper()
	tree := parsed(t, doc)
	var b strings.Builder
	require.NoError(t, c14n.Write(&b, tree, tree.Root(), c14n.Options{Method: c14n.Exclusive}))
	return b.String()
}

// refusal is a fault as a client sees it.
type refusal struct {
	status      int
	code, text  string
	detail      string // local name of what stands in the detail, for DGWS with the code
	errorCode   string
	description []string
	undelivered []string // position and code
	names       []string // expanded, of UnknownFilter and such
	times       []string // MinimumTime, MaximumTime
}

// refused reads a fault and checks what all have in common.
func refused(t testing.TB, w *httptest.ResponseRecorder) (r refusal) {
	t.Helper()
	tree := parsed(t, w.Body.String())
	body := tree.Child(tree.Root(), tree.Space(tree.Root()), "Body")
	f := tree.First(body)
	require.Equal(t, "Fault", tree.Local(f), w.Body.String())
	text := func(n xmltree.Node) string { s, _ := tree.Text(n); return s }
	r.status, r.code, r.text = w.Code, text(tree.Child(f, "", "faultcode")), text(tree.Child(f, "", "faultstring"))
	detail := tree.First(tree.Child(f, "", "detail"))
	r.detail = tree.Local(detail)
	if r.detail == "FaultCode" {
		r.detail = text(detail)
	}
	stamped := false
	for n := range tree.Children(detail) {
		switch local := tree.Local(n); local {
		case "Timestamp":
			_, err := time.Parse(time.RFC3339, text(n))
			require.NoError(t, err)
			stamped = true
		case "ErrorCode":
			dialect, _ := tree.Attr(n, "", "dialect")
			assert.Equal(t, "urn:opennsp:nas:1", dialect)
			r.errorCode = text(n)
		case "Description":
			r.description = append(r.description, text(n))
		case "Undelivered":
			position, _ := tree.Attr(n, "", "position")
			code, _ := tree.Attr(n, "", "code")
			r.undelivered = append(r.undelivered, position+" "+code)
		case "MinimumTime", "MaximumTime":
			r.times = append(r.times, text(n))
		default:
			prefix, name, ok := strings.Cut(text(n), ":")
			if !ok {
				prefix, name = "", prefix
			}
			space, bound := tree.Lookup(n, prefix)
			assert.True(t, bound || prefix == "", "prefix of %s", text(n))
			r.names = append(r.names, local+" {"+space+"}"+name)
		}
	}
	if tree.First(detail) != xmltree.None {
		assert.True(t, stamped, "no Timestamp: %s", w.Body)
		assert.Equal(t, r.text, r.description[0])
	}
	assert.NotRegexp(t, `\d{10}`, w.Body.String(), "a fault names nobody")
	return r
}

// caller gives the service's client another card.
func (s *service) caller(change func(dgwstest.Card) dgwstest.Card) { s.card = change(s.card) }

var updateGolden = flag.Bool("update", false, "write the golden files anew")

var betweenTags = regexp.MustCompile(`>\s+<`)

// compact leaves out white space between elements.
func compact(xml string) string { return strings.TrimSpace(betweenTags.ReplaceAllString(xml, "><")) }

func sample(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return compact(string(b))
}

// golden compares the body of an answer with the file of the name.
func golden(t testing.TB, name string, w *httptest.ResponseRecorder) {
	t.Helper()
	body := bodyElement.FindStringSubmatch(w.Body.String())[1]
	if *updateGolden {
		require.NoError(t, os.WriteFile(filepath.Join("testdata", name), []byte(strings.ReplaceAll(body, "><", ">\n<")+"\n"), 0o600))
	}
	require.Equal(t, sample(t, name), body)
}

package nasws_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/dgws"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/nasws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/application/notifying"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/ports"
)

// remote is a server that clients call over the wire, from an address on the list.
type remote struct {
	*service
	sent   []string // envelopes
	status int      // 0 = the server answers itself; else body is the answer, with that status
	body   string
}

func newRemote(t testing.TB) *remote {
	t.Helper()
	s := newService(t, func(d *nasws.Deps) { d.More, d.Subscriptions.MaxPerOwner = true, 2 })
	s.from = publisherIP
	return &remote{service: s}
}

// RoundTrip gives a request to the service of its path.
func (r *remote) RoundTrip(req *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	if r.status != 0 {
		w.WriteHeader(r.status)
		_, _ = w.WriteString(r.body)
		return w.Result(), nil
	}
	req.RemoteAddr = r.from + ":4711"
	r.mux.ServeHTTP(w, req)
	return w.Result(), nil
}

// at is a client of an address, or of a path of the contract; each message has its own id.
func (r *remote) at(address string) *nasws.Client {
	if strings.HasPrefix(address, "/") {
		address = base + address
	}
	client := soap.Client{URL: address, HTTP: &http.Client{Transport: r}}
	return &nasws.Client{Send: func(ctx context.Context, action string, body func(*xmlout.Writer)) (*soap.Response, error) {
		message := dgws.Request{
			Created: r.now, Card: federation().Sign(r.card), SecurityLevel: r.card.Level(), MessageID: fmt.Sprintf("message-%d", len(r.sent)), Body: body,
		}.Bytes()
		r.sent = append(r.sent, string(message))
		return client.Call(ctx, action, message)
	}}
}

func changeOf(id string) nas.Notification {
	return nas.Notification{Topic: topicCard, ID: id, IDType: typeCPR, Payload: []byte(`<c:CardChanged xmlns:c="http://example.dk/advis/2024/01/01"><c:version>7</c:version></c:CardChanged>`)}
}

// TestClient carries out everything there is, over the wire.
func TestClient(t *testing.T) {
	r := newRemote(t)
	ctx := t.Context()
	lists, factory, manager, broker := r.at(nasws.PathIDList), r.at(nasws.PathFactory), r.at(nasws.PathManager), r.at(nasws.PathBroker)

	replaced, err := lists.CreateIDList(ctx, nas.IDList{Name: "ward-7 <&", Description: "Ward 7", IDType: typeCPR, IDs: []string{"2512484916"}})
	require.NoError(t, err)
	assert.False(t, replaced)
	replaced, err = lists.CreateIDList(ctx, nas.IDList{Name: "ward-7 <&", Description: "Ward 7", IDType: typeCPR, IDs: []string{"2512484916", "0101010101"}})
	require.NoError(t, err)
	assert.True(t, replaced)
	address, err := factory.CreatePullPoint(ctx)
	require.NoError(t, err)
	assert.Contains(t, address, base+nasws.PathPullPoint+"/")
	expires := r.now.Add(time.Hour)
	made, err := manager.Subscribe(ctx, nasws.Selection{PullPoint: address, Topic: topicCard, Filter: nas.Filter{List: "ward-7 <&"}, Expires: expires})
	require.NoError(t, err)
	assert.Contains(t, made.Address, base+nasws.PathManager+"/")
	assert.Equal(t, [2]time.Time{r.now, expires}, [2]time.Time{made.Now, made.Expires})
	filter := nas.Filter{
		IDs:   []nas.SingleID{{ID: "2512484916", IDType: typeCPR}, {ID: "1", IDType: "urn:x"}},
		XPath: &nas.XPath{Expression: `/a:NotifyContent/b:CardChanged[b:version > 5 and "<&"]`, Namespaces: map[string]string{"a": "http://nsi.dk/advis/v10", "b": "http://example.dk/advis/2024/01/01", "advis": "urn:other"}},
	}
	second, err := manager.Subscribe(ctx, nasws.Selection{PullPoint: address, Topic: topicCard, Filter: filter})
	require.NoError(t, err)
	assert.Zero(t, second.Expires)

	system := nas.Notification{Topic: topicCard, System: true, Payload: []byte(`<s xmlns="urn:s"/>`)}
	require.NoError(t, broker.Publish(ctx, changeOf("2512484916"), changeOf("0404040404"), system))
	pullPoint := r.at(address)
	got, err := pullPoint.GetMessages(ctx, 1)
	require.NoError(t, err)
	require.Len(t, got.Messages, 1)
	assert.True(t, got.More)
	rest, err := pullPoint.GetMessages(ctx, notifying.NoQuota)
	require.NoError(t, err)
	assert.False(t, rest.More)
	all := slices.Concat(got.Messages, rest.Messages)
	var told []string
	for _, m := range all {
		switch m.ID {
		case "":
			assert.True(t, m.System)
			assert.Equal(t, topicCard, m.Topic)
			assert.Equal(t, `<s xmlns="urn:s"></s>`, canonical(t, string(m.Payload)))
		default:
			assert.Equal(t, [3]string{"2512484916", typeCPR, topicCard}, [3]string{m.ID, m.IDType, m.Topic})
			assert.Equal(t, string(changeOf("").Payload), canonical(t, string(m.Payload)))
		}
		told = append(told, m.ID+" to "+m.Subscription)
	}
	assert.ElementsMatch(t, []string{"2512484916 to " + made.Address, "2512484916 to " + second.Address, " to " + made.Address}, told,
		"the system notification passes filters of ids, not that of contents")
	none, err := pullPoint.GetMessages(ctx, 0)
	require.NoError(t, err)
	assert.Equal(t, nasws.Batch{}, none)

	require.NoError(t, r.at(second.Address).Unsubscribe(ctx))
	require.NoError(t, pullPoint.DestroyPullPoint(ctx))
	existed, err := lists.DestroyIDList(ctx, "ward-7 <&")
	require.NoError(t, err)
	assert.True(t, existed)
	existed, err = lists.DestroyIDList(ctx, "ward-7 <&")
	require.NoError(t, err)
	assert.False(t, existed)

	t.Run("what was sent is as the schemas have it", func(t *testing.T) { nasws.ValidAnswers(t, r.sent) })
	t.Run("a notification that can be no XML is not sent", func(t *testing.T) {
		before := len(r.sent)
		for _, payload := range []string{"", "x", "<a/><b/>", "</advis:NotifyContent><advis:NotifyContent>", "<a", "<!-- -->"} {
			err := broker.Publish(ctx, changeOf("1"), nas.Notification{Topic: topicCard, Payload: []byte(payload)})
			require.Equal(t, nas.Refusal{Code: nas.ContentInvalid}, err, payload)
		}
		assert.Len(t, r.sent, before)
	})
}

// TestClientsFaults: a fault of WS-BaseNotification comes with its parts, any other as it is.
func TestClientsFaults(t *testing.T) {
	r := newRemote(t)
	ctx := t.Context()
	refused := func(t *testing.T, err error) *nasws.Refused {
		t.Helper()
		var f *nasws.Refused
		require.ErrorAs(t, err, &f)
		require.ErrorAs(t, err, new(*soap.Fault))
		assert.Equal(t, http.StatusInternalServerError, f.Status)
		return f
	}
	address, err := r.at(nasws.PathFactory).CreatePullPoint(ctx)
	require.NoError(t, err)

	f := refused(t, r.at(nasws.PathBroker).Publish(ctx, changeOf("1"), nas.Notification{Topic: "urn:x:Unknown", Payload: []byte("<a/>")}))
	assert.Equal(t, nas.InvalidTopicExpression, f.Name)
	require.Len(t, f.Undelivered, 2)
	assert.Equal(t, [2]int{1, 2}, [2]int{f.Undelivered[0].Position, f.Undelivered[1].Position})
	assert.Equal(t, [2]string{"rolled_back", "topic_unknown"}, [2]string{f.Undelivered[0].Code, f.Undelivered[1].Code})
	assert.Len(t, f.Descriptions, 3)

	_, err = r.at(nasws.PathManager).Subscribe(ctx, nasws.Selection{PullPoint: address, Topic: topicCard, Expires: r.now})
	f = refused(t, err)
	assert.Equal(t, nas.UnacceptableInitialTerminationTime, f.Name)
	assert.Equal(t, r.now, f.Minimum)
	assert.Zero(t, f.Maximum)
	_, err = r.at(nasws.PathManager).Subscribe(ctx, nasws.Selection{PullPoint: address, Topic: "urn:x:Unknown"})
	f = refused(t, err)
	assert.Equal(t, [2]string{string(nas.TopicNotSupported), "topic_unknown"}, [2]string{string(f.Name), f.Reason})

	_, err = r.at(address+"0").GetMessages(ctx, 1)
	assert.Equal(t, nas.ResourceUnknown, refused(t, err).Name)
	require.NoError(t, r.at(address).DestroyPullPoint(ctx))
	assert.Equal(t, nas.ResourceUnknown, refused(t, r.at(address).DestroyPullPoint(ctx)).Name)
	assert.Equal(t, nas.ResourceUnknown, refused(t, r.at(nasws.PathManager).Unsubscribe(ctx)).Name)
	for range 2 {
		_, err = r.at(nasws.PathFactory).CreatePullPoint(ctx)
		require.NoError(t, err)
	}
	_, err = r.at(nasws.PathFactory).CreatePullPoint(ctx)
	f = refused(t, err)
	assert.Equal(t, [2]string{string(nas.UnableToCreatePullPoint), "too_many_pull_points"}, [2]string{string(f.Name), f.Reason})

	_, err = r.at(nasws.PathIDList).CreateIDList(ctx, nas.IDList{})
	var told *soap.Fault
	require.ErrorAs(t, err, &told)
	assert.False(t, errors.As(err, &f), "a fault of DGWS is none of WS-BaseNotification")
	assert.Equal(t, "syntax_error", told.Code)
}

// TestClientsFaultOfAnother: what another server writes into a fault is read, in its own prefixes and time zone.
func TestClientsFaultOfAnother(t *testing.T) {
	r := newRemote(t)
	r.status = http.StatusInternalServerError
	fault := func(inner string) string {
		return `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:b="http://docs.oasis-open.org/wsn/b-2"` +
			` xmlns:f="http://docs.oasis-open.org/wsrf/bf-2"><s:Body><s:Fault><faultcode>s:Server</faultcode>` +
			`<faultstring>no</faultstring><detail>` + inner + `</detail></s:Fault></s:Body></s:Envelope>`
	}
	told := func(inner string) (f *nasws.Refused) {
		r.body = fault(inner)
		_, err := r.at(nasws.PathManager).Subscribe(t.Context(), nasws.Selection{})
		require.ErrorAs(t, err, &f)
		return f
	}
	f := told(`<b:InvalidFilterFault><f:Timestamp>x</f:Timestamp><f:ErrorCode dialect="urn:x"> 7 </f:ErrorCode>` +
		`<b:UnknownFilter xmlns:q="urn:q">q:a</b:UnknownFilter><b:UnknownFilter>b</b:UnknownFilter></b:InvalidFilterFault>`)
	assert.Equal(t, nas.InvalidFilter, f.Name)
	assert.Equal(t, []nas.Name{{Space: "urn:q", Local: "a"}, {Local: "b"}}, f.Names)
	assert.Equal(t, "7", f.Reason)
	f = told(`<b:UnacceptableInitialTerminationTimeFault><f:Timestamp>2026-03-01T10:00:00</f:Timestamp><b:MinimumTime>2026-07-01T12:00:00</b:MinimumTime>` +
		`<b:MaximumTime>2026-07-01T12:00:00+01:00</b:MaximumTime></b:UnacceptableInitialTerminationTimeFault>`)
	assert.True(t, f.Minimum.Equal(time.Date(2026, time.July, 1, 10, 0, 0, 0, time.UTC)), "Danish summer time: %s", f.Minimum)
	assert.True(t, f.Maximum.Equal(time.Date(2026, time.July, 1, 11, 0, 0, 0, time.UTC)))
	assert.Equal(t, nas.Fault("NewFault"), told(`<b:NewFault/>`).Name)
}

// TestClientsAnswers: an answer that is not what the contract says is none.
func TestClientsAnswers(t *testing.T) {
	r := newRemote(t)
	r.status = http.StatusOK
	ctx := t.Context()
	call := map[string]func() error{
		"CreatePullPoint": func() error { _, err := r.at(nasws.PathFactory).CreatePullPoint(ctx); return err },
		"Subscribe":       func() error { _, err := r.at(nasws.PathManager).Subscribe(ctx, nasws.Selection{}); return err },
		"GetMessages":     func() error { _, err := r.at(nasws.PathPullPoint+"/1").GetMessages(ctx, 1); return err },
		"Notify":          func() error { return r.at(nasws.PathBroker).Publish(ctx, changeOf("1")) },
		"CreateIDList":    func() error { _, err := r.at(nasws.PathIDList).CreateIDList(ctx, nas.IDList{}); return err },
		"DestroyIDList":   func() error { _, err := r.at(nasws.PathIDList).DestroyIDList(ctx, ""); return err },
	}
	const address = `<a:Address> https://x </a:Address>`
	message := func(content string) string {
		return `<b:NotificationMessage><b:Message>` + content + `</b:Message></b:NotificationMessage>`
	}
	for _, c := range []struct {
		operation, answer string
		good              bool
	}{
		{"CreatePullPoint", `<b:PullPoint>` + address + `</b:PullPoint>`, true},
		{"CreatePullPoint", ``, false},
		{"CreatePullPoint", `<b:PullPoint/>`, false},
		{"CreatePullPoint", `<b:PullPoint><a:Address><b/></a:Address></b:PullPoint>`, false},
		{"Subscribe", `<b:SubscriptionReference>` + address + `</b:SubscriptionReference>`, true},
		{"Subscribe", `<b:SubscriptionReference>` + address + `</b:SubscriptionReference><b:CurrentTime>now</b:CurrentTime>`, false},
		{"Subscribe", `<b:CurrentTime>2026-03-01T10:00:00Z</b:CurrentTime>`, false},
		{"GetMessages", ``, true},
		{"GetMessages", message(`<v:NotifyContent><x/></v:NotifyContent>`), true},
		{"GetMessages", message(`<v:NotifyContent id="1" isSystemNotification="yes"><x/></v:NotifyContent>`), false},
		{"GetMessages", message(`<v:NotifyContent/>`), false},
		{"GetMessages", message(`<v:NotifyContent><x/><y/></v:NotifyContent>`), false},
		{"GetMessages", message(`<x/>`), false},
		{"GetMessages", `<b:NotificationMessage/>`, false},
		{"Notify", ``, true},
		{"CreateIDList", `<i:ExistingListUpdated>1</i:ExistingListUpdated>`, true},
		{"CreateIDList", ``, false},
		{"DestroyIDList", `<i:NoSuchList>maybe</i:NoSuchList>`, false},
	} {
		t.Run(c.operation+" "+c.answer, func(t *testing.T) {
			space := "b"
			if strings.HasSuffix(c.operation, "IDList") {
				space = "i"
			}
			wrap := func(operation string) string {
				return `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:b="http://docs.oasis-open.org/wsn/b-2"` +
					` xmlns:a="http://www.w3.org/2005/08/addressing" xmlns:v="http://nsi.dk/advis/v10" xmlns:i="http://www.nsi.dk/2012/12/nas/idlist">` +
					`<s:Body><` + space + `:` + operation + `Response>` + c.answer + `</` + space + `:` + operation + `Response></s:Body></s:Envelope>`
			}
			r.body = wrap(c.operation)
			if c.good {
				require.NoError(t, call[c.operation]())
			} else {
				require.ErrorIs(t, call[c.operation](), nasws.ErrAnswer)
			}
			r.body = wrap("Other")
			require.ErrorIs(t, call[c.operation](), nasws.ErrAnswer, "the answer to another operation")
		})
	}
	t.Run("a payload stands alone", func(t *testing.T) {
		r.body = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:b="http://docs.oasis-open.org/wsn/b-2" xmlns:c="urn:c"><s:Body>` +
			`<b:GetMessagesResponse><b:NotificationMessage><b:Message><NotifyContent xmlns="http://nsi.dk/advis/v10" idType=" t "><c:d>c:e</c:d></NotifyContent>` +
			`</b:Message></b:NotificationMessage></b:GetMessagesResponse></s:Body></s:Envelope>`
		got, err := r.at(nasws.PathPullPoint+"/1").GetMessages(ctx, 1)
		require.NoError(t, err)
		require.Len(t, got.Messages, 1)
		assert.Equal(t, "t", got.Messages[0].IDType)
		assert.Regexp(t, `^<c:d( xmlns\S*="[^"]*")* xmlns:c="urn:c"( xmlns\S*="[^"]*")*>c:e</c:d>$`, string(got.Messages[0].Payload))
	})
}

// TestNotifier: what a broker can never take is refused with its code, and all else comes again.
func TestNotifier(t *testing.T) {
	good := changeOf("1")
	with := func(change func(*nas.Notification)) []nas.Notification {
		n := good
		change(&n)
		return []nas.Notification{n}
	}
	ended := func(r *remote) []nas.Notification {
		received, err := r.at(nasws.PathFactory).CreatePullPoint(t.Context())
		require.NoError(t, err)
		_, err = r.at(nasws.PathManager).Subscribe(t.Context(), nasws.Selection{PullPoint: received, Topic: topicCard})
		require.NoError(t, err)
		require.NoError(t, (&nasws.Notifier{Client: r.at(nasws.PathBroker), Timeout: time.Minute}).Notify(t.Context(), []nas.Notification{good, good}))
		got, err := r.at(received).GetMessages(t.Context(), 10)
		require.NoError(t, err)
		all := make([]nas.Notification, len(got.Messages))
		for i, m := range got.Messages {
			all[i] = m.Notification
		}
		return all
	}
	t.Run("what is taken is delivered", func(t *testing.T) {
		all := ended(newRemote(t))
		require.Len(t, all, 2)
		assert.Equal(t, good.ID, all[0].ID)
	})
	t.Run("nothing is nothing", func(t *testing.T) {
		r := newRemote(t)
		require.NoError(t, (&nasws.Notifier{Client: r.at(nasws.PathBroker)}).Notify(t.Context(), nil))
		assert.Empty(t, r.sent)
	})
	for _, c := range []struct {
		name string
		n    []nas.Notification
		code string
		sent bool
	}{
		{"no topic", with(func(n *nas.Notification) { n.Topic = " " }), nas.TopicMissing, false},
		{"too much", with(func(n *nas.Notification) { n.Payload = make([]byte, nas.MaxPayload+1) }), nas.TooLarge, false},
		{"no XML", with(func(n *nas.Notification) { n.Payload = []byte("<a") }), nas.ContentInvalid, false},
		{"an unknown topic", append([]nas.Notification{good}, with(func(n *nas.Notification) { n.Topic = "urn:x:Other" })...), nas.TopicUnknown, true},
		{"too much for the broker", with(func(n *nas.Notification) { n.Payload = []byte("<a>" + strings.Repeat("x", nas.MaxPayload-7) + "</a>") }), nas.TooLarge, true},
	} {
		t.Run(c.name+" is refused", func(t *testing.T) {
			r := newRemote(t)
			err := (&nasws.Notifier{Client: r.at(nasws.PathBroker)}).Notify(t.Context(), c.n)
			require.ErrorIs(t, err, nas.ErrRefused)
			assert.Equal(t, c.code, nas.RefusalCode(err))
			assert.Equal(t, c.sent, len(r.sent) == 1)
		})
	}
	for name, change := range map[string]func(r *remote){
		"the log is down":     func(r *remote) { r.records.OnAppend.FailFrom(1, errors.New("down")) },
		"a fault of DGWS":     func(r *remote) { r.card = r.card.With("sosi:AuthenticationLevel", "2") },
		"a closed topic":      func(r *remote) { r.closeTopic(t, topicCard) },
		"no answer":           func(r *remote) { r.status, r.body = http.StatusBadGateway, "<html>2512484916</html>" },
		"a fault of a proxy":  func(r *remote) { r.status, r.body = http.StatusInternalServerError, soapFault("2512484916") },
		"an answer not of it": func(r *remote) { r.status, r.body = http.StatusOK, strings.ReplaceAll(soapFault(""), "Fault", "X") },
	} {
		t.Run(name+": it comes again", func(t *testing.T) {
			r := newRemote(t)
			change(r)
			err := (&nasws.Notifier{Client: r.at(nasws.PathBroker)}).Notify(t.Context(), []nas.Notification{changeOf("2512484916")})
			require.Error(t, err)
			require.NotErrorIs(t, err, nas.ErrRefused)
			assert.NotContains(t, err.Error(), "2512484916")
		})
	}
	t.Run("a call ends in time", func(t *testing.T) {
		waiting := &nasws.Client{Send: func(ctx context.Context, _ string, _ func(*xmlout.Writer)) (*soap.Response, error) {
			<-ctx.Done()
			return nil, &url.Error{Op: "Post", URL: base, Err: ctx.Err()}
		}}
		var n ports.Notifier = &nasws.Notifier{Client: waiting, Timeout: time.Millisecond}
		require.ErrorIs(t, n.Notify(t.Context(), []nas.Notification{good}), context.DeadlineExceeded)
	})
}

func soapFault(text string) string {
	return `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>s:Server</faultcode><faultstring>` + text +
		`</faultstring></s:Fault></s:Body></s:Envelope>`
}

var schemaLocation = regexp.MustCompile(`schemaLocation="([^"]*)"`)

// TestServedContracts: every path has its contract, and everything that it imports is where it says.
func TestServedContracts(t *testing.T) {
	s := newService(t)
	get := func(address string) string {
		target, ok := strings.CutPrefix(address, base)
		require.True(t, ok, "%s is not absolute", address)
		w := httptest.NewRecorder()
		s.mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://nsp.test"+target, http.NoBody))
		require.Equal(t, http.StatusOK, w.Code, address)
		return w.Body.String()
	}
	for path, service := range map[string]string{
		nasws.PathBroker: "NotificationBrokerService", nasws.PathBrokerAlias: "NotificationBrokerService",
		nasws.PathManager: "NotificationProducerService", nasws.PathManagerAlias: "NotificationProducerService",
		nasws.PathManager + "/" + sampleSubscription: "NotificationProducerService",
		nasws.PathFactory: "PullPointFactoryService", nasws.PathFactoryAlias: "PullPointFactoryService",
		nasws.PathPullPoint + "/" + samplePullPoint: "PullPointService",
		nasws.PathIDList: "IDListService", nasws.PathIDListAlias: "IDListService",
	} {
		t.Run("T48 "+path, func(t *testing.T) {
			for _, query := range []string{"?wsdl", "?wsdl&version=20251030"} {
				wsdl := get(base + path + query)
				assert.Contains(t, wsdl, `<wsdl:service name="`+service+`">`)
				assert.Contains(t, wsdl, `<soap:address location="`+base+path+`"/>`)
				fixed := 0
				seen := map[string]bool{}
				for queue := []string{wsdl}; len(queue) > 0; queue = queue[1:] {
					for _, m := range schemaLocation.FindAllStringSubmatch(queue[0], -1) {
						if seen[m[1]] {
							continue
						}
						seen[m[1]] = true
						schema := get(m[1])
						fixed += strings.Count(schema, `name="FixedTopicSet" type="xs:boolean" default="true"`)
						queue = append(queue, schema)
					}
				}
				assert.Greater(t, len(seen), 3)
				if query != "?wsdl" || service == "IDListService" {
					assert.Zero(t, fixed, query)
				} else {
					assert.Equal(t, 1, fixed)
				}
			}
		})
	}
	w := httptest.NewRecorder()
	s.mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://nsp.test"+nasws.PathBroker+"?wsdl&version=1", http.NoBody))
	assert.Equal(t, http.StatusNotFound, w.Code)
}

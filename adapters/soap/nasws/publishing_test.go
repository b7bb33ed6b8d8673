package nasws_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/dgws/dgwstest"
	"github.com/opennsp/nsp/adapters/soap/nasws"
	"github.com/opennsp/nsp/domain/fault"
)

// waiting is how many notifications a new subscriber of before would have got: it fetches them all.
func waiting(t *testing.T, s *service, pullPoint string) int {
	t.Helper()
	return len(s.fetch(t, pullPoint))
}

func TestT08TopicsAreTrimmed(t *testing.T) {
	s := newService(t)
	pullPoint := s.pullPoint(t)
	s.subscribed(t, pullPoint, "\r\n\t "+topicCard+"\n", "")
	s.good(t, s.publish(t, notification("\n  "+topicCard+"\n ", "a", changed)))
	assert.Equal(t, []string{"a"}, s.fetch(t, pullPoint))

	r := refused(t, s.send(t, nasws.PathManager, subscribe(base+pullPoint, "http://example.dk/advis/2024/01/01: CardChanged", "")))
	assert.Equal(t, "InvalidTopicExpressionFault", r.detail)
	assert.Empty(t, r.errorCode)
}

func TestT11UnknownTopicAtNotify(t *testing.T) {
	s := newService(t)
	r := refused(t, s.publish(t, notification("urn:x:Unknown", "a", changed)))
	assert.Equal(t, "InvalidTopicExpressionFault", r.detail)
	assert.Equal(t, []string{"1 topic_unknown"}, r.undelivered)
	assert.Equal(t, "soap:Server", r.code)
}

func TestT12ClosedTopicAtNotify(t *testing.T) {
	s := newService(t)
	r := refused(t, s.publish(t, notification(topicClosed, "a", changed)))
	assert.Equal(t, "InvalidTopicExpressionFault", r.detail)
	assert.Equal(t, []string{"1 topic_closed"}, r.undelivered)
}

func TestT13AllOrNothing(t *testing.T) {
	s := newService(t)
	pullPoint := s.pullPoint(t)
	s.subscribed(t, pullPoint, topicCard, "")
	r := refused(t, s.publish(t, notification(topicCard, "a", changed), notification("urn:x:Unknown", "b", changed), enclosed(topicCard, changed)))
	assert.Equal(t, "NotifyFailedFault", r.detail)
	assert.Equal(t, []string{"1 rolled_back", "2 topic_unknown", "3 content_invalid"}, r.undelivered)
	assert.Equal(t, "0 of 3 notifications were delivered", r.text)
	assert.Len(t, r.description, 4)
	assert.Zero(t, waiting(t, s, pullPoint))
}

func TestT14TheLogFails(t *testing.T) {
	for _, c := range []struct {
		name string
		fail func(s *service)
		heal func(s *service)
		code string
	}{
		{"T14 at the commit", func(s *service) { s.units.OnCommit.FailFrom(1, errDown) }, func(s *service) { s.units.OnCommit.Heal() }, "log_unavailable"},
		{"T14 it is not known whether it was stored", func(s *service) { s.units.OnOutcome.FailFrom(1, errDown) }, nil, "outcome_unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newService(t)
			pullPoint := s.pullPoint(t)
			s.subscribed(t, pullPoint, topicCard, "")
			three := []string{notification(topicCard, "a", changed), notification(topicCard, "b", changed), notification(topicCard, "c", changed)}
			c.fail(s)
			r := refused(t, s.publish(t, three...))
			assert.Equal(t, "NotifyFailedFault", r.detail)
			assert.Equal(t, []string{"1 " + c.code, "2 " + c.code, "3 " + c.code}, r.undelivered)
			if c.heal == nil {
				return
			}
			c.heal(s)
			assert.Zero(t, waiting(t, s, pullPoint))
			s.good(t, s.publish(t, three...))
			assert.Len(t, s.fetch(t, pullPoint), 3)
		})
	}
}

// TestT17Contents: what is wrong with a notification alone is told in the list.
func TestT17Contents(t *testing.T) {
	s := newService(t)
	pullPoint := s.pullPoint(t)
	s.subscribed(t, pullPoint, topicCard, "")
	const open = `<advis:NotifyContent id="a" idType="t">`
	for _, c := range []struct{ name, message, code string }{
		{"T17 two children", enclosed(topicCard, open+changed+changed+`</advis:NotifyContent>`), "content_invalid"},
		{"T17 text", enclosed(topicCard, open+`text</advis:NotifyContent>`), "content_invalid"},
		{"T17 text beside the child", enclosed(topicCard, open+changed+`x</advis:NotifyContent>`), "content_invalid"},
		{"T17 CDATA beside the child", enclosed(topicCard, open+`<![CDATA[x]]>`+changed+`</advis:NotifyContent>`), "content_invalid"},
		{"T17 none", enclosed(topicCard, open+`</advis:NotifyContent>`), "content_invalid"},
		{"T17 1 MB", notification(topicCard, "a", `<c:X>`+strings.Repeat("x", 1_000_000)+`</c:X>`), "too_large"},
		{"nothing in the Message", enclosed(topicCard, ``), "content_invalid"},
		{"text in the Message", enclosed(topicCard, `x`+open+changed+`</advis:NotifyContent>`), "content_invalid"},
		{"two in the Message", enclosed(topicCard, strings.Repeat(open+changed+`</advis:NotifyContent>`, 2)), "content_invalid"},
		{"another element", enclosed(topicCard, `<wsnt:NotifyContent>`+changed+`</wsnt:NotifyContent>`), "content_invalid"},
		{"no Message", `<wsnt:NotificationMessage><wsnt:Topic>` + topicCard + `</wsnt:Topic></wsnt:NotificationMessage>`, "content_invalid"},
		{"isSystemNotification is no boolean",
			enclosed(topicCard, `<advis:NotifyContent isSystemNotification="yes">`+changed+`</advis:NotifyContent>`), "content_invalid"},
		{"a long id", enclosed(topicCard, `<advis:NotifyContent id="`+strings.Repeat("x", 201)+`">`+changed+`</advis:NotifyContent>`), "content_invalid"},
		{"a long ProducerReference", strings.Replace(notification(topicCard, "a", changed), "<wsnt:Message>", `<wsnt:ProducerReference><wsa:Address>`+
			strings.Repeat("x", 8<<10)+`</wsa:Address></wsnt:ProducerReference><wsnt:Message>`, 1), "content_invalid"},
		{"no topic", strings.Replace(notification("", "a", changed), `<wsnt:Topic Dialect="`+simple+`"></wsnt:Topic>`, "", 1), "topic_missing"},
		{"an empty topic", notification(" ", "a", changed), "topic_missing"},
		{"an element in the topic", notification(topicCard+"<c:x/>", "a", changed), "topic_unknown"},
		{"another dialect", strings.Replace(notification(topicCard, "a", changed), simple, "urn:x", 1), "topic_dialect"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := refused(t, s.publish(t, c.message))
			want := "NotifyFailedFault"
			if strings.HasPrefix(c.code, "topic_") {
				want = "InvalidTopicExpressionFault"
			}
			assert.Equal(t, want, r.detail)
			assert.Equal(t, []string{"1 " + c.code}, r.undelivered)
			assert.Equal(t, http.StatusInternalServerError, r.status)
		})
	}
	assert.Zero(t, waiting(t, s, pullPoint))
	s.valid(t)
}

// TestT18: what is published is delivered as the same element, whatever it is written with.
func TestT18TheSameElement(t *testing.T) {
	s := newService(t)
	pullPoint := s.pullPoint(t)
	s.subscribed(t, pullPoint, topicCard, "")
	const content = `<advis:NotifyContent id="a" isSystemNotification=" 1 "><c:Changed xsi:type="c:Udvidet" d='&lt;"&#10;'>` +
		`<![CDATA[<ingen> & ]]>æøå ÆØÅ 😀 &#x1F600;&amp;<!-- c --><wsa:x xmlns=""/></c:Changed>` + "\r\n" + `</advis:NotifyContent>`
	s.good(t, s.publish(t, strings.Replace(enclosed(topicCard, content), "<wsnt:Message>",
		`<wsnt:ProducerReference><wsa:Address>http://fmk.example</wsa:Address></wsnt:ProducerReference><wsnt:Message>`, 1)))

	w := s.send(t, pullPoint, getMessages)
	got := contents(t, w)
	require.Len(t, got, 1)
	around := `<soap:Envelope xmlns:soap="urn:s"` + prefixes + ">"
	assert.Equal(t, canonical(t, around+content+"</soap:Envelope>"), canonical(t, around+got[0]+"</soap:Envelope>"))
	_, inner, _ := strings.Cut(content, ">")
	assert.True(t, strings.HasSuffix(got[0], ">"+inner), "nothing but its start tag is altered: %s", got[0])

	tree := parsed(t, got[0]) // it stands alone
	changed := tree.First(tree.Root())
	space, ok := tree.Lookup(changed, "c")
	assert.True(t, ok)
	assert.Equal(t, "http://example.dk/advis/2024/01/01", space)
	assert.Contains(t, w.Body.String(), `><wsa:Address>http://fmk.example</wsa:Address></wsnt:ProducerReference><wsnt:Message>`)
}

// refusedAddress is HTTP 403 with a fault that is the client's.
func refusedAddress(t *testing.T, s *service, w *httptest.ResponseRecorder) {
	t.Helper()
	r := refused(t, w)
	assert.Equal(t, http.StatusForbidden, r.status)
	assert.Equal(t, "soap:Client", r.code)
	assert.Empty(t, s.statistics)
}

func TestT19AddressesThatAreNotListed(t *testing.T) {
	s := newService(t)
	pullPoint := s.pullPoint(t)
	subscription := s.subscribed(t, pullPoint, topicCard, "")
	s.statistics = nil
	s.from = "192.0.2.9"
	notify := `<wsnt:Notify>` + notification(topicCard, "a", changed) + `</wsnt:Notify>`
	for _, path := range []string{nasws.PathBroker, nasws.PathBrokerAlias} {
		refusedAddress(t, s, s.post(t, path, bare(notify)))
		refusedAddress(t, s, s.post(t, path, bare(notify), "X-Forwarded-For", publisherIP))
		refusedAddress(t, s, s.send(t, path, notify)) // a good card does not help
		refusedAddress(t, s, s.send(t, path, subscribe(base+pullPoint, topicCard, "")))
		refusedAddress(t, s, s.post(t, path, s.message("m", `<nasx:ResourceId>`+strings.TrimPrefix(subscription, nasws.PathManager+"/")+`</nasx:ResourceId>`, unsubscribe)))
	}
	assert.Zero(t, waiting(t, s, pullPoint))
}

// TestPublishersOfSomeTopics: an address may be limited to topics, also with a card.
func TestPublishersOfSomeTopics(t *testing.T) {
	s := newService(t)
	s.from = "10.0.0.8"
	for _, send := range []func(body string) *httptest.ResponseRecorder{
		func(body string) *httptest.ResponseRecorder { return s.post(t, nasws.PathBroker, bare(body)) },
		func(body string) *httptest.ResponseRecorder { return s.send(t, nasws.PathBroker, body) },
	} {
		s.good(t, send(`<wsnt:Notify>`+notification(topicMoved, "a", changed)+`</wsnt:Notify>`))
		r := refused(t, send(`<wsnt:Notify>`+notification(topicCard, "a", changed)+`</wsnt:Notify>`))
		assert.Equal(t, []string{"1 topic_not_allowed"}, r.undelivered)
	}
}

func TestT20NotifyWithoutCard(t *testing.T) {
	notify := `<wsnt:Notify>` + notification(topicCard, "a", changed) + `</wsnt:Notify>`
	t.Run("T20 accepted, and told to the statistics", func(t *testing.T) {
		s := newService(t)
		s.from = publisherIP
		s.good(t, s.post(t, nasws.PathBroker, bare(notify)))
		assert.Contains(t, s.statistics, `{"action":"notify","info":{"dgws":false,"remote":"10.0.0.7"}}`)
		s.statistics = nil
		s.good(t, s.send(t, nasws.PathBroker, notify))
		assert.Equal(t, []string{`{"action":"notify","info":{"quota":1,"topic":"` + topicCard + `"}}`}, s.statistics)
	})
	t.Run("T20 the headers are required", func(t *testing.T) {
		s := newService(t, func(d *nasws.Deps) { d.HeadersRequired = true })
		s.from = publisherIP
		assert.Equal(t, fault.CodeMissingHeader, refused(t, s.post(t, nasws.PathBroker, bare(notify))).detail)
		s.good(t, s.send(t, nasws.PathBroker, notify))
	})
	t.Run("T20 a bad signature", func(t *testing.T) {
		s := newService(t)
		s.from = publisherIP
		message := bytes.Replace(s.message("m-1", "", notify), []byte("99999902"), []byte("99999903"), 1)
		assert.Equal(t, fault.CodeSignature, refused(t, s.post(t, nasws.PathBroker, message)).detail)
		assert.Empty(t, s.statistics)
	})
	t.Run("T21 a card of level 2", func(t *testing.T) {
		s := newService(t)
		s.from = publisherIP
		s.caller(func(c dgwstest.Card) dgwstest.Card { return c.With("sosi:AuthenticationLevel", "2") })
		assert.Equal(t, fault.CodeSecurityLevel, refused(t, s.send(t, nasws.PathBroker, notify)).detail)
	})
	t.Run("a message that comes again is stored once with a card, twice without", func(t *testing.T) {
		s := newService(t)
		pullPoint := s.pullPoint(t)
		s.subscribed(t, pullPoint, topicCard, "")
		s.from = publisherIP
		first := s.resend(t, "m-again", nasws.PathBroker, notify)
		assert.Equal(t, s.good(t, first), s.good(t, s.resend(t, "m-again", nasws.PathBroker, notify)))
		assert.Len(t, s.fetch(t, pullPoint), 1)
		addressed := bytes.Replace(bare(notify), []byte("<soap:Body>"), []byte(`<soap:Header><wsa:MessageID>urn:x:1</wsa:MessageID></soap:Header><soap:Body>`), 1)
		s.good(t, s.post(t, nasws.PathBroker, addressed))
		s.good(t, s.post(t, nasws.PathBroker, addressed))
		assert.Len(t, s.fetch(t, pullPoint), 2)
	})
}

// TestBadNotify: what is wrong with the message is the client's.
func TestBadNotify(t *testing.T) {
	good := notification(topicCard, "a", changed)
	for _, c := range []struct{ name, body string }{
		{"no notification", `<wsnt:Notify/>`},
		{"only others' elements", `<wsnt:Notify><c:x/></wsnt:Notify>`},
		{"two topics", `<wsnt:Notify>` + strings.Replace(good, "<wsnt:Topic", "<wsnt:Topic/><wsnt:Topic", 1) + `</wsnt:Notify>`},
		{"two messages", `<wsnt:Notify>` + strings.Replace(good, "<wsnt:Message>", "<wsnt:Message/><wsnt:Message>", 1) + `</wsnt:Notify>`},
		{"a ProducerReference without Address",
			`<wsnt:Notify>` + strings.Replace(good, "<wsnt:Message>", "<wsnt:ProducerReference/><wsnt:Message>", 1) + `</wsnt:Notify>`},
		{"an element that is not known", `<wsnt:Notify>` + good + `<wsnt:Other/></wsnt:Notify>`},
		{"an element without namespace", `<wsnt:Notify>` + good + `<NotificationMessage/></wsnt:Notify>`},
		{"another in the notification", `<wsnt:Notify>` + strings.Replace(good, "<wsnt:Message>", "<wsnt:Mesage/><wsnt:Message>", 1) + `</wsnt:Notify>`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newService(t)
			s.from = publisherIP
			r := refused(t, s.post(t, nasws.PathBroker, bare(c.body)))
			assert.Equal(t, [2]string{"soap:Client", fault.CodeSyntax}, [2]string{r.code, r.detail})
			assert.Equal(t, http.StatusInternalServerError, r.status)
		})
	}
}

// TestNotifyIsLenient: order, prefixes, what others add.
func TestNotifyIsLenient(t *testing.T) {
	s := newService(t)
	pullPoint := s.pullPoint(t)
	s.subscribed(t, pullPoint, topicCard, "")
	s.good(t, s.publish(t, `<c:first/><n:NotificationMessage xmlns:n="http://docs.oasis-open.org/wsn/b-2" c:a="1"><n:Message>
		<a:NotifyContent xmlns:a="http://nsi.dk/advis/v10" id=" a " idType="t" c:other="x">`+changed+`</a:NotifyContent>
		</n:Message><c:between/><n:Topic>`+topicCard+`</n:Topic><n:SubscriptionReference><wsa:Address/></n:SubscriptionReference></n:NotificationMessage>`))
	assert.Equal(t, []string{" a "}, s.fetch(t, pullPoint))
}

// unknownLength hides how long a message is: it is sent in chunks.
type unknownLength struct{ io.Reader }

func TestT46Frames(t *testing.T) {
	notify := `<wsnt:Notify>` + notification(topicCard, "a", changed) + `</wsnt:Notify>`
	for _, c := range []struct {
		name    string
		message []byte
		code    string
	}{
		{"T46 SOAP 1.2", bytes.Replace(bare(notify), []byte("http://schemas.xmlsoap.org/soap/envelope/"), []byte("http://www.w3.org/2003/05/soap-envelope"), 1),
			"soap:VersionMismatch"},
		{"T46 DTD", append([]byte(`<!DOCTYPE a [<!ENTITY b "c">]>`), bare(notify)...), "soap:Client"},
		{"T46 truncated", bare(notify)[:400], "soap:Client"},
		{"nothing", nil, "soap:Client"},
		{"no envelope", []byte(notify), "soap:Client"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newService(t)
			s.from = publisherIP
			r := refused(t, s.post(t, nasws.PathBroker, c.message))
			assert.Equal(t, c.code, r.code)
			assert.Equal(t, http.StatusInternalServerError, r.status)
			assert.Empty(t, s.statistics)
		})
	}
	t.Run("T46 11 MiB", func(t *testing.T) {
		s := newService(t)
		s.from = publisherIP
		assert.Equal(t, http.StatusRequestEntityTooLarge, s.post(t, nasws.PathBroker, make([]byte, 11<<20)).Code)
		assert.Equal(t, http.StatusRequestEntityTooLarge, s.post(t, nasws.PathManager, make([]byte, 2<<20)).Code)
		assert.Equal(t, http.StatusRequestEntityTooLarge, s.post(t, nasws.PathIDList, make([]byte, 17<<20)).Code)
	})
	t.Run("T46 9 MB in chunks", func(t *testing.T) {
		s := newService(t)
		pullPoint := s.pullPoint(t)
		s.subscribed(t, pullPoint, topicCard, "")
		large := notification(topicCard, "a", `<c:X>`+strings.Repeat("x", 900_000)+`</c:X>`)
		message := bare(`<wsnt:Notify>` + strings.Repeat(large, 10) + `</wsnt:Notify>`)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://nsp.test"+nasws.PathBroker, unknownLength{bytes.NewReader(message)})
		r.RemoteAddr = publisherIP + ":1"
		require.EqualValues(t, -1, r.ContentLength)
		w := httptest.NewRecorder()
		s.mux.ServeHTTP(w, r)
		s.good(t, w)
		assert.Len(t, s.fetch(t, pullPoint), 9, "as much as an answer holds")
		assert.Len(t, s.fetch(t, pullPoint), 1)
	})
	t.Run("GET", func(t *testing.T) {
		s := newService(t)
		w := httptest.NewRecorder()
		s.mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://nsp.test"+nasws.PathBroker, nil))
		assert.Equal(t, http.StatusMethodNotAllowed, w.Code)
		assert.Equal(t, fault.CodeHTTPMethod, refused(t, w).detail)
	})
}

func TestT47WhatIsNotOffered(t *testing.T) {
	s := newService(t)
	pullPoint := s.pullPoint(t)
	for path, names := range map[string][]string{
		nasws.PathManager: {"Renew", "PauseSubscription", "ResumeSubscription", "GetCurrentMessage", "GetMessages"},
		nasws.PathBroker:  {"RegisterPublisher", "GetCurrentMessage", "CreatePullPoint"},
		pullPoint:         {"Subscribe", "Other"},
		nasws.PathManager + "/" + samplePullPoint: {"Renew"},
	} {
		for _, name := range names {
			r := refused(t, s.send(t, path, `<wsnt:`+name+`/>`))
			assert.Equal(t, "soap:Client", r.code, "%s at %s", name, path)
		}
	}
	for _, w := range []*httptest.ResponseRecorder{
		s.send(t, pullPoint, `<wsnt:Notify>`+notification(topicCard, "a", changed)+`</wsnt:Notify>`),
		func() *httptest.ResponseRecorder {
			s.from = publisherIP
			return s.post(t, pullPoint, bare(`<wsnt:Notify/>`))
		}(),
	} {
		r := refused(t, w)
		assert.Equal(t, [2]string{"soap:Server", "NotifyFailedFault"}, [2]string{r.code, r.detail})
		assert.Contains(t, r.text, "use the broker")
	}
	s.valid(t)
}

func TestAuditLogIsDown(t *testing.T) {
	s := newService(t)
	s.audit.Fail(nil, errors.New("a secret cause"))
	r := refused(t, s.publish(t, notification(topicCard, "a", changed)))
	assert.Equal(t, fault.CodeProcessing, r.detail)
	assert.NotContains(t, r.text, "secret")
	assert.Empty(t, s.statistics)
}

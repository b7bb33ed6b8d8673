package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/tests/nsptest"
)

// holding is a subscriber whose certificate has a serial number.
func holding(s *nsptest.Server, cvr, serial string) subscriber {
	return subscriber{s, func() nsptest.Actor {
		card := s.SystemCard(cvr)
		card.NameID = "SubjectDN={SERIALNUMBER=" + serial + " + CN=A system, C=DK},IssuerDN={CN=Test CA, C=DK},CertSerial={1}"
		return s.As(card)
	}}
}

// TestNASAccess: who may publish, subscribe and fetch.
func TestNASAccess(t *testing.T) {
	o := nsptest.Options{Set: map[string]string{"http.trusted_proxies": "127.0.0.0/8"}}
	onEveryStore(t, o, func(t *testing.T, s *nsptest.Server) {
		defer watched(t, s)()
		n := subscribing(s, nasCVR)
		topic := newTopic(t, s, 1, nasAllowed)
		pullPoint := n.ready(t, topic, "")

		t.Run("T19 publishers by their address", func(t *testing.T) {
			message := enveloped(notify(change(topic, nasFirst)))
			for _, forwarded := range []string{"192.0.2.9", "127.0.0.1, 192.0.2.9", "::1, 192.0.2.9, 127.0.0.1"} {
				a := s.Post(t, nasBroker, message, "X-Forwarded-For", forwarded)
				assert.Equal(t, http.StatusForbidden, a.Status, forwarded)
				assert.Equal(t, []string{"soap:Client"}, a.All(t, "faultcode"))
			}
			a := s.Post(t, nasBroker, n.actor().Message(nsptest.NewMessageID(), notify(change(topic, nasFirst))), "X-Forwarded-For", "192.0.2.9")
			assert.Equal(t, http.StatusForbidden, a.Status, "with an ID card")
			assert.Empty(t, n.fetch(t, pullPoint, ""))
		})

		t.Run("T20 publishers with and without an ID card", func(t *testing.T) {
			without, with := change(topic, nasFirst), change(topic, nasFirst)
			published(t, s, without)
			assert.Contains(t, s.Logs(), `STATISTIK: {\"action\":\"notify\",\"info\":{\"dgws\":false`)
			message := n.actor().Message(nsptest.NewMessageID(), notify(with))
			require.Equal(t, http.StatusOK, s.Post(t, nasBroker, message).Status)
			require.Equal(t, http.StatusOK, s.Post(t, nasBroker, message).Status, "the same message again")
			forged := []byte(strings.Replace(string(message), nasCVR, "99999902", 1))
			assert.Equal(t, "invalid_signature", s.Post(t, nasBroker, forged).FaultCode)
			assert.Equal(t, []int{without.version, with.version}, n.fetch(t, pullPoint, ""))
		})

		t.Run("T21 subscribers by their card", func(t *testing.T) {
			for name, c := range map[string]struct {
				message []byte
				code    string
			}{
				"level 2": {s.As(s.SystemCard(nasCVR).With("sosi:AuthenticationLevel", "2")).Message(nsptest.NewMessageID(), getMessages("")), "security_level_failed"},
				"no card": {enveloped(getMessages("")), "missing_required_header"},
				"expired": {func() []byte {
					now := s.Clock.Now()
					s.Clock.Advance(-48 * time.Hour)
					card := s.SystemCard(nasCVR)
					s.Clock.Set(now)
					return s.As(card).Message(nsptest.NewMessageID(), getMessages(""))
				}(), "expired_idcard"},
			} {
				assert.Equal(t, c.code, s.Post(t, local(pullPoint), c.message).FaultCode, name)
			}
			assert.Equal(t, http.StatusOK, s.Doctor(nasFirst, "TSTD2").Call(t, nasFactory, `<wsnt:CreatePullPoint `+nasPrefix+`/>`).Status, "an employee's card")
		})

		t.Run("T22 access to topics", func(t *testing.T) {
			closed := newTopic(t, s, 1)
			of := newTopic(t, s, 1, "CVR:"+nasCVR+"-FID:22933922", "CVR:99999902-UI:DK-O:G:8d3fa047-c77e-47e4-bdd2-e91488610ce6")
			me, stranger := holding(s, nasCVR, "CVR:"+nasCVR+"-FID:22933922"), holding(s, nasCVR, "CVR:"+nasCVR+"-FID:22933923")
			third := holding(s, "99999902", "UI:DK-O:G:8D3FA047-C77E-47E4-BDD2-E91488610CE6")
			for name, c := range map[string]struct {
				who   subscriber
				topic string
				code  string
			}{
				"no row": {me, closed, "not_authorized"}, "another FID": {stranger, of, "not_authorized"}, "no serial number": {n, of, "not_authorized"},
				"the FID": {me, of, ""}, "a UUID": {third, of, ""}, "all": {stranger, topic, ""},
			} {
				a := c.who.call(t, nasManager, subscription(c.who.pullPoint(t), c.topic, "", ""))
				assert.Equal(t, c.code, a.FaultCode, name)
			}
		})

		t.Run("T23 access that is taken back", func(t *testing.T) {
			taken := newTopic(t, s, 1, "CVR:"+nasCVR)
			both := n.pullPoint(t)
			n.subscribe(t, both, topic, "")
			sub := n.subscribe(t, both, taken, "")
			m, other := change(taken, nasFirst), change(topic, nasFirst)
			published(t, s, m, other)
			path := "/api/nas/v1/admin/topics/" + internal(t, s, taken) + "/access/CVR:" + nasCVR
			require.Equal(t, http.StatusNoContent, s.Operator(t).Do(t, http.MethodDelete, path, nil, nil).StatusCode)
			a := n.call(t, local(both), getMessages(""))
			assert.Equal(t, "not_authorized", a.FaultCode)
			assert.Contains(t, a.Text, taken)
			require.Equal(t, http.StatusOK, n.unsubscribe(t, sub).Status)
			assert.Equal(t, []int{other.version}, n.fetch(t, both, ""))
		})

		t.Run("T24 what others own is unknown", func(t *testing.T) {
			nobody := strings.Replace(pullPoint, local(pullPoint), "/nas2/pullpoint/0d6f2c1e-7a38-4b1e-9a53-2f1f5f1c9e10", 1)
			nothing := strings.Replace(pullPoint, local(pullPoint), nasManager+"/0d6f2c1e-7a38-4b1e-9a53-2f1f5f1c9e10", 1)
			mine := n.pullPoint(t)
			sub := n.subscribe(t, mine, topic, "")
			other := subscribing(s, "99999902")
			sibling := subscriber{s, func() nsptest.Actor { return s.As(s.SystemCard(nasCVR).With("medcom:ITSystemName", "Another system")) }}
			for _, who := range []subscriber{other, sibling} {
				for name, pair := range map[string][2]nsptest.Answer{
					"GetMessages": {who.call(t, local(mine), getMessages("")), who.call(t, local(nobody), getMessages(""))},
					"Destroy":     {who.destroy(t, mine), who.destroy(t, nobody)},
					"Unsubscribe": {who.unsubscribe(t, sub), who.unsubscribe(t, nothing)},
				} {
					faults(t, pair[0], "ResourceUnknownFault")
					assert.Equal(t, pair[1].Text, pair[0].Text, name)
				}
			}
			m := change(topic, nasFirst)
			published(t, s, m)
			assert.Equal(t, []int{m.version}, n.fetch(t, mine, ""), "nothing was ended")
		})

		t.Run("T25 where to deliver", func(t *testing.T) {
			destroyed, theirs := n.pullPoint(t), subscribing(s, "99999902").pullPoint(t)
			require.Equal(t, http.StatusOK, n.destroy(t, destroyed).Status)
			for address, code := range map[string]string{"https://epj.example.dk/notify": "push_not_offered", theirs: "pull_point_unknown", destroyed: "pull_point_unknown"} {
				faults(t, n.call(t, nasManager, subscription(address, topic, "", "")), "SubscribeCreationFailedFault", code)
			}
		})

		t.Run("T32 one MessageID of two owners", func(t *testing.T) {
			other := subscribing(s, "99999902")
			mine, theirs := n.ready(t, topic, ""), other.ready(t, topic, "")
			m := change(topic, nasFirst)
			published(t, s, m)
			for who, at := range map[*subscriber]string{&n: mine, &other: theirs} {
				assert.Equal(t, []int{m.version}, versions(t, who.again(t, at, "one-id")))
			}
		})
	})
}

// TestNASHeadersRequired: publishers may be asked for an ID card beside their address.
func TestNASHeadersRequired(t *testing.T) {
	s := nsptest.Start(t, nsptest.Options{Set: map[string]string{"nas.dgws.headers.required": "true"}}) // stores have no part in it
	n := subscribing(s, nasCVR)
	topic := newTopic(t, s, 1, nasAllowed)
	pullPoint := n.ready(t, topic, "")
	assert.Equal(t, "missing_required_header", publish(t, s, change(topic, nasFirst)).FaultCode, "T20")
	m := change(topic, nasFirst)
	require.Equal(t, http.StatusOK, n.call(t, nasBroker, notify(m)).Status)
	assert.Equal(t, []int{m.version}, n.fetch(t, pullPoint, ""))
}

// TestNASTime: subscriptions have an end, and cursors are kept for a time.
func TestNASTime(t *testing.T) {
	onEveryStore(t, nsptest.Options{}, func(t *testing.T, s *nsptest.Server) {
		defer watched(t, s)()
		n := subscribing(s, nasCVR)
		topic := newTopic(t, s, 1, nasAllowed)
		until := func(text string) string {
			return `<wsnt:InitialTerminationTime>` + text + `</wsnt:InitialTerminationTime>`
		}

		t.Run("T26 when a subscription ends", func(t *testing.T) {
			pullPoint := n.pullPoint(t)
			for _, bad := range []string{"2026-11-21T11:59:59Z", "-PT1H", "xyz"} {
				a := n.call(t, nasManager, subscription(pullPoint, topic, "", until(bad)))
				faults(t, a, "UnacceptableInitialTerminationTimeFault")
				assert.Len(t, a.All(t, "MinimumTime"), 1, bad)
			}
			for text, want := range map[string]string{
				"PT1H": "2026-11-21T13:00:00Z", "2027-07-01T12:00:00": "2027-07-01T10:00:00Z", // summer time in Denmark
			} {
				a := n.call(t, nasManager, subscription(pullPoint, topic, "", until(text)))
				require.Equal(t, http.StatusOK, a.Status)
				got, err := time.Parse(time.RFC3339Nano, a.All(t, "TerminationTime")[0])
				require.NoError(t, err)
				assert.Equal(t, want, got.UTC().Format(time.RFC3339), text)
			}
			endless := `<wsnt:InitialTerminationTime xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"/>`
			a := n.call(t, nasManager, subscription(pullPoint, topic, "", endless))
			require.Equal(t, http.StatusOK, a.Status)
			assert.Empty(t, a.All(t, "TerminationTime"))
		})

		t.Run("T27 a fetch at the end", func(t *testing.T) {
			pullPoint := n.pullPoint(t)
			require.Equal(t, http.StatusOK, n.call(t, nasManager, subscription(pullPoint, topic, "", until("PT1H"))).Status)
			m := change(topic, nasFirst)
			published(t, s, m)
			require.Equal(t, []int{m.version}, versions(t, n.again(t, pullPoint, "m-27")))
			published(t, s, change(topic, nasFirst))
			s.Clock.Advance(time.Hour)
			assert.Equal(t, []int{m.version}, versions(t, n.again(t, pullPoint, "m-27")), "what was delivered stays so")
			assert.Empty(t, n.fetch(t, pullPoint, ""))
		})

		t.Run("T28 policies and properties of producers", func(t *testing.T) {
			pullPoint := n.pullPoint(t)
			policy := func(child string) string {
				return `<wsnt:SubscriptionPolicy>` + child + `</wsnt:SubscriptionPolicy>`
			}
			faults(t, n.call(t, nasManager, subscription(pullPoint, topic, "", policy(`<wsnt:UseRaw/>`))), "UnsupportedPolicyRequestFault")
			faults(t, n.call(t, nasManager, subscription(pullPoint, topic, "", policy(`<x:Best xmlns:x="urn:x"/>`))), "UnrecognizedPolicyRequestFault")
			properties := `<wsnt:ProducerProperties Dialect="urn:x">x</wsnt:ProducerProperties>`
			faults(t, n.call(t, nasManager, subscription(pullPoint, topic, properties, "")), "InvalidProducerPropertiesExpressionFault")
		})

		t.Run("T52 clean-up after 8 days", func(t *testing.T) {
			pullPoint := n.ready(t, topic, "")
			first, second := change(topic, nasFirst), change(topic, nasFirst)
			published(t, s, first)
			assert.Equal(t, []int{first.version}, versions(t, n.again(t, pullPoint, "old")))
			published(t, s, second)
			s.Clock.Advance(8 * 24 * time.Hour)
			operator, before := s.Operator(t), strings.Count(s.Logs(), `{\"action\":\"cleanup\"`)
			require.Less(t, operator.Do(t, http.MethodPost, "/api/nas/v1/admin/cleanup", nil, nil).StatusCode, 300)
			require.Eventually(t, func() bool { return strings.Count(s.Logs(), `{\"action\":\"cleanup\"`) > before }, time.Minute, 10*time.Millisecond)
			assert.Equal(t, []int{second.version}, n.fetch(t, pullPoint, ""), "the position is where it was")
			assert.Empty(t, n.fetch(t, pullPoint, ""))
		})
	})
}

// TestNASFetch: quotas, resends, concurrent fetches, what becomes of partitions.
func TestNASFetch(t *testing.T) {
	onEveryStore(t, nsptest.Options{}, func(t *testing.T, s *nsptest.Server) {
		defer watched(t, s)()
		n := subscribing(s, nasCVR)
		topic := newTopic(t, s, 3, nasAllowed)
		send := func(t *testing.T, count int) (sent []int) {
			t.Helper()
			var all []advis
			for i := range count {
				m := change(topic, []string{nasFirst, nasSecond, nasThird}[i%3])
				all, sent = append(all, m), append(sent, m.version)
			}
			published(t, s, all...)
			return sent
		}

		t.Run("T29 how many", func(t *testing.T) {
			pullPoint := n.ready(t, topic, "")
			send(t, 300)
			assert.Empty(t, n.fetch(t, pullPoint, "0"))
			assert.Len(t, n.fetch(t, pullPoint, ""), 256)
			assert.Len(t, n.fetch(t, pullPoint, "1"), 1)
			assert.Len(t, n.fetch(t, pullPoint, "1"+strings.Repeat("0", 30)), 43)
			send(t, 3)
			assert.Len(t, n.fetch(t, pullPoint, "5"), 3)
			for _, bad := range []string{"-1", "abc"} {
				assert.Equal(t, "syntax_error", n.call(t, local(pullPoint), getMessages(bad)).FaultCode, bad)
			}
		})

		t.Run("T30 the same message again", func(t *testing.T) {
			n.putList(t, "ward-30", nasFirst)
			pullPoint := n.ready(t, topic, ofList("ward-30"))
			sent := send(t, 1)
			first := n.again(t, pullPoint, "m-30")
			require.Equal(t, sent, versions(t, first))
			later := send(t, 1)
			n.putList(t, "ward-30", nasThird)
			assert.Equal(t, sent, versions(t, n.again(t, pullPoint, "m-30")))
			assert.Contains(t, strings.Join(s.AuditLines(t), "\n"), `{"key":"replay","type":"NPI","value":"true"}`)
			n.putList(t, "ward-30", nasFirst)
			assert.Equal(t, later, versions(t, n.again(t, pullPoint, "m-30b")), "a new MessageID goes on")
		})

		t.Run("T31 the same message again, too late", func(t *testing.T) {
			one := newTopic(t, s, 1, nasAllowed)
			pullPoint := n.ready(t, one, "")
			m := change(one, nasFirst)
			published(t, s, m)
			require.Equal(t, []int{m.version}, versions(t, n.again(t, pullPoint, "m-31")))
			after := change(one, nasFirst)
			published(t, s, after)
			bounds, err := s.MessageLog.Bounds(t.Context(), []messagelog.Topic{messagelog.Topic(internal(t, s, one))})
			require.NoError(t, err)
			first := bounds[messagelog.Topic(internal(t, s, one))][0].First
			require.NoError(t, s.Topics.Trim(t.Context(), messagelog.Topic(internal(t, s, one)), 0, first+1))
			faults(t, n.again(t, pullPoint, "m-31"), "UnableToGetMessagesFault", "resend_expired")
			assert.Equal(t, []int{after.version}, versions(t, n.again(t, pullPoint, "m-31b")))
		})

		t.Run("T33 20 at once", func(t *testing.T) {
			pullPoint := n.ready(t, topic, "")
			sent := send(t, 1000)
			var mu sync.Mutex
			var got []int
			var working sync.WaitGroup
			for range 20 {
				working.Go(func() {
					for {
						a := n.call(t, local(pullPoint), getMessages("37"))
						if strings.Contains(string(a.Body), "concurrent_fetch") {
							continue
						}
						if !assert.Equal(t, http.StatusOK, a.Status, "%s", a.Body) {
							return
						}
						found := versions(t, a)
						if len(found) == 0 {
							return
						}
						mu.Lock()
						got = append(got, found...)
						mu.Unlock()
					}
				})
			}
			working.Wait()
			slices.Sort(got)
			assert.Equal(t, sent, got)
		})

		t.Run("T34 the same message twice at once", func(t *testing.T) {
			pullPoint := n.ready(t, topic, "")
			sent := send(t, 5)
			var answers [2]nsptest.Answer
			var both sync.WaitGroup
			for i := range answers {
				both.Go(func() { answers[i] = n.again(t, pullPoint, "m-34") })
			}
			both.Wait()
			first, second := versions(t, answers[0]), versions(t, answers[1])
			assert.Equal(t, first, second)
			assert.ElementsMatch(t, sent, first)
		})

		t.Run("T36 two subscriptions to one topic", func(t *testing.T) {
			pullPoint := n.pullPoint(t)
			subs := []string{n.subscribe(t, pullPoint, topic, "")}
			s.Clock.Advance(time.Millisecond)
			subs = append(subs, n.subscribe(t, pullPoint, topic, ofIDs(nasFirst)))
			sent := send(t, 1)
			a := n.call(t, local(pullPoint), getMessages(""))
			assert.Equal(t, []int{sent[0], sent[0]}, versions(t, a))
			assert.Equal(t, subs, a.All(t, "Address"), "each with its subscription, in the order of their creation")
		})

		t.Run("T37 more partitions", func(t *testing.T) {
			growing := newTopic(t, s, 3, nasAllowed)
			pullPoint := n.ready(t, growing, "")
			before := change(growing, nasFirst)
			published(t, s, before)
			patchTopic(t, s, growing, map[string]any{"partitions": 5})
			var all []advis
			want := []int{before.version}
			for i := range 50 {
				m := change(growing, fmt.Sprintf("id-%d", i))
				all, want = append(all, m), append(want, m.version)
			}
			log := messagelog.Topic(internal(t, s, growing))
			for deadline := time.Now().Add(time.Minute); ; { // until whoever appends has heard of them
				published(t, s, all...)
				bounds, err := s.MessageLog.Bounds(t.Context(), []messagelog.Topic{log})
				require.NoError(t, err)
				if len(bounds[log]) == 5 && bounds[log][4].End > 0 {
					break
				}
				require.True(t, time.Now().Before(deadline), "nothing comes to the new partitions")
			}
			got := map[int]bool{}
			for found := n.fetch(t, pullPoint, "1000"); len(found) > 0; found = n.fetch(t, pullPoint, "1000") {
				for _, v := range found {
					got[v] = true
				}
			}
			for _, v := range want {
				assert.True(t, got[v], "message %d", v)
			}
		})

		t.Run("T37 retention passed the position", func(t *testing.T) {
			one := newTopic(t, s, 1, nasAllowed)
			pullPoint := n.ready(t, one, "")
			gone, kept := change(one, nasFirst), change(one, nasFirst)
			published(t, s, gone)
			log := messagelog.Topic(internal(t, s, one))
			bounds, err := s.MessageLog.Bounds(t.Context(), []messagelog.Topic{log})
			require.NoError(t, err)
			require.NoError(t, s.Topics.Trim(t.Context(), log, 0, bounds[log][0].End))
			published(t, s, kept)
			assert.Equal(t, []int{kept.version}, n.fetch(t, pullPoint, ""))
			assert.Contains(t, s.Logs(), `{\"action\":\"retentionGap\"`)
		})

		t.Run("T38 nothing new", func(t *testing.T) {
			pullPoint := n.ready(t, topic, "")
			send(t, 3)
			require.Len(t, n.fetch(t, pullPoint, ""), 3)
			for range 20 {
				assert.Empty(t, n.fetch(t, pullPoint, ""))
			}
			var points struct {
				PullPoints []struct {
					ID            string
					Subscriptions []struct{ Lag int64 }
				}
			}
			resp := n.actor().Session(t).Do(t, http.MethodGet, "/api/nas/v1/pullpoints", nil, &points)
			require.Equal(t, http.StatusOK, resp.StatusCode)
			for _, p := range points.PullPoints {
				if strings.HasSuffix(pullPoint, p.ID) {
					require.Len(t, p.Subscriptions, 1)
					assert.Zero(t, p.Subscriptions[0].Lag)
				}
			}
		})

		t.Run("T41 100 waiting messages of 1 KB in one answer", func(t *testing.T) { // how fast, tests/bench tells
			pullPoint := n.ready(t, topic, "")
			var all []advis
			var sent []int
			for range 100 {
				m := change(topic, nasFirst) // one person: one partition, so that the order is that of publishing
				m.content = fmt.Sprintf(`<advis:NotifyContent id="%s" idType="%s"><a><version>%d</version>%s</a></advis:NotifyContent>`,
					m.id, m.idType, m.version, strings.Repeat("x", 1000))
				all, sent = append(all, m), append(sent, m.version)
			}
			published(t, s, all...)
			a := n.call(t, local(pullPoint), getMessages("100"))
			assert.Equal(t, sent, versions(t, a))
			assert.Greater(t, len(a.Body), 100_000)
			assert.Empty(t, n.fetch(t, pullPoint, ""))
		})

		t.Run("T44 ended twice", func(t *testing.T) {
			pullPoint := n.pullPoint(t)
			sub := n.subscribe(t, pullPoint, topic, "")
			for _, c := range []struct{ path, body, fault string }{
				{local(sub), `<wsnt:Unsubscribe ` + nasPrefix + `/>`, "ResourceUnknownFault"},
				{local(pullPoint), `<wsnt:DestroyPullPoint ` + nasPrefix + `/>`, "ResourceUnknownFault"},
			} {
				message := n.actor().Message(nsptest.NewMessageID(), c.body)
				first := s.Post(t, c.path, message)
				require.Equal(t, http.StatusOK, first.Status)
				faults(t, n.call(t, c.path, c.body), c.fault)
				again := s.Post(t, c.path, message)
				assert.Equal(t, http.StatusOK, again.Status, "the same message gets the earlier answer")
				assert.Equal(t, string(first.Body), string(again.Body))
			}
			faults(t, n.call(t, local(pullPoint), getMessages("")), "ResourceUnknownFault")
			faults(t, n.unsubscribe(t, sub), "ResourceUnknownFault")
		})

		t.Run("T56 the same fetch by JSON and SOAP", func(t *testing.T) {
			pullPoint := n.ready(t, topic, "")
			sent := send(t, 4)
			var got struct {
				Messages []struct {
					Content string
					ID      string
				}
				Replay, More bool
			}
			path := "/api/nas/v1/pullpoints/" + pullPoint[strings.LastIndexByte(pullPoint, '/')+1:] + "/fetch"
			bySOAP := versions(t, n.again(t, pullPoint, "m-56"))
			resp := n.actor().Session(t).DoKeyed(t, http.MethodPost, path, "m-56", map[string]any{"max": 20}, &got)
			require.Equal(t, http.StatusOK, resp.StatusCode)
			assert.True(t, got.Replay)
			require.Len(t, got.Messages, 4)
			assert.ElementsMatch(t, sent, bySOAP)
			for i, m := range got.Messages {
				assert.Contains(t, m.Content, fmt.Sprintf("<c:version>%d</c:version>", bySOAP[i]))
			}
		})
	})
}

// TestNASAdministration: topics are made, closed and taken away.
func TestNASAdministration(t *testing.T) {
	o := nsptest.Options{Set: map[string]string{"minlog.consumer.topics": nsptest.Topic + ",minlog.older"}}
	onEveryStore(t, o, func(t *testing.T, s *nsptest.Server) {
		n, operator := subscribing(s, nasCVR), s.Operator(t)

		t.Run("T50 made again", func(t *testing.T) {
			asked := map[string]any{"topic": "urn:x:Fifty", "internal": "fifty", "partitions": 2, "access": []map[string]string{{"identifier": "ALL"}}}
			require.Equal(t, http.StatusCreated, operator.Do(t, http.MethodPost, "/api/nas/v1/admin/topics", asked, nil).StatusCode)
			assert.Less(t, operator.Do(t, http.MethodPost, "/api/nas/v1/admin/topics", asked, nil).StatusCode, 300, "the same again")
			asked["partitions"] = 3
			assert.Equal(t, http.StatusConflict, operator.Do(t, http.MethodPost, "/api/nas/v1/admin/topics", asked, nil).StatusCode)
			for _, minlog := range []string{nsptest.Topic, "minlog.older"} { // are MinLog's, and no findings
				other := map[string]any{"topic": "urn:x:Other", "internal": minlog, "partitions": 1, "adopt": true}
				status := operator.Do(t, http.MethodPost, "/api/nas/v1/admin/topics", other, nil).StatusCode
				assert.Equal(t, http.StatusConflict, status, minlog)
			}
			require.NoError(t, s.Topics.CreateTopic(t.Context(), "stray", messagelog.Spec{Partitions: 1}))
			require.NoError(t, s.Topics.DeleteTopic(t.Context(), "fifty"))
			var found struct {
				Findings []struct{ Kind, Topic, Internal string }
			}
			require.Equal(t, http.StatusOK, operator.Do(t, http.MethodGet, "/api/nas/v1/admin/check", nil, &found).StatusCode)
			assert.Contains(t, fmt.Sprint(found.Findings), "stray")
			assert.Contains(t, fmt.Sprint(found.Findings), "urn:x:Fifty")
			assert.Len(t, found.Findings, 2)
		})

		t.Run("T51 taken away", func(t *testing.T) {
			for _, c := range []struct {
				name   string
				close  bool
				wait   time.Duration
				force  string
				status int
			}{
				{"open", false, 0, "", http.StatusConflict}, {"closed for a day", true, 24 * time.Hour, "", http.StatusConflict},
				{"closed for 14 days", true, 14 * 24 * time.Hour, "", http.StatusNoContent}, {"by force", false, 0, "?force=true", http.StatusNoContent},
			} {
				topic := newTopic(t, s, 1, nasAllowed)
				at := "/api/nas/v1/admin/topics/" + internal(t, s, topic)
				pullPoint := n.ready(t, topic, "")
				m := change(topic, nasFirst)
				published(t, s, m)
				if c.close {
					patchTopic(t, s, topic, map[string]any{"active": false})
				}
				s.Clock.Advance(c.wait)
				assert.Equal(t, c.status, operator.Do(t, http.MethodDelete, at+c.force, nil, nil).StatusCode, c.name)
				gone := !slices.ContainsFunc(topics(t, s), func(d described) bool { return d.Topic == topic })
				assert.Equal(t, c.status == http.StatusNoContent, gone, c.name)
				if gone {
					assert.Empty(t, n.fetch(t, pullPoint, ""), "no subscription is left")
				} else {
					assert.Equal(t, []int{m.version}, n.fetch(t, pullPoint, ""), c.name)
				}
			}
		})
	})
}

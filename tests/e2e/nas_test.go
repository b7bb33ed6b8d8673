package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/tests/nsptest"
)

// Where notifications are handed in and fetched (nspop.dk, NAS2 Anvenderguide).
const (
	nasBroker  = "/nas2/notificationbroker"
	nasManager = "/nas2/subscriptionmanager"
	nasFactory = "/nas2/pullpointfactory"
	nasLists   = "/nas2/idlist"

	nasCVR     = "33257872" // the subscriber of most cases
	dialect    = "http://docs.oasis-open.org/wsn/t-1/TopicExpression/Simple"
	nasCPR     = "http://nsi.dk/advis/v10/CPR"
	nasPrefix  = `xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2" xmlns:wsa="http://www.w3.org/2005/08/addressing" xmlns:advis="http://nsi.dk/advis/v10"`
	nasAllowed = "ALL"
)

// Whom notifications are about: synthetic numbers.
const (
	nasFirst  = "2512489996"
	nasSecond = "2512484916"
	nasThird  = "1101116171"
)

var nasTopics, nasVersions atomic.Int64

// newTopic makes a topic that anybody may read.
func newTopic(t *testing.T, s *nsptest.Server, partitions int, access ...string) string {
	t.Helper()
	name := fmt.Sprintf("http://example.dk/advis/2024/01/01:Changed%d", nasTopics.Add(1))
	rows := []map[string]string{}
	for _, a := range access {
		rows = append(rows, map[string]string{"identifier": a})
	}
	resp := s.Operator(t).Do(t, http.MethodPost, "/api/nas/v1/admin/topics", map[string]any{"topic": name, "partitions": partitions, "access": rows}, nil)
	require.Equal(t, http.StatusCreated, resp.StatusCode)
	return name
}

// advis is one notification. It is known by its version.
type advis struct {
	topic, id, idType string
	system            string // "" = not said
	version           int
	content           string // in place of the whole NotifyContent
}

func change(topic, id string) advis {
	return advis{topic: topic, id: id, idType: nasCPR, version: int(nasVersions.Add(1))}
}

func (a advis) xml() string {
	content := a.content
	if content == "" {
		content = `<advis:NotifyContent`
		for name, value := range map[string]string{"id": a.id, "idType": a.idType, "isSystemNotification": a.system} {
			if value != "" && (name != "idType" || a.id != "") {
				content += ` ` + name + `="` + value + `"`
			}
		}
		content += fmt.Sprintf(`><c:CardChanged xmlns:c="http://example.dk/advis/2024/01/01"><c:version>%d</c:version></c:CardChanged></advis:NotifyContent>`, a.version)
	}
	topic := ""
	if a.topic != "" {
		topic = `<wsnt:Topic Dialect="` + dialect + `">` + a.topic + `</wsnt:Topic>`
	}
	return `<wsnt:NotificationMessage>` + topic + `<wsnt:Message>` + content + `</wsnt:Message></wsnt:NotificationMessage>`
}

func notify(messages ...advis) string {
	var b strings.Builder
	b.WriteString(`<wsnt:Notify ` + nasPrefix + `>`)
	for _, m := range messages {
		b.WriteString(m.xml())
	}
	return b.String() + `</wsnt:Notify>`
}

// enveloped is a message without credential.
func enveloped(body string) []byte {
	return []byte(`<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>` + body + `</soap:Body></soap:Envelope>`)
}

// publish hands in notifications from an address that may.
func publish(t *testing.T, s *nsptest.Server, messages ...advis) nsptest.Answer {
	t.Helper()
	return s.Post(t, nasBroker, enveloped(notify(messages...)))
}

func published(t *testing.T, s *nsptest.Server, messages ...advis) {
	t.Helper()
	a := publish(t, s, messages...)
	require.Equal(t, http.StatusOK, a.Status, "%s", a.Body)
}

// subscriber is a system that fetches notifications.
type subscriber struct {
	s     *nsptest.Server
	actor func() nsptest.Actor // issued now: the clock may have moved
}

func subscribing(s *nsptest.Server, cvr string) subscriber {
	return subscriber{s, func() nsptest.Actor { return s.System(cvr) }}
}

// local is the path of an address that the server gave out.
func local(address string) string {
	_, rest, _ := strings.Cut(address, "://")
	return rest[strings.IndexByte(rest, '/'):]
}

func (n subscriber) call(t *testing.T, path, body string) nsptest.Answer {
	t.Helper()
	return n.actor().Call(t, path, body)
}

func (n subscriber) pullPoint(t *testing.T) (address string) {
	t.Helper()
	a := n.call(t, nasFactory, `<wsnt:CreatePullPoint `+nasPrefix+`/>`)
	require.Equal(t, http.StatusOK, a.Status, "%s", a.Body)
	return a.All(t, "Address")[0]
}

// subscription is the body of a Subscribe; filter is put beside the topic.
func subscription(pullPoint, topic, filter, more string) string {
	return `<wsnt:Subscribe ` + nasPrefix + `><wsnt:ConsumerReference><wsa:Address>` + pullPoint + `</wsa:Address></wsnt:ConsumerReference><wsnt:Filter>` +
		`<wsnt:TopicExpression Dialect="` + dialect + `">` + topic + `</wsnt:TopicExpression>` + filter + `</wsnt:Filter>` + more + `</wsnt:Subscribe>`
}

func content(inner string) string {
	return `<wsnt:MessageContent Dialect="http://nsi.dk/advis/v10/IDMCP_Dialect"><advis:IDFilter>` + inner + `</advis:IDFilter></wsnt:MessageContent>`
}

func ofList(name string) string { return content(`<advis:IDList name="` + name + `"/>`) }

func ofIDs(ids ...string) string {
	inner := ""
	for _, id := range ids {
		inner += `<advis:SingleID id="` + id + `" idType="` + nasCPR + `"/>`
	}
	return content(inner)
}

func ofXPath(expression string) string {
	return content(`<advis:XPathFilter xpathVersion="1.0"><x:Expression xmlns:x="urn:x" xmlns:c="http://example.dk/advis/2024/01/01">` + expression +
		`</x:Expression></advis:XPathFilter>`)
}

func (n subscriber) subscribe(t *testing.T, pullPoint, topic, filter string) (address string) {
	t.Helper()
	a := n.call(t, nasManager, subscription(pullPoint, topic, filter, ""))
	require.Equal(t, http.StatusOK, a.Status, "%s", a.Body)
	return a.All(t, "Address")[0]
}

// ready is a new pull point with one subscription.
func (n subscriber) ready(t *testing.T, topic, filter string) (pullPoint string) {
	t.Helper()
	pullPoint = n.pullPoint(t)
	n.subscribe(t, pullPoint, topic, filter)
	return pullPoint
}

func getMessages(quota string) string {
	if quota != "" {
		quota = `<wsnt:MaximumNumber>` + quota + `</wsnt:MaximumNumber>`
	}
	return `<wsnt:GetMessages ` + nasPrefix + `>` + quota + `</wsnt:GetMessages>`
}

// versions are those of the messages of an answer, in its order.
func versions(t *testing.T, a nsptest.Answer) (found []int) {
	t.Helper()
	require.Equal(t, http.StatusOK, a.Status, "%s", a.Body)
	for _, text := range a.All(t, "version") {
		n, err := strconv.Atoi(text)
		require.NoError(t, err)
		found = append(found, n)
	}
	return found
}

func (n subscriber) fetch(t *testing.T, pullPoint, quota string) []int {
	t.Helper()
	return versions(t, n.call(t, local(pullPoint), getMessages(quota)))
}

// again fetches with a MessageID of its own.
func (n subscriber) again(t *testing.T, pullPoint, messageID string) nsptest.Answer {
	t.Helper()
	return n.s.Post(t, local(pullPoint), n.actor().Message(messageID, getMessages("")))
}

func (n subscriber) putList(t *testing.T, name string, ids ...string) nsptest.Answer {
	t.Helper()
	var inner strings.Builder // of many
	for _, id := range ids {
		inner.WriteString(`<i:Id>` + id + `</i:Id>`)
	}
	return n.call(t, nasLists, `<i:CreateIDListRequest xmlns:i="http://www.nsi.dk/2012/12/nas/idlist"><i:Name>`+name+
		`</i:Name><i:Description>Patients</i:Description><i:IDType>`+nasCPR+`</i:IDType>`+inner.String()+`</i:CreateIDListRequest>`)
}

func (n subscriber) dropList(t *testing.T, name string) nsptest.Answer {
	t.Helper()
	return n.call(t, nasLists, `<i:DestroyIDListRequest xmlns:i="http://www.nsi.dk/2012/12/nas/idlist"><i:Name>`+name+`</i:Name></i:DestroyIDListRequest>`)
}

func (n subscriber) destroy(t *testing.T, pullPoint string) nsptest.Answer {
	t.Helper()
	return n.call(t, local(pullPoint), `<wsnt:DestroyPullPoint `+nasPrefix+`/>`)
}

func (n subscriber) unsubscribe(t *testing.T, subscription string) nsptest.Answer {
	t.Helper()
	return n.call(t, local(subscription), `<wsnt:Unsubscribe `+nasPrefix+`/>`)
}

// faults asserts a fault of WS-N with its Timestamp, as a client that knows "soap:Server" reads it.
func faults(t *testing.T, a nsptest.Answer, name string, code ...string) {
	t.Helper()
	require.Equal(t, http.StatusInternalServerError, a.Status, "%s", a.Body)
	assert.Equal(t, []string{"soap:Server"}, a.All(t, "faultcode"))
	assert.Equal(t, 1, a.Count(t, name), "%s: %s", name, a.Body)
	assert.Equal(t, 1, a.Count(t, "Timestamp")-strings.Count(string(a.Body), "<wsu:Timestamp"), "%s", a.Body)
	if len(code) > 0 {
		assert.Equal(t, code, a.All(t, "ErrorCode"))
	}
}

// TestNAS shows the notification service from publisher to subscriber.
func TestNAS(t *testing.T) {
	onEveryStore(t, nsptest.Options{}, func(t *testing.T, s *nsptest.Server) {
		defer watched(t, s)()
		n := subscribing(s, nasCVR)
		topic := newTopic(t, s, 3, nasAllowed)

		t.Run("T1 the whole flow", func(t *testing.T) {
			assert.Equal(t, []string{"false"}, n.putList(t, "ward-1", nasFirst).All(t, "ExistingListUpdated"))
			pullPoint := n.pullPoint(t)
			sub := n.subscribe(t, pullPoint, topic, ofList("ward-1"))
			m := change(topic, nasFirst)
			published(t, s, m)
			a := n.call(t, local(pullPoint), getMessages("20"))
			assert.Equal(t, []int{m.version}, versions(t, a))
			assert.Contains(t, a.All(t, "Address"), sub, "SubscriptionReference")
			assert.Equal(t, []string{topic}, a.All(t, "Topic"))
			assert.Equal(t, canonical(t, enveloped(notify(m)), "NotifyContent"), canonical(t, a.Body, "NotifyContent"))
			assert.Equal(t, http.StatusOK, n.unsubscribe(t, sub).Status)
			assert.Equal(t, http.StatusOK, n.destroy(t, pullPoint).Status)
			assert.Equal(t, []string{"false"}, n.dropList(t, "ward-1").All(t, "NoSuchList"))
		})

		t.Run("T2 who is meant", func(t *testing.T) {
			n.putList(t, "ward-2", nasFirst)
			listed, single := n.ready(t, topic, ofList("ward-2")), n.ready(t, topic, ofIDs(nasFirst, nasSecond, nasThird))
			second := change(topic, nasSecond)
			otherType, nobody := change(topic, nasSecond), change(topic, "")
			otherType.idType = "cpr"
			published(t, s, second, otherType, nobody)
			assert.Empty(t, n.fetch(t, listed, ""), "a person outside the list")
			assert.Equal(t, []int{second.version}, n.fetch(t, single, ""))
		})

		t.Run("T3 the list as it is at the fetch", func(t *testing.T) {
			n.putList(t, "ward-3", nasFirst)
			pullPoint := n.ready(t, topic, ofList("ward-3"))
			first, second := change(topic, nasFirst), change(topic, nasSecond)
			published(t, s, first, second)
			assert.Equal(t, []string{"true"}, n.putList(t, "ward-3", nasSecond).All(t, "ExistingListUpdated"))
			assert.Equal(t, []int{second.version}, n.fetch(t, pullPoint, ""))
			assert.Equal(t, []string{"false"}, n.dropList(t, "ward-3").All(t, "NoSuchList"))
			published(t, s, change(topic, nasSecond))
			assert.Empty(t, n.fetch(t, pullPoint, ""), "there is no list")
			n.putList(t, "ward-3", nasThird)
			third := change(topic, nasThird)
			published(t, s, third)
			assert.Contains(t, n.fetch(t, pullPoint, ""), third.version)
		})

		t.Run("T4 lists", func(t *testing.T) {
			other := subscribing(s, "99999902")
			assert.Equal(t, []string{"false"}, n.putList(t, "ward-4", nasFirst).All(t, "ExistingListUpdated"))
			assert.Equal(t, []string{"false"}, other.putList(t, "ward-4", nasSecond).All(t, "ExistingListUpdated"), "of another owner")
			assert.Equal(t, []string{"true"}, n.putList(t, "ward-4", nasFirst, nasThird).All(t, "ExistingListUpdated"))
			mine, theirs := n.ready(t, topic, ofList("ward-4")), other.ready(t, topic, ofList("ward-4"))
			first, second := change(topic, nasFirst), change(topic, nasSecond)
			published(t, s, first, second)
			assert.Equal(t, []int{first.version}, n.fetch(t, mine, ""))
			assert.Equal(t, []int{second.version}, other.fetch(t, theirs, ""))
			assert.Equal(t, []string{"true"}, n.dropList(t, "never").All(t, "NoSuchList"))
			for _, bad := range []nsptest.Answer{n.putList(t, "", nasFirst), n.putList(t, "ward-4", ""), n.dropList(t, " ")} {
				assert.Equal(t, "syntax_error", bad.FaultCode, "%s", bad.Body)
			}
		})

		t.Run("T5 system notifications", func(t *testing.T) {
			pullPoint, never := n.ready(t, topic, ofIDs(nasFirst)), n.ready(t, topic, ofXPath("false()"))
			m := change(topic, nasSecond)
			m.system = "1"
			published(t, s, m)
			assert.Equal(t, []int{m.version}, n.fetch(t, pullPoint, ""))
			assert.Empty(t, n.fetch(t, never, ""))
		})

		t.Run("T6 XPath", func(t *testing.T) {
			asChild := n.ready(t, topic, ofXPath("/advis:NotifyContent/c:CardChanged[c:version &gt; 0]"))
			asText := n.ready(t, topic, content(`<advis:XPathFilter xpathVersion="1.0" xmlns:c="http://example.dk/advis/2024/01/01">count(//c:version) = 1</advis:XPathFilter>`))
			m := change(topic, nasFirst)
			published(t, s, m)
			assert.Equal(t, []int{m.version}, n.fetch(t, asChild, ""))
			assert.Equal(t, []int{m.version}, n.fetch(t, asText, ""))
			pullPoint := n.pullPoint(t)
			for _, bad := range []string{
				ofXPath("/q:a"), ofXPath("$v"), strings.Replace(ofXPath("true()"), `"1.0"`, `"2.0"`, 1), ofXPath("/a["), ofXPath("matches('a', 'b')"),
			} {
				faults(t, n.call(t, nasManager, subscription(pullPoint, topic, bad, "")), "InvalidMessageContentExpressionFault")
			}
		})

		t.Run("T7 what was published before", func(t *testing.T) {
			published(t, s, change(topic, nasFirst))
			pullPoint := n.ready(t, topic, "")
			assert.Empty(t, n.fetch(t, pullPoint, ""))
		})

		t.Run("T8 white space around a topic", func(t *testing.T) {
			pullPoint := n.pullPoint(t)
			n.subscribe(t, pullPoint, "\n\t "+topic+"\n", "")
			m := change("\n"+topic+"\n", nasFirst)
			published(t, s, m)
			assert.Equal(t, []int{m.version}, n.fetch(t, pullPoint, ""))
			faults(t, n.call(t, nasManager, subscription(pullPoint, "a b", "", "")), "InvalidTopicExpressionFault")
		})

		t.Run("T9 filters", func(t *testing.T) {
			pullPoint := n.pullPoint(t)
			whole := subscription(pullPoint, topic, "", "")
			expression := `<wsnt:TopicExpression Dialect="` + dialect + `">` + topic + `</wsnt:TopicExpression>`
			for name, body := range map[string]string{
				"none":    strings.Replace(whole, `<wsnt:Filter>`+expression+`</wsnt:Filter>`, "", 1),
				"two":     strings.Replace(whole, expression, expression+expression, 1),
				"foreign": strings.Replace(whole, expression, expression+`<x:Other xmlns:x="urn:x"/>`, 1),
			} {
				a := n.call(t, nasManager, body)
				faults(t, a, "InvalidFilterFault")
				assert.Len(t, a.All(t, "UnknownFilter"), 1, name)
			}
		})

		t.Run("T10 dialects", func(t *testing.T) {
			pullPoint := n.pullPoint(t)
			whole := subscription(pullPoint, topic, "", "")
			for _, other := range []string{"http://docs.oasis-open.org/wsn/t-1/TopicExpression/Concrete", "http://docs.oasis-open.org/wsn/t-1/TopicExpression/Full", "x"} {
				faults(t, n.call(t, nasManager, strings.Replace(whole, dialect, other, 1)), "TopicExpressionDialectUnknownFault")
			}
			assert.Equal(t, http.StatusOK, n.call(t, nasManager, strings.Replace(whole, ` Dialect="`+dialect+`"`, "", 1)).Status)
		})

		t.Run("T11 unknown topics", func(t *testing.T) {
			pullPoint := n.pullPoint(t)
			body := subscription(pullPoint, "urn:x:Unknown", "", "")
			faults(t, n.call(t, nasManager, body), "TopicNotSupportedFault", "topic_unknown")
			faults(t, n.call(t, nasBroker, body), "InvalidTopicExpressionFault")
			a := publish(t, s, change(topic, nasFirst), change("urn:x:Unknown", nasFirst))
			faults(t, a, "InvalidTopicExpressionFault")
			assert.Equal(t, 2, a.Count(t, "Undelivered"))
			assert.Equal(t, "0 of 2 notifications were delivered", a.All(t, "Description")[0])
		})

		t.Run("T12 a closed topic", func(t *testing.T) {
			closing := newTopic(t, s, 1, nasAllowed)
			pullPoint := n.ready(t, closing, "")
			m := change(closing, nasFirst)
			published(t, s, m)
			patchTopic(t, s, closing, map[string]any{"active": false})
			faults(t, publish(t, s, change(closing, nasFirst)), "InvalidTopicExpressionFault")
			faults(t, n.call(t, nasManager, subscription(pullPoint, closing, "", "")), "TopicNotSupportedFault", "topic_closed")
			assert.Equal(t, []int{m.version}, n.fetch(t, pullPoint, ""))
		})

		t.Run("T13 all or nothing", func(t *testing.T) {
			pullPoint := n.ready(t, topic, "")
			a := publish(t, s, change(topic, nasFirst), change("urn:x:Unknown", nasFirst), advis{topic: topic, content: `<x xmlns="urn:x"/>`})
			faults(t, a, "NotifyFailedFault")
			assert.Equal(t, [][2]string{{"1", "rolled_back"}, {"2", "topic_unknown"}, {"3", "content_invalid"}}, undelivered(a))
			assert.Empty(t, n.fetch(t, pullPoint, ""))
		})

		t.Run("T17 contents", func(t *testing.T) {
			open, end := `<advis:NotifyContent id="1">`, `</advis:NotifyContent>`
			for name, c := range map[string]struct{ content, code string }{
				"two children": {open + `<a/><b/>` + end, "content_invalid"}, "text": {open + `a` + end, "content_invalid"},
				"none": {open + end, "content_invalid"}, "large": {open + `<a>` + strings.Repeat("x", 1<<20) + `</a>` + end, "too_large"},
			} {
				a := publish(t, s, advis{topic: topic, content: c.content})
				faults(t, a, "NotifyFailedFault")
				assert.Equal(t, [][2]string{{"1", c.code}}, undelivered(a), name)
			}
		})

		t.Run("T18 contents come as they were sent", func(t *testing.T) {
			pullPoint := n.ready(t, topic, "")
			inner := `<advis:NotifyContent id="` + nasFirst + `" idType="` + nasCPR + `"><far:a xmlns="urn:default" q="near:name">` +
				`<b>near:value æøå 𝄞 &lt;&#xD;<![CDATA[<c> & ]]></b></far:a></advis:NotifyContent>`
			message := strings.Replace(string(enveloped(notify(advis{topic: topic, content: inner}))), "<soap:Envelope", `<soap:Envelope xmlns:far="urn:far" xmlns:near="urn:near"`, 1)
			require.Equal(t, http.StatusOK, s.Post(t, nasBroker, []byte(message)).Status)
			a := n.call(t, local(pullPoint), getMessages(""))
			assert.Equal(t, []string{"near:value æøå 𝄞 <\r<c> & "}, a.All(t, "b"))
			_, got, _ := strings.Cut(string(a.Body), "NotifyContent")
			for _, kept := range []string{`xmlns:far="urn:far"`, `xmlns:near="urn:near"`, `q="near:name"`, `<![CDATA[<c> & ]]>`} {
				assert.Contains(t, got, kept)
			}
		})
	})
}

// undelivered are position and code of each notification in a fault.
func undelivered(a nsptest.Answer) (found [][2]string) {
	for _, part := range strings.Split(string(a.Body), "Undelivered ")[1:] {
		_, position, _ := strings.Cut(part, `position="`)
		_, code, _ := strings.Cut(part, `code="`)
		found = append(found, [2]string{position[:strings.IndexByte(position, '"')], code[:strings.IndexByte(code, '"')]})
	}
	return found
}

// described is a topic as administrators see it.
type described struct {
	Topic, Internal, State string
	Active                 bool
	Partitions             int
}

func topics(t *testing.T, s *nsptest.Server) []described {
	t.Helper()
	var list struct{ Topics []described }
	require.Equal(t, http.StatusOK, s.Operator(t).Do(t, http.MethodGet, "/api/nas/v1/admin/topics", nil, &list).StatusCode)
	return list.Topics
}

// internal is the log topic of a topic.
func internal(t *testing.T, s *nsptest.Server, topic string) string {
	t.Helper()
	all := topics(t, s)
	i := slices.IndexFunc(all, func(d described) bool { return d.Topic == topic })
	require.NotEqual(t, -1, i, "no topic %s", topic)
	return all[i].Internal
}

func patchTopic(t *testing.T, s *nsptest.Server, topic string, change map[string]any) {
	t.Helper()
	resp := s.Operator(t).Do(t, http.MethodPatch, "/api/nas/v1/admin/topics/"+internal(t, s, topic), change, nil)
	require.Less(t, resp.StatusCode, 300)
}

package nasws_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/dgws/dgwstest"
	"github.com/opennsp/nsp/adapters/soap/nasws"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/nas"
)

const wsnt = "{http://docs.oasis-open.org/wsn/b-2}"

// asking is the body of a Subscribe to a pull point, with what follows the ConsumerReference.
func asking(pullPoint, rest string) string {
	return `<wsnt:Subscribe>` + consumer(base+pullPoint) + rest + `</wsnt:Subscribe>`
}

func filtered(content string) string { return `<wsnt:Filter>` + content + `</wsnt:Filter>` }

func dialect(name string) string {
	return `<wsnt:TopicExpression Dialect="` + name + `">` + topicCard + `</wsnt:TopicExpression>`
}

// TestBadSubscribe: which fault tells of what.
func TestBadSubscribe(t *testing.T) {
	s := newService(t)
	pullPoint := s.pullPoint(t)
	one := expression(topicCard)
	const other, list = `<c:Other/>`, `<advis:IDList name="none"/>`
	xpath := func(version, expression string) string {
		return idFilter(`<advis:XPathFilter xpathVersion="` + version + `"><nasx:Expression>` + expression + `</nasx:Expression></advis:XPathFilter>`)
	}
	content := func(inside string) string {
		return `<wsnt:MessageContent Dialect="http://nsi.dk/advis/v10/IDMCP_Dialect">` + inside + `</wsnt:MessageContent>`
	}
	for _, c := range []struct {
		name, rest  string
		fault, code string
		names       []string
	}{
		{"T09 no Filter", "", "InvalidFilterFault", "", []string{"UnknownFilter " + wsnt + "TopicExpression"}},
		{"T09 an empty Filter", filtered(""), "InvalidFilterFault", "", []string{"UnknownFilter " + wsnt + "TopicExpression"}},
		{"T09 two TopicExpressions", filtered(one + one), "InvalidFilterFault", "", []string{"UnknownFilter " + wsnt + "TopicExpression"}},
		{"T09 a foreign filter element", filtered(one + other), "InvalidFilterFault", "",
			[]string{"UnknownFilter {http://example.dk/advis/2024/01/01}Other"}},
		{"T09 all at once", filtered(other + `<q/><wsnt:Filter/>`), "InvalidFilterFault", "", []string{
			"UnknownFilter " + wsnt + "TopicExpression", "UnknownFilter {http://example.dk/advis/2024/01/01}Other", "UnknownFilter {}q",
			"UnknownFilter " + wsnt + "Filter",
		}},
		{"T10 Concrete", filtered(dialect("http://docs.oasis-open.org/wsn/t-1/TopicExpression/Concrete")), "TopicExpressionDialectUnknownFault", "", nil},
		{"T10 Full", filtered(dialect("http://docs.oasis-open.org/wsn/t-1/TopicExpression/Full")), "TopicExpressionDialectUnknownFault", "", nil},
		{"T10 nonsense", filtered(dialect("nonsense")), "TopicExpressionDialectUnknownFault", "", nil},
		{"an element in the topic", filtered(expression(topicCard + other)), "InvalidTopicExpressionFault", "", nil},
		{"an empty topic", filtered(expression("")), "InvalidTopicExpressionFault", "", nil},
		{"T11 an unknown topic", filtered(expression("urn:x:Unknown")), "TopicNotSupportedFault", "topic_unknown", nil},
		{"T12 a closed topic", filtered(expression(topicClosed)), "TopicNotSupportedFault", "topic_closed", nil},
		{"T28 ProducerProperties", filtered(one + `<wsnt:ProducerProperties Dialect="x"/>`), "InvalidProducerPropertiesExpressionFault", "", nil},
		{"T28 UseRaw", filtered(one) + `<wsnt:SubscriptionPolicy><wsnt:UseRaw/></wsnt:SubscriptionPolicy>`, "UnsupportedPolicyRequestFault", "",
			[]string{"UnsupportedPolicy " + wsnt + "UseRaw"}},
		{"T28 another policy", filtered(one) + `<wsnt:SubscriptionPolicy><c:Fast/></wsnt:SubscriptionPolicy>`, "UnrecognizedPolicyRequestFault", "",
			[]string{"UnrecognizedPolicy {http://example.dk/advis/2024/01/01}Fast"}},
		{"T26 a time that was", filtered(one) + `<wsnt:InitialTerminationTime>2026-03-01T10:15:29Z</wsnt:InitialTerminationTime>`,
			"UnacceptableInitialTerminationTimeFault", "", nil},
		{"T26 a negative duration", filtered(one) + `<wsnt:InitialTerminationTime>-PT1H</wsnt:InitialTerminationTime>`,
			"UnacceptableInitialTerminationTimeFault", "", nil},
		{"T26 nonsense", filtered(one) + `<wsnt:InitialTerminationTime>xyz</wsnt:InitialTerminationTime>`,
			"UnacceptableInitialTerminationTimeFault", "", nil},
		{"another dialect of contents", filtered(one + `<wsnt:MessageContent Dialect="http://www.w3.org/TR/1999/REC-xpath-19991116">x</wsnt:MessageContent>`),
			"InvalidMessageContentExpressionFault", "dialect", nil},
		{"no dialect of contents", filtered(one + `<wsnt:MessageContent><advis:IDFilter/></wsnt:MessageContent>`),
			"InvalidMessageContentExpressionFault", "dialect", nil},
		{"two contents", filtered(one + idFilter("") + idFilter("")), "InvalidMessageContentExpressionFault", "", nil},
		{"an empty content", filtered(one + content("")), "InvalidMessageContentExpressionFault", "", nil},
		{"text beside the IDFilter", filtered(one + content("x<advis:IDFilter/>")), "InvalidMessageContentExpressionFault", "", nil},
		{"two IDFilters", filtered(one + content("<advis:IDFilter/><advis:IDFilter/>")), "InvalidMessageContentExpressionFault", "", nil},
		{"another filter of contents", filtered(one + content(other)), "InvalidMessageContentExpressionFault", "", nil},
		{"text in the IDFilter", filtered(one + idFilter("x")), "InvalidMessageContentExpressionFault", "", nil},
		{"another in the IDFilter", filtered(one + idFilter(other)), "InvalidMessageContentExpressionFault", "", nil},
		{"a misspelt SingleID", filtered(one + idFilter(`<advis:SingelID id="a" idType="t"/>`)), "InvalidMessageContentExpressionFault", "", nil},
		{"a SingleID without type", filtered(one + idFilter(`<advis:SingleID id="a"/>`)), "InvalidMessageContentExpressionFault", "", nil},
		{"a SingleID with content", filtered(one + idFilter(`<advis:SingleID id="a" idType="t">x</advis:SingleID>`)),
			"InvalidMessageContentExpressionFault", "", nil},
		{"a list and a SingleID", filtered(one + idFilter(list+`<advis:SingleID id="a" idType="t"/>`)), "InvalidMessageContentExpressionFault", "", nil},
		{"two lists", filtered(one + idFilter(list+list)), "InvalidMessageContentExpressionFault", "", nil},
		{"a list that is not there", filtered(one + idFilter(list)), "InvalidMessageContentExpressionFault", "id_list_unknown", nil},
		{"T06 an unbound prefix", filtered(one + xpath("1.0", "/x:y")), "InvalidMessageContentExpressionFault", "xpath", nil},
		{"T06 a variable", filtered(one + xpath("1.0", "$v")), "InvalidMessageContentExpressionFault", "xpath", nil},
		{"T06 version 2.0", filtered(one + xpath("2.0", "/c:y")), "InvalidMessageContentExpressionFault", "xpath", nil},
		{"an XPathFilter with two children", filtered(one + idFilter(`<advis:XPathFilter xpathVersion="1.0"><c:a>1</c:a><c:b>1</c:b></advis:XPathFilter>`)),
			"InvalidMessageContentExpressionFault", "", nil},
		{"an XPathFilter without version", filtered(one + idFilter(`<advis:XPathFilter>1</advis:XPathFilter>`)),
			"InvalidMessageContentExpressionFault", "", nil},
		{"a second Filter", filtered(one) + filtered(one), fault.CodeSyntax, "", nil},
		{"a misspelt InitialTerminationTime", filtered(one) + `<wsnt:InitialTerminationtime/>`, fault.CodeSyntax, "", nil},
		{"an element in the time", filtered(one) + `<wsnt:InitialTerminationTime><c:a/></wsnt:InitialTerminationTime>`, fault.CodeSyntax, "", nil},
		{"a bad nil", filtered(one) + `<wsnt:InitialTerminationTime xsi:nil="x"/>`, fault.CodeSyntax, "", nil},
		{"a filter without namespace", `<Filter/>`, fault.CodeSyntax, "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := refused(t, s.send(t, nasws.PathManager, asking(pullPoint, c.rest)))
			assert.Equal(t, [2]string{c.fault, c.code}, [2]string{r.detail, r.errorCode}, r.text)
			assert.Equal(t, c.names, r.names)
			assert.Equal(t, "soap:Server", r.code)
			if strings.HasPrefix(c.name, "T26") {
				assert.Equal(t, []string{"2026-03-01T10:15:30Z"}, r.times)
			}
		})
	}
	assert.Zero(t, subscriptions(t, s, pullPoint), "nothing was stored")
	s.valid(t)
}

// subscriptions is how many a pull point has.
func subscriptions(t *testing.T, s *service, pullPoint string) int {
	t.Helper()
	id := nas.PullPointID(strings.TrimPrefix(pullPoint, nasws.PathPullPoint+"/"))
	p, err := s.db.PullPoints().PullPoint(t.Context(), id, s.now)
	require.NoError(t, err)
	return len(p.Subscriptions)
}

// TestSubscribeAtTheBroker: two faults are not declared there.
func TestSubscribeAtTheBroker(t *testing.T) {
	s := newService(t)
	pullPoint := s.pullPoint(t)
	s.from = publisherIP
	for _, path := range []string{nasws.PathBroker, nasws.PathBrokerAlias} {
		r := refused(t, s.send(t, path, subscribe(base+pullPoint, "urn:x:Unknown", "")))
		assert.Equal(t, [2]string{"InvalidTopicExpressionFault", "topic_unknown"}, [2]string{r.detail, r.errorCode}, "T11")
		policy := `<wsnt:SubscriptionPolicy><wsnt:UseRaw/></wsnt:SubscriptionPolicy>`
		r = refused(t, s.send(t, path, asking(pullPoint, filtered(expression(topicCard))+policy)))
		assert.Equal(t, "UnrecognizedPolicyRequestFault", r.detail)
		assert.Equal(t, []string{"UnrecognizedPolicy " + wsnt + "UseRaw"}, r.names)

		made := addressElement.FindStringSubmatch(s.good(t, s.send(t, path, subscribe(base+pullPoint, topicCard, ""))))[1]
		assert.Equal(t, fault.CodeMissingHeader, refused(t, s.post(t, path, bare(subscribe(base+pullPoint, topicCard, "")))).detail, "a card is needed too")
		assert.Equal(t, fault.CodeMissingHeader, refused(t, s.post(t, path, bare(unsubscribe))).detail)
		s.good(t, s.post(t, path, s.message("u"+path, `<wsa:To>`+base+made+`</wsa:To>`, unsubscribe)))
	}
	assert.Zero(t, subscriptions(t, s, pullPoint))
	s.valid(t)
}

func TestT10NoDialectIsSimple(t *testing.T) {
	s := newService(t)
	s.good(t, s.send(t, nasws.PathManager, asking(s.pullPoint(t), filtered(`<wsnt:TopicExpression>`+topicCard+`</wsnt:TopicExpression>`))))
}

// cards are what subscribers may not come with.
func TestT21Cards(t *testing.T) {
	s := newService(t)
	pullPoint := s.pullPoint(t)
	for path, body := range map[string]string{
		nasws.PathFactory: createPullPoint, nasws.PathManager: subscribe(base+pullPoint, topicCard, ""), pullPoint: getMessages,
		nasws.PathManager + "/" + sampleSubscription: unsubscribe, nasws.PathIDList: `<idl:DestroyIDListRequest><idl:Name>a</idl:Name></idl:DestroyIDListRequest>`,
		nasws.PathFactoryAlias: createPullPoint, nasws.PathIDListAlias: `<idl:DestroyIDListRequest><idl:Name>a</idl:Name></idl:DestroyIDListRequest>`,
	} {
		good := s.card
		for _, c := range []struct {
			card dgwstest.Card
			code string
		}{
			{good.With("sosi:AuthenticationLevel", "2"), fault.CodeSecurityLevel},
			{dgwstest.SystemCard(start.Add(-25 * time.Hour)), fault.CodeExpired},
		} {
			s.card = c.card
			assert.Equal(t, c.code, refused(t, s.send(t, path, body)).detail, path)
		}
		s.card = good
		assert.Equal(t, fault.CodeMissingHeader, refused(t, s.post(t, path, bare(body))).detail, path)
	}
	s.card = dgwstest.UserCard(start.Add(-time.Minute)) // an employee's
	s.good(t, s.send(t, pullPoint, getMessages))
}

// TestT24: what is another's is as what there is not.
func TestT24OthersResources(t *testing.T) {
	s := newService(t)
	pullPoint := s.pullPoint(t)
	subscription := s.subscribed(t, pullPoint, topicCard, "")
	own := s.card
	random := "/" + "7d444840-9dc0-11d1-b245-5ffdce74fad2"
	for name, card := range map[string]dgwstest.Card{
		"another CVR":       own.With("medcom:CareProviderID", "99999901"),
		"another IT system": own.With("medcom:ITSystemName", "OtherEPJ"),
	} {
		s.card = card
		for _, c := range []struct{ path, unknown, body string }{
			{pullPoint, nasws.PathPullPoint + random, getMessages}, {pullPoint, nasws.PathPullPoint + random, destroyPullPoint},
			{subscription, nasws.PathManager + random, unsubscribe},
		} {
			foreign, unknown := refused(t, s.send(t, c.path, c.body)), refused(t, s.send(t, c.unknown, c.body))
			assert.Equal(t, unknown, foreign, name)
			assert.Equal(t, "ResourceUnknownFault", foreign.detail)
			assert.Empty(t, foreign.errorCode)
		}
		r := refused(t, s.send(t, nasws.PathManager, subscribe(base+pullPoint, topicCard, "")))
		assert.Equal(t, [2]string{"SubscribeCreationFailedFault", "pull_point_unknown"}, [2]string{r.detail, r.errorCode})
	}
	s.card = own
	s.good(t, s.send(t, pullPoint, getMessages))
	s.good(t, s.send(t, subscription, unsubscribe))
	s.good(t, s.send(t, pullPoint, destroyPullPoint))
}

func TestT25ConsumerReferences(t *testing.T) {
	s := newService(t)
	destroyed := s.pullPoint(t)
	s.good(t, s.send(t, destroyed, destroyPullPoint))
	live := s.pullPoint(t)
	for _, c := range []struct{ name, reference, code string }{
		{"T25 an own URL", consumer("https://epj.example/notifications"), "push_not_offered"},
		{"T25 a destroyed pull point", consumer(base + destroyed), "pull_point_unknown"},
		{"none", "", "pull_point_unknown"},
		{"without Address", `<wsnt:ConsumerReference/>`, "pull_point_unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := refused(t, s.send(t, nasws.PathManager, `<wsnt:Subscribe>`+c.reference+filtered(expression(topicCard))+`</wsnt:Subscribe>`))
			assert.Equal(t, "SubscribeCreationFailedFault", r.detail)
			assert.Equal(t, c.code, r.errorCode, r.text)
		})
	}
	t.Run("with more than an Address", func(t *testing.T) {
		reference := `<wsnt:ConsumerReference><wsa:ReferenceParameters><c:a/></wsa:ReferenceParameters><wsa:Address> ` + base + live +
			"\n</wsa:Address><wsa:Metadata/><c:x/></wsnt:ConsumerReference>"
		s.good(t, s.send(t, nasws.PathManager, `<wsnt:Subscribe>`+filtered(expression(topicCard))+reference+`<c:more/></wsnt:Subscribe>`))
	})
	t.Run("two Addresses", func(t *testing.T) {
		reference := `<wsnt:ConsumerReference><wsa:Address/><wsa:Address/></wsnt:ConsumerReference>`
		assert.Equal(t, fault.CodeSyntax, refused(t, s.send(t, nasws.PathManager, `<wsnt:Subscribe>`+reference+`</wsnt:Subscribe>`)).detail)
	})
}

var terminationElement = regexp.MustCompile(`<wsnt:TerminationTime>(.*)</wsnt:TerminationTime>`)

func TestT26Terminations(t *testing.T) {
	s := newService(t)
	pullPoint := s.pullPoint(t)
	for _, c := range []struct{ name, element, want string }{
		{"T26 absent", ``, ""},
		{"T26 nil", `<wsnt:InitialTerminationTime xsi:nil="true"/>`, ""},
		{"T26 empty", `<wsnt:InitialTerminationTime/>`, ""},
		{"T26 PT1H", `<wsnt:InitialTerminationTime> PT1H </wsnt:InitialTerminationTime>`, "2026-03-01T11:15:30Z"},
		{"T26 summer without a zone", `<wsnt:InitialTerminationTime>2026-07-01T12:00:00</wsnt:InitialTerminationTime>`, "2026-07-01T10:00:00Z"},
		{"T26 with a zone", `<wsnt:InitialTerminationTime>2026-07-01T12:00:00.5+01:00</wsnt:InitialTerminationTime>`, "2026-07-01T11:00:00.500Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer := s.good(t, s.send(t, nasws.PathManager, asking(pullPoint, filtered(expression(topicCard))+c.element)))
			got := ""
			if found := terminationElement.FindStringSubmatch(answer); found != nil {
				got = found[1]
			}
			assert.Equal(t, c.want, got)
		})
	}
	s.valid(t)
}

func TestT27AtTheTerminationTime(t *testing.T) {
	s := newService(t)
	pullPoint := s.pullPoint(t)
	s.good(t, s.send(t, nasws.PathManager, asking(pullPoint,
		filtered(expression(topicCard))+`<wsnt:InitialTerminationTime>PT1M</wsnt:InitialTerminationTime>`)))
	s.good(t, s.publish(t, notification(topicCard, "a", changed)))
	s.now = start.Add(time.Minute)
	assert.Empty(t, s.fetch(t, pullPoint))
}

func TestT29Quotas(t *testing.T) {
	ask := func(n string) string {
		return `<wsnt:GetMessages><wsnt:MaximumNumber>` + n + `</wsnt:MaximumNumber></wsnt:GetMessages>`
	}
	for _, c := range []struct {
		name, body string
		sent, want int
	}{
		{"T29 absent", getMessages, 300, 256},
		{"T29 0", ask("0"), 3, 0},
		{"T29 1", ask("1"), 3, 1},
		{"T29 5 of 3", ask(" 5\n"), 3, 3},
		{"T29 10^30", ask("1" + strings.Repeat("0", 30)), 300, 290},
		{"10^64", ask("1" + strings.Repeat("0", 64)), 3, 3},
		{"with a sign", ask("+002"), 3, 2},
		{"minus nothing", ask("-0"), 3, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newService(t)
			s.deps.Fetching.Limit = 290
			pullPoint := s.pullPoint(t)
			s.subscribed(t, pullPoint, topicCard, "")
			var all []string
			for i := range c.sent {
				all = append(all, notification(topicCard, strconv.Itoa(i), "<c:C/>"))
			}
			s.good(t, s.publish(t, all...))
			w := s.send(t, pullPoint, c.body)
			assert.Len(t, contentIDs(t, w), c.want)
			if c.sent < 10 {
				assert.Len(t, s.fetch(t, pullPoint), c.sent-c.want, "the others are still there")
			}
		})
	}
	s := newService(t)
	pullPoint := s.pullPoint(t)
	for _, bad := range []string{"-1", "abc", "", "1.0", "1e3", "--1", "+", "1 0", "<c:a/>"} {
		assert.Equal(t, fault.CodeSyntax, refused(t, s.send(t, pullPoint, ask(bad))).detail, bad)
	}
	twice := `<wsnt:GetMessages><wsnt:MaximumNumber>1</wsnt:MaximumNumber><wsnt:MaximumNumber>1</wsnt:MaximumNumber></wsnt:GetMessages>`
	assert.Equal(t, fault.CodeSyntax, refused(t, s.send(t, pullPoint, twice)).detail)
}

func TestT30TheSameMessageID(t *testing.T) {
	s := newService(t)
	pullPoint := s.pullPoint(t)
	s.subscribed(t, pullPoint, topicCard, "")
	s.good(t, s.publish(t, notification(topicCard, "a", changed)))
	first := s.resend(t, "m-same", pullPoint, getMessages)
	s.good(t, s.publish(t, notification(topicCard, "b", changed)))
	assert.Equal(t, s.good(t, first), s.good(t, s.resend(t, "m-same", pullPoint, getMessages)))
	assert.Equal(t, []string{"b"}, s.fetch(t, pullPoint))

	s.good(t, s.resend(t, "m-empty", pullPoint, getMessages))
	s.good(t, s.publish(t, notification(topicCard, "c", changed)))
	assert.Equal(t, []string{"c"}, contentIDs(t, s.resend(t, "m-empty", pullPoint, getMessages)), "an answer that was empty is not kept")
}

func TestT36TwoSubscriptions(t *testing.T) {
	s := newService(t)
	pullPoint := s.pullPoint(t)
	first, second := s.subscribed(t, pullPoint, topicCard, ""), s.subscribed(t, pullPoint, topicCard, "")
	s.good(t, s.publish(t, notification(topicCard, "a", changed)))
	w := s.send(t, pullPoint, getMessages)
	assert.Equal(t, []string{"a", "a"}, contentIDs(t, w))
	for _, subscription := range []string{first, second} {
		assert.Equal(t, 1, strings.Count(w.Body.String(), base+subscription+"<"))
	}
}

func TestT44EndedTwice(t *testing.T) {
	s := newService(t)
	pullPoint := s.pullPoint(t)
	subscription := s.subscribed(t, pullPoint, topicCard, "")
	for _, c := range []struct{ path, body string }{{subscription, unsubscribe}, {pullPoint, destroyPullPoint}} {
		id := "m-" + c.body[6:10]
		s.good(t, s.resend(t, id, c.path, c.body))
		assert.Equal(t, "ResourceUnknownFault", refused(t, s.send(t, c.path, c.body)).detail)
		s.good(t, s.resend(t, id, c.path, c.body))
	}
	assert.Equal(t, "ResourceUnknownFault", refused(t, s.send(t, pullPoint, getMessages)).detail)
	assert.Equal(t, "ResourceUnknownFault", refused(t, s.send(t, subscription, unsubscribe)).detail)
	s.valid(t)
}

// TestUnsubscribeNamesItsSubscription: in the path, else in the header of ours, else in wsa:To.
func TestUnsubscribeNamesItsSubscription(t *testing.T) {
	const random = "7d444840-9dc0-11d1-b245-5ffdce74fad2"
	for _, c := range []struct {
		name, path, headers string
		ok                  bool
	}{
		{"the path", nasws.PathManager + "/ID", "", true},
		{"the path before the headers", nasws.PathManager + "/ID", `<nasx:ResourceId>` + random + `</nasx:ResourceId>`, true},
		{"another in the path", nasws.PathManager + "/" + random, `<nasx:ResourceId>ID</nasx:ResourceId>`, false},
		{"our header", nasws.PathManager, `<nasx:ResourceId soap:mustUnderstand="1"> ID </nasx:ResourceId>`, true},
		{"our header before To", nasws.PathManagerAlias, `<wsa:To>` + base + "/x/" + random + `</wsa:To><nasx:ResourceId>ID</nasx:ResourceId>`, true},
		{"To", nasws.PathManagerAlias, `<wsa:To soap:mustUnderstand="1">` + base + nasws.PathManager + `/ID</wsa:To>`, true},
		{"To without an id", nasws.PathManager, `<wsa:To>` + base + nasws.PathManager + `</wsa:To>`, false},
		{"none", nasws.PathManager, "", false},
		{"no id in the path", nasws.PathManager + "/x", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newService(t)
			id := strings.TrimPrefix(s.subscribed(t, s.pullPoint(t), topicCard, ""), nasws.PathManager+"/")
			w := s.post(t, strings.Replace(c.path, "ID", id, 1), s.message("m", strings.Replace(c.headers, "ID", id, 1), unsubscribe))
			if c.ok {
				s.good(t, w)
				return
			}
			r := refused(t, w)
			assert.Equal(t, [2]string{"ResourceUnknownFault", "subscription not known"}, [2]string{r.detail, r.text})
		})
	}
}

func TestT45SOAPActions(t *testing.T) {
	const action = "http://docs.oasis-open.org/wsn/bw-2/PullPoint/GetMessagesRequest"
	s := newService(t)
	pullPoint := s.pullPoint(t)
	for i, header := range [][]string{nil, {"SOAPAction", ""}, {"SOAPAction", `""`}, {"SOAPAction", action}, {"SOAPAction", `"` + action + `"`}, {"SOAPAction", "urn:x"}} {
		s.good(t, s.post(t, pullPoint, s.message(fmt.Sprint("m", i), "", getMessages), header...))
	}
	for _, of := range []string{
		"http://docs.oasis-open.org/wsn/bw-2/PullPoint/DestroyPullPointRequest", "http://docs.oasis-open.org/wsn/bw-2/CreatePullPoint/CreatePullPointRequest",
		"http://www.nsi.dk/nas/idlist#CreateIDList",
	} {
		r := refused(t, s.post(t, pullPoint, s.message("m-x", "", getMessages), "SOAPAction", `"`+of+`"`))
		assert.Equal(t, "soap:Client", r.code, of)
	}
	r := refused(t, s.post(t, pullPoint, s.message("m-y", `<wsa:Action>http://docs.oasis-open.org/wsn/bw-2/PullPoint/DestroyPullPointRequest</wsa:Action>`, getMessages)))
	assert.Equal(t, "soap:Client", r.code)
}

// TestNoAccess names the topic, and only on the wire.
func TestT22NoAccess(t *testing.T) {
	s := newService(t)
	pullPoint := s.pullPoint(t)
	set := func(identifiers ...string) {
		require.NoError(t, s.db.NASTopics().UpdateTopic(t.Context(), topicCard, func(topic nas.Topic) (nas.Topic, error) {
			topic.Access = nil
			for _, identifier := range identifiers {
				topic.Access = append(topic.Access, nas.Access{Identifier: identifier})
			}
			return topic, nil
		}))
	}
	for _, access := range [][]string{nil, {"CVR:99999902-FID:12345678"}} {
		set(access...)
		r := refused(t, s.send(t, nasws.PathManager, subscribe(base+pullPoint, topicCard, "")))
		assert.Equal(t, fault.CodeNotAuthorized, r.detail)
		assert.Contains(t, r.text, topicCard)
	}
	set("ALL")
	subscription := s.subscribed(t, pullPoint, topicCard, "")
	set()
	r := refused(t, s.send(t, pullPoint, getMessages))
	assert.Equal(t, fault.CodeNotAuthorized, r.detail, "T23")
	assert.Contains(t, r.text, topicCard)
	s.good(t, s.send(t, subscription, unsubscribe))
	assert.Empty(t, s.fetch(t, pullPoint))
}

// TestCommitFails: what the gate could not commit is told with the fault of the operation.
func TestT42CommitFails(t *testing.T) {
	for _, c := range []struct {
		fault string
		send  func(t *testing.T, s *service, pullPoint, subscription string) *httptest.ResponseRecorder
	}{
		{"UnableToCreatePullPointFault", func(t *testing.T, s *service, _, _ string) *httptest.ResponseRecorder {
			return s.send(t, nasws.PathFactory, createPullPoint)
		}},
		{"SubscribeCreationFailedFault", func(t *testing.T, s *service, pullPoint, _ string) *httptest.ResponseRecorder {
			return s.send(t, nasws.PathManager, subscribe(base+pullPoint, topicCard, ""))
		}},
		{"UnableToGetMessagesFault", func(t *testing.T, s *service, pullPoint, _ string) *httptest.ResponseRecorder {
			return s.send(t, pullPoint, getMessages)
		}},
		{"UnableToDestroySubscriptionFault", func(t *testing.T, s *service, _, subscription string) *httptest.ResponseRecorder {
			return s.send(t, subscription, unsubscribe)
		}},
		{"UnableToDestroyPullPointFault", func(t *testing.T, s *service, pullPoint, _ string) *httptest.ResponseRecorder {
			return s.send(t, pullPoint, destroyPullPoint)
		}},
		{fault.CodeProcessing, func(t *testing.T, s *service, _, _ string) *httptest.ResponseRecorder {
			return s.send(t, nasws.PathIDList, sample(t, "createidlist-request.xml"))
		}},
	} {
		t.Run(c.fault, func(t *testing.T) {
			s := newService(t)
			pullPoint := s.pullPoint(t)
			subscription := s.subscribed(t, pullPoint, topicCard, "")
			s.good(t, s.publish(t, notification(topicCard, "a", changed)))
			s.units.OnCommit.FailFrom(1, errDown)
			r := refused(t, c.send(t, s, pullPoint, subscription))
			assert.Equal(t, c.fault, r.detail)
			if c.fault != fault.CodeProcessing {
				assert.Equal(t, "unavailable", r.errorCode)
			}
			s.units.OnCommit.Heal()
			assert.Equal(t, []string{"a"}, s.fetch(t, pullPoint), "nothing was done")
		})
	}
}

func TestMore(t *testing.T) {
	s := newService(t, func(d *nasws.Deps) { d.More = true })
	pullPoint := s.pullPoint(t)
	s.subscribed(t, pullPoint, topicCard, "")
	s.good(t, s.publish(t, notification(topicCard, "a", changed), notification(topicCard, "b", changed)))
	one := `<wsnt:GetMessages><wsnt:MaximumNumber>1</wsnt:MaximumNumber></wsnt:GetMessages>`
	assert.Contains(t, s.good(t, s.send(t, pullPoint, one)), `<nasx:More xmlns:nasx="urn:opennsp:nas:1">true</nasx:More></wsnt:GetMessagesResponse>`)
	assert.Contains(t, s.good(t, s.send(t, pullPoint, one)), `>false</nasx:More></wsnt:GetMessagesResponse>`)
	s.valid(t)
}

func TestT04IDLists(t *testing.T) {
	s := newService(t)
	create, destroy := sample(t, "createidlist-request.xml"), sample(t, "destroyidlist-request.xml")
	updated := func(is bool) string { return fmt.Sprintf("<idl:ExistingListUpdated>%t<", is) }
	assert.Contains(t, s.good(t, s.send(t, nasws.PathIDList, create)), updated(false))
	assert.Contains(t, s.good(t, s.send(t, nasws.PathIDListAlias, create)), updated(true))
	s.caller(func(c dgwstest.Card) dgwstest.Card { return c.With("medcom:ITSystemName", "OtherEPJ") })
	assert.Contains(t, s.good(t, s.send(t, nasws.PathIDList, destroy)), "<idl:NoSuchList>true<")
	s.caller(func(c dgwstest.Card) dgwstest.Card { return c.With("medcom:ITSystemName", "TestEPJ") })
	assert.Contains(t, s.good(t, s.send(t, nasws.PathIDList, destroy)), "<idl:NoSuchList>false<")

	element := func(name, text string) string { return `<idl:` + name + `>` + text + `</idl:` + name + `>` }
	whole := element("Name", "a") + element("Description", "") + element("IDType", "t")
	for _, c := range []struct{ name, content string }{
		{"no Name", element("Description", "d") + element("IDType", "t")},
		{"an empty Name", strings.Replace(whole, ">a<", "> <", 1)},
		{"a long Name", strings.Replace(whole, ">a<", ">"+strings.Repeat("a", 201)+"<", 1)},
		{"two Names", element("Name", "a") + whole},
		{"no Description", element("Name", "a") + element("IDType", "t")},
		{"no IDType", element("Name", "a") + element("Description", "d")},
		{"an empty IDType", strings.Replace(whole, ">t<", "><", 1)},
		{"an empty Id", whole + element("Id", "")},
		{"a long Id", whole + element("Id", strings.Repeat("a", 201))},
		{"an element in an Id", whole + element("Id", "<c:a/>")},
		{"another element", whole + element("ID", "a")},
		{"an element without namespace", whole + "<Id>a</Id>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := refused(t, s.send(t, nasws.PathIDList, `<idl:CreateIDListRequest>`+c.content+`</idl:CreateIDListRequest>`))
			assert.Equal(t, [2]string{"soap:Server", fault.CodeSyntax}, [2]string{r.code, r.detail})
		})
	}
	for _, content := range []string{"", element("Name", ""), element("Name", "a") + element("Name", "a")} {
		r := refused(t, s.send(t, nasws.PathIDList, `<idl:DestroyIDListRequest>`+content+`</idl:DestroyIDListRequest>`))
		assert.Equal(t, fault.CodeSyntax, r.detail)
	}
	s.good(t, s.send(t, nasws.PathIDList, `<idl:CreateIDListRequest><c:x/>`+element("Id", " a ")+element("Id", "a")+whole+`</idl:CreateIDListRequest>`))
	s.valid(t)
	list, _, ok, err := s.db.IDLists().Load(t.Context(), nas.Owner{CVR: "99999902", System: "TestEPJ"}, "a")
	require.NoError(t, err)
	assert.True(t, ok)
	assert.Equal(t, []string{"a"}, list.IDs)
}

func TestT48Contracts(t *testing.T) {
	s := newService(t)
	for _, path := range []string{
		nasws.PathBroker, nasws.PathBrokerAlias, nasws.PathManager, nasws.PathManagerAlias, nasws.PathManager + "/" + sampleSubscription, nasws.PathFactory,
		nasws.PathFactoryAlias, nasws.PathPullPoint, nasws.PathPullPoint + "/" + samplePullPoint, nasws.PathIDList, nasws.PathIDListAlias,
	} {
		for _, query := range []string{"?wsdl", "?wsdl&version=" + nasws.VersionOfContracts} {
			w := httptest.NewRecorder()
			s.mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://nsp.test"+path+query, nil))
			assert.Equal(t, http.StatusOK, w.Code)
			assert.Contains(t, w.Body.String(), `location="`+base+path+`"`)
		}
	}
	assert.Equal(t, "ResourceUnknownFault", refused(t, s.send(t, nasws.PathPullPoint, getMessages)).detail)
}

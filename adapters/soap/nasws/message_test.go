package nasws_test

import (
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap/nasws"
)

var errDown = errors.New("the store is down")

func instant(s string) time.Time {
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return at
}

// TestT01 sends the requests of the samples, in their order, and gets the samples' answers, octet by octet.
func TestT01TheSamples(t *testing.T) {
	s := newService(t)
	send := func(at, path, request, response string) *httptest.ResponseRecorder {
		t.Helper()
		s.now = instant(at)
		w := s.send(t, path, sample(t, request+"-request.xml"))
		golden(t, response+".xml", w)
		return w
	}
	send("2026-03-01T10:15:30Z", nasws.PathIDList, "createidlist", "createidlist-response")
	send("2026-03-01T10:15:30Z", nasws.PathFactory, "createpullpoint", "createpullpoint-response")
	send("2026-03-01T10:16:00.004Z", nasws.PathManager, "subscribe", "subscribe-response")

	s.from = publisherIP
	send("2026-03-01T10:16:30Z", nasws.PathBroker, "notify", "notify-response")
	s.from = "192.0.2.1"

	const pullPoint, subscription = nasws.PathPullPoint + "/" + samplePullPoint, nasws.PathManager + "/" + sampleSubscription
	w := s.send(t, pullPoint, sample(t, "getmessages-request.xml"))
	// What was published with prefixes of its Envelope declares them itself: it is the same element, not the same octets.
	assert.Equal(t, canonical(t, sample(t, "getmessages-response.xml")), canonical(t, s.good(t, w)))

	send("2026-03-01T10:18:00Z", subscription, "unsubscribe", "unsubscribe-response")
	send("2026-03-01T10:18:00Z", pullPoint, "destroypullpoint", "destroypullpoint-response")
	send("2026-03-01T10:18:00Z", nasws.PathIDList, "destroyidlist", "destroyidlist-response")
	s.valid(t)
}

// TestTheSamplesFaults: the faults of the samples, octet by octet.
func TestTheSamplesFaults(t *testing.T) {
	t.Run("Notify", func(t *testing.T) {
		s := newService(t)
		s.now = instant("2026-03-01T10:15:30.120Z")
		w := s.publish(t, notification(topicCard, personA, changed), notification("http://example.dk/advis/2024/01/01:Nothing", personA, changed))
		golden(t, "notify-fault.xml", w)
	})
	t.Run("CreatePullPoint", func(t *testing.T) {
		s := newService(t)
		s.deps.Subscriptions.MaxPerOwner = 1
		s.pullPoint(t)
		golden(t, "createpullpoint-fault.xml", s.send(t, nasws.PathFactory, createPullPoint))
	})
	t.Run("Subscribe", func(t *testing.T) {
		s := newService(t)
		s.now = instant("2026-03-01T10:16:00Z")
		golden(t, "subscribe-fault.xml", s.send(t, nasws.PathManager, `<wsnt:Subscribe>`+consumer(base+s.pullPoint(t))+`</wsnt:Subscribe>`))
	})
	t.Run("GetMessages", func(t *testing.T) {
		s := newService(t)
		s.now = instant("2026-03-01T10:17:00Z")
		golden(t, "getmessages-fault.xml", s.send(t, nasws.PathPullPoint+"/"+samplePullPoint, getMessages))
	})
	t.Run("Unsubscribe and DestroyPullPoint", func(t *testing.T) {
		s := newService(t)
		pullPoint := s.pullPoint(t)
		subscription := s.subscribed(t, pullPoint, topicCard, "")
		s.points.down = errDown
		s.now = instant("2026-03-01T10:18:00Z")
		golden(t, "unsubscribe-fault.xml", s.send(t, subscription, unsubscribe))
		s.now = instant("2026-03-01T10:18:30Z")
		golden(t, "destroypullpoint-fault.xml", s.send(t, pullPoint, destroyPullPoint))
	})
	t.Run("CreateIDList", func(t *testing.T) {
		s := newService(t)
		golden(t, "idlist-fault.xml", s.send(t, nasws.PathIDList, `<idl:CreateIDListRequest><idl:Name> </idl:Name></idl:CreateIDListRequest>`))
	})
}

// TestAnswersHaveNoAddressingHeaders, but those of DGWS.
func TestAnswersHaveNoAddressingHeaders(t *testing.T) {
	s := newService(t)
	headers := `<wsa:To soap:mustUnderstand="1">x</wsa:To><wsa:Action soap:mustUnderstand="1">
		http://docs.oasis-open.org/wsn/bw-2/CreatePullPoint/CreatePullPointRequest </wsa:Action>`
	w := s.post(t, nasws.PathFactory, s.message("m-1", headers, createPullPoint))
	s.good(t, w)
	tree := parsed(t, w.Body.String())
	var names []string
	for n := range tree.Children(tree.Child(tree.Root(), tree.Space(tree.Root()), "Header")) {
		names = append(names, tree.Local(n))
	}
	assert.Equal(t, []string{"Security", "Header"}, names)
	require.Contains(t, w.Body.String(), "<medcom:InResponseToMessageID>m-1<")
}

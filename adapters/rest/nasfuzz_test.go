package rest

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/nas"
)

// told requires that a client may hear the error.
func told(t *testing.T, err error) {
	t.Helper()
	_, ok := fault.Of(err)
	require.True(t, ok, "%v", err)
}

// FuzzNotifications: what is accepted is what encoding/json reads, and of too many one more than may be.
func FuzzNotifications(f *testing.F) {
	for _, body := range []string{
		`{"notifications":[{"topic":"a:b","id":"1","idType":"t","system":true,"content":"<a/>"},{}]}`, `{"notifications":[]}`, `{}`, `[]`,
		`{"notifications":[{},{},{},{},{"topic":"x"}]}`, `{"notifications":{}}`, `{"notifications":[null]}`, `{"notifications":[{"id":1}]}`,
		`{"notifications":[{"topic":"\ud800","content":"\u0000"}],"notifications":[]}`, `{"notifications":[{"other":[{}]}]}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		x := exchange{media: contentJSON, body: body}
		got, err := x.notifications(2)
		if err != nil {
			told(t, err)
			return
		}
		var want struct {
			Notifications []struct {
				Topic, ID, IDType, Content string
				System                     bool
			}
		}
		require.NoError(t, json.Unmarshal(body, &want))
		require.Len(t, got, min(len(want.Notifications), 3))
		for i, n := range got[:min(len(got), 2)] {
			w := want.Notifications[i]
			assert.Equal(t, notificationJSON{topic: w.Topic, id: w.ID, idType: w.IDType, content: w.Content, system: w.System}, n)
		}
	})
}

// FuzzSubscribing: no body is read as a wider filter than it says.
func FuzzSubscribing(f *testing.F) {
	for _, body := range []string{
		`{"topic":"a:b","idList":"l","expires":"P1D"}`, `{"topic":"a:b","ids":[{"id":"1","idType":"t"}],"xpath":{"expression":"/a:b","namespaces":{"a":"u"}}}`,
		`{"ids":[]}`, `{"ids":[{}]}`, `{"idList":""}`, `{"xpath":{}}`, `{"xpath":{"namespaces":{"a":1}}}`, `{"topic":null}`, `{"xpath":{"namespaces":{"a":"b","a":"c"}}}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		x := exchange{media: contentJSON, body: body, http: httptest.NewRequest("POST", "/", nil)}
		got, err := x.subscribing()
		if err != nil {
			told(t, err)
			return
		}
		var said map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(body, &said))
		topic, filter, err := got.Filter.Judge(5)
		if err != nil {
			told(t, err)
			return
		}
		require.Contains(t, said, "topic")
		require.NotEmpty(t, topic)
		for member, restricts := range map[string]bool{"ids": filter.IDs != nil, "idList": filter.List != "", "xpath": filter.XPath != nil} {
			_, there := said[member]
			assert.Equal(t, there, restricts, member)
		}
	})
}

// FuzzTopicDefinition: each binder of administrators refuses with words, or fills what it reads.
func FuzzTopicDefinition(f *testing.F) {
	for _, body := range []string{
		`{"topic":"a:b","internal":"x","partitions":6,"replication":3,"config":{"retention_ms":-1},"access":[{"identifier":"ALL","comment":"c"}],"adopt":true}`,
		`{"active":false}`, `{"partitions":12}`, `{"active":true,"partitions":1}`, `{"max":20}`, `{"max":-1}`, `{"config":{"a":1.5}}`, `{"config":{"a":1,"a":2}}`, `{}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		x := exchange{media: contentJSON, body: body, http: httptest.NewRequest("POST", "/", nil)}
		if r, err := x.topicRequest(); err != nil {
			told(t, err)
		} else {
			var want struct {
				Partitions int
				Config     map[string]int64
				Access     []struct{}
			}
			require.NoError(t, json.Unmarshal(body, &want))
			assert.Equal(t, want.Partitions, r.Partitions)
			assert.Len(t, r.Config, len(want.Config))
			assert.Len(t, r.Access, len(want.Access))
		}
		if active, partitions, err := x.topicChange(); err != nil {
			told(t, err)
		} else {
			assert.NotEqual(t, active == nil, partitions == nil)
		}
		if quota, err := x.quota(); err != nil {
			told(t, err)
		} else {
			assert.GreaterOrEqual(t, quota, -1)
		}
	})
}

// FuzzPayload: what is taken out of its NotifyContent is one element that stands alone.
func FuzzPayload(f *testing.F) {
	for _, content := range []string{
		`<advis:NotifyContent xmlns:advis="http://nsi.dk/advis/v10" xmlns="urn:d" xmlns:p="urn:p" id="1"> <p:a b="p:c"/></advis:NotifyContent>`,
		`<n xmlns:p="a&amp;&quot;b"><a xmlns:p="c"><p:b/></a></n>`, `<n xmlns="u"><a xmlns="">&#112;:x</a></n>`, `<n/>`, `<n><a/><b/></n>`, `<n>x</n>`,
	} {
		f.Add([]byte(content))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		payload, err := payloadOf(content)
		if err != nil {
			return
		}
		whole, err := xmltree.Parse(content, contentLimits(len(content)))
		require.NoError(t, err)
		defer whole.Release()
		limits := contentLimits(len(payload))
		limits.Namespaces = limits.InScope // all of them are declared at one place now
		alone, err := xmltree.Parse([]byte(payload), limits)
		require.NoError(t, err)
		defer alone.Release()
		inside := whole.First(whole.Root())
		a, b := alone.Root(), inside
		for ; whole.Inside(b, inside); a, b = a+1, b+1 {
			require.True(t, alone.Is(a, whole.Space(b), whole.Local(b)))
			require.Equal(t, whole.AttrCount(b), alone.AttrCount(a))
		}
		require.False(t, alone.Inside(a, alone.Root()))
	})
}

func TestPayload(t *testing.T) {
	const start = `<advis:NotifyContent xmlns:advis="http://nsi.dk/advis/v10" xmlns:p="urn:p&amp;" xmlns="urn:d">`
	for _, c := range []struct{ name, payload, want string }{
		{"its own names", `<q:a xmlns:q="urn:q" xmlns=""/>`, `<q:a xmlns:q="urn:q" xmlns=""/>`},
		{"T18 the default namespace", `<a>x</a>`, `<a xmlns="urn:d">x</a>`},
		{"T18 a prefix in a name", `<p:a xmlns=""/>`, `<p:a xmlns:p="urn:p&amp;" xmlns=""/>`},
		{"T18 a prefix in a text", `<a xmlns="">p:x</a>`, `<a xmlns:p="urn:p&amp;" xmlns="">p:x</a>`},
		{"T18 a prefix in a text with references", `<a xmlns="">&#112;:x</a>`,
			`<a xmlns:p="urn:p&amp;" xmlns:advis="http://nsi.dk/advis/v10" xmlns="">&#112;:x</a>`},
		{"T18 a prefix that is declared again", `<a xmlns="" xmlns:p="urn:q"><p:b/></a>`, `<a xmlns="" xmlns:p="urn:q"><p:b/></a>`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := payloadOf([]byte(start + "\n" + c.payload + " </advis:NotifyContent>"))
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
	t.Run("as many elements as a larger message may have", func(t *testing.T) {
		many := `<a xmlns="">` + strings.Repeat("<b/>", 30_000) + `</a>`
		got, err := payloadOf([]byte(start + many + "</advis:NotifyContent>"))
		require.NoError(t, err)
		assert.Equal(t, many, got)
	})
}

// A topic whose state is not known would be shown as another.
func TestStatesOfTopics(t *testing.T) {
	for state, want := range map[nas.TopicState]string{nas.Creating: "creating", nas.Ready: "ready", nas.Deleting: "deleting"} {
		assert.Equal(t, want, stateOfTopic(state))
	}
}

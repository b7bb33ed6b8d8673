package interop

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap/ecprws"
	"github.com/opennsp/nsp/adapters/soap/nasws"
)

// nasTopic is a topic that every server makes at its start.
const nasTopic = ecprws.DefaultNamespace + ":PersonIdentifierModification"

// nasSecurity is the Security header of a system with an ID card.
func nasSecurity(t *testing.T) string {
	t.Helper()
	system, err := server.Client(t.Context(), "epj")
	require.NoError(t, err)
	return headers(system, uuid.NewString())[0]
}

// nasStep is what became of one call of testdata/node/nas.mjs.
type nasStep struct {
	name   string
	answer string // as JSON
	status int
	fault  string // as JSON
}

func (s *nasStep) UnmarshalJSON(b []byte) error {
	var answer json.RawMessage
	if err := json.Unmarshal(b, &[]any{&s.name, &answer}); err != nil {
		return err
	}
	var failed struct {
		Status int             `json:"status"`
		Fault  json.RawMessage `json:"fault"`
	}
	_ = json.Unmarshal(answer, &failed) // an answer is no fault
	s.answer, s.status, s.fault = string(answer), failed.Status, string(failed.Fault)
	return nil
}

// TestNodeSOAPSubscribesAndFetches has node-soap do all that publishers and subscribers do.
func TestNodeSOAPSubscribesAndFetches(t *testing.T) {
	dir := nodeFolder(t)
	program, err := filepath.Abs("testdata/node/nas.mjs")
	require.NoError(t, err)
	input, err := json.Marshal(map[string]string{"base": server.URL, "security": nasSecurity(t), "topic": nasTopic, "id": "2512484916"})
	require.NoError(t, err)
	var out struct {
		Steps []nasStep `json:"steps"`
	}
	require.NoError(t, json.Unmarshal([]byte(output(t, dir, input, "node", program)), &out))
	var names []string
	for _, s := range out.Steps {
		names = append(names, s.name)
	}
	require.Equal(t, strings.Fields("CreateIDList CreateIDList CreatePullPoint Subscribe Notify Notify renamed GetMessages GetMessages GetMessages "+
		"Unsubscribe DestroyPullPoint GetMessages renamed DestroyIDList DestroyIDList DestroyIDList renamed"), names)
	steps := out.Steps

	t.Run("T1 the whole flow", func(t *testing.T) {
		assert.JSONEq(t, `{"ExistingListUpdated": false}`, steps[0].answer)
		assert.JSONEq(t, `{"ExistingListUpdated": true}`, steps[1].answer)
		var subscribed struct {
			SubscriptionReference struct{ Address string }
			CurrentTime           string
			TerminationTime       *string
		}
		require.NoError(t, json.Unmarshal([]byte(steps[3].answer), &subscribed))
		assert.NotEmpty(t, subscribed.CurrentTime)
		assert.Nil(t, subscribed.TerminationTime)
		assert.Contains(t, []string{"", "{}"}, steps[4].answer)
		var got struct {
			NotificationMessage []struct {
				SubscriptionReference struct{ Address string }
				Topic                 struct {
					Attributes struct{ Dialect string } `json:"attributes"`
					Value      string                   `json:"$value"`
				}
				Message struct {
					NotifyContent struct {
						Attributes  map[string]string `json:"attributes"`
						CardChanged map[string]any
					}
				}
			}
		}
		require.NoError(t, json.Unmarshal([]byte(steps[7].answer), &got), steps[7].answer)
		require.Len(t, got.NotificationMessage, 1)
		m := got.NotificationMessage[0]
		assert.Equal(t, subscribed.SubscriptionReference.Address, m.SubscriptionReference.Address)
		assert.Equal(t, nasTopic, m.Topic.Value)
		assert.Equal(t, "2512484916", m.Message.NotifyContent.Attributes["id"])
		assert.Equal(t, "false", m.Message.NotifyContent.Attributes["isSystemNotification"])
		assert.Contains(t, text(m.Message.NotifyContent.CardChanged), "7")
		for _, i := range []int{10, 11} {
			assert.Contains(t, []string{"", "{}"}, steps[i].answer, steps[i].name)
		}
		assert.JSONEq(t, `{"NoSuchList": false}`, steps[14].answer)
		assert.JSONEq(t, `{"NoSuchList": true}`, steps[15].answer)
	})
	t.Run("T30 the same message is answered as before", func(t *testing.T) {
		assert.JSONEq(t, steps[7].answer, steps[8].answer)
		assert.Contains(t, []string{"", "{}"}, steps[9].answer)
	})
	t.Run("T49 faults are read, also where Server is written for soap:Server", func(t *testing.T) {
		for i, want := range map[int]string{5: "InvalidTopicExpressionFault", 12: "ResourceUnknownFault", 16: "FaultCode"} {
			assert.Equal(t, 500, steps[i].status)
			var fault, renamed struct {
				Code   string                     `json:"faultcode"`
				Detail map[string]json.RawMessage `json:"detail"`
			}
			require.NoError(t, json.Unmarshal([]byte(steps[i].fault), &fault), steps[i].answer)
			require.NoError(t, json.Unmarshal([]byte(steps[i+1].answer), &renamed), steps[i+1].answer)
			assert.Equal(t, [2]string{"soap:Server", "Server"}, [2]string{fault.Code, renamed.Code})
			assert.Contains(t, fault.Detail, want)
			assert.Contains(t, renamed.Detail, want)
		}
		assert.Contains(t, steps[5].fault, "0 of 2 notifications were delivered")
		assert.Contains(t, steps[5].fault, "topic_unknown")
		assert.Contains(t, steps[16].fault, "missing_required_header")
	})
}

// cxf has Apache CXF make a client from WSDLs and compile it with programs of ours. It returns the class path.
func cxf(t *testing.T, dir string, args ...string) string {
	t.Helper()
	tools := cxfClasses(t)
	sources, classes := filepath.Join(dir, "sources"), filepath.Join(dir, "classes")
	require.NoError(t, os.MkdirAll(sources, 0o700))
	require.NoError(t, os.MkdirAll(classes, 0o700))
	output(t, dir, nil, "java", append([]string{"-XX:TieredStopAtLevel=1", "-cp", tools, "Generate", sources, classes}, args...)...)
	return classes + string(os.PathListSeparator) + tools
}

// nasPullPoint is the path of a pull point that need not be there: its WSDL is that of all.
const (
	nasPullPointID = "/0d6f2c1e-7a38-4b1e-9a53-2f1f5f1c9e10"
	nasPullPoint   = nasws.PathPullPoint + nasPullPointID
)

// TestCXF has Apache CXF, whose WS-Notification service NAS2 was made after, do all that publishers and subscribers do.
func TestCXF(t *testing.T) {
	dir := t.TempDir()
	program, err := filepath.Abs("testdata/cxf/Nas.java")
	require.NoError(t, err)
	args := []string{program}
	for _, path := range []string{nasws.PathBroker, nasws.PathManager, nasws.PathFactory, nasPullPoint, nasws.PathIDList} {
		args = append(args, server.URL+path+"?wsdl")
	}
	classes := cxf(t, dir, args...)
	t.Run("T48 the newer version compiles too", func(t *testing.T) {
		cxf(t, t.TempDir(), server.URL+nasws.PathBroker+"?wsdl&version="+nasws.VersionOfContracts) // it has the one schema that differs
	})
	t.Run("T1 the whole flow", func(t *testing.T) {
		security := write(t, dir, "security.xml", []byte(nasSecurity(t)))
		out := output(t, dir, nil, "java", "-XX:TieredStopAtLevel=1", "-cp", classes, "Nas", server.URL, security, nasTopic, "2512484916")
		assert.Equal(t, []string{
			"list updated false", "list updated true", "subscribed true true", "notified true", "refused rolled_back topic_unknown 3",
			"messages 1 true false 7 true true", "messages 1 true false 7 true true", "messages 0", "unsubscribed true", "destroyed true", "unknown true",
			"no such list false", "no such list true", "refused missing_required_header",
		}, strings.Split(strings.TrimSpace(out), "\n"))
	})
}

// TestFixedTopicSet: only the version for .NET has no default.
func TestFixedTopicSet(t *testing.T) {
	get := func(address string) string {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		require.Equal(t, http.StatusOK, resp.StatusCode)
		b, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return string(b)
	}
	for query, want := range map[string]string{
		"?wsdl": `name="FixedTopicSet" type="xs:boolean" default="true"`, "?wsdl&version=20251030": `name="FixedTopicSet" type="xs:boolean"/>`,
	} {
		t.Run("T48 "+query, func(t *testing.T) {
			for _, path := range []string{nasws.PathBroker, nasws.PathManager, nasws.PathFactory, nasPullPoint} {
				_, location, ok := strings.Cut(get(server.URL+path+query), `namespace="http://docs.oasis-open.org/wsn/b-2" schemaLocation="`)
				require.True(t, ok, path)
				location, _, _ = strings.Cut(location, `"`)
				assert.Contains(t, get(location), want, path)
			}
		})
	}
}

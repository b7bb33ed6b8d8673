package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/xml/c14n"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/tests/nsptest"
)

// watched keeps every answer of s; what it returns shows that they are as the schemas have them, and that nothing told of a person.
func watched(t *testing.T, s *nsptest.Server) func() {
	t.Helper()
	var mu sync.Mutex
	var heard []nsptest.Answer
	s.Heard = func(a nsptest.Answer) {
		mu.Lock()
		defer mu.Unlock()
		heard = append(heard, a)
	}
	return func() {
		t.Run("T49 answers are as the schemas have them", func(t *testing.T) { nasSchemas(t, s, heard) })
		t.Run("T54 persons are not named", func(t *testing.T) {
			said := s.Logs() + strings.Join(s.AuditLines(t), "\n") + s.Fetch(t, "/metrics")
			for _, a := range heard {
				if strings.Contains(string(a.Body), "Fault>") {
					said += string(a.Body)
				}
			}
			for _, person := range []string{nasFirst, nasSecond, nasThird} {
				assert.NotContains(t, said, person)
			}
		})
	}
}

var xsdLocation = regexp.MustCompile(`schemaLocation="[^"]*[?&]xsd=([^"]+)"`)

// nasSchemas holds what was heard against the schemas of the notification service.
func nasSchemas(t *testing.T, s *nsptest.Server, heard []nsptest.Answer) {
	schemas := map[string][2]string{}
	for space, name := range map[string]string{
		"http://docs.oasis-open.org/wsn/b-2": "b-2.xsd", "http://docs.oasis-open.org/wsrf/r-2": "r-2.xsd", "http://nsi.dk/advis/v10": "advis.xsd",
		"http://www.nsi.dk/2012/12/nas/idlist": "idlist.xsd", "urn:opennsp:nas:1": "nas.xsd", "http://www.medcom.dk/dgws/2006/04/dgws-1.0.xsd": "dgws-1.0.xsd",
	} {
		schemas[space] = [2]string{nasBroker, name}
	}
	schemaValid(t, s, schemas, heard)
}

// schemaValid holds the content of the Body, and of a fault's detail, against schemas that are served: of each namespace the path and the name.
func schemaValid(t *testing.T, s *nsptest.Server, schemas map[string][2]string, heard []nsptest.Answer) {
	t.Helper()
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		if os.Getenv("OPENNSP_TEST_REQUIRE") == "1" {
			t.Fatal("xmllint is not installed")
		}
		t.Skip("xmllint is not installed")
	}
	folder := t.TempDir()
	fetched := map[string]bool{}
	var fetch func(path, name string)
	fetch = func(path, name string) {
		if fetched[name] {
			return
		}
		fetched[name] = true
		doc := string(s.Do(t, http.MethodGet, path+"?xsd="+name, http.NoBody).Body)
		for _, m := range xsdLocation.FindAllStringSubmatch(doc, -1) {
			fetch(path, m[1])
		}
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(xsdLocation.ReplaceAllString(doc, `schemaLocation="$1"`)), 0o600))
	}
	imports := ""
	for space, of := range schemas {
		path, name := of[0], of[1]
		fetch(path, name)
		imports += `<xs:import namespace="` + space + `" schemaLocation="` + name + `"/>`
	}
	require.NoError(t, os.WriteFile(filepath.Join(folder, "all.xsd"), []byte(`<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">`+imports+`</xs:schema>`), 0o600))
	args := []string{"--noout", "--nonet", "--schema", "all.xsd"}
	known := map[string]bool{}
	for _, a := range heard {
		for _, doc := range contents(t, a) {
			if known[doc] {
				continue
			}
			known[doc] = true
			name := fmt.Sprint(len(args))
			require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(doc), 0o600))
			args = append(args, name)
		}
	}
	require.Greater(t, len(args), 10, "answers that differ")
	command := exec.CommandContext(t.Context(), xmllint, args...) //nolint:gosec // the test's own files
	command.Dir = folder
	out, err := command.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// contents are the elements in the Body, or in the detail of its fault, each as a document.
func contents(t *testing.T, a nsptest.Answer) (docs []string) {
	t.Helper()
	tree, err := xmltree.Parse(a.Body, xmltree.DefaultLimits(32<<20))
	if err != nil {
		return nil // no SOAP answer
	}
	defer tree.Release()
	const soap = "http://schemas.xmlsoap.org/soap/envelope/"
	at := tree.Child(tree.Root(), soap, "Body")
	if at == xmltree.None {
		return nil
	}
	if fault := tree.Child(at, soap, "Fault"); fault != xmltree.None {
		if at = tree.Child(fault, "", "detail"); at == xmltree.None {
			return nil
		}
	}
	for child := range tree.Children(at) {
		var doc bytes.Buffer
		require.NoError(t, c14n.Write(&doc, tree, child, c14n.Options{Method: c14n.Inclusive}))
		docs = append(docs, doc.String())
	}
	return docs
}

// canonical is the one element of a message with the local name, in exclusive canonical XML.
func canonical(t *testing.T, message []byte, local string) string {
	t.Helper()
	tree, err := xmltree.Parse(message, xmltree.DefaultLimits(32<<20))
	require.NoError(t, err)
	defer tree.Release()
	var found bytes.Buffer
	var walk func(n xmltree.Node)
	walk = func(n xmltree.Node) {
		if tree.Local(n) == local {
			require.Zero(t, found.Len(), "more than one %s", local)
			require.NoError(t, c14n.Write(&found, tree, n, c14n.Options{Method: c14n.Exclusive}))
		}
		for child := range tree.Children(n) {
			walk(child)
		}
	}
	walk(tree.Root())
	require.NotZero(t, found.Len(), "no %s", local)
	return found.String()
}

// TestNASWire: what senders may do, and what they may not.
func TestNASWire(t *testing.T) {
	onEveryStore(t, nsptest.Options{}, func(t *testing.T, s *nsptest.Server) {
		defer watched(t, s)()
		n := subscribing(s, nasCVR)
		topic := newTopic(t, s, 1, nasAllowed)
		pullPoint := n.ready(t, topic, "")

		t.Run("T45 SOAPActions", func(t *testing.T) {
			const get = "http://docs.oasis-open.org/wsn/bw-2/PullPoint/GetMessagesRequest"
			for _, action := range []string{"", `""`, get, `"` + get + `"`} {
				a := s.Post(t, local(pullPoint), n.actor().Message(nsptest.NewMessageID(), getMessages("")), "SOAPAction", action)
				assert.Equal(t, http.StatusOK, a.Status, action)
			}
			other := "http://docs.oasis-open.org/wsn/bw-2/PullPoint/DestroyPullPointRequest"
			a := s.Post(t, local(pullPoint), n.actor().Message(nsptest.NewMessageID(), getMessages("")), "SOAPAction", other)
			assert.Equal(t, []string{"soap:Client"}, a.All(t, "faultcode"))
		})

		t.Run("T46 messages that cannot be read", func(t *testing.T) {
			message := string(enveloped(notify(change(topic, nasFirst))))
			soap12 := strings.Replace(message, "http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope", 1)
			assert.Contains(t, string(s.Post(t, nasBroker, []byte(soap12)).Body), "VersionMismatch")
			for _, bad := range []string{`<!DOCTYPE a [<!ENTITY b "c">]>` + message, message[:len(message)/2]} {
				assert.Equal(t, []string{"soap:Client"}, s.Post(t, nasBroker, []byte(bad)).All(t, "faultcode"))
			}
			assert.Equal(t, http.StatusRequestEntityTooLarge, s.Post(t, nasBroker, bytes.Repeat([]byte("x"), 11<<20)).Status)
			assert.Empty(t, n.fetch(t, pullPoint, ""))
			var many []advis
			for range 10 {
				m := change(topic, nasFirst)
				m.content = `<advis:NotifyContent id="1" idType="t"><a><version xmlns="">` + fmt.Sprint(m.version) + `</version>` +
					strings.Repeat("x", 900_000) + `</a></advis:NotifyContent>`
				many = append(many, m)
			}
			chunked := struct{ io.Reader }{bytes.NewReader(enveloped(notify(many...)))} // of no known length
			require.Equal(t, http.StatusOK, s.Do(t, http.MethodPost, nasBroker, chunked).Status)
			got := 0
			for found := n.fetch(t, pullPoint, ""); len(found) > 0; found = n.fetch(t, pullPoint, "") {
				got += len(found)
			}
			assert.Equal(t, 10, got)
		})

		t.Run("T47 what is not offered", func(t *testing.T) {
			sub := n.subscribe(t, pullPoint, topic, "")
			for _, operation := range []string{"Renew", "PauseSubscription", "ResumeSubscription", "GetCurrentMessage"} {
				a := n.call(t, local(sub), `<wsnt:`+operation+` `+nasPrefix+`/>`)
				assert.Equal(t, []string{"soap:Client"}, a.All(t, "faultcode"), operation)
			}
			faults(t, n.call(t, local(pullPoint), notify(change(topic, nasFirst))), "NotifyFailedFault")
		})

		t.Run("T48 contracts", func(t *testing.T) {
			for _, path := range []string{
				nasBroker, nasManager, nasFactory, nasLists, local(pullPoint), "/notificationbroker/service", "/subscriptionmanager/service",
				"/pullpointfactory/service", "/idlist/service",
			} {
				for _, query := range []string{"?wsdl", "?wsdl&version=20251030"} {
					a := s.Do(t, http.MethodGet, path+query, http.NoBody)
					require.Equal(t, http.StatusOK, a.Status, path+query)
					assert.Contains(t, string(a.Body), `location="`+s.URL+path, path+query)
				}
			}
			assert.Equal(t, http.StatusMethodNotAllowed, s.Do(t, http.MethodGet, nasBroker, http.NoBody).Status)
		})
	})
}

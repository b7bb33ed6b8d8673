package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/bootstrap"
)

func TestNASCommand(t *testing.T) {
	token := filepath.Join(t.TempDir(), "operator.token")
	require.NoError(t, os.WriteFile(token, []byte("secret\n"), 0o600))
	const (
		topic = `{"topic":"urn:test:Changed","internal":"nas.Changed","active":true,"state":"ready","partitions":6,"replication":3,"config":{"segment_ms":5,"retention_ms":86400000},
			"access":[{"identifier":"ALL"},{"identifier":"CVR:99999901-FID:1008","comment":"EPJ"}],"createdAt":"2026-11-21T12:00:00Z","createdBy":"operator"}`
		closed = `{"topic":"urn:test:Old","internal":"nas.Old","active":false,"state":"ready","closedAt":"2026-11-21T12:00:00Z","partitions":1,"access":[],"createdAt":"2026-11-20T12:00:00Z","createdBy":"configuration"}`
		half   = `{"topic":"urn:test:Half","internal":"nas.Half","active":false,"state":"creating","partitions":2,"access":[],"createdAt":"2026-11-20T12:00:00Z","createdBy":"operator"}`
		point  = `{"id":"00000000-0000-4000-8000-00000000000`
	)
	answers := map[string]string{}
	var asked []string
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		call := r.Method + " " + strings.TrimPrefix(r.URL.RequestURI(), "/api/nas/v1/admin/")
		asked = append(asked, strings.TrimSpace(call+" "+string(body)))
		assert.Equal(t, "Bearer secret", r.Header.Get("Authorization"))
		switch answer, ok := answers[call]; {
		case !ok:
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"title":"Topic unknown","detail":"The topic is not known."}`))
		case answer == "":
			w.WriteHeader(http.StatusNoContent)
		default:
			_, _ = w.Write([]byte(answer))
		}
	}))
	defer api.Close()

	for _, c := range []struct {
		name    string
		args    []string
		answers map[string]string
		asked   []string
		out     string
		code    int
		stderr  string
	}{
		{name: "create", args: []string{"topic", "create", "urn:test:Changed", "--setting", "retention_ms=86400000", "--access", "ALL"},
			answers: map[string]string{"POST topics": topic},
			asked:   []string{`POST topics {"topic":"urn:test:Changed","partitions":6,"config":{"retention_ms":86400000},"access":[{"identifier":"ALL"}]}`},
			out:     "nas.Changed is open: urn:test:Changed, 6 partitions\n"},
		{name: "create with all", args: []string{"topic", "create", "urn:test:Old", "--internal", "nas.Old", "--partitions", "1", "--replication", "2", "--adopt"},
			answers: map[string]string{"POST topics": closed},
			asked:   []string{`POST topics {"topic":"urn:test:Old","internal":"nas.Old","partitions":1,"replication":2,"adopt":true}`},
			out:     "nas.Old is closed: urn:test:Old, 1 partitions\nNobody may read it yet: `nspd nas topic grant` lets somebody.\n"},
		{name: "list", args: []string{"topic", "list"}, answers: map[string]string{"GET topics": `{"topics":[` + topic + `,` + half + `,` + closed + `]}`},
			asked: []string{"GET topics"},
			out: "INTERNAL     STATE     PARTITIONS  READERS  TOPIC\nnas.Changed  open      6           2        urn:test:Changed\n" +
				"nas.Half     creating  2           0        urn:test:Half\nnas.Old      closed    1           0        urn:test:Old\n"},
		{name: "list of none", args: []string{"topic", "list"}, answers: map[string]string{"GET topics": `{"topics":[]}`}, asked: []string{"GET topics"},
			out: "There are no topics.\n"},
		{name: "show", args: []string{"topic", "show", "nas.Changed"}, answers: map[string]string{"GET topics/nas.Changed": topic}, asked: []string{"GET topics/nas.Changed"},
			out: "Topic:       urn:test:Changed\nInternal:    nas.Changed\nState:       open\nPartitions:  6\nMade:        2026-11-21 13:00:00 by operator\nCopies:      3\n" +
				"  retention_ms=86400000\n  segment_ms=5\nReaders:\n  ALL\n  CVR:99999901-FID:1008  EPJ\n"},
		{name: "show a closed one", args: []string{"topic", "show", "nas.Old"}, answers: map[string]string{"GET topics/nas.Old": closed}, asked: []string{"GET topics/nas.Old"},
			out: "Topic:       urn:test:Old\nInternal:    nas.Old\nState:       closed since 2026-11-21 13:00:00\nPartitions:  1\nMade:        2026-11-20 13:00:00 by configuration\nNobody may read it.\n"},
		{name: "open", args: []string{"topic", "open", "nas.Changed"}, answers: map[string]string{"PATCH topics/nas.Changed": topic},
			asked: []string{`PATCH topics/nas.Changed {"active":true}`}, out: "nas.Changed is open, 6 partitions\n"},
		{name: "close", args: []string{"topic", "close", "nas.Old"}, answers: map[string]string{"PATCH topics/nas.Old": closed},
			asked: []string{`PATCH topics/nas.Old {"active":false}`}, out: "nas.Old is closed, 1 partitions\n"},
		{name: "grow", args: []string{"topic", "grow", "nas.Changed", "6"}, answers: map[string]string{"PATCH topics/nas.Changed": topic},
			asked: []string{`PATCH topics/nas.Changed {"partitions":6}`}, out: "nas.Changed is open, 6 partitions\n"},
		{name: "delete", args: []string{"topic", "delete", "nas.Old"}, answers: map[string]string{"DELETE topics/nas.Old?force=false": ""},
			asked: []string{"DELETE topics/nas.Old?force=false"}, out: "nas.Old is gone\n"},
		{name: "delete by force", args: []string{"topic", "delete", "nas.Old", "--force"}, answers: map[string]string{"DELETE topics/nas.Old?force=true": ""},
			asked: []string{"DELETE topics/nas.Old?force=true"}, out: "nas.Old is gone\n"},
		{name: "grant", args: []string{"topic", "grant", "nas.Old", "CVR:99999901", "--comment", "Region"}, answers: map[string]string{"PUT topics/nas.Old/access/CVR:99999901": ""},
			asked: []string{`PUT topics/nas.Old/access/CVR:99999901 {"comment":"Region"}`}, out: "CVR:99999901 may read nas.Old\n"},
		{name: "revoke", args: []string{"topic", "revoke", "nas.Old", "ALL"}, answers: map[string]string{"DELETE topics/nas.Old/access/ALL": ""},
			asked: []string{"DELETE topics/nas.Old/access/ALL"}, out: "ALL may no longer read nas.Old\n"},
		{name: "a topic that there is not", args: []string{"topic", "show", "a/b"}, asked: []string{"GET topics/a%2Fb"}, code: 1,
			stderr: "the server refused: The topic is not known. (404 Not Found)"},
		{name: "all is well", args: []string{"check"}, answers: map[string]string{"GET check": `{"findings":[]}`}, asked: []string{"GET check"}, out: "Everything fits.\n"},
		{name: "what is found", args: []string{"check"}, answers: map[string]string{"GET check": `{"findings":[{"kind":"no_topic","internal":"x"}]}`}, asked: []string{"GET check"},
			out: "FOUND     INTERNAL  TOPIC  PULL POINT  SUBSCRIPTION  ID LIST\nno_topic  x         -      -           -             -\n", code: 1, stderr: "1 findings"},
		{name: "pull points, page by page", args: []string{"pullpoints"}, answers: map[string]string{
			"GET pullpoints?limit=500": `{"pullPoints":[` + point + `1","ownerCvr":"99999901","ownerSystem":"EPJ","lastSeen":"2026-11-21T12:00:00Z","subscriptions":[
				{"topic":"urn:test:Changed","lag":7},{"topic":"urn:test:Old","lag":null}]}],"next":"00000000-0000-4000-8000-000000000001"}`,
			"GET pullpoints?limit=500&after=00000000-0000-4000-8000-000000000001": `{"pullPoints":[` + point + `2","ownerCvr":"99999902","ownerSystem":"LPS","subscriptions":[]}]}`,
		}, asked: []string{"GET pullpoints?limit=500", "GET pullpoints?limit=500&after=00000000-0000-4000-8000-000000000001"},
			out: "PULL POINT                            CVR       SYSTEM  FETCHED              BEHIND  TOPIC\n" +
				"00000000-0000-4000-8000-000000000001  99999901  EPJ     2026-11-21 13:00:00  7       urn:test:Changed\n" +
				"00000000-0000-4000-8000-000000000001  99999901  EPJ     2026-11-21 13:00:00  ?       urn:test:Old\n" +
				"00000000-0000-4000-8000-000000000002  99999902  LPS     -                    -       -\n"},
		{name: "no pull points", args: []string{"pullpoints"}, answers: map[string]string{"GET pullpoints?limit=500": `{"pullPoints":[]}`},
			asked: []string{"GET pullpoints?limit=500"}, out: "There are no pull points.\n"},
		{name: "cleanup", args: []string{"cleanup"}, answers: map[string]string{"POST cleanup": ""}, asked: []string{"POST cleanup"}, out: "The clean-up runs.\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked, answers = nil, c.answers
			code, out, stderr := nspd(append(append([]string{"nas"}, c.args...), "--server", api.URL, "--token", token)...)
			assert.Equal(t, c.code, code, stderr)
			assert.Equal(t, c.out, out)
			assert.Contains(t, stderr, c.stderr)
			assert.Equal(t, c.asked, asked)
		})
	}
}

// The commands and the server understand each other: from a topic that is made to its end.
func TestNASOfServer(t *testing.T) {
	dir := t.TempDir()
	flags, stop := serverIn(t, dir, bootstrap.Setting{Key: "store.driver", Value: "memory"})
	t.Cleanup(stop)
	const topic = "urn:test:Changed"
	run := func(s step) string {
		t.Helper()
		args := flags
		if s.args[0] == "nas" {
			args = []string{"--server", flags[1], "--token", filepath.Join(dir, "operator.token")}
		}
		code, out, stderr := nspd(append(s.args, args...)...)
		assert.Equal(t, s.code, code, "%v: %s", s.args, stderr)
		assert.Contains(t, out, s.want, "%v", s.args)
		assert.Contains(t, stderr, s.stderr, "%v", s.args)
		return strings.TrimSpace(out)
	}
	call := func(args ...string) []string { return append([]string{"call", "nas"}, args...) }

	run(step{args: []string{"nas", "topic", "create", topic, "--internal", "nas.changed"}, want: "nas.changed is open"})
	run(step{args: call("idlist", "create", "ward", "2512489996", "--description", "Ward"), want: "ward is made"})
	run(step{args: call("idlist", "create", "ward", "2512489996", "0511804817"), want: "ward is replaced"})
	point := run(step{args: call("createpullpoint"), want: "/nas2/pullpoint/"})
	run(step{args: call("subscribe", point, topic), code: 1, stderr: "(not_authorized)"})
	run(step{args: []string{"nas", "topic", "grant", "nas.changed", "CVR:99999901-FID:1008"}, want: "may read nas.changed"})
	listed := run(step{args: call("subscribe", point, topic, "--id-list", "ward", "--for", "1h"), want: "/nas2/subscriptionmanager/"})
	chosen := run(step{args: call("subscribe", point, topic, "--id", "1101116171", "--xpath", "/advis:NotifyContent/e:Changed", "--namespace", "e=urn:example"), want: "/nas2/subscriptionmanager/"})

	run(step{args: call("fetch", point), want: "There is nothing to fetch."})
	run(step{args: call("publish", topic), want: "1 notification is published"})
	run(step{args: call("publish", topic, "--id", "1101116171"), want: "1 notification is published"})
	run(step{args: call("publish", topic, "--id", "", "--system", "--content", `<e:Changed xmlns:e="urn:other"/>`), want: "1 notification is published"})
	run(step{args: []string{"nas", "pullpoints"}, want: "99999901"})
	for _, want := range []string{"about 2512489996\n  <Changed xmlns=\"urn:example\"></Changed>\n", "about 1101116171\n  <Changed", "about -, for everybody\n  <e:Changed"} {
		run(step{args: call("fetch", point, "--max", "1"), want: want})
	}
	run(step{args: call("fetch", point), want: "There is nothing to fetch."})
	run(step{args: call("fetch", point, "--as", "laege"), code: 1, stderr: "pull point not known"})

	run(step{args: call("publish", "urn:test:None"), code: 1, stderr: "notification 1: topic_unknown"})
	run(step{args: call("publish", "urn:test:None", "--content", "x"), code: 1})
	run(step{args: call("publish", "a b"), code: 1, stderr: "notification refused: topic_unknown"})
	run(step{args: call("fetch", "x"), code: 1, stderr: "x: not the address of a pull point"})
	run(step{args: call("unsubscribe", "x"), code: 1, stderr: "x: not the address of a subscription"})

	run(step{args: call("unsubscribe", listed), want: "has ended"})
	run(step{args: call("unsubscribe", listed), code: 1, stderr: "subscription not known"})
	run(step{args: call("destroypullpoint", point), want: "has ended"})
	run(step{args: call("unsubscribe", chosen), code: 1, stderr: "subscription not known"})
	run(step{args: call("idlist", "destroy", "ward"), want: "ward is gone"})
	run(step{args: call("idlist", "destroy", "ward"), code: 1, stderr: "there is no list ward"})
	run(step{args: []string{"nas", "check"}, want: "Everything fits."})
	run(step{args: []string{"nas", "topic", "delete", "nas.changed"}, code: 1, stderr: "409"})
	run(step{args: []string{"nas", "topic", "close", "nas.changed"}, want: "nas.changed is closed"})
	run(step{args: []string{"nas", "topic", "delete", "nas.changed", "--force"}, want: "nas.changed is gone"})
	run(step{args: []string{"nas", "cleanup"}, want: "The clean-up runs."})
}

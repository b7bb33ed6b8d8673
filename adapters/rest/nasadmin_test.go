package rest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/rest"
	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/application/notifying"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/job"
	"github.com/opennsp/nsp/domain/nas"
)

const topics = nasBase + "admin/topics"

// admin calls as the operator; body "" = none.
func (h *house) admin(t *testing.T, method, path, body string) answer {
	t.Helper()
	headers := bearer(operatorToken)
	if body != "" {
		headers = append(headers, "Content-Type", "application/json")
	}
	return h.call(t, method, path, body, headers...)
}

func TestTopics(t *testing.T) {
	t.Run("T50 a topic is made, and made again as it is", func(t *testing.T) {
		h := start(t)
		const body = `{"topic":"` + cardChanged + `","partitions":3,"replication":1,"config":{"retention_ms":86400000,"segment_bytes":1000},
			"access":[{"identifier":"CVR:99999901-FID:1008","comment":"EPJ"},{"identifier":"ALL"}]}`
		made := h.admin(t, http.MethodPost, topics, body)
		require.Equal(t, http.StatusCreated, made.Code, "%s", made.Body)
		internal := string(nas.InternalTopic(cardChanged))
		assert.Equal(t, topics+"/"+internal, made.Header().Get("Location"))
		assert.Equal(t, map[string]any{
			"topic": cardChanged, "internal": internal, "active": true, "state": "ready", "partitions": 3.0, "replication": 1.0,
			"config": map[string]any{"retention_ms": 86400000.0, "segment_bytes": 1000.0},
			"access": []any{map[string]any{"identifier": "ALL", "createdAt": "2026-11-21T12:00:00Z"},
				map[string]any{"identifier": "CVR:99999901-FID:1008", "comment": "EPJ", "createdAt": "2026-11-21T12:00:00Z"}},
			"createdAt": "2026-11-21T12:00:00Z", "createdBy": "operator",
		}, made.body)
		again := h.admin(t, http.MethodPost, topics, body)
		require.Equal(t, http.StatusCreated, again.Code)
		assert.Equal(t, made.body, again.body)
		assert.Equal(t, made.body, h.admin(t, http.MethodGet, topics+"/"+internal, "").body)
		assert.Equal(t, map[string]any{"topics": []any{made.body}}, h.admin(t, http.MethodGet, topics, "").body)
		h.problem(t, h.admin(t, http.MethodPost, topics, `{"topic":"`+cardChanged+`"}`), http.StatusConflict, "conflict")
	})

	t.Run("it is closed, opened and grows", func(t *testing.T) {
		h := startNAS(t)
		closed := h.admin(t, http.MethodPatch, topics+"/"+internalTopic, `{"active":false}`)
		require.Equal(t, http.StatusOK, closed.Code, "%s", closed.Body)
		assert.Equal(t, []any{false, "2026-11-21T12:00:00Z"}, []any{closed.body["active"], closed.body["closedAt"]})
		opened := h.admin(t, http.MethodPatch, topics+"/"+internalTopic, `{"active":true}`)
		assert.Equal(t, []any{true, nil}, []any{opened.body["active"], opened.body["closedAt"]})
		grown := h.admin(t, http.MethodPatch, topics+"/"+internalTopic, `{"partitions":12}`)
		require.Equal(t, http.StatusOK, grown.Code, "%s", grown.Body)
		assert.InDelta(t, 12, grown.body["partitions"], 0)
		partitions, err := h.db.Topics().Topics(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 12, partitions[internalTopic])
		h.problem(t, h.admin(t, http.MethodPatch, topics+"/"+internalTopic, `{"partitions":2}`), http.StatusConflict, "conflict")
	})

	t.Run("T51 it is deleted once it was closed for long enough, or by force", func(t *testing.T) {
		h := startNAS(t)
		h.problem(t, h.admin(t, http.MethodDelete, topics+"/"+internalTopic, ""), http.StatusConflict, "topic_open")
		require.Equal(t, http.StatusOK, h.admin(t, http.MethodPatch, topics+"/"+internalTopic, `{"active":false}`).Code)
		h.now = noon.Add(24 * time.Hour)
		h.problem(t, h.admin(t, http.MethodDelete, topics+"/"+internalTopic+"?force=false", ""), http.StatusConflict, "topic_open")
		h.now = noon.Add(14 * 24 * time.Hour)
		require.Equal(t, http.StatusNoContent, h.admin(t, http.MethodDelete, topics+"/"+internalTopic, "").Code)
		h.problem(t, h.admin(t, http.MethodGet, topics+"/"+internalTopic, ""), http.StatusNotFound, "topic_unknown")

		h = startNAS(t)
		epj := h.as(t, "epj")
		id := h.pullPoint(t, epj)
		h.subscription(t, epj, id, everything(cardChanged))
		require.Equal(t, http.StatusNoContent, h.admin(t, http.MethodDelete, topics+"/"+internalTopic+"?force=true", "").Code)
		assert.Empty(t, h.get(t, epj, nasBase+"pullpoints/"+id).body["subscriptions"])
	})

	t.Run("access", func(t *testing.T) {
		h := startNAS(t)
		const reader = topics + "/" + internalTopic + "/access/CVR:99999901-UI:DK-O:G:5f0c2f3e-0001-4000-8000-000000001009"
		for _, comment := range []string{"a", "b"} {
			require.Equal(t, http.StatusNoContent, h.admin(t, http.MethodPut, reader, `{"comment":"`+comment+`"}`).Code)
		}
		a := h.admin(t, http.MethodGet, topics+"/"+internalTopic, "")
		assert.Contains(t, a.Body.String(), `{"identifier":"CVR:99999901-UI:DK-O:G:5f0c2f3e-0001-4000-8000-000000001009","comment":"b",`)
		for range 2 {
			require.Equal(t, http.StatusNoContent, h.admin(t, http.MethodDelete, reader, "").Code)
		}
		assert.NotContains(t, h.admin(t, http.MethodGet, topics+"/"+internalTopic, "").Body.String(), "CVR:")
	})

	t.Run("T50 what does not fit is found", func(t *testing.T) {
		h := startNAS(t)
		assert.Equal(t, map[string]any{"findings": []any{}}, h.admin(t, http.MethodGet, nasBase+"admin/check", "").body)
		require.NoError(t, h.db.Topics().DeleteTopic(t.Context(), internalTopic))
		assert.Equal(t, map[string]any{"findings": []any{map[string]any{"kind": "no_log_topic", "topic": cardChanged, "internal": internalTopic}}},
			h.admin(t, http.MethodGet, nasBase+"admin/check", "").body)
	})

	t.Run("the pull points of all owners, page by page", func(t *testing.T) {
		h := startNAS(t)
		epj, laege := h.as(t, "epj"), h.as(t, "laege")
		ids := map[string]bool{h.pullPoint(t, epj): true, h.pullPoint(t, laege): true}
		id := h.pullPoint(t, epj)
		ids[id] = true
		h.subscription(t, epj, id, everything(cardChanged))
		require.Equal(t, http.StatusNoContent, h.publish(t, aboutNancy).Code)
		after := ""
		for range 3 {
			a := h.admin(t, http.MethodGet, nasBase+"admin/pullpoints?limit=1"+after, "")
			require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
			list, _ := a.body["pullPoints"].([]any)
			require.Len(t, list, 1)
			p, _ := list[0].(map[string]any)
			assert.True(t, ids[p["id"].(string)])
			delete(ids, p["id"].(string))
			assert.Equal(t, p["id"], a.body["next"])
			if p["id"] == id {
				assert.Equal(t, "99999901", p["ownerCvr"])
				assert.NotEmpty(t, p["ownerSystem"])
				s, _ := p["subscriptions"].([]any)[0].(map[string]any)
				assert.Equal(t, []any{cardChanged, 1.0}, []any{s["topic"], s["lag"]})
			}
			after = "&after=" + p["id"].(string)
		}
		assert.Empty(t, ids)
		assert.Equal(t, map[string]any{"pullPoints": []any{}}, h.admin(t, http.MethodGet, nasBase+"admin/pullpoints?limit=1"+after, "").body)
		all := h.admin(t, http.MethodGet, nasBase+"admin/pullpoints", "")
		assert.Len(t, all.body["pullPoints"], 3)
		assert.NotContains(t, all.body, "next")

		require.NoError(t, h.db.Topics().DeleteTopic(t.Context(), internalTopic))
		assert.Contains(t, h.admin(t, http.MethodGet, nasBase+"admin/pullpoints", "").Body.String(), `"lag":null`)
	})

	t.Run("T52 the clean-up runs once at a time", func(t *testing.T) {
		h := start(t)
		// runs that have ended: the runner would begin by itself
		for _, name := range []string{logkeeping.CleanupJob, notifying.CleanupJob} {
			require.NoError(t, h.db.JobRuns().Keep(t.Context(), job.Run{Name: name, StartedAt: noon, FinishedAt: noon, SucceededAt: noon, OK: true}))
		}
		h.runJobs(t)
		require.Equal(t, http.StatusAccepted, h.admin(t, http.MethodPost, nasBase+"admin/cleanup", "").Code)
		assert.Equal(t, []string{"NAS/NASCleanup user=operator"}, h.said(t))
		h.problem(t, h.admin(t, http.MethodPost, nasBase+"admin/cleanup", ""), http.StatusConflict, "job_running")
		require.Eventually(t, func() bool { return h.nasCleaned.begun() == 1 }, time.Minute, time.Millisecond)
		h.nasCleaned.letGo()
	})
}

// Nobody but an administrator administers topics.
func TestTopicsAreForAdministrators(t *testing.T) {
	operations := []struct{ method, path, body string }{
		{http.MethodPost, topics, `{"topic":"a:b"}`}, {http.MethodGet, topics, ""}, {http.MethodGet, topics + "/" + internalTopic, ""},
		{http.MethodPatch, topics + "/" + internalTopic, `{"active":false}`}, {http.MethodPatch, topics + "/" + internalTopic, `{"partitions":12}`},
		{http.MethodDelete, topics + "/" + internalTopic + "?force=true", ""}, {http.MethodPut, topics + "/" + internalTopic + "/access/ALL", `{}`},
		{http.MethodDelete, topics + "/" + internalTopic + "/access/ALL", ""}, {http.MethodGet, nasBase + "admin/check", ""},
		{http.MethodGet, nasBase + "admin/pullpoints", ""}, {http.MethodPost, nasBase + "admin/cleanup", ""},
	}
	h := startNAS(t)
	before := h.admin(t, http.MethodGet, topics, "").Body.String()
	for _, who := range []string{"", "laege", "spaerringsadm", "epj", nancy} {
		token, status, code := "", http.StatusUnauthorized, fault.CodeMissingHeader
		if who != "" {
			token, status, code = h.as(t, who), http.StatusForbidden, fault.CodeNotAuthorized
		}
		for _, o := range operations {
			t.Run(o.method+" "+strings.TrimPrefix(o.path, nasBase)+" by another", func(t *testing.T) {
				h.now = h.now.Add(time.Second)
				headers := bearer(token)
				if o.body != "" {
					headers = append(headers, "Content-Type", "application/json")
				}
				h.problem(t, h.call(t, o.method, o.path, o.body, headers...), status, code)
			})
		}
	}
	assert.Equal(t, before, h.admin(t, http.MethodGet, topics, "").Body.String())
	assert.Equal(t, http.StatusOK, h.get(t, h.as(t, "administrator"), topics).Code)
}

func TestBadInputOfNAS(t *testing.T) {
	const point = nasBase + "pullpoints/" + someUUID
	h := startNAS(t)
	epj := h.as(t, "epj")
	id := h.pullPoint(t, epj)
	before := h.admin(t, http.MethodGet, topics, "").Body.String()
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		code                     string
	}{
		{"no notifications", "POST", nasBase + "notifications", `{"notifications":[]}`, 400, fault.CodeSyntax},
		{"notifications left out", "POST", nasBase + "notifications", `{}`, 400, fault.CodeSyntax},
		{"a notification that is none", "POST", nasBase + "notifications", `{"notifications":["x"]}`, 400, fault.CodeSyntax},
		{"an unknown member", "POST", nasBase + "notifications", `{"notifications":[{"topic":"a:b","content":"<a/>","dialect":"x"}]}`, 400, fault.CodeSyntax},
		{"a text for a boolean", "POST", nasBase + "notifications", `{"notifications":[{"system":"true"}]}`, 400, fault.CodeSyntax},
		{"a member twice", "POST", nasBase + "notifications", `{"notifications":[{"topic":"a:b","topic":"a:c"}]}`, 400, fault.CodeSyntax},
		{"content that is no text", "POST", nasBase + "notifications", `{"notifications":[{"topic":"a:b","content":{"a":1}}]}`, 400, fault.CodeSyntax},
		{"a query of a Notify", "POST", nasBase + "notifications?x=1", `{"notifications":[` + aboutNancy + `]}`, 400, fault.CodeSyntax},
		{"GET of notifications", "GET", nasBase + "notifications", "", 405, fault.CodeHTTPMethod},

		{"a body of a pull point", "POST", nasBase + "pullpoints", `{}`, 400, fault.CodeSyntax},
		{"a query of pull points", "GET", nasBase + "pullpoints?all=true", "", 400, fault.CodeSyntax},
		{"an id that is no UUID", "GET", nasBase + "pullpoints/x", "", 404, "no_such_resource"},
		{"a person's number as id", "DELETE", nasBase + "subscriptions/" + nancy, "", 404, "no_such_resource"},
		{"a UUID in capitals", "DELETE", nasBase + "pullpoints/ABCDEF00-0000-4000-8000-000000000001", "", 404, "no_such_resource"},
		{"another's or no subscription", "DELETE", nasBase + "subscriptions/" + someUUID, "", 404, "resource_unknown"},

		{"T29 a negative number", "POST", point + "/fetch", `{"max":-1}`, 400, fault.CodeSyntax},
		{"T29 a text for a number", "POST", point + "/fetch", `{"max":"20"}`, 400, fault.CodeSyntax},
		{"T29 a number with decimals", "POST", point + "/fetch", `{"max":1.5}`, 400, fault.CodeSyntax},
		{"no number", "POST", point + "/fetch", `{"max":null}`, 400, fault.CodeSyntax},
		{"a fetch of nothing", "POST", point + "/fetch", ``, 400, fault.CodeSyntax},
		{"a fetch at no UUID", "POST", nasBase + "pullpoints/x/fetch", `{}`, 404, "no_such_resource"},
		{"GET of messages", "GET", point + "/fetch", "", 405, fault.CodeHTTPMethod},

		{"ids that restrict nothing", "POST", point + "/subscriptions", `{"topic":"` + cardChanged + `","ids":[]}`, 400, fault.CodeSyntax},
		{"a namespace twice", "POST", point + "/subscriptions", `{"topic":"a:b","xpath":{"expression":"/a:b","namespaces":{"a":"u","a":"v"}}}`, 400, fault.CodeSyntax},
		{"a namespace that is no text", "POST", point + "/subscriptions", `{"topic":"a:b","xpath":{"expression":"/a:b","namespaces":{"a":1}}}`, 400, fault.CodeSyntax},
		{"a misspelt filter", "POST", point + "/subscriptions", `{"topic":"` + cardChanged + `","idlist":"x"}`, 400, fault.CodeSyntax},

		{"a list without type", "PUT", nasBase + "idlists/x", `{"ids":["1"]}`, 400, fault.CodeSyntax},
		{"an id that is empty", "PUT", nasBase + "idlists/x", `{"idType":"t","ids":["a",""]}`, 400, fault.CodeSyntax},
		{"an id that is null", "PUT", nasBase + "idlists/x", `{"idType":"t","ids":["a",null]}`, 400, fault.CodeSyntax},
		{"an id that is a number", "PUT", nasBase + "idlists/x", `{"idType":"t","ids":[1]}`, 400, fault.CodeSyntax},
		{"too many ids", "PUT", nasBase + "idlists/x", `{"idType":"t","ids":["1","2","3","4"]}`, 400, fault.CodeSyntax},
		{"a long name", "PUT", nasBase + "idlists/" + strings.Repeat("x", 201), `{"idType":"t"}`, 400, fault.CodeSyntax},
		{"a name with a control character", "PUT", nasBase + "idlists/a%00", `{"idType":"t"}`, 400, fault.CodeSyntax},
		{"a name that is no text", "PUT", nasBase + "idlists/a%2F%ff", `{"idType":"t"}`, 404, "no_such_resource"},
		{"a list in the body", "PUT", nasBase + "idlists/x", `{"name":"x","idType":"t"}`, 400, fault.CodeSyntax},
		{"no list", "GET", nasBase + "idlists/x", "", 404, "id_list_unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			headers := bearer(epj)
			if c.body != "" {
				headers = append(headers, "Content-Type", "application/json")
			}
			h.problem(t, h.call(t, c.method, c.path, c.body, headers...), c.status, c.code)
			assert.NotContains(t, h.log.String(), "panic")
		})
	}
	for _, c := range []struct {
		name, body, code string
	}{
		{"T9 no topic", `{}`, "invalid_filter"},
		{"T8 a blank within a topic", everything("a b"), "invalid_topic_expression"},
		{"T11 an unknown topic", everything("a:b"), "topic_unknown"},
		{"an unknown list", `{"topic":"` + cardChanged + `","idList":"none"}`, "id_list_unknown"},
		{"a list without name", `{"topic":"` + cardChanged + `","idList":""}`, "id_list_unknown"},
		{"a list and ids", `{"topic":"` + cardChanged + `","idList":"x","ids":[{"id":"1","idType":"t"}]}`, "invalid_message_content"},
		{"an id without type", `{"topic":"` + cardChanged + `","ids":[{"id":"1"}]}`, "invalid_message_content"},
		{"too many ids", `{"topic":"` + cardChanged + `","ids":[{"id":"1","idType":"t"},{"id":"2","idType":"t"},{"id":"3","idType":"t"}]}`, "invalid_message_content"},
		{"T6 a variable", `{"topic":"` + cardChanged + `","xpath":{"expression":"$v"}}`, "xpath"},
		{"an empty expression", `{"topic":"` + cardChanged + `","xpath":{"expression":""}}`, "xpath"},
		{"T26 an end in the past", `{"topic":"` + cardChanged + `","expires":"2026-11-21T11:00:00Z"}`, "unacceptable_termination_time"},
		{"T26 a negative duration", `{"topic":"` + cardChanged + `","expires":"-PT1H"}`, "unacceptable_termination_time"},
		{"T26 no time", `{"topic":"` + cardChanged + `","expires":"xyz"}`, "unacceptable_termination_time"},
	} {
		t.Run("subscribe: "+c.name, func(t *testing.T) {
			h.problem(t, h.post(t, epj, nasBase+"pullpoints/"+id+"/subscriptions", c.body), http.StatusUnprocessableEntity, c.code)
			assert.Empty(t, h.get(t, epj, nasBase+"pullpoints/"+id).body["subscriptions"])
		})
	}
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		code                     string
	}{
		{"a topic without name", "POST", topics, `{}`, 422, "invalid_topic_expression"},
		{"no partitions", "POST", topics, `{"topic":"a:b","partitions":-1}`, 422, "invalid_topic"},
		{"a setting that is not known", "POST", topics, `{"topic":"a:b","config":{"x":1}}`, 422, "invalid_topic"},
		{"a setting that is no number", "POST", topics, `{"topic":"a:b","config":{"retention_ms":"1"}}`, 400, fault.CodeSyntax},
		{"a setting twice", "POST", topics, `{"topic":"a:b","config":{"flush_ms":1,"flush_ms":2}}`, 400, fault.CodeSyntax},
		{"another service's topic", "POST", topics, `{"topic":"a:b","internal":"minlog"}`, 409, "conflict"},
		{"an internal topic that is none", "POST", topics, `{"topic":"a:b","internal":"a/b"}`, 422, "invalid_internal_topic"},
		{"a reader that is none", "POST", topics, `{"topic":"a:b","access":[{"identifier":"CVR:1"}]}`, 422, "invalid_access_identifier"},
		{"both changes", "PATCH", topics + "/" + internalTopic, `{"active":true,"partitions":3}`, 400, fault.CodeSyntax},
		{"no change", "PATCH", topics + "/" + internalTopic, `{}`, 400, fault.CodeSyntax},
		{"another change", "PATCH", topics + "/" + internalTopic, `{"topic":"x"}`, 400, fault.CodeSyntax},
		{"a topic that is none", "GET", topics + "/none", "", 404, "topic_unknown"},
		{"a path that no topic has", "GET", topics + "/a%20b", "", 404, "no_such_resource"},
		{"a force that is none", "DELETE", topics + "/" + internalTopic + "?force=1", "", 400, fault.CodeSyntax},
		{"a force twice", "DELETE", topics + "/" + internalTopic + "?force=true&force=true", "", 400, fault.CodeSyntax},
		{"another query", "DELETE", topics + "/" + internalTopic + "?forced=true", "", 400, fault.CodeSyntax},
		{"access of nobody", "PUT", topics + "/" + internalTopic + "/access/" + nancy, `{}`, 422, "invalid_access_identifier"},
		{"a page of nothing", "GET", nasBase + "admin/pullpoints?limit=0", "", 400, fault.CodeSyntax},
		{"a large page", "GET", nasBase + "admin/pullpoints?limit=501", "", 400, fault.CodeSyntax},
		{"a page after nothing", "GET", nasBase + "admin/pullpoints?after=x", "", 400, fault.CodeSyntax},
		{"a body of a clean-up", "POST", nasBase + "admin/cleanup", `{}`, 400, fault.CodeSyntax},
	} {
		t.Run("administration: "+c.name, func(t *testing.T) {
			h.problem(t, h.admin(t, c.method, c.path, c.body), c.status, c.code)
			assert.Equal(t, before, h.admin(t, http.MethodGet, topics, "").Body.String())
		})
	}
}

// Each part of the service has its own addresses, on a server that has it alone too.
func TestMountNAS(t *testing.T) {
	paths := func(n *rest.NAS) (all []string) {
		h := start(t)
		h.deps.NAS = n
		h.echo = echo.New()
		rest.MountNAS(h.echo, h.deps)
		for _, path := range []string{"notifications", "pullpoints", "admin/topics", "admin/cleanup"} {
			rec := httptest.NewRecorder()
			h.echo.ServeHTTP(rec, h.request(echo.REPORT, nasBase+path, strings.NewReader("")))
			if rec.Code == http.StatusMethodNotAllowed {
				all = append(all, path)
			}
		}
		rec := httptest.NewRecorder()
		h.echo.ServeHTTP(rec, h.request(http.MethodGet, base+"grants", strings.NewReader("")))
		assert.Equal(t, http.StatusNotFound, rec.Code, "nothing else is there")
		return all
	}
	whole := start(t).deps.NAS
	assert.Equal(t, []string{"notifications", "pullpoints", "admin/topics", "admin/cleanup"}, paths(whole))
	assert.Equal(t, []string{"notifications"}, paths(&rest.NAS{Broker: whole.Broker}))
	assert.Equal(t, []string{"pullpoints"}, paths(&rest.NAS{Subscriptions: whole.Subscriptions, Fetching: whole.Fetching}))
	assert.Equal(t, []string{"admin/topics"}, paths(&rest.NAS{Administration: whole.Administration}))
	assert.Empty(t, paths(nil))
}

// T54: nothing that is logged or told of a failure names a person, and the audit log names none but who calls.
func TestNASNamesNobody(t *testing.T) {
	h := startNAS(t)
	epj := h.as(t, "epj")
	id := h.pullPoint(t, epj)
	lines := len(h.audit.Lines())
	answers := []answer{
		h.post(t, epj, nasBase+"pullpoints/"+id+"/subscriptions", `{"topic":"none","ids":[{"id":"`+nancy+`","idType":"`+nasCPR+`"}]}`),
		h.post(t, epj, nasBase+"pullpoints/"+id+"/subscriptions", `{"topic":"`+cardChanged+`","ids":[{"id":"`+nancy+`"}]}`),
		h.publish(t, strings.Replace(aboutNancy, content, "<a>"+nancy, 1)),
		h.call(t, http.MethodPut, nasBase+"idlists/x", `{"idType":"t","ids":["`+nancy+`",""]}`, append(bearer(epj), "Content-Type", "application/json")...),
	}
	for _, a := range answers {
		assert.GreaterOrEqual(t, a.Code, 400)
		assert.NotContains(t, a.Body.String(), nancy, "T54 in a problem")
	}
	h.subscription(t, epj, id, `{"topic":"`+cardChanged+`","ids":[{"id":"`+nancy+`","idType":"`+nasCPR+`"}]}`)
	require.Equal(t, http.StatusNoContent, h.publish(t, aboutNancy).Code)
	require.Len(t, messages(h.fetch(t, epj, id, `{}`, "m-1")), 1)
	assert.NotContains(t, fmt.Sprint(h.audit.Lines()[lines:]), nancy, "T54 in the audit log")
}

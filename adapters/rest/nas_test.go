package rest_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/allowlist"
	"github.com/opennsp/nsp/adapters/rest"
	"github.com/opennsp/nsp/adapters/soap/nasws"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/notifying"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/ports"
)

const (
	nasBase       = "/api/nas/v1/"
	cardChanged   = "http://example.dk/advis/2024/01/01:CardChanged"
	otherTopic    = "http://example.dk/advis/2024/01/01:Other"
	internalTopic = "nas.card"
	nasCPR        = "http://nsi.dk/advis/v10/CPR"
	content       = `<c:CardChanged xmlns:c=\"http://example.dk/advis/2024/01/01\"><c:version>7</c:version></c:CardChanged>`
	aboutNancy    = `{"topic":"` + cardChanged + `","id":"` + nancy + `","idType":"` + nasCPR + `","content":"` + content + `"}`
	someUUID      = "00000000-0000-4000-8000-000000000001"
)

// anyExpression compiles what has no variable and matches everything.
type anyExpression struct{}

func (anyExpression) Compile(x nas.XPath) (ports.ContentExpression, error) {
	if strings.Contains(x.Expression, "$") {
		return nil, errors.New("a variable")
	}
	return anyExpression{}, nil
}

func (anyExpression) Match([]byte) (bool, error) { return true, nil }

// nas is the notification service on the stores in memory.
func (h *house) nas(log *slog.Logger) *rest.NAS {
	now := func() time.Time { return h.now }
	trail := admitting.Trail{}
	topics := &notifying.Directory{Store: h.db.NASTopics(), Now: now}
	return &rest.NAS{
		Broker: &notifying.Broker{
			Topics: topics, Log: &h.nasLog, Contents: nasws.Contents{}, Trail: trail, Now: now, MaxMessages: 3, MaxBytes: 1000,
		},
		Subscriptions: &notifying.Subscriptions{
			Store: h.db.PullPoints(), Topics: topics, Log: &h.nasLog, Lists: h.db.IDLists(), Filters: anyExpression{}, Trail: trail, Now: now,
			NewID: uuid.NewString, MaxPerOwner: 3, MaxPerPullPoint: 2, MaxSingleIDs: 2, MaxIDs: 3,
		},
		Fetching: &notifying.Fetching{
			Store: h.db.PullPoints(), Topics: topics, Log: &h.nasLog, Lists: h.db.IDLists(), Filters: anyExpression{}, Trail: trail, Now: now,
			Default: 2, Limit: 5, MaxBytes: 1 << 20, Poll: time.Second, CatchUpPoll: time.Second, DeltaMax: 1000, MaxTime: time.Minute,
			AdvanceMin: 1000, CacheIDs: 100,
		},
		Administration: &notifying.Administration{
			Store: h.db.NASTopics(), PullPoints: h.db.PullPoints(), Lists: h.db.IDLists(), Log: &h.nasLog, Admin: h.db.Topics(), Topics: topics,
			Trail: trail, Now: now, Others: []messagelog.Topic{"minlog"}, CloseDays: 14,
		},
		Cleaning: &notifying.Cleaning{Runner: h.runner, Trail: trail},
		Publishers: allowlist.List{
			{Network: netip.MustParsePrefix("192.0.2.0/24"), Name: "kilde"}, // where tests call from
			{Network: netip.MustParsePrefix("198.51.100.7/32"), Name: "anden", Topics: []string{otherTopic}},
		},
	}
}

// startNAS is a server with an open topic that everybody may read.
func startNAS(t *testing.T, change ...func(*house)) *house {
	t.Helper()
	h := start(t, change...)
	a := h.post(t, operatorToken, nasBase+"admin/topics", `{"topic":"`+cardChanged+`","internal":"`+internalTopic+`","partitions":2,"access":[{"identifier":"ALL"}]}`)
	require.Equal(t, http.StatusCreated, a.Code, "%s", a.Body)
	return h
}

// publish publishes notifications without a token.
func (h *house) publish(t *testing.T, notifications ...string) answer {
	t.Helper()
	return h.post(t, "", nasBase+"notifications", `{"notifications":[`+strings.Join(notifications, ",")+`]}`)
}

// pullPoint makes one of the session's.
func (h *house) pullPoint(t *testing.T, token string) (id string) {
	t.Helper()
	a := h.post(t, token, nasBase+"pullpoints", "")
	require.Equal(t, http.StatusCreated, a.Code, "%s", a.Body)
	id, _ = a.body["id"].(string)
	return id
}

// subscription makes one at the pull point.
func (h *house) subscription(t *testing.T, token, pullPoint, body string) (id string) {
	t.Helper()
	a := h.post(t, token, nasBase+"pullpoints/"+pullPoint+"/subscriptions", body)
	require.Equal(t, http.StatusCreated, a.Code, "%s\n%s", a.Body, h.log.String())
	id, _ = a.body["id"].(string)
	return id
}

// fetch fetches from the pull point; key "" = without.
func (h *house) fetch(t *testing.T, token, pullPoint, body, key string) answer {
	t.Helper()
	headers := append(bearer(token), "Content-Type", "application/json")
	if key != "" {
		headers = append(headers, "Idempotency-Key", key)
	}
	return h.call(t, http.MethodPost, nasBase+"pullpoints/"+pullPoint+"/fetch", body, headers...)
}

// system opens a session of another system of the epj's organisation.
func (h *house) system(t *testing.T, name string) (token string) {
	t.Helper()
	return h.token(t, h.post(t, "", base+"sessions", `{"sample":"epj","system":"`+name+`"}`))
}

func everything(topic string) string { return `{"topic":"` + topic + `"}` }

func messages(a answer) (ids []any) {
	list, _ := a.body["messages"].([]any)
	for _, m := range list {
		ids = append(ids, m.(map[string]any)["id"])
	}
	return ids
}

func TestNAS(t *testing.T) {
	t.Run("T1 from the list to its end", func(t *testing.T) {
		h := startNAS(t)
		epj := h.as(t, "epj")
		a := h.call(t, http.MethodPut, nasBase+"idlists/ward-7", `{"description":"Ward 7","idType":"`+nasCPR+`","ids":["`+nancy+`"]}`,
			append(bearer(epj), "Content-Type", "application/json")...)
		require.Equal(t, http.StatusCreated, a.Code, "%s", a.Body)
		assert.Equal(t, map[string]any{"replaced": false}, a.body)
		assert.Equal(t, nasBase+"idlists/ward-7", a.Header().Get("Location"))

		point := h.post(t, epj, nasBase+"pullpoints", "")
		require.Equal(t, http.StatusCreated, point.Code)
		id, _ := point.body["id"].(string)
		assert.Equal(t, nasBase+"pullpoints/"+id, point.body["href"])
		assert.Equal(t, point.body["href"], point.Header().Get("Location"))

		made := h.post(t, epj, nasBase+"pullpoints/"+id+"/subscriptions", `{"topic":"`+cardChanged+`","idList":"ward-7","expires":"P1D"}`)
		require.Equal(t, http.StatusCreated, made.Code, "%s", made.Body)
		subscription, _ := made.body["id"].(string)
		assert.Equal(t, map[string]any{"id": subscription, "href": nasBase + "subscriptions/" + subscription, "expires": "2026-11-22T12:00:00Z"}, made.body)

		h.now = noon.Add(time.Second)
		require.Equal(t, http.StatusNoContent, h.publish(t, aboutNancy, strings.Replace(aboutNancy, nancy, child, 1)).Code)

		got := h.fetch(t, epj, id, `{"max":20}`, "m-1")
		require.Equal(t, http.StatusOK, got.Code, "%s", got.Body)
		assert.Equal(t, map[string]any{"more": false, "replay": false, "messages": []any{map[string]any{
			"subscription": subscription, "topic": cardChanged, "id": nancy, "idType": nasCPR, "system": false, "published": "2026-11-21T12:00:01Z",
			"content": strings.ReplaceAll(content, `\"`, `"`),
		}}}, got.body)

		assert.Equal(t, http.StatusNoContent, h.delete(t, epj, nasBase+"subscriptions/"+subscription).Code)
		assert.Equal(t, http.StatusNoContent, h.delete(t, epj, nasBase+"pullpoints/"+id).Code)
		assert.Equal(t, http.StatusNoContent, h.delete(t, epj, nasBase+"idlists/ward-7").Code)
	})

	t.Run("what is there is told of, without ids of persons", func(t *testing.T) {
		h := startNAS(t)
		epj := h.as(t, "epj")
		id := h.pullPoint(t, epj)
		one := h.subscription(t, epj, id, `{"topic":"`+cardChanged+`","ids":[{"id":"`+nancy+`","idType":"`+nasCPR+`"}]}`)
		h.now = noon.Add(time.Second)
		two := h.subscription(t, epj, id, `{"topic":"`+cardChanged+`","xpath":{"expression":"/a:b","namespaces":{"a":"urn:a"}},"expires":"2027-01-01T00:00:00Z"}`)
		require.Equal(t, http.StatusNoContent, h.publish(t, aboutNancy).Code)
		a := h.get(t, epj, nasBase+"pullpoints/"+id)
		require.Equal(t, http.StatusOK, a.Code, "%s", a.Body)
		want := map[string]any{"id": id, "href": nasBase + "pullpoints/" + id, "createdAt": "2026-11-21T12:00:00Z", "subscriptions": []any{
			map[string]any{"id": one, "href": nasBase + "subscriptions/" + one, "topic": cardChanged, "idCount": 1.0, "createdAt": "2026-11-21T12:00:00Z", "lag": 1.0},
			map[string]any{"id": two, "href": nasBase + "subscriptions/" + two, "topic": cardChanged, "createdAt": "2026-11-21T12:00:01Z", "lag": 1.0,
				"expires": "2027-01-01T00:00:00Z", "xpath": map[string]any{"expression": "/a:b", "namespaces": map[string]any{"a": "urn:a"}}},
		}}
		assert.Equal(t, want, a.body)
		assert.Equal(t, map[string]any{"pullPoints": []any{want}}, h.get(t, epj, nasBase+"pullpoints").body)
		assert.Equal(t, map[string]any{"pullPoints": []any{}}, h.get(t, h.system(t, "another"), nasBase+"pullpoints").body, "of another system of the organisation")
	})

	t.Run("T56 the same key gives the same messages again, none gives the next", func(t *testing.T) {
		h := startNAS(t)
		epj := h.as(t, "epj")
		id := h.pullPoint(t, epj)
		h.subscription(t, epj, id, everything(cardChanged))
		require.Equal(t, http.StatusNoContent, h.publish(t, aboutNancy, strings.Replace(aboutNancy, nancy, child, 1)).Code)
		first := h.fetch(t, epj, id, `{"max":1}`, "m-1")
		require.Len(t, messages(first), 1)
		assert.Equal(t, true, first.body["more"])
		again := h.fetch(t, epj, id, `{}`, "m-1")
		assert.Equal(t, first.body["messages"], again.body["messages"])
		assert.Equal(t, true, again.body["replay"])
		next := h.fetch(t, epj, id, `{}`, "")
		require.Len(t, messages(next), 1)
		assert.NotEqual(t, messages(first), messages(next))
		assert.Equal(t, map[string]any{"messages": []any{}, "more": false, "replay": false}, h.fetch(t, epj, id, `{}`, "").body)
		assert.Equal(t, false, h.fetch(t, epj, id, `{}`, next.Header().Get("X-OpenNSP-Call")).body["replay"], "a call without key has no other")
	})

	t.Run("T29 how many", func(t *testing.T) {
		h := startNAS(t)
		epj := h.as(t, "epj")
		id := h.pullPoint(t, epj)
		h.subscription(t, epj, id, everything(cardChanged))
		for range 3 {
			require.Equal(t, http.StatusNoContent, h.publish(t, aboutNancy, aboutNancy, aboutNancy).Code)
		}
		zero := h.fetch(t, epj, id, `{"max":0}`, "")
		assert.Empty(t, messages(zero))
		assert.Equal(t, true, zero.body["more"])
		assert.Len(t, messages(h.fetch(t, epj, id, `{}`, "")), 2, "the default")
		assert.Len(t, messages(h.fetch(t, epj, id, `{"max":1}`, "")), 1)
		assert.Len(t, messages(h.fetch(t, epj, id, `{"max":1000000}`, "")), 5, "the limit")
		assert.Len(t, messages(h.fetch(t, epj, id, `{"max":5}`, "")), 1)
	})

	t.Run("T4 an id list is replaced whole, and gone when it is destroyed", func(t *testing.T) {
		h := startNAS(t)
		epj, region := h.as(t, "epj"), h.as(t, "laege")
		put := func(token, name, body string) answer {
			return h.call(t, http.MethodPut, nasBase+"idlists/"+name, body, append(bearer(token), "Content-Type", "application/json")...)
		}
		const name = "afd.%207%2Fs%C3%B8" // afd. 7/sø
		require.Equal(t, http.StatusCreated, put(epj, name, `{"idType":"t","ids":["a","b","a"]}`).Code)
		assert.Equal(t, map[string]any{"name": "afd. 7/sø", "description": "", "idType": "t", "count": 2.0}, h.get(t, epj, nasBase+"idlists/"+name).body)
		again := put(epj, name, `{"description":"d","idType":"u","ids":[]}`)
		require.Equal(t, http.StatusOK, again.Code, "%s", again.Body)
		assert.Equal(t, map[string]any{"replaced": true}, again.body)
		assert.Equal(t, map[string]any{"name": "afd. 7/sø", "description": "d", "idType": "u", "count": 0.0}, h.get(t, epj, nasBase+"idlists/"+name).body)
		h.problem(t, h.get(t, region, nasBase+"idlists/"+name), http.StatusNotFound, "id_list_unknown")
		require.Equal(t, http.StatusCreated, put(region, name, `{"idType":"t"}`).Code, "another owner's")
		require.Equal(t, http.StatusNoContent, h.delete(t, epj, nasBase+"idlists/"+name).Code)
		h.problem(t, h.delete(t, epj, nasBase+"idlists/"+name), http.StatusNotFound, "id_list_unknown")
		require.Equal(t, http.StatusOK, h.get(t, region, nasBase+"idlists/"+name).Code)
	})

	t.Run("what was made is told again under the same key", func(t *testing.T) {
		h := startNAS(t)
		epj := h.as(t, "epj")
		key := func(k string) []string {
			return append(bearer(epj), "Content-Type", "application/json", "Idempotency-Key", k)
		}
		first := h.call(t, http.MethodPost, nasBase+"pullpoints", "", key("k-1")...)
		again := h.call(t, http.MethodPost, nasBase+"pullpoints", "", key("k-1")...)
		require.Equal(t, http.StatusCreated, again.Code, "%s", again.Body)
		assert.Equal(t, first.body, again.body)
		assert.Equal(t, first.Header().Get("Location"), again.Header().Get("Location"))
		id, _ := first.body["id"].(string)
		s1 := h.call(t, http.MethodPost, nasBase+"pullpoints/"+id+"/subscriptions", everything(cardChanged), key("k-2")...)
		s2 := h.call(t, http.MethodPost, nasBase+"pullpoints/"+id+"/subscriptions", everything(cardChanged), key("k-2")...)
		assert.Equal(t, s1.body, s2.body)
		assert.Equal(t, http.StatusNoContent, h.call(t, http.MethodDelete, nasBase+"pullpoints/"+id, "", key("k-3")...).Code)
		assert.Equal(t, http.StatusNoContent, h.call(t, http.MethodDelete, nasBase+"pullpoints/"+id, "", key("k-3")...).Code, "T44 an earlier success")
		h.problem(t, h.call(t, http.MethodDelete, nasBase+"pullpoints/"+id, "", key("k-4")...), http.StatusNotFound, "resource_unknown")
	})

	t.Run("T24 what is another's is as unknown as what never was", func(t *testing.T) {
		h := startNAS(t)
		epj := h.as(t, "epj")
		id := h.pullPoint(t, epj)
		s := h.subscription(t, epj, id, everything(cardChanged))
		for _, other := range []string{h.as(t, "laege"), h.system(t, "another")} {
			for _, path := range []string{id, someUUID} {
				h.problem(t, h.fetch(t, other, path, `{}`, ""), http.StatusNotFound, "resource_unknown")
				h.problem(t, h.get(t, other, nasBase+"pullpoints/"+path), http.StatusNotFound, "resource_unknown")
				h.problem(t, h.delete(t, other, nasBase+"pullpoints/"+path), http.StatusNotFound, "resource_unknown")
				h.problem(t, h.post(t, other, nasBase+"pullpoints/"+path+"/subscriptions", everything(cardChanged)), http.StatusUnprocessableEntity, "pull_point_unknown")
			}
			for _, path := range []string{s, someUUID} {
				h.problem(t, h.delete(t, other, nasBase+"subscriptions/"+path), http.StatusNotFound, "resource_unknown")
			}
		}
		require.Equal(t, http.StatusOK, h.fetch(t, epj, id, `{}`, "").Code)
	})

	t.Run("T23 who may no longer read a topic is told which", func(t *testing.T) {
		h := startNAS(t)
		epj := h.as(t, "epj")
		id := h.pullPoint(t, epj)
		s := h.subscription(t, epj, id, everything(cardChanged))
		require.Equal(t, http.StatusNoContent, h.delete(t, operatorToken, nasBase+"admin/topics/"+internalTopic+"/access/ALL").Code)
		for _, a := range []answer{h.fetch(t, epj, id, `{}`, ""), h.post(t, epj, nasBase+"pullpoints/"+id+"/subscriptions", everything(cardChanged))} {
			require.Equal(t, http.StatusForbidden, a.Code, "%s", a.Body)
			assert.Equal(t, "urn:opennsp:problem:topic_access", a.body["type"])
			assert.Equal(t, cardChanged, a.body["topic"])
		}
		require.Equal(t, http.StatusNoContent, h.delete(t, epj, nasBase+"subscriptions/"+s).Code)
		require.Equal(t, http.StatusOK, h.fetch(t, epj, id, `{}`, "").Code)
	})

	t.Run("T22 access of one certificate", func(t *testing.T) {
		h := startNAS(t)
		epj := h.token(t, h.call(t, http.MethodPost, base+"sessions", h.envelope(h.card(t, "epj"), "m-1"), "Content-Type", "text/xml"))
		id := h.pullPoint(t, epj)
		access := nasBase + "admin/topics/" + internalTopic + "/access/"
		grant := func(identifier string) {
			a := h.call(t, http.MethodPut, access+identifier, `{"comment":"x"}`, append(bearer(operatorToken), "Content-Type", "application/json")...)
			require.Equal(t, http.StatusNoContent, a.Code, "%s", a.Body)
		}
		require.Equal(t, http.StatusNoContent, h.delete(t, operatorToken, access+"ALL").Code)
		grant("CVR:99999901-FID:1009")
		require.Equal(t, http.StatusForbidden, h.post(t, epj, nasBase+"pullpoints/"+id+"/subscriptions", everything(cardChanged)).Code)
		grant("CVR%3A99999901-FID%3A1008")
		h.subscription(t, epj, id, everything(cardChanged))
	})

	t.Run("limits", func(t *testing.T) {
		h := startNAS(t)
		epj := h.as(t, "epj")
		id := h.pullPoint(t, epj)
		h.pullPoint(t, epj)
		h.pullPoint(t, epj)
		h.problem(t, h.post(t, epj, nasBase+"pullpoints", ""), http.StatusConflict, "too_many_pull_points")
		h.subscription(t, epj, id, everything(cardChanged))
		h.subscription(t, epj, id, everything(cardChanged))
		h.problem(t, h.post(t, epj, nasBase+"pullpoints/"+id+"/subscriptions", everything(cardChanged)), http.StatusConflict, "too_many_subscriptions")
	})

	t.Run("the log does not answer", func(t *testing.T) {
		h := startNAS(t)
		epj := h.as(t, "epj")
		id := h.pullPoint(t, epj)
		h.subscription(t, epj, id, everything(cardChanged))
		h.nasLog.OnBounds.FailFrom(1, errTest)
		a := h.fetch(t, epj, id, `{}`, "")
		h.problem(t, a, http.StatusServiceUnavailable, "unavailable")
		assert.Equal(t, "30", a.Header().Get("Retry-After"))
		h.problem(t, h.post(t, epj, nasBase+"pullpoints/"+id+"/subscriptions", everything(cardChanged)), http.StatusServiceUnavailable, "unavailable")
		points := h.get(t, epj, nasBase+"pullpoints")
		require.Equal(t, http.StatusOK, points.Code)
		assert.Contains(t, points.Body.String(), `"lag":null`)
	})
}

// What is published is all there or nothing is, and the problem tells of each notification.
func TestNotify(t *testing.T) {
	fetched := func(t *testing.T, h *house, token, id string) int {
		return len(messages(h.fetch(t, token, id, `{"max":5}`, "")))
	}
	follow := func(t *testing.T, h *house) (token, id string) {
		token = h.as(t, "epj")
		id = h.pullPoint(t, token)
		h.subscription(t, token, id, everything(cardChanged))
		return token, id
	}
	with := func(old, new string) string { return strings.Replace(aboutNancy, old, new, 1) }

	t.Run("T13 one that is refused keeps the others", func(t *testing.T) {
		h := startNAS(t)
		token, id := follow(t, h)
		a := h.publish(t, aboutNancy, with("CardChanged", "Unknown"), with(content, "x"))
		h.problem(t, a, http.StatusUnprocessableEntity, "notify_failed")
		assert.Equal(t, []any{map[string]any{"position": 1.0, "code": "rolled_back"}, map[string]any{"position": 2.0, "code": "topic_unknown"},
			map[string]any{"position": 3.0, "code": "content_invalid"}}, a.body["undelivered"])
		assert.Zero(t, fetched(t, h, token, id))
	})

	for _, c := range []struct {
		name, notification string
		status             int
		code, why          string
	}{
		{"T11 an unknown topic", with("CardChanged", "Unknown"), 422, "invalid_topic_expression", "topic_unknown"},
		{"no topic", with(cardChanged, " "), 422, "invalid_topic_expression", "topic_missing"},
		{"a member left out", `{"content":"<a/>"}`, 422, "invalid_topic_expression", "topic_missing"},
		{"T17 two elements", with(content, "<a/><b/>"), 422, "notify_failed", "content_invalid"},
		{"T17 text", with(content, "text"), 422, "notify_failed", "content_invalid"},
		{"T17 nothing", with(content, ""), 422, "notify_failed", "content_invalid"},
		{"T17 no content", `{"topic":"` + cardChanged + `"}`, 422, "notify_failed", "content_invalid"},
		{"the end of the notification around it", with(content, "<a/></advis:NotifyContent><advis:NotifyContent><a/>"), 422, "notify_failed", "content_invalid"},
		{"a document type", with(content, `<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>`), 422, "notify_failed", "content_invalid"},
		{"a prefix that is not declared", with(content, "<x:a/>"), 422, "notify_failed", "content_invalid"},
		{"a long id", with(nancy, strings.Repeat("1", nas.MaxID+1)), 422, "notify_failed", "content_invalid"},
		{"T17 too large", with(content, "<a>"+strings.Repeat("x", 1000)+"</a>"), 413, "notify_failed", "too_large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := startNAS(t)
			token, id := follow(t, h)
			a := h.publish(t, c.notification)
			h.problem(t, a, c.status, c.code)
			assert.Equal(t, []any{map[string]any{"position": 1.0, "code": c.why}}, a.body["undelivered"])
			assert.Zero(t, fetched(t, h, token, id))
		})
	}

	t.Run("more than a request may have", func(t *testing.T) {
		h := startNAS(t)
		token, id := follow(t, h)
		h.problem(t, h.publish(t, aboutNancy, aboutNancy, aboutNancy, aboutNancy, aboutNancy), http.StatusRequestEntityTooLarge, "notify_failed")
		assert.Zero(t, fetched(t, h, token, id))
	})

	t.Run("T12 a closed topic takes nothing, and what is in it is still fetched", func(t *testing.T) {
		h := startNAS(t)
		token, id := follow(t, h)
		require.Equal(t, http.StatusNoContent, h.publish(t, aboutNancy).Code)
		closed := h.call(t, http.MethodPatch, nasBase+"admin/topics/"+internalTopic, `{"active":false}`, append(bearer(operatorToken), "Content-Type", "application/json")...)
		require.Equal(t, http.StatusOK, closed.Code)
		a := h.publish(t, aboutNancy)
		h.problem(t, a, http.StatusUnprocessableEntity, "invalid_topic_expression")
		assert.Equal(t, []any{map[string]any{"position": 1.0, "code": "topic_closed"}}, a.body["undelivered"])
		h.problem(t, h.post(t, token, nasBase+"pullpoints/"+id+"/subscriptions", everything(cardChanged)), http.StatusUnprocessableEntity, "topic_closed")
		assert.Equal(t, 1, fetched(t, h, token, id))
	})

	t.Run("T14 the log fails, at once or at the commit", func(t *testing.T) {
		h := startNAS(t)
		token, id := follow(t, h)
		for _, fail := range []error{errTest, messagelog.ErrOutcomeUnknown} {
			h.nasLog.OnAppend.FailFrom(1, fail)
			a := h.publish(t, aboutNancy, aboutNancy)
			h.problem(t, a, http.StatusServiceUnavailable, "notify_failed")
			assert.Len(t, a.body["undelivered"], 2)
		}
		h.nasLog.OnAppend.Heal()
		require.Equal(t, http.StatusNoContent, h.publish(t, aboutNancy, aboutNancy, aboutNancy).Code)
		assert.Equal(t, 3, fetched(t, h, token, id))
	})

	t.Run("T14 a commit that fails is told of each notification", func(t *testing.T) {
		for unknown, code := range map[bool]string{false: "log_unavailable", true: "outcome_unknown"} {
			h := startNAS(t, func(h *house) {
				gate := *h.deps.Gate
				gate.Units = failingUnits{h.db.Units(), unknown}
				h.deps.NAS.Appending = &gate
			})
			a := httptest.NewRecorder() // a second audit line corrects the first
			h.echo.ServeHTTP(a, h.request(http.MethodPost, nasBase+"notifications", strings.NewReader(`{"notifications":[`+aboutNancy+`,`+aboutNancy+`]}`),
				"Content-Type", "application/json"))
			assert.Contains(t, a.Body.String(), `"type":"urn:opennsp:problem:notify_failed"`)
			assert.Contains(t, a.Body.String(), `"undelivered":[{"position":1,"code":"`+code+`"},{"position":2,"code":"`+code+`"}]`)
			assert.Equal(t, http.StatusServiceUnavailable, a.Code)
		}
	})

	t.Run("with a session it may come again", func(t *testing.T) {
		h := startNAS(t)
		token, id := follow(t, h)
		for range 2 {
			a := h.call(t, http.MethodPost, nasBase+"notifications", `{"notifications":[`+aboutNancy+`]}`,
				append(bearer(token), "Content-Type", "application/json", "Idempotency-Key", "n-1")...)
			require.Equal(t, http.StatusNoContent, a.Code, "%s", a.Body)
		}
		assert.Equal(t, 1, fetched(t, h, token, id))
	})

	t.Run("T18 content stands alone", func(t *testing.T) {
		h := startNAS(t)
		token, id := follow(t, h)
		const sent = `<a xmlns:q=\"urn:q\" type=\"q:x\"><![CDATA[<æ>]]> 😀</a>`
		require.Equal(t, http.StatusNoContent, h.publish(t, with(content, sent)).Code)
		a := h.fetch(t, token, id, `{}`, "")
		list, _ := a.body["messages"].([]any)
		require.Len(t, list, 1)
		got, _ := list[0].(map[string]any)["content"].(string)
		assert.Contains(t, got, `type="q:x"><![CDATA[<æ>]]> 😀</a>`)
		assert.Contains(t, got, `xmlns:q="urn:q"`)
		assert.Equal(t, 1, strings.Count(got, "xmlns:q="))
	})
}

// failingUnits cannot commit.
type failingUnits struct {
	ports.UnitOfWork
	unknown bool
}

func (u failingUnits) Run(ctx context.Context, work, seal func(context.Context) error) error {
	err := u.UnitOfWork.Run(ctx, work, func(ctx context.Context) error {
		if err := seal(ctx); err != nil {
			return err
		}
		return errTest
	})
	if errors.Is(err, errTest) {
		return &ports.CommitError{Unknown: u.unknown, Err: err}
	}
	return err
}

// Only who is on the list of publishers publishes, with a session too; and on its topics alone.
func TestWhoPublishes(t *testing.T) {
	body := `{"notifications":[` + aboutNancy + `]}`
	send := func(t *testing.T, h *house, from, token string, headers ...string) answer {
		r := h.request(http.MethodPost, nasBase+"notifications", strings.NewReader(body), append(append(bearer(token), "Content-Type", "application/json"), headers...)...)
		r.RemoteAddr = from
		return h.send(t, r)
	}
	const listed, narrow, foreign = "192.0.2.9:1000", "198.51.100.7:1000", "203.0.113.5:1000"

	t.Run("T19 a foreign address, with and without session, also with a forged X-Forwarded-For", func(t *testing.T) {
		h := startNAS(t)
		epj := h.as(t, "epj")
		id := h.pullPoint(t, epj)
		h.subscription(t, epj, id, everything(cardChanged))
		for _, token := range []string{"", epj, operatorToken} {
			h.problem(t, send(t, h, foreign, token), http.StatusForbidden, fault.CodeNotAuthorized)
			h.problem(t, send(t, h, foreign, token, "X-Forwarded-For", "192.0.2.9"), http.StatusForbidden, fault.CodeNotAuthorized)
		}
		assert.Empty(t, messages(h.fetch(t, epj, id, `{}`, "")))
	})
	t.Run("T20 from a listed address without session, unless that is required", func(t *testing.T) {
		assert.Equal(t, http.StatusNoContent, send(t, startNAS(t), listed, "").Code)
		h := startNAS(t, func(h *house) { h.deps.NAS.SessionRequired = true })
		h.problem(t, send(t, h, listed, ""), http.StatusUnauthorized, fault.CodeMissingHeader)
		assert.Equal(t, http.StatusNoContent, send(t, h, listed, h.as(t, "epj")).Code)
	})
	t.Run("T20 a session that there is not is not passed over", func(t *testing.T) {
		h := startNAS(t)
		a := send(t, h, listed, strings.Repeat("x", 43))
		assert.Equal(t, http.StatusUnauthorized, a.Code)
	})
	t.Run("an address may be listed for topics", func(t *testing.T) {
		h := startNAS(t)
		for _, token := range []string{"", h.as(t, "epj")} {
			a := send(t, h, narrow, token)
			h.problem(t, a, http.StatusUnprocessableEntity, "invalid_topic_expression")
			assert.Equal(t, []any{map[string]any{"position": 1.0, "code": "topic_not_allowed"}}, a.body["undelivered"])
		}
	})
	t.Run("neither citizens nor the operator publish", func(t *testing.T) {
		h := startNAS(t)
		for _, token := range []string{operatorToken, h.as(t, nancy)} {
			assert.Equal(t, http.StatusForbidden, send(t, h, listed, token).Code)
		}
	})
	t.Run("nobody is on an empty list", func(t *testing.T) {
		h := startNAS(t, func(h *house) { h.deps.NAS.Publishers = nil })
		h.problem(t, send(t, h, listed, ""), http.StatusForbidden, fault.CodeNotAuthorized)
	})
}

// T21: subscribers are systems and employees with a session that an ID card opened.
func TestWhoSubscribes(t *testing.T) {
	operations := []struct{ method, path, body string }{
		{http.MethodPost, "pullpoints", ""}, {http.MethodGet, "pullpoints", ""}, {http.MethodGet, "pullpoints/" + someUUID, ""},
		{http.MethodDelete, "pullpoints/" + someUUID, ""}, {http.MethodPost, "pullpoints/" + someUUID + "/subscriptions", everything(cardChanged)},
		{http.MethodDelete, "subscriptions/" + someUUID, ""}, {http.MethodPost, "pullpoints/" + someUUID + "/fetch", "{}"},
		{http.MethodPut, "idlists/x", `{"idType":"t"}`}, {http.MethodGet, "idlists/x", ""}, {http.MethodDelete, "idlists/x", ""},
	}
	h := startNAS(t)
	borger := h.as(t, nancy)
	for _, o := range operations {
		call := func(token string) answer {
			h.now = h.now.Add(time.Second)
			headers := bearer(token)
			if o.body != "" {
				headers = append(headers, "Content-Type", "application/json")
			}
			return h.call(t, o.method, nasBase+o.path, o.body, headers...)
		}
		t.Run("T21 "+o.method+" "+o.path, func(t *testing.T) {
			h.problem(t, call(""), http.StatusUnauthorized, fault.CodeMissingHeader)
			h.problem(t, call(operatorToken), http.StatusForbidden, fault.CodeNotAuthorized)
			h.problem(t, call(borger), http.StatusForbidden, fault.CodeNotAuthorized)
		})
	}
}

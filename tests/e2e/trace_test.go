package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/tests/nsptest"
)

const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

// span is what the test reads of a line of the exporter.
type span struct {
	Name        string
	SpanContext struct{ TraceID, SpanID string }
	Parent      struct{ SpanID string }
	Links       []struct{ SpanContext struct{ TraceID string } }
	Attributes  []struct {
		Key   string
		Value struct{ Value any }
	}
}

// TestTrace follows a call through a whole server and its message log.
func TestTrace(t *testing.T) {
	parents := func(t *testing.T, s *nsptest.Server) (parents []string) {
		t.Helper()
		bounds, err := s.MessageLog.Bounds(t.Context(), nsptest.Topics())
		require.NoError(t, err)
		end := bounds[nsptest.Topic][0].End
		for batch, err := range s.MessageLog.Read(t.Context(), nsptest.Topic, 0, 0, end, messagelog.ReadOptions{}) {
			require.NoError(t, err)
			for _, r := range batch.Records {
				for _, h := range r.Headers {
					if h.Key == "traceparent" {
						parents = append(parents, h.Value)
					}
				}
			}
		}
		require.Len(t, parents, int(end), "every record tells of its trace")
		return parents
	}
	send := func(t *testing.T, s *nsptest.Server, headers ...string) {
		t.Helper()
		message := s.System(cvr).Message(nsptest.NewMessageID(), bulkOf(registration2025, entry{}, entry{}))
		answer := s.Post(t, register, message, append([]string{"Traceparent", traceparent}, headers...)...)
		require.Equal(t, http.StatusOK, answer.Status, "%s", answer.Body)
	}
	const id = "4bf92f3577b34da6a3ce929d0e0e4736"
	proxy := map[string]string{"http.trusted_proxies": "127.0.0.1/32", "http.admin_networks": ""}

	for exporter, more := range map[string]map[string]string{"none": nil, "stdout": {"trace.sample": "0"}} {
		t.Run("OC-24 exporter "+exporter, func(t *testing.T) {
			start := func(t *testing.T, networks map[string]string) *nsptest.Server {
				t.Helper()
				set := map[string]string{"trace.exporter": exporter}
				for _, m := range []map[string]string{more, networks} {
					for k, v := range m {
						set[k] = v
					}
				}
				return nsptest.Start(t, nsptest.Options{Set: set})
			}
			t.Run("trusted proxy", func(t *testing.T) {
				s := start(t, proxy)
				send(t, s, "X-Forwarded-For", "192.0.2.1")
				for _, p := range parents(t, s) {
					assert.Equal(t, id, p[3:35])
				}
			})
			t.Run("network of operators", func(t *testing.T) {
				s := start(t, nil)
				send(t, s)
				for _, p := range parents(t, s) {
					assert.Equal(t, id, p[3:35])
				}
			})
			for name, networks := range map[string]map[string]string{
				"stranger": {"http.admin_networks": ""},
				"stranger through a proxy that nobody listed": nil,
			} {
				t.Run(name, func(t *testing.T) {
					s := start(t, networks)
					send(t, s, "X-Forwarded-For", "192.0.2.1")
					send(t, s, "X-Forwarded-For", "192.0.2.1")
					all := parents(t, s)
					for _, p := range all {
						assert.NotEqual(t, id, p[3:35])
					}
					assert.Equal(t, all[0], all[1], "one call, one trace")
					assert.NotEqual(t, all[0][3:35], all[2][3:35], "another call, another trace")
				})
			}
		})
	}

	t.Run("OC-24 the consumer's span is linked to the call, whose steps have spans", func(t *testing.T) {
		var out nsptest.Log
		s := nsptest.Start(t, nsptest.Options{Set: map[string]string{"trace.exporter": "stdout", "trace.sample": "0"}, Stdout: &out})
		send(t, s)
		s.Consumed(t)
		assert.Equal(t, http.StatusInternalServerError, s.Post(t, register, []byte("<x/>"), "Traceparent", traceparent).Status)
		s.Stop()
		assert.Contains(t, s.Logs(), `"traceId":"`+id+`"`, "the refusal is logged")

		spans := map[string]span{}
		for line := range strings.Lines(out.String()) {
			var read span
			require.NoError(t, json.Unmarshal([]byte(line), &read), line)
			if _, again := spans[read.Name]; !again {
				spans[read.Name] = read
			}
		}
		call := spans["POST "+register]
		assert.Equal(t, "00f067aa0ba902b7", call.Parent.SpanID)
		for _, name := range []string{"security.verify", "usecase AddRegistrations", "send " + nsptest.Topic, "audit.append", "commit"} {
			step, ok := spans[name]
			require.True(t, ok, "%s in %s", name, out.String())
			assert.Equal(t, id, step.SpanContext.TraceID, name)
			if name != "send "+nsptest.Topic {
				assert.Equal(t, call.SpanContext.SpanID, step.Parent.SpanID, name)
			}
		}
		assert.Equal(t, spans["usecase AddRegistrations"].SpanContext.SpanID, spans["send "+nsptest.Topic].Parent.SpanID)
		batch := spans["process "+nsptest.Topic]
		require.Len(t, batch.Links, 1)
		assert.Equal(t, id, batch.Links[0].SpanContext.TraceID)
		assert.NotEqual(t, id, batch.SpanContext.TraceID)

		attributes := map[string]any{}
		for _, a := range call.Attributes {
			attributes[a.Key] = a.Value.Value
		}
		assert.Equal(t, "POST", attributes["http.request.method"])
		assert.Equal(t, register, attributes["http.route"])
		assert.InEpsilon(t, 200, attributes["http.response.status_code"], 0)
		assert.Equal(t, "soap", attributes["rpc.system"])
		assert.Equal(t, "minlog2-registration", attributes["rpc.service"])
		assert.Equal(t, "AddRegistrations", attributes["rpc.method"])
		assert.Equal(t, "dgws", attributes["nsp.profile"])
		assert.Regexp(t, "^[0-9a-f]{16}$", attributes["nsp.call_id"])
		t.Run("OC-17 no span names a person", func(t *testing.T) {
			for _, number := range []string{"0202801111", cvr} {
				assert.NotContains(t, out.String(), number)
			}
		})
	})
}

package scesws_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/scesws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/domain/fault"
)

// FuzzRequest: a request is answered or refused, whatever it holds, and the refusal that the log keeps quotes nothing of it.
func FuzzRequest(f *testing.F) {
	for v := range versions() {
		f.Add(request(v, true, child))
		f.Add(request(v, false, "1308781QT7"))
	}
	f.Add(`<m:getPersonInformationIn xmlns:m="urn:oio:medcom:cprservice:1.0.4"/>`)
	s := newService(f)
	f.Fuzz(func(t *testing.T, body string) {
		tree, err := xmltree.Parse([]byte(body), xmltree.DefaultLimits(1<<20))
		if err != nil {
			return
		}
		defer tree.Release()
		for _, op := range s.ops {
			reply, err := op.Serve(t.Context(), soap.Request{Caller: system(), Tree: tree, Body: tree.Root()})
			if err != nil {
				told, ok := fault.Of(err)
				require.True(t, ok)
				require.Contains(t, []string{"syntax_error", "cpr_missing", "cpr_invalid", "no_data"}, told.Code)
				continue
			}
			answer, err := xmltree.Parse([]byte(written(reply)), xmltree.DefaultLimits(1<<20))
			require.NoError(t, err)
			answer.Release()
		}
	})
}

// FuzzAnswer: an answer is read or refused, whatever it holds.
func FuzzAnswer(f *testing.F) {
	s := newService(f)
	for v, path := range versions() {
		for _, number := range []string{"2101194638", "1403800099"} {
			f.Add(s.ask(f, path, request(v, true, number)))
		}
	}
	f.Fuzz(func(t *testing.T, body string) {
		client := scesws.Client{Send: func(context.Context, string, func(*xmlout.Writer)) (*soap.Response, error) {
			tree, err := xmltree.Parse([]byte(body), xmltree.DefaultLimits(1<<20))
			if err != nil {
				return nil, err
			}
			return &soap.Response{Tree: tree, Root: tree.Root(), Body: tree.Root()}, nil
		}}
		for v := range versions() {
			for health := range operations() {
				if a, err := client.Person(t.Context(), v, child, health); err == nil {
					require.False(t, a.Person.CPR.IsZero())
					require.NotEmpty(t, a.Person.Status)
					require.Equal(t, health, a.Health != nil)
				}
			}
		}
	})
}

// TestLargeRequest: what is quoted of a number is short.
func TestLargeRequest(t *testing.T) {
	s := newService(t)
	w := s.post(t, scesws.Path104, request(scesws.V104, false, strings.Repeat("9", 100_000)))
	require.Equal(t, http.StatusInternalServerError, w.Code)
	require.Less(t, w.Body.Len(), 5000)
}

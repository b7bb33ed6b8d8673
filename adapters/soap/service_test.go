package soap_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/domain/fault"
)

var errOwn = fault.Error{Kind: fault.Invalid, Code: "own", Text: "no"}

func TestServiceOfSOAP11(t *testing.T) {
	h := newHarness()
	h.alter = func(s *soap.Service) { s.SOAP11 = true }
	h.post(as12(message(systemCard())), "Content-Type", "application/soap+xml")
	h.refusedWith(t, fault.CodeSyntax)
	assert.Equal(t, "soap:VersionMismatch", h.fault(t).FaultCode)
	assert.Equal(t, "text/xml; charset=utf-8", h.last.Header().Get("Content-Type"))
	assert.NotContains(t, h.last.Body.String(), soap12NS)

	h = newHarness()
	h.alter = func(s *soap.Service) { s.SOAP11 = true }
	h.post(message(systemCard()))
	h.answered(t)
}

func TestServiceTellsOfTheFrame(t *testing.T) {
	frame := func(s *soap.Service) {
		s.Tell = func(err error) error {
			if _, ok := errors.AsType[*soap.FrameError](err); ok {
				return &soap.FaultError{Err: err, Client: true, Status: http.StatusTeapot}
			}
			return err
		}
	}
	signed := message(systemCard())
	for _, c := range []struct {
		name    string
		message []byte
		action  string
		code    string
	}{
		{"no XML", []byte("<a"), "", "soap:Client"},
		{"no envelope", []byte("<a/>"), "", "soap:Client"},
		{"another element", bytes.Replace(signed, []byte("sec:OpenSession "), []byte("sec:Open "), 1), "", "soap:Client"},
		{"the action of another operation", signed, "ReadSession", "soap:Client"},
		{"the action of an operation elsewhere", signed, "urn:elsewhere", "soap:Client"},
		{"a header that must be understood", replace(t, signed, "</soap:Header>", `<x:h xmlns:x="urn:x" soap:mustUnderstand="1"/></soap:Header>`), "",
			"soap:MustUnderstand"},
		{"a bad credential", replace(t, signed, "99999902", "99999903"), "", "soap:Server"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHarness()
			h.alter = func(s *soap.Service) { frame(s); s.Elsewhere = []string{"urn:elsewhere"} }
			h.post(c.message, "SOAPAction", c.action)
			assert.Equal(t, c.code, h.fault(t).FaultCode)
			want := http.StatusTeapot
			if c.code == "soap:Server" {
				want = http.StatusInternalServerError
			}
			assert.Equal(t, want, h.last.Code)
			assert.Empty(t, h.callers)
		})
	}
}

func TestServiceUnderstandsItsOwnHeaders(t *testing.T) {
	h := newHarness()
	h.alter = func(s *soap.Service) { s.Headers = []soap.Name{{Space: "urn:x", Local: "h"}} }
	h.post(replace(t, message(systemCard()), "</soap:Header>", `<x:h xmlns:x="urn:x" soap:mustUnderstand="1"/></soap:Header>`))
	h.answered(t)
}

// TestOperationTells: an operation is asked first, with its request, also where security or the commit failed.
func TestOperationTells(t *testing.T) {
	for _, c := range []struct {
		name    string
		message []byte
		commit  error
	}{
		{"security", replace(t, message(systemCard()), "99999902", "99999903"), nil},
		{"commit", message(systemCard()), errTest},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHarness()
			h.units.commit = c.commit
			h.alter = func(s *soap.Service) {
				s.Operations[0].Tell = func(req soap.Request, _ error) error {
					assert.Equal(t, "OpenSession", req.Tree.Local(req.Body))
					return errOwn
				}
				s.Tell = func(err error) error {
					require.ErrorIs(t, err, errOwn)
					return &soap.FaultError{Err: err, Text: "told"}
				}
			}
			h.post(c.message)
			assert.Equal(t, "told", h.fault(t).FaultString)
			assert.Equal(t, "own", h.fault(t).Code)
		})
	}
}

func TestRequestTellsWhereItCameTo(t *testing.T) {
	h := newHarness()
	var got soap.Request
	h.serve = func(_ context.Context, req soap.Request) (soap.Reply, error) {
		got = req
		return func(w *xmlout.Writer) { w.Elem("a", "") }, nil
	}
	h.post(message(systemCard()))
	h.answered(t)
	assert.Equal(t, [2]string{"/test/Service", "http://nsp.test:8080"}, [2]string{got.Path, got.Base})
}

func TestWSDLInAnotherVersion(t *testing.T) {
	h := newHarness()
	h.alter = func(s *soap.Service) {
		s.Contract.Versions = map[string][]byte{"2": []byte(`<definitions xmlns="urn:2"><address location="{{address}}"/></definitions>`)}
	}
	get := func(query string) string {
		h.do(httptest.NewRequest(http.MethodGet, "http://nsp.test/test/Service?"+query, nil))
		return h.last.Body.String()
	}
	assert.Contains(t, get("wsdl&version=2"), `"urn:2"><address location="http://nsp.test/test/Service"`)
	assert.NotContains(t, get("wsdl"), "urn:2")
	get("wsdl&version=3")
	assert.Equal(t, http.StatusNotFound, h.last.Code)
}

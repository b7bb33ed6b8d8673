package soap_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/dgws/dgwstest"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/c14n"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/domain/fault"
)

const soap12NS = "http://www.w3.org/2003/05/soap-envelope"

// as12 is the message in SOAP 1.2.
func as12(message []byte) []byte {
	return bytes.Replace(message, []byte("http://schemas.xmlsoap.org/soap/envelope/"), []byte(soap12NS), 1)
}

func replaceAll(message []byte, oldNew ...string) []byte {
	return []byte(strings.NewReplacer(oldNew...).Replace(string(message)))
}

// TestForms: prefixes, order, white space and the media type decide nothing.
func TestForms(t *testing.T) {
	signed := card(userCard())
	plain := withCard(signed, 4)
	h := newHarness()
	h.post(plain)
	want := h.answered(t)

	reordered := func(t *testing.T) []byte {
		m, security := cutOut(t, plain, "wsse:Security")
		return replace(t, m, "</soap:Header>", string(security)+"</soap:Header>")
	}
	defaults := fmt.Sprintf(`<?xml version="1.0" encoding="utf-8"?>
<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/">
 <Header>
  <Header xmlns="http://www.medcom.dk/dgws/2006/04/dgws-1.0.xsd"><SecurityLevel>4</SecurityLevel>
   <Linking><MessageID> m-1
   </MessageID></Linking><FlowStatus>flow_running</FlowStatus></Header>
  <Security xmlns="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd" mustUnderstand="1">
   <u:Timestamp xmlns:u="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"><u:Created>2026-11-21T10:05:30Z</u:Created></u:Timestamp>
   %s
  </Security>
  <Unknown xmlns="urn:x">ignored</Unknown>
 </Header>
 <Body>
  <OpenSession xmlns="urn:opennsp:security:1"/>
 </Body>
</Envelope>
`, signed)
	for _, c := range []struct {
		name    string
		message []byte
		header  []string
	}{
		{"SA-02 SOAP 1.1", plain, nil},
		{"SA-02 SOAP 1.2", as12(plain), []string{"Content-Type", `application/soap+xml; charset=utf-8; action="OpenSession"`, "SOAPAction", ""}},
		{"SA-02 default namespaces and white space", []byte(defaults), nil},
		{"SA-02 other header order", reordered(t), nil},
		{"SA-02 other prefixes", replaceAll(plain, "soap:", "S.1:", "wsse:", "æ:", "xmlns:soap=", "xmlns:S.1=", "xmlns:wsse=", "xmlns:æ="), nil},
		{"SA-02 SOAP 1.1 with the media type of 1.2", plain, []string{"Content-Type", "application/soap+xml"}},
		{"SA-02 SOAP 1.2 with the media type of 1.1", as12(plain), nil},
		{"SA-02 no media type", plain, []string{"Content-Type", ""}},
		{"SA-02 byte order mark", append([]byte("\xef\xbb\xbf"), plain...), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHarness()
			h.post(c.message, c.header...)
			assert.Equal(t, want, h.answered(t))
			is12 := bytes.Contains(c.message, []byte(soap12NS))
			assert.Equal(t, is12, strings.Contains(h.last.Body.String(), soap12NS), "the answer has the version of the request")
			wantType := "text/xml; charset=utf-8"
			if is12 {
				wantType = "application/soap+xml; charset=utf-8"
			}
			assert.Equal(t, wantType, h.last.Header().Get("Content-Type"))
			assert.Regexp(t, "^[0-9a-f]{16}$", h.last.Header().Get("X-OpenNSP-Call"))
		})
	}
}

func TestSOAPAction(t *testing.T) {
	for _, c := range []struct {
		name, action, media string
		ok                  bool
	}{
		{"quoted", `"OpenSession"`, "text/xml", true},
		{"bare", `OpenSession`, "text/xml", true},
		{"blanks", ` "OpenSession" `, "text/xml", true},
		{"empty", ``, "text/xml", true},
		{"empty quotes", `""`, "text/xml", true},
		{"unknown", `"urn:other#Thing"`, "text/xml", true},
		{"of another operation", `"ReadSession"`, "text/xml", false},
		{"of another operation, bare", `ReadSession`, "text/xml", false},
		{"1.2 action", ``, `application/soap+xml; action="OpenSession"`, true},
		{"1.2 action of another operation", ``, `application/soap+xml; action="ReadSession"`, false},
		{"media type unreadable", `"OpenSession"`, `text/xml; =`, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHarness()
			h.post(message(userCard()), "SOAPAction", c.action, "Content-Type", c.media)
			if c.ok {
				h.answered(t)
				return
			}
			h.refusedWith(t, fault.CodeSyntax)
		})
	}
}

func TestAddressingAction(t *testing.T) {
	for _, c := range []struct {
		action string
		ok     bool
	}{{" OpenSession ", true}, {"urn:other#Thing", true}, {"", true}, {"ReadSession", false}} {
		h := newHarness()
		header := `<a:Action xmlns:a="http://www.w3.org/2005/08/addressing">` + c.action + "</a:Action></soap:Header>"
		h.post(bytes.Replace(message(userCard()), []byte("</soap:Header>"), []byte(header), 1), "SOAPAction", "")
		if c.ok {
			h.answered(t)
			continue
		}
		h.refusedWith(t, fault.CodeSyntax)
	}
}

func TestOperationOfAnyNamespace(t *testing.T) {
	send := func(name string, attributes ...string) *harness {
		h := newHarness()
		h.post(dgwstest.Message(card(userCard()), clock, userCard().Level(), "m-1", func(w *xmlout.Writer) { w.Elem(name, "", attributes...) }), "SOAPAction", "")
		return h
	}
	for _, space := range []string{testNS, "urn:other", "*"} {
		h := send("x:CloseSession", "xmlns:x", space)
		h.answered(t)
		assert.Equal(t, "CloseSession", h.observed[0].Operation, space)
	}
	send("CloseSession").answered(t)
	send("x:OpenSession", "xmlns:x", "urn:other").refusedWith(t, fault.CodeSyntax)
	send("x:OpenSession", "xmlns:x", "*").refusedWith(t, fault.CodeSyntax)
}

func TestMustUnderstand(t *testing.T) {
	header := func(h string) []byte {
		return bytes.Replace(message(userCard()), []byte("</soap:Header>"), []byte(h+"</soap:Header>"), 1)
	}
	for _, c := range []struct {
		name    string
		message []byte
		ok      bool
	}{
		{"unknown header, 1", header(`<x:X xmlns:x="urn:x" soap:mustUnderstand="1"/>`), false},
		{"unknown header, true, SOAP 1.2", as12(header(`<x:X xmlns:x="urn:x" soap:mustUnderstand="true"/>`)), false},
		{"unknown header, 0", header(`<x:X xmlns:x="urn:x" soap:mustUnderstand="0"/>`), true},
		{"unknown header, no namespace", header(`<x:X xmlns:x="urn:x" mustUnderstand="1"/>`), true},
		{"unknown header for the next node", header(`<x:X xmlns:x="urn:x" soap:mustUnderstand="1" soap:actor="http://schemas.xmlsoap.org/soap/actor/next"/>`), false},
		{"unknown header for somebody else", header(`<x:X xmlns:x="urn:x" soap:mustUnderstand="1" soap:actor="urn:somebody"/>`), true},
		{"addressing", header(`<a:Action xmlns:a="http://www.w3.org/2005/08/addressing" soap:mustUnderstand="1">OpenSession</a:Action>`), true},
		{"HSUID", header(`<h:HsuidHeader xmlns:h="http://www.nsi.dk/hsuid/2016/08/hsuid-1.1.xsd" soap:mustUnderstand="1"><h:Assertion><h:AttributeStatement/></h:Assertion></h:HsuidHeader>`), true},
		{"Framework", header(`<s:Framework xmlns:s="urn:liberty:sb" soap:mustUnderstand="1"/>`), true},
		{"Security and medcom:Header", replaceAll(message(userCard()), "<wsse:Security>", `<wsse:Security soap:mustUnderstand="1">`, "<medcom:Header>", `<medcom:Header soap:mustUnderstand="1">`), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHarness()
			h.post(c.message)
			if c.ok {
				h.answered(t)
				return
			}
			h.refusedWith(t, fault.CodeSyntax)
			assert.Equal(t, "soap:MustUnderstand", h.fault(t).FaultCode)
		})
	}
}

func TestMethods(t *testing.T) {
	request := func(method, target string) *http.Request {
		return httptest.NewRequest(method, "http://nsp.test:8080"+target, nil)
	}
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodPatch} {
		t.Run("SA-18 "+method+" on the service", func(t *testing.T) {
			h := newHarness()
			h.do(request(method, "/test/Service"))
			assert.Equal(t, http.StatusMethodNotAllowed, h.last.Code)
			assert.Equal(t, "GET, POST", h.last.Header().Get("Allow"))
			assert.Equal(t, fault.CodeHTTPMethod, h.fault(t).Code)
			assert.NotContains(t, h.last.Body.String(), "InResponseToMessageID")
			assert.Empty(t, h.audit.lines, "only the access log tells of it")
			require.Len(t, h.observed, 1)
			assert.Equal(t, http.StatusMethodNotAllowed, h.observed[0].Access.Code)
		})
	}
	for _, c := range []struct{ name, target, want string }{
		{"SA-18 GET ?wsdl", "/test/Service?wsdl", `location="http://nsp.test:8080/test/Service"`},
		{"SA-18 GET ?WSDL", "/test/Service?WSDL", `location="http://nsp.test:8080/test/Service"`},
		{"SA-18 GET ?wsdl of another path", "/test/2025/Service?wsdl", `location="http://nsp.test:8080/test/2025/Service"`},
		{"SA-18 GET ?xsd", "/test/Service?xsd=session.xsd", `<schema xmlns="http://www.w3.org/2001/XMLSchema"/>`},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHarness()
			h.do(request(http.MethodGet, c.target))
			assert.Equal(t, http.StatusOK, h.last.Code)
			assert.Contains(t, h.last.Body.String(), c.want)
			assert.Equal(t, "text/xml; charset=utf-8", h.last.Header().Get("Content-Type"))
			assert.Empty(t, h.audit.lines, "OC-05")
			assert.Empty(t, h.observed, "OC-05")
		})
	}
	t.Run("SA-18 GET ?xsd of an unknown file", func(t *testing.T) {
		h := newHarness()
		h.do(request(http.MethodGet, "/test/Service?xsd=../session.xsd"))
		assert.Equal(t, http.StatusNotFound, h.last.Code)
	})
	t.Run("OC-05 a contract gives no line", func(t *testing.T) {
		h := newHarness()
		h.do(request(http.MethodGet, "/test/Service?wsdl"))
		h.do(request(http.MethodGet, "/test/Service?xsd=session.xsd"))
		assert.Empty(t, h.audit.lines)
		assert.Empty(t, h.observed)
	})
	t.Run("the host of a contract's address is escaped", func(t *testing.T) {
		h := newHarness()
		r := request(http.MethodGet, "/test/Service?wsdl")
		r.Host = `x"/><script>`
		h.do(r)
		assert.NotContains(t, h.last.Body.String(), "<script>")
		parsed(t, h.last.Body.Bytes())
	})
}

// TestSize: the largest operation decides while reading, the operation's own limit after.
func TestSize(t *testing.T) {
	const limit = 32 << 10
	sized := func(t *testing.T, n int, operation string) []byte {
		m := bytes.ReplaceAll(message(userCard()), []byte("OpenSession"), []byte(operation))
		return replace(t, m, "</sec:"+operation+">", strings.Repeat(" ", n-len(m))+"</sec:"+operation+">")
	}
	tooLarge := func(t *testing.T, h *harness) {
		assert.Equal(t, http.StatusRequestEntityTooLarge, h.last.Code)
		assert.Equal(t, fault.CodeSyntax, h.fault(t).Code)
		assert.Equal(t, "The message is too large.", h.fault(t).FaultString)
		assert.Empty(t, h.callers)
		assert.Empty(t, h.audit.lines, "only the access log tells of it")
		assert.Len(t, h.observed, 1)
	}
	start := func() *harness { h := newHarness(); h.policy.MaxBytes = limit; return h }
	t.Run("SA-36 at the limit", func(t *testing.T) {
		h := start()
		h.post(sized(t, limit, "OpenSession"))
		h.answered(t)
	})
	t.Run("SA-36 one byte more than the operation takes", func(t *testing.T) {
		h := start()
		h.post(sized(t, limit+1, "OpenSession"))
		tooLarge(t, h)
	})
	t.Run("SA-36 the larger operation takes it", func(t *testing.T) {
		h := start()
		h.post(sized(t, limit+1, "ReadSession"), "SOAPAction", "")
		h.answered(t)
	})
	t.Run("SA-36 one byte more than any operation takes", func(t *testing.T) {
		h := start()
		h.post(sized(t, 64<<10+1, "ReadSession"), "SOAPAction", "")
		tooLarge(t, h)
	})
	t.Run("SA-36 one byte more, length not announced", func(t *testing.T) {
		h := start()
		r := httptest.NewRequest(http.MethodPost, "http://nsp.test/", onlyReader{bytes.NewReader(sized(t, 64<<10+1, "ReadSession"))})
		r.ContentLength = -1
		h.do(r)
		tooLarge(t, h)
	})
	t.Run("SA-36 nothing is read of a message that announces too much", func(t *testing.T) {
		h := start()
		unread := &onlyReader{bytes.NewReader(make([]byte, 64<<10+1))}
		r := httptest.NewRequest(http.MethodPost, "http://nsp.test/", unread)
		r.ContentLength = 64<<10 + 1
		h.do(r)
		tooLarge(t, h)
		assert.Equal(t, 64<<10+1, unread.Len())
	})
	t.Run("Content-Encoding", func(t *testing.T) {
		h := newHarness()
		h.post(message(userCard()), "Content-Encoding", "gzip")
		assert.Equal(t, fault.CodeSyntax, h.fault(t).Code)
		assert.Empty(t, h.callers)
		assert.Empty(t, h.audit.lines)
	})
}

type onlyReader struct{ *bytes.Reader }

// TestSlowClient: who sends a byte now and then is cut off, and the connection with it.
func TestSlowClient(t *testing.T) {
	t.Run("SA-36 a body that does not arrive in time", func(t *testing.T) {
		h := newHarness()
		h.timeout = 100 * time.Millisecond
		server := httptest.NewServer(h.build())
		defer server.Close()
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		require.NoError(t, err)
		defer conn.Close()
		_, err = fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: nsp.test\r\nContent-Length: 1000\r\n\r\n<soap:")
		require.NoError(t, err)
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(10*time.Second)))
		answer := bufio.NewReader(conn)
		resp, err := http.ReadResponse(answer, nil)
		require.NoError(t, err)
		assert.Equal(t, http.StatusInternalServerError, resp.StatusCode)
		assert.True(t, resp.Close)
		require.Len(t, h.observed, 1)
		assert.Equal(t, soap.Refused, h.observed[0].Outcome, "it is held against the address")
		assert.Empty(t, h.audit.lines)
	})
	t.Run("the deadline does not reach the use case or the next call", func(t *testing.T) {
		h := newHarness()
		h.timeout = 50 * time.Millisecond
		h.serve = func(ctx context.Context, _ soap.Request) (soap.Reply, error) {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(150 * time.Millisecond): // longer than the deadline of the body
			}
			return func(w *xmlout.Writer) { w.Elem("ok", "") }, nil
		}
		server := httptest.NewServer(h.build())
		defer server.Close()
		client := &soap.Client{URL: server.URL, HTTP: server.Client()}
		for range 2 {
			answer, err := client.Call(t.Context(), "OpenSession", message(userCard()))
			require.NoError(t, err)
			answer.Tree.Release()
		}
	})
}

// TestGolden: answers have the form of the committed samples.
func TestGolden(t *testing.T) {
	golden := func(t *testing.T, h *harness, file string) {
		t.Helper()
		want, err := os.ReadFile("testdata/" + file)
		require.NoError(t, err)
		assert.Equal(t, canonical(t, want), canonical(t, h.last.Body.Bytes()))
	}
	t.Run("answer", func(t *testing.T) {
		h := newHarness()
		h.post(message(userCard()))
		h.answered(t)
		h.last.Body = bytes.NewBuffer(bytes.Replace(h.last.Body.Bytes(), []byte("10:05:30Z"), []byte("10:05:00Z"), 1))
		golden(t, h, "02-dgws-response.xml")
	})
	t.Run("fault", func(t *testing.T) {
		h := newHarness()
		h.now = clock.Add(48 * time.Hour)
		h.post(message(userCard()))
		h.last.Body = bytes.NewBuffer(replaceAll(h.last.Body.Bytes(), "2026-11-23T10:05:30Z", "2026-11-21T10:05:00Z", ">a-1<", ">a-2<"))
		golden(t, h, "03-dgws-fault.xml")
	})
	t.Run("fault of IDWS", func(t *testing.T) {
		h := forTokens()
		h.post(replace(t, tokenMessage().Bytes(), "</sec:OpenSession>", " </sec:OpenSession>"))
		golden(t, h, "06-idws-fault.xml")
	})
	t.Run("fault in SOAP 1.2", func(t *testing.T) {
		h := newHarness()
		h.post(as12(message(userCard().With("sosi:AuthenticationLevel", "3"))))
		h.refusedWith(t, fault.CodeSecurityLevel)
		assert.Equal(t, "soap:Receiver", h.fault(t).FaultCode)
		assert.Equal(t, "A user card must have level 4 and a system card level 3", h.fault(t).FaultString)
	})
	t.Run("fault in the form that DGWS 1.0 prints", func(t *testing.T) {
		h := newHarness()
		h.legacy = true
		h.post(message(userCard().With("sosi:AuthenticationLevel", "3")))
		assert.Contains(t, h.last.Body.String(), "<soap:Fault><faultcode>Server</faultcode><detail><medcom:FaultCode>security_level_failed</medcom:FaultCode></detail><faultstring>")
	})
	t.Run("the namespace of the request's medcom:Header", func(t *testing.T) {
		const other = "http://svn.medcom.dk/svn/releases/Standarder/DGWS/Schemas/medcom-1.0.1.xsd"
		h := newHarness()
		h.post(bytes.Replace(message(userCard()), []byte("http://www.medcom.dk/dgws/2006/04/dgws-1.0.xsd"), []byte(other), 1))
		h.answered(t)
		assert.Contains(t, h.last.Body.String(), `xmlns:medcom="`+other+`"`)
	})
	t.Run("no FlowID: a new one", func(t *testing.T) {
		h := newHarness()
		h.post(bytes.Replace(message(userCard()), []byte("<medcom:FlowID>f-1</medcom:FlowID>"), nil, 1))
		h.answered(t)
		assert.Contains(t, h.last.Body.String(), "<medcom:FlowID>a-1</medcom:FlowID><medcom:MessageID>a-2</medcom:MessageID><medcom:InResponseToMessageID>m-1<")
	})
}

// canonical is the Exclusive C14N of a document's Header and Body, which does not depend on where prefixes are declared.
func canonical(t *testing.T, doc []byte) string {
	t.Helper()
	tree := parsed(t, doc)
	var out bytes.Buffer
	for n := tree.First(tree.Root()); n != xmltree.None; n = tree.Next(n) {
		require.NoError(t, c14n.Write(&out, tree, n, c14n.Options{Method: c14n.Exclusive}))
	}
	return out.String()
}

func TestPayload(t *testing.T) {
	h := newHarness()
	var sums [][32]byte
	h.serve = func(_ context.Context, req soap.Request) (soap.Reply, error) {
		sum, err := req.Payload()
		sums = append(sums, sum)
		return func(w *xmlout.Writer) { w.Elem("ok", "") }, err
	}
	h.post(message(userCard()))
	h.post(bytes.Replace(message(systemCard()), []byte("<sec:OpenSession xmlns:sec=\""+testNS+"\"></sec:OpenSession>"), []byte("<sec:OpenSession  xmlns:sec='"+testNS+"'/>"), 1))
	h.post(bytes.Replace(message(userCard()), []byte("</sec:OpenSession>"), []byte(" </sec:OpenSession>"), 1))
	require.Len(t, sums, 3, "log: %s", h.log)
	assert.Equal(t, sums[0], sums[1], "the canonical form of the Body is the same")
	assert.NotEqual(t, sums[0], sums[2])
}

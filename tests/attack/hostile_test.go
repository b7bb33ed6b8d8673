package attack

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/fault"
)

// hostile are messages that cost a careless reader more than they cost the attacker. Some keep the limits.
func hostile(t testing.TB, r *router) map[string]string {
	t.Helper()
	m := r.material()
	token := r.kit().good()
	inBody := func(what string) string {
		return swap(t, m.message, "<sec:System>original", what+"<sec:System>original")
	}
	inHeader := func(what string) string { return swap(t, m.message, "</soap:Header>", what+"</soap:Header>") }
	attributes := func(n int, form string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, form, i)
		}
		return b.String()
	}
	signature := messageSignature(t, token)
	reference := element(t, signature, "ds:Reference")
	const bodyReference = `<ds:Reference URI="#body"`
	_, rest, _ := strings.Cut(signature, bodyReference)
	toBody := element(t, bodyReference+rest, "ds:Reference")
	laughs := `<!DOCTYPE l [<!ENTITY a "ha">`
	for i := range 20 {
		laughs += fmt.Sprintf(`<!ENTITY %c "%s">`, 'b'+i, strings.Repeat(fmt.Sprintf("&%c;", 'a'+i), 10))
	}
	mib, many := 1<<20, 1
	if testing.Short() { // the race detector takes its time
		mib, many = 1<<16, 16
	}
	return map[string]string{
		"16 MiB of <":                              strings.Repeat("<", 16*mib),
		"16 MiB of <a>":                            strings.Repeat("<a>", 16*mib/3),
		"16 MiB of blanks":                         strings.Repeat(" ", 16*mib),
		"16 MiB of &":                              inBody("<a>" + strings.Repeat("&", 15*mib) + "</a>"),
		"one name of 8 MiB":                        "<" + strings.Repeat("a", 8*mib),
		"one attribute of 8 MiB":                   inBody(`<a b="` + strings.Repeat("x", 8*mib) + `"/>`),
		"attribute value that never ends":          m.message[:len(m.message)/2] + `<a b="` + strings.Repeat("x", 8*mib),
		"comment that never ends":                  inBody("<!--" + strings.Repeat("-x", 4*mib)),
		"CDATA that never ends":                    inBody("<![CDATA[" + strings.Repeat("]]", 4*mib)),
		"depth 65":                                 inBody(strings.Repeat("<a>", 62) + strings.Repeat("</a>", 62)),
		"depth 100 000":                            inBody(strings.Repeat("<a>", 100_000) + strings.Repeat("</a>", 100_000)),
		"65 attributes":                            inBody("<a " + attributes(65, `a%d="" `) + "/>"),
		"300 000 attributes":                       inBody("<a " + attributes(300_000/many, `a%d="" `) + "/>"),
		"300 000 declarations":                     inBody("<a " + attributes(300_000/many, `xmlns:a%d="urn:u" `) + "/>"),
		"64 attributes on each of 10 000 elements": inBody(strings.Repeat("<a "+attributes(64, `a%d="" `)+"/>", 10_000/many)),
		"32 declarations on each of 10 000":        inBody(strings.Repeat("<a "+attributes(32, `xmlns:a%d="urn:u" `)+"/>", 10_000/many)),
		"namespace name of 1 MiB":                  inBody(`<a xmlns="urn:` + strings.Repeat("u", mib) + `"/>`),
		"2 000 000 empty elements":                 inBody(strings.Repeat("<a/>", 2_000_000/many)),
		"200 000 empty elements in 1 MiB":          inBody(strings.Repeat("<a/>", 200_000)),
		"1 000 000 text runs":                      inBody("<a>" + strings.Repeat("x<!---->", 1_000_000/many) + "</a>"),
		"1 000 000 character references":           inBody("<a>" + strings.Repeat("&#65;", 1_000_000/many) + "</a>"),
		"500 000 CDATA sections":                   inBody("<a>" + strings.Repeat("<![CDATA[x]]>", 500_000/many) + "</a>"),
		"character reference of 1 MiB":             inBody("<a>&#" + strings.Repeat("0", mib) + "65;</a>"),
		"500 000 ids":                              inBody(strings.Repeat(`<a id="IDCard"/>`, 500_000/many)),
		"billion laughs":                           laughs + "]>" + m.message,
		"entities that double quadratically":       `<!DOCTYPE x [<!ENTITY a "` + strings.Repeat("a", 50_000) + `">]>` + inBody("<a>"+strings.Repeat("&a;", 50_000)+"</a>"),
		"Header of 1 MiB":                          inHeader(`<x:X xmlns:x="urn:x">` + strings.Repeat("x", mib) + "</x:X>"),
		"5 signatures in the Header":               inHeader(strings.Repeat(`<ds:Signature xmlns:ds="`+nsDS+`"/>`, 4)),
		"16 references to a Body of 8 MiB": swap(t, swap(t, token, reference, strings.Repeat(toBody, 12)), ">original<",
			">"+strings.Repeat("original ", mib)+"<"),
		"1 000 references": swap(t, token, reference, strings.Repeat(reference, 1000)),
		"namespace that canonical form writes at each of 10 000 elements": swap(t, swap(t, token, "<soap:Body ", `<soap:Body xmlns:a="urn:`+strings.Repeat("u", 1000)+`" `),
			"<sec:System>", strings.Repeat("<a:b/>", 10_000)+"<sec:System>"),
		"100 prefixes in a PrefixList": first(t, token, `<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:CanonicalizationMethod>`,
			`<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"><ec:InclusiveNamespaces xmlns:ec="`+nsEC+`" PrefixList="`+attributes(100, "p%d ")+`"/></ds:CanonicalizationMethod>`),
		"SignatureValue of 200 KiB": first(t, token, "<ds:SignatureValue>", "<ds:SignatureValue>"+strings.Repeat("AAAA", 50<<10)),
		"certificate of 200 KiB":    first(t, token, "<ds:X509Certificate>", "<ds:X509Certificate>"+strings.Repeat("AAAA", 50<<10)),
		"DigestValue of 200 KiB":    first(t, token, "<ds:DigestValue>", "<ds:DigestValue>"+strings.Repeat("AAAA", 50<<10)),
		"MessageID of 200 KiB":      swap(t, m.message, "<medcom:MessageID>", "<medcom:MessageID>"+strings.Repeat("m", 200<<10)),
		"time of 200 KiB":           first(t, m.message, "<wsu:Created>", "<wsu:Created>"+strings.Repeat("2", 200<<10)),
	}
}

// TestHostileInput: what is made to be expensive is refused, or changes nothing, in memory of at most eight times its size and 1 MiB, and in
// a time that no quadratic step would keep.
func TestHostileInput(t *testing.T) {
	r := newRouter()
	original := r.send(t, []byte(r.material().message)).ran
	require.Len(t, original, 1)
	for name, message := range hostile(t, r) {
		t.Run("SA-36 "+name, func(t *testing.T) {
			octets := []byte(message)
			either(t, r.send(t, octets), original[0])
			var before, after runtime.MemStats
			started := time.Now()
			runtime.ReadMemStats(&before)
			either(t, r.send(t, octets), original[0])
			runtime.ReadMemStats(&after)
			took := time.Since(started)
			if testing.Short() {
				return // the race detector keeps nothing in pools
			}
			assert.LessOrEqual(t, after.TotalAlloc-before.TotalAlloc, uint64(8*len(message)+1<<20), "octets allocated for %d", len(message))
			assert.Less(t, took, 3*time.Second)
		})
	}
	t.Run("SA-36 one octet more than 16 MiB", func(t *testing.T) {
		v := r.send(t, bytes.Repeat([]byte(" "), 16<<20+1))
		refused(t, v, fault.CodeSyntax)
		assert.Equal(t, http.StatusRequestEntityTooLarge, v.status)
	})
	t.Run("SA-36 good messages afterwards", func(t *testing.T) {
		require.Len(t, r.send(t, []byte(r.material().message)).ran, 1)
	})
}

// dial opens a connection to the server and writes a request as far as head goes.
func (s *server) dial(t testing.TB, head string) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.URL, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(9*time.Second))) // the server's own limit without the setting is 10 s
	_, err = io.WriteString(conn, head)
	require.NoError(t, err)
	return conn
}

// drip sends octets one by one, at a pace that would take longer than the test, until the server hangs up.
func drip(conn net.Conn, octets string) {
	pace := time.NewTicker(10 * time.Millisecond)
	defer pace.Stop()
	for i := range octets {
		<-pace.C
		if _, err := io.WriteString(conn, octets[i:i+1]); err != nil {
			return
		}
	}
}

func TestSlowBodies(t *testing.T) {
	t.Parallel()
	s := startServer(t, map[string]string{"http.read_timeout": "300ms"})
	m := s.material()
	head := "POST " + s.path + " HTTP/1.1\r\nHost: nsp.test\r\nContent-Type: text/xml\r\n"
	chunks := "1\r\n<\r\n"
	for name, c := range map[string]struct{ head, rest string }{
		"one octet at a time":             {fmt.Sprintf("%sContent-Length: %d\r\n\r\n", head, len(m.message)), m.message},
		"one chunk at a time":             {head + "Transfer-Encoding: chunked\r\n\r\n", strings.Repeat(chunks, 1000)},
		"a chunk extension without end":   {head + "Transfer-Encoding: chunked\r\n\r\n1;", strings.Repeat("x", 5000)},
		"all but the last octet":          {fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, len(m.message), m.message[:len(m.message)-1]), ""},
		"nothing at all":                  {head + "Content-Length: 1000\r\n\r\n", ""},
		"1 MiB announced, nothing sent":   {head + "Content-Length: 1048576\r\n\r\n", ""},
		"the interim answer not awaited":  {head + "Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n", ""},
		"a good message but for its tail": {fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, len(m.message)+10, m.message), ""},
	} {
		t.Run("SA-36 "+name, func(t *testing.T) {
			before := len(s.operation.Callers())
			conn := s.dial(t, c.head)
			go drip(conn, c.rest)
			answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err == nil {
				for answer.StatusCode == http.StatusContinue {
					answer, err = http.ReadResponse(bufio.NewReader(conn), nil)
					require.NoError(t, err)
				}
				assert.Contains(t, []int{400, 408, 500}, answer.StatusCode)
				answer.Body.Close()
			} else {
				var late net.Error
				require.False(t, assert.ErrorAs(t, err, &late) && late.Timeout(), "the server waits for ever")
			}
			assert.Len(t, s.operation.Callers(), before)
		})
	}
	t.Run("SA-36 two hundred at once, and a good call meanwhile", func(t *testing.T) {
		for range 200 {
			s.dial(t, head+"Content-Length: 1000\r\n\r\n<")
		}
		require.Len(t, s.send(t, []byte(m.message)).ran, 1)
	})
	t.Run("SA-36 good messages afterwards", func(t *testing.T) {
		require.Len(t, s.send(t, []byte(m.message)).ran, 1)
	})
}

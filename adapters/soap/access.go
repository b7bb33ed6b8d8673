package soap

import (
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/auth/dgws"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/domain/audit"
)

// loggedHeaders are the HTTP headers that the audit line tells of, in the spelling of the NSP audit log.
var loggedHeaders = [...]string{
	"Content-Type", "SOAPAction", "X-Forwarded-For", "X-NSI-Original-Client-IP", "X-NSI-Original-IP", "X-NSI-Internal-Req",
	"X-NSI-GW-Partition", "X-NSI-SubjectSerialNumber", "X-NSI-ClientCVR", "X-NSI-LB-UID", "SSLSessionID",
}

// maxLogged is the longest value, in octets, that a request puts into the log by a header.
const maxLogged = 2000

// accessOf describes a request as far as its head tells.
func accessOf(r *http.Request, callID string, now time.Time) audit.Access {
	a := audit.Access{
		HTTPHeaders: map[string]string{}, IDCardAttributes: map[string]string{}, SOAPHeaders: map[string]string{},
		Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Protocol: protocol(r), CallID: callID, Arrived: now,
	}
	for _, name := range loggedHeaders {
		if values := r.Header.Values(name); len(values) > 0 {
			a.HTTPHeaders[name] = cut(strings.Join(values, ", "))
		}
	}
	host, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		host, port = strings.Trim(r.Host, "[]"), ""
	}
	if port == "" {
		if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
			_, port, _ = net.SplitHostPort(local.String())
		}
	}
	a.HTTPHost = host
	a.Port, _ = strconv.Atoi(port)
	return a
}

// soapHeaders are the elements of the SOAP Header that the audit line tells of: the first of each, anywhere in the Header.
func soapHeaders(env *Envelope) map[string]string {
	found := map[string]string{}
	if env.Tree == nil || env.Header == xmltree.None {
		return found
	}
	t := env.Tree
	for n := t.First(env.Header); n != xmltree.None; n = following(t, n, env.Header) {
		key := loggedElement(t, n)
		if key == "" || found[key] != "" {
			continue
		}
		if text, err := t.Text(n); err == nil {
			if text = strings.TrimSpace(text); text != "" {
				found[key] = cut(text)
			}
		}
	}
	return found
}

// following returns the next element after n in document order within top.
func following(t *xmltree.Tree, n, top xmltree.Node) xmltree.Node {
	if child := t.First(n); child != xmltree.None {
		return child
	}
	for n != top {
		if next := t.Next(n); next != xmltree.None {
			return next
		}
		n = t.Parent(n)
	}
	return xmltree.None
}

func loggedElement(t *xmltree.Tree, n xmltree.Node) string {
	local := t.Local(n)
	switch local {
	case "FlowID", "MessageID":
		if dgws.IsNamespace(t.Space(n)) {
			return local
		}
	case "Issuer", "NameID", "Audience":
		if t.Space(n) == auth.NSAssertion {
			return local
		}
	}
	switch t.Space(n) {
	case nsAddressing04:
		if local == "To" || local == "Action" {
			return local
		}
	case nsAddressing:
		if local == "To" || local == "Action" || local == "MessageID" {
			return "w3" + local
		}
	}
	return ""
}

// cut keeps a log line short whatever a caller sends.
func cut(s string) string {
	if len(s) <= maxLogged {
		return strings.Clone(s)
	}
	return strings.ToValidUTF8(s[:maxLogged], "") + "…"
}

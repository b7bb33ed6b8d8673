package auth

import (
	"crypto/rand"
	"encoding/hex"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	authtrust "github.com/opennsp/nsp/adapters/auth/trust"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/trust"
)

// loggedHeaders are the HTTP headers that the audit line tells of, in the spelling of the NSP audit log.
var loggedHeaders = [...]string{
	"Content-Type", "SOAPAction", "X-Forwarded-For", "X-NSI-Original-Client-IP", "X-NSI-Original-IP", "X-NSI-Internal-Req",
	"X-NSI-GW-Partition", headerSubjectSerial, headerClientCVR, "X-NSI-LB-UID", "SSLSessionID",
}

// The headers in which a proxy that ends TLS tells of the client's certificate: serialNumber of its subject, and CVR number.
const (
	headerSubjectSerial = "X-NSI-SubjectSerialNumber"
	headerClientCVR     = "X-NSI-ClientCVR"
)

// maxLogged is the longest value, in octets, that a request puts into the log by a header.
const maxLogged = 2000

// NewCallID returns the id of a new call: 16 random hex digits.
func NewCallID() string {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}

// AccessOf describes a request as far as its head tells. What it says of the client's certificate is of the connection; headers tell of it only
// where a trusted proxy wrote them.
func AccessOf(r *http.Request, callID string, now time.Time, trusted []netip.Prefix) audit.Access {
	protocol := "http"
	if r.TLS != nil {
		protocol = "https"
	}
	a := audit.Access{
		HTTPHeaders: map[string]string{}, IDCardAttributes: map[string]string{}, SOAPHeaders: map[string]string{},
		Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Protocol: protocol, CallID: callID, Arrived: now,
	}
	for _, name := range loggedHeaders {
		if values := r.Header.Values(name); len(values) > 0 {
			a.HTTPHeaders[name] = Cut(strings.Join(values, ", "))
		}
	}
	if !fromProxy(r, trusted) {
		var subject trust.Subject
		if c := ClientCertificate(r, trusted); c != nil {
			subject = authtrust.Subject(c)
		}
		for name, value := range map[string]string{headerSubjectSerial: subject.RID, headerClientCVR: subject.CVR} {
			if delete(a.HTTPHeaders, name); value != "" {
				a.HTTPHeaders[name] = Cut(value)
			}
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

// Cut keeps a log line short whatever a caller sends.
func Cut(s string) string {
	if len(s) <= maxLogged {
		return strings.Clone(s)
	}
	return strings.ToValidUTF8(s[:maxLogged], "") + "…"
}

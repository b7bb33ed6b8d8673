// Package soap serves SOAP 1.1 and 1.2 over HTTP: it reads the frame of a message, finds the operation by the element in the Body, lets a
// [Profile] admit the caller, carries the call out through the gate and writes the answer or the fault. Contracts are packages below it.
package soap

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/xml/c14n"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/identity"
)

// Name is the expanded name of an element.
type Name struct{ Space, Local string }

// AnySpace as the Space of an operation's name is every namespace, and none.
const AnySpace = "*"

func (n Name) matches(t *xmltree.Tree, element xmltree.Node) bool {
	if n.Space == AnySpace {
		return t.Local(element) == n.Local
	}
	return t.Is(element, n.Space, n.Local)
}

// Operation is one operation of a service.
type Operation struct {
	Name    Name     // of the element in the Body: decides alone which operation a message is for
	Label   string   // the operation's name in logs and metrics
	Actions []string // the SOAPActions that name it, without quotes
	Policy  admitting.Policy
	// Serve binds the request and runs the use case inside the unit of work of the call. An error that wraps a fault.Error is told to the
	// caller; any other is ours.
	Serve func(ctx context.Context, req Request) (Reply, error)
	// Tell is like Service.Tell, which comes after it, for the errors of messages for this operation, also those of security, of the gate and
	// of the commit; nil = as they are.
	Tell func(req Request, err error) error
}

// Request is an admitted call. Tree and its nodes may be used until Serve returns; strings taken from it stay valid.
type Request struct {
	Caller identity.Caller
	Tree   *xmltree.Tree
	Body   xmltree.Node // the operation's element, the one child of soap:Body
	Path   string       // of the URL that was asked for
	Base   string       // scheme and host at which the service is reached, as in contracts
}

// Payload returns the SHA-256 of soap:Body in Exclusive Canonical XML. A Body that has no such form, or one that is much larger than the
// message, is the sender's fault.
func (r Request) Payload() (sum [32]byte, err error) {
	h := sha256.New()
	if err := c14n.Write(h, r.Tree, r.Tree.Parent(r.Body), c14n.Options{Method: c14n.Exclusive}); err != nil {
		return sum, fmt.Errorf("%w: %w", errCanonical, err)
	}
	return [32]byte(h.Sum(sum[:0])), nil
}

// Reply writes the one element in the Body of the answer. It runs after the use case and before the commit, once, and must not fail. The
// prefixes soap, medcom, wsse and wsu are declared around it; it declares its own.
type Reply func(w *xmlout.Writer)

// AddressPlaceholder stands in the documents of a Contract where the absolute address of the path that was asked for goes. Java resolves the
// relative "?xsd=x" against a folder, so it finds no schema but by an absolute address.
const AddressPlaceholder = "{{address}}"

// Contract is what GET serves: ?wsdl gives WSDL, ?wsdl&version=<name> gives Versions[name], ?xsd=<name> gives Files[name].
type Contract struct {
	WSDL     []byte
	Versions map[string][]byte
	Files    map[string][]byte
}

// Service is a set of operations served at one or several paths.
type Service struct {
	Name       string          // in logs and metrics, such as "minlog2-registration"
	Component  audit.Component // owner of the paths in the audit log
	Operations []Operation
	Contract   Contract
	Profile    Profile
	SOAP11     bool     // messages of SOAP 1.2 are refused with the faultcode VersionMismatch
	Headers    []Name   // SOAP headers of the contract itself, which may have to be understood
	Elsewhere  []string // SOAPActions of the contract's operations at other paths: a message here may not name them
	// Tell gives an error that is told to the caller the form of the service's contract, such as a *FaultError around it; nil = as it is. It
	// is given the errors of security, of the router and of Serve.
	Tell func(err error) error
}

// Profile is how messages of a service are admitted and answered. It is safe for concurrent use.
type Profile interface {
	// Admit verifies the credential of env and returns who calls op. It may fill env.Attributes. The error wraps a fault.Error (an
	// *auth.Refusal where a cause is to be logged), or is ours. Kinds and schemes of op.Policy are checked afterwards, by the gate.
	Admit(ctx context.Context, env *Envelope, op *Operation) (identity.Caller, error)
	// Answer writes the envelope of a good answer around reply. An error undoes the call.
	Answer(ctx context.Context, w *xmlout.Writer, env *Envelope, reply Reply) error
	// Fault writes the envelope that tells of err, which always wraps a fault.Error, and returns the HTTP status. The router overrides the
	// status of its own faults (405, 413). env may be as good as empty: a message that could not be read has SOAP 1.1 and no Tree.
	Fault(ctx context.Context, w *xmlout.Writer, env *Envelope, err error) (status int)
}

// Envelope is a request as far as it was read.
type Envelope struct {
	auth.Message // Attributes come from the profile
	Root         xmltree.Node
	Medcom       string // namespace of the medcom:Header in the request, else the DGWS namespace in use; never ""
	FlowID       string // medcom:FlowID, "" if there is none
	MessageID    string // medcom:MessageID, "" if there is none
	Addressed    string // wsa:MessageID, "" if there is none
	CallID       string // 16 hex digits
	HTTP         *http.Request

	intent    string     // wsa:Action, "" if there is none
	framework string     // namespace of the Liberty framework header, "" if there is none
	admitted  *Operation // once the credential was verified
}

// ID returns the id that the message gives itself, "" if there is none.
func (env *Envelope) ID() string { return cmp.Or(env.MessageID, env.Addressed) }

// Deps is what a router needs from its surroundings.
type Deps struct {
	Gate           *admitting.Gate
	Now            func() time.Time
	NewID          func() string // id of a message or flow
	Log            *slog.Logger
	PublicURL      string         // scheme and host in contracts, such as "https://nsp.example"; "" = those of the request
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed
	ReadTimeout    time.Duration  // for the body of a request; 0 = 10 s
	CallTimeout    time.Duration  // for the use case; 0 = none
	// Enter gives a request of the service with a body of at most size octets a place, before anything of the body is read; the place is
	// held until leave is called. The error, such as ErrOverloaded, is told to the caller. nil = places without end.
	Enter func(ctx context.Context, service string, size int64) (leave func(), err error)
	// Screen may turn away whoever calls from addr before anything of the message is read, such as with ErrRateLimited. nil = nobody.
	Screen func(addr netip.Addr) error
	// Limit may turn an admitted caller away, such as with ErrRateLimited. nil = nobody.
	Limit func(service string, m *auth.Message, c identity.Caller) error
	// Refused is told of calls that security turned away, as often as they are logged. It must not wait. nil = nobody.
	Refused func(audit.Refusal)
	// Observe is told of every request to a service path but those for contracts, after the answer was sent. nil = nobody.
	Observe func(ctx context.Context, o Observed)
}

// How a call ended, for metrics.
const (
	OK          = admitting.OK
	Faulted     = admitting.Faulted
	Refused     = admitting.Refused
	AuditFailed = admitting.AuditFailed
	TimedOut    = admitting.TimedOut
	Limited     = admitting.Limited
)

// Observed is one request as it went.
type Observed = admitting.Observed

// Package auth turns the credential of a message into the caller it speaks for.
//
// It chooses the scheme by the form of the credential; a package per scheme verifies it (dgws: signed ID cards, idws: tokens that are bound
// to a key, allowlist: no credential but the address). What comes out is an identity.Caller, or a [Refusal]. All in the caller is verified but
// what it says of its user in the HSUID header.
package auth

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"net/netip"
	"slices"

	"github.com/opennsp/nsp/adapters/auth/allowlist"
	"github.com/opennsp/nsp/adapters/auth/hsuid"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
)

// Message is a SOAP message whose frame was read. Nothing in it is verified.
type Message struct {
	Tree     *xmltree.Tree
	Header   xmltree.Node // soap:Header, None if there is none
	Body     xmltree.Node // soap:Body
	Security xmltree.Node // the one wsse:Security of the Header, None if there is none
	Addr     netip.Addr   // of the client; the zero Addr if it cannot be told
	Path     string       // of the URL that was asked for
	Action   string       // SOAPAction, or action of the media type, without quotes; "" if there is none
	SOAP12   bool
	TLS      *x509.Certificate // of the client, verified; nil where there is none

	// Attributes is what the audit log tells of the credential ("idCardAttributes"). A verifier sets it once the signature is good, also
	// where it then refuses the credential.
	Attributes map[string]string
}

// Verifier verifies the credentials of one scheme. The error is a *Refusal, or an error of ours.
type Verifier interface {
	Verify(ctx context.Context, m *Message, p admitting.Policy) (identity.Caller, error)
}

// Administrator is a role within an organisation that may administer the server.
type Administrator struct{ Role, CVR string }

// Administers tells whether c may administer the server: it is an operator, or a professional whose role in its organisation is listed.
func Administers(c identity.Caller, listed []Administrator) bool {
	return c.Kind == identity.Operator || c.Kind == identity.Professional && c.NationalRole != "" &&
		slices.Contains(listed, Administrator{Role: c.NationalRole, CVR: c.Org.CVR})
}

// Schemes admits messages by the scheme their credential has. A nil verifier means that the scheme is not offered.
type Schemes struct {
	DGWS           Verifier // Den Gode Webservice: signed ID card
	IDWS           Verifier // OIO IDWS: holder-of-key token
	Administrators []Administrator
	Lists          map[string]allowlist.List // the lists that a policy names by Addresses
	BindToTLS      bool                      // the client's certificate of the TLS connection must be the one of the credential
	NoHSUID        bool                      // the HSUID header is not read
}

// Admit verifies the credential in m and returns who calls. The policy's Schemes are looked at after the credential was verified, by
// the gate; here the policy decides only whether a message may come without any. What the HSUID header says is in the caller as it was
// written: whether it counts the gate decides.
func (s *Schemes) Admit(ctx context.Context, m *Message, p admitting.Policy) (identity.Caller, error) {
	var listed allowlist.Entry
	if p.Listed != "" {
		var ok bool
		if listed, ok = s.Lists[p.Listed].Find(m.Addr); !ok {
			return identity.Caller{}, refuse(ErrNotListed, "address")
		}
	}
	if m.Security == xmltree.None && p.Addresses != "" {
		return s.byAddress(m, p)
	}
	scheme, err := schemeOf(m)
	if err != nil {
		return identity.Caller{}, err
	}
	verifier := s.DGWS
	if scheme == identity.IDWS {
		verifier = s.IDWS
	}
	if verifier == nil {
		return identity.Caller{}, refuse(errScheme, "scheme not offered")
	}
	caller, err := verifier.Verify(ctx, m, p)
	if err != nil {
		return identity.Caller{}, err
	}
	if s.BindToTLS && !isHolder(m.TLS, caller.Credential.CertHash) {
		return identity.Caller{}, &Refusal{Fault: errTLS, Cause: "certificate of the TLS connection", CVR: caller.Org.CVR}
	}
	if !s.NoHSUID {
		if caller.HSUID, err = hsuid.Read(m.Tree, m.Header); err != nil {
			return identity.Caller{}, hsuidRefused(err, caller.Org.CVR)
		}
	}
	caller.Administrator, caller.Topics = Administers(caller, s.Administrators), listed.Topics
	if m.Addr.IsValid() {
		caller.Addr = m.Addr.String()
	}
	return caller, nil
}

// byAddress admits a message without credential by the address it comes from.
func (s *Schemes) byAddress(m *Message, p admitting.Policy) (identity.Caller, error) {
	entry, ok := s.Lists[p.Addresses].Find(m.Addr)
	if !ok {
		return identity.Caller{}, refuse(ErrNotListed, "address")
	}
	return identity.Caller{
		Kind: identity.System, SystemName: entry.Name, Addr: m.Addr.String(), Topics: entry.Topics,
		Credential: identity.Credential{Scheme: identity.Address, ID: entry.Name},
	}, nil
}

// isHolder tells whether a certificate is the one with this hash: base64 of SHA-1, as DGWS 1.0.1 has it, or of SHA-256.
func isHolder(certificate *x509.Certificate, hash string) bool {
	if certificate == nil {
		return false
	}
	sha1Sum, sha256Sum := sha1.Sum(certificate.Raw), sha256.Sum256(certificate.Raw)
	return hash == base64.StdEncoding.EncodeToString(sha1Sum[:]) || hash == base64.StdEncoding.EncodeToString(sha256Sum[:])
}

func hsuidRefused(err error, cvr string) error {
	f, _ := fault.Of(err)
	return &Refusal{Fault: f, Cause: "HSUID header", CVR: cvr}
}

// SchemeOf tells the scheme by the form of the credential, which need not be good: NoScheme where that does not tell.
func SchemeOf(m *Message) identity.Scheme {
	scheme, err := schemeOf(m)
	if err != nil {
		return identity.NoScheme
	}
	return scheme
}

// schemeOf tells the scheme by the one Assertion of the one Security header: id="IDCard" is a DGWS card, an ID is an IDWS token.
func schemeOf(m *Message) (identity.Scheme, error) {
	if m.Security == xmltree.None {
		return identity.NoScheme, refuse(errNoSecurity, "no Security header")
	}
	assertion, err := m.Tree.Only(m.Security, NSAssertion, "Assertion")
	if err != nil {
		if m.Tree.Child(m.Security, NSAssertion, "Assertion") == xmltree.None {
			return identity.NoScheme, refuse(errNoAssertion, "no Assertion")
		}
		return identity.NoScheme, refuse(errAssertion, "two Assertions")
	}
	id, card := m.Tree.Attr(assertion, "", "id")
	_, token := m.Tree.Attr(assertion, "", "ID")
	switch {
	case card && !token && id == "IDCard":
		return identity.DGWS, nil
	case token && !card:
		return identity.IDWS, nil
	}
	return identity.NoScheme, refuse(errAssertion, "id of the Assertion")
}

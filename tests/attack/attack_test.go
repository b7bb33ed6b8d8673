// Package attack attacks signed messages the way the literature on XML signatures does, one by one and by exhaustive search, and requires
// that each is refused with a fault of the contract before any use case runs, or is carried out for exactly the caller who signed it.
//
// Sources: Somorovsky et al., "On Breaking SAML: Be Whoever You Want to Be" (2012); McIntosh and Austel, "XML Signature Element Wrapping
// Attacks and Countermeasures" (2005); Jensen et al., "On the Effectiveness of XML Schema Validation for Countering XML Signature Wrapping
// Attacks" (2011); Hill, "Attacking XML Security" (2007); Mainka et al., "Penetration Testing Tool for Web Services Security" (2012); and
// the published weaknesses of other implementations, which are named by their CVE where an attack repeats one.
package attack

import (
	"crypto/sha256"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/dgws/dgwstest"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/tests/nsptest"
)

func TestMain(m *testing.M) { nsptest.Main(m) }

// start is when every attack happens.
var start = nsptest.Start0

const (
	testNS   = "urn:opennsp:security:1"
	openBody = `<sec:OpenSession xmlns:sec="` + testNS + `"><sec:System>original</sec:System></sec:OpenSession>`

	nsSOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
	nsSOAP12 = "http://www.w3.org/2003/05/soap-envelope"
	nsSAML   = "urn:oasis:names:tc:SAML:2.0:assertion"
	nsDS     = "http://www.w3.org/2000/09/xmldsig#"
	nsWSU    = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
	nsWSSE   = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
	nsEC     = "http://www.w3.org/2001/10/xml-exc-c14n#"
)

// forged makes of a good message or card what the attacker would like to be: another person, organisation and authorisation.
var forged = strings.NewReplacer("0101010001", "0202020002", "99999902", "99999903", "TST01", "TST99", "2512489996", "0202020002")

// codes are the fault codes a refusal may have.
var codes = []string{
	fault.CodeSyntax, fault.CodeMissingHeader, fault.CodeSecurityLevel, fault.CodeSignature, fault.CodeIDCard, fault.CodeCertificate,
	fault.CodeExpired, fault.CodeNotAuthorized, fault.CodeNonRepudiation,
}

// admitted is one run of the use case: for whom, and with what in the Body.
type admitted struct {
	caller  identity.Caller
	payload [sha256.Size]byte
}

// verdict is what became of one message.
type verdict struct {
	status int
	code   string // detail/medcom:FaultCode
	body   []byte
	ran    []admitted
}

// door is where messages are handed in: a router in the test's process, or a whole server.
type door interface {
	send(t testing.TB, message []byte, header ...string) verdict
}

// refused requires a fault of the contract, one of the given codes if there are any, and that no use case ran.
func refused(t testing.TB, v verdict, want ...string) {
	t.Helper()
	if len(want) == 0 {
		want = codes
	}
	if len(v.ran) > 0 {
		require.Fail(t, "the use case ran")
	}
	if !slices.Contains([]int{400, 413, 500}, v.status) || !slices.Contains(want, v.code) {
		require.Fail(t, "not the refusal that was expected", "got %d %q, want one of %q: %s", v.status, v.code, want, v.body)
	}
}

// neutral returns the caller without what differs from message to message.
func neutral(c identity.Caller) identity.Caller {
	c.MessageID, c.Addr = "", ""
	return c
}

// same tells whether got is a run for the caller of the original. What an IDWS message signs is its Body and MessageID too.
func same(got, original admitted) bool {
	return assert.ObjectsAreEqual(neutral(original.caller), neutral(got.caller)) && (got.caller.Credential.Scheme != identity.IDWS ||
		got.payload == original.payload && got.caller.MessageID == original.caller.MessageID)
}

// harmless requires that the message was carried out for the caller of the original.
func harmless(t testing.TB, v verdict, original admitted) {
	t.Helper()
	require.Equal(t, 200, v.status, "%s", v.body)
	require.Len(t, v.ran, 1)
	require.True(t, same(v.ran[0], original), "carried out for another caller")
}

// either requires one or the other: refused, or carried out for one of the known callers. It tells which.
func either(t testing.TB, v verdict, originals ...admitted) (accepted bool) {
	t.Helper()
	if v.status != 200 {
		refused(t, v)
		return false
	}
	require.Len(t, v.ran, 1)
	for _, o := range originals {
		if same(v.ran[0], o) {
			return true
		}
	}
	require.Fail(t, "carried out for a caller that signed nothing of it")
	return true
}

// attack is one attack on a good message.
type attack struct {
	name  string
	build func(t testing.TB, m material) string
	want  []string // fault codes; none = any of the contract; accepted = it must change nothing
}

// accepted stands in attack.want where the message must be carried out for the original caller.
var accepted = []string{"accepted"}

// material is what an attacker has: good messages of two callers, and a key of his own.
type material struct {
	message string // a good message with card
	card    string // a signed card of level 4
	other   string // a signed card of another organisation, level 3
	sign    func(dgwstest.Card) string
	signed  func(assertion string) string // an assertion that was written by hand
	evil    *dgwstest.Federation          // a key that nobody trusts
	user    dgwstest.Card
}

// with puts something else where the card was.
func (m material) with(t testing.TB, card string) string { return swap(t, m.message, m.card, card) }

// inSignature changes the one place in the card's signature that holds old.
func (m material) inSignature(t testing.TB, old, by string) string {
	t.Helper()
	at := strings.Index(m.card, "<ds:Signature")
	return m.with(t, m.card[:at]+swap(t, m.card[at:], old, by))
}

// run carries out an attack at a door, in both SOAP versions.
func (a attack) run(t *testing.T, d door, m material) {
	t.Run(a.name, func(t *testing.T) {
		message := a.build(t, m)
		for _, version := range []string{message, as12(message)} {
			v := d.send(t, []byte(version))
			if slices.Equal(a.want, accepted) {
				original := d.send(t, []byte(m.message))
				require.Len(t, original.ran, 1)
				harmless(t, v, original.ran[0])
				continue
			}
			refused(t, v, a.want...)
		}
	})
}

// as12 returns a SOAP 1.1 message in SOAP 1.2.
func as12(message string) string { return strings.ReplaceAll(message, nsSOAP11, nsSOAP12) }

func userCard() dgwstest.Card { return dgwstest.UserCard(start.Add(-5 * time.Minute)) }
func systemCard() dgwstest.Card {
	return dgwstest.SystemCard(start.Add(-5*time.Minute)).With("medcom:CareProviderID", "99999901")
}

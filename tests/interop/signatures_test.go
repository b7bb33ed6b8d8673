package interop

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/tests/process"
)

// signer is a program of others that makes and checks XML signatures with the key of our token service.
type signer struct {
	name   string
	verify func(t *testing.T, dir string, card []byte) bool
	sign   func(t *testing.T, dir string, card []byte) []byte // card without signature
}

func signers() []signer {
	return []signer{{"xmlsec1", xmlsecVerify, xmlsecSign}, {"JDK", jdkVerify, jdkSign}}
}

// TestOthersVerifyOurCards shows that others accept a card of our token service, and that they notice when it was changed.
func TestOthersVerifyOurCards(t *testing.T) {
	for _, s := range signers() {
		for _, sample := range []string{"laege", "epj"} {
			t.Run(fmt.Sprintf("SA-01 %s, card of %s", s.name, sample), func(t *testing.T) {
				dir := keys(t)
				client, err := server.Client(t.Context(), sample)
				require.NoError(t, err)
				assert.True(t, s.verify(t, dir, client.Card()))
				assert.False(t, s.verify(t, dir, changed(t, client.Card())), "a changed card")
			})
		}
	}
}

// TestWeVerifyCardsOfOthers shows that our services accept a card that others signed with a pinned key, and refuse it when it was changed.
func TestWeVerifyCardsOfOthers(t *testing.T) {
	for _, s := range signers() {
		t.Run(s.name, func(t *testing.T) {
			dir := keys(t)
			client, err := server.Client(t.Context(), "laege")
			require.NoError(t, err)
			bare := signature.ReplaceAll(client.Card(), nil)
			require.NotEqual(t, client.Card(), bare)
			card := s.sign(t, dir, bare)
			require.NotEqual(t, client.Card(), card)
			added, err := register(t, client.WithCard(card))
			require.NoError(t, err)
			assert.Equal(t, 1, added)

			_, err = register(t, client.WithCard(changed(t, card)))
			var refused *soap.Fault
			require.True(t, errors.As(err, &refused), "got %v, want a fault", err)
			assert.Equal(t, fault.CodeSignature, refused.Code)
		})
	}
}

var signature = regexp.MustCompile(`(?s)<ds:Signature .*</ds:Signature>`)

func register(t *testing.T, client *process.Client) (added int, err error) {
	t.Helper()
	id := uuid.NewString()
	return client.Register(t.Context(), id, process.Body([]process.Entry{{Person: "0202801111", CorrelationID: id, Sequence: "1", At: time.Now()}}))
}

// changed returns the card with another organisation in it.
func changed(t *testing.T, card []byte) []byte {
	t.Helper()
	other := bytes.Replace(card, []byte("9999990"), []byte("8999990"), 1)
	require.NotEqual(t, card, other)
	return other
}

// keys returns a folder with the certificate and the key of our token service, as PEM and as DER.
func keys(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	federation := filepath.Join(server.Dir, "federation")
	certificate, err := os.ReadFile(filepath.Join(federation, "sts.pem"))
	require.NoError(t, err)
	key, err := os.ReadFile(filepath.Join(federation, "sts.key"))
	require.NoError(t, err)
	write(t, dir, "sts.pem", certificate)
	write(t, dir, "sts.key", key)
	block, _ := pem.Decode(certificate)
	require.NotNil(t, block)
	write(t, dir, "sts.der", block.Bytes)
	block, _ = pem.Decode(key)
	require.NotNil(t, block)
	_, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	require.NoError(t, err)
	write(t, dir, "key.der", block.Bytes)
	return dir
}

const idAttribute = "--id-attr:id"

var assertionName = "urn:oasis:names:tc:SAML:2.0:assertion:Assertion"

func xmlsecVerify(t *testing.T, dir string, card []byte) bool {
	t.Helper()
	xmlsec := need(t, "xmlsec1", "Debian package xmlsec1")
	write(t, dir, "card.xml", card)
	// Only the pinned certificate counts: key data in the message is not looked at.
	_, err := attempt(t, dir, nil, xmlsec, "--verify", "--enabled-key-data", "key-name", idAttribute, assertionName, "--pubkey-cert-pem", "sts.pem", "card.xml")
	return err == nil
}

// template is the signature that xmlsec1 fills in.
const template = `<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#" id="OCESSignature"><ds:SignedInfo>` +
	`<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/><ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>` +
	`<ds:Reference URI="#IDCard"><ds:Transforms><ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/><ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/></ds:Transforms>` +
	`<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue/></ds:Reference></ds:SignedInfo><ds:SignatureValue/><ds:KeyInfo><ds:X509Data/></ds:KeyInfo></ds:Signature>`

func xmlsecSign(t *testing.T, dir string, card []byte) []byte {
	t.Helper()
	xmlsec := need(t, "xmlsec1", "Debian package xmlsec1")
	const end = "</saml:Assertion>"
	require.True(t, bytes.HasSuffix(card, []byte(end)))
	write(t, dir, "template.xml", append(bytes.TrimSuffix(bytes.Clone(card), []byte(end)), template+end...))
	out := output(t, dir, nil, xmlsec, "--sign", "--privkey-pem", "sts.key,sts.pem", idAttribute, assertionName, "template.xml")
	_, element, found := bytes.Cut([]byte(out), []byte("?>\n"))
	require.True(t, found, "xmlsec1 writes an XML declaration")
	return bytes.TrimSpace(element)
}

// jdk runs testdata/XMLDSig.java, which is compiled at its first use.
func jdk(t *testing.T, dir string, args ...string) string {
	t.Helper()
	java, javac := need(t, "java", "Debian package openjdk-17-jdk-headless"), need(t, "javac", "Debian package openjdk-17-jdk-headless")
	classes := filepath.Join(server.Dir, "classes")
	if _, err := os.Stat(classes); err != nil {
		output(t, "testdata", nil, javac, "-d", classes, "XMLDSig.java")
	}
	return output(t, dir, nil, java, append([]string{"-cp", classes, "XMLDSig"}, args...)...)
}

func jdkVerify(t *testing.T, dir string, card []byte) bool {
	t.Helper()
	write(t, dir, "card.xml", card)
	out := jdk(t, dir, "verify", "card.xml", "sts.der")
	require.Contains(t, []string{"valid\n", "invalid\n"}, out)
	return out == "valid\n"
}

func jdkSign(t *testing.T, dir string, card []byte) []byte {
	t.Helper()
	write(t, dir, "card.xml", card)
	jdk(t, dir, "sign", "card.xml", "key.der", "sts.der", "signed.xml")
	signed, err := os.ReadFile(filepath.Join(dir, "signed.xml"))
	require.NoError(t, err)
	return signed
}

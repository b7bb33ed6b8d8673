package dgws_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/auth/dgws"
	"github.com/opennsp/nsp/adapters/auth/dgws/dgwstest"
	"github.com/opennsp/nsp/adapters/xml/c14n"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/trust"
)

var level3 = admitting.Policy{MinLevel: 3}

// clock is the instant of the committed sample.
var clock = time.Date(2026, 11, 21, 10, 5, 30, 0, time.UTC)

var federation = sync.OnceValue(func() *dgwstest.Federation { return dgwstest.New(2048) })

// vector is a real message and what is in it. Nothing of the files is repeated here but what tells that the right fields were read.
type vector struct {
	file, clock, issuer string
	sha1                bool
	bits                int // least RSA bits, 0 = the default
	card                string
	kind                identity.Kind
	level               int
	cvr, system         string
	code                string // "" = accepted
}

var vectors = []vector{
	{"dgws/xds-iti18-request-nancy.xml", "2019-05-28T08:12:50Z", "TEST2-NSP-STS", true, 0, "", identity.System, 3, "46837428", "Kom Godt i Gang Guider", ""},
	{"dgws/xds-iti43-20190613-request.norm.xml", "2019-06-13T09:35:14Z", "TEST2-NSP-STS", true, 0, "", identity.System, 3, "46837428", "XDS Code Camp", ""},
	{"dgws/ehdsi-cpr-organization-request.norm.xml", "2025-08-26T13:55:49Z", "TEST1-NSP-STS", true, 0, "", identity.System, 3, "33257872", "Service Consumer Test", ""},
	{"dgws/lpr3-hsuid-request.norm.xml", "2018-04-05T07:57:04Z", "TEST1-NSP-STS", true, 0, "", identity.System, 3, "25469364", "TRUST2408 Systemtest XIX CA", ""},
	{"dgws/trifork-dgws-securityheader1-user-level4.norm.xml", "2011-12-13T12:56:15Z", "TESTSTS", true, 1024, "alone", identity.Professional, 4, "25520041", "SOSITEST", ""},
	{"sts/unsealed-sts-response-1-user-level4.norm.xml", "2020-04-01T13:42:49Z", "TEST1-NSP-STS", true, 0, "alone", identity.Professional, 4, "20921897", "SOSITEST", ""},

	{"dgws/ehdsi-cpr-organization-request.norm.xml", "2025-08-26T13:55:49Z", "TEST1-NSP-STS", false, 0, "", 0, 0, "", "", fault.CodeSignature},
	{"dgws/ehdsi-cpr-organization-request.norm.xml", "2025-08-26T13:55:49Z", "TEST2-NSP-STS", true, 0, "", 0, 0, "", "", fault.CodeCertificate},
	{"dgws/ehdsi-cpr-organization-request.norm.xml", "2025-08-27T13:50:28Z", "TEST1-NSP-STS", true, 0, "", 0, 0, "", "", fault.CodeExpired},
	{"dgws/trifork-dgws-securityheader1-user-level4.norm.xml", "2011-12-13T12:56:15Z", "TESTSTS", true, 0, "alone", 0, 0, "", "", fault.CodeSignature},
	{"sts/unsealed-sts-request-1-moces-user.norm.xml", "2020-04-04T09:46:33Z", "", true, 0, "alone", 0, 0, "", "", fault.CodeCertificate},
	{"negative/trifork-dgws-securityheader2.norm.xml", "2011-12-13T12:56:15Z", "TESTSTS", true, 1024, "alone", 0, 0, "", "", fault.CodeSignature},
	{"negative/NemLog-In_bootstrap.xml", "2017-02-14T13:07:06Z", "", true, 0, "alone", 0, 0, "", "", fault.CodeCertificate},
}

func TestVectors(t *testing.T) {
	folder := vectorFolder(t)
	for _, v := range vectors {
		id := "SA-04 "
		if v.code != "" {
			id = "SA-06 "
		}
		name := id + filepath.Base(v.file)
		if v.code != "" {
			name += ", " + v.code
		}
		t.Run(name, func(t *testing.T) {
			doc, err := os.ReadFile(filepath.Join(folder, v.file))
			require.NoError(t, err)
			c, err := v.verify(t, doc)
			if v.code != "" {
				assertCode(t, v.code, err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, v.kind, c.Kind)
			assert.Equal(t, v.level, c.Credential.Level)
			assert.Equal(t, v.cvr, c.Org.CVR)
			assert.Equal(t, v.system, c.SystemName)
			assert.Equal(t, v.kind == identity.Professional, !c.CPR.IsZero())
			assert.Equal(t, v.issuer, c.Credential.Issuer)
		})
	}
}

// verify reads the document as a message, or where the card is alone finds it wherever it stands. The certificate in it is pinned, but for
// the messages that no anchor signs.
func (v vector) verify(t *testing.T, doc []byte) (identity.Caller, error) {
	t.Helper()
	now, err := time.Parse(time.RFC3339, v.clock)
	require.NoError(t, err)
	tree, err := xmltree.Parse(doc, xmltree.DefaultLimits(1<<20))
	require.NoError(t, err)
	defer tree.Release()
	set := &trust.Set{}
	if v.issuer != "" {
		a := dgwstest.AnchorOf(certificateIn(t, doc), "pinned", v.issuer)
		if v.sha1 {
			a.Algorithms = []string{trust.RSASHA1}
		}
		set.Anchors = []trust.Anchor{a}
	}
	verifier := &dgws.Verifier{Trust: source{set}, Now: func() time.Time { return now }, MinRSABits: v.bits}
	policy := admitting.Policy{MinLevel: 3}
	if v.card == "alone" {
		return verifier.Assertion(tree, find(tree, "Assertion"), set, policy, now)
	}
	return verifier.Verify(t.Context(), frame(tree), policy)
}

type source struct{ set *trust.Set }

func (s source) Trust(context.Context) (*trust.Set, error) { return s.set, nil }

// vectorFolder is where the real messages are; they are not part of the repository.
func vectorFolder(t *testing.T) string {
	t.Helper()
	folder := os.Getenv("OPENNSP_TEST_VECTORS")
	if folder == "" {
		if os.Getenv("OPENNSP_TEST_REQUIRE") == "1" {
			t.Fatal("OPENNSP_TEST_VECTORS is not set")
		}
		t.Skip("OPENNSP_TEST_VECTORS is not set: real messages are not verified")
	}
	return folder
}

func certificateIn(t *testing.T, doc []byte) []byte {
	t.Helper()
	_, rest, ok := strings.Cut(string(doc), "X509Certificate>")
	require.True(t, ok)
	text, _, _ := strings.Cut(rest, "<")
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	require.NoError(t, err)
	return der
}

// find returns the first element of this local name.
func find(t *xmltree.Tree, local string) xmltree.Node {
	n := t.Root()
	for n != xmltree.None && t.Local(n) != local {
		next := t.First(n)
		for n != xmltree.None && next == xmltree.None {
			next = t.Next(n)
			n = t.Parent(n)
		}
		n = next
	}
	return n
}

// frame takes a message apart as its sender meant it.
func frame(t *xmltree.Tree) *auth.Message {
	soap := t.Space(t.Root())
	m := &auth.Message{Tree: t, Header: t.Child(t.Root(), soap, "Header"), Body: t.Child(t.Root(), soap, "Body")}
	m.Security = t.Child(m.Header, auth.NSSecurity, "Security")
	return m
}

func assertCode(t *testing.T, code string, err error) {
	t.Helper()
	f, ok := fault.Of(err)
	require.True(t, ok, "%v is no fault", err)
	assert.Equal(t, code, f.Code, err)
	var refusal *auth.Refusal
	require.ErrorAs(t, err, &refusal)
	assert.NotEmpty(t, refusal.Cause)
}

// TestChangedByte: SA-05 over every octet of a card. What is not refused has the same canonical form, so that nothing changed.
func TestChangedByte(t *testing.T) {
	sample, err := os.ReadFile("testdata/01-dgws-request.xml")
	require.NoError(t, err)
	messages := map[string]vector{
		"sample": {issuer: "OPENNSP-DEV-STS", clock: "2026-11-21T10:05:30Z"},
	}
	docs := map[string][]byte{"sample": sample}
	if folder := os.Getenv("OPENNSP_TEST_VECTORS"); folder != "" {
		for _, v := range vectors {
			if v.code == "" && v.card == "" {
				doc, err := os.ReadFile(filepath.Join(folder, v.file))
				require.NoError(t, err)
				messages[v.file], docs[v.file] = v, doc
			}
		}
	}
	for name, v := range messages {
		t.Run("SA-05 "+name, func(t *testing.T) {
			doc := docs[name]
			now, err := time.Parse(time.RFC3339, v.clock)
			require.NoError(t, err)
			a := dgwstest.AnchorOf(certificateIn(t, doc), "pinned", v.issuer)
			a.Algorithms = []string{trust.RSASHA1}
			verifier := &dgws.Verifier{Trust: dgwstest.Trust(a), Now: func() time.Time { return now }}
			canonical, want := verdict(t, verifier, doc)
			require.NoError(t, want)
			from, end := bytes.Index(doc, []byte("<saml:Assertion")), bytes.Index(doc, []byte("</saml:Assertion>"))
			step := 1
			if testing.Short() {
				step = 17
			}
			accepted := 0
			for at := from; at < end; at += step {
				changed := bytes.Clone(doc)
				changed[at] ^= 1 << (at % 5)
				form, err := verdict(t, verifier, changed)
				if err == nil {
					accepted++
					require.Equal(t, canonical, form, "octet %d was changed and the card accepted", at)
					continue
				}
				var broken *xmltree.Error
				if !errors.As(err, &broken) {
					f, ok := fault.Of(err)
					require.True(t, ok, "octet %d: %v", at, err)
					require.NotEqual(t, fault.CodeProcessing, f.Code)
				}
			}
			t.Logf("%d octets changed, %d without effect on the signed content", (end-from)/step, accepted)
		})
	}
}

// verdict is whether the message is accepted, and the canonical form of what the card says: all but the signature's own text.
func verdict(t *testing.T, v *dgws.Verifier, doc []byte) (form string, err error) {
	t.Helper()
	tree, err := xmltree.Parse(doc, xmltree.DefaultLimits(1<<20))
	if err != nil {
		return "", err
	}
	defer tree.Release()
	m := frame(tree)
	schemes := auth.Schemes{DGWS: v}
	if _, err := schemes.Admit(t.Context(), m, level3); err != nil {
		return "", err
	}
	assertion := tree.Child(m.Security, auth.NSAssertion, "Assertion")
	var out bytes.Buffer
	require.NoError(t, c14n.Write(&out, tree, assertion, c14n.Options{Skip: tree.Child(assertion, auth.NSSignature, "Signature")}))
	return out.String(), nil
}

// TestLinking: what a fault tells of a request that is otherwise unreadable.
func TestLinking(t *testing.T) {
	header := func(content string) string { return `<h xmlns:m="` + dgws.NSMedcom + `">` + content + `</h>` }
	for _, c := range []struct {
		name, doc string
		want      dgws.Linking
	}{
		{"none", header(""), dgws.Linking{Namespace: dgws.NSMedcom}},
		{"both", header("<m:Header><m:Linking><m:FlowID> f </m:FlowID><m:MessageID>m</m:MessageID></m:Linking></m:Header>"), dgws.Linking{Namespace: dgws.NSMedcom, FlowID: "f", MessageID: "m"}},
		{"first of two", header("<m:Header><m:Linking><m:MessageID>m</m:MessageID></m:Linking></m:Header><m:Header/>"), dgws.Linking{Namespace: dgws.NSMedcom, MessageID: "m"}},
		{"an element in the id", header("<m:Header><m:Linking><m:MessageID>m<a/></m:MessageID></m:Linking></m:Header>"), dgws.Linking{Namespace: dgws.NSMedcom}},
		{"too long", header("<m:Header><m:Linking><m:MessageID>" + strings.Repeat("m", 257) + "</m:MessageID></m:Linking></m:Header>"), dgws.Linking{Namespace: dgws.NSMedcom}},
		{"elsewhere", header("<x><m:Header><m:Linking><m:MessageID>m</m:MessageID></m:Linking></m:Header></x>"), dgws.Linking{Namespace: dgws.NSMedcom}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tree, err := xmltree.Parse([]byte(c.doc), xmltree.DefaultLimits(1<<20))
			require.NoError(t, err)
			defer tree.Release()
			assert.Equal(t, c.want, dgws.ReadLinking(tree, tree.Root()))
		})
	}
}

// TestRoles: what medcom:UserRole makes of a person.
func TestRoles(t *testing.T) {
	for _, c := range []struct{ name, role, code, education, national string }{
		{"authorised doctor", "7170", "TST01", "7170", ""},
		{"education without authorisation is a role", "7170", "", "", "7170"},
		{"role beside an authorisation", "Doctor", "TST01", "", "Doctor"},
		{"no role", "urn:dk:healthcare:no-role", "", "", ""},
		{"empty", "", "", "", ""},
		{"national role", "urn:dk:healthcare:national-federation-role:code:41001:value:SundAssistR1", "", "", "SundAssistR1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			card := dgwstest.UserCard(clock).With("medcom:UserRole", c.role).With("medcom:UserAuthorizationCode", c.code)
			got := admitted(t, card)
			assert.Equal(t, c.education, got.EducationCode)
			assert.Equal(t, c.national, got.NationalRole)
			assert.Equal(t, c.role, got.RawRole)
			assert.Equal(t, c.code != "", got.Authorised())
		})
	}
}

// TestOrganisation: a CVR number comes from an attribute that says it is one, and from nothing else.
func TestOrganisation(t *testing.T) {
	c := dgwstest.SystemCard(clock)
	assert.Equal(t, identity.Organisation{CVR: "99999902", Name: "Testhuset"}, admitted(t, c).Org)
	c.System[1].Format = "medcom:ynumber"
	assert.Equal(t, identity.Organisation{Name: "Testhuset", IDs: []identity.OrgID{{Scheme: "medcom:ynumber", Code: "99999902"}}}, admitted(t, c).Org)
}

func admitted(t *testing.T, c dgwstest.Card) identity.Caller {
	t.Helper()
	f := federation()
	v := &dgws.Verifier{Trust: dgwstest.Trust(f.Anchor), Now: func() time.Time { return clock }}
	m := dgwstest.Message(f.Sign(c), clock, c.Level(), "m-1", func(w *xmlout.Writer) { w.Elem("x", "") })
	tree, err := xmltree.Parse(m, xmltree.DefaultLimits(1<<20))
	require.NoError(t, err)
	t.Cleanup(tree.Release)
	got, err := v.Verify(t.Context(), frame(tree), level3)
	require.NoError(t, err)
	return got
}

// TestClockSkew: how far the clock of the issuer may be ahead can be set.
func TestClockSkew(t *testing.T) {
	f := federation()
	for _, c := range []struct {
		skew, ahead time.Duration
		ok          bool
	}{{0, time.Minute, true}, {0, 61 * time.Second, false}, {5 * time.Second, 5 * time.Second, true}, {5 * time.Second, 6 * time.Second, false}} {
		v := &dgws.Verifier{Trust: dgwstest.Trust(f.Anchor), Now: func() time.Time { return clock }, ClockSkew: c.skew}
		card := dgwstest.SystemCard(clock.Add(c.ahead))
		_, err := verdict(t, v, dgwstest.Message(f.Sign(card), clock, 3, "m-1", func(w *xmlout.Writer) { w.Elem("x", "") }))
		assert.Equal(t, c.ok, err == nil, "skew %s, issued %s ahead: %v", c.skew, c.ahead, err)
	}
}

// TestAnchorsChange: a new set of anchors counts at once.
func TestAnchorsChange(t *testing.T) {
	f := federation()
	trusted := &changing{set: &trust.Set{Anchors: []trust.Anchor{f.Anchor}}}
	v := &dgws.Verifier{Trust: trusted, Now: func() time.Time { return clock }}
	m := dgwstest.Message(f.Sign(dgwstest.SystemCard(clock)), clock, 3, "m-1", func(w *xmlout.Writer) { w.Elem("x", "") })
	verify := func() error { _, err := verdict(t, v, m); return err }
	require.NoError(t, verify())
	trusted.set = &trust.Set{}
	assertCode(t, fault.CodeCertificate, verify())
	trusted.set = &trust.Set{Anchors: []trust.Anchor{f.Anchor}}
	require.NoError(t, verify())
	trusted.err = errors.New("no trust file")
	err := verify()
	require.ErrorIs(t, err, trusted.err)
	_, ok := fault.Of(err)
	assert.False(t, ok, "what is wrong with the trust is ours")
}

type changing struct {
	set *trust.Set
	err error
}

func (c *changing) Trust(context.Context) (*trust.Set, error) { return c.set, c.err }

// TestRequest: what the writer writes, the verifier reads; in both SOAP versions.
func TestRequest(t *testing.T) {
	for _, soap12 := range []bool{false, true} {
		r := dgws.Request{SOAP12: soap12, Created: clock, Card: federation().Sign(dgwstest.SystemCard(clock)), SecurityLevel: 3, FlowID: "f&1", MessageID: "<m>",
			Headers: func(w *xmlout.Writer) { w.Elem("more", "1") },
			Body:    func(w *xmlout.Writer) { w.Elem("x", "") }}
		tree, err := xmltree.Parse(r.Bytes(), xmltree.DefaultLimits(1<<20))
		require.NoError(t, err)
		assert.Equal(t, soap12, tree.Space(tree.Root()) == "http://www.w3.org/2003/05/soap-envelope")
		m := frame(tree)
		assert.NotEqual(t, xmltree.None, tree.Child(m.Header, "", "more"))
		assert.Equal(t, dgws.Linking{Namespace: dgws.NSMedcom, FlowID: "f&1", MessageID: "<m>"}, dgws.ReadLinking(tree, m.Header))
		v := &dgws.Verifier{Trust: dgwstest.Trust(federation().Anchor), Now: func() time.Time { return clock }}
		_, err = v.Verify(t.Context(), m, level3)
		require.NoError(t, err)
		tree.Release()
	}
}

// TestCardPrints: a card tells nothing when it is printed.
func TestCardPrints(t *testing.T) {
	c := dgws.Card{CPR: "0101010001", GivenName: "Test"}
	for _, s := range []string{c.String(), c.GoString(), hex.EncodeToString([]byte(c.String()))} {
		assert.NotContains(t, s, "0101010001")
	}
}

// TestReadCard: only what the signature covers is read. Two signed cards stand in one document; the signature of one does not speak for the
// other.
func TestReadCard(t *testing.T) {
	first := federation().Sign(dgwstest.UserCard(clock))
	second := bytes.Replace(federation().Sign(dgwstest.SystemCard(clock)), []byte(`id="IDCard"`), []byte(`id="Other"`), 1)
	tree, err := xmltree.Parse(slices.Concat([]byte("<x>"), first, second, []byte("</x>")), xmltree.DefaultLimits(1<<20))
	require.NoError(t, err)
	defer tree.Release()
	signed := tree.First(tree.Root())
	other := tree.Next(signed)
	sig, err := xmldsig.ReadEnveloped(tree, signed)
	require.NoError(t, err)
	verified, err := sig.Verify(&federation().Key.PublicKey, xmldsig.Algorithms{})
	require.NoError(t, err)

	c, err := dgws.ReadCard(tree, signed, &verified)
	require.NoError(t, err)
	assert.Equal(t, "0101010001", c.CPR)
	assert.Equal(t, "99999902", c.CVR())

	_, err = dgws.ReadCard(tree, other, &verified)
	require.ErrorIs(t, err, dgws.ErrCard)
	_, err = dgws.ReadCard(tree, signed, &xmldsig.Verified{})
	require.ErrorIs(t, err, dgws.ErrCard)
	_, err = dgws.ReadCard(tree, tree.Root(), &verified)
	require.ErrorIs(t, err, dgws.ErrCard)
}

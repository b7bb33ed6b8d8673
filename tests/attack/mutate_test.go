package attack

import (
	"encoding/base64"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/dgws/dgwstest"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/domain/trust"
)

// mutator changes messages by their structure, at random, with parts of other good messages and with what attacks are made of.
type mutator struct {
	rand   *rand.Rand
	donors []string // messages whose elements are spliced in
}

// pools of what is put in.
const blanks = " \t\r\n/>"

func namePool() []string {
	return []string{
		"saml:Assertion", "saml:Issuer", "saml:Subject", "saml:AttributeStatement", "saml:Attribute", "saml:AttributeValue", "saml:Conditions",
		"saml:Extensions", "saml:EncryptedAssertion", "ds:Signature", "ds:SignedInfo", "ds:Reference", "ds:Object", "ds:KeyInfo", "ds:Manifest",
		"ds:DigestValue", "wsse:Security", "wsse:SecurityTokenReference", "wsse:BinarySecurityToken", "wsu:Timestamp", "soap:Header", "soap:Body",
		"soap:Envelope", "medcom:Header", "x:W", "W",
	}
}

func attributePool() []string {
	return []string{
		`id="IDCard"`, `ID="IDCard"`, `Id="IDCard"`, `wsu:Id="IDCard"`, `xml:id="IDCard"`, `id="SystemLog"`, `id="Forged"`, `ID="_t1"`, `wsu:Id="body"`,
		`Name="medcom:CareProviderID"`, `NameFormat="medcom:cvrnumber"`, `URI="#IDCard"`, `URI=""`, `soap:mustUnderstand="1"`, `soap:actor="urn:x"`,
		`Version="2.0"`, `Type="http://www.w3.org/2000/09/xmldsig#Manifest"`, `Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"`,
		`Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"`, `PrefixList="soap"`, `xml:space="preserve"`,
		`xmlns=""`, `xmlns="` + nsSAML + `"`, `xmlns="` + nsDS + `"`, `xmlns:saml="urn:x"`, `xmlns:saml="` + nsDS + `"`, `xmlns:ds="` + nsSAML + `"`,
		`xmlns:soap="` + nsSOAP12 + `"`, `xmlns:wsse="urn:x"`, `xmlns:y="` + nsSAML + `"`, `xmlns:medcom="urn:x"`,
	}
}

func textPool() []string {
	return []string{
		"99999903", "0202020002", "TST99", "4", "3", "user", "system", "TEST-STS", "", " ", "<!-- -->", "<![CDATA[99999903]]>", "&#57;", "<?x y?>", "IDCard",
	}
}

func pick[T any](r *rand.Rand, all []T) T { return all[r.IntN(len(all))] }

// mutate makes some changes. What comes out need not be XML.
func (m mutator) mutate(doc string) string {
	for range 1 + m.rand.IntN(3) {
		spans, ok := spansOf(doc)
		if !ok {
			return doc
		}
		doc = m.change(doc, spans)
	}
	return doc
}

// spansOf is elements for what may be no XML. The root is not among them.
func spansOf(doc string) ([]span, bool) {
	tree, err := xmltree.Parse([]byte(doc), xmltree.DefaultLimits(1<<20))
	if err != nil {
		return nil, false
	}
	defer tree.Release()
	elems, _, _ := tree.Arena()
	var spans []span
	for _, e := range elems[1:] {
		spans = append(spans, span{int(e.Start), int(e.Content), int(e.Close), int(e.End)})
	}
	return spans[1:], len(spans) > 1
}

func (s span) of(doc string) string { return doc[s.start:s.end] }

// change makes one change.
func (m mutator) change(doc string, spans []span) string {
	r := m.rand
	a, b := pick(r, spans), pick(r, spans)
	replace := func(s span, by string) string { return doc[:s.start] + by + doc[s.end:] }
	insert := func(at int, what string) string { return doc[:at] + what + doc[at:] }
	place := pick(r, []int{b.start, b.content, b.close, b.end})
	nameEnd := a.start + 1 + strings.IndexAny(doc[a.start+1:], blanks)
	switch r.IntN(14) {
	case 0: // exchange two
		if a.start > b.start {
			a, b = b, a
		}
		if a.end > b.start {
			return replace(a, b.of(doc))
		}
		return doc[:a.start] + b.of(doc) + doc[a.end:b.start] + a.of(doc) + doc[b.end:]
	case 1: // repeat
		return insert(place, a.of(doc))
	case 2: // move
		if place >= a.start && place <= a.end {
			return doc
		}
		if place > a.end {
			return doc[:a.start] + doc[a.end:place] + a.of(doc) + doc[place:]
		}
		return doc[:place] + a.of(doc) + doc[place:a.start] + doc[a.end:]
	case 3: // remove
		return replace(a, "")
	case 4: // rename
		name := pick(r, namePool())
		if a.close == a.content {
			return doc[:a.start+1] + name + doc[nameEnd:]
		}
		return doc[:a.start+1] + name + doc[nameEnd:a.close] + "</" + name + ">" + doc[a.end:]
	case 5, 6: // add an attribute or a declaration
		return insert(nameEnd, " "+pick(r, attributePool()))
	case 7: // remove or change an attribute
		tag := doc[nameEnd:a.content]
		from := strings.IndexByte(tag, '"')
		if from < 0 {
			return doc
		}
		to := from + 1 + strings.IndexByte(tag[from+1:], '"')
		if r.IntN(2) == 0 {
			return doc[:nameEnd] + tag[to+1:] + doc[a.content:]
		}
		return doc[:nameEnd] + tag[:from+1] + pick(r, []string{"IDCard", "SystemLog", "", "x", "medcom:CareProviderID", "#IDCard", "3"}) + tag[to:] + doc[a.content:]
	case 8: // another text
		return doc[:a.content] + pick(r, textPool()) + doc[a.close:]
	case 9: // text put in
		return insert(place, pick(r, textPool()))
	case 10: // wrap
		name := pick(r, namePool())
		return replace(a, "<"+name+` xmlns:x="urn:x">`+a.of(doc)+"</"+name+">")
	case 11: // unwrap
		return replace(a, doc[a.content:a.close])
	case 12: // an element of another message
		if donor := pick(r, m.donors); true {
			spans, _ := spansOf(donor)
			return insert(place, pick(r, spans).of(donor))
		}
	case 13: // the element of the same name in another message
		donor, tag := pick(r, m.donors), doc[a.start:nameEnd]
		spans, _ := spansOf(donor)
		for _, s := range spans {
			if strings.HasPrefix(donor[s.start:], tag) && r.IntN(2) == 0 {
				return replace(a, s.of(donor))
			}
		}
	}
	return doc
}

// goodTokens are likewise messages with tokens of a citizen and of a doctor.
func goodTokens(k kit) (good, donors []string) {
	good = []string{k.good(), string(k.with(k.other(), epj()).Bytes())}
	k.soap12 = true
	good = append(good, k.good(), string(k.with(k.other(), epj()).Bytes()))
	evil := k.message()
	evil.Key = attacker()
	return good, append(good, forged.Replace(good[0]), string(evil.Bytes()))
}

// goodCards are what the fuzz of this package starts from: messages of two callers, in both SOAP versions, and what the attacker would send.
func goodCards(m material) (good, donors []string) {
	other := messageWith(m.other, 3)
	good = []string{m.message, other, as12(m.message), as12(other)}
	return good, append(good, forged.Replace(m.message), messageWith(forged.Replace(string(m.evil.Sign(m.user))), 4))
}

// everything good and what is spliced in: messages of both schemes, and who signed the good ones.
func everything(t testing.TB, r *router) (good, donors []string, known []admitted) {
	t.Helper()
	cards, donors := goodCards(r.material())
	tokens, more := goodTokens(r.kit())
	good = slices.Concat(cards, tokens)
	for _, g := range good {
		v := r.send(t, []byte(g))
		require.Len(t, v.ran, 1, "%s", v.body)
		known = append(known, v.ran[0])
	}
	return good, slices.Concat(donors, more), known
}

func TestStructuredMutations(t *testing.T) {
	t.Parallel()
	r := newRouter()
	good, donors, known := everything(t, r)
	m := mutator{rand.New(rand.NewPCG(11, 12)), donors}
	cases, taken := 15_000, 0
	if testing.Short() {
		cases = 2000
	}
	t.Run("SA-54 structured mutations of cards and tokens", func(t *testing.T) {
		for i := range cases {
			doc := m.mutate(good[i%len(good)])
			if either(t, r.send(t, []byte(doc)), known...) {
				taken++
			}
		}
		t.Logf("%d of %d carried out for a caller who signed", taken, cases)
		require.Greater(t, taken, cases/100, "mutations must not break everything")
		require.Less(t, taken, cases/2, "mutations must break something")
	})
}

// FuzzAdmission hands any octets in: never a panic, and never a use case for anybody but those who signed. It starts from the samples of the
// security contract, whose keys are the same in every process.
func FuzzAdmission(f *testing.F) {
	card, token := sample(f, "01-dgws-request.xml"), sample(f, "04-idws-request.xml")
	r := newRouter(func(s *setting) {
		s.now = time.Date(2026, 11, 21, 10, 5, 30, 0, time.UTC)
		s.anchors = nil
		for _, message := range []string{card, token} {
			anchor := dgwstest.AnchorOf(certificateIn(f, message), "sample", "OPENNSP-DEV-STS")
			anchor.Uses = []trust.Use{trust.IDCard, trust.Token}
			s.anchors = append(s.anchors, anchor)
		}
	})
	good := []string{card, token, as12(card)}
	var known []admitted
	for _, g := range good {
		v := r.send(f, []byte(g))
		require.Len(f, v.ran, 1, "%s", v.body)
		known = append(known, v.ran[0])
	}
	donors := append(slices.Clone(good), forged.Replace(card), forged.Replace(token), as12(token))
	m := mutator{rand.New(rand.NewPCG(13, 14)), donors}
	for i := range 40 {
		f.Add([]byte(m.mutate(good[i%len(good)])), "OpenSession", "text/xml")
	}
	for _, g := range donors {
		f.Add([]byte(g), "OpenSession", "application/soap+xml; action=OpenSession")
	}
	f.Fuzz(func(t *testing.T, message []byte, action, contentType string) {
		either(t, r.send(t, message, "SOAPAction", action, "Content-Type", contentType), known...)
	})
}

// sample returns a committed message, signed with keys that were thrown away.
func sample(t testing.TB, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "adapters", "xml", "testdata", name))
	require.NoError(t, err)
	return string(raw)
}

// certificateIn returns the first certificate of a message: that of the token service.
func certificateIn(t testing.TB, message string) []byte {
	t.Helper()
	text := element(t, message, "ds:X509Certificate")
	der, err := base64.StdEncoding.DecodeString(text[strings.IndexByte(text, '>')+1 : strings.LastIndexByte(text, '<')])
	require.NoError(t, err)
	return der
}

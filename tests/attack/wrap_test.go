package attack

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// idForms are how a forged element may be named: as the signed one, by the same value in every other id attribute, otherwise, or not.
func idForms(id string) []string {
	return []string{
		` id="` + id + `"`, ` ID="` + id + `"`, ` Id="` + id + `"`, ` wsu:Id="` + id + `"`, ` xml:id="` + id + `"`,
		` id="` + id + `" ID="Forged"`, ` id="Forged"`, ` ID="Forged"`, "",
	}
}

// sampled tells whether case i of an exhaustive search is carried out: all of them, or one of many in a short run.
func sampled(i int) bool { return !testing.Short() || i%17 == 0 }

// TestForgedInPlace searches all wrappings in which the forged card stands where the card is read: the signed card, with or without its
// signature, at every place of the message, and its signature left, moved or copied. None may be taken. The eight of Somorovsky et al. are
// among them.
func TestForgedInPlace(t *testing.T) {
	t.Parallel()
	r := newRouter()
	m := r.material()
	signature := element(t, m.card, "ds:Signature")
	bare := swap(t, m.card, signature, "")
	tried := 0
	for _, id := range idForms("IDCard") {
		fake := forged.Replace(swap(t, bare, ` id="IDCard"`, id))
		for name, c := range map[string]struct{ inPlace, elsewhere string }{
			"signature in the forged card":            {lastIn(t, fake, signature), bare},
			"signature in both":                       {lastIn(t, fake, signature), m.card},
			"signature with the original":             {fake, m.card},
			"signature before the forged card":        {signature + fake, bare},
			"signature after the forged card":         {fake + signature, bare},
			"original inside the signature":           {lastIn(t, fake, lastIn(t, signature, bare)), ""},
			"original in an Object":                   {lastIn(t, fake, lastIn(t, signature, "<ds:Object>"+bare+"</ds:Object>")), ""},
			"signed by the attacker":                  {forged.Replace(string(m.evil.Sign(m.user))), m.card},
			"signed by the attacker, both in KeyInfo": {lastIn(t, fake, swap(t, signature, "</ds:KeyInfo>", bare+"</ds:KeyInfo>")), m.card},
		} {
			t.Run("SA-27 "+name+","+id, func(t *testing.T) {
				everywhere(t, m.with(t, c.inPlace), c.elsewhere, func(doc string, _ int) {
					if tried++; sampled(tried) {
						refused(t, r.send(t, []byte(doc)))
					}
				})
			})
		}
	}
	t.Logf("%d wrappings", tried)
	require.Greater(t, tried, 10_000)
}

// TestForgedElsewhere searches the other half: the signed card stands where it is read, and forged cards, Security headers and Bodies at
// every place of the message. Each is refused, or changes nothing.
func TestForgedElsewhere(t *testing.T) {
	t.Parallel()
	r := newRouter()
	m := r.material()
	original := r.send(t, []byte(m.message)).ran
	require.Len(t, original, 1)
	signature := element(t, m.card, "ds:Signature")
	bare := swap(t, m.card, signature, "")
	fragments := map[string]string{
		"Security":         forged.Replace(element(t, m.message, "wsse:Security")),
		"empty Security":   "<wsse:Security/>",
		"medcom:Header":    element(t, m.message, "medcom:Header"),
		"Body":             element(t, m.message, "soap:Body"),
		"Header":           element(t, m.message, "soap:Header"),
		"other card":       m.other,
		"signature":        signature,
		"SignedInfo":       swap(t, element(t, signature, "ds:SignedInfo"), "<ds:SignedInfo>", `<ds:SignedInfo xmlns:ds="`+nsDS+`">`),
		"forged statement": forged.Replace(swap(t, statement(t, m.card, "SystemLog"), "<saml:AttributeStatement", `<saml:AttributeStatement xmlns:saml="`+nsSAML+`"`)),
	}
	for _, id := range idForms("IDCard") {
		fake := forged.Replace(swap(t, bare, ` id="IDCard"`, id))
		fragments["unsigned card,"+id] = fake
		fragments["card with the signature,"+id] = lastIn(t, fake, signature)
		fragments["card in Extensions,"+id] = `<saml:Extensions xmlns:saml="` + nsSAML + `">` + fake + "</saml:Extensions>"
		fragments["Object,"+id] = `<ds:Object xmlns:ds="` + nsDS + `">` + fake + "</ds:Object>"
	}
	tried, taken := 0, 0
	for name, fragment := range fragments {
		t.Run("SA-27 "+name, func(t *testing.T) {
			everywhere(t, m.message, fragment, func(doc string, _ int) {
				if tried++; sampled(tried) && either(t, r.send(t, []byte(doc)), original[0]) {
					taken++
				}
			})
		})
	}
	t.Logf("%d messages, %d carried out for the original caller", tried, taken)
	require.Greater(t, tried, 5_000)
	assert.Positive(t, taken)
}

// TestForgedPart searches all wrappings of the parts that an IDWS message signature covers: the forged part stands where it is read, named
// in every way, and the signed original, with its id, at every place of the message; and the other way round.
func TestForgedPart(t *testing.T) {
	t.Parallel()
	r := newRouter()
	k := r.kit()
	good := k.good()
	original := r.send(t, []byte(good)).ran
	require.Len(t, original, 1)
	tried, taken := 0, 0
	for _, p := range []struct{ name, id, old, by string }{
		{"soap:Body", ` wsu:Id="body"`, ">original<", ">forged<"},
		{"wsu:Timestamp", ` wsu:Id="ts"`, ":00Z</wsu:Created>", ":01Z</wsu:Created>"},
		{"wsa:MessageID", ` wsu:Id="mid"`, "urn:uuid:", "urn:forged:"},
		{"wsa:Action", ` wsu:Id="action"`, ">OpenSession<", ">CloseSession<"},
		{"wsa:To", ` wsu:Id="to"`, "nsp.test", "other.test"},
		{"wsa:ReplyTo", ` wsu:Id="reply"`, "</wsa:Address>", "</wsa:Address><x/>"},
		{"sbf:Framework", ` wsu:Id="framework"`, ` version="2.0"`, ` version="2.0" x=""`},
		{"saml:Assertion", ` ID="_t1"`, "2512489996</saml:AttributeValue>", "0202020002</saml:AttributeValue>"},
		{"wsse:SecurityTokenReference", ` wsu:Id="str1"`, ">_t1<", ">_forged<"},
	} {
		signed := element(t, good, p.name)
		_, value, _ := strings.Cut(p.id, `"`)
		for _, id := range append(idForms(strings.TrimSuffix(value, `"`)), p.id) {
			fake := swap(t, swap(t, signed, p.old, p.by), p.id, id)
			t.Run("SA-29 SA-27 "+p.name+" in place, original elsewhere,"+id, func(t *testing.T) {
				everywhere(t, swap(t, good, signed, fake), signed, func(doc string, _ int) {
					switch tried++; {
					case !sampled(tried):
					case p.name == "wsse:SecurityTokenReference": // a pointer, which may stand anywhere in Security
						either(t, r.send(t, []byte(doc)), original[0])
					default:
						refused(t, r.send(t, []byte(doc)))
					}
				})
			})
			if id != p.id && id != "" && !strings.Contains(id, "xml:id") {
				continue // the other half needs fewer names: those that collide, and none
			}
			t.Run("SA-29 SA-27 "+p.name+" forged elsewhere,"+id, func(t *testing.T) {
				everywhere(t, good, fake, func(doc string, _ int) {
					if tried++; sampled(tried) && either(t, r.send(t, []byte(doc)), original[0]) {
						taken++
					}
				})
			})
		}
	}
	t.Logf("%d messages, %d carried out for the original caller", tried, taken)
	require.Greater(t, tried, 10_000)
	assert.Positive(t, taken)
}

// statement returns the AttributeStatement of a card with the id.
func statement(t testing.TB, card, id string) string {
	t.Helper()
	from := strings.Index(card, `<saml:AttributeStatement id="`+id+`"`)
	require.Positive(t, from)
	const end = "</saml:AttributeStatement>"
	return card[from : from+strings.Index(card[from:], end)+len(end)]
}

// TestSmuggledDigest searches the places where a verifier that looks for parts of a signature by their name, not by their place, would find
// the attacker's: the digest of the forged card, the whole SignedInfo that fits it, or the signed original's SignedInfo
// (CVE-2024-45409, CVE-2025-29774, CVE-2020-15216).
func TestSmuggledDigest(t *testing.T) {
	t.Parallel()
	r := newRouter()
	m := r.material()
	fake := forged.Replace(m.card)
	value, info := element(t, fake, "ds:DigestValue"), element(t, fake, "ds:SignedInfo")
	mine := "<ds:DigestValue>" + digestOf(t, fake, "Assertion") + "</ds:DigestValue>"
	own := func(s string) string {
		at := strings.IndexAny(s, " >")
		return s[:at] + ` xmlns:ds="` + nsDS + `"` + s[at:]
	}
	myInfo := swap(t, info, value, mine)
	reference := element(t, info, "ds:Reference")
	evil := forged.Replace(string(m.evil.Sign(m.user)))
	tried := 0
	for name, c := range map[string]struct{ base, fragment string }{
		"digest":                                    {fake, own(mine)},
		"Reference":                                 {fake, own(swap(t, reference, value, mine))},
		"SignedInfo":                                {fake, own(myInfo)},
		"signature with the forged SignedInfo":      {fake, swap(t, element(t, fake, "ds:Signature"), info, myInfo)},
		"signed digest, forged in its place":        {swap(t, fake, value, mine), own(value)},
		"signed SignedInfo, forged in its place":    {swap(t, fake, info, myInfo), own(info)},
		"signed signature, attacker's in its place": {evil, element(t, m.card, "ds:Signature")},
		"attacker's SignatureValue":                 {fake, own(element(t, evil, "ds:SignatureValue"))},
		"attacker's KeyInfo":                        {evil, own(m.card[strings.LastIndex(m.card, "<ds:KeyInfo>"):strings.LastIndex(m.card, "</ds:Signature>")])},
	} {
		t.Run("SX-09 "+name, func(t *testing.T) {
			everywhere(t, m.with(t, c.base), c.fragment, func(doc string, _ int) {
				if tried++; sampled(tried) {
					refused(t, r.send(t, []byte(doc)))
				}
			})
		})
	}
	t.Logf("%d messages", tried)
}

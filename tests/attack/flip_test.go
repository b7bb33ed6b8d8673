package attack

import (
	"bytes"
	"strings"
	"testing"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/stretchr/testify/require"
)

// flips are what an octet is changed to: some of its bits, and the octets that mean something to XML; the most telling first.
func flips(c byte) []byte {
	var all []byte
	for _, by := range []byte{c ^ 1, c ^ 0x20, c ^ 0x80, ' ', '<', c ^ 0x21, c ^ 8, '&', '"', '>', '\n', '/'} {
		if by != c {
			all = append(all, by)
		}
	}
	return all
}

// flipEveryOctet changes every octet of message from start to end, one at a time, in the first ways of flips. What is not refused must be carried
// out for the original caller, and goxmldsig must find the canonical form of the elements that are signed to be what it was.
func flipEveryOctet(t *testing.T, d door, message string, start, end, ways int, signed ...string) (refusals, kept int) {
	t.Helper()
	original := d.send(t, []byte(message)).ran
	require.Len(t, original, 1)
	want := forms(t, message, signed)
	octets := []byte(message)
	step := 1
	if testing.Short() {
		step = 11
	}
	hint := -1 // the certificate in KeyInfo, of which the key alone counts
	if at := strings.Index(message[start:end], "<ds:Signature"); at >= 0 {
		hint = start + at + strings.Index(message[start+at:end], "<ds:X509Certificate>") + len("<ds:X509Certificate>")
	}
	hintEnd := hint + strings.IndexByte(message[hint+1:], '<')
	for i := start; i < end; i += step {
		changes := flips(message[i])
		changes = changes[:min(ways, len(changes))]
		if i >= hint && i < hintEnd {
			changes = changes[:1]
		}
		for _, by := range changes {
			octets[i] = by
			if !either(t, d.send(t, octets), original[0]) {
				refusals++
				continue
			}
			if kept++; i >= hint && i < hintEnd {
				continue
			}
			require.Equal(t, want, forms(t, string(octets), signed), "octet %d changed from %q to %q", i, message[i], by)
		}
		octets[i] = message[i]
	}
	return refusals, kept
}

// forms returns the canonical forms of the elements with these local names, without an enveloped signature, as goxmldsig sees them.
func forms(t *testing.T, message string, names []string) (all []string) {
	t.Helper()
	doc := etree.NewDocument()
	require.NoError(t, doc.ReadFromString(message))
	for _, name := range names {
		n := doc.FindElement("//" + name)
		require.NotNil(t, n, name)
		if name == "Assertion" {
			for _, child := range n.ChildElements() {
				if child.Tag == "Signature" {
					n.RemoveChild(child)
				}
			}
		}
		for at := n.Parent(); at != nil; at = at.Parent() { // goxmldsig looks for namespaces at the element alone
			for _, a := range at.Attr {
				if a.Space == "xmlns" && n.SelectAttr(a.FullKey()) == nil {
					n.CreateAttr(a.FullKey(), a.Value)
				}
			}
		}
		form, err := dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("").Canonicalize(n)
		require.NoError(t, err)
		all = append(all, string(form))
		doc = etree.NewDocument()
		require.NoError(t, doc.ReadFromString(message))
	}
	return all
}

func TestEveryOctetOfACard(t *testing.T) {
	t.Parallel()
	r := newRouter()
	m := r.material()
	start := strings.Index(m.message, "<saml:Assertion")
	end := strings.Index(m.message, "</saml:Assertion>") + len("</saml:Assertion>")
	t.Run("SA-05 every octet of a card", func(t *testing.T) {
		refusals, kept := flipEveryOctet(t, r, m.message, start, end, 9, "Assertion", "SignedInfo")
		t.Logf("%d changes refused, %d left the canonical form as it was", refusals, kept)
		require.Positive(t, kept)
		require.Greater(t, refusals, 20*kept)
	})
	t.Run("SA-05 every octet of a card removed or doubled", func(t *testing.T) {
		original := r.send(t, []byte(m.message)).ran
		for i := start; i < end; i++ {
			if !sampled(i) {
				continue
			}
			for _, changed := range []string{m.message[:i] + m.message[i+1:], m.message[:i+1] + m.message[i:]} {
				if either(t, r.send(t, []byte(changed)), original[0]) {
					require.True(t, bytes.Equal(canonical(t, m.message, "Assertion"), canonical(t, changed, "Assertion")), "octet %d", i)
				}
			}
		}
	})
	t.Run("SA-05 every two neighbouring octets of a card exchanged", func(t *testing.T) {
		original := r.send(t, []byte(m.message)).ran
		for i := start; i < end-1; i++ {
			if !sampled(i) || m.message[i] == m.message[i+1] {
				continue
			}
			changed := m.message[:i] + m.message[i+1:i+2] + m.message[i:i+1] + m.message[i+2:]
			if either(t, r.send(t, []byte(changed)), original[0]) {
				require.True(t, bytes.Equal(canonical(t, m.message, "Assertion"), canonical(t, changed, "Assertion")), "octet %d", i)
			}
		}
	})
}

func TestEveryOctetOfAToken(t *testing.T) {
	t.Parallel()
	r := newRouter()
	good := r.kit().good()
	t.Run("SA-05 every octet of an IDWS message", func(t *testing.T) {
		refusals, kept := flipEveryOctet(t, r, good, strings.Index(good, "<soap:Header"), len(good), 4, "Assertion", "Body", "MessageID", "Timestamp")
		t.Logf("%d changes refused, %d left the canonical form as it was", refusals, kept)
		require.Positive(t, kept)
		require.Greater(t, refusals, 20*kept)
	})
}

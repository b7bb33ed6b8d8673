package attack

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/dgws/dgwstest"
	"github.com/opennsp/nsp/adapters/auth/idws/idwstest"
	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/trust"
)

// remembering gives a router the stores of a database: message ids, and the answers of writes.
func remembering(db *memory.DB) func(*setting) {
	return func(s *setting) {
		s.gate.Seen, s.gate.Replies, s.gate.Units = db.Seen(), db.Replies(), db.Units()
		s.policy.Resend = admitting.Store
	}
}

func database() *memory.DB { return memory.New(func() time.Time { return start }) }

// TestReplay: a message that was accepted once is not accepted again, in whatever disguise its signature survives, here or at another service
// with the same store; and what was refused does not use up the id of the one that comes after.
func TestReplay(t *testing.T) {
	t.Parallel()
	for name, disguise := range map[string]func(t *testing.T, k kit, m string) string{
		"as it was": func(_ *testing.T, _ kit, m string) string { return m },
		"white space in SignatureValue": func(t *testing.T, _ kit, m string) string {
			s := messageSignature(t, m)
			return swap(t, m, s, swap(t, s, "</ds:SignatureValue>", "\n</ds:SignatureValue>"))
		},
		"without KeyInfo": func(t *testing.T, _ kit, m string) string {
			s := messageSignature(t, m)
			return swap(t, m, s, swap(t, s, element(t, s, "ds:KeyInfo"), ""))
		},
		"headers in another order": func(t *testing.T, _ kit, m string) string {
			id := element(t, m, "wsa:MessageID")
			return swap(t, swap(t, m, id, ""), "</soap:Header>", id+"</soap:Header>")
		},
		"another header more": func(t *testing.T, _ kit, m string) string {
			return swap(t, m, "</soap:Header>", `<x:X xmlns:x="urn:x"/></soap:Header>`)
		},
		"CDATA in the MessageID": func(t *testing.T, _ kit, m string) string { return swap(t, m, ">urn:uuid:", "><![CDATA[urn:]]>uuid:") },
		"reference in the MessageID": func(t *testing.T, _ kit, m string) string {
			return swap(t, m, ">urn:uuid:", ">&#117;rn:uuid:")
		},
		"declarations around": func(t *testing.T, _ kit, m string) string {
			return first(t, m, "<soap:Header>", `<soap:Header xmlns:z="urn:z">`)
		},
	} {
		t.Run("SA-40 replayed: "+name, func(t *testing.T) {
			db := database()
			here, there := newRouter(remembering(db)), newRouter(remembering(db))
			k := here.kit()
			m := k.good()
			copied := disguise(t, k, m)
			forgetful := newRouter()
			require.Len(t, forgetful.send(t, []byte(copied)).ran, 1, "nothing but the replay is wrong with it")
			require.Len(t, here.send(t, []byte(m)).ran, 1)
			refused(t, here.send(t, []byte(copied)), fault.CodeSignature)
			refused(t, there.send(t, []byte(copied)), fault.CodeSignature)
		})
	}
	t.Run("SEC-32 a refused message does not use up the id", func(t *testing.T) {
		r := newRouter(remembering(database()))
		k := r.kit()
		good := k.message()
		byOther := k.with(k.other(), epj()) // another signer may use the same id
		stolen, wrong, bearer := good, good, good
		stolen.Key = attacker()
		wrong.Token = func() []byte { tk := k.token(); tk.Audiences = []string{"https://other"}; return tk.Sign(k.sts) }()
		bearer.Token = func() []byte { tk := k.token(); tk.Method = idwstest.Bearer; return tk.Sign(k.sts) }()
		byOther.MessageID = good.MessageID
		for _, m := range []idwstest.Message{stolen, wrong, bearer} {
			refused(t, r.send(t, m.Bytes()))
		}
		require.Len(t, r.send(t, byOther.Bytes()).ran, 1)
		require.Len(t, r.send(t, good.Bytes()).ran, 1)
		refused(t, r.send(t, good.Bytes()), fault.CodeSignature)
		refused(t, r.send(t, byOther.Bytes()), fault.CodeSignature)
	})
}

// TestStolenAnswers: the kept answer of a write is given to who made the call, and to nobody else who knows its MessageID and content.
func TestStolenAnswers(t *testing.T) {
	t.Parallel()
	by := func(scheme, code string, c dgwstest.Card) dgwstest.Card {
		c.System = []dgwstest.Attribute{c.System[0], {Name: "medcom:CareProviderID", Format: scheme, Value: code}, c.System[2]}
		return c
	}
	victim, system := userCard(), systemCard()
	for name, c := range map[string]struct{ victim, thief dgwstest.Card }{
		"another organisation":                           {system, system.With("medcom:CareProviderID", "99999903")},
		"another system of the organisation":             {system, system.With("medcom:ITSystemName", "Other")},
		"another user of the organisation":               {victim, victim.With("medcom:UserCivilRegistrationNumber", "0101010002")},
		"the organisation's system, for a user's answer": {victim, system.With("medcom:CareProviderID", "99999902")},
		"a user, for the answer of the system":           {system, victim.With("medcom:CareProviderID", "99999901")},
		"another organisation without CVR number":        {by("medcom:ynumber", "111111", system), by("medcom:ynumber", "222222", system)},
		"the same code of another register":              {by("medcom:ynumber", "111111", system), by("medcom:skscode", "111111", system)},
		"names that run into one another":                {system.With("medcom:ITSystemName", "a"), system.With("medcom:ITSystemName", "a0101010001")},
	} {
		t.Run("SA-21 "+name, func(t *testing.T) {
			r := newRouter(remembering(database()))
			m := r.material()
			send := func(card dgwstest.Card) verdict { return r.send(t, []byte(messageWith(m.sign(card), card.Level()))) }
			first := send(c.victim)
			require.Len(t, first.ran, 1, "%s", first.body)
			again := send(c.victim)
			assert.Empty(t, again.ran, "the victim's own copy is answered with what was kept")
			assert.Equal(t, first.body, again.body)
			thief := send(c.thief)
			require.Len(t, thief.ran, 1, "the thief got the victim's answer: %s", thief.body)
		})
	}
	t.Run("SA-22 no answer without a good credential", func(t *testing.T) {
		r := newRouter(remembering(database()))
		m := r.material()
		require.Len(t, r.send(t, []byte(m.message)).ran, 1)
		for _, a := range []string{
			m.with(t, string(m.evil.Sign(m.user))), without(t, m.message, "saml:Assertion"), without(t, m.message, "wsse:Security"),
			m.with(t, without(t, m.card, "ds:Signature")), strings.Replace(m.message, "TST01", "TST99", 1),
		} {
			refused(t, r.send(t, []byte(a)))
		}
	})
	t.Run("SX-04 a write whose Body has no canonical form", func(t *testing.T) {
		r := newRouter(remembering(database()))
		m := r.material()
		for _, body := range []string{
			`<sec:System xmlns:rel="1">`, `<sec:System xmlns:a="urn:` + strings.Repeat("u", 1000) + `">` + strings.Repeat("<a:b/>", 1000),
		} {
			refused(t, r.send(t, []byte(swap(t, m.message, "<sec:System>", body))), fault.CodeSyntax)
		}
	})
	t.Run("SA-21 the id used for other content", func(t *testing.T) {
		r := newRouter(remembering(database()))
		m := r.material()
		require.Len(t, r.send(t, []byte(m.message)).ran, 1)
		refused(t, r.send(t, []byte(swap(t, m.message, ">original<", ">other<"))), fault.CodeSyntax)
	})
}

// TestKeyOfAnotherUse: a key that is pinned for one thing signs no other.
func TestKeyOfAnotherUse(t *testing.T) {
	t.Parallel()
	pinned := func(edit func(*trust.Anchor)) func(*setting) {
		return func(s *setting) { edit(&s.anchors[0]) }
	}
	for name, c := range map[string]struct {
		change      func(*setting)
		card, token []string // nil = accepted
	}{
		"SEC-41 pinned for cards":                   {pinned(func(a *trust.Anchor) { a.Uses = []trust.Use{trust.IDCard} }), nil, []string{fault.CodeCertificate}},
		"SEC-41 pinned for tokens":                  {pinned(func(a *trust.Anchor) { a.Uses = []trust.Use{trust.Token} }), []string{fault.CodeCertificate}, nil},
		"SEC-41 pinned for bootstrap tokens":        {pinned(func(a *trust.Anchor) { a.Uses = []trust.Use{trust.Bootstrap} }), []string{fault.CodeCertificate}, []string{fault.CodeCertificate}},
		"SEC-41 pinned for another issuer":          {pinned(func(a *trust.Anchor) { a.Issuers = []string{"TEST-STS "} }), []string{fault.CodeCertificate}, []string{fault.CodeCertificate}},
		"SEC-41 window not begun":                   {pinned(func(a *trust.Anchor) { a.Window.From = start.Add(time.Second) }), []string{fault.CodeCertificate}, []string{fault.CodeCertificate}},
		"SEC-41 window ended":                       {pinned(func(a *trust.Anchor) { a.Window.To = start }), []string{fault.CodeCertificate}, []string{fault.CodeCertificate}},
		"SEC-41 window begun after issue":           {pinned(func(a *trust.Anchor) { a.Window.From = start.Add(-time.Second) }), []string{fault.CodeCertificate}, []string{fault.CodeCertificate}},
		"SEC-40 nobody pinned":                      {func(s *setting) { s.anchors = nil }, []string{fault.CodeCertificate}, []string{fault.CodeCertificate}},
		"SEC-40 name of one key, digest of another": {pinned(func(a *trust.Anchor) { a.Key = stranger().Anchor.Key }), []string{fault.CodeCertificate}, []string{fault.CodeCertificate}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRouter(c.change)
			for message, want := range map[string][]string{r.material().message: c.card, r.kit().good(): c.token} {
				v := r.send(t, []byte(message))
				if want == nil {
					require.Len(t, v.ran, 1, "%s", v.body)
					continue
				}
				refused(t, v, want...)
			}
		})
	}
}

// TestRememberedSignatures: that RSA found a signature good before saves nothing else from being looked at.
func TestRememberedSignatures(t *testing.T) {
	r := newRouter()
	m := r.material()
	for range 3 {
		require.Len(t, r.send(t, []byte(m.message)).ran, 1)
		refused(t, r.send(t, []byte(forged.Replace(m.message))), fault.CodeSignature)
		refused(t, r.send(t, []byte(m.with(t, string(m.evil.Sign(m.user))))), fault.CodeCertificate)
		refused(t, r.send(t, []byte(swap(t, m.message, element(t, m.card, "ds:SignatureValue"), element(t, m.other, "ds:SignatureValue")))), fault.CodeSignature)
	}
}

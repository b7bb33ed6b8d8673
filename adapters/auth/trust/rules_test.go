package trust_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	authtrust "github.com/opennsp/nsp/adapters/auth/trust"
	"github.com/opennsp/nsp/domain/trust"
)

const day = 24 * time.Hour

// crl is a revocation list of an authority.
func crl(t *testing.T, issuer *x509.Certificate, key *rsa.PrivateKey, next time.Time, serials ...int64) []byte {
	t.Helper()
	template := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: now.AddDate(0, 0, -1), NextUpdate: next}
	for _, s := range serials {
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: big.NewInt(s), RevocationTime: now.AddDate(0, 0, -1)})
	}
	der, err := x509.CreateRevocationList(rand.Reader, template, issuer, key)
	require.NoError(t, err)
	return der
}

func TestStatus(t *testing.T) {
	path := folder(t, files(t))
	clock := now
	source, err := authtrust.Rules{Now: func() time.Time { return clock }}.Open(path)
	require.NoError(t, err)
	status := func() (time.Time, string) {
		since, err := source.Status()
		if err == nil {
			return since, ""
		}
		return since, err.Error()
	}
	since, why := status()
	assert.Zero(t, since)
	assert.Empty(t, why)

	revoked := filepath.Join(filepath.Dir(path), "revoked.txt")
	for _, step := range []struct {
		text, why string
		since     time.Duration
	}{
		{"nonsense\n", "nonsense", 0}, {"rubbish\n", "rubbish", 0}, {"# good\n", "", 0}, {"nonsense\n", "nonsense", 3 * time.Minute},
	} {
		require.NoError(t, os.WriteFile(revoked, []byte(step.text), 0o600))
		assert.Equal(t, step.why != "", source.Reload(t.Context()) != nil)
		since, why := status()
		if step.why == "" {
			assert.Zero(t, since)
			assert.Empty(t, why)
		} else {
			assert.Equal(t, now.Add(step.since), since, "since the first of the reloads that failed")
			assert.Contains(t, why, step.why)
		}
		set, err := source.Trust(t.Context())
		require.NoError(t, err)
		assert.Len(t, set.Anchors, 2)
		clock = clock.Add(time.Minute)
	}
}

func TestShortestKey(t *testing.T) {
	path := folder(t, files(t))
	_, err := authtrust.Rules{MinRSABits: 3072}.Load(path)
	assert.ErrorContains(t, err, "3072")
	_, err = authtrust.Rules{MinRSABits: 2048}.Load(path)
	assert.NoError(t, err)
}

func TestAnchorsOfAStaleList(t *testing.T) {
	k := keys()
	ca := certificate{subject: caName, key: k[0], ca: true}.make(t)
	sts := certificate{subject: stsNames, key: k[1], parent: ca, signer: k[0], serial: 42}.make(t)
	load := func(t *testing.T, rules authtrust.Rules, list []byte) trust.Anchor {
		set, err := rules.Load(folder(t, map[string][]byte{
			"trust.yaml": []byte("anchors:\n  - {id: sts, use: [idcard], issuers: [STS], cert: sts.pem}\noces: {roots: [ca.pem], crl_dir: crl}\n"),
			"ca.pem":     toPEM(ca), "sts.pem": toPEM(sts), "crl/ca.crl": list,
		}))
		require.NoError(t, err)
		require.Len(t, set.Anchors, 1)
		return set.Anchors[0]
	}
	strict := authtrust.Rules{RefuseStaleCRL: true}
	t.Run("SEC-43 an anchor on its authority's list is revoked", func(t *testing.T) {
		assert.True(t, load(t, strict, crl(t, ca, k[0], now.Add(day), 42)).Revoked)
		assert.False(t, load(t, strict, crl(t, ca, k[0], now.Add(day), 43)).Revoked)
	})
	t.Run("SEC-43 production: an anchor ends a day after the list that did not come", func(t *testing.T) {
		a := load(t, strict, crl(t, ca, k[0], now))
		assert.True(t, a.Window.Contains(now.Add(day-time.Second)))
		assert.False(t, a.Window.Contains(now.Add(day)))
	})
	t.Run("SEC-43 production: a list long overdue is no error of the file", func(t *testing.T) {
		assert.False(t, load(t, strict, crl(t, ca, k[0], now.Add(-day+time.Second))).Window.Contains(now.Add(day)))
	})
	t.Run("SEC-43 development: it does not", func(t *testing.T) {
		assert.True(t, load(t, authtrust.Rules{}, crl(t, ca, k[0], now)).Window.Contains(now.Add(day)))
	})
}

func TestStaleListIsToldOnce(t *testing.T) {
	k := keys()
	ca := certificate{subject: caName, key: k[0], ca: true}.make(t)
	good := certificate{subject: oces2, key: k[2], parent: ca, signer: k[0], serial: 42}.make(t)
	source, err := authtrust.Open(folder(t, map[string][]byte{
		"trust.yaml": []byte("anchors: []\noces: {roots: [ca.pem], crl_dir: crl}\n"), "ca.pem": toPEM(ca), "crl/ca.crl": crl(t, ca, k[0], now.Add(-day)),
	}))
	require.NoError(t, err)
	var out bytes.Buffer
	h := &authtrust.Holders{Source: source, Log: slog.New(slog.NewTextHandler(&out, nil))}
	_, err = h.Holder(t.Context(), good.Raw, now.Add(-time.Second))
	require.NoError(t, err)
	assert.Empty(t, out.String(), "a day of grace")
	for range 3 {
		_, err = h.Holder(t.Context(), good.Raw, now)
		require.NoError(t, err)
	}
	assert.Equal(t, 1, strings.Count(out.String(), "out of date"), "%s", out.String())
	assert.Contains(t, out.String(), "CN=Test CA")
}

// TestChains judges certificates of both generations below an intermediate, as those of the OCES authorities are.
func TestChains(t *testing.T) {
	k := keys()
	root := certificate{subject: name([]string{"2.5.4.3=OCES root"}), key: k[0], ca: true}.make(t)
	issuing := certificate{subject: name([]string{"2.5.4.3=OCES issuing"}), key: k[1], ca: true, parent: root, signer: k[0], serial: 5}.make(t)
	below := func(id string, more ...string) *x509.Certificate {
		rdns := [][]string{{"2.5.4.3=Test"}, {"2.5.4.5=" + id}}
		for _, m := range more {
			rdns = append(rdns, []string{m})
		}
		return certificate{subject: name(rdns...), key: k[2], parent: issuing, signer: k[1], serial: 77}.make(t)
	}
	employee2, employee3 := below("CVR:99999902-RID:1"), below("UI:DK-E:G:1", "2.5.4.97=NTRDK-99999902")
	type chain struct {
		intermediates []*x509.Certificate
		lists         map[string][]byte
		revoked       string
	}
	judge := func(t *testing.T, c chain, strict bool, leaf *x509.Certificate) (trust.Holder, error) {
		yaml := "anchors: []\noces: {roots: [root.pem], crl_dir: crl"
		m := map[string][]byte{"root.pem": toPEM(root), "crl/.keep": nil, "revoked.txt": []byte(c.revoked)}
		if c.intermediates != nil {
			yaml += ", intermediates: [issuing.pem]"
			m["issuing.pem"] = toPEM(c.intermediates...)
		}
		for file, list := range c.lists {
			m["crl/"+file] = list
		}
		m["trust.yaml"] = []byte(yaml + "}\nrevocations: revoked.txt\n")
		source, err := authtrust.Open(folder(t, m))
		require.NoError(t, err)
		return (&authtrust.Holders{Source: source, RefuseStaleCRL: strict}).Holder(t.Context(), leaf.Raw, now)
	}
	whole := chain{intermediates: []*x509.Certificate{issuing}}
	for _, c := range []struct {
		name string
		leaf *x509.Certificate
		want trust.Subject
	}{
		{"SA-08 OCES2 employee", employee2, trust.Subject{Class: trust.MOCES, CVR: "99999902", RID: "CVR:99999902-RID:1", Name: "Test"}},
		{"SA-08 OCES2 company", below("CVR:99999902-UID:1"), trust.Subject{Class: trust.VOCES, CVR: "99999902", RID: "CVR:99999902-UID:1", Name: "Test"}},
		{"SA-08 OCES2 function", below("CVR:99999902-FID:1"), trust.Subject{Class: trust.FOCES, CVR: "99999902", RID: "CVR:99999902-FID:1", Name: "Test"}},
		{"SA-08 OCES2 person", below("PID:9208-2002-2-1"), trust.Subject{Class: trust.POCES, RID: "PID:9208-2002-2-1", Name: "Test"}},
		{"SA-08 OCES3 employee", employee3, trust.Subject{Class: trust.MOCES, CVR: "99999902", RID: "UI:DK-E:G:1", Name: "Test"}},
		{"SA-08 OCES3 organisation", below("UI:DK-O:G:1", "2.5.4.97=NTRDK-99999902"), trust.Subject{Class: trust.VOCES, CVR: "99999902", RID: "UI:DK-O:G:1", Name: "Test"}},
		{"SA-08 OCES3 person", below("UI:DK-P:G:1"), trust.Subject{Class: trust.POCES, RID: "UI:DK-P:G:1", Name: "Test"}},
		{"SA-08 OCES3 organisation without CVR", below("UI:DK-O:G:1"), trust.Subject{RID: "UI:DK-O:G:1", Name: "Test"}},
		{"SA-08 OCES3 organisation with a foreign number", below("UI:DK-O:G:1", "2.5.4.97=NTRSE-99999902"), trust.Subject{RID: "UI:DK-O:G:1", Name: "Test"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, err := judge(t, whole, true, c.leaf)
			require.NoError(t, err)
			assert.Equal(t, c.want, h.Subject)
			assert.Equal(t, "CN=OCES issuing", h.IssuerDN)
		})
	}
	stranger := certificate{subject: name([]string{"2.5.4.3=OCES issuing"}), key: k[0], ca: true}.make(t)
	forged := certificate{subject: oces2, key: k[2], parent: stranger, signer: k[0]}.make(t)
	byLeaf := certificate{subject: oces2, key: k[1], parent: employee2, signer: k[2]}.make(t)
	with := func(file string, list []byte) chain {
		return chain{intermediates: whole.intermediates, lists: map[string][]byte{file: list}}
	}
	for _, c := range []struct {
		name   string
		chain  chain
		strict bool
		leaf   *x509.Certificate
		want   error
	}{
		{"SA-08 intermediate unknown", chain{}, true, employee2, trust.ErrUntrusted},
		{"SA-08 intermediate of the same name by somebody else", whole, true, forged, trust.ErrUntrusted},
		{"SA-08 issued by an employee", whole, true, byLeaf, trust.ErrUntrusted},
		{"SEC-43 on the list of the intermediate", with("issuing.crl", crl(t, issuing, k[1], now.Add(day), 77)), true, employee3, trust.ErrRevoked},
		{"SEC-43 in development too", with("issuing.crl", crl(t, issuing, k[1], now.Add(day), 77)), false, employee3, trust.ErrRevoked},
		{"SEC-43 intermediate on the list of the root", with("root.crl", crl(t, root, k[0], now.Add(day), 5)), true, employee2, trust.ErrRevoked},
		{"SEC-43 the serial on the list of another authority", with("root.crl", crl(t, root, k[0], now.Add(day), 77)), true, employee2, nil},
		{"SEC-43 production: list of the intermediate a day overdue", with("issuing.crl", crl(t, issuing, k[1], now.Add(-day))), true, employee2, trust.ErrStaleCRL},
		{"SEC-43 production: list of the root a day overdue", with("root.crl", crl(t, root, k[0], now.Add(-day))), true, employee2, trust.ErrStaleCRL},
		{"SEC-43 development: list a day overdue", with("issuing.crl", crl(t, issuing, k[1], now.Add(-day))), false, employee2, nil},
		{"SEC-43 production: list due", with("issuing.crl", crl(t, issuing, k[1], now.Add(-day+time.Second))), true, employee2, nil},
		{"SEC-43 revoked though the list is overdue", with("issuing.crl", crl(t, issuing, k[1], now.Add(-day), 77)), false, employee2, trust.ErrRevoked},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := judge(t, c.chain, c.strict, c.leaf)
			assert.ErrorIs(t, err, c.want)
		})
	}
	t.Run("SEC-43 two lists of one authority: both count, the newer one says when the next comes", func(t *testing.T) {
		both := chain{intermediates: whole.intermediates, lists: map[string][]byte{
			"a.crl": crl(t, issuing, k[1], now.Add(-day), 77), "b.crl": crl(t, issuing, k[1], now.Add(day)),
		}}
		_, err := judge(t, both, true, employee2)
		assert.ErrorIs(t, err, trust.ErrRevoked)
		both.lists["a.crl"] = crl(t, issuing, k[1], now.Add(-day))
		_, err = judge(t, both, true, employee2)
		assert.NoError(t, err)
	})
}

func TestEndings(t *testing.T) {
	k := keys()
	ca := certificate{subject: caName, key: k[0], ca: true}.make(t)
	ends := func(after time.Duration) *x509.Certificate {
		return certificate{subject: stsNames, key: k[1], from: now.AddDate(-1, 0, 0), to: now.Add(after - time.Second)}.make(t)
	}
	set, err := authtrust.Load(folder(t, map[string][]byte{
		"trust.yaml": []byte(`anchors:
  - {id: soon, use: [idcard], issuers: [A], cert: soon.pem}
  - {id: renewed, use: [idcard], issuers: [A], cert: renewed.pem}
  - {id: later, use: [idcard], issuers: [A], cert: later.pem}
  - {id: cut, use: [idcard], issuers: [A], cert: later.pem, not_after: 2026-11-22T12:00:00Z}
  - {id: ended, use: [idcard], issuers: [A], cert: ended.pem}
oces: {roots: [ca.pem], crl_dir: crl}
`),
		"ca.pem": toPEM(ca), "soon.pem": toPEM(ends(14 * day)), "renewed.pem": toPEM(ends(90*day), ends(day)), "later.pem": toPEM(ends(14*day + time.Second)),
		"ended.pem": toPEM(ends(-day)), "crl/ca.crl": crl(t, ca, k[0], now.Add(-time.Hour)),
	}))
	require.NoError(t, err)
	assert.Equal(t, []authtrust.Ending{
		{Name: "anchor ended", At: now.Add(-day)}, {Name: "revocation list of CN=Test CA, C=DK", At: now.Add(-time.Hour)},
		{Name: "anchor cut", At: now.Add(day)}, {Name: "anchor soon", At: now.Add(14 * day)},
	}, authtrust.Endings(set, now, 14*day))
	assert.Len(t, authtrust.Endings(set, now.Add(-2*time.Hour), 0), 1, "what has not ended")
	assert.Equal(t, "anchor soon ends 2026-12-05T12:00:00Z", authtrust.Ending{Name: "anchor soon", At: now.Add(14 * day)}.String())

	der, err := x509.MarshalPKCS8PrivateKey(k[1])
	require.NoError(t, err)
	dir := filepath.Dir(folder(t, map[string][]byte{
		"a.pem": toPEM(ends(day)), "b.pem": toPEM(ends(90 * day)), "a.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
	}))
	file := func(certificate string) authtrust.KeyFile {
		return authtrust.KeyFile{Key: filepath.Join(dir, "a.key"), Certificate: filepath.Join(dir, certificate)}
	}
	signer, err := authtrust.OpenSigner(map[trust.Use]authtrust.KeyFile{trust.IDCard: file("a.pem"), trust.Token: file("a.pem"), trust.Service: file("b.pem")})
	require.NoError(t, err)
	assert.Equal(t, []authtrust.Ending{{Name: "certificate CN=STS", At: now.Add(day)}}, signer.Endings(now, 14*day), "each certificate once")
	assert.Empty(t, signer.Endings(now, day-time.Second))
}

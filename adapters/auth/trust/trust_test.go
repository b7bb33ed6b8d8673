package trust_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"software.sslmate.com/src/go-pkcs12"

	authtrust "github.com/opennsp/nsp/adapters/auth/trust"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/trust"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// keys are made once for the package.
var keys = sync.OnceValue(func() (all [3]*rsa.PrivateKey) {
	for i := range all {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		all[i] = key
	}
	return all
})

// certificate describes one to be made; parent nil is self-signed.
type certificate struct {
	subject  pkix.RDNSequence
	key      *rsa.PrivateKey
	ca       bool
	parent   *x509.Certificate
	signer   *rsa.PrivateKey
	from, to time.Time
	serial   int64
}

func (c certificate) make(t *testing.T) *x509.Certificate {
	t.Helper()
	subject, err := asn1.Marshal(c.subject)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(max(c.serial, 1)), RawSubject: subject, NotBefore: c.from, NotAfter: c.to, IsCA: c.ca, BasicConstraintsValid: true,
	}
	if c.from.IsZero() {
		template.NotBefore, template.NotAfter = now.AddDate(-1, 0, 0), now.AddDate(1, 0, 0)
	}
	if c.ca {
		template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
		template.SubjectKeyId = []byte(fmt.Sprint(c.subject))[:4]
	}
	parent, signer := template, c.key
	if c.parent != nil {
		parent, signer = c.parent, c.signer
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, c.key.Public(), signer)
	require.NoError(t, err)
	made, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return made
}

// name builds a subject: one RDN for each group of "oid=value".
func name(rdns ...[]string) pkix.RDNSequence {
	var seq pkix.RDNSequence
	for _, rdn := range rdns {
		var set pkix.RelativeDistinguishedNameSET
		for _, pair := range rdn {
			oid, value, _ := strings.Cut(pair, "=")
			var id asn1.ObjectIdentifier
			for part := range strings.SplitSeq(oid, ".") {
				var n int
				_, _ = fmt.Sscan(part, &n)
				id = append(id, n)
			}
			set = append(set, pkix.AttributeTypeAndValue{Type: id, Value: value})
		}
		seq = append(seq, set)
	}
	return seq
}

var (
	caName   = name([]string{"2.5.4.6=DK"}, []string{"2.5.4.3=Test CA"})
	oces2    = name([]string{"2.5.4.6=DK"}, []string{"2.5.4.10=House // CVR:99999902"}, []string{"2.5.4.3=A Person", "2.5.4.5=CVR:99999902-RID:1"})
	oces3    = name([]string{"2.5.4.3=System"}, []string{"2.5.4.5=UI:DK-O:G:1"}, []string{"2.5.4.10=House"}, []string{"2.5.4.97=NTRDK-99999902"}, []string{"2.5.4.6=DK"})
	stsNames = name([]string{"2.5.4.3=STS"})
)

// folder writes files and returns the path of trust.yaml among them.
func folder(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for file, data := range files {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), data, 0o600))
	}
	return filepath.Join(dir, "trust.yaml")
}

func toPEM(certificates ...*x509.Certificate) []byte {
	var out []byte
	for _, c := range certificates {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return out
}

const trustYAML = `anchors:
  - {id: sts, use: [idcard, token], issuers: [STS, STS2], cert: sts.pem, algorithms: [rsa-sha1, rsa-sha256]}
  - {id: next, use: [idcard], issuers: [STS], cert: sts.pem, not_before: 2026-12-01T00:00:00Z, not_after: 2027-01-01T00:00:00Z, test: true}
oces: {roots: [ca.pem]}
revocations: revoked.txt
`

// files are a trust file that loads, and what it names.
func files(t *testing.T) map[string][]byte {
	k := keys()
	return map[string][]byte{
		"trust.yaml": []byte(trustYAML), "revoked.txt": []byte("# nobody\n\n"),
		"ca.pem":  toPEM(certificate{subject: caName, key: k[0], ca: true}.make(t)),
		"sts.pem": toPEM(certificate{subject: stsNames, key: k[1]}.make(t)),
	}
}

func TestLoad(t *testing.T) {
	set, err := authtrust.Load(folder(t, files(t)))
	require.NoError(t, err)
	require.Len(t, set.Anchors, 2)
	a := set.Anchors[0]
	assert.Equal(t, "sts", a.ID)
	assert.Equal(t, []trust.Use{trust.IDCard, trust.Token}, a.Uses)
	assert.True(t, a.Allows(trust.IDCard, "STS2"))
	assert.True(t, a.AllowsSHA1(trust.IDCard))
	assert.Equal(t, sha256.Sum256(a.Key), a.SPKI)
	assert.Equal(t, now.AddDate(-1, 0, 0), a.Window.From)
	assert.Equal(t, now.AddDate(1, 0, 0).Add(time.Second), a.Window.To, "the last second of a certificate is included")
	assert.False(t, a.Test)
	b := set.Anchors[1]
	assert.Equal(t, time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), b.Window.From)
	assert.Equal(t, time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), b.Window.To)
	assert.True(t, b.Test)
	assert.Len(t, set.Roots, 1)
}

func TestLoadRefuses(t *testing.T) {
	replace := func(old, with string) func(map[string][]byte) {
		return func(m map[string][]byte) {
			require.Contains(t, trustYAML, old)
			m["trust.yaml"] = []byte(strings.Replace(trustYAML, old, with, 1))
		}
	}
	put := func(file, data string) func(map[string][]byte) {
		return func(m map[string][]byte) { m[file] = []byte(data) }
	}
	hash := strings.Repeat("ab", 32)
	for _, c := range []struct {
		name   string
		change func(map[string][]byte)
		text   string
	}{
		{"empty file", put("trust.yaml", ""), "EOF"},
		{"unknown key", replace("revocations:", "revocation:"), "revocation"},
		{"unknown key of an anchor", replace("cert: sts.pem", "certificate: sts.pem"), "certificate"},
		{"key given twice", replace("revocations:", "anchors: []\nrevocations:"), "already defined"},
		{"key of an anchor given twice", replace("id: sts,", "id: sts, id: b,"), "already defined"},
		{"second document", replace("revocations: revoked.txt", "revocations: revoked.txt\n---\nanchors: []"), "more than one document"},
		{"no id", replace("id: sts, ", ""), "id"},
		{"id given twice", replace("id: next", "id: sts"), "repeated"},
		{"no use", replace("use: [idcard, token], ", ""), "use"},
		{"unknown use", replace("[idcard, token]", "[cards]"), "cards"},
		{"use given twice", replace("[idcard, token]", "[idcard, idcard]"), "idcard"},
		{"no issuer", replace("issuers: [STS, STS2], ", ""), "issuers"},
		{"empty issuer", replace("[STS, STS2]", `[STS, ""]`), "issuers"},
		{"unknown algorithm", replace("rsa-sha1,", "rsa-md5,"), "rsa-md5"},
		{"no certificate", replace("cert: sts.pem, algo", "algo"), "cert"},
		{"no such certificate", replace("cert: sts.pem", "cert: other.pem"), "other.pem"},
		{"no time left", replace("not_before: 2026-12-01T00:00:00Z", "not_before: 2027-06-01T00:00:00Z"), "no time"},
		{"bad time", replace("2026-12-01T00:00:00Z", "soon"), "soon"},
		{"not PEM", put("sts.pem", "hello"), "no certificate"},
		{"a key for a certificate", put("sts.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{1}}))), "PRIVATE KEY"},
		{"root that is no authority", func(m map[string][]byte) { m["ca.pem"] = m["sts.pem"] }, "authority"},
		{"weak key", func(m map[string][]byte) {
			key, err := rsa.GenerateKey(rand.Reader, 1024)
			require.NoError(t, err)
			m["sts.pem"] = toPEM(certificate{subject: stsNames, key: key}.make(t))
		}, "2048"},
		{"missing revocations", func(m map[string][]byte) { delete(m, "revoked.txt") }, "revoked.txt"},
		{"unknown revocation", put("revoked.txt", "key "+hash), `unknown entry "key"`},
		{"short hash", put("revoked.txt", "spki "+hash[2:]), "SHA-256"},
		{"long hash", put("revoked.txt", "spki "+hash+"00"), "SHA-256"},
		{"hash that is not hex", put("revoked.txt", "cert "+strings.Repeat("zz", 32)), "SHA-256"},
		{"too many values", put("revoked.txt", "cert "+hash+" 1"), "cert takes 1"},
		{"serial without number", put("revoked.txt", "serial "+hash), "serial takes 2"},
		{"serial in hex", put("revoked.txt", "# ok\nserial "+hash+" 0x1f"), "line 2"},
		{"missing revocation lists", replace("roots: [ca.pem]", "roots: [ca.pem], crl_dir: crl"), "crl"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := files(t)
			c.change(m)
			_, err := authtrust.Load(folder(t, m))
			assert.ErrorContains(t, err, c.text)
		})
	}
}

func TestReload(t *testing.T) {
	path := folder(t, files(t))
	source, err := authtrust.Open(path)
	require.NoError(t, err)
	first, err := source.Trust(t.Context())
	require.NoError(t, err)
	assert.Equal(t, uint64(1), first.Version)

	t.Run("a bad line makes the reload fail as a whole and the old set stays", func(t *testing.T) {
		spki := hex.EncodeToString(first.Anchors[0].SPKI[:])
		require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(path), "revoked.txt"), []byte("spki "+spki+"\nnonsense\n"), 0o600))
		require.ErrorContains(t, source.Reload(t.Context()), "line 2")
		kept, err := source.Trust(t.Context())
		require.NoError(t, err)
		assert.Same(t, first, kept)
		assert.False(t, kept.Anchors[0].Revoked)
	})
	t.Run("a good one replaces it", func(t *testing.T) {
		spki := hex.EncodeToString(first.Anchors[0].SPKI[:])
		require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(path), "revoked.txt"), []byte("spki "+spki+" # lost\n"), 0o600))
		require.NoError(t, source.Reload(t.Context()))
		next, err := source.Trust(t.Context())
		require.NoError(t, err)
		assert.Equal(t, uint64(2), next.Version)
		_, err = next.Match(trust.IDCard, "STS", first.Anchors[0].SPKI, now, now)
		assert.ErrorIs(t, err, trust.ErrRevoked)
		assert.False(t, first.Anchors[0].Revoked, "a set is never changed")
	})
	t.Run("readers during reloads see whole sets", func(t *testing.T) {
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				for range 20 {
					set, err := source.Trust(context.Background())
					assert.NoError(t, err)
					assert.Len(t, set.Anchors, 2)
					assert.NoError(t, source.Reload(context.Background()))
				}
			})
		}
		group.Wait()
		set, err := source.Trust(t.Context())
		require.NoError(t, err)
		assert.Equal(t, uint64(2), set.Version, "what was verified is remembered as long as the files say nothing new")
	})
	t.Run("a set that does not fit replaces nothing", func(t *testing.T) {
		var unfit error
		source, err := authtrust.Open(path, func(*trust.Set) error { return unfit })
		require.NoError(t, err)
		before, err := source.Trust(t.Context())
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(path), "revoked.txt"), []byte("# none\n"), 0o600))
		unfit = errors.New("not this one")
		require.ErrorIs(t, source.Reload(t.Context()), unfit)
		after, err := source.Trust(t.Context())
		require.NoError(t, err)
		assert.Same(t, before, after)
		_, err = authtrust.Open(path, func(*trust.Set) error { return unfit })
		assert.ErrorIs(t, err, unfit)
	})
}

func TestHolder(t *testing.T) {
	k := keys()
	ca := certificate{subject: caName, key: k[0], ca: true}.make(t)
	intermediate := certificate{subject: name([]string{"2.5.4.3=Issuing CA"}), key: k[1], ca: true, parent: ca, signer: k[0], serial: 5}.make(t)
	leaf := func(c certificate) *x509.Certificate {
		c.key, c.parent, c.signer = k[2], ca, k[0]
		return c.make(t)
	}
	good := leaf(certificate{subject: oces2, serial: 42})
	below := certificate{subject: oces3, key: k[2], parent: intermediate, signer: k[1], serial: 7}.make(t)
	stranger := certificate{subject: oces2, key: k[2], parent: certificate{subject: caName, key: k[1], ca: true}.make(t), signer: k[1]}.make(t)
	sum := func(b []byte) string { h := sha256.Sum256(b); return hex.EncodeToString(h[:]) }
	const yaml = "anchors: []\noces: {roots: [ca.pem], intermediates: [issuing.pem]}\nrevocations: revoked.txt\n"
	judge := func(t *testing.T, revoked string, c []byte, at time.Time) (trust.Holder, error) {
		source, err := authtrust.Open(folder(t, map[string][]byte{
			"trust.yaml": []byte(yaml), "revoked.txt": []byte(revoked), "ca.pem": toPEM(ca), "issuing.pem": toPEM(intermediate),
		}))
		require.NoError(t, err)
		return (&authtrust.Holders{Source: source}).Holder(t.Context(), c, at)
	}
	for _, c := range []struct {
		name    string
		cert    *x509.Certificate
		revoked string
		at      time.Time
		want    error
	}{
		{"good", good, "", now, nil},
		{"below an intermediate", below, "", now, nil},
		{"at its last second", good, "", now.AddDate(1, 0, 0), nil},
		{"a second later", good, "", now.AddDate(1, 0, 0).Add(time.Second), trust.ErrExpired},
		{"before it begins", good, "", now.AddDate(-1, 0, 0).Add(-time.Second), trust.ErrExpired},
		{"authority of the same name", stranger, "", now, trust.ErrUntrusted},
		{"revoked by certificate", good, "cert " + sum(good.Raw), now, trust.ErrRevoked},
		{"revoked by key", good, "spki " + sum(good.RawSubjectPublicKeyInfo), now, trust.ErrRevoked},
		{"revoked by serial", good, "serial " + sum(good.RawIssuer) + " 42", now, trust.ErrRevoked},
		{"another serial", good, "serial " + sum(good.RawIssuer) + " 43", now, nil},
		{"intermediate revoked", below, "serial " + sum(intermediate.RawIssuer) + " 5", now, trust.ErrRevoked},
		{"intermediate revoked, another branch", good, "serial " + sum(intermediate.RawIssuer) + " 5", now, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := judge(t, c.revoked, c.cert.Raw, c.at)
			assert.ErrorIs(t, err, c.want)
		})
	}
	t.Run("what the holder is", func(t *testing.T) {
		h, err := judge(t, "", good.Raw, now)
		require.NoError(t, err)
		assert.Equal(t, trust.Holder{
			Subject: trust.Subject{Class: trust.MOCES, CVR: "99999902", RID: "CVR:99999902-RID:1", Name: "A Person"},
			DN:      "CN=A Person + SERIALNUMBER=CVR:99999902-RID:1, O=House // CVR:99999902, C=DK", IssuerDN: "CN=Test CA, C=DK", Serial: "42",
		}, h)
	})
	t.Run("not a certificate", func(t *testing.T) {
		_, err := judge(t, "", []byte("hello"), now)
		assert.ErrorIs(t, err, trust.ErrUntrusted)
	})
	t.Run("no roots", func(t *testing.T) {
		source, err := authtrust.Open(folder(t, map[string][]byte{"trust.yaml": []byte("anchors: []\n")}))
		require.NoError(t, err)
		_, err = (&authtrust.Holders{Source: source}).Holder(t.Context(), good.Raw, now)
		assert.ErrorIs(t, err, trust.ErrUntrusted)
	})
}

func TestRevocationLists(t *testing.T) {
	k := keys()
	ca := certificate{subject: caName, key: k[0], ca: true}.make(t)
	good := certificate{subject: oces2, key: k[2], parent: ca, signer: k[0], serial: 42}.make(t)
	list := func(issuer *x509.Certificate, key *rsa.PrivateKey, next time.Time, serials ...int64) []byte {
		template := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: now.AddDate(0, 0, -1), NextUpdate: next}
		for _, s := range serials {
			template.RevokedCertificateEntries = append(template.RevokedCertificateEntries,
				x509.RevocationListEntry{SerialNumber: big.NewInt(s), RevocationTime: now.AddDate(0, 0, -1)})
		}
		der, err := x509.CreateRevocationList(rand.Reader, template, issuer, key)
		require.NoError(t, err)
		return der
	}
	load := func(t *testing.T, crl []byte) (*authtrust.Source, error) {
		return authtrust.Open(folder(t, map[string][]byte{
			"trust.yaml": []byte("anchors: []\noces: {roots: [ca.pem], crl_dir: crl}\n"), "ca.pem": toPEM(ca), "crl/ca.crl": crl,
		}))
	}
	for _, c := range []struct {
		name   string
		crl    []byte
		strict bool
		at     time.Time
		want   error
	}{
		{"listed", list(ca, k[0], now, 41, 42), true, now, trust.ErrRevoked},
		{"not listed", list(ca, k[0], now, 41), true, now, nil},
		{"overdue by less than a day", list(ca, k[0], now.Add(-24*time.Hour+time.Second)), true, now, nil},
		{"overdue by a day", list(ca, k[0], now.Add(-24*time.Hour)), true, now, trust.ErrStaleCRL},
		{"overdue where that is tolerated", list(ca, k[0], now.Add(-24*time.Hour)), false, now, nil},
		{"PEM", pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: list(ca, k[0], now, 42)}), true, now, trust.ErrRevoked},
	} {
		t.Run(c.name, func(t *testing.T) {
			source, err := load(t, c.crl)
			require.NoError(t, err)
			_, err = (&authtrust.Holders{Source: source, RefuseStaleCRL: c.strict}).Holder(t.Context(), good.Raw, c.at)
			assert.ErrorIs(t, err, c.want)
		})
	}
	t.Run("signed by a stranger of the same name", func(t *testing.T) {
		_, err := load(t, list(certificate{subject: caName, key: k[1], ca: true}.make(t), k[1], now))
		assert.ErrorContains(t, err, "not signed by")
	})
	t.Run("not a list", func(t *testing.T) {
		_, err := load(t, []byte("hello"))
		assert.ErrorContains(t, err, "ca.crl")
	})
}

func TestSubject(t *testing.T) {
	k := keys()[0]
	for _, c := range []struct {
		name    string
		subject pkix.RDNSequence
		want    trust.Subject
		text    string
	}{
		{"common name and serial number in one RDN", oces2, trust.Subject{Class: trust.MOCES, CVR: "99999902", RID: "CVR:99999902-RID:1", Name: "A Person"},
			"CN=A Person+SERIALNUMBER=CVR:99999902-RID:1,O=House // CVR:99999902,C=DK"},
		{"OCES3", oces3, trust.Subject{Class: trust.VOCES, CVR: "99999902", RID: "UI:DK-O:G:1", Name: "System"},
			"C=DK,2.5.4.97=NTRDK-99999902,O=House,SERIALNUMBER=UI:DK-O:G:1,CN=System"},
		{"a serial number inside the common name", name([]string{"2.5.4.3=X,SERIALNUMBER=CVR:99999902-RID:1"}), trust.Subject{Name: "X,SERIALNUMBER=CVR:99999902-RID:1"},
			"CN=X,SERIALNUMBER=CVR:99999902-RID:1"},
		{"two serial numbers", name([]string{"2.5.4.5=CVR:99999902-RID:1"}, []string{"2.5.4.5=CVR:99999901-RID:1"}), trust.Subject{},
			"SERIALNUMBER=CVR:99999901-RID:1,SERIALNUMBER=CVR:99999902-RID:1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			made := certificate{subject: c.subject, key: k}.make(t)
			assert.Equal(t, c.want, authtrust.Subject(made))
			assert.Equal(t, c.text, authtrust.SubjectText(made))
		})
	}
}

func TestSigner(t *testing.T) {
	k := keys()
	c := certificate{subject: stsNames, key: k[0]}.make(t)
	pkcs8 := func(key *rsa.PrivateKey) []byte {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		require.NoError(t, err)
		return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	}
	open := func(t *testing.T, key []byte) (*authtrust.Signer, error) {
		dir := filepath.Dir(folder(t, map[string][]byte{"a.pem": toPEM(c), "a.key": key}))
		f := authtrust.KeyFile{Key: filepath.Join(dir, "a.key"), Certificate: filepath.Join(dir, "a.pem")}
		return authtrust.OpenSigner(map[trust.Use]authtrust.KeyFile{trust.IDCard: f, trust.Token: f})
	}
	s, err := open(t, pkcs8(k[0]))
	require.NoError(t, err)
	assert.Equal(t, c.Raw, s.Certificate(trust.IDCard).Raw)
	assert.Nil(t, s.Certificate(trust.Bootstrap))
	digest := sha256.Sum256([]byte("x"))
	value, err := s.Sign(t.Context(), trust.IDCard, crypto.SHA256, digest[:])
	require.NoError(t, err)
	assert.NoError(t, rsa.VerifyPKCS1v15(&k[0].PublicKey, crypto.SHA256, digest[:], value))
	_, err = s.Sign(t.Context(), trust.IDCard, crypto.SHA1, digest[:20])
	assert.NoError(t, err)
	for use, hash := range map[trust.Use]crypto.Hash{trust.Token: crypto.SHA1, trust.Bootstrap: crypto.SHA256, trust.IDCard: crypto.MD5} {
		_, err = s.Sign(t.Context(), use, hash, digest[:hash.Size()])
		assert.Error(t, err, "Sign(%d, %v)", use, hash)
	}
	t.Run("PKCS #12", func(t *testing.T) {
		data, err := pkcs12.Modern.Encode(k[0], c, nil, "hush")
		require.NoError(t, err)
		file := filepath.Join(filepath.Dir(folder(t, map[string][]byte{"a.p12": data, "b.p12": []byte("secret")})), "a.p12")
		open := func(file, passphrase string) (*authtrust.Signer, error) {
			return authtrust.OpenSigner(map[trust.Use]authtrust.KeyFile{trust.IDCard: {Key: file, Passphrase: passphrase}})
		}
		s, err := open(file, "hush")
		require.NoError(t, err)
		assert.Equal(t, c.Raw, s.Certificate(trust.IDCard).Raw)
		_, err = open(file, "secret")
		require.ErrorContains(t, err, "the passphrase does not open it")
		assert.NotContains(t, err.Error(), "secret")
		_, err = open(filepath.Join(filepath.Dir(file), "b.p12"), "hush")
		require.Error(t, err)
	})
	for name, key := range map[string][]byte{
		"key of another certificate": pkcs8(k[1]), "not PEM": []byte("secret"),
		"PKCS #1": pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k[0])}),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open(t, key)
			require.Error(t, err)
			assert.NotContains(t, err.Error(), "secret")
		})
	}
}

func TestPeople(t *testing.T) {
	open := func(t *testing.T, text string) (*authtrust.People, error) {
		return authtrust.OpenPeople(filepath.Join(filepath.Dir(folder(t, map[string][]byte{"people.json": []byte(text)})), "people.json"))
	}
	p, err := open(t, `[{"cpr":"0101010001","givenName":"Test","surname":"Laege","certificates":["CVR:99999902-RID:1001"],
		"authorisations":[{"code":"TST01","educationCode":"7170"}],"nationalRoles":["R"]}]`)
	require.NoError(t, err)
	number, err := cpr.Parse("0101010001")
	require.NoError(t, err)
	want := identity.Person{
		CPR: number, GivenName: "Test", Surname: "Laege", Authorisations: []identity.Authorisation{{Code: "TST01", EducationCode: "7170"}},
		NationalRoles: []string{"R"},
	}
	got, err := p.ByCertificate(t.Context(), trust.Subject{RID: "CVR:99999902-RID:1001"})
	require.NoError(t, err)
	assert.Equal(t, want, got)
	got, err = p.ByCPR(t.Context(), number)
	require.NoError(t, err)
	assert.Equal(t, want, got)
	_, err = p.ByCertificate(t.Context(), trust.Subject{})
	assert.ErrorIs(t, err, identity.ErrUnknown)
	_, err = p.ByCPR(t.Context(), cpr.Number{})
	assert.ErrorIs(t, err, identity.ErrUnknown)
	_, err = open(t, `[{"cpr":"0101010001","custody":["1101116171"],"proxies":[{"cpr":"0511804817","scope":["*"]}]}]`)
	require.NoError(t, err, "a list of before the registers told of relations")
	for name, text := range map[string]string{
		"unknown member": `[{"cpr":"0101010001","name":"x"}]`, "bad number": `[{"cpr":"9901010001"}]`, "no number": `[{}]`,
		"number twice": `[{"cpr":"0101010001"},{"cpr":"0101010001"}]`, "something follows": `[] []`, "not a list": `{}`,
		"certificate twice": `[{"cpr":"0101010001","certificates":["a"]},{"cpr":"0101010002","certificates":["a"]}]`,
		"empty certificate": `[{"cpr":"0101010001","certificates":[""]}]`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open(t, text)
			require.Error(t, err)
			assert.NotContains(t, err.Error(), "010101")
		})
	}
}

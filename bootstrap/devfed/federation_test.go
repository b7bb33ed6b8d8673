package devfed_test

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"software.sslmate.com/src/go-pkcs12"

	authtrust "github.com/opennsp/nsp/adapters/auth/trust"
	"github.com/opennsp/nsp/bootstrap/devfed"
	"github.com/opennsp/nsp/domain/trust"
)

var now = time.Date(2026, 11, 21, 10, 5, 30, 0, time.UTC)

// childDir names the folder in which this test binary, started as a second process, makes a federation.
const childDir = "DEVFED_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if _, err := devfed.Ensure(dir, now); err != nil {
			panic(err)
		}
		os.Exit(0)
	}
	code := m.Run()
	if dir, err := shared(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// shared makes one federation for the tests that do not need a first start of their own.
var shared = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "devfed")
	if err != nil {
		return "", err
	}
	_, err = devfed.Ensure(dir, now)
	return dir, err
})

// copied returns a copy of the shared federation.
func copied(t *testing.T) devfed.Federation {
	t.Helper()
	from, err := shared()
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "federation")
	require.NoError(t, os.CopyFS(dir, os.DirFS(from)))
	return devfed.Federation{Dir: dir}
}

// digests returns the SHA-256 of every file of a folder.
func digests(t *testing.T, dir string) map[string][32]byte {
	t.Helper()
	all := map[string][32]byte{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		all[name] = sha256.Sum256(data)
		return err
	}))
	return all
}

// whole checks that every sample can be loaded and that the trust file, the people and the keys belong together.
func whole(t *testing.T, f devfed.Federation) {
	t.Helper()
	source, err := authtrust.Open(f.TrustFile())
	require.NoError(t, err)
	set, err := source.Trust(context.Background())
	require.NoError(t, err)
	people, err := authtrust.OpenPeople(f.PeopleFile())
	require.NoError(t, err)
	signer, err := authtrust.OpenSigner(f.SigningKeys())
	require.NoError(t, err)
	for use, issuer := range map[trust.Use]string{
		trust.IDCard: devfed.STSIssuer, trust.Token: devfed.STSIssuer, trust.Bootstrap: devfed.IDPIssuer, trust.Service: devfed.ServiceIssuer,
	} {
		_, err := set.Match(use, issuer, sha256.Sum256(signer.Certificate(use).RawSubjectPublicKeyInfo), now, now)
		assert.NoError(t, err, "anchor of use %d", use)
	}
	holders := &authtrust.Holders{Source: source}
	for _, name := range devfed.Names() {
		s, err := f.Sample(name)
		require.NoError(t, err)
		assert.True(t, s.Key.PublicKey.Equal(s.Certificate.PublicKey), "key and certificate of %s", name)
		_, err = holders.Holder(context.Background(), s.Certificate.Raw, now)
		switch name {
		case "spaerret":
			assert.ErrorIs(t, err, trust.ErrRevoked)
		case "udloebet":
			assert.ErrorIs(t, err, trust.ErrExpired)
		default:
			assert.NoError(t, err, "Holder(%s)", name)
		}
		if s.Subject.Class == trust.MOCES {
			person, err := people.ByCertificate(context.Background(), s.Subject)
			require.NoError(t, err)
			assert.Equal(t, s.Person, person)
		}
	}
}

func TestFirstStart(t *testing.T) {
	dir, err := shared()
	require.NoError(t, err)
	f := devfed.Federation{Dir: dir}
	t.Run("SA-03 second start has the same keys and is quick", func(t *testing.T) {
		before := digests(t, dir)
		started := time.Now()
		_, err := devfed.Ensure(dir, now)
		took := time.Since(started)
		require.NoError(t, err)
		assert.Equal(t, before, digests(t, dir))
		t.Logf("second start: %v", took)
	})
	t.Run("everything belongs together", func(t *testing.T) { whole(t, f) })
	t.Run("folders are 0700 and keys 0600", func(t *testing.T) {
		require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			require.NoError(t, err)
			info, err := d.Info()
			require.NoError(t, err)
			switch {
			case d.IsDir():
				assert.Equal(t, fs.FileMode(0o700), info.Mode().Perm(), d.Name())
			case filepath.Ext(path) != ".pem":
				assert.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), d.Name())
			}
			return nil
		}))
	})
	t.Run("sizes and lifetimes", func(t *testing.T) {
		ca := certificates(t, filepath.Join(dir, "ca.pem"))[0]
		assert.True(t, ca.IsCA)
		assert.Equal(t, "OpenNSP Test CA", ca.Subject.CommonName)
		assert.Equal(t, now.AddDate(10, 0, 0), ca.NotAfter)
		sts := certificates(t, filepath.Join(dir, "sts.pem"))[0]
		assert.Equal(t, now.AddDate(2, 0, 0), sts.NotAfter)
		assert.NoError(t, sts.CheckSignatureFrom(ca))
	})
	t.Run("PKCS #12 files open with the password", func(t *testing.T) {
		for _, name := range devfed.Names() {
			data, err := os.ReadFile(filepath.Join(dir, "samples", name+".p12"))
			require.NoError(t, err)
			key, c, chain, err := pkcs12.DecodeChain(data, devfed.Password)
			require.NoError(t, err)
			s, err := f.Sample(name)
			require.NoError(t, err)
			assert.Equal(t, s.Certificate.Raw, c.Raw)
			assert.True(t, s.Key.Equal(key))
			assert.Len(t, chain, 1)
		}
	})
}

func TestSamples(t *testing.T) {
	dir, err := shared()
	require.NoError(t, err)
	f := devfed.Federation{Dir: dir}
	for _, tt := range []struct {
		name  string
		class trust.CertClass
		cvr   string
		id    string
		text  string
	}{
		{"laege", trust.MOCES, "99999902", "CVR:99999902-RID:1001",
			"CN=Test Laege+SERIALNUMBER=CVR:99999902-RID:1001,O=OpenNSP Testhus // CVR:99999902,C=DK"},
		{"sygeplejerske", trust.MOCES, "99999901", "UI:DK-E:G:5f0c2f3e-0001-4000-8000-000000001003",
			"C=DK,2.5.4.97=NTRDK-99999901,O=OpenNSP Testregion,SERIALNUMBER=UI:DK-E:G:5f0c2f3e-0001-4000-8000-000000001003,CN=Test Sygeplejerske"},
		{"administrator", trust.MOCES, "99999903", "CVR:99999903-RID:1006", ""},
		{"region", trust.VOCES, "99999901", "CVR:99999901-UID:1007", ""},
		{"epj", trust.FOCES, "99999901", "CVR:99999901-FID:1008", ""},
		{"portal", trust.VOCES, "99999904", "UI:DK-O:G:5f0c2f3e-0001-4000-8000-000000001009", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := f.Sample(tt.name)
			require.NoError(t, err)
			assert.Equal(t, tt.class, s.Subject.Class)
			assert.Equal(t, tt.cvr, s.Subject.CVR)
			assert.Equal(t, tt.id, s.Subject.RID)
			if tt.text != "" {
				assert.Equal(t, tt.text, authtrust.SubjectText(s.Certificate))
			}
			assert.Equal(t, tt.class == trust.MOCES, !s.Person.CPR.IsZero())
		})
	}
	_, err = f.Sample("../ca")
	assert.Error(t, err)
}

func TestConcurrentFirstStarts(t *testing.T) {
	t.Run("SA-03 two processes and two goroutines at once make one set of files", func(t *testing.T) {
		// Most keys are there already, since making them takes long; all else is made by whoever comes first.
		f := copied(t)
		require.NoError(t, filepath.WalkDir(f.Dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(path) == ".key" && !strings.HasPrefix(d.Name(), "s") {
				return err
			}
			return os.Remove(path)
		}))
		self, err := os.Executable()
		require.NoError(t, err)
		var group sync.WaitGroup
		errs := make([]error, 4)
		for i := range errs {
			group.Go(func() {
				if i < 2 {
					_, errs[i] = devfed.Ensure(f.Dir, now)
					return
				}
				child := exec.Command(self)
				child.Env = append(os.Environ(), childDir+"="+f.Dir)
				errs[i] = child.Run()
			})
		}
		group.Wait()
		for _, err := range errs {
			require.NoError(t, err)
		}
		whole(t, f)
	})
}

func TestHalfWritten(t *testing.T) {
	t.Run("SA-03 a half-written folder is finished and nothing of it replaced", func(t *testing.T) {
		f := copied(t)
		require.NoError(t, os.WriteFile(filepath.Join(f.Dir, "revoked.txt"), []byte("# edited by its owner\n"), 0o600))
		before := digests(t, f.Dir)
		missing := []string{"samples/laege.p12", "samples/epj.pem", "samples/epj.p12", "people.json", "trust.yaml", "sts.pem"}
		for _, name := range missing {
			require.NoError(t, os.Remove(filepath.Join(f.Dir, name)))
			delete(before, name)
		}
		require.NoError(t, os.WriteFile(filepath.Join(f.Dir, ".part-123"), []byte("half"), 0o600))
		_, err := devfed.Ensure(f.Dir, now)
		require.NoError(t, err)
		after := digests(t, f.Dir)
		for name, sum := range before {
			assert.Equal(t, sum, after[name], name)
		}
		assert.NotContains(t, after, ".part-123")
		require.NoError(t, os.Remove(filepath.Join(f.Dir, "revoked.txt")))
		_, err = devfed.Ensure(f.Dir, now)
		require.NoError(t, err)
		whole(t, f)
	})
	t.Run("a certificate without its key is an error that says what to do", func(t *testing.T) {
		f := copied(t)
		require.NoError(t, os.Remove(filepath.Join(f.Dir, "sts.key")))
		before := digests(t, f.Dir)
		_, err := devfed.Ensure(f.Dir, now)
		assert.ErrorContains(t, err, "sts.pem is there without its key")
		assert.Equal(t, before, digests(t, f.Dir))
	})
}

func TestRenewal(t *testing.T) {
	f := copied(t)
	old := certificates(t, filepath.Join(f.Dir, "sts.pem"))
	before := digests(t, f.Dir)

	early := now.AddDate(2, 0, 0).Add(-30 * 24 * time.Hour)
	_, err := devfed.Ensure(f.Dir, early)
	require.NoError(t, err)
	require.Equal(t, before, digests(t, f.Dir), "30 days left: nothing is renewed")

	late := early.Add(time.Second)
	_, err = devfed.Ensure(f.Dir, late)
	require.NoError(t, err)
	renewed := certificates(t, filepath.Join(f.Dir, "sts.pem"))
	require.Len(t, renewed, 2, "the new certificate, and the old one until it ends")
	assert.Equal(t, old[0].Raw, renewed[1].Raw)
	assert.Equal(t, late.AddDate(2, 0, 0), renewed[0].NotAfter)
	assert.Equal(t, old[0].RawSubjectPublicKeyInfo, renewed[0].RawSubjectPublicKeyInfo, "same key")
	after := digests(t, f.Dir)
	for _, name := range []string{"sts.key", "ca.pem", "trust.yaml", "revoked.txt", "samples/laege.key", "samples/udloebet.pem"} {
		assert.Equal(t, before[name], after[name], name)
	}
	assert.NotEqual(t, before["samples/laege.p12"], after["samples/laege.p12"])

	set, err := authtrust.Load(f.TrustFile())
	require.NoError(t, err)
	spki := sha256.Sum256(renewed[0].RawSubjectPublicKeyInfo)
	for _, at := range []time.Time{now, late, late.AddDate(1, 0, 0)} {
		_, err := set.Match(trust.IDCard, devfed.STSIssuer, spki, at, at)
		assert.NoError(t, err, "anchor at %v", at)
	}

	_, err = devfed.Ensure(f.Dir, late.AddDate(2, 0, 0))
	require.NoError(t, err)
	assert.Len(t, certificates(t, filepath.Join(f.Dir, "sts.pem")), 1, "what has ended goes at the next renewal")
}

func TestHandler(t *testing.T) {
	dir, err := shared()
	require.NoError(t, err)
	h := devfed.Federation{Dir: dir}.Handler()
	for _, tt := range []struct {
		method, path string
		code         int
	}{
		{"GET", "/federation/ca.pem", 200},
		{"GET", "/federation/sts.pem", 200},
		{"GET", "/federation/sts.key", 404},
		{"GET", "/federation/../federation/ca.key", 307},
		{"POST", "/federation/ca.pem", 405},
	} {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(tt.method, tt.path, http.NoBody))
			assert.Equal(t, tt.code, w.Code)
			if tt.code == http.StatusOK {
				want, err := os.ReadFile(filepath.Join(dir, filepath.Base(tt.path)))
				require.NoError(t, err)
				assert.Equal(t, want, w.Body.Bytes())
			}
		})
	}
}

func certificates(t *testing.T, path string) []*x509.Certificate {
	t.Helper()
	rest, err := os.ReadFile(path)
	require.NoError(t, err)
	var all []*x509.Certificate
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return all
		}
		c, err := x509.ParseCertificate(block.Bytes)
		require.NoError(t, err)
		all = append(all, c)
	}
}

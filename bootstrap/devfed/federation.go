// Package devfed makes the local test federation: an authority, a token service, an identity provider and sample certificates and persons.
// It lets a server and its clients speak signed messages with nothing else installed. Its keys are made where they are used, never shipped,
// and a server in production refuses them.
package devfed

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"
	"software.sslmate.com/src/go-pkcs12"

	authtrust "github.com/opennsp/nsp/adapters/auth/trust"
	"github.com/opennsp/nsp/domain/trust"
)

// The names of the federation's issuers, and the password of the samples' PKCS #12 files.
const (
	STSIssuer     = "OPENNSP-DEV-STS"
	IDPIssuer     = "https://idp.opennsp.test"
	ServiceIssuer = "OPENNSP-DEV-SERVICE"
	Password      = "Test1234"
)

const (
	samplesDir    = "samples"
	authorityBits = 3072
	leafBits      = 2048
)

// Federation is a test federation on disk.
type Federation struct {
	Dir string // its folder
}

// TrustFile returns the path of the trust file.
func (f Federation) TrustFile() string { return filepath.Join(f.Dir, "trust.yaml") }

// PeopleFile returns the path of the list of persons.
func (f Federation) PeopleFile() string { return filepath.Join(f.Dir, "people.json") }

// SigningKeys returns the keys of the token service (ID cards and tokens), the identity provider and the services.
func (f Federation) SigningKeys() map[trust.Use]authtrust.KeyFile {
	file := func(name string) authtrust.KeyFile {
		base := filepath.Join(f.Dir, name)
		return authtrust.KeyFile{Key: base + ".key", Certificate: base + ".pem"}
	}
	return map[trust.Use]authtrust.KeyFile{
		trust.IDCard: file("sts"), trust.Token: file("sts"), trust.Bootstrap: file("idp"), trust.Service: file("service"),
	}
}

// Ensure makes the federation in dir, or completes and renews the one that is there. A file that exists stays as it is, except that a
// certificate with less than 30 days left is renewed for the same key; the old certificate of an anchor stays beside the new one until it
// ends. Several processes may call it at once: one works and the others wait.
func Ensure(dir string, now time.Time) (Federation, error) {
	f := Federation{Dir: dir}
	if err := f.ensure(now); err != nil {
		return Federation{}, fmt.Errorf("make test federation in %s: %w", dir, err)
	}
	return f, nil
}

func (f Federation) ensure(now time.Time) error {
	if err := os.MkdirAll(filepath.Join(f.Dir, samplesDir), 0o700); err != nil {
		return err
	}
	held, err := lock(f.Dir)
	if err != nil {
		return err
	}
	defer held.Close() //nolint:errcheck // the lock goes with the file
	if err := sweep(f.Dir, filepath.Join(f.Dir, samplesDir)); err != nil {
		return err
	}
	entities, err := f.entities()
	if err != nil {
		return err
	}
	if err := makeKeys(entities, now); err != nil {
		return err
	}
	if err := certify(entities, now); err != nil {
		return err
	}
	return f.describe(entities)
}

// entities lists all keys, the authority first, with the certificates that exist.
func (f Federation) entities() ([]*entity, error) {
	own := organisation{"99999900", "OpenNSP"}
	ca, err := encodeName([]attribute{country()}, []attribute{organisationName(own.name)}, []attribute{commonName("OpenNSP Test CA")})
	if err != nil {
		return nil, err
	}
	all := []*entity{{path: "ca", subject: ca, bits: authorityBits, authority: true}}
	for _, s := range []struct{ name, holder, common string }{
		{"sts", "UI:DK-O:G:5f0c2f3e-0001-4000-8000-000000000001", "OpenNSP Test STS"},
		{"idp", "UI:DK-O:G:5f0c2f3e-0001-4000-8000-000000000002", "OpenNSP Test Identity Provider"},
		{"service", "UI:DK-O:G:5f0c2f3e-0001-4000-8000-000000000003", "OpenNSP Test Service"},
	} {
		subject, err := subjectOf(own, s.holder, s.common)
		if err != nil {
			return nil, err
		}
		all = append(all, &entity{path: s.name, subject: subject, bits: leafBits, signer: true})
	}
	for _, s := range samples() {
		subject, err := subjectOf(s.owner, s.holder, s.common)
		if err != nil {
			return nil, err
		}
		all = append(all, &entity{path: filepath.Join(samplesDir, s.name), subject: subject, bits: leafBits, expired: s.expired, sample: true})
	}
	for _, e := range all {
		e.path = filepath.Join(f.Dir, e.path)
		certificates, err := authtrust.ReadCertificates(e.path + ".pem")
		switch {
		case errors.Is(err, os.ErrNotExist):
		case err != nil:
			return nil, err
		default:
			e.current, e.superseded = certificates[0], certificates[1:]
		}
	}
	return all, nil
}

// makeKeys makes the keys that are missing, on all processors, and loads those that are needed to issue a certificate.
func makeKeys(entities []*entity, now time.Time) error {
	issuing := false
	for _, e := range entities {
		issuing = issuing || e.due(now)
	}
	var work errgroup.Group
	work.SetLimit(runtime.GOMAXPROCS(0))
	for _, e := range entities {
		work.Go(func() error {
			ok, err := exists(e.path + ".key")
			switch {
			case err != nil:
				return err
			case !ok && e.current != nil:
				return fmt.Errorf("%s.pem is there without its key; remove it too to have both made anew", filepath.Base(e.path))
			case !ok:
				return e.makeKey()
			case e.due(now) || e.authority && issuing:
				e.key, err = authtrust.ReadKey(e.path + ".key")
				return err
			}
			return nil
		})
	}
	return work.Wait()
}

func (e *entity) makeKey() error {
	key, err := rsa.GenerateKey(rand.Reader, e.bits)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	e.key = key
	return write(e.path+".key", encodePEM("PRIVATE KEY", der), private)
}

// certify issues the certificates that are missing or end soon, the authority's own first.
func certify(entities []*entity, now time.Time) error {
	ca := entities[0]
	for _, e := range entities {
		if e.due(now) {
			if err := e.renew(ca, now); err != nil {
				return fmt.Errorf("certificate of %s: %w", filepath.Base(e.path), err)
			}
		}
		if e.sample {
			if err := e.pack(ca.current); err != nil {
				return fmt.Errorf("PKCS #12 file of %s: %w", filepath.Base(e.path), err)
			}
		}
	}
	return nil
}

func (e *entity) renew(ca *entity, now time.Time) error {
	c, err := e.issue(ca, now)
	if err != nil {
		return err
	}
	if e.sample {
		// Before the certificate, so that a crash in between leaves no PKCS #12 file with the old one.
		if err := os.Remove(e.path + ".p12"); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	chain := [][]byte{c.Raw}
	if e.signer && e.current != nil {
		for _, old := range append([]*x509.Certificate{e.current}, e.superseded...) {
			if old.NotAfter.After(now) {
				chain = append(chain, old.Raw)
			}
		}
	}
	e.current = c
	return write(e.path+".pem", encodePEM("CERTIFICATE", chain...), public)
}

// pack writes the sample's PKCS #12 file unless it is there.
func (e *entity) pack(ca *x509.Certificate) error {
	ok, err := exists(e.path + ".p12")
	if ok || err != nil {
		return err
	}
	if e.key == nil {
		if e.key, err = authtrust.ReadKey(e.path + ".key"); err != nil {
			return err
		}
	}
	data, err := pkcs12.Modern.Encode(e.key, e.current, []*x509.Certificate{ca}, Password)
	if err != nil {
		return err
	}
	return write(e.path+".p12", data, private)
}

//go:embed trust.yaml
var trustFile []byte

//go:embed README.txt
var readme []byte

// describe writes what the server and people read about the keys.
func (f Federation) describe(entities []*entity) error {
	list, err := json.MarshalIndent(people(), "", "  ")
	if err != nil {
		return err
	}
	revoked := "# Revoked keys: cert <sha256>, spki <sha256> or serial <sha256 of the issuer's DER name> <decimal>, one a line.\n"
	all := samples()
	for i, e := range entities[len(entities)-len(all):] {
		if all[i].revoked {
			sum := sha256.Sum256(e.current.RawSubjectPublicKeyInfo)
			revoked += "spki " + hex.EncodeToString(sum[:]) + " # " + all[i].name + "\n"
		}
	}
	for _, file := range []struct {
		path string
		data []byte
	}{
		{f.PeopleFile(), append(list, '\n')},
		{filepath.Join(f.Dir, "revoked.txt"), []byte(revoked)},
		{filepath.Join(f.Dir, "README.txt"), readme},
		{f.TrustFile(), trustFile},
	} {
		if err := create(file.path, file.data, private); err != nil {
			return err
		}
	}
	return nil
}

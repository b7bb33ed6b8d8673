package trust

import (
	"cmp"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/domain/validity"
)

// The bounds of an RSA key that may be pinned or used; the lower one where nothing else is configured.
const (
	minRSABits  = 2048
	maxRSABits  = 4096
	rsaExponent = 65537
)

type trustFile struct {
	Anchors     []anchorEntry `yaml:"anchors"`
	OCES        ocesEntry     `yaml:"oces"`
	Revocations string        `yaml:"revocations"`
}

type anchorEntry struct {
	ID         string    `yaml:"id"`
	Use        []string  `yaml:"use"`
	Issuers    []string  `yaml:"issuers"`
	Cert       string    `yaml:"cert"`
	NotBefore  time.Time `yaml:"not_before"`
	NotAfter   time.Time `yaml:"not_after"`
	Algorithms []string  `yaml:"algorithms"`
	Test       bool      `yaml:"test"`
}

type ocesEntry struct {
	Roots         []string `yaml:"roots"`
	Intermediates []string `yaml:"intermediates"`
	CRLDir        string   `yaml:"crl_dir"`
}

// Rules says how trust files are read. The zero value is ready.
type Rules struct {
	MinRSABits int // of an anchor's key; 0 = 2048
	// RefuseStaleCRL ends the window of an anchor a day after the next revocation list of its certificate's issuer should have come.
	RefuseStaleCRL bool
	Now            func() time.Time // nil = time.Now; tells only since when reloads fail
}

func (r Rules) now() time.Time {
	if r.Now == nil {
		return time.Now()
	}
	return r.Now()
}

// Load reads a trust file by the zero Rules.
func Load(path string) (*trust.Set, error) { return Rules{}.Load(path) }

// Load reads a trust file and the files it names, which are relative to its folder. Anything unknown, double or unreadable is an error: a
// set is whole or it is not. An anchor whose PEM file holds several certificates is one anchor for each, so that a signer can be renewed.
func (r Rules) Load(path string) (*trust.Set, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read trust file: %w", err)
	}
	var f trustFile
	dec := yaml.NewDecoder(strings.NewReader(string(data)))
	dec.KnownFields(true)
	if err := dec.Decode(&f); err != nil {
		return nil, fmt.Errorf("read trust file %s: %w", filepath.Base(path), err)
	}
	if err := dec.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read trust file %s: more than one document", filepath.Base(path))
	}
	set, err := f.set(filepath.Dir(path), r)
	if err != nil {
		return nil, fmt.Errorf("read trust file %s: %w", filepath.Base(path), err)
	}
	return set, nil
}

func (f trustFile) set(dir string, rules Rules) (*trust.Set, error) {
	s := &trust.Set{Revoked: trust.Revocations{
		Certificates: map[[32]byte]bool{}, SPKIs: map[[32]byte]bool{}, Serials: map[trust.Serial]bool{},
	}}
	roots, err := readAuthorities(dir, f.OCES.Roots)
	if err != nil {
		return nil, err
	}
	intermediates, err := readAuthorities(dir, f.OCES.Intermediates)
	if err != nil {
		return nil, err
	}
	for _, c := range roots {
		s.Roots = append(s.Roots, c.Raw)
	}
	for _, c := range intermediates {
		s.Intermediates = append(s.Intermediates, c.Raw)
	}
	if f.Revocations != "" {
		if err := readRevoked(resolve(dir, f.Revocations), &s.Revoked); err != nil {
			return nil, fmt.Errorf("revocations: %w", err)
		}
	}
	if f.OCES.CRLDir != "" {
		if err := readCRLs(resolve(dir, f.OCES.CRLDir), slices.Concat(roots, intermediates), s); err != nil {
			return nil, err
		}
	}
	ids := map[string]bool{}
	for i, e := range f.Anchors {
		if e.ID == "" || ids[e.ID] {
			return nil, fmt.Errorf("anchor %d: id %q is empty or repeated", i+1, e.ID)
		}
		ids[e.ID] = true
		anchors, err := e.anchors(dir, s, rules)
		if err != nil {
			return nil, fmt.Errorf("anchor %s: %w", e.ID, err)
		}
		s.Anchors = append(s.Anchors, anchors...)
	}
	return s, nil
}

func (e anchorEntry) anchors(dir string, s *trust.Set, rules Rules) ([]trust.Anchor, error) {
	uses, err := parseUses(e.Use)
	if err != nil {
		return nil, err
	}
	if len(e.Issuers) == 0 || slices.Contains(e.Issuers, "") {
		return nil, errors.New("issuers: none, or an empty one")
	}
	for _, name := range e.Algorithms {
		if !slices.Contains([]string{trust.RSASHA1, "rsa-sha256", "rsa-sha384", "rsa-sha512"}, name) {
			return nil, fmt.Errorf("algorithms: %q is not known", name)
		}
	}
	certificates, err := ReadCertificates(resolve(dir, e.Cert))
	if err != nil {
		return nil, fmt.Errorf("cert: %w", err)
	}
	var anchors []trust.Anchor
	for _, c := range certificates {
		if err := pinnable(c, cmp.Or(rules.MinRSABits, minRSABits)); err != nil {
			return nil, fmt.Errorf("cert: %w", err)
		}
		a := trust.Anchor{
			ID: e.ID, Uses: uses, Issuers: e.Issuers, Key: c.RawSubjectPublicKeyInfo, SPKI: sha256.Sum256(c.RawSubjectPublicKeyInfo),
			Window: e.window(c), Algorithms: e.Algorithms, Test: e.Test, Revoked: isRevoked(c, s.Revoked),
		}
		if a.Window.Empty() {
			return nil, errors.New("not_before and not_after leave no time inside the certificate's validity")
		}
		if next, ok := s.NextUpdate[sha256.Sum256(c.RawIssuer)]; ok && rules.RefuseStaleCRL {
			a.Window = a.Window.End(next.Add(crlGrace))
		}
		anchors = append(anchors, a)
	}
	return anchors, nil
}

// window is the validity of the certificate, whose last second is included, within what the entry allows.
func (e anchorEntry) window(c *x509.Certificate) validity.Period {
	p := validity.Period{From: c.NotBefore, To: c.NotAfter.Add(time.Second)}
	if e.NotBefore.After(p.From) {
		p.From = e.NotBefore.UTC()
	}
	if !e.NotAfter.IsZero() {
		p = p.End(e.NotAfter.UTC())
	}
	return p
}

func parseUses(names []string) ([]trust.Use, error) {
	if len(names) == 0 {
		return nil, errors.New("use: none")
	}
	var uses []trust.Use
	for _, name := range names {
		use := map[string]trust.Use{"idcard": trust.IDCard, "token": trust.Token, "bootstrap": trust.Bootstrap, "service": trust.Service}[name]
		if use == 0 || slices.Contains(uses, use) {
			return nil, fmt.Errorf("use: %q is not known or repeated", name)
		}
		uses = append(uses, use)
	}
	return uses, nil
}

func pinnable(c *x509.Certificate, least int) error {
	key, ok := c.PublicKey.(*rsa.PublicKey)
	if !ok || key.N.BitLen() < least || key.N.BitLen() > maxRSABits || key.E != rsaExponent {
		return fmt.Errorf("the key is not RSA of %d to %d bits with exponent %d", least, maxRSABits, rsaExponent)
	}
	return nil
}

func isRevoked(c *x509.Certificate, r trust.Revocations) bool {
	return r.Has(sha256.Sum256(c.Raw), sha256.Sum256(c.RawSubjectPublicKeyInfo), serialOf(c))
}

func serialOf(c *x509.Certificate) trust.Serial {
	return trust.Serial{Issuer: sha256.Sum256(c.RawIssuer), Number: c.SerialNumber.String()}
}

func readAuthorities(dir string, names []string) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for _, name := range names {
		certificates, err := ReadCertificates(resolve(dir, name))
		if err != nil {
			return nil, fmt.Errorf("oces: %w", err)
		}
		for _, c := range certificates {
			if !c.IsCA {
				return nil, fmt.Errorf("oces: %s holds a certificate that is no authority's", name)
			}
		}
		all = append(all, certificates...)
	}
	return all, nil
}

// ReadCertificates reads a PEM file of one or more certificates and nothing else.
func ReadCertificates(path string) ([]*x509.Certificate, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	all, err := ParseCertificates(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return all, nil
}

// ParseCertificates reads the content of such a file.
func ParseCertificates(data []byte) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("it holds a %s where a certificate is expected", block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, errors.New("it holds no certificate")
	}
	return all, nil
}

func resolve(dir, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}

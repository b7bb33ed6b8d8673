package trust

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/opennsp/nsp/domain/trust"
)

// readRevoked adds the entries of a revocation file: "#" comments and one entry a line, "cert <sha256>", "spki <sha256>" or
// "serial <sha256 of the issuer's DER name> <decimal>", hashes in hex.
func readRevoked(path string, r *trust.Revocations) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if err := revoke(fields, r); err != nil {
			return fmt.Errorf("%s line %d: %w", filepath.Base(path), n, err)
		}
	}
	return lines.Err()
}

func revoke(fields []string, r *trust.Revocations) error {
	want := map[string]int{"cert": 2, "spki": 2, "serial": 3}[fields[0]]
	if want == 0 {
		return fmt.Errorf("unknown entry %q", fields[0])
	}
	if len(fields) != want {
		return fmt.Errorf("%s takes %d values", fields[0], want-1)
	}
	var hash [32]byte
	if n, err := hex.Decode(hash[:], []byte(fields[1][:min(len(fields[1]), 64)])); err != nil || n != len(hash) || len(fields[1]) != 64 {
		return fmt.Errorf("%s: not a SHA-256 in hex", fields[0])
	}
	switch fields[0] {
	case "cert":
		r.Certificates[hash] = true
	case "spki":
		r.SPKIs[hash] = true
	case "serial":
		number, ok := new(big.Int).SetString(fields[2], 10)
		if !ok || number.Sign() < 0 || strings.HasPrefix(fields[2], "+") {
			return errors.New("serial: not a decimal serial number")
		}
		r.Serials[trust.Serial{Issuer: hash, Number: number.String()}] = true
	}
	return nil
}

// readCRLs adds every revocation list of a folder, DER or PEM. A list must be signed by one of issuers and say when the next one comes.
func readCRLs(dir string, issuers []*x509.Certificate, s *trust.Set) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		if f.IsDir() || strings.HasPrefix(f.Name(), ".") {
			continue
		}
		if err := readCRL(filepath.Join(dir, f.Name()), issuers, s); err != nil {
			return fmt.Errorf("revocation list %s: %w", f.Name(), err)
		}
	}
	return nil
}

func readCRL(path string, issuers []*x509.Certificate, s *trust.Set) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if block, _ := pem.Decode(data); block != nil {
		data = block.Bytes
	}
	list, err := x509.ParseRevocationList(data)
	if err != nil {
		return err
	}
	if list.NextUpdate.IsZero() {
		return errors.New("it has no nextUpdate")
	}
	signed := false
	for _, issuer := range issuers {
		signed = signed || bytes.Equal(issuer.RawSubject, list.RawIssuer) && list.CheckSignatureFrom(issuer) == nil
	}
	if !signed {
		return errors.New("it is not signed by one of the roots and intermediates")
	}
	issuer := sha256.Sum256(list.RawIssuer)
	for _, entry := range list.RevokedCertificateEntries {
		s.Revoked.Serials[trust.Serial{Issuer: issuer, Number: entry.SerialNumber.String()}] = true
	}
	if s.NextUpdate == nil {
		s.NextUpdate = make(map[[32]byte]time.Time)
	}
	// Of several lists of one issuer the newest decides how long the revocations are known.
	if list.NextUpdate.After(s.NextUpdate[issuer]) {
		s.NextUpdate[issuer] = list.NextUpdate
	}
	return nil
}

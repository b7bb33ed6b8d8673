package devfed

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// Validity of what the federation issues.
const (
	authorityYears = 10
	leafYears      = 2
	renewBefore    = 30 * 24 * time.Hour
	backdating     = 24 * time.Hour // clocks of clients may be slow, and cards are dated back
)

// entity is a key of the federation with its certificate.
type entity struct {
	path       string // of the files, without extension
	subject    []byte // DER
	bits       int
	authority  bool
	signer     bool // an anchor: certificates that have not ended stay in its file when it is renewed
	expired    bool
	sample     bool
	key        *rsa.PrivateKey // nil until it is needed
	current    *x509.Certificate
	superseded []*x509.Certificate
}

// due tells whether a certificate must be issued: there is none, or it ends soon.
func (e *entity) due(now time.Time) bool {
	return e.current == nil || !e.expired && e.current.NotAfter.Before(now.Add(renewBefore))
}

// issue makes a new certificate for the entity's key, signed by ca; the authority signs its own.
func (e *entity) issue(ca *entity, now time.Time) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 63))
	if err != nil {
		return nil, err
	}
	now = now.UTC().Truncate(time.Second)
	template := &x509.Certificate{
		SerialNumber: serial, RawSubject: e.subject, BasicConstraintsValid: true,
		NotBefore: now.Add(-backdating), NotAfter: now.AddDate(leafYears, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	parent := template
	switch {
	case e.authority:
		template.IsCA, template.MaxPathLenZero = true, true
		template.NotAfter = now.AddDate(authorityYears, 0, 0)
		template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	case e.expired:
		template.NotBefore, template.NotAfter = now.AddDate(-leafYears, 0, 0), now.Add(-backdating)
	}
	if !e.authority {
		parent = ca.current
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, e.key.Public(), ca.key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

type attribute struct {
	oid   asn1.ObjectIdentifier
	value string
}

func country() attribute { return attribute{asn1.ObjectIdentifier{2, 5, 4, 6}, "DK"} }
func organisationName(name string) attribute {
	return attribute{asn1.ObjectIdentifier{2, 5, 4, 10}, name}
}
func organisationID(id string) attribute { return attribute{asn1.ObjectIdentifier{2, 5, 4, 97}, id} }
func serialNumber(id string) attribute   { return attribute{asn1.ObjectIdentifier{2, 5, 4, 5}, id} }
func commonName(name string) attribute   { return attribute{asn1.ObjectIdentifier{2, 5, 4, 3}, name} }

// subjectOf lays a subject out as the certificates of its generation do: OCES2 has common name and serial number in one RDN and the CVR
// number in the name of the organisation; OCES3 has an RDN for each, and the CVR number in organizationIdentifier.
func subjectOf(owner organisation, holder, common string) ([]byte, error) {
	if strings.HasPrefix(holder, "UI:") {
		return encodeName([]attribute{commonName(common)}, []attribute{serialNumber(holder)}, []attribute{organisationName(owner.name)},
			[]attribute{organisationID("NTRDK-" + owner.cvr)}, []attribute{country()})
	}
	return encodeName([]attribute{country()}, []attribute{organisationName(owner.name + " // CVR:" + owner.cvr)},
		[]attribute{serialNumber(holder), commonName(common)})
}

func encodeName(rdns ...[]attribute) ([]byte, error) {
	var name pkix.RDNSequence
	for _, rdn := range rdns {
		var set pkix.RelativeDistinguishedNameSET
		for _, a := range rdn {
			set = append(set, pkix.AttributeTypeAndValue{Type: a.oid, Value: a.value})
		}
		name = append(name, set)
	}
	der, err := asn1.Marshal(name)
	if err != nil {
		return nil, fmt.Errorf("encode name: %w", err)
	}
	return der, nil
}

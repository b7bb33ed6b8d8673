package main

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/opennsp/nsp/adapters/xml/xmldsig"
)

// messageSize is the size of the measured DGWS message, that of a real one with a body of some entries.
const messageSize = 9 << 10

// signedMessage returns a DGWS message whose ID card of ten attributes is signed, with the key and the certificate of the signer.
func signedMessage() (message []byte, key *rsa.PrivateKey, cert *x509.Certificate, err error) {
	if key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return nil, nil, nil, err
	}
	now := time.Now().UTC().Truncate(time.Second)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Bench STS"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(48 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, nil, nil, err
	}
	if cert, err = x509.ParseCertificate(der); err != nil {
		return nil, nil, nil, err
	}
	signer := signerOf(key)
	signer.ID, signer.Certificate = "OCESSignature", der
	card := cardXML(now)
	signed, err := signer.SignEnveloped(card, bytes.LastIndex(card, []byte("</saml:Assertion>")), "IDCard")
	if err != nil {
		return nil, nil, nil, fmt.Errorf("sign the card: %w", err)
	}
	return envelope(signed, now), key, cert, nil
}

func signerOf(key *rsa.PrivateKey) xmldsig.Signer {
	return xmldsig.Signer{Sign: func(h crypto.Hash, digest []byte) ([]byte, error) {
		return rsa.SignPKCS1v15(rand.Reader, key, h, digest)
	}}
}

func cardXML(now time.Time) []byte {
	var b strings.Builder
	at := func(t time.Time) string { return t.Format("2006-01-02T15:04:05Z") }
	b.WriteString(`<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" IssueInstant="` +
		at(now) + `" Version="2.0" id="IDCard"><saml:Issuer>BENCH-STS</saml:Issuer><saml:Subject><saml:NameID Format="medcom:other">SubjectDN={CN=Test},IssuerDN={CN=CA},CertSerial={1}</saml:NameID>` +
		`<saml:SubjectConfirmation><saml:ConfirmationMethod>urn:oasis:names:tc:SAML:2.0:cm:holder-of-key</saml:ConfirmationMethod><saml:SubjectConfirmationData><ds:KeyInfo><ds:KeyName>OCESSignature</ds:KeyName></ds:KeyInfo></saml:SubjectConfirmationData></saml:SubjectConfirmation></saml:Subject>` +
		`<saml:Conditions NotBefore="` + at(now) + `" NotOnOrAfter="` + at(now.Add(24*time.Hour)) + `"/>`)
	for _, statement := range [][]string{
		{"IDCardData", "sosi:IDCardID", "AAECAwQFBgcICQoLDA0ODw==", "sosi:IDCardVersion", "1.0.1", "sosi:IDCardType", "system", "sosi:AuthenticationLevel", "3", "sosi:OCESCertHash", "2jmj7l5rSw0yVb/vlWAYkK/YBwk="},
		{"SystemLog", "medcom:ITSystemName", "Bench", "medcom:CareProviderID", "99999901", "medcom:CareProviderName", "Testorganisation", "medcom:UserRole", "7170", "medcom:UserOccupation", "Overlæge"},
	} {
		fmt.Fprintf(&b, `<saml:AttributeStatement id="%s">`, statement[0])
		for i := 1; i < len(statement); i += 2 {
			fmt.Fprintf(&b, `<saml:Attribute Name="%s"><saml:AttributeValue>%s</saml:AttributeValue></saml:Attribute>`, statement[i], statement[i+1])
		}
		b.WriteString(`</saml:AttributeStatement>`)
	}
	b.WriteString(`</saml:Assertion>`)
	return []byte(b.String())
}

// envelope puts a card into a message of messageSize.
func envelope(card []byte, now time.Time) []byte {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Header>` +
		`<wsse:Security xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"><wsu:Timestamp xmlns:wsu="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"><wsu:Created>` + now.Format(time.RFC3339) + `</wsu:Created></wsu:Timestamp>`)
	b.Write(card)
	b.WriteString(`</wsse:Security><medcom:Header xmlns:medcom="http://www.medcom.dk/dgws/2006/04/dgws-1.0.xsd"><medcom:SecurityLevel>3</medcom:SecurityLevel><medcom:Linking><medcom:FlowID>f-1</medcom:FlowID><medcom:MessageID>m-1</medcom:MessageID></medcom:Linking></medcom:Header></soapenv:Header><soapenv:Body>` +
		`<r:RegistrationRequest xmlns:r="http://www.sundhedsdatastyrelsen.dk/minlog/xml.schema/2025/03/12/minlog2-registration.xsd">`)
	const end = `</r:RegistrationRequest></soapenv:Body></soapenv:Envelope>`
	for i := 0; b.Len() < messageSize-len(end)-len(entryXML(i)); i++ {
		b.WriteString(entryXML(i))
	}
	b.WriteString(end)
	return b.Bytes()
}

// entryXML is one entry of a registration, of the size that clients send.
func entryXML(i int) string {
	return fmt.Sprintf(`<LogDataEntry><Source><CorrelationId>s-%d</CorrelationId><SystemName>Praksis-A</SystemName></Source><Destination><SystemName>FMK</SystemName><Activity>Opslag på medicinkort</Activity><DateTime>%s</DateTime>`+
		`<OrganisationId source="SOR">999000000000001</OrganisationId><OrganisationName>Testklinikken</OrganisationName><PersonIdentifier source="CPR">0202801111</PersonIdentifier><SequenceNumber>%d</SequenceNumber>`+
		`<UserPersonIdentifier source="CPR">0505851111</UserPersonIdentifier><UserRole>Sygeplejerske</UserRole></Destination></LogDataEntry>`,
		i, time.Now().UTC().Format(time.RFC3339), i)
}

package stsws

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/auth/dgws"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/adapters/xml/xsd"
	"github.com/opennsp/nsp/application/federating"
	"github.com/opennsp/nsp/domain/cpr"
)

// maxCardID is the longest sosi:IDCardID, in characters (DGWS 1.0.1).
const maxCardID = 128

// readRequest reads an issue request: request is the wst:RequestSecurityToken in the Body. What it returns of the card was covered by a
// signature with the key of the certificate it returns. The error is an *auth.Refusal.
func readRequest(t *xmltree.Tree, request xmltree.Node) (federating.Request, error) {
	created, err := readCreated(t, request)
	if err != nil {
		return federating.Request{}, err
	}
	if err := checkRequestType(t, request); err != nil {
		return federating.Request{}, err
	}
	claims, err := t.Only(request, nsTrust, "Claims")
	if err != nil {
		return federating.Request{}, refuse(errRequest, "Claims", err)
	}
	assertion, err := t.Only(claims, auth.NSAssertion, "Assertion")
	if err != nil {
		return federating.Request{}, refuse(errClaims, "Claims", err)
	}
	if id, _ := t.Attr(assertion, "", "id"); id != dgws.CardID {
		return federating.Request{}, refuse(errClaims, "id of the Assertion", nil)
	}
	content, der, err := readSelfSigned(t, assertion)
	if err != nil {
		return federating.Request{}, err
	}
	card, err := cardOf(&content)
	if err != nil {
		return federating.Request{}, refuse(errCard, "card content", err)
	}
	return federating.Request{Certificate: der, Created: created, Card: card}, nil
}

// readCreated returns the instant in the Timestamp of the message's one Security header.
func readCreated(t *xmltree.Tree, request xmltree.Node) (time.Time, error) {
	envelope := t.Parent(t.Parent(request))
	header, err := t.Only(envelope, t.Space(envelope), "Header")
	if err != nil {
		return time.Time{}, refuse(errSecurity, "Header", err)
	}
	security, err := t.Only(header, auth.NSSecurity, "Security")
	if err != nil {
		return time.Time{}, refuse(errSecurity, "Security", err)
	}
	stamp, err := t.Only(security, auth.NSUtility, "Timestamp")
	if err != nil {
		return time.Time{}, refuse(errSecurity, "Timestamp", err)
	}
	text, err := only(t, stamp, auth.NSUtility, "Created")
	if err != nil {
		return time.Time{}, refuse(errTimestamp, "Timestamp", err)
	}
	d, err := xsd.ParseDateTime(text)
	created, zoned := d.UTC()
	if err != nil || !zoned {
		return time.Time{}, refuse(errTimestamp, "Timestamp", err)
	}
	return created, nil
}

// checkRequestType requires the token and request types of the issue of an ID card.
func checkRequestType(t *xmltree.Tree, request xmltree.Node) error {
	token, err := only(t, request, nsTrust, "TokenType")
	if err != nil {
		return refuse(errRequest, "TokenType", err)
	}
	kind, err := only(t, request, nsTrust, "RequestType")
	switch {
	case err != nil:
		return refuse(errRequest, "RequestType", err)
	case token != tokenType && token != tokenTypePlain:
		return refuse(errTokenType, "TokenType", nil)
	case kind != requestType:
		return refuse(errRequestType, "RequestType", nil)
	}
	return nil
}

// readSelfSigned verifies the card with the key of the certificate in its own signature and returns what it says, and the certificate. It
// shows that the sender has the key, and nothing else: whether the certificate is worth anything is for the token service to judge. Cards
// of self-signers may use rsa-sha1, which the clients in use still do.
func readSelfSigned(t *xmltree.Tree, assertion xmltree.Node) (dgws.Card, []byte, error) {
	sig, err := xmldsig.ReadEnveloped(t, assertion)
	if err != nil {
		return dgws.Card{}, nil, refuse(errSignature, "signature structure", err)
	}
	der, ok := sig.Certificate()
	if !ok {
		return dgws.Card{}, nil, refuse(errSignature, "no certificate", nil)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return dgws.Card{}, nil, refuse(errSignature, "certificate unreadable", nil)
	}
	key, ok := certificate.PublicKey.(*rsa.PublicKey)
	if !ok {
		return dgws.Card{}, nil, refuse(errSignature, "key is not RSA", nil)
	}
	verified, err := sig.Verify(key, xmldsig.Algorithms{SHA1: true})
	if err != nil || !verified.Covers(assertion) {
		return dgws.Card{}, nil, refuse(errSignature, "signature", err)
	}
	card, err := dgws.ReadCard(t, assertion, &verified)
	if err != nil {
		return dgws.Card{}, nil, refuse(errCard, "card structure", err)
	}
	return card, certificate.Raw, nil
}

// only returns the trimmed text of the one child of n with this name.
func only(t *xmltree.Tree, n xmltree.Node, space, local string) (string, error) {
	child, err := t.Only(n, space, local)
	if err != nil {
		return "", err
	}
	text, err := t.Text(child)
	return strings.Trim(text, " \t\r\n"), err
}

var errContent = errors.New("stsws: card content")

// cardOf reads the values of a card.
func cardOf(c *dgws.Card) (federating.Card, error) {
	level, err := strconv.Atoi(c.Level)
	issued, notBefore, notOnOrAfter, timed := c.Times()
	if err != nil || !timed || c.User != (c.Type == typeUser) || c.Type != typeUser && c.Type != typeSystem ||
		c.ID == "" || utf8.RuneCountInString(c.ID) > maxCardID || c.CareProviderFormat != formatCVR || c.CareProviderName == "" {
		return federating.Card{}, errContent
	}
	card := federating.Card{
		ID: c.ID, Level: level, CertHash: c.CertHash, Issuer: c.Issuer, NameID: c.NameID,
		IssuedAt: issued, NotBefore: notBefore, NotOnOrAfter: notOnOrAfter,
		SystemName: c.SystemName, CVR: c.CareProvider, CareProviderName: c.CareProviderName,
	}
	if !c.User {
		return card, nil
	}
	user := federating.User{
		GivenName: c.GivenName, Surname: c.SurName, Email: c.Email, Role: c.Role,
		AuthorisationCode: c.AuthorisationCode, Occupation: c.Occupation,
	}
	if c.CPR != "" {
		if user.CPR, err = cpr.Parse(c.CPR); err != nil {
			return federating.Card{}, errContent
		}
	}
	card.User = &user
	return card, nil
}

// contentOf writes the values of a card.
func contentOf(card federating.Card, nameIDFormat string) *dgws.Card {
	instant := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	c := &dgws.Card{
		Issuer: card.Issuer, NameID: card.NameID, NameIDFormat: nameIDFormat,
		Issued: instant(card.IssuedAt), NotBefore: instant(card.NotBefore), NotOnOrAfter: instant(card.NotOnOrAfter),
		ID: card.ID, Version: versionIssued, Type: typeSystem, Level: strconv.Itoa(card.Level), CertHash: card.CertHash,
		SystemName: card.SystemName, CareProvider: card.CVR, CareProviderFormat: formatCVR, CareProviderName: card.CareProviderName,
	}
	if u := card.User; u != nil {
		c.Type, c.User = typeUser, true
		c.CPR, c.GivenName, c.SurName, c.Email = u.CPR.Digits(), u.GivenName, u.Surname, u.Email
		c.Role, c.AuthorisationCode, c.Occupation = u.Role, u.AuthorisationCode, u.Occupation
	}
	return c
}

// sign returns the card as an assertion with its signature as last child.
func sign(c *dgws.Card, s xmldsig.Signer) ([]byte, error) {
	doc, at := c.Assertion()
	s.ID = dgws.SignatureID
	return s.SignEnveloped(doc, at, dgws.CardID)
}

// writeAnswer writes the answer around an issued card. contextID is that of the request, "" if it had none.
func writeAnswer(w *xmlout.Writer, card []byte, issuer, contextID string) {
	w.Start("wst:RequestSecurityTokenResponse", "xmlns:wst", nsTrust, "xmlns:wsa", nsAddressing)
	if contextID != "" {
		w.Attr("Context", contextID)
	}
	w.Elem("wst:TokenType", tokenType)
	w.Start("wst:RequestedSecurityToken")
	w.Raw(card)
	w.End()
	w.Start("wst:Status")
	w.Elem("wst:Code", statusValid)
	w.End()
	w.Start("wst:Issuer")
	w.Elem("wsa:Address", issuer)
	w.End()
	w.End()
}

// writeRequest writes the message that asks for a card, given the self-signed one.
func (c *Client) writeRequest(card []byte, issuer string, created time.Time) []byte {
	var w xmlout.Writer
	c.envelope(&w)
	w.Start("soap:Header")
	w.Start("wsse:Security")
	w.Start("wsu:Timestamp")
	w.Elem("wsu:Created", created.UTC().Format(time.RFC3339))
	w.End()
	w.End()
	w.End()
	w.Start("soap:Body")
	w.Start("wst:RequestSecurityToken", "xmlns:wst", nsTrust, "xmlns:wsa", nsAddressing, "Context", contextSOSI)
	w.Elem("wst:TokenType", tokenType)
	w.Elem("wst:RequestType", requestType)
	w.Start("wst:Claims")
	w.Raw(card)
	w.End()
	w.Start("wst:Issuer")
	w.Elem("wsa:Address", issuer)
	w.End()
	w.End()
	w.End()
	w.End()
	return w.Bytes()
}

// certHash is sosi:OCESCertHash in the form most clients send.
func certHash(sum [20]byte) string { return base64.StdEncoding.EncodeToString(sum[:]) }

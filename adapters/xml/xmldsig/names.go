package xmldsig

import "crypto"

// Namespaces.
const (
	nsDS     = "http://www.w3.org/2000/09/xmldsig#"
	nsEC     = "http://www.w3.org/2001/10/xml-exc-c14n#"
	nsSAML   = "urn:oasis:names:tc:SAML:2.0:assertion"
	nsWSSE   = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
	nsWSSE11 = "http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd"
)

// Algorithm identifiers.
const (
	algExclusive = "http://www.w3.org/2001/10/xml-exc-c14n#"
	algInclusive = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
	algEnveloped = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
	algSTR       = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#STR-Transform"

	algRSASHA1   = "http://www.w3.org/2000/09/xmldsig#rsa-sha1"
	algRSASHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
	algRSASHA384 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384"
	algRSASHA512 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"

	algSHA1   = "http://www.w3.org/2000/09/xmldsig#sha1"
	algSHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
	algSHA384 = "http://www.w3.org/2001/04/xmldsig-more#sha384"
	algSHA512 = "http://www.w3.org/2001/04/xmlenc#sha512"
)

// Key identifier types of the SAML Token Profile 1.1.
const samlID = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLID"

// signatureHash returns the hash of a signature method, 0 if it is not accepted.
func signatureHash(alg string) crypto.Hash {
	switch alg {
	case algRSASHA1:
		return crypto.SHA1
	case algRSASHA256:
		return crypto.SHA256
	case algRSASHA384:
		return crypto.SHA384
	case algRSASHA512:
		return crypto.SHA512
	}
	return 0
}

// digestHash returns the hash of a digest method, 0 if it is not accepted.
func digestHash(alg string) crypto.Hash {
	switch alg {
	case algSHA1:
		return crypto.SHA1
	case algSHA256:
		return crypto.SHA256
	case algSHA384:
		return crypto.SHA384
	case algSHA512:
		return crypto.SHA512
	}
	return 0
}

// Token types of the X.509 Token Profile 1.0 and of SOAP Message Security.
const (
	x509v3       = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3"
	base64Binary = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"
)

package auth

// Namespaces of WS-Security 1.0, SAML 2.0 and XML Signature.
const (
	NSSecurity  = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
	NSUtility   = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
	NSAssertion = "urn:oasis:names:tc:SAML:2.0:assertion"
	NSSignature = "http://www.w3.org/2000/09/xmldsig#"
)

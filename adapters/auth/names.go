package auth

import "github.com/opennsp/nsp/adapters/auth/hsuid"

// Namespaces of WS-Security 1.0 and 1.1, SAML 2.0 and XML Signature.
const (
	NSSecurity   = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
	NSSecurity11 = "http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd"
	NSUtility    = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
	NSAssertion  = "urn:oasis:names:tc:SAML:2.0:assertion"
	NSSignature  = "http://www.w3.org/2000/09/xmldsig#"
)

// Namespaces of other headers that a message may have: WS-Addressing 1.0, Liberty Basic SOAP Binding in both of its versions, and Healthcare
// Service User Identification (NSP, HSUID 1.1).
const (
	NSAddressing = "http://www.w3.org/2005/08/addressing"
	NSLiberty    = "urn:liberty:sb"
	NSLiberty06  = "urn:liberty:sb:2006-08"
	NSHSUID      = hsuid.Namespace
)

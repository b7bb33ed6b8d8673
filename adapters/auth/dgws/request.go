package dgws

import (
	"strconv"
	"time"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
)

// Namespaces of the SOAP envelope.
const (
	nsSOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
	nsSOAP12 = "http://www.w3.org/2003/05/soap-envelope"
)

// Request is a DGWS message to be sent.
type Request struct {
	SOAP12        bool
	Created       time.Time // of the Timestamp
	Card          []byte    // the signed saml:Assertion, which declares every prefix it uses
	SecurityLevel int       // 0 = left out
	FlowID        string    // "" = left out
	MessageID     string
	Headers       func(w *xmlout.Writer) // writes further children of soap:Header, with the same prefixes; nil = none
	Body          func(w *xmlout.Writer) // writes the one child of soap:Body; the prefixes soap, medcom, wsse and wsu are declared
}

// Bytes returns the envelope. The card goes in as it is, since its signature is over its octets.
func (r Request) Bytes() []byte {
	soap := nsSOAP11
	if r.SOAP12 {
		soap = nsSOAP12
	}
	var w xmlout.Writer
	w.Start("soap:Envelope", "xmlns:soap", soap, "xmlns:medcom", NSMedcom, "xmlns:wsse", auth.NSSecurity, "xmlns:wsu", auth.NSUtility)
	w.Start("soap:Header")
	w.Start("wsse:Security")
	w.Start("wsu:Timestamp")
	w.Elem("wsu:Created", r.Created.UTC().Format(time.RFC3339))
	w.End()
	w.Raw(r.Card)
	w.End()
	w.Start("medcom:Header")
	if r.SecurityLevel != 0 {
		w.Elem("medcom:SecurityLevel", strconv.Itoa(r.SecurityLevel))
	}
	w.Start("medcom:Linking")
	if r.FlowID != "" {
		w.Elem("medcom:FlowID", r.FlowID)
	}
	w.Elem("medcom:MessageID", r.MessageID)
	w.End()
	w.Elem("medcom:RequireNonRepudiationReceipt", "no")
	w.End()
	if r.Headers != nil {
		r.Headers(&w)
	}
	w.End()
	w.Start("soap:Body")
	r.Body(&w)
	w.End()
	w.End()
	return w.Bytes()
}

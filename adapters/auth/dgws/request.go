package dgws

import (
	"time"

	"github.com/opennsp/nsp/adapters/xml/xmlout"
)

// Request is a DGWS message to be sent.
type Request struct {
	SOAP12        bool
	Created       time.Time // of the Timestamp
	Card          []byte    // the signed saml:Assertion, self-contained as to namespaces
	SecurityLevel int       // 0 = left out
	FlowID        string    // "" = left out
	MessageID     string
	Body          func(w *xmlout.Writer) // writes the one child of soap:Body; the prefix soap is declared
}

// Bytes returns the envelope.
func (r Request) Bytes() []byte { return nil }

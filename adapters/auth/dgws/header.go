package dgws

import (
	"errors"
	"unicode/utf8"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/adapters/xml/xsd"
)

// maxID is the longest MessageID and FlowID, in characters.
const maxID = 256

// Linking is how a message names itself and its flow, as far as it can be read.
type Linking struct {
	Namespace string // of the medcom:Header; the DGWS namespace in use where there is none
	FlowID    string // "" if there is none
	MessageID string // "" if there is none that is an id
}

// ReadLinking reads what an answer or a fault must tell of its request. It never fails: what cannot be read is left out.
func ReadLinking(t *xmltree.Tree, header xmltree.Node) Linking {
	l := Linking{Namespace: NSMedcom}
	for n := t.First(header); n != xmltree.None; n = t.Next(n) {
		if !IsHeader(t, n) {
			continue
		}
		l.Namespace = t.Space(n)
		linking := t.Child(n, l.Namespace, "Linking")
		l.FlowID = idText(t, t.Child(linking, l.Namespace, "FlowID"))
		l.MessageID = idText(t, t.Child(linking, l.Namespace, "MessageID"))
		return l
	}
	return l
}

// IsHeader tells whether n is a medcom:Header, in either namespace.
func IsHeader(t *xmltree.Tree, n xmltree.Node) bool {
	return IsNamespace(t.Space(n)) && t.Local(n) == "Header"
}

// IsNamespace tells whether space is one of the two namespaces of DGWS headers.
func IsNamespace(space string) bool { return space == NSMedcom || space == nsMedcom101 }

func idText(t *xmltree.Tree, n xmltree.Node) string {
	text, err := t.Text(n)
	text = trim(text)
	if err != nil || utf8.RuneCountInString(text) > maxID {
		return ""
	}
	return text
}

func trim(s string) string { return xsd.Collapse(s) }

// header is the medcom:Header of a request.
type header struct {
	level     string // SecurityLevel, "" if there is none
	messageID string
	receipt   bool // a signed receipt is asked for
}

// readHeader reads the one medcom:Header among the SOAP headers. It is not signed: it decides nothing in the caller's favour.
func readHeader(t *xmltree.Tree, soapHeader xmltree.Node) (h header, err error) {
	node := xmltree.None
	for n := t.First(soapHeader); n != xmltree.None; n = t.Next(n) {
		if !IsHeader(t, n) {
			continue
		}
		if node != xmltree.None {
			return h, refuse(errHeaderTwice, "two medcom:Header")
		}
		node = n
	}
	if node == xmltree.None {
		return h, refuse(errHeaderMissing, "no medcom:Header")
	}
	space := t.Space(node)
	linking, err := t.Only(node, space, "Linking")
	if errors.Is(err, xmltree.ErrMissing) {
		return h, refuse(errLinkingMissing, "no Linking")
	}
	if err != nil {
		return h, refuse(errHeaderElement, "Linking")
	}
	if h.messageID, err = optional(t, linking, space, "MessageID"); err != nil {
		return h, err
	}
	if h.messageID == "" {
		return h, refuse(errMessageIDMissing, "no MessageID")
	}
	if utf8.RuneCountInString(h.messageID) > maxID {
		return h, refuse(errMessageID, "MessageID too long")
	}
	if _, err = optional(t, linking, space, "FlowID"); err != nil {
		return h, err
	}
	if h.level, err = optional(t, node, space, "SecurityLevel"); err != nil {
		return h, err
	}
	if h.level != "" && (len(h.level) != 1 || h.level[0] < '1' || h.level[0] > '5') {
		return h, refuse(errHeaderLevel, "SecurityLevel")
	}
	receipt, err := optional(t, node, space, "RequireNonRepudiationReceipt")
	if err != nil {
		return h, err
	}
	switch receipt {
	case "yes":
		h.receipt = true
	case "", "no":
	default:
		return h, refuse(errReceiptValue, "RequireNonRepudiationReceipt")
	}
	return h, nil
}

// optional returns the trimmed text of the child of n that may be there once, "" where it is not.
func optional(t *xmltree.Tree, n xmltree.Node, space, local string) (string, error) {
	child, err := t.Only(n, space, local)
	if errors.Is(err, xmltree.ErrMissing) {
		return "", nil
	}
	var text string
	if err == nil {
		text, err = t.Text(child)
	}
	if err != nil {
		return "", &auth.Refusal{Fault: errHeaderElement, Cause: "medcom:Header element", Err: err}
	}
	return trim(text), nil
}

// checkTimestamp requires the one Timestamp with a readable Created; its age does not matter in DGWS.
func checkTimestamp(t *xmltree.Tree, security xmltree.Node) error {
	stamp, err := t.Only(security, auth.NSUtility, "Timestamp")
	var created xmltree.Node
	if err == nil {
		created, err = t.Only(stamp, auth.NSUtility, "Created")
	}
	switch {
	case errors.Is(err, xmltree.ErrMissing):
		return refuse(errTimestampMissing, "no Timestamp")
	case err != nil:
		return refuse(errTimestampTwice, "two Timestamps")
	}
	text, err := t.Text(created)
	if err == nil {
		_, err = xsd.ParseDateTime(text)
	}
	if err != nil {
		return refuse(errTimestampValue, "Timestamp")
	}
	return nil
}

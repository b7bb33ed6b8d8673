package idws

import (
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/adapters/xml/xsd"
)

// maxID is the longest MessageID, in characters.
const maxID = 256

// headers are the headers of a message that its signature must cover, where they are present.
type headers struct {
	messageID, action, to, relatesTo, replyTo, faultTo, framework, hsuid, timestamp xmltree.Node

	messageIDText string
}

// readHeaders finds the headers by their place and checks what they say. They are believed once the message signature covers them.
func (v *Verifier) readHeaders(m *auth.Message, now time.Time) (h headers, err error) {
	t := m.Tree
	if h, err = findHeaders(t, m.Header); err != nil {
		return h, err
	}
	if h.messageID == xmltree.None {
		return h, refuse(errMessageIDMissing, "no MessageID")
	}
	if h.messageIDText, err = headerText(t, h.messageID); err != nil {
		return h, err
	}
	if n := utf8.RuneCountInString(h.messageIDText); n == 0 || n > maxID {
		return h, refuse(errMessageID, "MessageID length")
	}
	stamp, err := t.Only(m.Security, auth.NSUtility, "Timestamp")
	if err != nil {
		return h, timestampRefused(err)
	}
	h.timestamp = stamp
	if err := checkAddress(m, h); err != nil {
		return h, err
	}
	skew := v.Skew
	if skew == 0 {
		skew = defaultSkew
	}
	return h, checkTimestamp(t, stamp, now, skew)
}

// findHeaders takes the headers among the children of soap:Header. Each may be there once.
func findHeaders(t *xmltree.Tree, soapHeader xmltree.Node) (h headers, err error) {
	for n := t.First(soapHeader); n != xmltree.None; n = t.Next(n) {
		var place *xmltree.Node
		switch t.Space(n) {
		case auth.NSAddressing:
			switch t.Local(n) {
			case "MessageID":
				place = &h.messageID
			case "Action":
				place = &h.action
			case "To":
				place = &h.to
			case "RelatesTo":
				place = &h.relatesTo
			case "ReplyTo":
				place = &h.replyTo
			case "FaultTo":
				place = &h.faultTo
			}
		case auth.NSLiberty, auth.NSLiberty06:
			if t.Local(n) == "Framework" {
				place = &h.framework
			}
		case auth.NSHSUID:
			if t.Local(n) == "HsuidHeader" {
				place = &h.hsuid
			}
		}
		if place == nil {
			continue
		}
		if *place != xmltree.None {
			return h, refuse(errHeaderTwice, "header repeated")
		}
		*place = n
	}
	return h, nil
}

func headerText(t *xmltree.Tree, n xmltree.Node) (string, error) {
	text, err := t.Text(n)
	if err != nil {
		return "", refuse(errHeaderText, "header is not text")
	}
	return xsd.Collapse(text), nil
}

// checkAddress checks that the message is for us, says what SOAPAction says and wants its answer where it came from.
func checkAddress(m *auth.Message, h headers) error {
	t := m.Tree
	if h.action == xmltree.None && !m.SOAP12 {
		return refuse(errActionMissing, "no Action")
	}
	if h.action != xmltree.None {
		action, err := headerText(t, h.action)
		if err != nil {
			return err
		}
		if action == "" || m.Action != "" && m.Action != action {
			return refuse(errAction, "Action")
		}
	}
	if h.to != xmltree.None {
		to, err := headerText(t, h.to)
		if err != nil {
			return err
		}
		if !strings.HasSuffix(to, m.Path) || m.Path == "" {
			return refuse(errTo, "To")
		}
	}
	if h.replyTo != xmltree.None {
		address, err := t.Only(h.replyTo, auth.NSAddressing, "Address")
		if err != nil {
			return refuse(errReplyTo, "ReplyTo")
		}
		if text, err := t.Text(address); err != nil || xsd.Collapse(text) != anonymous {
			return refuse(errReplyTo, "ReplyTo")
		}
	}
	if h.framework != xmltree.None {
		if version, _ := t.Attr(h.framework, "", "version"); version != framework20 {
			return refuse(errFramework, "Framework")
		}
	}
	return nil
}

// checkTimestamp: Created is at most skew from now, and Expires, if present, is after now and after Created.
func checkTimestamp(t *xmltree.Tree, stamp xmltree.Node, now time.Time, skew time.Duration) error {
	node, err := t.Only(stamp, auth.NSUtility, "Created")
	if err != nil {
		return timestampRefused(err)
	}
	created, ok := instant(t, node)
	if !ok {
		return refuse(errTimestampValue, "Created")
	}
	node, err = t.Only(stamp, auth.NSUtility, "Expires")
	if err == nil {
		expires, ok := instant(t, node)
		if !ok || !expires.After(created) {
			return refuse(errTimestampValue, "Expires")
		}
		if !expires.After(now) {
			return refuse(errMessageOld, "message expired")
		}
	} else if !errors.Is(err, xmltree.ErrMissing) {
		return timestampRefused(err)
	}
	switch {
	case created.Before(now.Add(-skew)):
		return refuse(errMessageOld, "message too old")
	case created.After(now.Add(skew)):
		return refuse(errMessageEarly, "message from the future")
	}
	return nil
}

func timestampRefused(err error) error {
	if errors.Is(err, xmltree.ErrMissing) {
		return refuse(errTimestampMissing, "no Timestamp")
	}
	return refuse(errTimestampTwice, "two Timestamps")
}

// instant reads a time that names its zone.
func instant(t *xmltree.Tree, n xmltree.Node) (time.Time, bool) {
	text, err := t.Text(n)
	if err != nil {
		return time.Time{}, false
	}
	return parseInstant(text)
}

func parseInstant(text string) (time.Time, bool) {
	d, err := xsd.ParseDateTime(text)
	if err != nil {
		return time.Time{}, false
	}
	return d.UTC()
}

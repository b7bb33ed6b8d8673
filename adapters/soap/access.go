package soap

import (
	"strings"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/auth/dgws"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
)

// soapHeaders are the elements of the SOAP Header that the audit line tells of: the first of each, anywhere in the Header.
func soapHeaders(env *Envelope) map[string]string {
	found := map[string]string{}
	if env.Tree == nil || env.Header == xmltree.None {
		return found
	}
	t := env.Tree
	for n := t.First(env.Header); n != xmltree.None; n = following(t, n, env.Header) {
		key := loggedElement(t, n)
		if key == "" || found[key] != "" {
			continue
		}
		if text, err := t.Text(n); err == nil {
			if text = strings.TrimSpace(text); text != "" {
				found[key] = auth.Cut(text)
			}
		}
	}
	return found
}

// following returns the next element after n in document order within top.
func following(t *xmltree.Tree, n, top xmltree.Node) xmltree.Node {
	if child := t.First(n); child != xmltree.None {
		return child
	}
	for n != top {
		if next := t.Next(n); next != xmltree.None {
			return next
		}
		n = t.Parent(n)
	}
	return xmltree.None
}

func loggedElement(t *xmltree.Tree, n xmltree.Node) string {
	local := t.Local(n)
	switch local {
	case "FlowID", "MessageID":
		if dgws.IsNamespace(t.Space(n)) {
			return local
		}
	case "Issuer", "NameID", "Audience":
		if t.Space(n) == auth.NSAssertion {
			return local
		}
	}
	switch t.Space(n) {
	case nsAddressing04:
		if local == "To" || local == "Action" {
			return local
		}
	case auth.NSAddressing:
		if local == "To" || local == "Action" || local == "MessageID" {
			return "w3" + local
		}
	}
	return ""
}

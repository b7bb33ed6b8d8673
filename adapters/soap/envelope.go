package soap

import (
	"cmp"
	"errors"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/auth/dgws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/adapters/xml/xsd"
)

// parse reads body into env: one parse, and the frame by absolute path. What was read stays in env also where the rest is refused, so that
// the fault can tell of its request. A message of SOAP 1.2 for a service that takes none is answered in SOAP 1.1.
func (env *Envelope) parse(body []byte, maxBytes int64, s *Service) error {
	t, err := xmltree.Parse(body, xmltree.DefaultLimits(int(maxBytes)))
	if err != nil {
		var bad *xmltree.Error
		if !errors.As(err, &bad) {
			return err
		}
		if bad.Kind == xmltree.TooLarge {
			return ErrTooLarge
		}
		return &auth.Refusal{Fault: syntaxError("The message is not accepted: " + bad.Text), Cause: "XML", Err: err}
	}
	env.Tree, env.Root = t, t.Root()
	space := nsSOAP11
	switch {
	case s.SOAP11 && t.Is(env.Root, nsSOAP12, "Envelope"):
		return errVersion
	case t.Is(env.Root, nsSOAP12, "Envelope"):
		env.SOAP12, space = true, nsSOAP12
	case !t.Is(env.Root, nsSOAP11, "Envelope"):
		return errEnvelope
	}
	for n := t.First(env.Root); n != xmltree.None; n = t.Next(n) {
		switch {
		case t.Is(n, space, "Header"):
			if env.Header != xmltree.None || env.Body != xmltree.None {
				return errHeaderTwice
			}
			env.Header = n
		case t.Is(n, space, "Body"):
			if env.Body != xmltree.None {
				return errBody
			}
			env.Body = n
		default:
			return errForeign
		}
	}
	if env.Body == xmltree.None {
		return errBody
	}
	linking := dgws.ReadLinking(t, env.Header)
	env.Medcom, env.FlowID, env.MessageID = linking.Namespace, linking.FlowID, linking.MessageID
	return env.readHeaders(space, s.Headers)
}

// readHeaders finds the one Security header and looks for headers that must be understood and are not known.
func (env *Envelope) readHeaders(space string, own []Name) error {
	t := env.Tree
	for n := t.First(env.Header); n != xmltree.None; n = t.Next(n) {
		switch {
		case t.Is(n, auth.NSAddressing, "MessageID") && env.Addressed == "":
			if text, err := t.Text(n); err == nil {
				env.Addressed = xsd.Collapse(text)
			}
		case t.Is(n, auth.NSAddressing, "Action") && env.intent == "":
			if text, err := t.Text(n); err == nil {
				env.intent = xsd.Collapse(text)
			}
		case t.Local(n) == "Framework" && (t.Space(n) == auth.NSLiberty || t.Space(n) == auth.NSLiberty06):
			env.framework = t.Space(n)
		case t.Is(n, auth.NSSecurity, "Security"):
			if env.Security != xmltree.None {
				return errSecurity
			}
			env.Security = n
		}
		if must, _ := t.Attr(n, space, "mustUnderstand"); must != "1" && must != "true" {
			continue
		}
		if aimedAtUs(t, n, space) && !knownHeader(t, n) && !slices.ContainsFunc(own, func(name Name) bool { return name.matches(t, n) }) {
			return ErrMustUnderstand
		}
	}
	return nil
}

// aimedAtUs tells whether a header is for the receiver of the message rather than for a node on its way.
func aimedAtUs(t *xmltree.Tree, n xmltree.Node, space string) bool {
	name := "actor"
	if space == nsSOAP12 {
		name = "role"
	}
	role, _ := t.Attr(n, space, name)
	return role == "" || role == actorNext || role == roleNext || role == roleUltimate
}

func knownHeader(t *xmltree.Tree, n xmltree.Node) bool {
	switch t.Space(n) {
	case auth.NSAddressing, nsAddressing04:
		return true
	case auth.NSSecurity:
		return t.Local(n) == "Security"
	case auth.NSHSUID:
		return t.Local(n) == "HsuidHeader"
	case auth.NSLiberty, auth.NSLiberty06:
		return t.Local(n) == "Framework"
	}
	return dgws.IsHeader(t, n)
}

// operation finds the operation by the one element in the Body. SOAPAction, or the action of a SOAP 1.2 media type, is a hint: it may be
// quoted, bare, empty, missing or unknown, but not name another operation. wsa:Action likewise.
func (rt *Router) operation(env *Envelope, r *http.Request) (*Operation, xmltree.Node, error) {
	t := env.Tree
	child := t.First(env.Body)
	if child == xmltree.None || t.Next(child) != xmltree.None {
		return nil, child, errBodyChildren
	}
	i := slices.IndexFunc(rt.service.Operations, func(op Operation) bool { return op.Name.matches(t, child) })
	if i < 0 {
		return nil, child, errOperation
	}
	op := &rt.service.Operations[i]
	env.Action = cmp.Or(unquote(mediaTypeAction(r)), unquote(r.Header.Get("SOAPAction")))
	for _, action := range []string{unquote(r.Header.Get("SOAPAction")), env.Action, env.intent} {
		if action == "" {
			continue
		}
		if slices.Contains(op.Actions, action) {
			continue
		}
		if slices.Contains(rt.service.Elsewhere, action) ||
			slices.ContainsFunc(rt.service.Operations, func(o Operation) bool { return slices.Contains(o.Actions, action) }) {
			return nil, child, errAction
		}
	}
	return op, child, nil
}

func mediaTypeAction(r *http.Request) string {
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return params["action"]
}

// unquote removes blanks and one pair of quotes.
func unquote(s string) string {
	s = strings.TrimSpace(s)
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		s = strings.TrimSpace(s[1 : len(s)-1])
	}
	return s
}

// StartEnvelope opens the envelope of an answer in the SOAP version of its request and declares the prefixes soap, medcom, wsse and wsu.
func (env *Envelope) StartEnvelope(w *xmlout.Writer) {
	space := nsSOAP11
	if env.SOAP12 {
		space = nsSOAP12
	}
	w.Start("soap:Envelope", "xmlns:soap", space, "xmlns:medcom", env.Medcom, "xmlns:wsse", auth.NSSecurity, "xmlns:wsu", auth.NSUtility)
}

package stsws

import (
	"time"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/federating"
)

// exchange is the request for an exchange: the wst:RequestSecurityToken in the Body.
type exchange struct {
	actAs    xmltree.Node // the one assertion to be exchanged
	audience string
	claims   federating.Claims
}

// readExchange reads a request for an exchange. The error is an *auth.Refusal.
func readExchange(t *xmltree.Tree, request xmltree.Node) (x exchange, err error) {
	token, err := only(t, request, nsTrust13, "TokenType")
	if err != nil {
		return x, refuse(errExchange, "TokenType", err)
	}
	kind, err := only(t, request, nsTrust13, "RequestType")
	switch {
	case err != nil:
		return x, refuse(errExchange, "RequestType", err)
	case token != tokenTypeSAML:
		return x, refuse(errTokenType, "TokenType", nil)
	case kind != requestType13:
		return x, refuse(errRequestType, "RequestType", nil)
	}
	applies, err := t.Only(request, nsPolicy, "AppliesTo")
	if err != nil {
		return x, refuse(errExchange, "AppliesTo", err)
	}
	reference, err := t.Only(applies, nsAddressing10, "EndpointReference")
	if err != nil {
		return x, refuse(errExchange, "AppliesTo", err)
	}
	if x.audience, err = only(t, reference, nsAddressing10, "Address"); err != nil || x.audience == "" {
		return x, refuse(errExchange, "AppliesTo", err)
	}
	actAs, err := t.Only(request, nsTrust14, "ActAs")
	if err != nil {
		return x, refuse(errExchange, "ActAs", err)
	}
	if err := x.readClaims(t, request); err != nil {
		return x, err
	}
	x.actAs = t.First(actAs)
	vouched := t.Next(x.actAs)
	if !t.Is(x.actAs, auth.NSAssertion, "Assertion") || t.Next(vouched) != xmltree.None {
		return x, refuse(errActAs, "ActAs", nil)
	}
	return x, x.readVouched(t, vouched)
}

// readClaims reads the claims, if there are any.
func (x *exchange) readClaims(t *xmltree.Tree, request xmltree.Node) error {
	claims := t.Child(request, nsTrust13, "Claims")
	if claims == xmltree.None {
		return nil
	}
	if _, err := t.Only(request, nsTrust13, "Claims"); err != nil {
		return refuse(errClaimTypes, "Claims", err)
	}
	if dialect, ok := t.Attr(claims, "", "Dialect"); ok && dialect != dialectClaims {
		return refuse(errClaimTypes, "Dialect", nil)
	}
	seen := map[string]bool{}
	for n := range t.Children(claims) {
		uri, _ := t.Attr(n, "", "Uri")
		if !t.Is(n, nsClaims, "ClaimType") || uri == "" || seen[uri] {
			return refuse(errClaimTypes, "ClaimType", nil)
		}
		seen[uri] = true
		value, err := only(t, n, nsClaims, "Value")
		if err != nil {
			return refuse(errClaimTypes, "Value", err)
		}
		if field := x.claim(uri); field != nil {
			*field = value
		}
	}
	return nil
}

// claim returns where the value of a claim goes, nil for one that is not known.
func (x *exchange) claim(uri string) *string {
	switch c := &x.claims; uri {
	case claimCPR:
		return &c.CPR
	case claimOnBehalfOf:
		return &c.OnBehalfOf
	case claimSystemName:
		return &c.SystemName
	case claimRole:
		return &c.Role
	case claimAuthorisation:
		return &c.AuthorisationCode
	case claimNameID:
		return &c.SubjectNameID
	}
	return nil
}

// readVouched reads the assertion by which some clients state claims instead, beside the token in ActAs: the sender vouches for it, it has
// no signature of its own. Where it gives both authorisation and education, the authorisation counts.
func (x *exchange) readVouched(t *xmltree.Tree, assertion xmltree.Node) error {
	if assertion == xmltree.None {
		return nil
	}
	subject := t.Child(assertion, auth.NSAssertion, "Subject")
	method, _ := t.Attr(t.Child(subject, auth.NSAssertion, "SubjectConfirmation"), "", "Method")
	if !t.Is(assertion, auth.NSAssertion, "Assertion") || method != senderVouches || x.claims != (federating.Claims{}) {
		return refuse(errActAs, "ActAs", nil)
	}
	statement, err := t.Only(assertion, auth.NSAssertion, "AttributeStatement")
	if err != nil {
		return refuse(errActAs, "AttributeStatement", err)
	}
	fields := map[string]*string{
		attrSystemName: &x.claims.SystemName, attrAuthorisation: &x.claims.AuthorisationCode, attrEducation: &x.claims.Role,
	}
	for n := range t.Children(statement) {
		name, _ := t.Attr(n, "", "Name")
		field := fields[name]
		if field == nil {
			continue
		}
		if *field != "" {
			return refuse(errActAs, "attribute twice", nil)
		}
		if *field, err = only(t, n, auth.NSAssertion, "AttributeValue"); err != nil {
			return refuse(errActAs, "AttributeValue", err)
		}
	}
	if x.claims.AuthorisationCode != "" {
		x.claims.Role = ""
	}
	return nil
}

// issued is what goes into the answer to an exchange.
type issued struct {
	assertion []byte
	audience  string
	from, to  time.Time
	contextID string // of the request, "" if it had none
}

// write writes the Body's element of the answer.
func (i *issued) write(w *xmlout.Writer) {
	w.Start("wst13:RequestSecurityTokenResponseCollection", "xmlns:wst13", nsTrust13, "xmlns:wsp", nsPolicy, "xmlns:wsa", nsAddressing10)
	w.Start("wst13:RequestSecurityTokenResponse")
	if i.contextID != "" {
		w.Attr("Context", i.contextID)
	}
	w.Elem("wst13:TokenType", tokenTypeSAML)
	w.Start("wst13:RequestedSecurityToken")
	w.Raw(i.assertion)
	w.End()
	writeAppliesTo(w, i.audience)
	w.Start("wst13:Lifetime")
	w.Elem("wsu:Created", i.from.UTC().Format(time.RFC3339))
	w.Elem("wsu:Expires", i.to.UTC().Format(time.RFC3339))
	w.End()
	w.End()
	w.End()
}

func writeAppliesTo(w *xmlout.Writer, audience string) {
	w.Start("wsp:AppliesTo")
	w.Start("wsa:EndpointReference")
	w.Elem("wsa:Address", audience)
	w.End()
	w.End()
}

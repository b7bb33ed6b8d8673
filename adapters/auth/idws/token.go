package idws

import (
	"errors"
	"slices"
	"time"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/adapters/xml/xsd"
	"github.com/opennsp/nsp/domain/fault"
)

const (
	skew        = 60 * time.Second // how far the clock of a token service may be ahead of ours where nothing else is said
	maxLifetime = 24 * time.Hour   // of a token
)

var errStructure = errors.New("idws: not an identity token")

// reader reads signed content: of a node that is not covered nothing comes out.
type reader struct {
	tree     *xmltree.Tree
	verified *xmldsig.Verified
}

// only returns the one child of n with this name.
func (r reader) only(n xmltree.Node, space, local string) (xmltree.Node, error) {
	child, err := r.tree.Only(n, space, local)
	if err != nil || !r.verified.Covers(child) {
		return xmltree.None, errStructure
	}
	return child, nil
}

// text returns the trimmed text of n.
func (r reader) text(n xmltree.Node) (string, error) {
	if !r.verified.Covers(n) {
		return "", errStructure
	}
	text, err := r.tree.Text(n)
	if err != nil {
		return "", errStructure
	}
	return xsd.Collapse(text), nil
}

// attr returns an attribute of n, which is covered.
func (r reader) attr(n xmltree.Node, local string) (string, bool) {
	if !r.verified.Covers(n) {
		return "", false
	}
	return r.tree.Attr(n, "", local)
}

// token is an assertion whose signature is good.
type token struct {
	reader
	node xmltree.Node
	skew time.Duration // how far the clock of its service may be ahead of ours
}

func (tk token) id() string {
	id, _ := tk.attr(tk.node, "ID")
	return id
}

// issuer returns the Issuer, by which the anchor was found.
func (tk token) issuer() string {
	n, err := tk.only(tk.node, auth.NSAssertion, "Issuer")
	if err != nil {
		return ""
	}
	text, _ := tk.text(n)
	return text
}

// times are the instants of a token.
type times struct{ issued, notBefore, notOnOrAfter time.Time }

// times reads the instants of the token and checks that it may be used now.
func (tk token) times(now time.Time) (at times, err error) {
	if version, _ := tk.attr(tk.node, "Version"); version != "2.0" {
		return at, refuse(errToken, "token version")
	}
	conditions, err := tk.only(tk.node, auth.NSAssertion, "Conditions")
	if err != nil {
		return at, refuse(errToken, "Conditions")
	}
	var ok [3]bool
	at.issued, ok[0] = tk.instant(tk.node, "IssueInstant")
	at.notBefore, ok[1] = tk.instant(conditions, "NotBefore")
	at.notOnOrAfter, ok[2] = tk.instant(conditions, "NotOnOrAfter")
	if ok != [3]bool{true, true, true} {
		return at, refuse(errTokenTimes, "times unreadable")
	}
	f, cause, good := at.check(now, tk.skew)
	if !good {
		return at, refuse(f, cause)
	}
	return at, nil
}

func (at times) check(now time.Time, skew time.Duration) (f fault.Error, cause string, ok bool) {
	switch {
	case !at.notBefore.Before(at.notOnOrAfter):
		return errTokenTimes, "times reversed", false
	case at.notOnOrAfter.Sub(at.notBefore) > maxLifetime:
		return errTokenTimes, "lifetime", false
	case at.issued.After(now.Add(skew)):
		return errNotYet, "issued in the future", false
	case !now.Before(at.notOnOrAfter):
		return errExpired, "expired", false
	case now.Before(at.notBefore.Add(-skew)):
		return errNotYet, "not yet valid", false
	}
	return fault.Error{}, "", true
}

func (tk token) instant(n xmltree.Node, local string) (time.Time, bool) {
	text, _ := tk.attr(n, local)
	return parseInstant(text)
}

// issuedAt reads IssueInstant for the anchor's window. What cannot be read is refused later, with the other times of the token.
func issuedAt(t *xmltree.Tree, assertion xmltree.Node, now time.Time) time.Time {
	text, _ := t.Attr(assertion, "", "IssueInstant")
	if at, ok := parseInstant(text); ok {
		return at
	}
	return now
}

// audience returns the audience of the token that is one of allowed.
func (tk token) audience(allowed []string) (string, error) {
	conditions, err := tk.only(tk.node, auth.NSAssertion, "Conditions")
	if err != nil {
		return "", refuse(errToken, "Conditions")
	}
	restriction, err := tk.only(conditions, auth.NSAssertion, "AudienceRestriction")
	if err != nil {
		return "", refuse(ErrAudience, "no audience")
	}
	for n := tk.tree.First(restriction); n != xmltree.None; n = tk.tree.Next(n) {
		if !tk.tree.Is(n, auth.NSAssertion, "Audience") {
			continue
		}
		if text, err := tk.text(n); err == nil && text != "" && slices.Contains(allowed, text) {
			return text, nil
		}
	}
	return "", refuse(ErrAudience, "audience")
}

// holder reads the one SubjectConfirmation, which must be by holder-of-key with one certificate.
func (tk token) holder(known *holders, now time.Time) (_ *holder, err error) {
	n := tk.node
	for _, step := range [...]string{"Subject", "SubjectConfirmation"} {
		if n, err = tk.only(n, auth.NSAssertion, step); err != nil {
			return nil, refuse(errToken, "SubjectConfirmation")
		}
	}
	if method, _ := tk.attr(n, "Method"); method != holderOfKey {
		return nil, refuse(errBearer, "not holder-of-key")
	}
	data, err := tk.only(n, auth.NSAssertion, "SubjectConfirmationData")
	if err != nil {
		return nil, refuse(errBearer, "SubjectConfirmationData")
	}
	if err := tk.confirmedNow(data, now); err != nil {
		return nil, err
	}
	n = data
	for _, step := range [...]string{"KeyInfo", "X509Data", "X509Certificate"} {
		if n, err = tk.only(n, auth.NSSignature, step); err != nil {
			return nil, refuse(errBearer, "no certificate of the holder")
		}
	}
	var buf [2 << 10]byte // certificates are shorter, as a rule
	der, ok := xmldsig.AppendDER(buf[:0], tk.tree, n)
	if !ok {
		return nil, refuse(errBearer, "certificate unreadable")
	}
	h, err := known.of(der)
	if err != nil {
		return nil, &auth.Refusal{Fault: errBearer, Cause: "certificate unreadable", Err: err}
	}
	return h, nil
}

// confirmedNow holds the bounds that the confirmation may have of its own.
func (tk token) confirmedNow(data xmltree.Node, now time.Time) error {
	if _, bounded := tk.attr(data, "NotBefore"); bounded {
		if from, ok := tk.instant(data, "NotBefore"); !ok || now.Before(from.Add(-tk.skew)) {
			return refuse(errNotYet, "confirmation not yet valid")
		}
	}
	if _, bounded := tk.attr(data, "NotOnOrAfter"); bounded {
		if until, ok := tk.instant(data, "NotOnOrAfter"); !ok || !now.Before(until) {
			return refuse(errExpired, "confirmation expired")
		}
	}
	return nil
}

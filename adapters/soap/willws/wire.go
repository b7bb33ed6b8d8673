package willws

import (
	"slices"
	"strings"

	"github.com/opennsp/nsp/adapters/soap/cda"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/adapters/xml/xsd"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/will"
)

// binder reads the elements of one request as strictly as its schema: a wish that is misspelt, missing or said twice must not be taken for
// another one.
type binder struct {
	tree *xmltree.Tree
	edition
}

// unread is the fault of what is not as the contract has it. The name is one of the contract's.
func unread(name string) error {
	return fault.Error{Kind: fault.Malformed, Code: fault.CodeSyntax, Text: textUnread + name}
}

// request reads what an act is done to. The citizen is zero where the id is none of a citizen.
func (b binder) request(root xmltree.Node, act string) (citizen cpr.Number, d will.Draft, err error) {
	name := b.operation(act) + suffixRequest
	if err := b.elements(root, name); err != nil {
		return citizen, d, err
	}
	id := b.tree.First(root)
	if !b.tree.Is(id, "", elemID) {
		return citizen, d, unread(elemID)
	}
	if citizen, err = b.id(id); err != nil {
		return citizen, d, err
	}
	last := id
	if draws(act) {
		if last = b.tree.Next(id); !b.tree.Is(last, "", b.element(act)) {
			return citizen, d, unread(b.element(act))
		}
		if d, err = b.draft(last); err != nil {
			return citizen, d, err
		}
	}
	if b.tree.Next(last) != xmltree.None {
		return citizen, d, unread(name)
	}
	return citizen, d, nil
}

// id reads an id of the type II of HL7.
func (b binder) id(n xmltree.Node) (cpr.Number, error) {
	if err := b.elements(n, elemID, attrRoot, attrExtension, attrAuthority, attrShown, cda.AttrNullFlavor); err != nil {
		return cpr.Number{}, err
	}
	if err := b.typed(n, elemID, cda.NSHL7, typeID); err != nil {
		return cpr.Number{}, err
	}
	if b.tree.First(n) != xmltree.None {
		return cpr.Number{}, unread(elemID)
	}
	if shown, there := b.tree.Attr(n, "", attrShown); there {
		if _, err := xsd.ParseBoolean(shown); err != nil {
			return cpr.Number{}, unread(attrShown)
		}
	}
	root, _ := b.tree.Attr(n, "", attrRoot)
	extension, _ := b.tree.Attr(n, "", attrExtension)
	authority, authorised := b.tree.Attr(n, "", attrAuthority)
	_, null := b.tree.Attr(n, "", cda.AttrNullFlavor)
	extension = xsd.Collapse(extension)
	number, err := cpr.Parse(extension)
	if err != nil || number.Digits() != extension || xsd.Collapse(root) != cda.CitizenRoot || null ||
		authorised && xsd.Collapse(authority) != cda.CitizenAuthority {
		return cpr.Number{}, nil //nolint:nilerr // the use case tells, once it is known who asks
	}
	return number, nil
}

// draft reads a will of the edition. Whether it may ask for an acceptance, and whether it says anything, is the domain's.
func (b binder) draft(n xmltree.Node) (d will.Draft, err error) {
	holder := b.tree.Local(n)
	if err := b.elements(n, holder, cda.AttrNullFlavor); err != nil {
		return d, err
	}
	if err := b.typed(n, holder, b.value.Space(), b.value.Type()); err != nil {
		return d, err
	}
	_, d.Null = b.tree.Attr(n, "", cda.AttrNullFlavor)
	child := b.tree.First(n)
	for _, name := range b.value.Elements() {
		if !b.tree.Is(child, b.value.Space(), name) {
			return d, unread(name)
		}
		if err := b.wish(child, name, cda.WishOf(&d.Wishes, name)); err != nil {
			return d, err
		}
		child = b.tree.Next(child)
	}
	if child != xmltree.None {
		return d, unread(holder)
	}
	return d, nil
}

// wish reads one wish. An acceptance is read where the schema has none too: it is the domain that says why it cannot be.
func (b binder) wish(n xmltree.Node, name string, wish *will.Wish) error {
	if err := b.attributes(n, name, cda.AttrAcceptance); err != nil {
		return err
	}
	if err := b.typed(n, name, nsSchema, typeBoolean); err != nil {
		return err
	}
	text, err := b.tree.Text(n)
	if err != nil {
		return unread(name)
	}
	if wish.Declined, err = xsd.ParseBoolean(text); err != nil {
		return unread(name)
	}
	if needs, there := b.tree.Attr(n, "", cda.AttrAcceptance); there {
		if wish.Needs, there = cda.ParseAcceptance(xsd.Collapse(needs)); !there {
			return unread(cda.AttrAcceptance)
		}
	}
	return nil
}

// elements tells whether n, which is called name, has nothing in it but elements and the attributes it may have.
func (b binder) elements(n xmltree.Node, name string, attributes ...string) error {
	if !b.tree.Blank(n) {
		return unread(name)
	}
	return b.attributes(n, name, attributes...)
}

// attributes tells whether n has no attributes but those, and those of others. It cannot be nil, whatever is in it.
func (b binder) attributes(n xmltree.Node, name string, known ...string) error {
	for i := range b.tree.AttrCount(n) {
		space, local, _ := b.tree.AttrAt(n, i)
		if space == "" && !slices.Contains(known, local) || space == nsInstance && local == attrNil {
			return unread(name)
		}
	}
	return nil
}

// typed tells whether n says that it is of no type but that one.
func (b binder) typed(n xmltree.Node, name, space, local string) error {
	value, there := b.tree.Attr(n, nsInstance, attrType)
	if !there {
		return nil
	}
	prefix, is, qualified := strings.Cut(xsd.Collapse(value), ":")
	if !qualified {
		prefix, is = "", prefix
	}
	if in, _ := b.tree.Lookup(n, prefix); in != space || is != local {
		return unread(name)
	}
	return nil
}

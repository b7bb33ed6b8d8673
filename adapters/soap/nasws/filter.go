package nasws

import (
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/notifying"
	"github.com/opennsp/nsp/domain/nas"
)

// subscribing reads a Subscribe. What a filter asks for is not judged here.
func (b binder) subscribing(root xmltree.Node) (s notifying.Subscribing, err error) {
	names := []string{elemConsumer, elemFilter, elemInitialTermination, elemPolicy}
	err = b.children(root, nsNotification, names, "", func(name string, child xmltree.Node) (err error) {
		switch name {
		case elemConsumer:
			s.Consumer, _, err = b.address(child)
		case elemFilter:
			s.Filter = b.filter(child)
		case elemInitialTermination:
			s.Termination, err = b.termination(child)
		case elemPolicy:
			for policy := range b.Children(child) {
				s.Policies = append(s.Policies, b.name(policy))
			}
		}
		return err
	})
	return s, err
}

func (b binder) name(n xmltree.Node) nas.Name { return nas.Name{Space: b.Space(n), Local: b.Local(n)} }

func (b binder) termination(n xmltree.Node) (string, error) {
	if absent, err := b.absent(n); err != nil || absent {
		return "", err
	}
	return b.text(n)
}

func (b binder) filter(n xmltree.Node) (f nas.FilterRequest) {
	for child := range b.Children(n) {
		switch {
		case b.Is(child, nsNotification, elemTopicExpression):
			dialect, _ := b.attribute(child, attrDialect)
			text, err := b.Text(child)
			f.Topics = append(f.Topics, nas.TopicExpression{Dialect: dialect, Text: text, Mixed: err != nil})
		case b.Is(child, nsNotification, elemMessageContent):
			dialect, _ := b.attribute(child, attrDialect)
			f.Content = append(f.Content, nas.MessageContent{Dialect: dialect, Filter: b.idFilter(b.sole(child))})
		case b.Is(child, nsNotification, elemProducerProperties):
			f.ProducerProperties = true
		default:
			f.Unknown = append(f.Unknown, b.name(child))
		}
	}
	return f
}

// idFilter reads an advis:IDFilter; nil if n is none.
func (b binder) idFilter(n xmltree.Node) *nas.IDFilter {
	if !b.Is(n, nsAdvis, elemIDFilter) {
		return nil
	}
	f := &nas.IDFilter{Other: !b.Blank(n)}
	for child := range b.Children(n) {
		ok := false
		switch {
		case b.Is(child, nsAdvis, elemIDList):
			var name string
			name, ok = b.attribute(child, attrName)
			ok = ok && b.empty(child)
			f.Lists = append(f.Lists, name)
		case b.Is(child, nsAdvis, elemSingleID):
			id, has := b.attribute(child, attrID)
			idType, hasType := b.attribute(child, attrIDType)
			ok = has && hasType && b.empty(child)
			f.IDs = append(f.IDs, nas.SingleID{ID: id, IDType: idType})
		case b.Is(child, nsAdvis, elemXPath):
			var x nas.XPathFilter
			x, ok = b.xpath(child)
			f.XPaths = append(f.XPaths, x)
		}
		f.Other = f.Other || !ok
	}
	return f
}

func (b binder) empty(n xmltree.Node) bool { return b.First(n) == xmltree.None && b.Blank(n) }

// xpath reads an advis:XPathFilter, whose expression is its text or that of its one child (NAS-25).
func (b binder) xpath(n xmltree.Node) (x nas.XPathFilter, ok bool) {
	x.Version, ok = b.attribute(n, attrVersion)
	holder := n
	if b.First(n) != xmltree.None {
		if holder = b.sole(n); holder == xmltree.None {
			return x, false
		}
	}
	text, err := b.Text(holder)
	x.Expression, x.Namespaces = trim(text), namespaces(b.Tree, holder)
	return x, ok && err == nil
}

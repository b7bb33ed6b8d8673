package nasws

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/adapters/xml/xsd"
	"github.com/opennsp/nsp/application/notifying"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/nas"
)

const xmlSpace = " \t\r\n"

// trim cuts off the white space of XML.
func trim(s string) string { return strings.Trim(s, xmlSpace) }

func boolean(b bool) string { return strconv.FormatBool(b) }

func instant(at time.Time) string {
	if at.Nanosecond() >= int(time.Millisecond) {
		return at.UTC().Format(timeFormatMilli)
	}
	return at.UTC().Format(timeFormat)
}

func syntax(text string) error {
	return fault.Error{Kind: fault.Malformed, Code: fault.CodeSyntax, Text: text}
}

// binder reads the elements of one message. Children may come in any order, and elements of other namespaces where a schema has none are
// ignored.
type binder struct{ *xmltree.Tree }

// children calls read for each child of n that is in the namespace space. One that is not among names is refused, as is one without a
// namespace: what is misspelt must not be left out. So is the second of a name other than repeated ("" = none).
func (b binder) children(n xmltree.Node, space string, names []string, repeated string, read func(name string, child xmltree.Node) error) error {
	var seen uint64
	for child := range b.Children(n) {
		if in := b.Space(child); in != space && in != "" {
			continue
		}
		i := -1
		for j, name := range names {
			if b.Is(child, space, name) {
				i = j
			}
		}
		switch {
		case i < 0:
			return syntax("an element of " + b.Local(n) + textUnknown)
		case seen&(1<<i) != 0 && names[i] != repeated:
			return syntax(names[i] + textRepeated)
		}
		seen |= 1 << i
		if err := read(names[i], child); err != nil {
			return err
		}
	}
	return nil
}

// text returns the text of n without white space around it.
func (b binder) text(n xmltree.Node) (string, error) {
	text, err := b.Text(n)
	if err != nil {
		return "", syntax(b.Local(n) + textNoText)
	}
	return trim(text), nil
}

// address reads the address of an endpoint reference.
func (b binder) address(n xmltree.Node) (address string, there bool, err error) {
	err = b.children(n, nsAddressing, []string{elemAddress, "ReferenceParameters", "Metadata"}, "", func(name string, child xmltree.Node) error {
		if name != elemAddress {
			return nil
		}
		var err error
		address, err = b.text(child)
		there = true
		return err
	})
	return address, there, err
}

// absent tells whether an element stands for none.
func (b binder) absent(n xmltree.Node) (bool, error) {
	value, there := b.Attr(n, nsInstance, "nil")
	if !there {
		return false, nil
	}
	absent, err := xsd.ParseBoolean(value)
	if err != nil {
		return false, syntax(b.Local(n) + textNil)
	}
	return absent, nil
}

// attribute returns an attribute without namespace, without white space around it.
func (b binder) attribute(n xmltree.Node, name string) (value string, there bool) {
	value, there = b.Attr(n, "", name)
	return trim(value), there
}

// noTopic is no topic's name: it stands for one that is not text.
const noTopic = "\x00"

// notifications reads a Notify. What is wrong with one notification alone is in it, for the list of the fault.
func (b binder) notifications(root xmltree.Node) (all []notifying.Message, err error) {
	err = b.children(root, nsNotification, []string{elemMessages}, elemMessages, func(_ string, child xmltree.Node) error {
		m, err := b.notification(child)
		all = append(all, m)
		return err
	})
	if err == nil && len(all) == 0 {
		err = syntax(textNoMessages)
	}
	return all, err
}

func (b binder) notification(n xmltree.Node) (m notifying.Message, err error) {
	err = b.children(n, nsNotification, []string{elemSubscription, elemTopic, elemProducer, elemMessage}, "", func(name string, child xmltree.Node) error {
		switch name {
		case elemTopic:
			var err error
			if m.Topic, err = b.Text(child); err != nil {
				m.Topic = noTopic
			}
			m.Dialect, _ = b.attribute(child, attrDialect)
		case elemProducer: // subscribers get it as it is
			if _, there, err := b.address(child); err != nil || !there {
				return cmp.Or(err, syntax(elemProducer+textNoAddress))
			}
			m.Producer = standalone(b.Tree, child)
		case elemMessage:
			b.content(child, &m)
		}
		return nil
	})
	return m, err
}

// content reads a Message: exactly one advis:NotifyContent, which holds exactly one element (NAS-10). One in another form has no content.
func (b binder) content(n xmltree.Node, m *notifying.Message) {
	content := b.sole(n)
	if !b.Is(content, nsAdvis, elemContent) || b.sole(content) == xmltree.None {
		return
	}
	m.ID, _ = b.attribute(content, attrID)
	m.IDType, _ = b.attribute(content, attrIDType)
	if text, there := b.attribute(content, attrSystem); there {
		var err error
		if m.System, err = xsd.ParseBoolean(text); err != nil {
			return
		}
	}
	m.Content = standalone(b.Tree, content)
}

// sole is the one element in n, beside which stands nothing but white space; None if there is none.
func (b binder) sole(n xmltree.Node) xmltree.Node {
	child := b.First(n)
	if child == xmltree.None || b.Next(child) != xmltree.None || !b.Blank(n) {
		return xmltree.None
	}
	return child
}

// maximum reads how many messages a GetMessages wants; notifying.NoQuota if it does not say.
func (b binder) maximum(root xmltree.Node) (quota int, err error) {
	quota = notifying.NoQuota
	err = b.children(root, nsNotification, []string{elemMaximum}, "", func(_ string, child xmltree.Node) error {
		text, err := b.text(child)
		if err == nil {
			quota, err = count(text)
		}
		return err
	})
	return quota, err
}

// most is the largest number that is told from larger ones.
const most = 1<<31 - 1

// count reads an xs:nonNegativeInteger, however large.
func count(text string) (n int, err error) {
	digits, negative := strings.CutPrefix(text, "-")
	if !negative {
		digits = strings.TrimPrefix(text, "+")
	}
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return 0, syntax(elemMaximum + textNoCount)
		}
		n = min(n*10+int(c-'0'), most)
	}
	if digits == "" || negative && n != 0 {
		return 0, syntax(elemMaximum + textNoCount)
	}
	return n, nil
}

// list reads a CreateIDListRequest.
func (b binder) list(root xmltree.Node) (l nas.IDList, err error) {
	described := false
	err = b.children(root, nsIDList, []string{elemName, elemDescription, elemIDType, elemID}, elemID, func(name string, child xmltree.Node) error {
		text, err := b.text(child)
		switch {
		case err != nil:
			return err
		case name == elemDescription:
			l.Description, described = text, true
		case text == "":
			return syntax(name + textEmpty)
		case name == elemName:
			l.Name = text
		case name == elemIDType:
			l.IDType = text
		default:
			l.IDs = append(l.IDs, text)
		}
		return nil
	})
	switch {
	case err != nil:
		return l, err
	case l.Name == "":
		return l, syntax(elemName + textMissing)
	case l.IDType == "":
		return l, syntax(elemIDType + textMissing)
	case !described:
		return l, syntax(elemDescription + textMissing)
	}
	return l, nil
}

// listName reads a DestroyIDListRequest.
func (b binder) listName(root xmltree.Node) (name string, err error) {
	err = b.children(root, nsIDList, []string{elemName}, "", func(_ string, child xmltree.Node) error {
		var err error
		if name, err = b.text(child); err == nil && name == "" {
			err = syntax(elemName + textEmpty)
		}
		return err
	})
	if err == nil && name == "" {
		err = syntax(elemName + textMissing)
	}
	return name, err
}

// answer writes an answer of WS-BaseNotification. No default namespace is declared around what was published: there is none in it that is not
// its own.
func answer(name string, content func(w *xmlout.Writer)) func(w *xmlout.Writer) {
	return func(w *xmlout.Writer) {
		w.Start("wsnt:"+name+suffixResponse, "xmlns:wsnt", nsNotification)
		if content != nil {
			w.Attr("xmlns:wsa", nsAddressing)
			content(w)
		}
		w.End()
	}
}

// messages writes what a pull point gives, and whether there is more where that is wanted.
func messages(w *xmlout.Writer, base string, f notifying.Fetched, more bool) {
	for i := range f.Messages {
		m := &f.Messages[i]
		w.Start("wsnt:" + elemMessages)
		reference(w, elemSubscription, address(base, PathManager, string(m.Subscription)))
		w.Elem("wsnt:"+elemTopic, string(m.Topic), attrDialect, dialectSimple)
		if m.Producer != nil {
			w.Raw(m.Producer)
		}
		w.Start("wsnt:" + elemMessage)
		w.Raw(m.Content)
		w.End()
		w.End()
	}
	if more {
		w.Elem("nasx:"+elemMore, boolean(f.More), "xmlns:nasx", nsOwn)
	}
}

// listAnswer writes the answer to an operation on id lists.
func listAnswer(operation, name string, is bool) func(w *xmlout.Writer) {
	return func(w *xmlout.Writer) {
		w.Start("idl:"+operation+suffixResponse, "xmlns:idl", nsIDList)
		w.Elem("idl:"+name, boolean(is))
		w.End()
	}
}

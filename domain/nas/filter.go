package nas

import (
	"strings"
	"unicode/utf8"

	"github.com/opennsp/nsp/domain/fault"
)

// IDDialect is the dialect of the filters of contents, advis:IDFilter.
const IDDialect = "http://nsi.dk/advis/v10/IDMCP_Dialect"

// The sizes of a filter, in characters.
const (
	MaxListName = 200
	MaxXPath    = 4096
)

// wsnt is the namespace of WS-BaseNotification 1.3.
const wsnt = "http://docs.oasis-open.org/wsn/b-2"

// Judge returns the topic and the filter that were asked for, or the *Error of what is wrong (NAS-20 to NAS-26). Whether the topic and the id
// list are there, and whether the XPath compiles, is the use case's to see: code CodeIDListUnknown or CodeXPath of [InvalidContent]. At most maxIDs
// single ids are taken.
func (f FilterRequest) Judge(maxIDs int) (TopicName, Filter, error) {
	unknown := f.Unknown
	if len(f.Topics) != 1 {
		unknown = append([]Name{{Space: wsnt, Local: "TopicExpression"}}, unknown...)
	}
	if len(unknown) > 0 {
		text := "the filter is not known"
		if len(f.Topics) != 1 {
			text = "a topic expression is required"
		}
		return "", Filter{}, &Error{Fault: InvalidFilter, Names: unknown, Err: fault.Error{Kind: fault.Invalid, Code: CodeInvalidFilter, Text: text}}
	}
	expression := f.Topics[0]
	if expression.Mixed {
		expression.Text = "" // no name holds an element
	}
	topic, err := ParseTopicIn(expression.Dialect, expression.Text)
	if err != nil {
		return "", Filter{}, err
	}
	if f.ProducerProperties {
		return "", Filter{}, &Error{Fault: InvalidProducerProperties, Err: fault.Error{Kind: fault.Invalid, Code: CodeInvalidProducer,
			Text: "producer properties are not offered"}}
	}
	switch len(f.Content) {
	case 0:
		return topic, Filter{}, nil
	case 1:
		filter, err := f.Content[0].judge(maxIDs)
		if err != nil {
			return "", Filter{}, err
		}
		return topic, filter, nil
	}
	return "", Filter{}, InvalidContent(CodeInvalidContent, "a filter has one message content at most")
}

// InvalidContent is the error of a filter's message content (NAS-21, NAS-24, NAS-25).
func InvalidContent(code, text string) *Error {
	return &Error{Fault: InvalidMessageContent, Err: fault.Error{Kind: fault.Invalid, Code: code, Text: text}}
}

func (c MessageContent) judge(maxIDs int) (Filter, error) {
	if trim(c.Dialect) != IDDialect {
		return Filter{}, InvalidContent(CodeDialect, "the dialect of the message content is not known")
	}
	f := c.Filter
	switch {
	case f == nil:
		return Filter{}, InvalidContent(CodeInvalidContent, "the message content is one IDFilter")
	case f.Other || len(f.Lists) > 1 || len(f.Lists) > 0 && len(f.IDs) > 0:
		return Filter{}, InvalidContent(CodeInvalidContent, "an IDFilter holds one IDList or SingleIDs, and one XPathFilter")
	case len(f.IDs) > maxIDs:
		return Filter{}, InvalidContent(CodeInvalidContent, "the filter has too many SingleIDs")
	case len(f.XPaths) > 1:
		return Filter{}, InvalidContent(CodeXPath, "an IDFilter holds one XPathFilter at most")
	}
	var filter Filter
	for _, name := range f.Lists {
		// An empty name would restrict nothing.
		if filter.List = trim(name); filter.List == "" || long(filter.List, MaxListName) || !text(filter.List) {
			return Filter{}, UnknownList()
		}
	}
	for _, id := range f.IDs {
		id = SingleID{ID: trim(id.ID), IDType: trim(id.IDType)}
		if id.ID == "" || id.IDType == "" || long(id.ID, MaxID) || long(id.IDType, MaxIDType) || !text(id.ID) || !text(id.IDType) {
			return Filter{}, InvalidContent(CodeInvalidContent, "a SingleID has an id and an idType that a notification can have")
		}
		filter.IDs = append(filter.IDs, id)
	}
	for _, x := range f.XPaths {
		switch trim(x.Version) {
		case "1.0", "1", "http://www.w3.org/TR/1999/REC-xpath-19991116":
		default:
			return Filter{}, InvalidContent(CodeXPath, "only XPath 1.0 is offered")
		}
		x.Expression = trim(x.Expression)
		if x.Expression == "" || long(x.Expression, MaxXPath) || !utf8.ValidString(x.Expression) {
			return Filter{}, InvalidContent(CodeXPath, "an XPath expression has 1 to 4,096 characters")
		}
		filter.XPath = &x.XPath
	}
	return filter, nil
}

// UnknownList is the error of a filter that names an id list that the owner does not have (NAS-24).
func UnknownList() *Error { return InvalidContent(CodeIDListUnknown, "the id list is not known") }

// Checked returns the list with its texts trimmed and each id once, in the order given; a fault.Error (Malformed, syntax_error) for one that
// cannot be kept. At most maxIDs ids are taken.
func (l IDList) Checked(maxIDs int) (IDList, error) {
	l.Name, l.Description, l.IDType = trim(l.Name), trim(l.Description), trim(l.IDType)
	switch {
	case l.Name == "":
		return IDList{}, badList("Name must not be empty")
	case long(l.Name, MaxListName) || !text(l.Name):
		return IDList{}, badList("Name has 200 characters at most, none of them a control character")
	case l.IDType == "":
		return IDList{}, badList("IDType must not be empty")
	case long(l.IDType, MaxIDType) || !text(l.IDType):
		return IDList{}, badList("IDType has 500 characters at most, none of them a control character")
	case !utf8.ValidString(l.Description) || strings.ContainsRune(l.Description, 0):
		return IDList{}, badList("Description holds a character that no text has")
	}
	seen := make(map[string]struct{}, min(len(l.IDs), maxIDs+1))
	ids := make([]string, 0, min(len(l.IDs), maxIDs))
	for _, id := range l.IDs {
		id = trim(id)
		if id == "" || long(id, MaxID) || !text(id) {
			return IDList{}, badList("an Id has 1 to 200 characters, none of them a control character")
		}
		if _, again := seen[id]; again {
			continue
		}
		if len(ids) == maxIDs {
			return IDList{}, badList("the list has too many ids")
		}
		seen[id] = struct{}{}
		ids = append(ids, id)
	}
	l.IDs = ids
	return l, nil
}

func badList(text string) error {
	return fault.Error{Kind: fault.Malformed, Code: fault.CodeSyntax, Text: text}
}

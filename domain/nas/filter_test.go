package nas_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/nas"
)

const maxSingles = 3

// asked is a filter of the sample topic with this advis:IDFilter.
func asked(f nas.IDFilter) nas.FilterRequest {
	return nas.FilterRequest{
		Topics:  []nas.TopicExpression{{Dialect: nas.Simple, Text: cardChanged}},
		Content: []nas.MessageContent{{Dialect: nas.IDDialect, Filter: &f}},
	}
}

func xpath(version, expression string) nas.XPathFilter {
	return nas.XPathFilter{Version: version, XPath: nas.XPath{Expression: expression, Namespaces: map[string]string{"c": "urn:c"}}}
}

func TestJudge(t *testing.T) {
	single := nas.SingleID{ID: "2512484916", IDType: cprType}
	for _, c := range []struct {
		name string
		f    nas.FilterRequest
		want nas.Filter
	}{
		{"a topic alone", nas.FilterRequest{Topics: []nas.TopicExpression{{Text: cardChanged}}}, nas.Filter{}},
		{"an IDFilter that is empty restricts nothing", asked(nas.IDFilter{}), nas.Filter{}},
		{"an id list, trimmed", asked(nas.IDFilter{Lists: []string{" ward-7\n"}}), nas.Filter{List: "ward-7"}},
		{
			"T2 SingleID × 3, trimmed", asked(nas.IDFilter{IDs: []nas.SingleID{single, {ID: " 1 ", IDType: "\tx "}, single}}),
			nas.Filter{IDs: []nas.SingleID{single, {ID: "1", IDType: "x"}, single}},
		},
		{
			"T6 an XPathFilter", asked(nas.IDFilter{XPaths: []nas.XPathFilter{xpath("1.0", " /c:x \n")}}),
			nas.Filter{XPath: &nas.XPath{Expression: "/c:x", Namespaces: map[string]string{"c": "urn:c"}}},
		},
		{
			"its version in another form", asked(nas.IDFilter{XPaths: []nas.XPathFilter{xpath("1", "/c:x")}}),
			nas.Filter{XPath: &nas.XPath{Expression: "/c:x", Namespaces: map[string]string{"c": "urn:c"}}},
		},
		{
			"its version as the recommendation, with an id list",
			asked(nas.IDFilter{
				Lists: []string{"a"}, XPaths: []nas.XPathFilter{xpath(" http://www.w3.org/TR/1999/REC-xpath-19991116 ", strings.Repeat("ø", nas.MaxXPath))},
			}),
			nas.Filter{List: "a", XPath: &nas.XPath{Expression: strings.Repeat("ø", nas.MaxXPath), Namespaces: map[string]string{"c": "urn:c"}}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			topic, got, err := c.f.Judge(maxSingles)
			require.NoError(t, err)
			assert.EqualValues(t, cardChanged, topic)
			assert.Equal(t, c.want, got)
		})
	}
}

func TestJudgeRefuses(t *testing.T) {
	good := asked(nas.IDFilter{})
	with := func(change func(*nas.FilterRequest)) nas.FilterRequest {
		f := good
		f.Topics, f.Content = slices.Clone(good.Topics), slices.Clone(good.Content)
		change(&f)
		return f
	}
	topic := func(e nas.TopicExpression) nas.FilterRequest {
		return with(func(f *nas.FilterRequest) { f.Topics[0] = e })
	}
	singles := func(ids ...nas.SingleID) nas.FilterRequest { return asked(nas.IDFilter{IDs: ids}) }
	xpaths := func(x ...nas.XPathFilter) nas.FilterRequest { return asked(nas.IDFilter{XPaths: x}) }
	expression := nas.Name{Space: "http://docs.oasis-open.org/wsn/b-2", Local: "TopicExpression"}
	foreign := nas.Name{Space: "urn:x", Local: "Foreign"}
	for _, c := range []struct {
		name  string
		f     nas.FilterRequest
		fault nas.Fault
		code  string
		names []nas.Name
	}{
		{"T9 no Filter", nas.FilterRequest{}, nas.InvalidFilter, nas.CodeInvalidFilter, []nas.Name{expression}},
		{
			"T9 two TopicExpressions", with(func(f *nas.FilterRequest) { f.Topics = append(f.Topics, f.Topics[0]) }), nas.InvalidFilter,
			nas.CodeInvalidFilter, []nas.Name{expression},
		},
		{
			"T9 a foreign filter element", with(func(f *nas.FilterRequest) { f.Unknown = []nas.Name{foreign} }), nas.InvalidFilter,
			nas.CodeInvalidFilter, []nas.Name{foreign},
		},
		{
			"T9 a foreign filter element alone", nas.FilterRequest{Unknown: []nas.Name{foreign}}, nas.InvalidFilter, nas.CodeInvalidFilter,
			[]nas.Name{expression, foreign},
		},
		{
			"T10 dialect Concrete",
			topic(nas.TopicExpression{Dialect: "http://docs.oasis-open.org/wsn/t-1/TopicExpression/Concrete", Text: cardChanged}),
			nas.TopicExpressionDialectUnknown, nas.CodeTopicDialectUnknown, nil,
		},
		{"T8 a topic with an inner blank", topic(nas.TopicExpression{Text: "a b"}), nas.InvalidTopicExpression, nas.CodeInvalidTopic, nil},
		{
			"a topic that holds an element", topic(nas.TopicExpression{Text: cardChanged, Mixed: true}), nas.InvalidTopicExpression,
			nas.CodeInvalidTopic, nil,
		},
		{
			"T28 ProducerProperties", with(func(f *nas.FilterRequest) { f.ProducerProperties = true }), nas.InvalidProducerProperties,
			nas.CodeInvalidProducer, nil,
		},
		{
			"two MessageContents", with(func(f *nas.FilterRequest) { f.Content = append(f.Content, f.Content[0]) }), nas.InvalidMessageContent,
			nas.CodeInvalidContent, nil,
		},
		{
			"XPath as the dialect of the content",
			with(func(f *nas.FilterRequest) { f.Content[0].Dialect = "http://www.w3.org/TR/1999/REC-xpath-19991116" }), nas.InvalidMessageContent,
			nas.CodeDialect, nil,
		},
		{"no dialect of the content", with(func(f *nas.FilterRequest) { f.Content[0].Dialect = "" }), nas.InvalidMessageContent, nas.CodeDialect, nil},
		{
			"content that is no IDFilter", with(func(f *nas.FilterRequest) { f.Content[0].Filter = nil }), nas.InvalidMessageContent,
			nas.CodeInvalidContent, nil,
		},
		{"an IDFilter that holds something else", asked(nas.IDFilter{Other: true}), nas.InvalidMessageContent, nas.CodeInvalidContent, nil},
		{"two id lists", asked(nas.IDFilter{Lists: []string{"a", "b"}}), nas.InvalidMessageContent, nas.CodeInvalidContent, nil},
		{
			"an id list and a SingleID", asked(nas.IDFilter{Lists: []string{"a"}, IDs: []nas.SingleID{{ID: "1", IDType: "x"}}}),
			nas.InvalidMessageContent, nas.CodeInvalidContent, nil,
		},
		{"an id list without name", asked(nas.IDFilter{Lists: []string{" "}}), nas.InvalidMessageContent, nas.CodeIDListUnknown, nil},
		{
			"a name that no list has", asked(nas.IDFilter{Lists: []string{strings.Repeat("x", nas.MaxListName+1)}}), nas.InvalidMessageContent,
			nas.CodeIDListUnknown, nil,
		},
		{"a name that no text holds", asked(nas.IDFilter{Lists: []string{"a\x00"}}), nas.InvalidMessageContent, nas.CodeIDListUnknown, nil},
		{
			"too many SingleIDs", singles(slices.Repeat([]nas.SingleID{{ID: "1", IDType: "x"}}, maxSingles+1)...),
			nas.InvalidMessageContent, nas.CodeInvalidContent, nil,
		},
		{"a SingleID without id", singles(nas.SingleID{ID: " ", IDType: "x"}), nas.InvalidMessageContent, nas.CodeInvalidContent, nil},
		{"a SingleID without type", singles(nas.SingleID{ID: "1"}), nas.InvalidMessageContent, nas.CodeInvalidContent, nil},
		{
			"a SingleID that is too long", singles(nas.SingleID{ID: strings.Repeat("x", nas.MaxID+1), IDType: "x"}), nas.InvalidMessageContent,
			nas.CodeInvalidContent, nil,
		},
		{
			"a SingleID whose type is too long", singles(nas.SingleID{ID: "1", IDType: strings.Repeat("x", nas.MaxIDType+1)}), nas.InvalidMessageContent,
			nas.CodeInvalidContent, nil,
		},
		{"a SingleID that no text holds", singles(nas.SingleID{ID: "1\x00", IDType: "x"}), nas.InvalidMessageContent, nas.CodeInvalidContent, nil},
		{"two XPathFilters", xpaths(xpath("1.0", "a"), xpath("1.0", "b")), nas.InvalidMessageContent, nas.CodeXPath, nil},
		{"T6 version 2.0", xpaths(xpath("2.0", "a")), nas.InvalidMessageContent, nas.CodeXPath, nil},
		{"no version", xpaths(xpath("", "a")), nas.InvalidMessageContent, nas.CodeXPath, nil},
		{"no expression", xpaths(xpath("1.0", " ")), nas.InvalidMessageContent, nas.CodeXPath, nil},
		{"an expression that is too long", xpaths(xpath("1.0", strings.Repeat("x", nas.MaxXPath+1))), nas.InvalidMessageContent, nas.CodeXPath, nil},
		{"an expression that is no UTF-8", xpaths(xpath("1.0", "'\xff'")), nas.InvalidMessageContent, nas.CodeXPath, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			topic, filter, err := c.f.Judge(maxSingles)
			e := told(t, err)
			assert.Equal(t, c.fault, e.Fault)
			assert.Equal(t, c.code, e.Err.Code)
			assert.Equal(t, fault.Invalid, e.Err.Kind)
			assert.Equal(t, c.names, e.Names)
			assert.Empty(t, topic)
			assert.Equal(t, nas.Filter{}, filter)
		})
	}
	t.Run("an id list that is not there", func(t *testing.T) {
		assert.Equal(t, nas.CodeIDListUnknown, nas.UnknownList().Err.Code)
		assert.Equal(t, nas.InvalidMessageContent, nas.UnknownList().Fault)
	})
	t.Run("what was asked for is not altered", func(t *testing.T) {
		unknown := make([]nas.Name, 1, 4)
		unknown[0] = foreign
		_, _, err := nas.FilterRequest{Unknown: unknown}.Judge(maxSingles)
		require.Error(t, err)
		assert.Equal(t, nas.Name{}, unknown[:2][1])
	})
}

// TestJudgeKeepsRestrictions shows that whatever a subscriber restricts, the filter restricts.
func TestJudgeKeepsRestrictions(t *testing.T) {
	words := rapid.SampledFrom([]string{"", " ", "a", "b", "x\x00", strings.Repeat("y", 600)})
	rapid.Check(t, func(t *rapid.T) {
		f := nas.IDFilter{Lists: rapid.SliceOfN(words, 0, 2).Draw(t, "lists")}
		for range rapid.IntRange(0, maxSingles+1).Draw(t, "singles") {
			f.IDs = append(f.IDs, nas.SingleID{ID: words.Draw(t, "id"), IDType: words.Draw(t, "type")})
		}
		for range rapid.IntRange(0, 2).Draw(t, "xpaths") {
			f.XPaths = append(f.XPaths, xpath("1.0", words.Draw(t, "expression")))
		}
		_, got, err := asked(f).Judge(maxSingles)
		if err != nil {
			require.Equal(t, nas.InvalidMessageContent, told(t, err).Fault)
			return
		}
		require.Len(t, got.IDs, len(f.IDs))
		require.Equal(t, len(f.Lists) > 0, got.List != "")
		require.Equal(t, len(f.XPaths) > 0, got.XPath != nil)
		require.False(t, got.List != "" && got.IDs != nil)
	})
}

func TestIDListChecked(t *testing.T) {
	good := nas.IDList{
		Owner: nas.Owner{CVR: "33257872", System: "Demo EPJ"},
		Name:  "ward-7", Description: "Patients of ward 7", IDType: cprType, IDs: []string{"1", "2"},
	}
	with := func(change func(*nas.IDList)) nas.IDList {
		l := good
		change(&l)
		return l
	}
	t.Run("trimmed, each id once, in order", func(t *testing.T) {
		in := with(func(l *nas.IDList) {
			l.Name, l.Description, l.IDType, l.IDs = " ward-7\n", "\tPatients of ward 7 ", " "+cprType, []string{" 2", "1", "2", "1\n", "3"}
		})
		got, err := in.Checked(3)
		require.NoError(t, err)
		assert.Equal(t, with(func(l *nas.IDList) { l.IDs = []string{"2", "1", "3"} }), got)
		assert.Equal(t, " 2", in.IDs[0], "the list that was given is not altered")
	})
	for _, c := range []struct {
		name string
		l    nas.IDList
		ok   bool
	}{
		{"without ids", with(func(l *nas.IDList) { l.IDs = nil }), true},
		{"without description", with(func(l *nas.IDList) { l.Description = "" }), true},
		{"the longest", with(func(l *nas.IDList) {
			l.Name, l.IDType, l.IDs = strings.Repeat("ø", 200), strings.Repeat("ø", 500), []string{strings.Repeat("ø", 200)}
		}), true},
		{"no name", with(func(l *nas.IDList) { l.Name = " " }), false},
		{"a name that is too long", with(func(l *nas.IDList) { l.Name = strings.Repeat("x", 201) }), false},
		{"a name that no text holds", with(func(l *nas.IDList) { l.Name = "a\x00" }), false},
		{"no type", with(func(l *nas.IDList) { l.IDType = "" }), false},
		{"a type that is too long", with(func(l *nas.IDList) { l.IDType = strings.Repeat("x", 501) }), false},
		{"a type that no text holds", with(func(l *nas.IDList) { l.IDType = "a\x00" }), false},
		{"a description that no text holds", with(func(l *nas.IDList) { l.Description = "a\x00" }), false},
		{"a description that is no UTF-8", with(func(l *nas.IDList) { l.Description = "\xff" }), false},
		{"an id that is empty", with(func(l *nas.IDList) { l.IDs = []string{"1", " "} }), false},
		{"an id that is too long", with(func(l *nas.IDList) { l.IDs = []string{strings.Repeat("x", 201)} }), false},
		{"an id that no text holds", with(func(l *nas.IDList) { l.IDs = []string{"1\x00"} }), false},
		{"too many ids", with(func(l *nas.IDList) { l.IDs = []string{"1", "2", "3", "4"} }), false},
		{"not too many when each is counted once", with(func(l *nas.IDList) { l.IDs = []string{"1", "2", "3", "1", "2", "3"} }), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := c.l.Checked(3)
			if c.ok {
				require.NoError(t, err)
				return
			}
			e, isTold := fault.Of(err)
			require.True(t, isTold, "got %v", err)
			assert.Equal(t, [2]any{fault.Malformed, fault.CodeSyntax}, [2]any{e.Kind, e.Code})
		})
	}
}

// TestT54Refusals shows that no refusal of a filter or list tells what it held.
func TestT54Refusals(t *testing.T) {
	const person = "2512484916"
	long := strings.Repeat(person, 60)
	for i, f := range []nas.FilterRequest{
		{Topics: []nas.TopicExpression{{Text: person + " x"}}}, {Topics: []nas.TopicExpression{{Dialect: person}}},
		{Unknown: []nas.Name{{Local: "x"}}}, asked(nas.IDFilter{Lists: []string{long}}), asked(nas.IDFilter{IDs: []nas.SingleID{{ID: person}}}),
		asked(nas.IDFilter{IDs: []nas.SingleID{{ID: long, IDType: person}}}), asked(nas.IDFilter{XPaths: []nas.XPathFilter{xpath("2.0", person)}}),
		asked(nas.IDFilter{XPaths: []nas.XPathFilter{xpath(person, person)}}), asked(nas.IDFilter{XPaths: []nas.XPathFilter{xpath("1.0", strings.Repeat(long, 9))}}),
	} {
		_, _, err := f.Judge(maxSingles)
		require.Error(t, err, i)
		assert.NotContains(t, fmt.Sprintf("%v %+v", err, err), person, i)
	}
	for i, l := range []nas.IDList{
		{
			Name: long, IDType: cprType}, {Name: "a", IDType: long}, {Name: "a", IDType: "b", IDs: []string{long}}, {Name: "a", IDType: "b",
			IDs: []string{person, "2", "3", "4"},
		},
	} {
		_, err := l.Checked(maxSingles)
		require.Error(t, err, i)
		assert.NotContains(t, err.Error(), person, i)
	}
}

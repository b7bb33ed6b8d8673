package consentws

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/consenting"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
)

// said is an element as a client may write it, and what it means.
type said struct {
	name, text string
	parts      []said
	means      func(*consenting.Modification)
}

// moments are times as they are written, as the beginning of a period and as its end.
var moments = [][3]string{
	{"2026-03-29", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"}, {"2026-10-25+01:00", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"},
	{"2026-03-29T02:30:00", "2026-03-29T01:30:00Z", "2026-03-29T01:30:00Z"}, {"2026-10-25T02:30:00", "2026-10-25T00:30:00Z", "2026-10-25T00:30:00Z"},
	{"2026-03-02T10:00:00.1239Z", "2026-03-02T10:00:00.123Z", "2026-03-02T10:00:00.123Z"}, {"2026-03-02T24:00:00+01:00", "2026-03-02T23:00:00Z", "2026-03-02T23:00:00Z"},
}

// drawn draws what a client says in a modification, in any order.
func drawn(t *rapid.T) []said {
	moment := func(name string, to func(*consenting.Modification) *time.Time, end int) said {
		m := rapid.SampledFrom(moments).Draw(t, name)
		at, err := time.Parse(time.RFC3339, m[1+end])
		require.NoError(t, err)
		return said{name: name, text: m[0], means: func(m *consenting.Modification) { *to(m) = at }}
	}
	number := func(name string, to func(*consenting.Modification) *cpr.Number) said {
		n, err := cpr.Parse("0202020202")
		require.NoError(t, err)
		return said{name: name, text: rapid.SampledFrom([]string{"0202020202", "020202-0202"}).Draw(t, name), means: func(m *consenting.Modification) { *to(m) = n }}
	}
	flag := func(name string, to func(*consenting.Modification) *bool, more ...string) said {
		text := rapid.SampledFrom(append([]string{"true", "false", "1", "0"}, more...)).Draw(t, name)
		return said{name: name, text: text, means: func(m *consenting.Modification) { *to(m) = text == "true" || text == "1" }}
	}
	code := func(name string, to func(*consenting.Modification) *string) said {
		return said{name: name, text: "999001000016002", means: func(m *consenting.Modification) { *to(m) = "999001000016002" }}
	}
	some := func(all ...said) []said {
		return rapid.Permutation(all).Draw(t, "order")[:rapid.IntRange(0, len(all)).Draw(t, "some")]
	}
	return some(
		said{name: elemID, text: "482910573316204", means: func(m *consenting.Modification) { m.ID = 482910573316204 }},
		number(elemCitizen, func(m *consenting.Modification) *cpr.Number { return &m.Citizen }),
		said{name: elemType, text: valuePositive, means: func(m *consenting.Modification) { m.Kind = consent.Positive }},
		said{name: elemWho, parts: some(
			number(elemPerson, func(m *consenting.Modification) *cpr.Number { return &m.Who.Person }),
			code(elemOrg, func(m *consenting.Modification) *string { return &m.Who.Org.SOR }),
			flag(elemSubUnits, func(m *consenting.Modification) *bool { return &m.Who.Org.SubUnits }),
			flag(elemForeigners, func(m *consenting.Modification) *bool { return &m.Who.Foreign }, ""),
		)},
		said{name: elemWhat, parts: some(
			moment(elemDataFrom, func(m *consenting.Modification) *time.Time { return &m.What.Data.From }, 0),
			moment(elemDataTo, func(m *consenting.Modification) *time.Time { return &m.What.Data.To }, 1),
			code(elemOrigin, func(m *consenting.Modification) *string { return &m.What.Origin.SOR }),
			flag(elemSubUnits, func(m *consenting.Modification) *bool { return &m.What.Origin.SubUnits }),
		)},
		moment(elemValidFrom, func(m *consenting.Modification) *time.Time { return &m.Valid.From }, 0),
		moment(elemValidTo, func(m *consenting.Modification) *time.Time { return &m.Valid.To }, 1),
	)
}

// written writes an element, with one of the prefixes that it may have and white space that means nothing, unless it is nil.
func (s said) written(t *rapid.T, m *consenting.Modification) string {
	name := rapid.SampledFrom([]string{"t:", "o:", ""}).Draw(t, "prefix") + s.name
	space := rapid.SampledFrom([]string{"", "\r\n\t ", "<!-- x -->"}).Draw(t, "space")
	if rapid.IntRange(0, 9).Draw(t, "nil") == 0 {
		return "<" + name + ` i:nil="true">` + space + "</" + name + ">"
	}
	content := s.text
	if s.means != nil {
		s.means(m)
	}
	for _, part := range s.parts {
		content += part.written(t, m) + space
	}
	return "<" + name + ` a="b">` + space + content + space + "</" + name + ">"
}

const (
	start = `<o:ConsentModify xmlns:o="urn:dk:nsi:consentservices:consentadministration" xmlns:t="urn:dk:nsi:consentservices:types" ` +
		`xmlns:i="http://www.w3.org/2001/XMLSchema-instance"><ConsentModifications>`
	end = `</ConsentModifications></o:ConsentModify>`
)

func readModification(t require.TestingT, content string) (consenting.Modification, error) {
	tree, err := xmltree.Parse([]byte(start+content+end), xmltree.DefaultLimits(1<<20))
	require.NoError(t, err, content)
	defer tree.Release()
	all, err := binder{tree, nsAdministrationV1}.entries(tree.Root(), batch{name: elemModifications, names: changeNamesV1}, 1)
	if err != nil {
		return consenting.Modification{}, err
	}
	require.Len(t, all, 1)
	return all[0], nil
}

// TestEntriesAreReadAsTheyAreMeant: in whatever form, and with one thing wrong never.
func TestEntriesAreReadAsTheyAreMeant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want consenting.Modification
		content := ""
		parts := drawn(t)
		for _, s := range parts {
			content += s.written(t, &want)
		}
		got, err := readModification(t, content)
		require.NoError(t, err, content)
		require.Equal(t, want, got, content)

		wrong := rapid.SampledFrom([]string{"<t:x/>", "x", "<who><x/></who>", "<t:what>x</t:what>", "<o:validTo>x</o:validTo>", `<x:who xmlns:x="urn:x"/>`}).Draw(t, "wrong")
		if len(parts) > 0 && rapid.Bool().Draw(t, "twice") {
			wrong = rapid.SampledFrom(parts).Draw(t, "again").written(t, &want)
		}
		for _, bad := range []string{wrong + content, content + wrong} {
			_, err = readModification(t, bad)
			f, _ := fault.Of(err)
			require.Equal(t, fault.CodeSyntax, f.Code, bad)
		}
	})
}

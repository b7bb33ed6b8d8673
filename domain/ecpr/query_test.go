package ecpr_test

import (
	"errors"
	"iter"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/ecpr"
)

// moved is jon after a move and a new name.
func moved(t *testing.T) ecpr.Person {
	p := jon(t)
	next, _, err := p.Apply([]ecpr.Edit{
		change(pid(t, p, ecpr.AddressKind, ""), ecpr.Address{Lines: [10]string{"Åvej 7, st. tv", 9: "Tårnet"}, City: "Ny By", State: "Skåne", Country: "SE"}),
		add(ecpr.Name{Family: "Prøvesen-Test", Given: "Jon Alfa"}),
	}, table(), act(1), counting("moved"))
	require.NoError(t, err)
	return next
}

func TestQueryFinds(t *testing.T) {
	p := moved(t)
	for _, c := range []struct {
		name, query string
		want        bool
	}{
		{"PC-28 the beginning of a name", "familyname:prøve*", true},
		{"PC-28 consecutive words of an old address", `streetaddress:"Prøvevej 12"`, true},
		{"PC-28 a day of any year, with a name", "birthdate:08-13 AND givenname:jon", true},
		{"EC-28 terms that hold of different times", "familyname:prøve AND city:ny AND city:testby", true},
		{"EC-29 one word of several", "givenname:alfa", true},
		{"EC-29 words that do not follow each other", `givenname:"alfa jon"`, false},
		{"EC-29 words of different values", `streetaddress:"tv tårnet"`, false},
		{"EC-29 a part of a word", "familyname:prøv", false},
		{"EC-29 any case", "FAMILYNAME:PRØVE and GivenName:JON", true},
		{"EC-29 a decomposed letter", "streetaddress:a\u030avej", true},
		{"EC-29 a wildcard inside", "familyname:pr*sen-test", true},
		{"EC-29 two wildcards", "familyname:pr*se*st", true},
		{"EC-29 a wildcard in a quoted value", `streetaddress:"prøve* 12"`, true},
		{"EC-29 a wildcard for nothing", "familyname:prøve*", true},
		{"punctuation around words", `streetaddress:"7 st tv"`, true},
		{"a line of the address", "streetaddressline10:tårnet", true},
		{"another line", "streetaddressline2:tårnet", false},
		{"EC-29 a birth year", "birthdate:1978 AND givenname:jon", true},
		{"EC-29 a birth month", "birthdate:1978-08 AND givenname:jon", true},
		{"EC-29 another month", "birthdate:1978-07 AND givenname:jon", false},
		{"EC-29 a birth date", "birthdate:1978-08-13", true},
		{"EC-29 a birth date with a wildcard", "birthdate:1978-08* AND givenname:jon", true},
		{"EC-29 a date of another person", "birthdate:1978-08-12", false},
		{"a gender, with a name", "gender:male AND givenname:jon", true},
		{"a telephone", "contact:12345678 AND contactsystem:phone", true},
		{"a country, with a state and a city", "country:se AND state:skåne AND city:ny", true},
		{"one term of two does not hold", "givenname:jon AND familyname:hansen", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			q, err := ecpr.ParseQuery(c.query)
			require.NoError(t, err)
			assert.Equal(t, c.want, q.Match(p))
			merged := p
			merged.MergedTo = "other"
			assert.False(t, q.Match(merged), "PC-31 one that was merged away is not found")
		})
	}
	t.Run("a name that is known as a whole", func(t *testing.T) {
		p, err := ecpr.NewPerson("p", number(t, "0203267ZK4"), []ecpr.Edit{add(ecpr.Name{Text: "Jon Hel"})}, table(), act(0), counting("p"))
		require.NoError(t, err)
		for _, query := range []string{"familyname:hel", "givenname:jon"} {
			q, err := ecpr.ParseQuery(query)
			require.NoError(t, err)
			assert.True(t, q.Match(p), query)
		}
	})
}

func TestQueryRefused(t *testing.T) {
	for _, c := range []struct {
		name, query string
		broad       bool
	}{
		{"PC-28 a day of any year alone", "birthdate:12-12", true},
		{"EC-30 a birth year alone", "birthdate:1978", true},
		{"EC-30 a birth month alone", "birthdate:1978-08*", true},
		{"EC-30 gender, country, state and contactsystem", "gender:male AND country:dk AND state:x AND contactsystem:phone", true},
		{"PC-30 an unknown key", "foo:bar", false},
		{"PC-30 no value", "givenname:", false},
		{"PC-30 no value, quoted", `givenname:" "`, false},
		{"PC-30 parentheses", "(a)", false},
		{"PC-30 parentheses around a term", "(givenname:jon)", false},
		{"PC-30 parentheses around a value", "givenname:(jon)", false},
		{"PC-30 an unknown key with a wildcard", "a:*", false},
		{"PC-30 a wildcard alone", "givenname:*", false},
		{"EC-29 a wildcard behind one letter", "givenname:j*", false},
		{"EC-29 a wildcard in front", "givenname:*on", false},
		{"EC-29 a wildcard behind one letter of a later word", `givenname:"jon a*"`, false},
		{"EC-27 OR", "givenname:jon OR givenname:ib", false},
		{"EC-27 NOT", "NOT givenname:jon", false},
		{"EC-27 NOT within", "givenname:jon AND NOT familyname:ib", false},
		{"EC-27 AND at the end", "givenname:jon AND ", false},
		{"EC-27 AND at the beginning", "AND givenname:jon", false},
		{"EC-27 AND without spaces", `givenname:"jon"AND familyname:ib`, false},
		{"no AND", "givenname:jon familyname:ib", false},
		{"a quote that is not closed", `givenname:"jon`, false},
		{"a quote within", `givenname:j"on"`, false},
		{"EC-30 identifiers are not searched", "identifier:1308781QT7", false},
		{"a line that no address has", "streetaddressline11:x", false},
		{"line 0", "streetaddressline0:x", false},
		{"a line with a leading zero", "streetaddressline01:x", false},
		{"a date that is none", "birthdate:1978-13-08", false},
		{"a day that is none", "birthdate:02-30 AND givenname:jon", false},
		{"a part of a year", "birthdate:19* AND givenname:jon", false},
		{"punctuation alone", "givenname:...", false},
		{"nothing", "", false},
		{"spaces", "  ", false},
		{"bad UTF-8", "givenname:\xff", false},
		{"1001 characters", "givenname:" + strings.Repeat("å", 991), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ecpr.ParseQuery(c.query)
			if c.broad {
				require.Equal(t, ecpr.ErrTooBroad, err)
				return
			}
			require.ErrorIs(t, err, ecpr.ErrInvalid)
			p := (*ecpr.Problem)(nil)
			require.ErrorAs(t, err, &p)
			assert.NotEmpty(t, p.Text)
		})
	}
	_, err := ecpr.ParseQuery("givenname:" + strings.Repeat("å", 990))
	assert.NoError(t, err, "1000 characters")
	_, err = ecpr.ParseQuery("birthdate:02-29 AND givenname:jon")
	assert.NoError(t, err, "29 February is a day")
}

func TestMatchWord(t *testing.T) {
	for _, c := range []struct {
		pattern, word string
		want          bool
	}{
		{"ab", "ab", true}, {"ab", "abc", false}, {"ab*", "ab", true}, {"ab*", "abc", true}, {"ab*", "a", false}, {"ab*b", "ab", false},
		{"ab*b", "abb", true}, {"ab*c*d", "abxcxd", true}, {"ab*c*d", "abxdxc", false}, {"ab**", "ab", true}, {"ab*ba", "aba", false},
	} {
		assert.Equal(t, c.want, ecpr.MatchWord(c.pattern, c.word), "MatchWord(%q, %q)", c.pattern, c.word)
	}
	prefix, exact := ecpr.Prefix("pr*ve")
	assert.Equal(t, "pr", prefix)
	assert.False(t, exact)
	prefix, exact = ecpr.Prefix("prøve")
	assert.Equal(t, "prøve", prefix)
	assert.True(t, exact)
}

// naive tells whether p matches, straight from the words of the rules: one regular expression for each term over each value.
func naive(q ecpr.Query, p ecpr.Person) bool {
	for _, term := range q.Terms {
		var words []string
		for _, pattern := range term.Patterns {
			words = append(words, strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, `\S*`))
		}
		expression := regexp.MustCompile(`(^| )` + strings.Join(words, " ") + `( |$)`)
		found := false
		for _, v := range p.Versions {
			for field, values := range naiveValues(v.Element) {
				for _, value := range values {
					found = found || field == term.Field && expression.MatchString(naiveText(value))
				}
			}
		}
		if !found {
			return false
		}
	}
	return true
}

var around = regexp.MustCompile(`(^|\s)[^\pL\pN\pM\s]*(\S*?)[^\pL\pN\pM\s]*(?:\s|$)`)

func naiveText(s string) string {
	s = strings.ToLower(norm.NFC.String(s))
	var words []string
	for _, w := range strings.Fields(s) {
		if w = around.ReplaceAllString(w, "$2"); w != "" {
			words = append(words, w)
		}
	}
	return strings.Join(words, " ")
}

func naiveValues(e ecpr.Element) map[ecpr.Field][]string {
	switch e := e.(type) {
	case ecpr.Name:
		if e.Given+e.Family == "" {
			return map[ecpr.Field][]string{"givenname": {e.Text}, "familyname": {e.Text}}
		}
		return map[ecpr.Field][]string{"givenname": {e.Given}, "familyname": {e.Family}}
	case ecpr.Gender:
		return map[ecpr.Field][]string{"gender": {string(e)}}
	case ecpr.BirthDate:
		all := []string{string(e)}
		if len(e) == len("1978-08-13") {
			all = append(all, string(e[5:]))
		}
		return map[ecpr.Field][]string{"birthdate": all}
	case ecpr.Contact:
		return map[ecpr.Field][]string{"contact": {e.Value}, "contactsystem": {"phone"}}
	case ecpr.Address:
		return map[ecpr.Field][]string{
			"streetaddress": e.Lines[:], "streetaddressline1": e.Lines[:1], "streetaddressline2": e.Lines[1:2], "city": {e.City},
			"district": {e.District}, "state": {e.State}, "postalcode": {e.PostalCode}, "country": {e.Country},
		}
	}
	return nil
}

// TestMatchAgainstNaive shows that a person is found as the rules in their plain words say, and that the index of words loses nobody.
func TestMatchAgainstNaive(t *testing.T) {
	words := rapid.SampledFrom([]string{"ab", "abc", "Åb", "a\u030ab", "ab-c", "ab,", "(ab)", "12", "æøå", "İb", "-", "bab"})
	text := rapid.Custom(func(t *rapid.T) string { return strings.Join(rapid.SliceOfN(words, 0, 3).Draw(t, "words"), " ") })
	fields := []ecpr.Field{ecpr.Given, ecpr.Family, ecpr.Street, ecpr.Line(1), ecpr.Line(2), ecpr.City, ecpr.Phone, ecpr.State, ecpr.Born, ecpr.Sex}
	dates := rapid.SampledFrom([]string{"1978-08-13", "1978-08", "1978", "08-13", "2001-08-13", "2001"})
	found := 0
	rapid.Check(t, func(t *rapid.T) {
		p := ecpr.Person{ID: "p"}
		for range rapid.IntRange(1, 10).Draw(t, "versions") {
			p.Versions = append(p.Versions, ecpr.Version{Element: rapid.SampledFrom([]ecpr.Element{
				ecpr.Name{Text: text.Draw(t, "text"), Given: text.Draw(t, "given"), Family: text.Draw(t, "family")}, ecpr.Male,
				ecpr.BirthDate(rapid.SampledFrom([]string{"1978-08-13", "1978-08", "2001"}).Draw(t, "born")), ecpr.Contact{Value: text.Draw(t, "phone")},
				ecpr.Address{Lines: [10]string{text.Draw(t, "line 1"), text.Draw(t, "line 2")}, City: text.Draw(t, "city"), State: text.Draw(t, "state")},
			}).Draw(t, "element")})
		}
		for range 10 {
			var terms []string
			for range rapid.IntRange(1, 2).Draw(t, "terms") {
				f := rapid.SampledFrom(fields).Draw(t, "field")
				values := []string{words.Draw(t, "word"), text.Draw(t, "value"), dates.Draw(t, "date")}
				for _, version := range p.Versions { // most of what is searched is there
					values = append(values, naiveValues(version.Element)[f]...)
				}
				v := values[len(values)-1-rapid.IntRange(0, len(values)-1).Draw(t, "from")]
				if f != ecpr.Born && rapid.Bool().Draw(t, "wild") {
					runes := []rune(v)
					at := rapid.IntRange(0, len(runes)).Draw(t, "at")
					v = string(runes[:at]) + "*" + string(runes[min(at+rapid.IntRange(0, 2).Draw(t, "cut"), len(runes)):])
				}
				terms = append(terms, string(f)+`:"`+v+`"`)
			}
			q, err := ecpr.ParseQuery(strings.Join(terms, " AND "))
			if err != nil {
				continue
			}
			require.Equal(t, naive(q, p), q.Match(p), "%v", q)
			if !q.Match(p) {
				continue
			}
			found++
			for _, term := range q.Terms {
				for _, pattern := range term.Patterns {
					prefix, exact := ecpr.Prefix(pattern)
					require.True(t, hasWord(ecpr.Words(p), func(w ecpr.Word) bool {
						return w.Field == term.Field && ecpr.MatchWord(pattern, w.Text) && strings.HasPrefix(w.Text, prefix) && (!exact || w.Text == prefix)
					}), "%q is not found by its words", pattern)
				}
			}
		}
	})
	assert.Positive(t, found, "some are found")
}

func hasWord(words iter.Seq[ecpr.Word], f func(ecpr.Word) bool) bool {
	for w := range words {
		if f(w) {
			return true
		}
	}
	return false
}

func TestWords(t *testing.T) {
	words := slices.Collect(ecpr.Words(moved(t)))
	for i, w := range words {
		assert.NotContains(t, words[:i], w, "each once")
	}
	for _, w := range []ecpr.Word{
		{Field: ecpr.Given, Text: "jon"}, {Field: ecpr.Family, Text: "prøve"}, {Field: ecpr.Family, Text: "prøvesen-test"},
		{Field: ecpr.Street, Text: "åvej"}, {Field: ecpr.Line(1), Text: "prøvevej"}, {Field: ecpr.Born, Text: "1978-08-13"},
		{Field: ecpr.Born, Text: "08-13"}, {Field: ecpr.Phone, Text: "12345678"}, {Field: ecpr.ContactSystem, Text: "phone"}, {Field: ecpr.Sex, Text: "male"},
	} {
		assert.Contains(t, words, w)
	}
	for range ecpr.Words(moved(t)) {
		break // a reader may stop
	}
	for _, w := range words {
		assert.NotContains(t, w.Text, "qt7", "identifiers are not searched")
	}
}

func FuzzParseQuery(f *testing.F) {
	for _, s := range []string{
		"familyname:prøve* AND birthdate:1978-08-13", `streetaddress:"Vej 12"`, "birthdate:12-12", "foo:bar", "givenname:", "(a)", "a:*", "",
		`givenname:"a`, "givenname:İx AND city:ẞ", "givenname:ab\u00a0AND\u2003city:x",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q, err := ecpr.ParseQuery(s)
		if err != nil {
			if !errors.Is(err, ecpr.ErrTooBroad) && !errors.Is(err, ecpr.ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		require.NotEmpty(t, q.Terms)
		for _, term := range q.Terms {
			require.NotEmpty(t, term.Patterns)
			for _, p := range term.Patterns {
				prefix, exact := ecpr.Prefix(p)
				require.True(t, exact && p != "" || len([]rune(prefix)) >= 2, "%q", p)
				require.NotContains(t, p, " ")
				if exact { // a word that is searched is as it is kept
					again, err := ecpr.ParseQuery(string(term.Field) + `:"` + p + `" AND givenname:x`)
					if term.Field != ecpr.Born {
						require.NoError(t, err)
						require.Equal(t, []string{p}, again.Terms[0].Patterns)
					}
				}
			}
		}
		q.Match(ecpr.Person{Versions: []ecpr.Version{{Element: ecpr.Name{Given: s}}}})
	})
}

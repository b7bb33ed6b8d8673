package ecprws_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/ecpr"
)

// Numbers of the samples, and where they are in their series.
const (
	first, second             = "1308781QT7", "0203267ZK4"
	drawnOfFirst, drawnSecond = (16*26+19)*5 + 3, (25*26+10)*10 + 4
)

// TestSamples sends the samples one after the other: what each answers is what the next is about.
func TestSamples(t *testing.T) {
	s := newService(t)
	s.drawn = []int{drawnOfFirst, drawnSecond}

	created := s.call(t, sample(t, "create-request.xml"), `"`+space+`:CreatePerson"`)
	t.Run("PC-1 a number of the birth date and gender", func(t *testing.T) {
		golden(t, "create-response.xml", created)
		assert.Regexp(t, `^1308781[A-Z]{2}[13579]$`, numberElement.FindStringSubmatch(created)[1])
		assert.NotContains(t, created, "ValidTo")
	})
	s.now = at("2026-03-02T11:00:00Z")
	number, _ := s.created(t)
	require.Equal(t, second, number)

	s.now = at("2026-04-01T08:00:00Z")
	named := pid(t, created, "Name")
	updated := s.call(t, strings.Replace(sample(t, "update-request.xml"), "5b1f0a52-0c0e-4f0c-9d57-000000000002", named, 1))
	t.Run("PC-14 PC-18 a name by its PID and a CPR number, the whole registration", func(t *testing.T) {
		golden(t, "update-response.xml", updated)
		assert.Contains(t, updated, "<Name><PID>"+named+"</PID>", "the old version keeps its PID")
	})
	got, found := s.call(t, sample(t, "get-request.xml")), s.call(t, sample(t, "search-request.xml"))
	golden(t, "get-response.xml", got)
	golden(t, "search-response.xml", found)
	inner := func(answer string) string {
		return answer[strings.Index(answer, "<Person>") : strings.LastIndex(answer, "</Person>")+len("</Person>")]
	}
	assert.Equal(t, inner(updated), inner(got), "every answer tells the same of a person")
	assert.Equal(t, inner(updated), inner(found))
	golden(t, "oids-response.xml", s.call(t, sample(t, "oids-request.xml")))

	s.now = at("2026-05-01T10:00:00Z")
	merged := s.call(t, sample(t, "merge-request.xml"))
	t.Run("PC-32 the survivor with the loser's number as history, also found by it", func(t *testing.T) {
		golden(t, "merge-response.xml", merged)
		assert.Equal(t, inner(merged), inner(s.call(t, get(ecpr.XECPROID, second))))
	})
}

func TestResend(t *testing.T) {
	t.Run("PC-9 the same message again: byte-equal answer, one number", func(t *testing.T) {
		s := newService(t)
		message := envelope("m-again", create())
		one, two := s.post(t, message), s.post(t, message)
		require.Equal(t, http.StatusOK, one.Code, one.Body)
		assert.Equal(t, one.Body.String(), two.Body.String())
		spent := 0
		for _, parity := range ecprSeries(t, numberElement.FindStringSubmatch(one.Body.String())[1]) {
			taken, err := s.db.Ledger().Taken(t.Context(), parity)
			require.NoError(t, err)
			spent += len(taken)
		}
		assert.Equal(t, 1, spent)
	})
	t.Run("a read is computed again", func(t *testing.T) {
		s := newService(t)
		number, _ := s.created(t)
		message := envelope("m-again", get(ecpr.XECPROID, number))
		before := s.post(t, message).Body.String()
		s.call(t, update(number, name("Jon", "Prøve")))
		after := s.post(t, message).Body.String()
		assert.NotContains(t, before, "Prøve")
		assert.Contains(t, after, "Prøve")
	})
}

// ecprSeries are the series of both sexes that a number may be of.
func ecprSeries(t *testing.T, number string) []ecpr.Series {
	t.Helper()
	n, err := ecpr.ParseNumber(number)
	require.NoError(t, err)
	other, err := ecpr.ParseNumber(number[:9] + string(number[9]^1))
	require.NoError(t, err)
	return []ecpr.Series{n.Series(), other.Series()}
}

func TestNamespaces(t *testing.T) {
	s := newService(t)
	shuffled := `<BirthDate><Unknown/><Value>` + "\n 1978-08-13\t" + `</Value></BirthDate><Name><GivenName>Jon</GivenName><FamilyName>Prøve</FamilyName></Name>` +
		`<Extension><Name><FamilyName>Ikke</FamilyName></Name></Extension>` + modified + `<Gender><Value>male</Value></Gender>`
	plain := `<CreatePersonRequest><Person>` + shuffled + `</Person></CreatePersonRequest>`
	qualified := strings.NewReplacer("</", "</x:", "<", "<x:").Replace(strings.ReplaceAll(plain, "</", "\x00"))
	qualified = strings.Replace(strings.ReplaceAll(qualified, "\x00", "</x:"), "Request>", `Request xmlns:x="urn:another">`, 1)
	for _, c := range []struct{ name, request, start string }{
		{"PC-35 none", plain, `<CreatePersonResponse><Person>`},
		{"PC-35 the contract's", strings.Replace(plain, "Request>", `Request xmlns="`+space+`">`, 1), `<CreatePersonResponse xmlns="` + space + `"><Person>`},
		{"PC-35 another, with a prefix", qualified, `<CreatePersonResponse xmlns="urn:another"><Person>`},
		{"that of the root alone", strings.NewReplacer("<CreatePersonRequest>", `<x:CreatePersonRequest xmlns:x="urn:a&amp;b&quot;">`, "</CreatePersonRequest>", "</x:CreatePersonRequest>").
			Replace(plain), `<CreatePersonResponse xmlns="urn:a&amp;b&quot;"><Person>`},
		{"that of the prefix xml, which no default can be", strings.NewReplacer("<CreatePersonRequest>", `<xml:CreatePersonRequest>`, "</CreatePersonRequest>", "</xml:CreatePersonRequest>").
			Replace(plain), `<CreatePersonResponse><Person>`},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer := s.call(t, c.request)
			assert.True(t, strings.HasPrefix(answer, c.start), answer)
			want := strings.Replace(sample(t, "create-response.xml"), `<CreatePersonResponse xmlns="`+space+`"><Person>`, c.start, 1)
			want = strings.ReplaceAll(want, "Jon Alfa", "Jon")
			assert.Equal(t, blank(want), blank(numbered(answer)))
		})
	}
	t.Run("an action of another operation", func(t *testing.T) {
		w := s.send(t, create(), space+":UpdatePerson")
		assert.Equal(t, "syntax_error", faultOf(t, w)[2])
		for _, tolerated := range []string{"", `""`, "urn:unknown", "CreatePerson"} {
			s.call(t, create(), tolerated)
		}
	})
}

// blank leaves the number out.
func blank(answer string) string {
	number := numberElement.FindStringSubmatch(answer)
	if number == nil {
		return answer
	}
	return strings.ReplaceAll(answer, number[1], "")
}

func TestHostileMessages(t *testing.T) {
	s := newService(t)
	for name, message := range map[string]string{
		"PC-36 document type":      `<!DOCTYPE x [<!ENTITY a "b">]>` + envelope("m", create()),
		"PC-36 bad UTF-8":          envelope("m", create(name("J\xf8n", "Pr"))),
		"PC-36 control character":  envelope("m", create(name("J&#1;n", "Pr"))),
		"another operation":        envelope("m", `<DeletePersonRequest xmlns="`+space+`"/>`),
		"an answer as the request": envelope("m", sample(t, "create-response.xml")),
	} {
		t.Run(name, func(t *testing.T) {
			f := faultOf(t, s.post(t, message))
			assert.Equal(t, [2]string{"Server", "syntax_error"}, [2]string{f[0], f[2]})
		})
	}
}

func TestSOAP12(t *testing.T) {
	s := newService(t)
	as12 := func(body string) string {
		return strings.Replace(envelope("m-12", body), "http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope", 1)
	}
	w := s.post(t, as12(create()))
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Contains(t, w.Body.String(), `<CreatePersonResponse xmlns="`+space+`">`)
	for body, code := range map[string]string{get("1.2.3", "x"): "soap:Sender", request("DeletePerson", ""): "soap:Receiver"} {
		w := s.post(t, as12(body))
		assert.Equal(t, http.StatusInternalServerError, w.Code)
		assert.Contains(t, w.Body.String(), "<soap:Fault><soap:Code><soap:Value>"+code+"</soap:Value></soap:Code>")
	}
}

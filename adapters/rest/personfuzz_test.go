package rest

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/calendar"
)

// FuzzPersonPath: of a path below person information, what is not a word of it is hidden, however it is written.
func FuzzPersonPath(f *testing.F) {
	for _, s := range []string{"v1/person/0905124643", "v1/person/0905124643/custody", "2024/08/01/0905124643/status", "%30905124643", "../0905124643", "v1//name"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		u, err := url.Parse("http://nsp.test" + personRoot + "/" + path)
		if err != nil {
			return
		}
		asked := u.String()
		hidden := withoutNumber(&http.Request{URL: u})
		assert.Equal(t, asked, u.String(), "the request itself stays")
		words := strings.Split(hidden.URL.Path, "/")
		require.Len(t, words, strings.Count(u.Path, "/")+1)
		for i, word := range strings.Split(u.Path, "/") {
			if words[i] != word {
				assert.Equal(t, "[cpr]", words[i])
			} else {
				assert.NotRegexp(t, `[0-9]{5}`, word)
			}
		}
	})
}

// FuzzDeceasedQuery: a query is read or refused; what is read is a day and, where it was sent, a number.
func FuzzDeceasedQuery(f *testing.F) {
	for _, s := range []string{"since=2020-05-01", "since=2020-05-01T00:00:00Z&after=2508480706", "since=x", "since=2020-05-01&since=2020-05-01", "%zz"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, query string) {
		x := exchange{http: &http.Request{URL: &url.URL{RawQuery: query}}}
		since, after, err := x.deceasedQuery()
		if err != nil {
			require.ErrorIs(t, err, errQuery)
			return
		}
		assert.NotEqual(t, calendar.Day{}, since)
		sent, err := url.ParseQuery(query)
		require.NoError(t, err)
		assert.Equal(t, sent.Has("after"), !after.IsZero(), query)
	})
}

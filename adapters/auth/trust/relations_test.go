package trust_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	authtrust "github.com/opennsp/nsp/adapters/auth/trust"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/relation"
	"github.com/opennsp/nsp/domain/validity"
)

func openPeople(t *testing.T, text string) (*authtrust.People, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "people.json")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return authtrust.OpenPeople(path)
}

func number(t *testing.T, digits string) cpr.Number {
	t.Helper()
	n, err := cpr.Parse(digits)
	require.NoError(t, err)
	return n
}

func TestRelations(t *testing.T) {
	p, err := openPeople(t, `[
		{"cpr":"2512489996","givenName":"A","surname":"B","custody":["1101116171"],
		 "proxies":[{"cpr":"0511804817","scope":["https://minlog"],"from":"2026-11-01T00:00:00+01:00","to":"2026-12-01T00:00:00+01:00"},
		            {"cpr":"0511804817","scope":["*"],"from":"2027-01-01T00:00:00Z"}]},
		{"cpr":"1101116171","givenName":"C","surname":"B"}]`)
	require.NoError(t, err)
	parent, child, friend := number(t, "2512489996"), number(t, "1101116171"), number(t, "0511804817")
	november := time.Date(2026, 10, 31, 23, 0, 0, 0, time.UTC)
	december := time.Date(2026, 11, 30, 23, 0, 0, 0, time.UTC)
	custody := []relation.Relation{{Kind: relation.Custody}}
	proxy := []relation.Relation{{Kind: relation.Proxy, Valid: validity.Period{From: november, To: december}, Scope: []string{"https://minlog"}}}
	for _, c := range []struct {
		name           string
		actor, subject cpr.Number
		at             time.Time
		want           []relation.Relation
	}{
		{"custody", parent, child, now, custody},
		{"not the other way round", child, parent, now, nil},
		{"proxy", parent, friend, now, proxy},
		{"proxy at its beginning", parent, friend, november, proxy},
		{"before it", parent, friend, november.Add(-1), nil},
		{"at its end", parent, friend, december, nil},
		{"the second proxy", parent, friend, now.AddDate(1, 0, 0),
			[]relation.Relation{{Kind: relation.Proxy, Valid: validity.Period{From: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}, Scope: []string{"*"}}}},
		{"nobody", cpr.Number{}, child, now, nil},
		{"for nobody", parent, cpr.Number{}, now, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := p.Between(t.Context(), c.actor, c.subject, c.at)
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
	t.Run("the caller owns what it is given", func(t *testing.T) {
		got, err := p.Between(t.Context(), parent, friend, now)
		require.NoError(t, err)
		got[0].Scope[0] = "*"
		again, err := p.Between(t.Context(), parent, friend, now)
		require.NoError(t, err)
		assert.Equal(t, proxy, again)
	})
	for name, text := range map[string]string{
		"custody of a bad number":      `[{"cpr":"2512489996","custody":["9901116171"]}]`,
		"custody of oneself":           `[{"cpr":"2512489996","custody":["2512489996"]}]`,
		"proxy without number":         `[{"cpr":"2512489996","proxies":[{"scope":["*"]}]}]`,
		"proxy for oneself":            `[{"cpr":"2512489996","proxies":[{"cpr":"2512489996","scope":["*"]}]}]`,
		"proxy without scope":          `[{"cpr":"2512489996","proxies":[{"cpr":"0511804817"}]}]`,
		"proxy that ends at its start": `[{"cpr":"2512489996","proxies":[{"cpr":"0511804817","scope":["*"],"from":"2026-11-01T00:00:00Z","to":"2026-11-01T00:00:00Z"}]}]`,
		"unknown member of a proxy":    `[{"cpr":"2512489996","proxies":[{"cpr":"0511804817","scope":["*"],"until":"2026-11-01T00:00:00Z"}]}]`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := openPeople(t, text)
			require.Error(t, err)
			assert.NotContains(t, err.Error(), "2512489996")
		})
	}
}

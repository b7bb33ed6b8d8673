package sqlstore

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkActive reads the active registrations of a citizen among many, with and without her other numbers.
func BenchmarkActive(b *testing.B) {
	for engine, open := range map[string]func() *DB{
		"sqlite": func() *DB { return opened(b) }, "postgres": func() *DB { return openedPostgres(b, postgresDSN(b)) },
	} {
		db := open()
		fillConsents(b, db, 20_000)
		for name, aliases := range map[string]bool{"aliases": true, "alone": false} {
			b.Run(engine+"/"+name, func(b *testing.B) {
				s, n := db.Consents(aliases), numberNamed(b, nth(2020))
				b.ReportAllocs()
				for b.Loop() {
					active, err := s.Active(b.Context(), n)
					require.NoError(b, err)
					require.NotEmpty(b, active)
				}
			})
		}
	}
}

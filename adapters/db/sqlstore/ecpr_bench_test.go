package sqlstore

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/ecpr"
)

// BenchmarkClaim compares spending a number with a plain insert of a row of its own transaction; both run in turn, so that they see the same disk.
func BenchmarkClaim(b *testing.B) {
	for engine, open := range map[string]func(testing.TB) *DB{
		"sqlite":   opened,
		"postgres": func(t testing.TB) *DB { return openedPostgres(t, postgresDSN(t)) },
	} {
		b.Run(engine, func(b *testing.B) {
			db, ctx := open(b), context.Background()
			day := time.Date(1930, 1, 1, 0, 0, 0, 0, time.UTC)
			var series ecpr.Series
			var plain, claimed time.Duration
			for i := range b.N {
				if i%3000 == 0 {
					var err error
					series, err = ecpr.NewSeries(ecpr.BirthDate(day.Format(time.DateOnly)), ecpr.Male, calendar.DayOf(start))
					require.NoError(b, err)
					day = day.AddDate(0, 0, 1)
				}
				began := time.Now()
				_, err := db.once(ctx, "INSERT INTO ecpr_ledger (number, claimed_at) VALUES (?, ?)", "plain"+series.At(i%3000).Text(), 1)
				require.NoError(b, err)
				plain += time.Since(began)

				began = time.Now()
				free, err := db.Ledger().Claim(ctx, series.At(i%3000), start)
				require.NoError(b, err)
				require.True(b, free)
				claimed += time.Since(began)
			}
			b.ReportMetric(plain.Seconds()/claimed.Seconds(), "of-the-plain-insert")
			b.ReportMetric(float64(claimed.Microseconds())/float64(b.N), "claim-µs")
		})
	}
}

package sqlstore

import (
	"context"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/identity"
)

// BenchmarkReply measures what an answer that is kept (Begin before the unit of work, Keep within it) adds to a small write. The peer is the
// same write without; both run in turn, so that they see the same disk.
func BenchmarkReply(b *testing.B) {
	db, ctx := opened(b), context.Background()
	answer := make([]byte, 1024)
	until := time.Now().Add(time.Hour)
	seal := func(context.Context) error { return nil }
	var plain, kept time.Duration
	for i := range b.N {
		write := func(ctx context.Context, n int) error {
			return db.Sessions().Put(ctx, sha256.Sum256(fmt.Append(nil, n, i)), identity.Caller{}, until)
		}
		begin := time.Now()
		require.NoError(b, db.Units().Run(ctx, func(ctx context.Context) error { return write(ctx, 1) }, seal))
		plain += time.Since(begin)

		begin = time.Now()
		body := sha256.Sum256(fmt.Append(nil, i))
		_, claim, err := db.Replies().Begin(ctx, body, body, until)
		require.NoError(b, err)
		require.NoError(b, db.Units().Run(ctx, func(ctx context.Context) error {
			if err := write(ctx, 2); err != nil {
				return err
			}
			return db.Replies().Keep(ctx, *claim, answer)
		}, seal))
		kept += time.Since(begin)
	}
	b.ReportMetric(kept.Seconds()/plain.Seconds(), "times-the-plain-write")
	b.ReportMetric(float64(plain.Microseconds())/float64(b.N), "plain-µs")
	b.ReportMetric(float64(kept.Microseconds())/float64(b.N), "kept-µs")
}

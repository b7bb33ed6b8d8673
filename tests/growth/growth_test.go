package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/tests/minlogtest"
	"github.com/opennsp/nsp/tests/postgrestest"
)

func TestMeasurement(t *testing.T) {
	ctx := t.Context()
	const rows = 2 * minlogtest.LeastRows
	s, err := minlogtest.Open(ctx, postgrestest.Database(t, "", nil), rows, time.Now())
	require.NoError(t, err)
	defer func() { require.NoError(t, s.DB.Close()) }()

	_, err = s.Fill(ctx, io.Discard)
	require.NoError(t, err)
	again, err := s.Fill(ctx, io.Discard)
	require.NoError(t, err)
	assert.Zero(t, again, "months that are filled")
	conn, err := minlogtest.Connect(ctx, s.DSN)
	require.NoError(t, err)
	defer conn.Close(ctx)
	var stored, filled int
	require.NoError(t, conn.QueryRow(ctx, "SELECT count(*), count(DISTINCT tableoid) FROM minlog_entry").Scan(&stored, &filled))
	assert.Equal(t, rows, stored)
	assert.Equal(t, minlogtest.Months, filled)

	r := result{rows: rows, persons: s.Persons()}
	r.tableBytes, r.indexBytes, err = s.Size(ctx)
	require.NoError(t, err)
	assert.Greater(t, r.perRow(), 300.0)
	r.most, err = closedLoop(ctx, s, 50*time.Millisecond)
	require.NoError(t, err, "every lookup finds a page")
	r.half, err = openLoop(ctx, s, 100, 50*time.Millisecond)
	require.NoError(t, err)
	assert.Positive(t, r.half.p99)
}

func TestReport(t *testing.T) {
	var out strings.Builder
	of := func(rows int, p50 time.Duration) result {
		return result{rows: rows, persons: 1, tableBytes: int64(rows) * 500, indexBytes: int64(rows) * 100, half: latencies{p50: p50}}
	}
	report(&out, []result{of(200_000, time.Millisecond), of(20_000_000, 1400*time.Microsecond)})
	assert.Equal(t, "p50 of 20000000 rows / p50 of 200000 rows = 1.40, goal ≤ 1.5: ok\n1 billion rows, by the slope: p50 1.74 ms, 0.60 TB\n", out.String())
}

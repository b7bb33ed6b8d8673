package sqlstore

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// rowsOf makes so many rows of so many octets each, and then what end says.
func rowsOf(n, size int, end error) (next func([]byte) ([]byte, bool, error), made *int) {
	made = new(int)
	return func(b []byte) ([]byte, bool, error) {
		if *made == n {
			return b, false, end
		}
		*made++
		return append(b, strings.Repeat("x", size)...), true, nil
	}, made
}

func TestRowCopy(t *testing.T) {
	const header, trailer = 19, 2
	for _, c := range []struct{ rows, size int }{{0, 0}, {1, 1}, {3, copyBuffer - 1}, {2, copyBuffer}, {1, 3 * copyBuffer}, {200_000, 1}} {
		next, _ := rowsOf(c.rows, c.size, nil)
		got, err := io.ReadAll(iotest.HalfReader(newRowCopy(next)))
		require.NoError(t, err)
		require.Len(t, got, header+c.rows*c.size+trailer)
		assert.Equal(t, "PGCOPY\n\xff\r\n\x00", string(got[:11]))
		assert.Equal(t, "\xff\xff", string(got[len(got)-trailer:]))
	}
	gone := errors.New("the source is gone")
	next, _ := rowsOf(1, 1, gone)
	c := newRowCopy(next)
	_, err := io.ReadAll(c)
	require.ErrorIs(t, err, gone)
	assert.Equal(t, gone, c.end())
}

// Once a COPY has ended its source may be gone: nobody reads it, not even a driver that goes on.
func TestRowCopyEnds(t *testing.T) {
	next, made := rowsOf(1_000_000, 100, nil)
	c := newRowCopy(next)
	_, err := io.ReadFull(c, make([]byte, copyBuffer))
	require.NoError(t, err)
	before := *made
	require.NoError(t, c.end())
	rest, err := io.ReadAll(c)
	require.NoError(t, err)
	assert.Empty(t, rest)
	assert.Equal(t, before, *made)
}

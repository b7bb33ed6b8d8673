package logkeeping_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/logkeeping"
)

// AC-38: what is expired is in no group, from the microsecond on, to whoever asks, though it is still there.
func TestAC38ExpiredRowsAreInNoGroup(t *testing.T) {
	h := newHouse(t)
	acted := by(cprID(assistant), codeID(code))
	h.add(t, "m-1", access("2024-11-21T12:00:01Z", acted), access("2024-11-21T12:00:03Z", acted))
	h.consume(t)
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{time.Second - time.Microsecond, 2}, {time.Second, 1}, {3*time.Second - time.Microsecond, 1}, {3 * time.Second, 0}} {
		later := func() time.Time { return now.Add(c.after) }
		h.citizen.Now, h.assistants.Now = later, later
		for _, grouping := range []string{"Day", "None"} {
			q := logkeeping.Inquiry{Person: codeID(code), Grouping: grouping, Chronologic: true}
			behalf, err := h.assistants.Find(t.Context(), employee(t, professional, code), q)
			require.NoError(t, err)
			for _, p := range []logkeeping.Page{own(t, h, q), behalf} {
				n := 0
				for _, g := range p.Groups {
					n += len(g.Entries)
					assert.True(t, g.Head.From.After(later().AddDate(-2, 0, 0)), "a group begins with what is shown")
				}
				assert.Equal(t, c.want, n, "%s after %s", grouping, c.after)
			}
		}
	}
	assert.Len(t, h.stored(t, citizen), 2)
}

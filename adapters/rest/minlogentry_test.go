package rest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/opennsp/nsp/domain/fault"
)

// What is refused for its number of entries is counted, not kept.
func TestEntriesBeyondTheLimit(t *testing.T) {
	const limit = 10
	cost := func(n int) float64 {
		x := exchange{media: contentJSON, body: []byte(`{"entries":[` + strings.Repeat(`{"system":"FMK"},`, n-1) + `{}]}`)}
		return testing.AllocsPerRun(1, func() {
			_, err := x.drafts(limit)
			if f, _ := fault.Of(err); n > limit {
				assert.Equal(t, http.StatusRequestEntityTooLarge, statusOf(f))
			}
		})
	}
	assert.InDelta(t, cost(limit), cost(1000*limit), 1000, "allocations: there are 9,990 entries more")
}

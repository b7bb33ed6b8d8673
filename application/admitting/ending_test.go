package admitting_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/identity"
)

// TestAtEnd: what waits for the end of a call runs once, after the commit, last put first run.
func TestAtEnd(t *testing.T) {
	for _, c := range []struct {
		name      string
		err       error // of the use case
		commit    error
		committed bool
	}{
		{"committed", nil, nil, true},
		{"a fault", errRule, nil, false},
		{"ours", errSecret, nil, false},
		{"the commit fails", nil, errTaken, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &world{commit: c.commit}
			w.do(t.Context(), good(), func(ctx context.Context, _ identity.Caller) error {
				for _, name := range []string{"first", "second"} {
					admitting.AtEnd(ctx, func(committed bool) { w.step(fmt.Sprint(name, " ", committed)) })
				}
				return c.err
			})
			ends := w.steps[len(w.steps)-2:]
			assert.Equal(t, []string{fmt.Sprint("second ", c.committed), fmt.Sprint("first ", c.committed)}, ends, "all: %v", w.steps)
			assert.NotContains(t, w.steps[:len(w.steps)-2], ends[0])
		})
	}

	t.Run("a panic", func(t *testing.T) {
		w := &world{}
		w.do(t.Context(), good(), func(ctx context.Context, _ identity.Caller) error {
			admitting.AtEnd(ctx, func(committed bool) { w.step(fmt.Sprint("end ", committed)) })
			panic("boom")
		})
		assert.Equal(t, "end false", w.steps[len(w.steps)-1])
	})

	t.Run("outside a call", func(t *testing.T) {
		told := false
		admitting.AtEnd(t.Context(), func(committed bool) { told = committed })
		assert.True(t, told)
	})
}

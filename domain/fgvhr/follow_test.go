package fgvhr_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/fgvhr"
)

// TestFollows: what a store takes under the numbers of a person.
func TestFollows(t *testing.T) {
	person := numbers[:2]
	sound := row("b", "a", fgvhr.Inactive, t1, head)
	sound.Citizen = numbers[1]
	got, err := sound.Follows(active, person)
	require.NoError(t, err)
	assert.Equal(t, fgvhr.History{row("a", "", fgvhr.Active, t0, t1), sound}, got)

	for name, edit := range map[string]func(*fgvhr.OptOut){
		"under another number": func(o *fgvhr.OptOut) { o.Citizen = numbers[2] },
		"without id":           func(o *fgvhr.OptOut) { o.ID = "" },
		"without status":       func(o *fgvhr.OptOut) { o.Status = "" },
		"of another status":    func(o *fgvhr.OptOut) { o.Status = "GONE" },
		"never in force":       func(o *fgvhr.OptOut) { o.ValidFrom = time.Time{} },
		"CM-05 too early":      func(o *fgvhr.OptOut) { o.Created = t0 },
		"FG-09 after nothing":  func(o *fgvhr.OptOut) { o.Replaces = "" },
	} {
		t.Run(name, func(t *testing.T) {
			_, err := with(sound, edit).Follows(active, person)
			assert.Equal(t, fgvhr.ErrConflict, err)
		})
	}
	_, err = sound.Follows(active, nil)
	assert.Equal(t, fgvhr.ErrConflict, err, "of nobody")
}

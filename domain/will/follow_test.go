package will_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/will"
)

// TestFollows: what a store takes under the numbers of a person.
func TestFollows(t *testing.T) {
	h := will.History{row("a", will.LTR, t0, open)}
	person := numbers[:2]
	sound := row("b", will.LTR, t1, open)
	sound.Citizen = numbers[1]
	for _, c := range []struct {
		name   string
		person []cpr.Number
		edit   func(*will.Registration)
		ok     bool
	}{
		{"WL-15 under any of the numbers", person, func(*will.Registration) {}, true},
		{"under another number", person, func(r *will.Registration) { r.Citizen = numbers[2] }, false},
		{"under no number", person, func(r *will.Registration) { r.Citizen = cpr.Number{} }, false},
		{"of nobody", nil, func(*will.Registration) {}, false},
		{"without id", person, func(r *will.Registration) { r.ID = "" }, false},
		{"of no register", person, func(r *will.Registration) { r.Register = "X" }, false},
		{"WL-07 empty", person, func(r *will.Registration) { r.Wishes = will.Wishes{} }, false},
		{"WL-08 acceptance of what is not declined", person, func(r *will.Registration) {
			r.Register, r.IfSeverePain = will.BTR, undeclined(will.Guardian)
		}, false},
		{"WL-09 acceptance when dying", person, func(r *will.Registration) { r.Register, r.IfDying = will.BTR, needs(will.Guardian) }, false},
		{"more than a living will can say", person, func(r *will.Registration) { r.NoForcedTreatment = yes }, false},
		{"CM-05 before what there is", person, func(r *will.Registration) { r.From = t0 }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := sound
			c.edit(&r)
			got, err := will.Change{At: r.From, New: &r}.Follows(h, c.person)
			if !c.ok {
				assert.Equal(t, will.ErrConflict, err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, will.History{row("a", will.LTR, t0, t1), r}, got)
		})
	}
	t.Run("WL-04 an end alone", func(t *testing.T) {
		got, err := will.Change{At: t1}.Follows(h, person)
		require.NoError(t, err)
		assert.Equal(t, will.History{row("a", will.LTR, t0, t1)}, got)
	})
}

package willkeeping_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/will"
)

// TestNeverContradictory does anything in any order, at any pace, with anything down, and holds the wills against what follows from the answers:
// a citizen has one at most, its rows touch or leave a gap, and what fails changes nothing and is told to no subscriber.
func TestNeverContradictory(t *testing.T) {
	all := calls()
	opens := map[string]will.Register{
		"createLivingWill": will.LTR, "updateLivingWill": will.LTR,
		"createTreatmentWill": will.BTR, "updateTreatmentWill": will.BTR, "upgradeToTreatmentWill": will.BTR,
	}
	needs := map[string]will.Register{ // what must be there for success
		"updateLivingWill": will.LTR, "deleteLivingWill": will.LTR, "getLivingWill": will.LTR, "upgradeToTreatmentWill": will.LTR,
		"updateTreatmentWill": will.BTR, "deleteTreatmentWill": will.BTR, "getTreatmentWill": will.BTR,
		"getTreatmentWillWithOnlyForcedTreatment": will.BTR,
	}
	rapid.Check(t, func(rt *rapid.T) {
		h := newHouse(t)
		h.Rules.Closed = time.Time{}
		var valid will.Register // "" = none
		for range rapid.IntRange(1, 12).Draw(rt, "calls") {
			h.pass(time.Duration(rapid.SampledFrom([]int64{0, 1, int64(time.Microsecond), int64(time.Hour)}).Draw(rt, "pause")))
			h.down = map[string]bool{rapid.SampledFrom([]string{"", "", "", "minlog", "update", "aliases", "register"}).Draw(rt, "down"): true}
			call := rapid.SampledFrom(all).Draw(rt, "call")
			before := h.kept(rt, citizenC)
			err := call.do(h, citizen(citizenC), of(citizenC))
			after, sent, told := h.kept(rt, citizenC), h.sent(rt), h.told()

			reg, opened := opens[call.name]
			deletes := call.name == "deleteLivingWill" || call.name == "deleteTreatmentWill"
			switch {
			case err != nil || !opened && !deletes:
				require.Equal(rt, before, after, "%s changed something", call.name)
				require.Empty(rt, sent)
			case call.name == "upgradeToTreatmentWill":
				require.Len(rt, sent, 2)
			default:
				require.Len(rt, sent, 1)
			}
			if err == nil {
				require.Len(rt, told, 1, "%s is not in MinLog", call.name)
				if need := needs[call.name]; need != "" {
					require.Equal(rt, need, valid, "%s succeeded", call.name)
				}
				if call.name == "createLivingWill" || call.name == "createTreatmentWill" {
					require.Empty(rt, valid)
				}
				if opened || deletes {
					valid = reg
				}
			}
			for i, r := range after {
				require.True(rt, r.To.IsZero() || r.From.Before(r.To), "row %d is empty", i)
				if i > 0 {
					require.False(rt, after[i-1].To.IsZero() || r.From.Before(after[i-1].To), "row %d begins before the one before has ended", i)
				}
			}
			current, ok := after.Valid()
			require.Equal(rt, valid, current.Register)
			require.Equal(rt, valid != "", ok)
		}
	})
}

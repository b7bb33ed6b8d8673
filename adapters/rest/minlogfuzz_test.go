package rest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/minlog"
)

// FuzzEntries: a body is refused, or holds one object for each draft; a draft whose members are what they should be says what encoding/json
// reads in it, and the others are refused.
func FuzzEntries(f *testing.F) {
	const good = `"system":"S","activity":"A","person":{"source":"CPR","id":"0202801111"},"user":{"source":"CPR","id":"0505851111"}`
	for _, body := range []string{
		`{"entries":[{` + good + `,"at":"2026-11-01T08:15:00+01:00","filters":["a","\u00e6"],"source":{"system":"x","source":{"correlationId":"y"}}}]}`,
		` { "entries" : [ {` + good + `,"from":"2026-11-01T08:15:00.5Z" , "to":"2026-11-01T08:15:01Z","org":{"source":"SOR","id":"1"}},{}]}`,
		`{"entries":[{"system":null,"reason":"\ud800","colour":[{"a":"\"]"},-1.5e-3,true],"at":1}]}`, `{"entries":[{"system":"a","system":"b"}]}`,
		`{"entries":[]}`, `{"entries":[1]}`, `{"entries":{}}`, `{"x":0}`, `[]`, `{"entries":[{},{},{},{},{}]}`, `{"entries":[{"source":{"source":{"source":{}}}}]}`,
	} {
		f.Add([]byte(body))
	}
	rules := minlog.Rules{Interface: minlog.Interface20250312, FutureTolerance: -1, MaxPeriod: time.Hour}
	f.Fuzz(func(t *testing.T, body []byte) {
		x := exchange{media: contentJSON, body: body}
		drafts, err := x.drafts(4)
		if err != nil {
			_, told := fault.Of(err)
			require.True(t, told, "%v", err)
			return
		}
		var read struct{ Entries []json.RawMessage }
		require.NoError(t, json.Unmarshal(body, &read))
		require.Len(t, drafts, len(read.Entries))
		require.LessOrEqual(t, len(drafts), 4)
		for i := range drafts {
			got, problem, ok := rules.Check(&drafts[i])
			if !ok {
				require.NotEmpty(t, problem.Code)
				continue
			}
			var want struct {
				minlog.Entry
				At time.Time
			}
			require.NoError(t, json.Unmarshal(read.Entries[i], &want), "what is registered is as encoding/json reads it")
			assert.Equal(t, [5]string{want.System, want.Activity, want.Reason, want.SequenceNumber, want.UserRole},
				[5]string{got.System, got.Activity, got.Reason, got.SequenceNumber, got.UserRole})
			if !want.At.IsZero() {
				want.From, want.To = want.At, want.At
			}
			assert.WithinDuration(t, want.From, got.From, time.Microsecond)
			assert.WithinDuration(t, want.To, got.To, time.Microsecond)
			assert.LessOrEqual(t, len(got.Filters), minlog.MaxFilters)
		}
	})
}

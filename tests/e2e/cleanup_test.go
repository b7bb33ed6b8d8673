package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/tests/nsptest"
)

// TestCleanup has an operator start the clean-up of a store with rows that are shown no longer.
func TestCleanup(t *testing.T) {
	onEveryStore(t, nsptest.Options{}, func(t *testing.T, s *nsptest.Server) {
		cutoff := minlog.Cutoff(s.Clock.Now(), 2)
		row := func(n byte, to time.Time) minlog.Registration {
			id := minlog.ID{Source: minlog.CPR, Value: professional}
			return minlog.Registration{
				ID: minlog.RegistrationID{n}, ReceivedAt: cutoff, Registrar: minlog.Registrar{CVR: cvr},
				Entry: minlog.Entry{System: "FMK", Activity: to.Format(time.RFC3339Nano), From: to, To: to, Person: id, User: id},
			}
		}
		alive := cutoff.Add(time.Minute) // the clock moves on a little
		_, err := s.LogStore.Store(t.Context(), minlog.Partition{Topic: "earlier"}, 0, 1, minlog.Batch{Registrations: []minlog.Registration{
			row(1, cutoff.AddDate(0, -2, 0)), row(2, cutoff.Add(-time.Second)), row(3, alive),
		}})
		require.NoError(t, err)
		rows := func() []minlog.Registration {
			found, err := s.LogStore.ByPerson(t.Context(), "CPR:"+professional, minlog.Query{}, minlog.Cursor{}, 10)
			require.NoError(t, err)
			return found
		}
		require.Len(t, rows(), 3)
		t.Run("AC-38 what is expired is not shown while it is still there", func(t *testing.T) {
			found := activities(t, s.Doctor(professional, "TST01").Call(t, citizenLog, ownLog(professional, "")))
			assert.Equal(t, []string{alive.Format(time.RFC3339Nano)}, found)
		})
		operator := s.Operator(t)
		type run struct {
			OK                             bool
			StartedAt, FinishedAt          time.Time
			PartitionsDropped, RowsDeleted int64
		}
		// clean starts a run by path and returns it once it is over.
		clean := func(path string) (latest run) {
			s.Clock.Advance(time.Second)
			at := s.Clock.Now()
			require.Eventually(t, func() bool { // the run before has its lease for a moment after it is over
				return operator.Do(t, http.MethodPost, path, nil, nil).StatusCode == http.StatusAccepted
			}, time.Minute, 10*time.Millisecond)
			require.Eventually(t, func() bool {
				answer := operator.Do(t, http.MethodGet, "/api/minlog/v1/cleanup", nil, &latest)
				return answer.StatusCode == http.StatusOK && latest.StartedAt.Equal(at) && !latest.FinishedAt.IsZero()
			}, time.Minute, 10*time.Millisecond)
			return latest
		}
		t.Run("AC-37 month and tail go, the live row is kept", func(t *testing.T) {
			first := clean("/minlog2-cleanup/run")
			assert.True(t, first.OK)
			assert.Positive(t, first.PartitionsDropped+first.RowsDeleted)
			found := rows()
			require.Len(t, found, 1)
			assert.Equal(t, alive, found[0].Entry.To)
		})
		t.Run("AC-37 again: nothing", func(t *testing.T) {
			again := clean("/api/minlog/v1/cleanup")
			assert.True(t, again.OK)
			assert.Zero(t, again.PartitionsDropped+again.RowsDeleted)
		})
		t.Run("AC-37 nobody but an administrator", func(t *testing.T) {
			assert.Equal(t, http.StatusUnauthorized, s.Do(t, http.MethodPost, "/minlog2-cleanup/run", nil).Status)
		})
		assert.Equal(t, http.StatusOK, s.Do(t, http.MethodGet, "/minlog2-cleanup/status", nil).Status)
		assert.Equal(t, http.StatusOK, s.Do(t, http.MethodGet, "/minlog2-cleanup/alarm", nil).Status)
	})
}

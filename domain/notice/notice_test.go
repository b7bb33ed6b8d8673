package notice_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/domain/notice"
)

func TestWait(t *testing.T) {
	for failures, want := range map[int]time.Duration{
		0: time.Second, 1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second, 9: 256 * time.Second, 10: 5 * time.Minute, 11: 5 * time.Minute,
		1 << 40: 5 * time.Minute,
	} {
		assert.Equal(t, want, notice.Wait(failures, 5*time.Minute), "Wait(%d, 5m)", failures)
	}
	assert.Equal(t, 100*time.Millisecond, notice.Wait(1, 100*time.Millisecond))
	assert.Equal(t, 3*time.Second, notice.Wait(3, 3*time.Second))
}

func TestPayload(t *testing.T) {
	t.Run("what is stored reads as it was", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			n := notice.Notice{To: notice.NAS, Advis: nas.Notification{
				Topic: rapid.String().Draw(t, "topic"), ID: rapid.String().Draw(t, "id"), IDType: rapid.String().Draw(t, "type"),
				System: rapid.Bool().Draw(t, "system"), Payload: rapid.SliceOfN(rapid.Byte(), 1, -1).Draw(t, "payload")}}
			require.Equal(t, n, again(t, n))
		})
	})

	t.Run("an entry of MinLog reads as it was, its times cut to microseconds", func(t *testing.T) {
		at := time.Date(2026, 11, 21, 22, 5, 10, 1999, time.FixedZone("CET", 3600))
		n := notice.Notice{To: notice.MinLog, Entry: minlog.Entry{System: "MinSpærring", Activity: "Spærring oprettet", From: at, To: at,
			Person: minlog.ID{Source: minlog.CPR, Value: "2512489996"}, User: minlog.ID{Source: minlog.CPR, Value: "2512489996"}}}
		want := n
		want.Entry.From = time.Date(2026, 11, 21, 21, 5, 10, 1000, time.UTC)
		want.Entry.To = want.Entry.From
		require.Equal(t, want, again(t, n))
	})

	t.Run("an unknown target has no form", func(t *testing.T) {
		n := notice.Notice{To: "nobody"}
		_, err := n.Payload()
		require.ErrorIs(t, err, notice.ErrTarget)
		require.ErrorIs(t, n.SetPayload("{}"), notice.ErrTarget)
	})

	t.Run("what cannot be read is an error that tells nothing of it", func(t *testing.T) {
		for _, to := range []notice.Target{notice.NAS, notice.MinLog} {
			n := notice.Notice{To: to}
			assert.Equal(t, notice.ErrForm, n.SetPayload(`{"topic":"2512489996`))
		}
	})
}

// again is n as it is read from what is stored of it.
func again(t require.TestingT, n notice.Notice) notice.Notice {
	doc, err := n.Payload()
	require.NoError(t, err)
	read := notice.Notice{To: n.To}
	require.NoError(t, read.SetPayload(doc), fmt.Sprintf("SetPayload of %d octets", len(doc)))
	return read
}

package telemetry_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/telemetry"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports"
)

func TestRegisters(t *testing.T) {
	at := time.Unix(1795000000, 0).UTC()
	m := telemetry.NewMetrics(telemetry.Build{})
	shown := func() string {
		_, text := get(t, m.Handler(), "/")
		return text
	}

	t.Run("numbers: issued, left and none left", func(t *testing.T) {
		n := m.Numbers()
		assert.Contains(t, shown(), "nspd_ecpr_space_left_min NaN\n")
		n.Issued()
		n.Issued()
		n.Exhausted()
		for _, left := range []int{700, 12, 5000} {
			n.Left(left)
		}
		for _, want := range []string{"nspd_ecpr_issued_total 2", "nspd_ecpr_exhausted_total 1", "nspd_ecpr_space_left_min 12"} {
			assert.Contains(t, shown(), want+"\n")
		}
	})

	t.Run("rows that are copied", func(t *testing.T) {
		copies := &fakeCopies{}
		register := m.CopyRegister(copies)
		for _, rows := range []int{3, 0, 4} {
			copies.rows = rows
			_, err := register.Page(t.Context(), stamdata.View{Register: "cpr", Datatype: "person", Version: 1}, stamdata.Offset{}, 10)
			require.NoError(t, err)
		}
		copies.err = errors.New("down")
		_, err := register.Page(t.Context(), stamdata.View{Register: "cpr", Datatype: "person", Version: 1}, stamdata.Offset{}, 10)
		require.Error(t, err)
		assert.Contains(t, shown(), `nspd_skrs_records_total{datatype="person",register="cpr"} 7`+"\n")
	})

	t.Run("when each register was last loaded", func(t *testing.T) {
		var failing error
		m.Loads(func(context.Context, int) ([]stamdata.LoadReport, error) {
			return []stamdata.LoadReport{{Register: "yder", At: at}, {Register: "sikrede", At: at.Add(-time.Hour)}, {Register: "yder", At: at.Add(-2 * time.Hour)}}, failing
		})
		assert.Contains(t, shown(), `nspd_stamdata_last_load_timestamp_seconds{register="yder"} 1.795e+09`+"\n")
		assert.Contains(t, shown(), `nspd_stamdata_last_load_timestamp_seconds{register="sikrede"} 1.7949964e+09`+"\n")
		failing = errors.New("down")
		assert.NotContains(t, shown(), "nspd_stamdata")
	})

	t.Run("the outbox", func(t *testing.T) {
		outbox := &fakeOutbox{oldest: at.Add(-90 * time.Second)}
		m.Outbox(outbox, func() time.Time { return at })
		for _, want := range []string{"nspd_outbox_waiting 5", "nspd_outbox_parked 2", "nspd_outbox_oldest_seconds 90"} {
			assert.Contains(t, shown(), want+"\n")
		}
		outbox.oldest = time.Time{}
		assert.Contains(t, shown(), "nspd_outbox_oldest_seconds 0\n")
		outbox.err = errors.New("down")
		assert.NotContains(t, shown(), "nspd_outbox")
	})
}

type fakeCopies struct {
	ports.CopyRegister
	rows int
	err  error
}

func (f *fakeCopies) Page(context.Context, stamdata.View, stamdata.Offset, int) ([]stamdata.CopyRow, error) {
	return make([]stamdata.CopyRow, f.rows), f.err
}

type fakeOutbox struct {
	ports.Outbox
	oldest time.Time
	err    error
}

func (f *fakeOutbox) Waiting(context.Context) (waiting, parked int, oldest time.Time, err error) {
	return 5, 2, f.oldest, f.err
}

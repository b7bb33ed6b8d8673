package relaying_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/relaying"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

// accessing is an access log of the case's own.
type accessing func(ctx context.Context, e minlog.Entry) error

var _ ports.AccessLog = accessing(nil)

func (f accessing) Log(ctx context.Context, entries ...minlog.Entry) error { return f(ctx, entries[0]) }

func TestAccesses(t *testing.T) {
	t.Run("they are registered under the id of their notice, those of a key in order", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			b.Access = b.access
			b.putAccess(t, "a1", "a2", "b1")
			b.start()
			assert.Equal(t, []string{"a1", "b1", "a2"}, b.logged())
			assert.Equal(t, "Spærring oprettet", b.minlog.Kept()[0].Activity)
			assert.Equal(t, relaying.Figures{}, b.figures(t))
		})
	})

	t.Run("one of which it is not known whether it was registered is logged again, and registered once", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			b.Access = b.access
			b.access.OnAnswer.FailFrom(1, errDown)
			b.putAccess(t, "a1")
			b.start()
			pass(time.Minute)
			assert.Equal(t, []string{"a1"}, b.logged())
			assert.Equal(t, 1, b.figures(t).Waiting)
			b.access.OnAnswer.Heal()
			pass(2 * time.Minute)
			assert.Equal(t, []string{"a1"}, b.logged())
			assert.Zero(t, b.figures(t).Waiting)
		})
	})

	t.Run("one that MinLog refuses is parked with the code, and its key goes on", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			b.Access = b.access
			require.NoError(t, b.db.Outbox().Put(t.Context(), notice.Notice{ID: "a0", Key: "a", To: notice.MinLog}))
			b.putAccess(t, "a1")
			b.start()
			assert.Equal(t, []string{"a1"}, b.logged())
			parked, err := b.db.Outbox().Parked(t.Context(), 10)
			require.NoError(t, err)
			require.Len(t, parked, 1)
			assert.Equal(t, minlog.CodeMissing, parked[0].Code)
			lines := b.audit.Lines()
			require.NotEmpty(t, lines)
			var want audit.Notes
			want.Add(audit.Admin, audit.Deliver, audit.NoticeID.Is("a0"), audit.NoticeTarget.Is("minlog"), audit.NoticeCode.Is(minlog.CodeMissing))
			assert.Equal(t, want, lines[0].Notes)
		})
	})

	t.Run("one that is refused without a code is parked as refused", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			b.Access = b.access
			b.access.OnLog.FailFrom(1, minlog.ErrRefused)
			b.putAccess(t, "a1")
			b.start()
			parked, err := b.db.Outbox().Parked(t.Context(), 10)
			require.NoError(t, err)
			require.Len(t, parked, 1)
			assert.Equal(t, "refused", parked[0].Code)
		})
	})
}

func TestTargets(t *testing.T) {
	t.Run("where one target is not known, its notices wait untried, and the other's arrive", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			b.Access, b.Notifier = b.access, nil
			for i := range 150 { // more than a round
				require.NoError(t, b.db.Outbox().Put(t.Context(), notice.Notice{ID: fmt.Sprint(i), Key: fmt.Sprint("key ", i), To: notice.NAS}))
			}
			b.putAccess(t, "a1", "b1")
			b.start()
			assert.Equal(t, []string{"a1", "b1"}, b.logged())
			pass(time.Minute)
			assert.Empty(t, b.got())
			assert.Equal(t, 150, b.figures(t).Waiting)
			due, err := b.db.Outbox().Next(t.Context(), notice.NAS, time.Now(), 1)
			require.NoError(t, err)
			assert.Zero(t, due[0].Attempts)
		})
	})

	for name, down := range map[string]struct {
		fail func(*bench) *portstest.Failure
		put  func(*bench) (failing, other func(require.TestingT, ...string))
		got  func(*bench) (failing, other []string)
	}{
		"NAS": {
			fail: func(b *bench) *portstest.Failure { return &b.notifier.OnNotify },
			put:  func(b *bench) (failing, other func(require.TestingT, ...string)) { return b.put, b.putAccess },
			got:  func(b *bench) (failing, other []string) { return b.got(), b.logged() },
		},
		"MinLog": {
			fail: func(b *bench) *portstest.Failure { return &b.access.OnLog },
			put:  func(b *bench) (failing, other func(require.TestingT, ...string)) { return b.putAccess, b.put },
			got:  func(b *bench) (failing, other []string) { return b.logged(), b.got() },
		},
	} {
		t.Run("while "+name+" is down the other's notices, of the same keys, arrive without delay", func(t *testing.T) {
			bubble(t, func(t *testing.T, b *bench) {
				b.Access = b.access
				down.fail(b).FailFrom(1, errDown)
				failing, other := down.put(b)
				failing(t, "a1", "b1", "c1", "d1")
				other(t, "a2")
				b.start()
				_, got := down.got(b)
				assert.Equal(t, []string{"a2"}, got)
				pass(time.Hour)
				other(t, "b2")
				pass(relaying.DefaultPoll)
				failed, got := down.got(b)
				assert.Equal(t, []string{"a2", "b2"}, got)
				assert.Empty(t, failed)
				down.fail(b).Heal()
				pass(relaying.DefaultMaxBackoff + relaying.DefaultPoll)
				failed, _ = down.got(b)
				assert.ElementsMatch(t, []string{"a1", "b1", "c1", "d1"}, failed)
			})
		})
	}

	t.Run("a target that hangs delays no other", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			b.Notifier = target(func(ctx context.Context, _ nas.Notification) error {
				<-ctx.Done()
				return ctx.Err()
			})
			b.Access = b.access
			b.put(t, "a1", "b1", "c1")
			b.start()
			b.putAccess(t, "a2")
			pass(relaying.DefaultPoll)
			assert.Equal(t, []string{"a2"}, b.logged())
		})
	})

	t.Run("of two relays each delivers to the target it knows", func(t *testing.T) {
		bubble(t, func(t *testing.T, a *bench) {
			b := another(t, a.db, "b")
			b.Notifier, b.Access = nil, b.access
			a.start()
			b.start()
			a.put(t, "a1")
			a.putAccess(t, "a2")
			pass(relaying.DefaultPoll)
			assert.Equal(t, []string{"a1"}, a.got())
			assert.Equal(t, []string{"a2"}, b.logged())
		})
	})

	t.Run("of two relays one registers, and the other goes on when it stops", func(t *testing.T) {
		bubble(t, func(t *testing.T, a *bench) {
			b := another(t, a.db, "b")
			a.Access, b.Access = a.access, b.access
			a.start()
			b.start()
			a.putAccess(t, "a1")
			pass(time.Hour)
			assert.Equal(t, []string{"a1"}, a.logged())
			a.stop()
			a.stop = func() {}
			a.putAccess(t, "a2")
			pass(4 * time.Second)
			assert.Equal(t, []string{"a2"}, b.logged())
		})
	})

	t.Run("a relay that is stopped ends the deliveries to both, and keeps them", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			delivering, goOn := make(chan struct{}, 2), make(chan struct{})
			b.Notifier = target(func(ctx context.Context, n nas.Notification) error {
				delivering <- struct{}{}
				<-goOn
				return b.nas.Notify(ctx, []nas.Notification{n})
			})
			b.Access = accessing(func(ctx context.Context, e minlog.Entry) error {
				delivering <- struct{}{}
				<-goOn
				return b.minlog.Log(ctx, e)
			})
			b.put(t, "a1", "b1")
			b.putAccess(t, "a2", "b2")
			b.start()
			<-delivering
			<-delivering
			ended := make(chan struct{})
			stop := b.stop
			b.stop = func() { <-ended }
			go func() { stop(); close(ended) }()
			close(goOn)
			<-ended
			assert.Equal(t, []string{"a1"}, b.got()[:1])
			assert.Equal(t, []string{"a2"}, b.logged()[:1])
			assert.Equal(t, 4-len(b.got())-len(b.logged()), b.figures(t).Waiting)
		})
	})
}

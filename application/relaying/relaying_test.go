package relaying_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/application/relaying"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/ports/portstest"
)

func TestDelivery(t *testing.T) {
	t.Run("notices are delivered, those of a key in order", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			b.put(t, "a1", "a2", "b1", "a3")
			b.start()
			assert.Equal(t, []string{"a1", "b1", "a2", "a3"}, b.got())
			assert.Equal(t, relaying.Figures{}, b.figures(t))
		})
	})

	t.Run("what is put while it runs is delivered within a poll", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			b.start()
			pass(10 * time.Minute)
			b.put(t, "a1")
			pass(relaying.DefaultPoll)
			assert.Equal(t, []string{"a1"}, b.got())
		})
	})

	t.Run("many keys take several rounds, without a pause", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			for i := range 250 {
				require.NoError(t, b.db.Outbox().Put(t.Context(), notice.Notice{ID: fmt.Sprint(i), Key: fmt.Sprint(i), To: notice.NAS,
					Advis: nas.Notification{Topic: "t", Payload: []byte("<a/>")}}))
			}
			b.start()
			assert.Len(t, b.got(), 250)
			assert.Len(t, b.audit.Lines(), 3)
		})
	})

	t.Run("PC-27 NAS is down for a while: what was put arrives when it is back, once, and in order", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			b.notifier.OnNotify.FailFrom(1, errDown)
			b.start()
			b.put(t, "a1", "a2")
			pass(time.Hour)
			b.put(t, "a3", "b1")
			pass(time.Hour)
			assert.Empty(t, b.got())
			assert.Equal(t, relaying.Figures{Waiting: 4, Oldest: 2 * time.Hour}, b.figures(t))
			b.notifier.OnNotify.Heal()
			pass(relaying.DefaultMaxBackoff + relaying.DefaultPoll)
			got := b.got()
			assert.Len(t, got, 4)
			assert.Equal(t, []string{"a1", "a2", "a3"}, slices.DeleteFunc(slices.Clone(got), func(id string) bool { return id == "b1" }))
		})
	})

	t.Run("without a notification service everything waits", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			b.Notifier = nil
			b.put(t, "a1")
			b.start()
			pass(time.Hour)
			due, err := b.db.Outbox().Next(t.Context(), notice.NAS, time.Now(), 10)
			require.NoError(t, err)
			require.Len(t, due, 1)
			assert.Zero(t, due[0].Attempts)
			assert.Empty(t, b.audit.Lines())
		})
	})

	t.Run("a notice for a target that nobody delivers to waits, and holds up no other", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			for i := range 5 {
				require.NoError(t, b.db.Outbox().Put(t.Context(), notice.Notice{ID: fmt.Sprint(i), Key: fmt.Sprint(i), To: notice.MinLog}))
			}
			b.put(t, "a1")
			b.start()
			assert.Equal(t, []string{"a1"}, b.got())
			assert.Equal(t, 5, b.figures(t).Waiting)
		})
	})
}

func TestBackoff(t *testing.T) {
	t.Run("a notice that fails is tried after 1 s, 2 s, 4 s and so on, at most 5 minutes later", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			var tried []time.Time
			b.Notifier = target(func(context.Context, nas.Notification) error {
				tried = append(tried, time.Now())
				return errDown
			})
			b.put(t, "a1")
			b.start()
			pass(time.Hour)
			b.stop()
			for i, want := range []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300} {
				got := tried[i+1].Sub(tried[i])
				assert.InDelta(t, want*time.Second, got, float64(relaying.DefaultPoll), "pause %d", i+1)
			}
		})
	})

	t.Run("a notice that always fails holds up no other key", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			b.Notifier = target(func(ctx context.Context, n nas.Notification) error {
				if n.ID[0] == 'a' || n.ID[0] == 'b' {
					return errDown
				}
				return b.nas.Notify(ctx, []nas.Notification{n})
			})
			b.put(t, "a1", "a2", "b1", "c1", "c2")
			b.start()
			pass(time.Second)
			assert.Equal(t, []string{"c1", "c2"}, b.got())
			for i := range 20 {
				pass(time.Minute)
				b.put(t, fmt.Sprintf("d%d", i))
				pass(relaying.DefaultPoll)
				assert.Contains(t, b.got(), fmt.Sprintf("d%d", i))
			}
			assert.Equal(t, 3, b.figures(t).Waiting)
		})
	})

	t.Run("a target that is down is left alone: few attempts, whatever waits", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			tried := 0
			b.Notifier = target(func(context.Context, nas.Notification) error {
				tried++
				return errDown
			})
			for i := range 500 {
				require.NoError(t, b.db.Outbox().Put(t.Context(), notice.Notice{ID: fmt.Sprint(i), Key: fmt.Sprint(i), To: notice.NAS}))
			}
			b.start()
			pass(time.Hour)
			assert.Less(t, tried, 100, "attempts in an hour")
		})
	})

	t.Run("many that always fail do not keep the others from being delivered", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			b.Notifier = target(func(ctx context.Context, n nas.Notification) error {
				if n.ID[0] < 'k' {
					return errDown
				}
				return b.nas.Notify(ctx, []nas.Notification{n})
			})
			b.put(t, "a1", "b1", "c1", "d1", "e1", "f1", "g1", "h1", "i1", "j1", "k1", "l1")
			b.start()
			pass(time.Minute)
			assert.Equal(t, []string{"k1", "l1"}, b.got())
		})
	})

	t.Run("a delivery that panics is one that failed, and those before it are not delivered again", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			b.Notifier = target(func(ctx context.Context, n nas.Notification) error {
				if n.ID == "b1" {
					panic("boom")
				}
				return b.nas.Notify(ctx, []nas.Notification{n})
			})
			b.put(t, "a1", "b1", "c1")
			b.start()
			pass(time.Hour)
			assert.Equal(t, []string{"a1", "c1"}, b.got())
			assert.Contains(t, b.log.String(), "panic in a delivery")
		})
	})

	t.Run("a delivery that never ends is given up", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			b.Notifier = target(func(ctx context.Context, n nas.Notification) error {
				if n.ID == "a1" {
					<-ctx.Done()
					return ctx.Err()
				}
				return b.nas.Notify(ctx, []nas.Notification{n})
			})
			b.put(t, "a1", "b1")
			b.start()
			pass(15 * time.Second)
			assert.Equal(t, []string{"b1"}, b.got())
		})
	})
}

func TestParking(t *testing.T) {
	t.Run("a notice that is refused is parked with the code, and its key goes on", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			require.NoError(t, b.db.Outbox().Put(t.Context(), notice.Notice{ID: "a0", Key: "a", To: notice.NAS, Advis: nas.Notification{Topic: "t"}}))
			b.put(t, "a1")
			b.start()
			assert.Equal(t, []string{"a1"}, b.got())
			parked, err := b.db.Outbox().Parked(t.Context(), 10)
			require.NoError(t, err)
			require.Len(t, parked, 1)
			assert.Equal(t, nas.ContentInvalid, parked[0].Code)
			assert.Contains(t, b.log.String(), "notice=a0")
		})
	})

	t.Run("what is refused and then retried is delivered", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			b.notifier.OnNotify.FailFrom(1, fmt.Errorf("notify: %w", nas.ErrRefused))
			b.put(t, "a1")
			b.start()
			assert.Equal(t, relaying.Figures{Parked: 1}, b.figures(t))
			b.notifier.OnNotify.Heal()
			require.NoError(t, b.db.Outbox().Retry(t.Context(), "a1", time.Now()))
			pass(relaying.DefaultPoll)
			assert.Equal(t, []string{"a1"}, b.got())
		})
	})
}

func TestCrash(t *testing.T) {
	t.Run("delivered, and not kept: it is delivered again, in order", func(t *testing.T) {
		for name, fail := range map[string]func(*bench){
			"the store fails":        func(b *bench) { b.outbox.OnDone.FailFrom(1, errDown) },
			"the commit fails":       func(b *bench) { b.units.OnCommit.FailFrom(1, errDown) },
			"the audit log fails":    func(b *bench) { b.lines.OnLine.FailFrom(1, errDown) },
			"the answer never comes": func(b *bench) { b.notifier.OnAnswer.FailFrom(1, errDown) },
		} {
			t.Run(name, func(t *testing.T) {
				bubble(t, func(t *testing.T, b *bench) {
					fail(b)
					b.put(t, "a1", "a2")
					b.start()
					assert.Equal(t, []string{"a1"}, b.got())
					assert.Equal(t, 2, b.figures(t).Waiting)
					for _, f := range []*portstest.Failure{&b.outbox.OnDone, &b.units.OnCommit, &b.lines.OnLine, &b.notifier.OnAnswer} {
						f.Heal()
					}
					pass(time.Minute)
					assert.Equal(t, []string{"a1", "a1", "a2"}, b.got())
					assert.Zero(t, b.figures(t).Waiting)
				})
			})
		}
	})

	t.Run("nothing is delivered while the audit log is not ready", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			b.lines.OnReady.FailFrom(1, errDown)
			b.put(t, "a1")
			b.start()
			pass(time.Minute)
			assert.Empty(t, b.got())
			b.lines.OnReady.Heal()
			pass(2 * time.Minute)
			assert.Equal(t, []string{"a1"}, b.got())
		})
	})

	t.Run("a relay that is stopped keeps what it delivered, and begins nothing more", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			delivering, goOn := make(chan struct{}), make(chan struct{})
			b.Notifier = target(func(ctx context.Context, n nas.Notification) error {
				close(delivering)
				<-goOn
				return b.nas.Notify(ctx, []nas.Notification{n})
			})
			b.put(t, "a1", "b1")
			b.start()
			<-delivering
			go b.stop()
			synctest.Wait()
			close(goOn)
			synctest.Wait()
			assert.Equal(t, []string{"a1"}, b.got())
			assert.Equal(t, 1, b.figures(t).Waiting)
		})
	})
}

func TestAuditLines(t *testing.T) {
	t.Run("a round leaves one line with what it delivered and parked; a look that finds nothing leaves none", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			require.NoError(t, b.db.Outbox().Put(t.Context(), notice.Notice{ID: "p1", Key: "p", To: notice.NAS, Advis: nas.Notification{Topic: "t"}}))
			b.put(t, "a1", "b1")
			b.start()
			pass(time.Hour)
			lines := b.audit.Lines()
			require.Len(t, lines, 1)
			assert.Equal(t, audit.Admin, lines[0].Route)
			assert.Equal(t, "job:"+relaying.Name, lines[0].Access.Path)
			var want audit.Notes
			want.Add(audit.Admin, audit.Deliver, audit.NoticeID.Is("p1"), audit.NoticeTarget.Is("nas"), audit.NoticeCode.Is(nas.ContentInvalid),
				audit.Delivered.Is("2"))
			assert.Equal(t, want, lines[0].Notes)
		})
	})

	t.Run("a delivery that fails leaves no line", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			b.notifier.OnNotify.FailFrom(1, errDown)
			b.put(t, "a1")
			b.start()
			pass(time.Hour)
			assert.Empty(t, b.audit.Lines())
		})
	})
}

func TestLease(t *testing.T) {
	t.Run("of two relays one delivers, and the other goes on when it stops", func(t *testing.T) {
		bubble(t, func(t *testing.T, a *bench) {
			b := another(t, a.db, "b")
			a.start()
			b.start()
			a.put(t, "a1")
			pass(time.Hour)
			a.put(t, "a2")
			pass(time.Second)
			assert.Equal(t, []string{"a1", "a2"}, a.got())
			assert.Empty(t, b.got())
			a.stop()
			a.stop = func() {}
			a.put(t, "a3")
			pass(3 * time.Second)
			assert.Equal(t, []string{"a3"}, b.got())
		})
	})

	t.Run("one that died is taken over from when its lease has run out", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			got, err := b.db.Leases().Acquire(t.Context(), relaying.Name, "dead", time.Now(), 30*time.Second)
			require.NoError(t, err)
			require.True(t, got)
			b.put(t, "a1")
			b.start()
			pass(29 * time.Second)
			assert.Empty(t, b.got())
			pass(4 * time.Second)
			assert.Equal(t, []string{"a1"}, b.got())
		})
	})

	t.Run("a relay that cannot prolong its lease stops delivering before another may begin", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			b.start()
			b.leases.OnAcquire.FailFrom(1, errDown)
			pass(31 * time.Second)
			b.put(t, "a1")
			pass(time.Minute)
			assert.Empty(t, b.got())
			b.leases.OnAcquire.Heal()
			pass(4 * time.Second)
			assert.Equal(t, []string{"a1"}, b.got())
		})
	})

	t.Run("no delivery begins that might go on when the lease has run out", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			b.Notifier = target(func(ctx context.Context, n nas.Notification) error { // 9 s each
				until, err := b.db.Leases().Held(t.Context(), relaying.Name, time.Now())
				assert.NoError(t, err)
				assert.Equal(t, "a", until[relaying.Name], "delivered without the lease")
				time.Sleep(9 * time.Second)
				return b.nas.Notify(ctx, []nas.Notification{n})
			})
			b.put(t, append(append(ids("a", 1), ids("b", 1)...), "c0", "d0", "e0", "f0")...)
			b.start()
			pass(5 * time.Minute)
			assert.Len(t, b.got(), 6)
		})
	})

	t.Run("a relay that alone has the outbox needs no lease", func(t *testing.T) {
		bubble(t, func(t *testing.T, b *bench) {
			b.Leases = nil
			b.put(t, "a1")
			b.start()
			assert.Equal(t, []string{"a1"}, b.got())
			pass(time.Hour)
			b.put(t, "a2")
			pass(time.Second)
			assert.Equal(t, []string{"a1", "a2"}, b.got())
		})
	})
}

// history is what a case did and what came of it.
type history struct {
	put, got, logged, parked []string // got by NAS, logged by MinLog
	left                     relaying.Figures
}

// step is something that happens to a relay.
type step struct {
	what string
	n    int // the call from which it fails, or seconds
	key  string
}

// live has a relay go through steps, ends what fails, and lets it work for a while.
func live(t *testing.T, steps []step) (h history) {
	synctest.Test(t, func(t *testing.T) {
		b := another(t, memory.New(time.Now), "a")
		b.Access, b.Relay.Log = b.access, slog.New(slog.DiscardHandler)
		heal := func() {
			for _, f := range []*portstest.Failure{
				&b.notifier.OnNotify, &b.notifier.OnAnswer, &b.access.OnLog, &b.access.OnAnswer, &b.outbox.OnDone, &b.units.OnCommit, &b.lines.OnLine,
			} {
				f.Heal()
			}
		}
		for _, s := range steps {
			switch s.what {
			case "put":
				id := fmt.Sprintf("%s%d", s.key, len(h.put))
				b.put(t, id)
				h.put = append(h.put, id)
			case "put access":
				id := fmt.Sprintf("%s%d", s.key, len(h.put))
				b.putAccess(t, id)
				h.put = append(h.put, id)
			case "MinLog is down":
				b.access.OnLog.FailFrom(s.n, errDown)
			case "MinLog refuses":
				b.access.OnLog.FailFrom(s.n, minlog.Refusal{Code: minlog.CodeValue})
			case "MinLog is deaf":
				b.access.OnAnswer.FailFrom(s.n, errDown)
			case "down":
				b.notifier.OnNotify.FailFrom(s.n, errDown)
			case "refuse":
				b.notifier.OnNotify.FailFrom(s.n, nas.ErrRefused)
			case "deaf":
				b.notifier.OnAnswer.FailFrom(s.n, errDown)
			case "store":
				b.outbox.OnDone.FailFrom(s.n, errDown)
			case "commit":
				b.units.OnCommit.FailFrom(s.n, errDown)
			case "audit":
				b.lines.OnLine.FailFrom(s.n, errDown)
			case "heal":
				heal()
			case "restart":
				b.stop()
				b.start()
			case "time":
				pass(time.Duration(s.n*s.n) * time.Second)
			}
		}
		heal()
		b.stop()
		b.start()
		pass(10 * time.Minute)
		h.got, h.logged, h.left = b.got(), b.logged(), b.figures(t)
		parked, err := b.db.Outbox().Parked(t.Context(), 100)
		require.NoError(t, err)
		for _, p := range parked {
			h.parked = append(h.parked, p.ID)
		}
	})
	return h
}

// Whatever fails, and whenever processes begin anew: nothing is lost, and each key is in order.
func TestRelayAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := live(t, rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
			return step{
				what: rapid.SampledFrom([]string{
					"put", "put", "put", "put access", "put access", "down", "refuse", "deaf", "MinLog is down", "MinLog refuses", "MinLog is deaf", "store",
					"commit", "audit", "heal", "restart", "time", "time",
				}).Draw(t, "what"),
				n:   rapid.IntRange(1, 20).Draw(t, "n"),
				key: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "key"),
			}
		}), 1, 30).Draw(rt, "steps"))
		require.Equal(rt, relaying.Figures{Parked: len(h.parked)}, h.left, "nothing waits")
		seen := map[string]bool{}
		for _, ids := range [][]string{h.got, h.logged} {
			newest := map[byte]int{}
			for _, id := range ids {
				at := slices.Index(h.put, id)
				require.GreaterOrEqual(rt, at, newest[id[0]], "%s comes after a later one of its key", id)
				newest[id[0]], seen[id] = at, true
			}
		}
		for _, id := range h.parked {
			seen[id] = true
		}
		require.Len(rt, seen, len(h.put), "each is delivered or parked")
	})
}

func TestFiguresFail(t *testing.T) {
	b := another(t, memory.New(time.Now), "a")
	b.outbox.OnWaiting.FailFrom(1, errDown)
	_, err := relaying.ReadFigures(t.Context(), b.outbox, time.Now())
	require.True(t, errors.Is(err, errDown))
}

package kafka

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/ports"
)

// unitful is a service on a fake broker, its log and its units of work.
func unitful(t *testing.T) (*kfake.Cluster, ports.MessageLog, ports.UnitOfWork) {
	broker := fake(t, 1)
	s := connected(t, Options{Brokers: broker.ListenAddrs()}).Service("nas")
	return broker, s.MessageLog(), s.Units()
}

func appending(t *testing.T, log ports.MessageLog, value string) func(context.Context) error {
	return func(ctx context.Context) error {
		require.NoError(t, log.Append(ctx, []messagelog.Record{event("k", value)}))
		return nil
	}
}

func TestNothingIsSentBeforeSealHasReturned(t *testing.T) {
	broker, log, units := unitful(t)
	require.NoError(t, put(t, log, "the topic is known"))
	begun, produced, ended := count(broker, kmsg.AddPartitionsToTxn), count(broker, kmsg.Produce), count(broker, kmsg.EndTxn)
	var order []string
	require.NoError(t, units.Run(patient(t), func(ctx context.Context) error {
		order = append(order, "work")
		return appending(t, log, "1")(ctx)
	}, func(ctx context.Context) error {
		order = append(order, "seal")
		require.NoError(t, log.Append(ctx, []messagelog.Record{event("k", "2")}), "seal belongs to the unit")
		assert.Zero(t, begun.Load()+produced.Load()+ended.Load(), "requests of a transaction before seal has returned")
		return nil
	}))
	assert.Equal(t, []string{"work", "seal"}, order)
	assert.Equal(t, []int64{1, 1, 1}, []int64{begun.Load(), produced.Load(), ended.Load()}, "begin, produce, commit")
	assert.Equal(t, []string{"the topic is known", "1", "2"}, stored(t, log, 0))
}

func TestARollbackLeavesNothing(t *testing.T) {
	broker, log, units := unitful(t)
	begun := count(broker, kmsg.AddPartitionsToTxn)
	sealed := false
	assert.Equal(t, errBoom, units.Run(patient(t), func(ctx context.Context) error {
		require.NoError(t, appending(t, log, "lost")(ctx))
		return errBoom
	}, func(context.Context) error {
		sealed = true
		return nil
	}), "an error of work is returned as it is")
	assert.False(t, sealed, "seal after an error of work")
	assert.Equal(t, errBoom, units.Run(patient(t), appending(t, log, "lost"), func(context.Context) error { return errBoom }),
		"an error of seal is returned as it is")
	for _, when := range []string{"work", "seal"} {
		assert.PanicsWithValue(t, "kaboom", func() {
			_ = units.Run(patient(t), func(ctx context.Context) error {
				require.NoError(t, appending(t, log, "lost")(ctx))
				if when == "work" {
					panic("kaboom")
				}
				return nil
			}, func(context.Context) error { panic("kaboom") })
		}, "a panic of %s goes on", when)
	}
	assert.Zero(t, begun.Load(), "transactions")
	require.NoError(t, put(t, log, "kept"))
	assert.Equal(t, []string{"kept"}, stored(t, log, 0))
}

func TestARunWithinAUnitFails(t *testing.T) {
	_, log, units := unitful(t)
	require.NoError(t, units.Run(patient(t), func(ctx context.Context) error {
		ran := false
		require.ErrorIs(t, units.Run(ctx, func(context.Context) error {
			ran = true
			return nil
		}, nothing), errNested)
		assert.False(t, ran, "work of the inner Run")
		return appending(t, log, "1")(ctx)
	}, nothing))
	assert.Equal(t, []string{"1"}, stored(t, log, 0), "the unit lives")
}

func TestAUnitThatHasEnded(t *testing.T) {
	_, log, units := unitful(t)
	var kept context.Context
	for _, fails := range []error{nil, errBoom} {
		_ = units.Run(patient(t), func(ctx context.Context) error {
			kept = ctx
			return fails
		}, nothing)
		require.ErrorIs(t, log.Append(kept, []messagelog.Record{event("k", "late")}), errEnded)
	}
	assert.PanicsWithValue(t, "kaboom", func() {
		_ = units.Run(patient(t), func(ctx context.Context) error {
			kept = ctx
			panic("kaboom")
		}, nothing)
	})
	require.ErrorIs(t, log.Append(kept, []messagelog.Record{event("k", "late")}), errEnded)
	assert.Empty(t, stored(t, log, 0))
}

func TestAUnitWithoutRecordsSendsNothing(t *testing.T) {
	broker, log, units := unitful(t)
	begun := count(broker, kmsg.AddPartitionsToTxn)
	require.NoError(t, units.Run(patient(t), func(ctx context.Context) error { return log.Append(ctx, nil) }, nothing))
	assert.Zero(t, begun.Load(), "transactions")
}

func TestAContextThatEndsAfterSealDoesNotTakeTheCommitBack(t *testing.T) {
	broker := fake(t, 1)
	s := connected(t, Options{Brokers: broker.ListenAddrs(), Producers: 1}).Service("nas")
	log := s.MessageLog()
	held, release := hold(t, broker, kmsg.EndTxn)
	first := make(chan error, 1)
	go func() { first <- put(t, log, "first") }()
	<-held
	ctx, cancel := context.WithCancel(patient(t))
	committed := make(chan error, 1)
	go func() {
		committed <- s.Units().Run(ctx, appending(t, log, "1"), func(context.Context) error {
			cancel()
			return nil
		})
	}()
	eventually(t, s.waits(1), "it waits for the producer")
	release()
	require.NoError(t, <-committed)
	require.NoError(t, <-first)
	assert.Equal(t, []string{"first", "1"}, stored(t, log, 0))
}

func TestAnAppendThatFailsLeavesTheUnitAsItWas(t *testing.T) {
	_, log, units := unitful(t)
	require.NoError(t, units.Run(patient(t), func(ctx context.Context) error {
		require.NoError(t, appending(t, log, "1")(ctx))
		require.ErrorIs(t, log.Append(ctx, []messagelog.Record{event("k", "2"), {Topic: "missing"}}), messagelog.ErrNoTopic)
		return appending(t, log, "3")(ctx)
	}, nothing))
	assert.Equal(t, []string{"1", "3"}, stored(t, log, 0))
}

func TestAUnitKeepsCopies(t *testing.T) {
	_, log, units := unitful(t)
	rec := messagelog.Record{Topic: events, Key: []byte("key"), Value: []byte("value"), Headers: []messagelog.Header{{Key: "h", Value: "v"}}}
	require.NoError(t, units.Run(patient(t), func(ctx context.Context) error {
		require.NoError(t, log.Append(ctx, []messagelog.Record{rec}))
		copy(rec.Key, "xxx")
		copy(rec.Value, "xxxxx")
		rec.Headers[0].Value = "x"
		return nil
	}, nothing))
	for batch, err := range log.Read(patient(t), events, 0, 0, 1, messagelog.ReadOptions{}) {
		require.NoError(t, err)
		require.Len(t, batch.Records, 1)
		got := batch.Records[0]
		assert.Equal(t, "key value h v", string(got.Key)+" "+string(got.Value)+" "+got.Headers[0].Key+" "+got.Headers[0].Value)
		assert.Len(t, got.Headers, 1, "nothing of ours is added")
	}
}

func TestAUnitOfAnotherServiceIsNotJoined(t *testing.T) {
	broker := fake(t, 1)
	c := connected(t, Options{Brokers: broker.ListenAddrs()})
	nas, minlog := c.Service("nas"), c.Service("minlog")
	assert.Equal(t, errBoom, minlog.Units().Run(patient(t), func(ctx context.Context) error {
		require.NoError(t, nas.MessageLog().Append(ctx, []messagelog.Record{event("k", "1")}))
		return errBoom
	}, nothing))
	assert.Equal(t, []string{"1"}, stored(t, nas.MessageLog(), 0), "a transaction of its own")
}

func TestACommitThatIsRefused(t *testing.T) {
	broker, log, units := unitful(t)
	broker.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Err: kerr.TransactionalIDAuthorizationFailed})
	err := units.Run(patient(t), appending(t, log, "1"), nothing)
	var commit *ports.CommitError
	require.ErrorAs(t, err, &commit)
	assert.False(t, commit.Unknown)
	assert.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	require.NoError(t, put(t, log, "2"))
	assert.Equal(t, []string{"2"}, stored(t, log, 0))
}

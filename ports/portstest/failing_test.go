package portstest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

var errDown = errors.New("down")

type auditLog struct{ lines int }

func (l *auditLog) Ready(context.Context) error { return nil }
func (l *auditLog) Append(context.Context, audit.Entry) error {
	l.lines++
	return nil
}

type units struct{ commits int }

func (u *units) Run(ctx context.Context, work, seal func(context.Context) error) error {
	if err := work(ctx); err != nil {
		return err
	}
	if err := seal(ctx); err != nil {
		return err
	}
	u.commits++
	return nil
}

func nothing(context.Context) error { return nil }

func TestFailingAuditLog(t *testing.T) {
	ctx := context.Background()
	within := &auditLog{}
	log := &portstest.FailingAuditLog{Log: within}
	require.NoError(t, log.Ready(ctx))
	log.OnReady.FailFrom(1, errDown)
	log.OnLine.FailFrom(2, errDown)
	require.ErrorIs(t, log.Ready(ctx), errDown)
	require.NoError(t, log.Append(ctx, audit.Entry{}))
	require.ErrorIs(t, log.Append(ctx, audit.Entry{}), errDown)
	require.ErrorIs(t, log.Append(ctx, audit.Entry{}), errDown)
	assert.Equal(t, 1, within.lines)
	log.OnLine.Heal()
	require.NoError(t, log.Append(ctx, audit.Entry{}))
	assert.Equal(t, 2, within.lines)
}

func TestFailingUnitOfWork(t *testing.T) {
	ctx := context.Background()
	within := &units{}
	u := &portstest.FailingUnitOfWork{Units: within}
	require.NoError(t, u.Run(ctx, nothing, nothing))
	var commit *ports.CommitError

	u.OnCommit.FailFrom(1, errDown)
	require.ErrorAs(t, u.Run(ctx, nothing, nothing), &commit)
	assert.False(t, commit.Unknown)
	require.ErrorIs(t, commit, errDown)
	assert.Equal(t, 1, within.commits, "rolled back")

	u.OnCommit.Heal()
	u.OnOutcome.FailFrom(1, errDown)
	require.ErrorAs(t, u.Run(ctx, nothing, nothing), &commit)
	assert.True(t, commit.Unknown)
	assert.Equal(t, 2, within.commits, "took effect")
}

func TestFailingMessageLog(t *testing.T) {
	ctx := context.Background()
	log := &portstest.FailingMessageLog{Log: nil}
	log.OnAppend.FailFrom(1, errDown)
	log.OnBounds.FailFrom(1, errDown)
	require.ErrorIs(t, log.Append(ctx, nil), errDown)
	_, err := log.Bounds(ctx, nil)
	require.ErrorIs(t, err, errDown)
	log.OnRead.FailFrom(1, errDown)
	for _, err := range log.Read(ctx, "t", 0, 0, 1, messagelog.ReadOptions{}) {
		require.ErrorIs(t, err, errDown)
	}
}

func TestFailingLogStore(t *testing.T) {
	ctx := context.Background()
	s := &portstest.FailingLogStore{Log: nil}
	s.OnStore.FailFrom(1, errDown)
	s.OnRead.FailFrom(1, errDown)
	_, storeErr := s.Store(ctx, minlog.Partition{}, 0, 1, minlog.Batch{})
	_, _, expireErr := s.Expire(ctx, time.Time{})
	_, _, nextErr := s.NextOffset(ctx, minlog.Partition{})
	_, personErr := s.ByPerson(ctx, "", minlog.Query{}, minlog.Cursor{}, 1)
	_, behalfErr := s.ByBehalf(ctx, "", minlog.Query{}, minlog.Cursor{}, 1)
	_, dailyErr := s.Daily(ctx, calendar.Day{}, calendar.Day{}, "")
	_, lettersErr := s.DeadLetters(ctx, time.Time{})
	for _, err := range []error{storeErr, expireErr, nextErr, personErr, behalfErr, dailyErr, lettersErr} {
		require.ErrorIs(t, err, errDown)
	}
}

func TestFailingSecurityStores(t *testing.T) {
	ctx := context.Background()
	replies, seen := &portstest.FailingReplyStore{}, &portstest.FailingSeenStore{}
	grants, sessions := &portstest.FailingGrantStore{}, &portstest.FailingSessionStore{}
	for _, f := range []*portstest.Failure{&replies.OnBegin, &replies.OnKeep, &replies.OnDrop, &replies.OnPurge, &seen.OnMark, &seen.OnPurge,
		&grants.OnRead, &grants.OnUpdate, &sessions.OnRead, &sessions.OnWrite} {
		f.FailFrom(1, errDown)
	}
	_, _, begin := replies.Begin(ctx, ports.ReplyKey{}, [32]byte{}, time.Time{})
	_, forget := replies.Purge(ctx, time.Time{}, 1)
	_, unsee := seen.Purge(ctx, time.Time{}, 1)
	_, read := grants.Grants(ctx)
	_, _, get := sessions.Get(ctx, [32]byte{}, time.Time{})
	_, expire := sessions.Purge(ctx, time.Time{}, 1)
	for i, err := range []error{begin, forget, replies.Keep(ctx, ports.ReplyClaim{}, nil), replies.Drop(ctx, ports.ReplyClaim{}),
		unsee, seen.Mark(ctx, [32]byte{}, "", time.Time{}), read, grants.Update(ctx, nil), get, expire,
		sessions.Put(ctx, [32]byte{}, identity.Caller{}, time.Time{}), sessions.Delete(ctx, [32]byte{})} {
		require.ErrorIs(t, err, errDown, "call %d", i)
	}
}

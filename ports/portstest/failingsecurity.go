package portstest

import (
	"context"
	"time"

	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/ports"
)

// FailingReplyStore is a store of answers that fails on demand; what fails does not reach the store within.
type FailingReplyStore struct {
	Replies                          ports.ReplyStore
	OnBegin, OnKeep, OnDrop, OnPurge Failure
}

var _ ports.ReplyStore = (*FailingReplyStore)(nil)

// Begin fails as OnBegin says.
func (s *FailingReplyStore) Begin(ctx context.Context, key ports.ReplyKey, body [32]byte, until time.Time) ([]byte, *ports.ReplyClaim, error) {
	if err := s.OnBegin.next(); err != nil {
		return nil, nil, err
	}
	return s.Replies.Begin(ctx, key, body, until)
}

// Keep fails as OnKeep says; the claim is still held then.
func (s *FailingReplyStore) Keep(ctx context.Context, claim ports.ReplyClaim, reply []byte) error {
	if err := s.OnKeep.next(); err != nil {
		return err
	}
	return s.Replies.Keep(ctx, claim, reply)
}

// Drop fails as OnDrop says; the claim is still held then.
func (s *FailingReplyStore) Drop(ctx context.Context, claim ports.ReplyClaim) error {
	if err := s.OnDrop.next(); err != nil {
		return err
	}
	return s.Replies.Drop(ctx, claim)
}

// Purge fails as OnPurge says.
func (s *FailingReplyStore) Purge(ctx context.Context, now time.Time, n int) (bool, error) {
	if err := s.OnPurge.next(); err != nil {
		return false, err
	}
	return s.Replies.Purge(ctx, now, n)
}

// FailingSeenStore is a store of message ids that fails on demand.
type FailingSeenStore struct {
	Seen            ports.SeenStore
	OnMark, OnPurge Failure
}

var _ ports.SeenStore = (*FailingSeenStore)(nil)

// Mark fails as OnMark says; nothing is recorded then.
func (s *FailingSeenStore) Mark(ctx context.Context, signer [32]byte, id string, until time.Time) error {
	if err := s.OnMark.next(); err != nil {
		return err
	}
	return s.Seen.Mark(ctx, signer, id, until)
}

// Purge fails as OnPurge says.
func (s *FailingSeenStore) Purge(ctx context.Context, now time.Time, n int) (bool, error) {
	if err := s.OnPurge.next(); err != nil {
		return false, err
	}
	return s.Seen.Purge(ctx, now, n)
}

// FailingGrantStore is a store of grants that fails on demand.
type FailingGrantStore struct {
	Store            ports.GrantStore
	OnRead, OnUpdate Failure
}

var _ ports.GrantStore = (*FailingGrantStore)(nil)

// Grants fails as OnRead says.
func (s *FailingGrantStore) Grants(ctx context.Context) ([]trust.Grant, error) {
	if err := s.OnRead.next(); err != nil {
		return nil, err
	}
	return s.Store.Grants(ctx)
}

// Update fails as OnUpdate says; edit does not run then.
func (s *FailingGrantStore) Update(ctx context.Context, edit func([]trust.Grant) ([]trust.Grant, error)) error {
	if err := s.OnUpdate.next(); err != nil {
		return err
	}
	return s.Store.Update(ctx, edit)
}

// FailingSessionStore is a store of sessions that fails on demand: OnRead in Get, OnWrite in what writes.
type FailingSessionStore struct {
	Sessions        ports.SessionStore
	OnRead, OnWrite Failure
}

var _ ports.SessionStore = (*FailingSessionStore)(nil)

// Put fails as OnWrite says; nothing is kept then.
func (s *FailingSessionStore) Put(ctx context.Context, token [32]byte, c identity.Caller, until time.Time) error {
	if err := s.OnWrite.next(); err != nil {
		return err
	}
	return s.Sessions.Put(ctx, token, c, until)
}

// Get fails as OnRead says.
func (s *FailingSessionStore) Get(ctx context.Context, token [32]byte, now time.Time) (identity.Caller, time.Time, error) {
	if err := s.OnRead.next(); err != nil {
		return identity.Caller{}, time.Time{}, err
	}
	return s.Sessions.Get(ctx, token, now)
}

// Delete fails as OnWrite says; the session goes on then.
func (s *FailingSessionStore) Delete(ctx context.Context, token [32]byte) error {
	if err := s.OnWrite.next(); err != nil {
		return err
	}
	return s.Sessions.Delete(ctx, token)
}

// Purge fails as OnWrite says.
func (s *FailingSessionStore) Purge(ctx context.Context, now time.Time, n int) (bool, error) {
	if err := s.OnWrite.next(); err != nil {
		return false, err
	}
	return s.Sessions.Purge(ctx, now, n)
}

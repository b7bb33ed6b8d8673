package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/ports"
)

// sessions keeps the sessions of REST clients in security_session.
type sessions struct{ db *DB }

var _ ports.SessionStore = sessions{}

const putSession = `INSERT INTO security_session (token_hash, caller, until) VALUES (?, ?, ?)
	ON CONFLICT (token_hash) DO UPDATE SET caller = excluded.caller, until = excluded.until`

// Put replaces the row of a token that is there.
func (s sessions) Put(ctx context.Context, token [32]byte, c identity.Caller, until time.Time) error {
	doc, err := marshalCaller(c)
	if err != nil {
		return fmt.Errorf("put a session: %w", err)
	}
	_, err = s.db.one(ctx, nil, putSession, token[:], string(doc), until.UnixMicro())
	if err != nil {
		return fmt.Errorf("put a session: %w", err)
	}
	return nil
}

const findSession = "SELECT caller, until FROM security_session WHERE token_hash = ? AND until > ?"

// Get ends a session that another version of this program put and this one cannot read: the client opens a new one.
func (s sessions) Get(ctx context.Context, token [32]byte, now time.Time) (c identity.Caller, until time.Time, err error) {
	found := false
	err = s.db.read(ctx).query(ctx, func(rows *sql.Rows) error {
		var doc sql.RawBytes
		var micros int64
		if err := rows.Scan(&doc, &micros); err != nil {
			return err
		}
		until = time.UnixMicro(micros).UTC()
		c, found, err = unmarshalCaller(doc)
		return err
	}, findSession, token[:], now.UnixMicro())
	switch {
	case err != nil:
		return identity.Caller{}, time.Time{}, fmt.Errorf("get a session: %w", translate(err))
	case !found:
		return identity.Caller{}, time.Time{}, ports.ErrNoSession
	}
	return c, until, nil
}

const deleteSession = "DELETE FROM security_session WHERE token_hash = ?"

func (s sessions) Delete(ctx context.Context, token [32]byte) error {
	if _, err := s.db.one(ctx, nil, deleteSession, token[:]); err != nil {
		return fmt.Errorf("delete a session: %w", err)
	}
	return nil
}

const purgeSessions = "DELETE FROM security_session WHERE token_hash IN (SELECT token_hash FROM security_session WHERE until <= ? LIMIT ?) AND until <= ?"

func (s sessions) Purge(ctx context.Context, now time.Time, n int) (done bool, err error) {
	return s.db.purge(ctx, purgeSessions, now, n)
}

// callerVersion is that of callerDoc: raised when a field gets another name or meaning, also by a new order of the kinds and schemes, which
// are numbers. A field that is new needs no new version.
const callerVersion = 1

// callerDoc is a caller as JSON: the fields of identity.Caller, with the civil registration numbers, which do not marshal, as digits.
type callerDoc struct {
	Version int
	identity.Caller
	CPR        string
	OnBehalfOf *principalDoc
	HSUID      *hsuidDoc
}

type principalDoc struct {
	identity.Principal
	CPR string
}

type hsuidDoc struct {
	identity.HSUID
	Acting, Responsible, Citizen string
}

func marshalCaller(c identity.Caller) ([]byte, error) {
	doc := callerDoc{Version: callerVersion, Caller: c, CPR: c.CPR.Digits()}
	if c.OnBehalfOf != nil {
		doc.OnBehalfOf = &principalDoc{*c.OnBehalfOf, c.OnBehalfOf.CPR.Digits()}
	}
	if h := c.HSUID; h != nil {
		doc.HSUID = &hsuidDoc{*h, h.Acting.Digits(), h.Responsible.Digits(), h.Citizen.Digits()}
	}
	return json.Marshal(doc)
}

// unmarshalCaller tolerates fields that it does not know; ok=false if the version is another.
func unmarshalCaller(text []byte) (c identity.Caller, ok bool, err error) {
	var version struct{ Version int }
	if err := json.Unmarshal(text, &version); err != nil || version.Version != callerVersion {
		return c, false, err
	}
	var doc callerDoc
	if err := json.Unmarshal(text, &doc); err != nil {
		return c, false, err
	}
	c = doc.Caller
	numbers := map[*cpr.Number]string{&c.CPR: doc.CPR}
	if doc.OnBehalfOf != nil {
		c.OnBehalfOf = &doc.OnBehalfOf.Principal
		numbers[&c.OnBehalfOf.CPR] = doc.OnBehalfOf.CPR
	}
	if doc.HSUID != nil {
		c.HSUID = &doc.HSUID.HSUID
		numbers[&c.HSUID.Acting], numbers[&c.HSUID.Responsible], numbers[&c.HSUID.Citizen] = doc.HSUID.Acting, doc.HSUID.Responsible, doc.HSUID.Citizen
	}
	for number, digits := range numbers {
		if digits == "" {
			continue
		}
		if *number, err = cpr.Parse(digits); err != nil {
			return identity.Caller{}, false, err
		}
	}
	return c, true, nil
}

package sqlstore

import (
	"slices"
	"strconv"

	"github.com/opennsp/nsp/domain/cpr"
)

// willEngine is what keeping wills and opt-outs differs in between the databases.
type willEngine interface {
	// lockPerson has other transactions that lock one of the numbers for the same wait for the end of this one. There need be no row of it.
	lockPerson(t *tx, what lockedFor, person []cpr.Number) error
}

// lockedFor is what of a person is locked.
type lockedFor int64

// The locks, of which each number has one: no number reaches the upper bits, nor the keys of other locks.
const (
	lockWills   lockedFor = 0x77696c6c << 32 // "will"
	lockOptOuts lockedFor = 0x66677668 << 32 // "fgvh"
)

// One transaction of SQLite writes at a time.
func (*sqliteEngine) lockPerson(*tx, lockedFor, []cpr.Number) error { return nil }

// lockPerson locks in the order of the digits: unnest calls the function for one number after the other.
func (*postgresEngine) lockPerson(t *tx, what lockedFor, person []cpr.Number) error {
	keys := make([]int64, len(person))
	for i, n := range person {
		digits, err := strconv.ParseInt(n.Digits(), 10, 64)
		if err != nil {
			return errNobody
		}
		keys[i] = int64(what) + digits
	}
	slices.Sort(keys)
	_, err := t.exec(t.ctx, "SELECT pg_advisory_xact_lock(key) FROM unnest(?::bigint[]) AS key", keys)
	return err
}

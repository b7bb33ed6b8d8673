package sqlstore

import (
	"encoding/json"
	"hash/fnv"
)

// nasEngine is what keeping topics, pull points and id lists differs in between the databases.
type nasEngine interface {
	// lockName has other transactions that lock the name wait for the end of this one. There need be no row of it.
	lockName(t *tx, name string) error
	// locking ends a query of a row that others are to leave as it is, so "KEY SHARE", or to keep from one another, so "UPDATE".
	locking(how string) string
	// insertIDs inserts the ids of a version of a list.
	insertIDs(t *tx, version int64, ids []string) error
}

// One transaction of SQLite writes at a time.
func (*sqliteEngine) lockName(*tx, string) error { return nil }
func (*sqliteEngine) locking(string) string      { return "" }

// namesLock is the class of the advisory locks of names, apart from locks with one key: 4.
const namesLock = 4

// lockName locks a hash of the name: who has another name with the same one waits too.
func (*postgresEngine) lockName(t *tx, name string) error {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))                                                               // it never fails
	_, err := t.exec(t.ctx, "SELECT pg_advisory_xact_lock(?, ?)", namesLock, int32(h.Sum32())) //nolint:gosec // two's complement is meant
	return err
}

func (*postgresEngine) locking(how string) string { return " FOR " + how }

func (*sqliteEngine) insertIDs(t *tx, version int64, ids []string) error {
	list, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	_, err = t.exec(t.ctx, "INSERT INTO nas_id_list_content (version, id) SELECT ?, value FROM json_each(?)", version, string(list))
	return err
}

func (*postgresEngine) insertIDs(t *tx, version int64, ids []string) error {
	_, err := t.exec(t.ctx, "INSERT INTO nas_id_list_content (version, id) SELECT ?::bigint, unnest(?::text[])", version, ids)
	return err
}

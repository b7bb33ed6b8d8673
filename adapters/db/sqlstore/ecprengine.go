package sqlstore

// personEngine is what keeping registrations differs in between the databases.
type personEngine interface {
	// lockPersons has other transactions that lock one of the registrations wait for the end of this one.
	lockPersons(t *tx, ids []any) error
	// lockChanges has other transactions that number changes wait for the end of this one.
	lockChanges(t *tx) error
}

// One transaction of SQLite writes at a time.
func (*sqliteEngine) lockPersons(*tx, []any) error { return nil }
func (*sqliteEngine) lockChanges(*tx) error        { return nil }

// lockPersons locks in the order of ids.
func (*postgresEngine) lockPersons(t *tx, ids []any) error {
	_, err := t.exec(t.ctx, "SELECT 1 FROM ecpr_person WHERE id IN "+values(len(ids), 1)+" ORDER BY id FOR UPDATE", ids...)
	return err
}

// changesLock is the key of the advisory lock of who numbers changes of registrations: "nspd" and 3.
const changesLock = 0x6e737064_00000003

func (*postgresEngine) lockChanges(t *tx) error {
	_, err := t.exec(t.ctx, "SELECT pg_advisory_xact_lock(?)", int64(changesLock))
	return err
}

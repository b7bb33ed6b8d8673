package sqlstore

import (
	"database/sql"
	"encoding/binary"

	"github.com/jackc/pgx/v5"

	"github.com/opennsp/nsp/domain/minlog"
)

const entryColumns = "person_key, at, id, from_at, behalf_key, system_name, registrar_cvr, registrar_system, message_id, interface, received_at, doc"

// appendCopy appends the row: the number of fields, and each with its length. The fields are those of entryColumns.
func (r *entryRow) appendCopy(b []byte) []byte {
	e := &r.Entry
	b = append(b, 0, 12)
	b = appendTexts(b, e.Person.Source, ":", e.Person.Value)
	b = appendBigint(b, r.at)
	b = append(binary.BigEndian.AppendUint32(b, uint32(len(r.ID))), r.ID[:]...)
	b = appendBigint(b, e.From.UnixMicro())
	if e.OnBehalfOf.IsZero() {
		b = append(b, 0xff, 0xff, 0xff, 0xff) // NULL
	} else {
		b = appendTexts(b, e.OnBehalfOf.Source, ":", e.OnBehalfOf.Value)
	}
	b = appendTexts(b, e.System)
	b = appendTexts(b, r.Registrar.CVR)
	b = appendTexts(b, r.Registrar.ITSystem)
	b = appendTexts(b, r.Registrar.MessageID)
	b = appendTexts(b, r.Registrar.Interface)
	b = appendBigint(b, r.ReceivedAt.UnixMicro())
	return appendTexts(b, r.doc)
}

// appendTexts appends one field.
func appendTexts(b []byte, parts ...string) []byte {
	n := len(b)
	b = append(b, 0, 0, 0, 0)
	for _, s := range parts {
		b = append(b, s...)
	}
	binary.BigEndian.PutUint32(b[n:], uint32(len(b)-n-4))
	return b
}

func appendBigint(b []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(append(b, 0, 0, 0, 8), uint64(n))
}

// insertEntries copies rows into the table, where almost always all of them are new and of months that are there. Transactions that run at the
// same time insert in the same order, so that they do not wait for each other in a circle.
func (*postgresEngine) insertEntries(t *tx, rows []entryRow, counts *dailyCounts) (inserted int, err error) {
	if len(rows) == 0 {
		return 0, nil
	}
	insert := (*tx).copyAll
	for range 3 { // known ids and a missing month may both come to light
		err = t.nested(func(t *tx) error {
			inserted, err = insert(t, rows, counts)
			return err
		})
		switch code(err) {
		case postgresUnique:
			insert = (*tx).copyNew
		case postgresCheck:
			if err := t.makeMonths(monthsOf(rows)); err != nil {
				return 0, err
			}
		default:
			return inserted, err
		}
	}
	return 0, err
}

// postgresCheck is the code of a row that no partition takes; there is no other constraint of this kind.
const postgresCheck = "23514"

// copyAll copies rows that are all new.
func (t *tx) copyAll(rows []entryRow, counts *dailyCounts) (int, error) {
	if err := t.copyEntries("minlog_entry", rows); err != nil {
		return 0, err
	}
	for i := range rows {
		counts.stored(&rows[i])
	}
	return len(rows), nil
}

// copyNew copies rows beside the table and inserts those that are new, in their order.
func (t *tx) copyNew(rows []entryRow, counts *dailyCounts) (inserted int, err error) {
	const beside = "CREATE TEMPORARY TABLE IF NOT EXISTS minlog_batch (LIKE minlog_entry) ON COMMIT DELETE ROWS; TRUNCATE pg_temp.minlog_batch"
	if err := t.script(beside); err != nil {
		return 0, err
	}
	if err := t.copyEntries("pg_temp.minlog_batch", rows); err != nil {
		return 0, err
	}
	byID := make(map[minlog.RegistrationID]*entryRow, len(rows))
	for i := range rows {
		byID[rows[i].ID] = &rows[i]
	}
	err = t.query(t.ctx, func(found *sql.Rows) error {
		var text sql.RawBytes
		if err := found.Scan(&text); err != nil {
			return err
		}
		id, err := idOf(text)
		if err != nil {
			return err
		}
		counts.stored(byID[id])
		inserted++
		return nil
	}, "INSERT INTO minlog_entry ("+entryColumns+") SELECT "+entryColumns+" FROM pg_temp.minlog_batch ORDER BY ctid ON CONFLICT DO NOTHING RETURNING id")
	return inserted, err
}

// copyEntries carries out a COPY of rows.
func (t *tx) copyEntries(into string, rows []entryRow) error {
	return t.copyFrom("COPY "+into+" ("+entryColumns+") FROM STDIN (FORMAT binary)", func(b []byte) ([]byte, bool, error) {
		if len(rows) == 0 {
			return b, false, nil
		}
		b = rows[0].appendCopy(b)
		rows = rows[1:]
		return b, true, nil
	})
}

// script carries out statements without parameters in the transaction.
func (t *tx) script(text string) error {
	t.db.seen(text)
	return t.raw(t.ctx, func(c *pgx.Conn) error {
		_, err := c.PgConn().Exec(t.ctx, text).ReadAll()
		return err
	})
}

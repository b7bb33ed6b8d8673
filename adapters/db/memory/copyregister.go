package memory

import (
	"context"
	"slices"
	"sort"
	"time"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports"
)

// copyRows is what the store of copies keeps.
type copyRows struct {
	rows   map[int64]stamdata.CopyRow // by PID
	latest map[copyKey]int64          // PIDs
	order  map[stamdata.View][]stamdata.Offset
	last   stamdata.Offset // of all views; it is not given back
}

type copyKey struct {
	view      stamdata.View
	key       string
	validFrom time.Time
}

func newCopyRows() copyRows {
	return copyRows{rows: map[int64]stamdata.CopyRow{}, latest: map[copyKey]int64{}, order: map[stamdata.View][]stamdata.Offset{}}
}

type copyRegister struct{ db *DB }

var _ ports.CopyRegister = copyRegister{}

func (s copyRegister) Append(ctx context.Context, rows []stamdata.CopyRow, at time.Time) (added int, err error) {
	if err := stamdata.CheckCopies(rows); err != nil {
		return 0, err
	}
	err = s.db.write(ctx, func(u *unit) error {
		c := &s.db.copies
		added = 0
		for _, r := range stamdata.Latest(rows) {
			r.ValidFrom, r.Fields = instant(r.ValidFrom), slices.Clone(r.Fields)
			key := copyKey{r.View, r.Key, r.ValidFrom}
			old, known := c.latest[key]
			if known && slices.Equal(c.rows[old].Fields, r.Fields) {
				continue
			}
			if known {
				drop(u, c.rows, old)
			}
			c.last = stamdata.Offset{Seconds: stamdata.CopyTime(at, c.last.Seconds), PID: c.last.PID + 1}
			r.PID, r.Modified = c.last.PID, time.Unix(c.last.Seconds, 0).UTC()
			put(u, c.rows, r.PID, r)
			put(u, c.latest, key, r.PID)
			before := c.order[r.View]
			u.undo = append(u.undo, func() { c.order[r.View] = before })
			c.order[r.View] = append(before, c.last)
			added++
		}
		return nil
	})
	return added, err
}

func (s copyRegister) Page(ctx context.Context, v stamdata.View, after stamdata.Offset, limit int) (page []stamdata.CopyRow, err error) {
	err = s.db.read(ctx, func() error {
		if _, ok := stamdata.CPRRegisterOf(v); ok {
			page = s.db.cprRows(v, after, limit)
			return nil
		}
		order := s.db.copies.order[v]
		order = order[sort.Search(len(order), func(i int) bool { return order[i].Compare(after) > 0 }):]
		for i := 0; i < len(order) && len(page) < limit; i++ {
			if r, there := s.db.copies.rows[order[i].PID]; there { // others were superseded
				r.Fields = slices.Clone(r.Fields)
				page = append(page, r)
			}
		}
		return nil
	})
	return page, err
}

type exportState struct{ db *DB }

var _ ports.ExportState = exportState{}

var errExportNumber = fault.Error{Kind: fault.Conflict, Code: fault.CodeProcessing, Text: "Another export was first."}

func (s exportState) State(ctx context.Context, name string) (e stamdata.Export, err error) {
	err = s.db.read(ctx, func() error {
		e = s.db.exports[name]
		return nil
	})
	return e, err
}

func (s exportState) Keep(ctx context.Context, name string, e stamdata.Export) error {
	return s.db.write(ctx, func(u *unit) error {
		if kept := s.db.exports[name].Number; e.Number != kept && e.Number != kept+1 {
			return errExportNumber
		}
		e.At = instant(e.At)
		put(u, s.db.exports, name, e)
		return nil
	})
}

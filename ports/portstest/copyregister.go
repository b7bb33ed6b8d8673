package portstest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports"
)

// OpenCopyRegister opens a register of copies.
type OpenCopyRegister = Open[ports.CopyRegister]

// The views that the cases copy.
const copiedDatatype, otherDatatype = "gender", "person"

// copyRow returns a row of the view of genders, of which value is all that changes.
func copyRow(key, value string) stamdata.CopyRow {
	return stamdata.CopyRow{View: stamdata.ECPRView(copiedDatatype), Key: key, ValidFrom: noon, Fields: []stamdata.Field{
		stamdata.TextField("Uuid", key), stamdata.TextField("PersonUuid", "p"), stamdata.TextField("Value", value),
		stamdata.InstantField("ValidFrom", noon), stamdata.InstantField("ValidTo", time.Time{}),
	}}
}

func personCopy(key, merged string) stamdata.CopyRow {
	return stamdata.CopyRow{View: stamdata.ECPRView(otherDatatype), Key: key, Fields: []stamdata.Field{
		stamdata.TextField("Uuid", key), stamdata.TextField("MergedToUuid", merged),
		stamdata.InstantField("ValidFrom", time.Time{}), stamdata.InstantField("ValidTo", time.Time{}),
	}}
}

// appended appends and requires that so many rows were written.
func appended(ctx context.Context, t require.TestingT, s ports.CopyRegister, want int, at time.Time, rows ...stamdata.CopyRow) {
	got, err := s.Append(ctx, rows, at)
	require.NoError(t, err)
	require.Equal(t, want, got, "rows written")
}

// copied pages through a view and returns all of it; the pages must be in order and without doubles.
func copied(ctx context.Context, t require.TestingT, s ports.CopyRegister, datatype string, after stamdata.Offset, limit int) []stamdata.CopyRow {
	var all []stamdata.CopyRow
	for {
		page, err := s.Page(ctx, stamdata.ECPRView(datatype), after, limit)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page), limit)
		if len(page) == 0 {
			return all
		}
		for _, r := range page {
			require.Positive(t, r.Offset().Compare(after), "in order, none twice")
			require.Equal(t, stamdata.ECPRView(datatype), r.View)
			after = r.Offset()
		}
		all = append(all, page...)
	}
}

// keysOf returns what rows hold, in a form that shows: key=value.
func keysOf(rows []stamdata.CopyRow) []string {
	keys := []string{}
	for _, r := range rows {
		keys = append(keys, r.Key+"="+r.Fields[2].Value)
	}
	return keys
}

// CopyRegister runs the contract of ports.CopyRegister.
func CopyRegister(t *testing.T, open OpenCopyRegister) {
	t.Run("an empty register has no rows", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		for _, v := range append(stamdata.Views(), stamdata.View{Register: "sor", Datatype: "sygehus", Version: 1}) {
			page, err := hs.first().Store.Page(ctx, v, stamdata.Offset{}, 10)
			require.NoError(t, err)
			assert.Empty(t, page, v)
		}
	})

	t.Run("Page returns what Append was given, with PID and second", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		a, b := copyRow("a", "male\"\\\n\x01\tÆø€𝄞<&>"), personCopy("b", "")
		a.ValidFrom = noon.Add(1999 * time.Nanosecond).In(time.FixedZone("CET", 3600))
		appended(ctx, t, hs.first().Store, 2, noon.Add(time.Nanosecond), a, b)
		got, err := hs.last().Store.Page(ctx, a.View, stamdata.Offset{}, 10)
		require.NoError(t, err)
		require.Len(t, got, 1)
		a.PID, a.Modified, a.ValidFrom = got[0].PID, noon.Add(time.Second), noon.Add(tick)
		assert.Equal(t, a, got[0])
		assert.Positive(t, a.PID)
		got, err = hs.last().Store.Page(ctx, b.View, stamdata.Offset{}, 10)
		require.NoError(t, err)
		require.Len(t, got, 1)
		b.PID, b.Modified = got[0].PID, noon.Add(time.Second)
		assert.Equal(t, b, got[0])
		assert.Greater(t, b.PID, a.PID)
	})

	t.Run("PC-41 pages of one are the same as one of all", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		for i := range 7 {
			appended(ctx, t, s, 2, noon.Add(time.Duration(i/2)*time.Second), copyRow(fmt.Sprint(i), "x"), personCopy(fmt.Sprint(i), ""))
		}
		whole, err := hs.last().Store.Page(ctx, stamdata.ECPRView(copiedDatatype), stamdata.Offset{}, 2000)
		require.NoError(t, err)
		require.Len(t, whole, 7)
		for _, limit := range []int{1, 2, 3, 7, 8} {
			assert.Equal(t, whole, copied(ctx, t, s, copiedDatatype, stamdata.Offset{}, limit), "limit %d", limit)
		}
		assert.Equal(t, whole[3:], copied(ctx, t, s, copiedDatatype, whole[2].Offset(), 2))
		assert.Equal(t, whole[3:], copied(ctx, t, s, copiedDatatype, stamdata.Offset{Seconds: whole[2].Offset().Seconds, PID: whole[3].PID - 1}, 2))
		for _, limit := range []int{0, -1} {
			none, err := s.Page(ctx, stamdata.ECPRView(copiedDatatype), stamdata.Offset{}, limit)
			require.NoError(t, err)
			assert.Empty(t, none)
		}
	})

	t.Run("PC-43 a changed row moves to the end, and its old revision is gone", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		appended(ctx, t, s, 3, noon, copyRow("a", "1"), copyRow("b", "1"), copyRow("c", "1"))
		before := copied(ctx, t, s, copiedDatatype, stamdata.Offset{}, 10)
		changed := copyRow("a", "1")
		changed.Fields[4] = stamdata.InstantField("ValidTo", noon.Add(time.Hour))
		appended(ctx, t, s, 1, noon, changed)
		assert.Equal(t, []string{"b=1", "c=1", "a=1"}, keysOf(copied(ctx, t, hs.last().Store, copiedDatatype, stamdata.Offset{}, 10)))
		news := copied(ctx, t, s, copiedDatatype, before[2].Offset(), 10)
		require.Len(t, news, 1)
		assert.Equal(t, changed.Fields, news[0].Fields)
		assert.Greater(t, news[0].PID, before[2].PID)
	})

	t.Run("a row that is equal writes nothing and stays where it is", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		appended(ctx, t, s, 2, noon, copyRow("a", "1"), copyRow("b", "1"))
		before := copied(ctx, t, s, copiedDatatype, stamdata.Offset{}, 10)
		appended(ctx, t, s, 0, noon.Add(time.Hour), copyRow("a", "1"))
		appended(ctx, t, s, 0, noon.Add(time.Hour))
		assert.Equal(t, before, copied(ctx, t, hs.last().Store, copiedDatatype, stamdata.Offset{}, 10))
		null := copyRow("a", "1")
		null.Fields[1] = stamdata.Field{Name: "PersonUuid"}
		appended(ctx, t, s, 1, noon, null)
		null.Fields[1].Null = true
		appended(ctx, t, s, 1, noon, null)
	})

	t.Run("of one row in one call the last revision stays", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		later := copyRow("a", "9")
		later.ValidFrom = noon.Add(tick)
		appended(ctx, t, s, 3, noon, copyRow("a", "1"), copyRow("b", "1"), later, copyRow("a", "2"))
		assert.Equal(t, []string{"b=1", "a=9", "a=2"}, keysOf(copied(ctx, t, s, copiedDatatype, stamdata.Offset{}, 10)))
		appended(ctx, t, s, 0, noon, copyRow("a", "3"), copyRow("a", "2"))
	})

	t.Run("rows are apart by view, key and ValidFrom", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		other := copyRow("a", "1")
		other.ValidFrom = noon.Add(time.Hour)
		appended(ctx, t, s, 4, noon, copyRow("a", "1"), copyRow("A", "1"), other, personCopy("a", ""))
		assert.Len(t, copied(ctx, t, s, copiedDatatype, stamdata.Offset{}, 10), 3)
		assert.Len(t, copied(ctx, t, s, otherDatatype, stamdata.Offset{}, 10), 1)
	})

	t.Run("PID and second never go back, whatever the clock does", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		for i, at := range []time.Duration{0, 5 * time.Second, 5*time.Second + time.Nanosecond, -time.Hour, 2 * time.Second, 7 * time.Second} {
			row := copyRow(fmt.Sprint(i%4), fmt.Sprint(i))
			if i%2 == 1 {
				row = personCopy(fmt.Sprint(i), "") // the second of one view is that of all
			}
			appended(ctx, t, hs.nth(i).Store, 1, noon.Add(at), row)
		}
		genders := copied(ctx, t, hs.last().Store, copiedDatatype, stamdata.Offset{}, 10)
		assert.Equal(t, []string{"2=2", "0=4"}, keysOf(genders))
		assert.Equal(t, noon.Add(6*time.Second), genders[0].Modified)
		assert.Equal(t, noon.Add(6*time.Second), genders[1].Modified)
		people := copied(ctx, t, hs.last().Store, otherDatatype, stamdata.Offset{}, 10)
		require.Len(t, people, 3)
		for i, want := range []time.Duration{5, 6, 7} {
			assert.Equal(t, noon.Add(want*time.Second), people[i].Modified)
		}
		assert.Greater(t, genders[0].PID, people[0].PID)
		assert.Greater(t, people[1].PID, genders[0].PID)
	})

	t.Run("many rows at once", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		var rows []stamdata.CopyRow
		for i := range 1234 {
			rows = append(rows, copyRow(fmt.Sprintf("%04d", i), "1"))
		}
		appended(ctx, t, s, 1234, noon, rows...)
		for i := 0; i < len(rows); i += 3 {
			rows[i] = copyRow(rows[i].Key, "2")
		}
		appended(ctx, t, s, 412, noon, rows...)
		got := copied(ctx, t, hs.last().Store, copiedDatatype, stamdata.Offset{}, 500)
		require.Len(t, got, 1234)
		assert.Equal(t, "0001", got[0].Key)
		assert.Equal(t, "1233", got[1233].Key)
		assert.Equal(t, "2", got[1233].Fields[2].Value)
	})

	t.Run("a row that is none of its view is refused, with all that came with it", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		odd, foreign := copyRow("b", "1"), copyRow("b", "1")
		odd.Fields[2].Name = "Text"
		foreign.View.Register = "cpr"
		for _, bad := range []stamdata.CopyRow{odd, foreign} {
			_, err := s.Append(ctx, []stamdata.CopyRow{copyRow("a", "1"), bad}, noon)
			require.ErrorIs(t, err, stamdata.ErrCopyRow)
		}
		assert.Empty(t, copied(ctx, t, s, copiedDatatype, stamdata.Offset{}, 10))
	})

	t.Run("the caller owns what Page returns, and what Append was given", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		mine := copyRow("a", "1")
		appended(ctx, t, s, 2, noon, mine, copyRow("b", "1"))
		mine.Fields[2].Value = "changed"
		got := copied(ctx, t, s, copiedDatatype, stamdata.Offset{}, 10)
		got[0].Fields[2].Value = "changed"
		_ = append(got[0].Fields, stamdata.Field{Name: "more"})
		assert.Equal(t, "b", got[1].Fields[0].Value)
		assert.Equal(t, []string{"a=1", "b=1"}, keysOf(copied(ctx, t, s, copiedDatatype, stamdata.Offset{}, 10)))
	})

	t.Run("Append joins the unit of work", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		appended(ctx, t, s, 2, noon, copyRow("a", "1"), copyRow("b", "1"))
		before := copied(ctx, t, s, copiedDatatype, stamdata.Offset{}, 10)
		rolledBack(ctx, t, hs.first().Units, func(ctx context.Context) {
			appended(ctx, t, s, 2, noon.Add(time.Hour), copyRow("a", "2"), copyRow("c", "1"))
			appended(ctx, t, s, 1, noon.Add(time.Hour), copyRow("c", "2"))
			assert.Equal(t, []string{"b=1", "a=2", "c=2"}, keysOf(copied(ctx, t, s, copiedDatatype, stamdata.Offset{}, 10)))
		})
		assert.Equal(t, before, copied(ctx, t, hs.last().Store, copiedDatatype, stamdata.Offset{}, 10))
		committed(ctx, t, hs.first().Units, func(ctx context.Context) {
			appended(ctx, t, s, 1, noon, copyRow("c", "1"))
			_, err := s.Append(ctx, []stamdata.CopyRow{{}}, noon)
			require.ErrorIs(t, err, stamdata.ErrCopyRow)
			appended(ctx, t, s, 1, noon, copyRow("d", "1"))
		})
		assert.Equal(t, []string{"a=1", "b=1", "c=1", "d=1"}, keysOf(copied(ctx, t, hs.last().Store, copiedDatatype, stamdata.Offset{}, 10)))
	})

	t.Run("a context that has ended changes nothing", func(t *testing.T) {
		hs, _ := open.opened(t)
		_, err := hs.first().Store.Append(ended(), []stamdata.CopyRow{copyRow("a", "1")}, noon)
		require.ErrorIs(t, err, context.Canceled)
		_, err = hs.first().Store.Page(ended(), stamdata.ECPRView(copiedDatatype), stamdata.Offset{}, 1)
		require.ErrorIs(t, err, context.Canceled)
		assert.Empty(t, copied(bounded(t), t, hs.last().Store, copiedDatatype, stamdata.Offset{}, 10))
	})

	t.Run("PC-41 who pages while others append misses no row and gets none twice", func(t *testing.T) {
		hs, c := open.opened(t)
		copyWhileAppending(t, hs, c)
	})

	t.Run("the register is what a list of revisions is", func(t *testing.T) {
		hs, _ := open.opened(t)
		copyModel(t, hs)
	})
}

// copyWhileAppending has two writers with clocks that differ, in units of work that are now and then undone, and a reader that follows them.
func copyWhileAppending(t *testing.T, hs handles[ports.CopyRegister], c *clock) {
	const writers, batches = 2, 30
	ctx := bounded(t)
	errs := make(chan error, writers)
	for w := range writers {
		go func() {
			errs <- func() error {
				h := hs.nth(w)
				for i := range batches {
					c.advance(time.Second / 3)
					at := c.now().Add(-time.Duration(w) * 10 * time.Second)
					undone := false
					err := h.Units.Run(ctx, func(ctx context.Context) error {
						rows := []stamdata.CopyRow{copyRow(fmt.Sprintf("%d-%d", w, i), "1"), copyRow(fmt.Sprintf("%d-changes", w), fmt.Sprint(i))}
						if _, err := h.Store.Append(ctx, rows, at); err != nil {
							return err
						}
						if _, err := h.Store.Append(ctx, []stamdata.CopyRow{copyRow(fmt.Sprintf("%d-%d-b", w, i), "1")}, at); err != nil {
							return err
						}
						if undone = i%7 == 3; undone {
							return errBoom
						}
						return nil
					}, nothing)
					if err != nil && !undone {
						return err
					}
				}
				return nil
			}()
		}()
	}
	seen := map[string]int{} // how often a revision came
	var after stamdata.Offset
	follow := func() {
		for _, r := range copied(ctx, t, hs.last().Store, copiedDatatype, after, 5) {
			after = r.Offset()
			seen[r.Key+"="+r.Fields[2].Value]++
		}
	}
	for running := writers; running > 0; {
		select {
		case err := <-errs:
			require.NoError(t, err)
			running--
		default:
			follow()
		}
	}
	follow()
	for revision, times := range seen {
		assert.Equal(t, 1, times, revision)
	}
	final := copied(ctx, t, hs.first().Store, copiedDatatype, stamdata.Offset{}, 1000)
	require.Len(t, final, writers*((batches-4)*2+1))
	for _, r := range keysOf(final) {
		assert.Equal(t, 1, seen[r], "%s is there, and was not copied", r)
	}
}

// copyModel holds the register against a list.
func copyModel(t *testing.T, hs handles[ports.CopyRegister]) {
	ctx := bounded(t)
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		var list []string // key=value, in the order of pages
		start := stamdata.Offset{}
		if all := copied(ctx, t, hs.first().Store, copiedDatatype, start, 1000); len(all) > 0 {
			start = all[len(all)-1].Offset()
		}
		for range rapid.IntRange(1, 6).Draw(t, "appends") {
			var rows []stamdata.CopyRow
			var want []string
			for range rapid.IntRange(0, 4).Draw(t, "rows") {
				key := fmt.Sprintf("%d-%d", run, rapid.IntRange(0, 4).Draw(t, "key"))
				rows = append(rows, copyRow(key, rapid.SampledFrom([]string{"1", "2"}).Draw(t, "value")))
			}
			before := map[string]bool{}
			for _, k := range list {
				before[k] = true
			}
			for _, k := range keysOf(stamdata.Latest(rows)) {
				if !before[k] {
					want = append(want, k)
				}
			}
			appended(ctx, t, hs.nth(run).Store, len(want), noon.Add(time.Duration(rapid.IntRange(-5, 5).Draw(t, "seconds"))*time.Second), rows...)
			for _, k := range want {
				list = slices.DeleteFunc(list, func(old string) bool { return old[:len(old)-1] == k[:len(k)-1] })
				list = append(list, k)
			}
			got := keysOf(copied(ctx, t, hs.last().Store, copiedDatatype, start, rapid.IntRange(1, 5).Draw(t, "limit")))
			require.Equal(t, append([]string{}, list...), got)
		}
	})
}

// ExportState runs the contract of ports.ExportState.
func ExportState(t *testing.T, open Open[ports.ExportState]) {
	requireState := func(ctx context.Context, t *testing.T, s ports.ExportState, name string, want stamdata.Export) {
		t.Helper()
		got, err := s.State(ctx, name)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}

	t.Run("a state is zero at first, and then what was kept", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		requireState(ctx, t, s, "a", stamdata.Export{})
		first := stamdata.Export{Number: 1, Cursor: 17, At: noon}
		require.NoError(t, s.Keep(ctx, "a", stamdata.Export{Number: 1, Cursor: 17, At: noon.Add(time.Nanosecond).In(time.FixedZone("CET", 3600))}))
		requireState(ctx, t, hs.last().Store, "a", first)
		requireState(ctx, t, hs.last().Store, "b", stamdata.Export{})
		second := stamdata.Export{Number: 2, Cursor: 17, At: noon.Add(time.Hour)}
		require.NoError(t, s.Keep(ctx, "a", second))
		requireState(ctx, t, hs.last().Store, "a", second)
		second.Cursor, second.At = 20, time.Time{}
		require.NoError(t, s.Keep(ctx, "a", second))
		requireState(ctx, t, hs.last().Store, "a", second)
	})

	t.Run("PC-44 a number is kept after the one before it alone", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		kept := stamdata.Export{}
		for _, number := range []int64{2, -1, 1, 3, 0, 2, 2, 1, 4} {
			e := stamdata.Export{Number: number, Cursor: number * 10, At: noon}
			err := s.Keep(ctx, "a", e)
			if number == kept.Number || number == kept.Number+1 {
				require.NoError(t, err)
				kept = e
			} else {
				require.True(t, fault.Is(err, fault.Conflict), "%d after %d: %v", number, kept.Number, err)
			}
			requireState(ctx, t, hs.last().Store, "a", kept)
		}
	})

	t.Run("Keep joins the unit of work", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx, s := bounded(t), hs.first().Store
		rolledBack(ctx, t, hs.first().Units, func(ctx context.Context) {
			require.NoError(t, s.Keep(ctx, "a", stamdata.Export{Number: 1}))
			requireState(ctx, t, s, "a", stamdata.Export{Number: 1})
		})
		requireState(ctx, t, hs.last().Store, "a", stamdata.Export{})
	})

	t.Run("of 10 at once that keep the next number one is first", func(t *testing.T) {
		hs, _ := open.opened(t)
		ctx := bounded(t)
		require.NoError(t, hs.first().Store.Keep(ctx, "a", stamdata.Export{Number: 1, Cursor: 1}))
		errs := make(chan error)
		for i := range 10 {
			go func() {
				errs <- hs.nth(i).Units.Run(ctx, func(ctx context.Context) error {
					e, err := hs.nth(i).Store.State(ctx, "a")
					if err != nil {
						return err
					}
					return hs.nth(i).Store.Keep(ctx, "a", stamdata.Export{Number: e.Number + 1, Cursor: e.Cursor + 1})
				}, nothing)
			}()
		}
		kept := int64(0)
		for range 10 {
			if err := <-errs; err == nil {
				kept++
			}
		}
		e, err := hs.last().Store.State(ctx, "a")
		require.NoError(t, err)
		assert.LessOrEqual(t, e.Number, 1+kept, "no number was kept twice as a new one without being read")
		assert.Positive(t, kept)
	})

	t.Run("a context that has ended changes nothing", func(t *testing.T) {
		hs, _ := open.opened(t)
		require.ErrorIs(t, hs.first().Store.Keep(ended(), "a", stamdata.Export{Number: 1}), context.Canceled)
		requireState(bounded(t), t, hs.last().Store, "a", stamdata.Export{})
	})
}

// ExportFiles runs the contract of ports.ExportFiles. open opens an empty folder, for the writer and for the reader.
func ExportFiles(t *testing.T, open func(t *testing.T) (writer, reader ports.ExportFiles)) {
	t.Run("an empty folder", func(t *testing.T) {
		_, r := open(t)
		ctx := bounded(t)
		latest, err := r.Latest(ctx)
		require.NoError(t, err)
		assert.Zero(t, latest)
		_, err = r.Read(ctx, 1)
		assert.True(t, fault.Is(err, fault.NotFound), "%v", err)
	})

	t.Run("Read returns what was written", func(t *testing.T) {
		w, r := open(t)
		ctx := bounded(t)
		rows := []stamdata.CopyRow{copyRow("a", "æ \"\\\n<&>\u2028"), personCopy("b", ""), personCopy("b", "c")}
		rows[0].ValidFrom = noon.Add(time.Millisecond)
		require.NoError(t, w.Write(ctx, 7, rows))
		got, err := r.Read(ctx, 7)
		require.NoError(t, err)
		assert.Equal(t, rows, got)
		require.NoError(t, w.Write(ctx, 8, nil))
		got, err = r.Read(ctx, 8)
		require.NoError(t, err)
		assert.Empty(t, got)
		latest, err := r.Latest(ctx)
		require.NoError(t, err)
		assert.Equal(t, int64(8), latest)
	})

	t.Run("PID and second are the reader's own", func(t *testing.T) {
		w, r := open(t)
		ctx := bounded(t)
		row := copyRow("a", "1")
		row.PID, row.Modified = 7, noon
		require.NoError(t, w.Write(ctx, 1, []stamdata.CopyRow{row}))
		got, err := r.Read(ctx, 1)
		require.NoError(t, err)
		assert.Equal(t, []stamdata.CopyRow{copyRow("a", "1")}, got)
	})

	t.Run("one that is there is replaced", func(t *testing.T) {
		w, r := open(t)
		ctx := bounded(t)
		require.NoError(t, w.Write(ctx, 1, []stamdata.CopyRow{copyRow("a", "1"), copyRow("b", "1")}))
		require.NoError(t, w.Write(ctx, 1, []stamdata.CopyRow{copyRow("c", "1")}))
		got, err := r.Read(ctx, 1)
		require.NoError(t, err)
		assert.Equal(t, []string{"c=1"}, keysOf(got))
	})

	t.Run("Latest is the highest number, not the last written, with gaps or not", func(t *testing.T) {
		w, r := open(t)
		ctx := bounded(t)
		for _, n := range []int64{3, 123_456_789, 1} {
			require.NoError(t, w.Write(ctx, n, nil))
		}
		latest, err := r.Latest(ctx)
		require.NoError(t, err)
		assert.Equal(t, int64(123_456_789), latest)
		_, err = r.Read(ctx, 2)
		assert.True(t, fault.Is(err, fault.NotFound), "%v", err)
	})

	t.Run("a number before 1 and a context that has ended", func(t *testing.T) {
		w, r := open(t)
		require.Error(t, w.Write(bounded(t), 0, nil))
		require.ErrorIs(t, w.Write(ended(), 1, nil), context.Canceled)
		latest, err := r.Latest(bounded(t))
		require.NoError(t, err)
		assert.Zero(t, latest)
	})
}

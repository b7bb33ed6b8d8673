package stamdata_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/stamdata"
)

func TestOffset(t *testing.T) {
	for s, want := range map[string]stamdata.Offset{
		"17724456000000000042": {Seconds: 1772445600, PID: 42},
		"42":                   {PID: 42},
		"10000000000":          {Seconds: 1},
		"0":                    {},
		"":                     {},
		"99999999999999999999": {Seconds: 9_999_999_999, PID: 9_999_999_999},
	} {
		got, err := stamdata.ParseOffset(s)
		require.NoError(t, err)
		assert.Equal(t, want, got, s)
	}
	for _, s := range []string{"abc", "000000000000000000000", "-1", "+1", " 1", "1 ", "1.0", "١", "0x1"} {
		t.Run("PC-42 refused "+s, func(t *testing.T) {
			_, err := stamdata.ParseOffset(s)
			require.ErrorIs(t, err, stamdata.ErrOffset)
		})
	}
	t.Run("20 digits that read back, in the order of pages", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			part := rapid.Int64Range(0, 9_999_999_999)
			a := stamdata.Offset{Seconds: part.Draw(t, "a"), PID: part.Draw(t, "a pid")}
			b := stamdata.Offset{Seconds: part.Draw(t, "b"), PID: part.Draw(t, "b pid")}
			require.Len(t, a.String(), 20)
			got, err := stamdata.ParseOffset(a.String())
			require.NoError(t, err)
			require.Equal(t, a, got)
			require.Equal(t, a.Compare(b) < 0, a.String() < b.String())
		})
	})
}

func FuzzOffset(f *testing.F) {
	f.Add("17724456000000000042")
	f.Add("abc")
	f.Fuzz(func(t *testing.T, s string) {
		o, err := stamdata.ParseOffset(s)
		if err != nil {
			require.Equal(t, stamdata.Offset{}, o)
			return
		}
		require.Equal(t, ("00000000000000000000" + s)[len(s):], o.String())
	})
}

func TestCopiedValues(t *testing.T) {
	at := time.Date(2026, 3, 2, 10, 15, 0, 123_999_999, time.FixedZone("CET", 3600))
	for _, c := range []struct {
		field stamdata.Field
		want  string
		ok    bool
	}{
		{stamdata.TextField("City", "Testby"), "Testby", true},
		{stamdata.TextField("City", ""), "", false},
		{stamdata.InstantField("ValidFrom", at), "2026-03-02T09:15:00.123Z", true},
		{stamdata.InstantField("ValidFrom", time.Time{}), "", false},
		{stamdata.InstantField("ValidTo", time.Time{}), "2999-12-31T00:00:00.000Z", true},
		{stamdata.InstantField("validTo", time.Time{}), "2999-12-31T00:00:00.000Z", true},
		{stamdata.InstantField("ValidTo", at), "2026-03-02T09:15:00.123Z", true},
	} {
		got, ok := c.field.Copied()
		assert.Equal(t, c.want, got, c.field.Name)
		assert.Equal(t, c.ok, ok, c.field.Name)
	}
}

func TestViews(t *testing.T) {
	for _, v := range stamdata.Views() {
		columns := v.Columns()
		require.NotEmpty(t, columns, v)
		assert.True(t, v.Known())
		seen := map[string]bool{}
		for _, c := range columns {
			assert.False(t, seen[c], "%s has %s twice", v, c)
			seen[c] = true
		}
	}
	v := stamdata.View{Register: "ecpr2registeret", Datatype: "birthdate", Version: 1}
	assert.Equal(t, "ecpr2registeret/birthdate/v1", v.String())
	assert.Equal(t, "skrs.ecpr2registeret.birthdate.v1", v.Grant())
	assert.Equal(t, []string{"Uuid", "PersonUUID", "Day", "Month", "Year", "ValidFrom", "ValidTo"}, v.Columns())
	for _, v := range []stamdata.View{{}, {Register: "cpr", Datatype: "person", Version: 2}, {Register: "cpr", Datatype: "name", Version: 1}, {Register: "sor", Datatype: "person", Version: 1}} {
		assert.Nil(t, v.Columns(), v)
		assert.False(t, v.Known())
	}
}

func TestCPRViewsHaveTheirColumns(t *testing.T) {
	copied := 0
	for _, r := range stamdata.Registers() {
		v, ok := stamdata.CPRViewOf(r.Name)
		if !ok {
			continue
		}
		copied++
		var names []string
		for _, f := range stamdata.CPRView(r, make(stamdata.Row, len(r.Columns)), time.Unix(1, 0), time.Time{}).Fields {
			names = append(names, f.Name)
		}
		assert.Equal(t, v.Columns(), names)
	}
	assert.Equal(t, 4, copied)
}

func TestCheckCopies(t *testing.T) {
	v := stamdata.ECPRView("person")
	row := func(names ...string) stamdata.CopyRow {
		r := stamdata.CopyRow{View: v, Key: "k"}
		for _, n := range names {
			r.Fields = append(r.Fields, stamdata.TextField(n, "x"))
		}
		return r
	}
	good := row("Uuid", "MergedToUuid", "ValidFrom", "ValidTo")
	require.NoError(t, stamdata.CheckCopies([]stamdata.CopyRow{good, good}))
	foreign, keyless, both := good, good, row("Uuid", "MergedToUuid", "ValidFrom", "ValidTo")
	foreign.View = stamdata.View{Register: "cpr", Datatype: "person", Version: 1}
	keyless.Key = ""
	both.Fields[1].Null = true
	for name, bad := range map[string]stamdata.CopyRow{
		"fewer columns": row("Uuid"), "other order": row("MergedToUuid", "Uuid", "ValidFrom", "ValidTo"), "another register": foreign,
		"no key": keyless, "no view": {Key: "k"}, "null with a value": both,
	} {
		assert.ErrorIs(t, stamdata.CheckCopies([]stamdata.CopyRow{good, bad}), stamdata.ErrCopyRow, name)
	}
}

func TestLatest(t *testing.T) {
	row := func(key string, from int, value string) stamdata.CopyRow {
		return stamdata.CopyRow{Key: key, ValidFrom: time.Unix(int64(from), 0), Fields: []stamdata.Field{{Name: "n", Value: value}}}
	}
	a1, a2, b, other := row("a", 1, "1"), row("a", 1, "2"), row("b", 1, "1"), row("a", 2, "1")
	assert.Equal(t, []stamdata.CopyRow{b, other, a2}, stamdata.Latest([]stamdata.CopyRow{a1, b, other, a2}))
	assert.Empty(t, stamdata.Latest(nil))
}

func TestCopyTime(t *testing.T) {
	assert.Equal(t, int64(100), stamdata.CopyTime(time.Unix(100, 0), 7))
	assert.Equal(t, int64(101), stamdata.CopyTime(time.Unix(100, 1), 7), "not before")
	assert.Equal(t, int64(200), stamdata.CopyTime(time.Unix(100, 0), 200), "a clock that goes back")
}

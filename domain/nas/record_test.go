package nas_test

import (
	"bytes"
	"hash/fnv"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/nas"
)

var published = time.Date(2026, time.March, 1, 10, 15, 30, 120_000_000, time.UTC)

func sample() nas.Record {
	return nas.Record{
		Head: nas.Head{
			Topic: cardChanged, ID: "2512484916", IDType: "http://nsi.dk/advis/v10/CPR", Published: published,
			Request: "0d6f2c1e-7a38-4b1e-9a53-2f1f5f1c9e10", Position: 1,
		},
		Content: []byte(`<advis:NotifyContent xmlns:advis="http://nsi.dk/advis/v10"><c/></advis:NotifyContent>`),
	}
}

// records draws what a record can be, lengths around the edges of their form among them.
func records() *rapid.Generator[nas.Record] {
	length := rapid.OneOf(rapid.IntRange(0, 20), rapid.SampledFrom([]int{127, 128, 16383, 16384}))
	text := func(t *rapid.T, label string) string {
		return strings.Repeat(rapid.StringN(1, 1, 1).Draw(t, label), length.Draw(t, label+" length"))
	}
	return rapid.Custom(func(t *rapid.T) nas.Record {
		r := nas.Record{
			Head: nas.Head{
				Topic: nas.TopicName(text(t, "topic")), ID: text(t, "id"), IDType: text(t, "type"), System: rapid.Bool().Draw(t, "system"),
				Published: time.UnixMilli(rapid.Int64Range(-1<<45, 1<<45).Draw(t, "published")).UTC(),
				Request:   text(t, "request"), Position: rapid.IntRange(0, math.MaxInt32).Draw(t, "position"),
			},
			Content: []byte(text(t, "content")),
		}
		if rapid.Bool().Draw(t, "with producer") {
			r.Producer = []byte(text(t, "producer"))
		}
		return r
	})
}

func TestRecord(t *testing.T) {
	t.Run("a record comes back as it was", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			r := records().Draw(t, "record")
			got, err := nas.Decode(r.Encode())
			require.NoError(t, err)
			require.Equal(t, r, got)
		})
	})
	t.Run("its head is read without its content", func(t *testing.T) {
		r := sample()
		value := r.Encode()
		h, err := nas.DecodeHead(value[:len(value)-len(r.Content)])
		require.NoError(t, err)
		assert.Equal(t, r.ID, string(h.ID))
		assert.Empty(t, h.Content)
	})
	t.Run("a part of a head is no record", func(t *testing.T) {
		r := sample()
		r.Producer = []byte("<p/>")
		value := r.Encode()
		for n := range len(value) - len(r.Content) {
			_, err := nas.Decode(value[:n])
			require.ErrorIs(t, err, nas.ErrRecord, n)
		}
	})
	t.Run("the time is kept in milliseconds", func(t *testing.T) {
		r := sample()
		r.Published = published.Add(999_999).In(time.FixedZone("", 3600))
		got, err := nas.Decode(r.Encode())
		require.NoError(t, err)
		assert.Equal(t, published, got.Published)
	})
	t.Run("no producer reference is not an empty one", func(t *testing.T) {
		for _, p := range [][]byte{nil, {}} {
			r := sample()
			r.Producer = p
			got, err := nas.Decode(r.Encode())
			require.NoError(t, err)
			assert.Equal(t, p, got.Producer)
		}
	})
	t.Run("a position that is none is kept as 0", func(t *testing.T) {
		for position, want := range map[int]int{-1: 0, math.MaxInt32 + 1: math.MaxInt32} {
			r := sample()
			r.Position = position
			got, err := nas.Decode(r.Encode())
			require.NoError(t, err)
			assert.Equal(t, want, got.Position)
		}
	})
	t.Run("other forms are refused", func(t *testing.T) {
		good := sample().Encode()
		with := func(at int, b byte) []byte {
			v := bytes.Clone(good)
			v[at] = b
			return v
		}
		insert := func(at int, b ...byte) []byte { return append(append(bytes.Clone(good[:at]), b...), good[at+1:]...) }
		for name, bad := range map[string][]byte{
			"nothing": nil, "another version": with(0, 2), "version 0": with(0, 0), "an unknown flag": with(1, 4),
			"a number in a longer form":                 insert(10, 0x81, 0),
			"a number of more than 31 bits":             insert(10, 0xff, 0xff, 0xff, 0xff, 0x0f),
			"a number without end":                      insert(10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1),
			"a length beyond the value":                 insert(11, 0xff, 0xff, 0xff, 0xff, 0x07),
			"a producer reference without its flag set": append(bytes.Clone(good[:10]), 1, 0, 0, 0, 0, 1, 'x'),
		} {
			_, err := nas.Decode(bad)
			assert.ErrorIs(t, err, nas.ErrRecord, name)
		}
	})
	t.Run("a copy shares no memory with the value", func(t *testing.T) {
		r := sample()
		r.Producer = []byte("<p/>")
		value := r.Encode()
		got, err := nas.Decode(value)
		require.NoError(t, err)
		clear(value)
		assert.Equal(t, r, got)
	})
	t.Run("what is appended to a field of a view does not reach the value", func(t *testing.T) {
		value := sample().Encode()
		h, err := nas.DecodeHead(value[: len(value)-1 : len(value)])
		require.NoError(t, err)
		_ = append(h.ID, 'x')
		_ = append(h.Content, 'x')
		assert.Equal(t, sample().Encode(), value)
	})
}

// TestT54RecordErrors shows that what is wrong with a record does not tell what it holds.
func TestT54RecordErrors(t *testing.T) {
	value := sample().Encode()
	_, err := nas.Decode(value[:len(value)-len(sample().Content)-1])
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "2512484916")
}

func TestSpread(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		idType, id := rapid.String().Draw(t, "type"), rapid.String().Draw(t, "id")
		h := fnv.New64a()
		h.Write([]byte(idType + "\x00" + id))
		require.Equal(t, h.Sum64(), nas.Spread(idType, id))
	})
	t.Run("persons are spread evenly, and each stays in a partition", func(t *testing.T) {
		const partitions, persons = 6, 60_000
		var n [partitions]int
		for i := range persons {
			id := string([]byte{byte('0' + i/10_000), byte('0' + i/1000%10), byte('0' + i/100%10), byte('0' + i/10%10), byte('0' + i%10)})
			n[nas.Spread("http://nsi.dk/advis/v10/CPR", id)%partitions]++
		}
		for p, got := range n {
			assert.InDelta(t, persons/partitions, got, persons/partitions/20, "partition %d", p)
		}
	})
}

package nas_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/nas"
)

// FuzzT55Offsets: whatever a store gives back, it is either refused or the one text of what is read.
func FuzzT55Offsets(f *testing.F) {
	for _, s := range []string{"", "146,72,72", "1,", "01", "-1", "9223372036854775808", "1, 2", "0:5-9,12;2:7", "0:1-1", "1:1;0:1", "0:9223372036854775807"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if o, err := nas.ParseOffsets(s); err == nil {
			assert.Equal(t, s, o.String())
			for _, n := range o {
				assert.GreaterOrEqual(t, n, int64(0))
			}
		}
		r, err := nas.ParseRanges(s)
		if err != nil {
			return
		}
		assert.Equal(t, s, r.String())
		assert.GreaterOrEqual(t, r.Count(), int64(len(r)))
		for i, one := range r {
			require.True(t, one.From >= 0 && one.To >= one.From && one.Partition >= 0, "%v", one)
			if i > 0 {
				before := r[i-1]
				require.True(t, one.Partition > before.Partition || one.Partition == before.Partition && one.From > before.To, "%v after %v", one, before)
			}
		}
	})
}

// FuzzRecord: whatever the message log gives back, it is either refused or the one value of the record that is read.
func FuzzRecord(f *testing.F) {
	with := sample()
	with.Producer, with.System = []byte("<p/>"), true
	for _, r := range []nas.Record{{}, sample(), with} {
		f.Add(r.Encode())
	}
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x81, 0})
	match := nas.NewMatcher(nas.Filter{List: "x"}, nas.NewIDSet(manyIDs(3)))
	f.Fuzz(func(t *testing.T, value []byte) {
		h, err := nas.DecodeHead(value)
		r, errWhole := nas.Decode(value)
		require.Equal(t, err, errWhole)
		if err != nil {
			require.ErrorIs(t, err, nas.ErrRecord)
			return
		}
		match.Head(h)
		assert.True(t, bytes.Equal(value, r.Encode()), "got % x, want % x", r.Encode(), value)
	})
}

// FuzzNames: names of topics, access identifiers and addresses.
func FuzzNames(f *testing.F) {
	for _, s := range []string{
		"", " a:b ", cardChanged, "ALL", "CVR:33257872", "CVR:33257872-FID:1", "CVR:33257872-" + holder, "https://x/y/0d6f2c1e-7a38-4b1e-9a53-2f1f5f1c9e10?z",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if name, err := nas.ParseTopic(s); err == nil {
			again, err := nas.ParseTopic(string(name))
			require.NoError(t, err)
			assert.Equal(t, name, again)
			require.NoError(t, nas.CheckInternal(nas.InternalTopic(name)))
		}
		topic := nas.Topic{Access: []nas.Access{{Identifier: s}}}
		if nas.CheckAccess(s) == nil && s != nas.Everybody {
			require.True(t, topic.Readable(s[4:12], s), "who it names may read")
			require.False(t, topic.Readable("00000000", s) && s[4:12] != "00000000", "another organisation may not")
		} else if s != nas.Everybody {
			require.False(t, topic.Readable("", ""))
		}
		if id, ok := nas.PullPointOf(s); ok {
			again, ok := nas.PullPointOf("https://nsp.example.dk/nas2/pullpoint/" + string(id))
			require.True(t, ok)
			assert.Equal(t, id, again)
		}
	})
}

// FuzzTermination: a time that is given lies ahead, and can be written as a dateTime that means the same.
func FuzzTermination(f *testing.F) {
	for _, s := range []string{"", "PT1H", "-PT1H", "P1Y2M3DT4H5M6.7S", "2027-02-28T24:00:00", "2026-10-25T02:30:00", "9999-12-31T23:59:59-14:00", "xyz"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		end, err := nas.Termination(s, published, 0)
		if err != nil {
			e := told(t, err)
			require.Equal(t, nas.UnacceptableInitialTerminationTime, e.Fault)
			require.Equal(t, published, e.Minimum)
			return
		}
		if end.IsZero() {
			return
		}
		require.True(t, end.After(published))
		again, err := nas.Termination(end.Format(time.RFC3339Nano), published, 0)
		require.NoError(t, err)
		assert.Equal(t, end, again)
	})
}

package nas_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/nas"
)

const cprType = "http://nsi.dk/advis/v10/CPR"

// view is a record of somebody as the log gives it.
func view(t require.TestingT, idType, id string, system bool) nas.HeadView {
	r := sample()
	r.IDType, r.ID, r.System = idType, id, system
	h, err := nas.DecodeHead(r.Encode())
	require.NoError(t, err)
	return h
}

func TestMatcher(t *testing.T) {
	three := nas.Filter{IDs: []nas.SingleID{{ID: "1", IDType: cprType}, {ID: "2", IDType: cprType}, {ID: "3", IDType: cprType}}}
	byList := nas.Filter{List: "ward-7"}
	ward := nas.NewIDSet(nas.IDList{Name: "ward-7", IDType: cprType, IDs: []string{"1", "2"}})
	for _, c := range []struct {
		name       string
		filter     nas.Filter
		list       *nas.IDSet
		idType, id string
		system     bool
		want       bool
	}{
		{"no filter, about somebody", nas.Filter{}, nil, cprType, "1", false, true},
		{"no filter, about nobody", nas.Filter{}, nil, "", "", false, true},
		{"XPath alone is not the matcher's", nas.Filter{XPath: &nas.XPath{Expression: "false()"}}, nil, cprType, "1", false, true},
		{"T2 SingleID × 3 and the 2nd", three, nil, cprType, "2", false, true},
		{"T2 somebody else", three, nil, cprType, "4", false, false},
		{"T2 the same id, another type", three, nil, "cpr", "2", false, false},
		{"T2 about nobody", three, nil, "", "", false, false},
		{"a type without id", three, nil, cprType, "", false, false},
		{"an id without type", three, nil, "", "2", false, false},
		{"on the list", byList, ward, cprType, "1", false, true},
		{"T2 a person outside the list", byList, ward, cprType, "3", false, false},
		{"on the list, another type", byList, ward, "cpr", "1", false, false},
		{"about nobody, by list", byList, ward, "", "", false, false},
		{"T3 a list that was destroyed", byList, nil, cprType, "1", false, false},
		{"T3 a list that is empty now", byList, nas.NewIDSet(nas.IDList{IDType: cprType}), cprType, "1", false, false},
		{"T3 a list of other content now", byList, nas.NewIDSet(nas.IDList{IDType: cprType, IDs: []string{"3"}}), cprType, "3", false, true},
		{"T5 a system notification against a foreign SingleID", three, nil, cprType, "4", true, true},
		{"a system notification about nobody", three, nil, "", "", true, true},
		{"a system notification against a list that was destroyed", byList, nil, cprType, "1", true, true},
		{"all that the filter names is required: not on the list", nas.Filter{IDs: three.IDs, List: "ward-7"}, ward, cprType, "3", false, false},
		{"all that the filter names is required: no single", nas.Filter{IDs: three.IDs[:1], List: "ward-7"}, ward, cprType, "2", false, false},
		{"all that the filter names is required: both", nas.Filter{IDs: three.IDs, List: "ward-7"}, ward, cprType, "2", false, true},
		{"an empty single id is nobody's", nas.Filter{IDs: []nas.SingleID{{}}}, nil, "", "", false, false},
		{"an empty id of a list is nobody's", byList, nas.NewIDSet(nas.IDList{IDs: []string{""}}), "", "", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := nas.NewMatcher(c.filter, c.list).Head(view(t, c.idType, c.id, c.system))
			assert.Equal(t, c.want, got)
		})
	}

	t.Run("the matcher selects what the rules written plainly select", func(t *testing.T) {
		few := rapid.SampledFrom([]string{"", "1", "2", "11", "21"})
		rapid.Check(t, func(t *rapid.T) {
			var f nas.Filter
			for range rapid.IntRange(0, 3).Draw(t, "singles") {
				f.IDs = append(f.IDs, nas.SingleID{ID: few.Draw(t, "id"), IDType: few.Draw(t, "type")})
			}
			var list *nas.IDList
			if rapid.Bool().Draw(t, "by list") {
				f.List = "x"
				if rapid.Bool().Draw(t, "which is there") {
					list = &nas.IDList{IDType: few.Draw(t, "type of list"), IDs: rapid.SliceOf(few).Draw(t, "ids of list")}
				}
			}
			id, idType, system := few.Draw(t, "id"), few.Draw(t, "type"), rapid.Bool().Draw(t, "system")

			lacks := id == "" || idType == ""
			want := system ||
				(len(f.IDs) == 0 || !lacks && slices.Contains(f.IDs, nas.SingleID{ID: id, IDType: idType})) &&
					(f.List == "" || !lacks && list != nil && list.IDType == idType && slices.Contains(list.IDs, id))
			var set *nas.IDSet
			if list != nil {
				set = nas.NewIDSet(*list)
			}
			require.Equal(t, want, nas.NewMatcher(f, set).Head(view(t, idType, id, system)))
		})
	})
}

func TestIDSet(t *testing.T) {
	ids := []string{"1", "2", "1"}
	set := nas.NewIDSet(nas.IDList{IDType: cprType, IDs: ids})
	assert.Equal(t, 2, set.Len())
	ids[1] = "3"
	assert.True(t, nas.NewMatcher(nas.Filter{List: "x"}, set).Head(view(t, cprType, "2", false)), "a set does not change with the list it was made of")
}

// manyIDs is a list of n ids of ten digits.
func manyIDs(n int) nas.IDList {
	l := nas.IDList{Name: "all", IDType: cprType, IDs: make([]string, n)}
	for i := range l.IDs {
		l.IDs[i] = fmt.Sprintf("%010d", i)
	}
	return l
}

// T40: a subscriber that is far behind reads a million records to find a thousand. What is looked at in each allocates nothing.
func TestT40HeadAllocatesNothing(t *testing.T) {
	in, out := sample(), sample()
	in.ID, out.ID = "0000000007", "9999999999"
	in.Producer = []byte("<wsnt:ProducerReference/>")
	values := [][]byte{in.Encode(), out.Encode()}
	for name, m := range map[string]nas.Matcher{
		"by list":   nas.NewMatcher(nas.Filter{List: "all"}, nas.NewIDSet(manyIDs(1000))),
		"by single": nas.NewMatcher(nas.Filter{IDs: []nas.SingleID{{ID: in.ID, IDType: cprType}}}, nil),
	} {
		t.Run(name, func(t *testing.T) {
			matched := 0
			allocs := testing.AllocsPerRun(100, func() {
				for _, v := range values {
					h, err := nas.DecodeHead(v)
					if err == nil && m.Head(h) {
						matched++
					}
				}
			})
			assert.Zero(t, allocs)
			assert.Equal(t, 101, matched, "one of two is selected")
		})
	}
}

// BenchmarkHead is one record read in its value and matched against a list of 500,000 ids. The limit that a scan must keep far below is printed
// with it: 10 µs a record, 100,000 records a second.
func BenchmarkHead(b *testing.B) {
	m := nas.NewMatcher(nas.Filter{List: "all"}, nas.NewIDSet(manyIDs(500_000)))
	const n = 4096
	values := make([][]byte, n)
	for i := range values {
		r := sample()
		r.ID = fmt.Sprintf("%010d", i*7919%1_000_000)
		values[i] = r.Encode()
	}
	b.ReportAllocs()
	b.ResetTimer()
	matched := 0
	for i := range b.N {
		h, err := nas.DecodeHead(values[i%n])
		if err != nil {
			b.Fatal(err)
		}
		if m.Head(h) {
			matched++
		}
	}
	b.ReportMetric(float64(10*time.Microsecond)/(float64(b.Elapsed())/float64(b.N)), "×limit")
}

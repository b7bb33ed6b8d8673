package minlog_test

import (
	"cmp"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/minlog"
)

var (
	subject   = minlog.ID{Source: minlog.CPR, Value: citizenNumber}
	assistant = minlog.ID{Source: minlog.CPR, Value: "0505851111"}
	another   = minlog.ID{Source: minlog.CPR, Value: professionalNumber}
)

const month = 31 * 24 * time.Hour

// access is one from minute to minute after 08:00.
func access(user minlog.ID, sequence string, from, to int) minlog.Entry {
	begin := at("2026-11-01T08:00:00Z")
	return minlog.Entry{
		System: "FMK", Activity: "Opslag", Person: subject, User: user, SequenceNumber: sequence,
		From: begin.Add(time.Duration(from) * time.Minute), To: begin.Add(time.Duration(to) * time.Minute),
	}
}

func indexed(entries ...minlog.Entry) (all []minlog.Indexed) {
	for i, e := range entries {
		all = append(all, minlog.Indexed{Index: i, Entry: e})
	}
	return all
}

func TestFold(t *testing.T) {
	ten := minlog.Reduction{Window: 10 * time.Minute, MaxPeriod: month}
	five := indexed( // as in a request, not in the order of time
		access(assistant, "14", 14, 14), access(assistant, "0", 0, 0), access(another, "5", 5, 5), access(assistant, "30", 30, 30), access(assistant, "5", 5, 5))
	folded := []minlog.Indexed{{1, access(assistant, "0", 0, 14)}, {2, access(another, "5", 5, 5)}, {3, access(assistant, "30", 30, 30)}}
	for _, c := range []struct {
		name string
		r    minlog.Reduction
		in   []minlog.Indexed
		want []minlog.Indexed
	}{
		{"AC-36 ten minutes", ten, five, folded},
		{"AC-36 never for the system", minlog.Reduction{Window: ten.Window, MaxPeriod: month, Systems: map[string]time.Duration{"FMK": 0}}, five, five},
		{"never for another system", minlog.Reduction{Window: ten.Window, MaxPeriod: month, Systems: map[string]time.Duration{"X": 0}}, five, folded},
		{"only for the system", minlog.Reduction{MaxPeriod: month, Systems: map[string]time.Duration{"FMK": ten.Window}}, five, folded},
		{"window 0", minlog.Reduction{MaxPeriod: month}, five, five},
		{"pause of the window", ten, indexed(access(assistant, "", 0, 0), access(assistant, "", 10, 10)), indexed(access(assistant, "", 0, 10))},
		{"pause of more", ten, indexed(access(assistant, "", 0, 0), access(assistant, "", 11, 11)), indexed(access(assistant, "", 0, 0), access(assistant, "", 11, 11))},
		{"the pause is counted from the end", ten, indexed(access(assistant, "", 0, 20), access(assistant, "", 5, 6), access(assistant, "", 28, 29)), indexed(access(assistant, "", 0, 29))},
		{"as long as a period may be", minlog.Reduction{Window: time.Hour, MaxPeriod: 20 * time.Minute},
			indexed(access(assistant, "", 0, 0), access(assistant, "", 10, 20)), indexed(access(assistant, "", 0, 20))},
		{"longer than a period may be", minlog.Reduction{Window: time.Hour, MaxPeriod: 20 * time.Minute},
			indexed(access(assistant, "", 0, 0), access(assistant, "", 10, 21), access(assistant, "", 25, 25)),
			indexed(access(assistant, "", 0, 0), access(assistant, "", 10, 25))},
		{"ML-18 equal, with the same sequence number", ten, indexed(access(assistant, "7", 0, 0), access(assistant, "7", 0, 0)), indexed(access(assistant, "7", 0, 0))},
		{"nothing", ten, []minlog.Indexed{}, []minlog.Indexed{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := slices.Clone(c.in)
			assert.Equal(t, c.want, c.r.Fold(c.in))
			assert.Equal(t, before, c.in, "the request was changed")
		})
	}
}

// All that a reader sees, and what decides who reads it, keeps entries apart: every field but the period and the sequence number.
func TestFoldKeepsApartWhatDiffers(t *testing.T) {
	r := minlog.Reduction{Window: time.Hour, MaxPeriod: month}
	e := fullEntry()
	fields := reflect.TypeFor[minlog.Entry]()
	for i := range fields.NumField() {
		other := e
		switch f := reflect.ValueOf(&other).Elem().Field(i).Addr().Interface().(type) {
		case *string:
			*f += "x"
		case *minlog.ID:
			f.Value += "x"
		case **minlog.Chain:
			*f = nil
		case *[]string:
			*f = nil
		case *time.Time:
			*f = f.Add(time.Microsecond)
		default:
			t.Fatalf("field %s of a type the test does not know", fields.Field(i).Name)
		}
		want := 2
		if slices.Contains([]string{"From", "To", "SequenceNumber"}, fields.Field(i).Name) {
			want = 1
		}
		assert.Len(t, r.Fold(indexed(e, other)), want, fields.Field(i).Name)
	}
	for name, change := range map[string]func(*minlog.Entry){
		"source of an identifier": func(e *minlog.Entry) { e.User.Source = minlog.Authorisation },
		"order of filters":        func(e *minlog.Entry) { e.Filters = []string{"y", "Ikke borger"} },
		"one filter for two":      func(e *minlog.Entry) { e.Filters = []string{"Ikke borger,y"} },
		"one filter like two":     func(e *minlog.Entry) { e.Filters = []string{"Ikke borger1:y"} },
		"a filter less":           func(e *minlog.Entry) { e.Filters = e.Filters[:1] },
		"a link less": func(e *minlog.Entry) {
			e.Source = &minlog.Chain{CorrelationID: "c", System: "S", Source: &minlog.Chain{System: "T"}}
		},
		"a link's other text": func(e *minlog.Entry) {
			e.Source = &minlog.Chain{CorrelationID: "c", System: "S", Source: &minlog.Chain{CorrelationID: "T", Source: e.Source.Source.Source}}
		},
	} {
		other := e
		change(&other)
		assert.Len(t, r.Fold(indexed(e, other)), 2, name)
	}
}

// repeated makes requests with many accesses that say the same.
func repeated() *rapid.Generator[[]minlog.Indexed] {
	one := rapid.Custom(func(t *rapid.T) minlog.Entry {
		from := rapid.IntRange(0, 60).Draw(t, "from")
		e := access(rapid.SampledFrom([]minlog.ID{assistant, another}).Draw(t, "user"), rapid.SampledFrom([]string{"", "1", "2"}).Draw(t, "sequence"),
			from, from+rapid.SampledFrom([]int{0, 0, 0, 1, 7, 20}).Draw(t, "length"))
		e.System = rapid.SampledFrom([]string{"FMK", "FMK", "X"}).Draw(t, "system")
		e.Filters = rapid.SampledFrom([][]string{nil, nil, {"Ikke borger"}}).Draw(t, "filters")
		e.Source = rapid.SampledFrom([]*minlog.Chain{nil, nil, {System: "S"}}).Draw(t, "source")
		return e
	})
	return rapid.Custom(func(t *rapid.T) []minlog.Indexed { return indexed(rapid.SliceOfN(one, 0, 25).Draw(t, "entries")...) })
}

func reductions() *rapid.Generator[minlog.Reduction] {
	minutes := rapid.Map(rapid.SampledFrom([]int{-1, 0, 1, 5, 15, 40}), func(n int) time.Duration { return time.Duration(n) * time.Minute })
	return rapid.Custom(func(t *rapid.T) minlog.Reduction {
		return minlog.Reduction{
			Window:    minutes.Draw(t, "window"),
			Systems:   rapid.MapOfN(rapid.SampledFrom([]string{"FMK", "X", "Y"}), minutes, 0, 2).Draw(t, "systems"),
			MaxPeriod: rapid.SampledFrom([]time.Duration{month, 25 * time.Minute, 21 * time.Minute}).Draw(t, "longest"),
		}
	})
}

// saying is what e says but for its period and sequence number: as JSON, which is what is registered.
func saying(t require.TestingT, e minlog.Entry) string {
	e.From, e.To, e.SequenceNumber = time.Time{}, time.Time{}, ""
	b, err := json.Marshal(e)
	require.NoError(t, err)
	return string(b)
}

// foldedByHand takes the earliest access that is left, adds what may follow it until something may not, and begins again.
func foldedByHand(t require.TestingT, r minlog.Reduction, left []minlog.Indexed) (all []minlog.Indexed) {
	left = slices.Clone(left)
	slices.SortFunc(left, func(a, b minlog.Indexed) int {
		return cmp.Or(a.Entry.From.Compare(b.Entry.From), a.Entry.To.Compare(b.Entry.To), cmp.Compare(a.Entry.SequenceNumber, b.Entry.SequenceNumber),
			cmp.Compare(a.Index, b.Index))
	})
	for len(left) > 0 {
		run, says := left[0], saying(t, left[0].Entry)
		window, own := r.Systems[run.Entry.System]
		if !own {
			window = r.Window
		}
		var others []minlog.Indexed
		ended := window <= 0
		for _, x := range left[1:] {
			to := x.Entry.To
			if run.Entry.To.After(to) {
				to = run.Entry.To
			}
			switch {
			case saying(t, x.Entry) != says:
				others = append(others, x)
			case ended || x.Entry.From.After(run.Entry.To.Add(window)) || to.After(run.Entry.From.Add(r.MaxPeriod)):
				ended = true
				others = append(others, x)
			default:
				run.Entry.To = to
			}
		}
		all, left = append(all, run), others
	}
	return byIndex(all)
}

func byIndex(all []minlog.Indexed) []minlog.Indexed {
	return slices.SortedFunc(slices.Values(all), func(a, b minlog.Indexed) int { return cmp.Compare(a.Index, b.Index) })
}

func TestFoldFollowsItsLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, in := reductions().Draw(t, "reduction"), repeated().Draw(t, "request")
		out := r.Fold(in)
		require.Equal(t, foldedByHand(t, r, in), byIndex(out), "what the rule gives by hand")
		require.Equal(t, out, r.Fold(out), "folded again")

		shuffled := rapid.Permutation(in).Draw(t, "shuffled")
		require.Equal(t, byIndex(out), byIndex(r.Fold(shuffled)), "in another order")
		entriesOf := func(all []minlog.Indexed) (texts []string) {
			for _, x := range all {
				texts = append(texts, saying(t, x.Entry)+x.Entry.From.String()+x.Entry.To.String()+x.Entry.SequenceNumber)
			}
			return slices.Sorted(slices.Values(texts))
		}
		for i := range shuffled {
			shuffled[i].Index = i
		}
		require.Equal(t, entriesOf(out), entriesOf(r.Fold(shuffled)), "sent in another order")

		require.LessOrEqual(t, len(out), len(in))
		for _, x := range in { // nothing is lost
			require.True(t, slices.ContainsFunc(out, func(y minlog.Indexed) bool {
				return saying(t, x.Entry) == saying(t, y.Entry) && !x.Entry.From.Before(y.Entry.From) && !x.Entry.To.After(y.Entry.To)
			}), "an access is in no period")
		}
		for _, y := range out { // nor made up
			begins := in[y.Index].Entry
			require.Equal(t, [...]any{saying(t, begins), begins.From, begins.SequenceNumber}, [...]any{saying(t, y.Entry), y.Entry.From, y.Entry.SequenceNumber})
			require.True(t, slices.ContainsFunc(in, func(x minlog.Indexed) bool {
				return saying(t, x.Entry) == saying(t, y.Entry) && x.Entry.To.Equal(y.Entry.To)
			}), "a period ends with no access")
			require.LessOrEqual(t, y.Entry.To.Sub(y.Entry.From), r.MaxPeriod)
		}
	})
}

// Folded entries have the ids of what is sent again: of the same message, or with sequence numbers in any message and order (ML-16, ML-18).
func TestFoldedIDs(t *testing.T) {
	registered := func(t require.TestingT, g minlog.Registrar, all []minlog.Indexed) []string {
		w := recorder(t, g)
		var ids []string
		for _, x := range all {
			_, id, err := w.AppendRegistration(nil, x.Index, &x.Entry)
			require.NoError(t, err)
			ids = append(ids, id.String())
		}
		slices.Sort(ids)
		return slices.Compact(ids)
	}
	later := registrar
	later.MessageID = "m-2"
	rapid.Check(t, func(t *rapid.T) {
		r, in := reductions().Draw(t, "reduction"), repeated().Draw(t, "request")
		require.Equal(t, registered(t, registrar, r.Fold(in)), registered(t, registrar, r.Fold(slices.Clone(in))), "the same message")
		for i := range in {
			in[i].Entry.SequenceNumber = strconv.Itoa(rapid.IntRange(0, len(in)).Draw(t, "sequence"))
		}
		ids := registered(t, registrar, r.Fold(in))
		shuffled := rapid.Permutation(in).Draw(t, "shuffled")
		for i := range shuffled {
			shuffled[i].Index = i
		}
		require.Equal(t, ids, registered(t, later, r.Fold(shuffled)), "another message with the same sequence numbers")
	})
	t.Run("ML-18 equal entries with the same sequence number are one, folded or not", func(t *testing.T) {
		in := indexed(access(assistant, "7", 0, 0), access(assistant, "7", 0, 0))
		plain, folded := minlog.Reduction{}, minlog.Reduction{Window: time.Minute, MaxPeriod: month}
		assert.Len(t, registered(t, registrar, plain.Fold(in)), 1)
		assert.Equal(t, registered(t, registrar, plain.Fold(in)), registered(t, registrar, folded.Fold(in)))
	})
}

// bulk is a full request of several users' accesses to several citizens, each with calling system, filter and sequence number.
func bulk() []minlog.Indexed {
	var all []minlog.Indexed
	for i := range 1000 {
		e := fullEntry()
		e.From = e.From.Add(time.Duration(i*7919%1000) * time.Second)
		e.To, e.SequenceNumber = e.From, strconv.Itoa(i)
		e.Person.Value, e.User.Value = strconv.Itoa(i%50), strconv.Itoa(i%7)
		all = append(all, minlog.Indexed{Index: i, Entry: e})
	}
	return all
}

func TestFoldCostsNothingWhereItIsOff(t *testing.T) {
	all, off := bulk(), minlog.Reduction{MaxPeriod: month, Systems: map[string]time.Duration{"X": 0}}
	assert.Zero(t, testing.AllocsPerRun(10, func() { off.Fold(all) }))
}

func BenchmarkFold(b *testing.B) {
	all, r := bulk(), minlog.Reduction{Window: 10 * time.Minute, MaxPeriod: month}
	b.ReportAllocs()
	for b.Loop() {
		r.Fold(all)
	}
}

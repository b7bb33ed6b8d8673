package nas

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/messagelog"
)

// Offsets are the next offset to read of each partition (index = partition), NAS-30.
type Offsets []int64

// Ranges are the offsets that were delivered, by partition and ascending.
type Ranges []Range

// Range is the offsets From..To of a partition, both delivered.
type Range struct {
	Partition int
	From, To  int64
}

// What is wrong with a text of a store.
var (
	ErrOffsets = errors.New("nas: not a list of offsets")
	ErrRanges  = errors.New("nas: not a list of ranges of offsets")
)

// ErrPartitionsLost: the log has fewer partitions of a topic than were read before (NAS-32).
var ErrPartitionsLost error = fault.Error{Kind: fault.Internal, Code: CodePartitionsLost, Text: "the topic has lost partitions"}

// ParseOffsets reads "146,72,72", the text that String writes, and nothing else; ErrOffsets.
func ParseOffsets(s string) (Offsets, error) {
	var o Offsets
	for item := range strings.SplitSeq(s, ",") {
		n, ok := decimal(item)
		if !ok {
			return nil, ErrOffsets
		}
		o = append(o, n)
	}
	return o, nil
}

// String returns "146,72,72", which is "" of no partitions: no text of Offsets.
func (o Offsets) String() string {
	var b []byte
	for i, n := range o {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, n, 10)
	}
	return string(b)
}

// decimal reads digits without sign, space or leading zero, up to 2^63-1.
func decimal(s string) (int64, bool) {
	if s == "" || len(s) > 1 && s[0] == '0' || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// ParseRanges reads "0:5-9,12;2:7", the text that String writes, and nothing else; ErrRanges. The empty text is no ranges.
func ParseRanges(s string) (Ranges, error) {
	if s == "" {
		return nil, nil
	}
	var r Ranges
	last := int64(-1) // partition
	for part := range strings.SplitSeq(s, ";") {
		number, list, _ := strings.Cut(part, ":")
		p, ok := decimal(number)
		if !ok || p <= last || p > math.MaxInt32 {
			return nil, ErrRanges
		}
		last = p
		read := int64(-1) // the offset before
		for item := range strings.SplitSeq(list, ",") {
			first, second, isRange := strings.Cut(item, "-")
			from, ok := decimal(first)
			to := from
			if ok && isRange {
				to, ok = decimal(second)
				ok = ok && to > from
			}
			if !ok || from <= read {
				return nil, ErrRanges
			}
			r = append(r, Range{Partition: int(p), From: from, To: to})
			read = to
		}
	}
	return r, nil
}

// String returns "0:5-9,12;2:7": the ranges of each partition, one offset alone without its end.
func (r Ranges) String() string {
	var b []byte
	for i, one := range r {
		switch {
		case i > 0 && r[i-1].Partition == one.Partition:
			b = append(b, ',')
		case i > 0:
			b = append(b, ';')
			fallthrough
		default:
			b = append(strconv.AppendInt(b, int64(one.Partition), 10), ':')
		}
		b = strconv.AppendInt(b, one.From, 10)
		if one.To > one.From {
			b = strconv.AppendInt(append(b, '-'), one.To, 10)
		}
	}
	return string(b)
}

// Count is the number of offsets, at most 2^63-1.
func (r Ranges) Count() int64 {
	var n int64
	for _, one := range r {
		n = plus(n, plus(one.To-one.From, 1))
	}
	return n
}

// plus adds without passing 2^63-1.
func plus(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// Delivered returns the ranges (NAS-39) of the places given, in any order.
func Delivered(places []Place) Ranges {
	sorted := slices.Clone(places)
	slices.SortFunc(sorted, Place.compareOffset)
	var r Ranges
	for _, p := range sorted {
		if end := len(r) - 1; end >= 0 && r[end].Partition == p.Partition && p.Offset-r[end].To <= 1 {
			r[end].To = p.Offset
			continue
		}
		r = append(r, Range{Partition: p.Partition, From: p.Offset, To: p.Offset})
	}
	return r
}

// Position is where a subscription stands in its topic.
type Position struct {
	Offsets  Offsets // where to read on, for every partition of the log
	Ends     Offsets // where to stop, likewise; an end may be below its offset
	Deltas   []int64 // what is left to read of each partition, at least 0
	Lag      int64   // their sum, at most 2^63-1
	MaxDelta int64   // the largest
	Gaps     []Range // records that are no longer kept and were not read
	Beyond   []int   // partitions that end before the offset: the topic was made anew
}

// Against holds the offsets of a cursor against the bounds of its topic's partitions (NAS-31 to NAS-36). ErrPartitionsLost.
func (o Offsets) Against(b []messagelog.Bounds) (Position, error) {
	if len(b) < len(o) {
		return Position{}, ErrPartitionsLost
	}
	p := Position{Offsets: make(Offsets, len(b)), Ends: make(Offsets, len(b)), Deltas: make([]int64, len(b))}
	copy(p.Offsets, o)
	for i, bounds := range b {
		p.Ends[i] = bounds.End
		if at := p.Offsets[i]; at < bounds.First {
			p.Gaps = append(p.Gaps, Range{Partition: i, From: at, To: bounds.First - 1})
			p.Offsets[i] = bounds.First
		}
		if p.Offsets[i] > bounds.End {
			p.Beyond = append(p.Beyond, i)
		}
		p.Deltas[i] = max(0, bounds.End-p.Offsets[i])
		p.Lag = plus(p.Lag, p.Deltas[i])
		p.MaxDelta = max(p.MaxDelta, p.Deltas[i])
	}
	return p, nil
}

// Ends returns the first cursor's offsets of a subscription that begins now (NAS-37).
func Ends(b []messagelog.Bounds) Offsets {
	o := make(Offsets, len(b))
	for i := range b {
		o[i] = b[i].End
	}
	return o
}

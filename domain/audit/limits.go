package audit

import (
	"iter"
	"strconv"
	"unicode/utf8"
)

// MaxRunes is how many characters of a value are kept. A longer one is cut and ends in "…".
const MaxRunes = 2000

// Flatten yields what the log writes of info, in its order: every value under a key of its own. Of a list, <key>.0 to <key>.<maxValues-1>
// are written and the rest is counted in the non personal key <key>-omitted. Empty values are left out, and keep their number in a list.
func Flatten(info []Information, maxValues int) iter.Seq[Information] {
	return func(yield func(Information) bool) {
		for _, i := range info {
			if len(i.List) == 0 {
				if i.Value != "" && !yield(Information{Key: i.Key, Class: i.Class, Value: Cut(i.Value)}) {
					return
				}
				continue
			}
			kept := i.List[:min(len(i.List), maxValues)]
			for n, v := range kept {
				if v != "" && !yield(Information{Key: i.Key + "." + strconv.Itoa(n), Class: i.Class, Value: Cut(v)}) {
					return
				}
			}
			if rest := len(i.List) - len(kept); rest > 0 &&
				!yield(Information{Key: i.Key + "-omitted", Class: NPI, Value: strconv.Itoa(rest)}) {
				return
			}
		}
	}
}

// Cut returns s with at most MaxRunes characters; what is longer ends in "…".
func Cut(s string) string {
	if len(s) <= MaxRunes {
		return s
	}
	n := 0
	cut := 0 // end of the first MaxRunes-1 characters
	for i := 0; i < len(s); n++ {
		if n == MaxRunes-1 {
			cut = i
		}
		if n == MaxRunes {
			return s[:cut] + "…"
		}
		_, size := utf8.DecodeRuneInString(s[i:])
		i += size
	}
	return s
}

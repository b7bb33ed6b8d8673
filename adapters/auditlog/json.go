package auditlog

import (
	"maps"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// timeLayout has at most three fraction digits and no trailing zeros, as the published samples (".09Z").
const timeLayout = "2006-01-02T15:04:05.999Z07:00"

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string: "<" stays, control characters and the line separators U+2028 and U+2029 are escaped, invalid
// UTF-8 becomes U+FFFD.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' && c != 0x7f {
				i++
				continue
			}
			dst = append(dst, s[start:i]...)
			dst = appendEscaped(dst, rune(c))
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			dst = append(dst, s[start:i]...)
			dst = append(dst, "�"...)
			start = i + size
		case r < 0xa0, r == '\u2028', r == '\u2029':
			dst = append(dst, s[start:i]...)
			dst = appendEscaped(dst, r)
			start = i + size
		}
		i += size
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

func appendEscaped(dst []byte, r rune) []byte {
	switch r {
	case '"', '\\':
		return append(dst, '\\', byte(r))
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', hexDigits[r>>12&0xf], hexDigits[r>>8&0xf], hexDigits[r>>4&0xf], hexDigits[r&0xf])
}

func appendTime(dst []byte, t time.Time, in *time.Location) []byte {
	dst = append(dst, '"')
	dst = t.In(in).AppendFormat(dst, timeLayout)
	return append(dst, '"')
}

// appendMap appends m in key order.
func appendMap(dst []byte, m map[string]string) []byte {
	dst = append(dst, '{')
	for n, key := range slices.Sorted(maps.Keys(m)) {
		if n > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, key), ':')
		dst = appendString(dst, m[key])
	}
	return append(dst, '}')
}

func appendInt(dst []byte, member string, n int64) []byte {
	return strconv.AppendInt(append(dst, member...), n, 10)
}

func milliseconds(d time.Duration) int64 { return d.Milliseconds() }

package xmldsig

import "strings"

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

const (
	blank  = 64 // XML white space
	pad    = 65
	refuse = 66
)

// values gives the six bits of each octet of base64, or one of the marks above.
var values = func() (v [256]uint8) {
	for i := range v {
		v[i] = refuse
	}
	for i := range alphabet {
		v[alphabet[i]] = uint8(i)
	}
	v[' '], v['\t'], v['\r'], v['\n'], v['='] = blank, blank, blank, blank, pad
	return v
}()

// appendBase64 appends what s encodes, at most limit octets. It is strict: padding complete, unused bits zero, nothing after it; only white
// space may stand anywhere (XML Schema Part 2, 3.2.16).
func appendBase64(dst []byte, s string, limit int) ([]byte, bool) {
	limit += len(dst)
	var acc uint32
	count, pads := 0, 0 // characters of the group of four
	for i := 0; i < len(s); {
		if count == 0 && pads == 0 && i+4 <= len(s) { // a whole group at once
			v0, v1, v2, v3 := values[s[i]], values[s[i+1]], values[s[i+2]], values[s[i+3]]
			if v0|v1|v2|v3 < blank {
				if len(dst)+3 > limit {
					return dst, false
				}
				dst = append(dst, v0<<2|v1>>4, v1<<4|v2>>2, v2<<6|v3)
				i += 4
				continue
			}
		}
		v := values[s[i]]
		i++
		switch {
		case v == blank:
			continue
		case v == pad && count >= 2 && count+pads < 4:
			pads++
			continue
		case v >= blank || pads > 0:
			return dst, false
		}
		acc = acc<<6 | uint32(v)
		if count++; count == 4 {
			dst = append(dst, byte(acc>>16), byte(acc>>8), byte(acc))
			acc, count = 0, 0
		}
	}
	switch {
	case count == 0 && pads == 0:
	case count == 2 && pads == 2 && acc&0xF == 0:
		dst = append(dst, byte(acc>>4))
	case count == 3 && pads == 1 && acc&0x3 == 0:
		dst = append(dst, byte(acc>>10), byte(acc>>2))
	default:
		return dst, false
	}
	return dst, len(dst) <= limit
}

// trim removes the white space of XML at both ends.
func trim(s string) string { return strings.Trim(s, " \t\r\n") }

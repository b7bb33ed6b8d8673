package xmltree

import (
	"encoding/binary"
	"math/bits"
)

// Eight octets of the source are looked at in one word; lower octets of a word stand before higher ones. The conditions i >= 0 and
// i < len(src)-7 are written so that the compiler sees that no index can be out of bounds.
const (
	ones   = 0x0101010101010101
	spaces = ones * ' '
	highs  = ones * 0x80
)

// zeros returns the high bit of the lowest octet of w that is zero, and perhaps of octets above it.
func zeros(w uint64) uint64 { return (w - ones) &^ w & highs }

// below returns the high bit of the lowest octet of w that is below 0x20, and perhaps of octets above it.
func below(w uint64) uint64 { return (w - spaces) &^ w & highs }

// noLetters returns the high bit of each octet of w that is no ASCII letter.
func noLetters(w uint64) uint64 {
	small := (w | spaces) &^ highs
	return (^(small + ones*(0x80-'a')) | (small + ones*(0x7F-'z')) | w) & highs
}

// textMarks returns the high bit of the lowest octet of w that is '<', '>' or '&', and perhaps of octets above it.
func textMarks(w uint64) uint64 {
	return zeros((w|ones*2)^ones*'>') | zeros(w^ones*'&') // '<' and '>' differ in one bit
}

// nameEnd returns the end of the ASCII name characters from k.
func nameEnd(src []byte, k int) int {
	for k >= 0 && k < len(src)-7 {
		other := noLetters(binary.LittleEndian.Uint64(src[k:]))
		if other == 0 {
			k += 8
			continue
		}
		k += bits.TrailingZeros64(other) >> 3
		if class[src[k]]&nameChar == 0 {
			return k
		}
		k++
	}
	for k < len(src) && class[src[k]]&nameChar != 0 {
		k++
	}
	return k
}

// valueEnd returns the offset from i of the next quote, '<', '&' or octet below 0x20, or the length of src.
func valueEnd(src []byte, i int, quote byte) int {
	bit, mark := uint64(ones*4), uint64(ones*'&') // '"' and '&' differ in one bit,
	if quote == '\'' {
		bit, mark = ones, ones*'\'' // '\'' and '&' in another
	}
	for ; i >= 0 && i < len(src)-7; i += 8 {
		w := binary.LittleEndian.Uint64(src[i:])
		if found := zeros((w|bit)^mark) | zeros(w^ones*'<') | below(w); found != 0 {
			return i + bits.TrailingZeros64(found)>>3
		}
	}
	for ; i < len(src) && src[i] != quote && src[i] != '<' && src[i] != '&' && src[i] >= ' '; i++ {
	}
	return i
}

// textMark returns the offset of the next '<', '&' or '>' from i, or one before to where none stands before it. It is the length of src at
// most.
func textMark(src []byte, i, to int) int {
	for ; i >= 0 && i < len(src)-7 && i < to; i += 8 {
		w := binary.LittleEndian.Uint64(src[i:])
		if found := textMarks(w); found != 0 {
			return i + bits.TrailingZeros64(found)>>3
		}
	}
	for ; i < len(src) && i < to && src[i]|2 != '>' && src[i] != '&'; i++ {
	}
	return i
}

// same reports whether the n octets at i, at least one, and at j before it are the same.
func same(src []byte, i, j, n int) bool {
	if j < 0 || i < j || n < 1 || n > 32 || i >= len(src)-31 {
		return string(src[i:i+n]) == string(src[j:j+n])
	}
	diff := binary.LittleEndian.Uint64(src[i:]) ^ binary.LittleEndian.Uint64(src[j:])
	for ; n > 8; n -= 8 {
		if diff != 0 {
			return false
		}
		i, j = i+8, j+8
		diff = binary.LittleEndian.Uint64(src[i:]) ^ binary.LittleEndian.Uint64(src[j:])
	}
	return diff<<(64-8*n) == 0
}

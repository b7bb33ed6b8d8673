package audit

import "strings"

// Masked stands where a person's number was.
const Masked = "[cpr]"

// Mask replaces every text that may be a Danish person number by "[cpr]": civil registration numbers with or without a blank or hyphen,
// day of birth from 1 to 31 or raised by 60 (replacement numbers), and the X-eCPR and D-eCPR forms with two letters. A digit directly before
// or after makes it another number, which is kept. Mask is idempotent and returns s itself where nothing is to be masked.
func Mask(s string) string {
	var b strings.Builder
	done := 0
	for i := 0; i+10 <= len(s); {
		n := 0
		if isDigit(s[i]) && (i == 0 || !isDigit(s[i-1])) {
			n = personNumber(s[i:])
		}
		if n == 0 {
			i++
			continue
		}
		b.WriteString(s[done:i])
		b.WriteString(Masked)
		i += n
		done = i
	}
	if done == 0 {
		return s
	}
	b.WriteString(s[done:])
	return b.String()
}

// personNumber returns the length of the person number that s begins with, 0 if it begins with none.
func personNumber(s string) int {
	for i := range 6 {
		if !isDigit(s[i]) {
			return 0
		}
	}
	day, month := two(s), two(s[2:])
	if !(day >= 1 && day <= 31 || day >= 61 && day <= 91) || month < 1 || month > 12 {
		return 0
	}
	n := 6
	if s[n] == ' ' || s[n] == '-' {
		n++
	}
	if len(s) < n+4 || !isDigit(s[n]) || !isDigit(s[n+3]) {
		return 0
	}
	if a, b := s[n+1], s[n+2]; !(isDigit(a) && isDigit(b) || isLetter(a) && isLetter(b)) {
		return 0
	}
	n += 4
	if len(s) > n && isDigit(s[n]) {
		return 0
	}
	return n
}

func two(s string) int { return int(s[0]-'0')*10 + int(s[1]-'0') }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

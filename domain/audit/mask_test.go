package audit_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/audit"
)

func TestMask(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"OC-18 ten digits", "0108501234", "[cpr]"},
		{"OC-18 hyphen", "patient 010850-1234.", "patient [cpr]."},
		{"OC-18 X-eCPR", "0908167MM1", "[cpr]"},
		{"OC-18 replacement number, day raised by 60", "6101011234", "[cpr]"},
		{"OC-18 letters around", "a0203291WQ3b", "a[cpr]b"},
		{"OC-18 longer number kept", "45691000016001", "45691000016001"},
		{"OC-18 CVR kept", "33257872", "33257872"},
		{"OC-18 no date kept", "9999999999", "9999999999"},
		{"OC-18 blank", "010850 1234", "[cpr]"},
		{"OC-18 two side by side", "0108501234,0108501234", "[cpr],[cpr]"},
		{"OC-18 in a URN", "urn:x:cprNumberIdentifier:0511804817", "urn:x:cprNumberIdentifier:[cpr]"},
		{"OC-18 digit after", "01085012345", "01085012345"},
		{"OC-18 digit before", "10108501234", "10108501234"},
		{"OC-18 day 32", "3208501234", "3208501234"},
		{"OC-18 month 13", "0113501234", "0113501234"},
		{"OC-18 one letter", "090816A123", "090816A123"},
		{"OC-18 too short", "010850123", "010850123"},
		{"OC-18 hyphen, too short", "010850-123", "010850-123"},
		{"OC-18 empty", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.want, audit.Mask(c.in))
		})
	}
}

var pattern = regexp.MustCompile(`^(0[1-9]|[12]\d|3[01]|6[1-9]|[78]\d|9[01])(0[1-9]|1[0-2])\d\d[ -]?\d(\d{3}|[A-Za-z]{2}\d)`)

// maskByPattern is the rule read literally: leftmost matches of the pattern without a digit on either side.
func maskByPattern(s string) string {
	var b strings.Builder
	digit := func(i int) bool { return i >= 0 && i < len(s) && s[i] >= '0' && s[i] <= '9' }
	for i := 0; i < len(s); {
		n := len(pattern.FindString(s[i:]))
		if n == 0 || digit(i-1) || digit(i+n) {
			b.WriteByte(s[i])
			i++
			continue
		}
		b.WriteString("[cpr]")
		i += n
	}
	return b.String()
}

func TestMaskIsThePattern(t *testing.T) {
	t.Run("OC-18 same as the pattern, idempotent", func(t *testing.T) {
		piece := rapid.OneOf(rapid.SampledFrom([]string{"0108501234", "010850-1234", "0908167MM1", "6", "0", "-", " ", "æ", "[cpr]", "WQ"}),
			rapid.StringMatching(`[0-9A-Za-z -]{0,6}`))
		rapid.Check(t, func(t *rapid.T) {
			s := strings.Join(rapid.SliceOfN(piece, 0, 8).Draw(t, "pieces"), "")
			got := audit.Mask(s)
			assert.Equal(t, maskByPattern(s), got)
			assert.Equal(t, got, audit.Mask(got), "mask twice")
		})
	})
}

func FuzzMask(f *testing.F) {
	for _, s := range []string{"0108501234", "x010850-1234y0908167MM1", "01085012345", "010850 \xff1234"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := audit.Mask(s)
		if want := maskByPattern(s); got != want {
			t.Fatalf("Mask(%q) = %q, want %q", s, got, want)
		}
		if again := audit.Mask(got); again != got {
			t.Fatalf("Mask(%q) = %q, want %q", got, again, got)
		}
	})
}

package audit

import "strings"

// The categories of the lines (NSP audit log). The audit category may carry the component as suffix.
const (
	CategoryPrefix = "dk.sds.nsp.audit.log"
	AccessCategory = "dk.sds.nsp.access.log"
)

// Category returns prefix, ".", and the entry's first component (the owner of the route where nothing was said) in lower case with
// letters, digits and "/" alone: "LTR-BTR" gives "ltrbtr".
func Category(prefix string, e Entry) string {
	c := e.Route
	if len(e.Notes) > 0 {
		c = e.Notes[0].Component
	}
	return prefix + "." + strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + ('a' - 'A')
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '/':
			return r
		}
		return -1
	}, string(c))
}

package consent

import (
	"strconv"

	"github.com/opennsp/nsp/domain/fault"
)

// ParseID reads 15 digits, the first not 0.
func ParseID(s string) (ID, error) {
	if len(s) != len("100000000000000") || s[0] == '0' {
		return 0, ErrID
	}
	id := ID(0)
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, ErrID
		}
		id = id*10 + ID(s[i]-'0')
	}
	return id, nil
}

// String returns the digits.
func (id ID) String() string { return strconv.FormatInt(int64(id), 10) }

// normal is the kind that k is: of the data model's numbers whatever is not 0 is a positive consent.
func (k Kind) normal() Kind {
	if k != Constraint {
		return Positive
	}
	return Constraint
}

// String returns "constraint" or "positive".
func (k Kind) String() string { return [...]string{"constraint", "positive"}[k.normal()] }

// String returns "negative", "data_specific" or "positive".
func (a Answer) String() string { return name(a, "negative", "data_specific", "positive") }

// String returns "revoked", "future", "expired" or "in_force".
func (s State) String() string { return name(s, "revoked", "future", "expired", "in_force") }

// String returns the reason in words, such as "other_person".
func (r Reason) String() string {
	return name(r, "revoked", "not_yet", "expired", "other_person", "other_organisation", "not_foreign",
		"applies_to_all_data", "applies_to_some_data", "applies_by_precaution")
}

// name is that of the value, "unknown" of one that is none.
func name[T ~uint8](value T, names ...string) string {
	if int(value) < len(names) {
		return names[value]
	}
	return "unknown"
}

// AtEntry says in which entry of a message, counted from 1, an outcome was met. Only what may be told to the caller is changed.
func AtEntry(n int, err error) error {
	told, ok := fault.Of(err)
	if !ok {
		return err
	}
	told.Text = "Entry " + strconv.Itoa(n) + ": " + told.Text
	return told
}

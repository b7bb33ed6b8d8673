package minlog

import (
	"unicode/utf8"

	"github.com/opennsp/nsp/domain/fault"
)

// MaxConditions is how many conditions a lookup may have, and maxConditionValue the code points of one.
const (
	MaxConditions     = 20
	maxConditionValue = 200
)

// Condition compares a field of an entry with a value, exactly. An absent field has the empty value.
type Condition struct {
	Field string `json:"field"` // SystemName, Activity, Addition, Criticality, UserRole or OrganisationName
	Value string `json:"value"`
}

// Selection are the conditions of a lookup.
type Selection struct {
	Pass []Condition // of each field named here, one value must equal
	Stop []Condition // no value may equal
}

// Check tells whether the selection can be applied.
func (s Selection) Check() error {
	if len(s.Pass)+len(s.Stop) > MaxConditions {
		return syntax("more than 20 of FilterPass and FilterStop")
	}
	for _, conditions := range [...][]Condition{s.Pass, s.Stop} {
		for _, c := range conditions {
			if _, known := conditionValue(&Entry{}, c.Field); !known {
				return syntax("FilterPass and FilterStop: unknown field")
			}
			if n := utf8.RuneCountInString(c.Value); n < 1 || n > maxConditionValue {
				return syntax("FilterPass and FilterStop: 1 to 200 characters")
			}
		}
	}
	return nil
}

// Keeps tells whether e fulfils the conditions.
func (s Selection) Keeps(e *Entry) bool {
	for _, c := range s.Stop {
		if v, _ := conditionValue(e, c.Field); v == c.Value {
			return false
		}
	}
	for _, c := range s.Pass {
		if !s.passes(e, c.Field) {
			return false
		}
	}
	return true
}

// passes tells whether one of the values asked for in field equals that of e.
func (s Selection) passes(e *Entry, field string) bool {
	v, _ := conditionValue(e, field)
	for _, c := range s.Pass {
		if c.Field == field && c.Value == v {
			return true
		}
	}
	return false
}

func conditionValue(e *Entry, field string) (value string, known bool) {
	switch field {
	case "SystemName":
		return e.System, true
	case "Activity":
		return e.Activity, true
	case "Addition":
		return e.Addition, true
	case "Criticality":
		return e.Criticality, true
	case "UserRole":
		return e.UserRole, true
	case "OrganisationName":
		return e.OrgName, true
	}
	return "", false
}

func syntax(text string) error {
	return fault.Error{Kind: fault.Malformed, Code: fault.CodeSyntax, Text: text}
}

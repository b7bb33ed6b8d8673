package minlogws

import (
	"strconv"

	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/domain/minlog"
)

// failure says what is wrong with a refused entry: it names the element and, where the client gave no sequence number, the place of the
// entry from 1, but never a value.
func (v *vocabulary) failure(f logkeeping.Failure) string {
	text := v.problem(f.Problem)
	if f.SequenceNumber == "" {
		return "entry " + strconv.Itoa(f.Index+1) + ": " + text
	}
	return text
}

// problem says in words what each code of a refused entry means.
func (v *vocabulary) problem(p minlog.Problem) string {
	name := v[p.Field]
	switch p.Code {
	case minlog.CodeMissing:
		return name + " is missing"
	case minlog.CodeTooLong:
		return name + " is too long"
	case minlog.CodeSource:
		return name + " has a source that is not allowed"
	case minlog.CodePersonID:
		return name + " is not a valid number"
	case minlog.CodeTime:
		if v[minlog.FieldAt] == v[minlog.FieldFrom] { // there is but one form
			return name + " must hold a date and time"
		}
		return name + ": either DateTime or both FromDateTime and ToDateTime must hold a date and time"
	case minlog.CodeTooEarly:
		return name + " is before 2015"
	case minlog.CodeTooOld:
		return name + " is longer ago than MinLog shows"
	case minlog.CodeFuture:
		return name + " is in the future"
	case minlog.CodePeriod:
		return elemFrom + " is after " + elemTo
	case minlog.CodePeriodLength:
		return name + " is too long after " + elemFrom
	case minlog.CodeDuplicate:
		return name + " is repeated"
	case minlog.CodeUnknown:
		return name + " holds an unknown element"
	case minlog.CodeTooManyFilters:
		return name + " occurs more than " + strconv.Itoa(minlog.MaxFilters) + " times"
	case minlog.CodeSourceDepth:
		return name + " is nested deeper than " + strconv.Itoa(minlog.MaxChain)
	}
	return name + " is not valid"
}

package minlogws

import (
	"strconv"

	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/domain/minlog"
)

// failureText says what is wrong with a refused entry: it names the element and, where the client gave no sequence number, the place of the
// entry from 1, but never a value.
func failureText(f logkeeping.Failure) string {
	text := problemText(f.Problem)
	if f.SequenceNumber == "" {
		return "entry " + strconv.Itoa(f.Index+1) + ": " + text
	}
	return text
}

// problemText says in words what each code of a refused entry means.
func problemText(p minlog.Problem) string {
	name := fieldNames[p.Field]
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

package ecprws

import (
	"errors"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/fault"
)

// tell gives an error the form of the contract: what the rules refuse is the client's fault, and its text names the value.
func tell(err error) error {
	f, ok := fault.Of(err)
	if !ok {
		return err
	}
	problem, about := errors.AsType[*ecpr.Problem](err)
	switch {
	case about:
		return &soap.FaultError{Err: err, Client: sent(f), Text: text(problem, f)}
	case sent(f):
		return &soap.FaultError{Err: err, Client: true}
	case f.Code == fault.CodeNotAuthorized:
		return &soap.FaultError{Err: err, Text: textUnauthorised}
	case f.Code == fault.CodeProcessing && (f.Kind == fault.Internal || f.Kind == fault.Unavailable) && !soap.OfGate(f):
		return &soap.FaultError{Err: err, Text: textInternal}
	}
	return err
}

// sent tells whether a fault is about what was sent.
func sent(f fault.Error) bool {
	switch f.Code {
	case codeInvalid, codeCPRUnknown, codeValueExists, codeOIDExists, codeNotFound, codeConflict:
		return true
	}
	return false
}

// text names the version, or the value and whose it is, that a problem is about.
func text(p *ecpr.Problem, f fault.Error) string {
	text := f.Text
	if p.Text != "" {
		text = p.Text
	}
	switch {
	case p.PID != "":
		return text + bracketed(string(p.PID))
	case p.Value == "" && p.OID != "":
		return text + bracketed(p.OID)
	case p.Value == "":
		return text
	}
	text += bracketed(p.Value)
	if p.OID != "" && (f.Code == codeValueExists || f.Code == codeNotFound) {
		text += "(" + p.OID + ")"
	}
	return text
}

// bracketed is a value as texts name it, cut where it is long.
func bracketed(value string) string {
	runes := 0
	for i := range value {
		if runes++; runes > maxTold {
			value = value[:i] + "…"
			break
		}
	}
	return " [" + value + "]"
}

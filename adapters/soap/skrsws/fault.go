package skrsws

import (
	"errors"
	"strings"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/domain/fault"
)

// badParameter refuses a request that its schema refuses: the fault names the element and has no detail.
func badParameter(text string) error {
	return &soap.FaultError{Err: fault.Error{Kind: fault.Malformed, Code: fault.CodeSyntax, Text: text}, Client: true, Bare: true}
}

// tell gives what copying refuses, and what is ours, the form of a ReplicationFault. Security and the frame of messages are told as everywhere.
func tell(err error) error {
	if errors.As(err, new(*soap.FaultError)) {
		return err
	}
	f, _ := fault.Of(err)
	switch {
	case strings.HasPrefix(f.Code, codePrefix):
		return replicationFault(err, f.Code, f.Text)
	case f.Kind == fault.Internal:
		return replicationFault(err, codeInternal, textInternal)
	case f.Kind == fault.Timeout:
		return replicationFault(err, codeStorage, textStorage)
	}
	return err
}

func replicationFault(err error, code, text string) error {
	return &soap.FaultError{Err: err, Text: text, Detail: func(w *xmlout.Writer) { w.Elem("k:"+elemFault, code, "xmlns:k", space) }}
}

package nasws

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/nas"
)

// tell gives errors the form of the contract: what is no message for an operation is the client's, as is an address that is not listed; a
// *nas.Error is a fault of WS-BaseNotification; all else is told as in DGWS.
func tell(now func() time.Time) func(err error) error {
	return func(err error) error {
		if _, ok := errors.AsType[*soap.FaultError](err); ok {
			return err
		}
		if _, ok := errors.AsType[*soap.FrameError](err); ok {
			return &soap.FaultError{Err: err, Client: true}
		}
		if errors.Is(err, auth.ErrNotListed) {
			return &soap.FaultError{Err: err, Client: true, Status: 403}
		}
		if denied, ok := errors.AsType[nas.NoAccess](err); ok {
			f, _ := fault.Of(err)
			return &soap.FaultError{Err: err, Text: f.Text + ": " + string(denied.Topic)}
		}
		if e, ok := errors.AsType[*nas.Error](err); ok {
			return &soap.FaultError{Err: err, Detail: detail(e, now())}
		}
		return err
	}
}

// ofGate tells whether the gate, not the use case, tells that a call could not be completed.
func ofGate(err error) bool {
	f, _ := fault.Of(err)
	switch f {
	case admitting.ErrNotCommitted, admitting.ErrOutcomeUnknown, admitting.ErrTimeout, admitting.ErrInternal:
		return true
	}
	return false
}

// unable has the gate's failures told with the fault of an operation.
func unable(name nas.Fault) func(soap.Request, error) error {
	return func(_ soap.Request, err error) error {
		if !ofGate(err) {
			return err
		}
		f, _ := fault.Of(err)
		return &nas.Error{Fault: name, Err: fault.Error{Kind: f.Kind, Code: nas.CodeUnavailable, Text: f.Text}, Cause: err}
	}
}

// declared has faults that the port type NotificationBroker does not declare for Subscribe told with those it does.
func declared(_ soap.Request, err error) error {
	e, ok := errors.AsType[*nas.Error](err)
	if !ok {
		return err
	}
	told := *e
	switch e.Fault { //nolint:exhaustive // the others are declared
	case nas.TopicNotSupported:
		told.Fault = nas.InvalidTopicExpression
	case nas.UnsupportedPolicyRequest:
		told.Fault = nas.UnrecognizedPolicyRequest
	}
	return &told
}

// general are the codes that say no more than the name of their fault, which is all that SOAP tells.
func general(code string) bool {
	return slices.Contains([]string{
		nas.CodeResourceUnknown, nas.CodeNotifyFailed, nas.CodeInvalidFilter, nas.CodeTopicDialectUnknown, nas.CodeInvalidTopic,
		nas.CodeInvalidProducer, nas.CodeInvalidContent, nas.CodeUnrecognizedPolicy, nas.CodeUnsupportedPolicy, nas.CodeUnacceptableTermination,
	}, code)
}

// detail writes a fault of WS-BaseNotification, or of WS-Resource: what is ours, the parts of WS-BaseFaults, then its own.
func detail(e *nas.Error, at time.Time) func(w *xmlout.Writer) {
	return func(w *xmlout.Writer) {
		prefix, space := "wsnt", nsNotification
		if e.Fault == nas.ResourceUnknown {
			prefix, space = "r", nsResource
		}
		w.Start(prefix+":"+string(e.Fault), "xmlns:"+prefix, space, "xmlns:bf", nsBaseFaults)
		if len(e.Undelivered) > 0 {
			w.Attr("xmlns:nasx", nsOwn)
		}
		for _, u := range e.Undelivered {
			w.Start("nasx:"+elemUndelivered, attrPosition, fmt.Sprint(u.Position), attrCode, u.Code)
			w.End()
		}
		w.Elem("bf:"+elemTimestamp, instant(at))
		if code := e.Err.Code; !general(code) {
			w.Elem("bf:"+elemErrorCode, code, attrErrorDialect, dialectErrors)
		}
		w.Elem("bf:"+elemFaultDescription, e.Err.Text)
		for _, u := range e.Undelivered {
			w.Elem("bf:"+elemFaultDescription, fmt.Sprintf("notification %d: %s: %s", u.Position, u.Code, u.Text()))
		}
		own(w, e)
		w.End()
	}
}

// own writes the children that a fault has itself.
func own(w *xmlout.Writer, e *nas.Error) {
	switch e.Fault { //nolint:exhaustive // the others have none
	case nas.InvalidFilter:
		names(w, elemUnknownFilter, e.Names)
	case nas.UnrecognizedPolicyRequest:
		names(w, elemUnrecognizedPolicy, e.Names)
	case nas.UnsupportedPolicyRequest:
		names(w, elemUnsupportedPolicy, e.Names)
	case nas.UnacceptableInitialTerminationTime:
		w.Elem("wsnt:"+elemMinimum, instant(e.Minimum))
		if !e.Maximum.IsZero() {
			w.Elem("wsnt:"+elemMaximumTime, instant(e.Maximum))
		}
	}
}

// names writes qualified names as contents. No default namespace is in scope, so that a name without prefix has no namespace.
func names(w *xmlout.Writer, element string, all []nas.Name) {
	for _, name := range all {
		switch name.Space {
		case "":
			w.Elem("wsnt:"+element, name.Local)
		case nsNotification:
			w.Elem("wsnt:"+element, "wsnt:"+name.Local)
		default:
			w.Elem("wsnt:"+element, "q:"+name.Local, "xmlns:q", name.Space)
		}
	}
}

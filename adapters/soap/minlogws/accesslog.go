package minlogws

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
)

// AccessLog registers accesses at another server. What Rules refuse is not sent, so that of the entries of one call all are registered or none;
// only where the other server refuses more are the rest of them registered. It is safe for concurrent use.
type AccessLog struct {
	Client  *Client
	Rules   func() minlog.Rules // of now; the interface is that of 2025-03-12
	Timeout time.Duration       // of a call; 0 = none
}

var _ ports.AccessLog = (*AccessLog)(nil)

// errNotLogged is what the caller of the service hears that could not register.
var errNotLogged = fault.Error{Kind: fault.Unavailable, Code: fault.CodeProcessing, Text: "internal error"}

// Log implements ports.AccessLog. A fault is no refusal: it tells of the credential, the configuration or the state of the other server, which
// somebody can mend.
func (a *AccessLog) Log(ctx context.Context, entries ...minlog.Entry) error {
	if ports.Written(ctx) {
		return ports.ErrLateLog
	}
	rules := a.Rules()
	rules.Interface = minlog.Interface20250312
	taken, err := rules.Taken(entries)
	if err != nil {
		return err
	}
	if a.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, a.Timeout)
		defer cancel()
	}
	answer, err := a.Client.Register(ports.Apart(ctx), rules.Interface, taken)
	told, isFault := errors.AsType[*soap.Fault](err)
	switch {
	case isFault: // its text may quote an entry
		return fmt.Errorf("%w: MinLog answered with the fault %s, HTTP status %d", errNotLogged, codeOf(told.Code), told.Status)
	case errors.Is(err, ErrAnswer): // and so may what is wrong with an answer
		return fmt.Errorf("%w: %w", errNotLogged, ErrAnswer)
	case err != nil:
		return fmt.Errorf("%w: register at MinLog: %w", errNotLogged, err)
	case len(answer.Failures) > 0:
		return minlog.Refusal{Code: codeOf(answer.Failures[0].Code)}
	case answer.Added != len(taken) || answer.Failed != 0:
		return fmt.Errorf("%w: %w", errNotLogged, ErrAnswer)
	}
	return nil
}

// What is told on of the codes of another server.
const (
	maxCode     = 40 // octets
	unknownCode = "refused"
)

// codeOf returns a code that the other server gave, if it has the form of one: nothing else of an answer goes into logs.
func codeOf(code string) string {
	for _, c := range code {
		if (c < 'a' || c > 'z') && c != '_' {
			return unknownCode
		}
	}
	if code == "" || len(code) > maxCode {
		return unknownCode
	}
	return code
}

package admitting

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/ports"
)

// The defaults of a gate. The window is longer than a message can be young: its Created is at most 5 minutes ahead or behind.
const (
	defaultWindow   = 15 * time.Minute
	defaultWait     = 30 * time.Second
	defaultKeepFor  = 24 * time.Hour
	defaultMaxReply = 1 << 20
	dropTimeout     = 5 * time.Second
)

// What the wiring of a gate lacks, or a message that was admitted. A call that meets one fails.
var (
	errNoGrants = errors.New("no grants are configured")
	errNoSeen   = errors.New("no store of message ids is configured")
	errNoStore  = errors.New("no store of replies is configured")
	errNoID     = errors.New("an admitted message has no id")
	errStatus   = errors.New("an answer that is to be kept has another status than that of its operation")
	errLarge    = errors.New("an answer that is to be kept is too large")
)

// begin settles whether this message was here before. A signed message (IDWS) is taken once. Where answers are kept (DGWS, sessions) an
// earlier answer is returned with replayed = true; a message whose twin is being carried out waits for its answer, on a real timer, and without one the call
// is claimed for this run.
func (r *run) begin(ctx context.Context, caller identity.Caller) (reply []byte, replayed bool, err error) {
	switch scheme := caller.Credential.Scheme; {
	case scheme == identity.IDWS:
		return nil, false, r.mark(ctx, caller)
	case scheme != identity.DGWS && scheme != identity.Session || r.call.Policy.Resend != Store:
		return nil, false, nil
	}
	g := r.gate
	switch {
	case g.Replies == nil || r.call.Payload == nil:
		return nil, false, errNoStore
	case caller.MessageID == "":
		return nil, false, errNoID
	}
	payload, err := r.call.Payload()
	if err != nil {
		return nil, false, fmt.Errorf("hash message: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(g.Wait, defaultWait))
	defer cancel()
	reply, r.claim, err = g.Replies.Begin(ctx, r.key(caller), payload, g.Now().Add(cmp.Or(g.KeepFor, defaultKeepFor)))
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, false, fmt.Errorf("%w: %w", ErrRunning, err)
	case err != nil:
		return nil, false, fmt.Errorf("claim reply: %w", err)
	}
	return reply, r.claim == nil, nil
}

// mark takes a signed message, unless it was taken before.
func (r *run) mark(ctx context.Context, caller identity.Caller) error {
	g := r.gate
	switch {
	case g.Seen == nil:
		return errNoSeen
	case caller.MessageID == "" || caller.Credential.Signer == [32]byte{}:
		return errNoID
	}
	if err := g.Seen.Mark(ctx, caller.Credential.Signer, caller.MessageID, g.Now().Add(cmp.Or(g.Window, defaultWindow))); err != nil {
		return fmt.Errorf("mark message: %w", err)
	}
	return nil
}

// key names the call among those of its service. Organisation and system are those of the credential, the person is the one who acts. An
// organisation that its credential names otherwise than by CVR number is told apart by that name.
func (r *run) key(caller identity.Caller) (key ports.ReplyKey) {
	credential := r.call.Caller
	parts := []string{r.call.Service, credential.Org.CVR, credential.SystemName, caller.CPR.Digits(), caller.MessageID}
	for _, id := range credential.Org.IDs {
		parts = append(parts, id.Scheme, id.Code)
	}
	h := sha256.New()
	for _, part := range parts {
		_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part)))) // a hash never fails
		_, _ = io.WriteString(h, part)
	}
	h.Sum(key[:0])
	return key
}

// keepable tells whether the answer may be kept, if it is to be.
func (r *run) keepable(answer Answer) error {
	switch {
	case r.claim == nil:
		return nil
	case answer.Code != r.call.status():
		return errStatus
	case len(answer.Body) > cmp.Or(r.gate.MaxReply, defaultMaxReply):
		return errLarge
	}
	return nil
}

// keep keeps the answer in the unit of work of ctx, so that the effect and its answer become real together.
func (r *run) keep(ctx context.Context, answer Answer) error {
	if r.claim == nil {
		return nil
	}
	if err := r.gate.Replies.Keep(ctx, *r.claim, answer.Body); err != nil {
		return fmt.Errorf("keep reply: %w", err)
	}
	return nil
}

// keepCommitted keeps the answer to an effect that is committed, also when the client went away. A claim whose answer could not be kept is
// given back.
func (r *run) keepCommitted(ctx context.Context, answer Answer) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropTimeout)
	defer cancel()
	if err := r.keep(ctx, answer); err != nil {
		r.gate.Log.ErrorContext(ctx, "reply of a committed call not kept", "operation", r.call.Operation, "error", err)
		return
	}
	r.claim = nil
}

// drop gives a claim back whose call had no effect, also when the client went away; the store gets a real timer to do so. A claim that it
// could not give back lapses.
func (r *run) drop(ctx context.Context) {
	if r.claim == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropTimeout)
	defer cancel()
	if err := r.gate.Replies.Drop(ctx, *r.claim); err != nil {
		r.gate.Log.ErrorContext(ctx, "claim not dropped", "operation", r.call.Operation, "error", err)
	}
}

// replay gives the answer of an earlier call again, once its own audit line is durable.
func (r *run) replay(ctx context.Context, reply []byte) Outcome {
	answer := Answer{Code: r.call.status(), Body: reply}
	r.notes.Add(r.call.Route, audit.Context(r.call.Operation), audit.Outcome.Is(audit.Replayed))
	if err := r.append(ctx, answer); err != nil {
		r.gate.Log.ErrorContext(ctx, "audit append failed", "operation", r.call.Operation, "error", err)
		return r.outcome(r.fault(ctx, ErrAudit), ErrAudit)
	}
	out := r.outcome(answer, nil)
	out.Replayed = true
	return out
}

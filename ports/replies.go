package ports

import (
	"context"
	"time"

	"github.com/opennsp/nsp/domain/fault"
)

// What ReplyStore and SeenStore refuse.
var (
	// ErrMessageIDReused: the message id was used for a message with another body.
	ErrMessageIDReused error = fault.Error{Kind: fault.Malformed, Code: fault.CodeSyntax, Text: "MessageID already used"}
	// ErrClaimLost: the claim lapsed and somebody else took it, or it has ended.
	ErrClaimLost error = fault.Error{Kind: fault.Conflict, Code: fault.CodeProcessing, Text: "The call took too long. Nothing was changed."}
	// ErrSeen: the message id was used before.
	ErrSeen error = fault.Error{Kind: fault.Conflict, Code: fault.CodeSignature, Text: "The message was received before."}
)

// ReplyKey names a call whose answer is kept: a hash of service, caller and message id.
type ReplyKey [32]byte

// ReplyClaim is the right to carry out the call of a key.
type ReplyClaim struct {
	Key   ReplyKey
	Token int64 // tells this claim from later ones of the same key
}

// ReplyStore keeps answers for messages that come again (DGWS 1.0.1, gensendelse). Safe for concurrent use, also by several processes on one
// store. What is past its until does not exist.
//
// Every method but Keep is a transaction of its own, also where ctx carries a unit of work. Once that unit has written they may fail, where
// the store has but one transaction that writes: Begin is called before the unit, Drop after it.
type ReplyStore interface {
	// Begin looks the key up. Nobody used it: it returns a claim, and the caller carries the call out and then calls Keep or Drop. A reply was
	// kept for the same body: it returns that, with a nil claim; the caller owns it. Another claim is held: Begin waits until it ends, or
	// until ctx does (the error is then ctx's); other calls go on meanwhile. Used with another body, also by a claim that is held:
	// ErrMessageIDReused. A claim whose holder neither kept nor dropped it lapses after two minutes, and the next Begin, of whatever body,
	// takes it over, one that waits too.
	Begin(ctx context.Context, key ReplyKey, body [32]byte, until time.Time) (reply []byte, claim *ReplyClaim, err error)
	// Keep ends the claim with its reply, of which the store keeps a copy. It joins the unit of work in ctx: others see the reply once that
	// is committed, and if it is rolled back the claim is still held. ErrClaimLost if the claim is held no more; nothing is changed then.
	// A claim that lapsed and that nobody took over is still held.
	Keep(ctx context.Context, claim ReplyClaim, reply []byte) error
	// Drop ends the claim without reply, so that the next Begin gets one, of whatever body. A claim that is held no more is left alone.
	Drop(ctx context.Context, claim ReplyClaim) error
	Purger
}

// SeenStore records message ids, so that a signed message is taken once. Safe for concurrent use, also by several processes on one store.
type SeenStore interface {
	// Mark records the id of a message of signer in a transaction of its own, like Begin; ErrSeen if it is recorded and its until is not
	// past. Of any number of concurrent calls with one id exactly one succeeds.
	Mark(ctx context.Context, signer [32]byte, id string, until time.Time) error
	Purger
}

// Purger deletes what is past its until.
type Purger interface {
	// Purge deletes at most n rows whose until is at or before now, in a transaction of its own; done=true tells that none is left.
	Purge(ctx context.Context, now time.Time, n int) (done bool, err error)
}

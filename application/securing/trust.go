package securing

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/ports"
)

// errReload is ours, not the caller's: the cause goes to the log.
var errReload = fault.Error{Kind: fault.Internal, Code: fault.CodeProcessing,
	Text: "The trust files cannot be read. What was trusted before stays."}

// Trust shows what is trusted, and has it read again. What it says is in files; nothing of it can be changed here. Safe for concurrent use.
type Trust struct {
	Source ports.TrustSource
	Reload func(ctx context.Context) error // reads the files again; after an error what was trusted before stays
	Trail  ports.Trail
	Now    func() time.Time
}

// Anchors returns the anchors, in the order of the trust file, as they are at the instant that is returned.
func (t *Trust) Anchors(ctx context.Context, caller identity.Caller) ([]trust.Anchor, time.Time, error) {
	if err := administers(ctx, t.Trail, audit.ListAnchors, caller, ""); err != nil {
		return nil, time.Time{}, err
	}
	return t.anchors(ctx)
}

// ReadAgain reads the trust files again and returns the anchors as Anchors does. If the files are invalid in any part, what was trusted
// before stays.
func (t *Trust) ReadAgain(ctx context.Context, caller identity.Caller) ([]trust.Anchor, time.Time, error) {
	if err := administers(ctx, t.Trail, audit.ReloadTrust, caller, ""); err != nil {
		return nil, time.Time{}, err
	}
	if err := t.Reload(ctx); err != nil {
		return nil, time.Time{}, fmt.Errorf("read trust files: %w: %w", errReload, err)
	}
	anchors, at, err := t.anchors(ctx)
	if err == nil {
		t.Trail.Note(ctx, audit.Admin, audit.ReloadTrust, audit.Result.Is(strconv.Itoa(len(anchors))))
	}
	return anchors, at, err
}

func (t *Trust) anchors(ctx context.Context) ([]trust.Anchor, time.Time, error) {
	set, err := t.Source.Trust(ctx)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("read trust: %w", err)
	}
	return set.Anchors, t.Now().UTC(), nil
}

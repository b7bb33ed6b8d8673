package loading

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/ports"
)

// Trees keeps the tree of organisations in memory. Before the first Refresh it is empty. It is safe for concurrent use.
type Trees struct {
	Units ports.OrgUnits
	Log   *slog.Logger

	current atomic.Pointer[org.Tree]
	mu      sync.Mutex
	loaded  int64 // the state of the register that current is of
}

var _ ports.OrgTrees = (*Trees)(nil)

// Current returns the tree.
func (t *Trees) Current() *org.Tree {
	if tree := t.current.Load(); tree != nil {
		return tree
	}
	return &org.Tree{}
}

// Refresh builds the tree again if the register was loaded since. If that fails, the tree stays as it is.
func (t *Trees) Refresh(ctx context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	loaded, err := t.Units.Loaded(ctx)
	if err != nil {
		return fmt.Errorf("read state of organisations: %w", err)
	}
	if t.current.Load() != nil && loaded == t.loaded {
		return nil
	}
	units, err := t.Units.Units(ctx) // may be newer than loaded: then they are read once more
	if err != nil {
		return fmt.Errorf("read organisations: %w", err)
	}
	tree, missing, err := org.NewTree(units)
	if err != nil {
		return fmt.Errorf("build tree of organisations: %w", err)
	}
	t.current.Store(tree)
	t.loaded = loaded
	t.Log.InfoContext(ctx, "tree of organisations built", "units", tree.Len(), "missing_parents", len(missing))
	return nil
}

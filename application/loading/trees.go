package loading

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/ports"
)

// Trees keeps the tree of organisations in memory. Before the first Refresh it is empty. It is safe for concurrent use.
type Trees struct {
	Units   ports.OrgUnits
	MaxLoss float64 // share of its units that the tree may lose at once, from 0 to 1
	Log     *slog.Logger

	current atomic.Pointer[org.Tree]
	refused atomic.Bool
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

var errShrunk = errors.New("too many units are gone")

// Refused tells whether the register is in a state that no tree is made of: Current is of an earlier one.
func (t *Trees) Refused() bool { return t.refused.Load() }

// Refresh builds the tree again if the register was loaded since. If that fails, or the tree would lose more than MaxLoss, it stays as it is.
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
	if before := t.Current().Len(); err == nil && float64(before-tree.Len()) > t.MaxLoss*float64(before) {
		err = errShrunk
	}
	t.refused.Store(err != nil)
	if err != nil {
		return fmt.Errorf("build tree of organisations: %w", err)
	}
	t.current.Store(tree)
	t.loaded = loaded
	t.Log.InfoContext(ctx, "tree of organisations built", "units", tree.Len(), "missing_parents", len(missing))
	return nil
}

package trust

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/ports"
)

// Source holds what a trust file says. Safe for concurrent use.
type Source struct {
	path    string
	mu      sync.Mutex // one reload at a time
	current atomic.Pointer[trust.Set]
}

var _ ports.TrustSource = (*Source)(nil)

// Open reads the trust file at path for the first time.
func Open(path string) (*Source, error) {
	s := &Source{path: path}
	if err := s.Reload(context.Background()); err != nil {
		return nil, err
	}
	return s, nil
}

// Trust returns the set of the last reload that succeeded.
func (s *Source) Trust(context.Context) (*trust.Set, error) { return s.current.Load(), nil }

// Reload reads the files again. If they are invalid in any part the old set stays and the error tells why.
func (s *Source) Reload(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	next, err := Load(s.path)
	if err != nil {
		return err
	}
	next.Version = 1
	if old := s.current.Load(); old != nil {
		next.Version = old.Version + 1
	}
	s.current.Store(next)
	return nil
}

package trust

import (
	"context"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/ports"
)

// Source holds what a trust file says. Safe for concurrent use.
type Source struct {
	path    string
	rules   Rules
	fit     []func(*trust.Set) error
	mu      sync.Mutex // one reload at a time
	current atomic.Pointer[trust.Set]
	failure atomic.Pointer[failure]
}

// failure is why reloads fail, and since when.
type failure struct {
	err   error
	since time.Time
}

var _ ports.TrustSource = (*Source)(nil)

// Open reads the trust file at path for the first time, by the zero Rules. A set that one of fit refuses is invalid, at each reload too.
func Open(path string, fit ...func(*trust.Set) error) (*Source, error) {
	return Rules{}.Open(path, fit...)
}

// Open reads the trust file at path for the first time. A set that one of fit refuses is invalid, at each reload too.
func (r Rules) Open(path string, fit ...func(*trust.Set) error) (*Source, error) {
	s := &Source{path: path, rules: r, fit: fit}
	if err := s.Reload(context.Background()); err != nil {
		return nil, err
	}
	return s, nil
}

// Trust returns the set of the last reload that succeeded.
func (s *Source) Trust(context.Context) (*trust.Set, error) { return s.current.Load(), nil }

// Status returns why the last reload failed and since when reloads fail; nil and the zero time if it succeeded. The set of the last one that
// succeeded is in use meanwhile.
func (s *Source) Status() (since time.Time, err error) {
	if f := s.failure.Load(); f != nil {
		return f.since, f.err
	}
	return time.Time{}, nil
}

// Reload reads the files again. If they are invalid in any part the old set stays and the error tells why; if they say nothing new it stays too,
// with its version.
func (s *Source) Reload(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.reload()
	if err == nil {
		s.failure.Store(nil)
		return nil
	}
	f := &failure{err: err, since: s.rules.now()}
	if before := s.failure.Load(); before != nil {
		f.since = before.since
	}
	s.failure.Store(f)
	return err
}

func (s *Source) reload() error {
	next, err := s.rules.Load(s.path)
	if err != nil {
		return err
	}
	for _, fit := range s.fit {
		if err := fit(next); err != nil {
			return err
		}
	}
	next.Version = 1
	if old := s.current.Load(); old != nil {
		if next.Version = old.Version; reflect.DeepEqual(old, next) {
			return nil
		}
		next.Version++
	}
	s.current.Store(next)
	return nil
}

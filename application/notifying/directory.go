package notifying

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/ports"
)

// Directory remembers topics for a while, so that not every call reads them from the store. It is safe for concurrent use, and not copied after
// its first.
type Directory struct {
	Store ports.TopicStore
	Now   func() time.Time
	Age   time.Duration // how old what it tells is at most; 0 = it remembers nothing

	mu     sync.Mutex
	known  map[nas.TopicName]knownTopic
	forgot int // how often Forget was called
}

// knownTopic is a topic as it was at an instant.
type knownTopic struct {
	nas.Topic
	at time.Time
}

// Topic returns a topic with its access, which the caller does not change; nas.ErrNoTopic. One that there is not is looked up every time.
func (d *Directory) Topic(ctx context.Context, name nas.TopicName) (nas.Topic, error) {
	now := d.Now() // before it is read: it is at most Age old
	d.mu.Lock()
	known, ok := d.known[name]
	forgot := d.forgot
	d.mu.Unlock()
	if ok && now.Sub(known.at) < d.Age {
		return known.Topic, nil
	}
	t, err := d.Store.Topic(ctx, name)
	if err != nil && !errors.Is(err, nas.ErrNoTopic) {
		return nas.Topic{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case err != nil:
		delete(d.known, name)
	case d.forgot == forgot && !ports.Written(ctx): // a unit that has written may see what is not committed
		if d.known == nil {
			d.known = map[nas.TopicName]knownTopic{}
		}
		d.known[name] = knownTopic{t, now}
	}
	return t, err
}

// Forget has every topic be read again, also what is being read now.
func (d *Directory) Forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.known = nil
	d.forgot++
}

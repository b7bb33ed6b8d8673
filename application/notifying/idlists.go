package notifying

import (
	"container/list"
	"context"
	"fmt"
	"sync"

	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/ports"
)

// idLists remembers id lists by their version, so that a fetch asks for that alone. Of those used longest ago it forgets as many as it takes to
// remember at most max ids; a list that is longer is read each time. It is safe for concurrent use.
type idLists struct {
	mu    sync.Mutex
	known map[listKey]*list.Element // of recent
	// recent holds remembered lists, the one used last first.
	recent list.List
	ids    int // in all of them
}

type listKey struct {
	nas.Owner
	name string
}

type rememberedList struct {
	listKey
	version int64
	set     *nas.IDSet
}

// get returns the list as it is now, nil if there is none. The set belongs to the version: nobody sees parts of two.
func (c *idLists) get(ctx context.Context, store ports.IDListStore, o nas.Owner, name string, max int) (*nas.IDSet, error) {
	key := listKey{o, name}
	version, ok, err := store.Version(ctx, o, name)
	if err != nil {
		return nil, fmt.Errorf("look up id list: %w", err)
	}
	if !ok {
		c.put(key, 0, nil, max)
		return nil, nil
	}
	if set := c.remembered(key, version); set != nil {
		return set, nil
	}
	l, version, ok, err := store.Load(ctx, o, name)
	if err != nil {
		return nil, fmt.Errorf("load id list: %w", err)
	}
	if !ok {
		return nil, nil
	}
	set := nas.NewIDSet(l)
	c.put(key, version, set, max)
	return set, nil
}

func (c *idLists) remembered(key listKey, version int64) *nas.IDSet {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.known[key]
	if e == nil {
		return nil
	}
	l := e.Value.(*rememberedList) //nolint:forcetypeassert // nothing else is put in
	if l.version != version {
		return nil
	}
	c.recent.MoveToFront(e)
	return l.set
}

// put remembers a list in place of what was remembered of it; nil = there is none.
func (c *idLists) put(key listKey, version int64, set *nas.IDSet, max int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.known[key]; e != nil {
		c.forget(e)
	}
	if set == nil || set.Len() > max {
		return
	}
	if c.known == nil {
		c.known = map[listKey]*list.Element{}
	}
	c.known[key] = c.recent.PushFront(&rememberedList{key, version, set})
	c.ids += cost(set)
	for c.ids > max && c.recent.Len() > 1 {
		c.forget(c.recent.Back())
	}
}

// cost is what a list counts: an empty one too, so that their number is bounded.
func cost(set *nas.IDSet) int { return set.Len() + 1 }

func (c *idLists) forget(e *list.Element) {
	l := c.recent.Remove(e).(*rememberedList) //nolint:forcetypeassert // nothing else is put in
	delete(c.known, l.listKey)
	c.ids -= cost(l.set)
}

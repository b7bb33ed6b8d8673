package nas

import "strings"

// IDSet is an id list made ready for matching. It does not change, is safe for concurrent use, and costs about 55 octets an id beside the id
// itself: make it once per version of a list.
type IDSet struct {
	idType string
	ids    map[string]struct{}
}

// NewIDSet returns the set of an id list. It shares no memory with the list.
func NewIDSet(l IDList) *IDSet {
	s := &IDSet{idType: strings.Clone(l.IDType), ids: make(map[string]struct{}, len(l.IDs))}
	// One string holds all ids, so that the garbage collector has one object to look at.
	all, start := strings.Join(l.IDs, ""), 0
	for _, id := range l.IDs {
		s.ids[all[start:start+len(id)]] = struct{}{}
		start += len(id)
	}
	return s
}

// Len is the number of ids.
func (s *IDSet) Len() int { return len(s.ids) }

// Matcher is a filter without its XPath, made ready for many records. The zero Matcher lets everything through. It is safe for concurrent use.
type Matcher struct {
	singles map[SingleID]struct{} // nil = no restriction
	byList  bool
	list    *IDSet
}

// NewMatcher returns the matcher of a filter. Make it once per subscription and fetch; list is the id list that the filter names as it is then, nil
// where there is none: then only system notifications match (NAS-24).
func NewMatcher(f Filter, list *IDSet) Matcher {
	m := Matcher{byList: f.List != "", list: list}
	if len(f.IDs) > 0 {
		m.singles = make(map[SingleID]struct{}, len(f.IDs))
		for _, id := range f.IDs {
			m.singles[id] = struct{}{}
		}
	}
	return m
}

// Head tells whether all but the XPath of the filter selects the record (NAS-12, NAS-22 to NAS-24). It allocates nothing.
func (m Matcher) Head(h HeadView) bool {
	if h.System || m.singles == nil && !m.byList {
		return true
	}
	if len(h.ID) == 0 || len(h.IDType) == 0 {
		return false
	}
	if m.singles != nil {
		if _, ok := m.singles[SingleID{ID: string(h.ID), IDType: string(h.IDType)}]; !ok {
			return false
		}
	}
	if m.byList {
		if m.list == nil || string(h.IDType) != m.list.idType {
			return false
		}
		_, ok := m.list.ids[string(h.ID)]
		return ok
	}
	return true
}

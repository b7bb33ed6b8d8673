package ecpr

import (
	"slices"
	"time"

	"github.com/opennsp/nsp/domain/calendar"
)

// Active tells whether the version is in force and will be until somebody changes it.
func (v Version) Active() bool { return v.Valid.To.IsZero() }

// Active returns the versions in force at t, in the order of Versions.
func (p Person) Active(t time.Time) []Version {
	return slices.Collect(func(yield func(Version) bool) {
		for _, v := range p.Versions {
			if v.Valid.Contains(t) && !yield(v) {
				return
			}
		}
	})
}

// NewPerson returns a registration of number n with what edits add (EC-10..EC-20). Without gender it is unknown. A CPR number is linked later,
// since none is looked up here. The error is a [Problem]. n may be empty to see whether the edits would do: the person then has no X-eCPR.
func NewPerson(id PersonID, n Number, edits []Edit, t Table, act Act, newPID func() PID) (Person, error) {
	p := Person{ID: id, Number: n, Revision: 1, Changed: Instant(act.At)}
	w := writing{Person: p, act: act, at: Instant(act.At), newPID: newPID}
	if !n.IsZero() {
		w.open(Identifier{OID: XECPROID, Value: n.Text()})
	}
	gender := false
	for _, e := range edits {
		gender = gender || e.Kind == GenderKind
		if id, ok := e.Element.(Identifier); ok && id.OID == CPROID {
			return Person{}, invalid("Et CPR-nummer kan ikke sættes ved oprettelse", id.Value)
		}
	}
	if !gender {
		edits = append(slices.Clone(edits), Edit{Kind: GenderKind, Element: UnknownGender})
	}
	if err := w.apply(edits, t); err != nil {
		return Person{}, err
	}
	return w.Kept(), nil
}

// Apply returns p with what edits add, change and invalidate, all of it from one instant that is later than every other of p (EC-11), and of
// which kinds something changed, in their order; none where everything was so already. p is not changed. The error is a [Problem]: nothing of
// edits is done then.
func (p Person) Apply(edits []Edit, t Table, act Act, newPID func() PID) (next Person, changed []Kind, err error) {
	if p.MergedTo != "" {
		return Person{}, nil, &Problem{Err: ErrMerged}
	}
	w := writing{Person: p.Kept(), act: act, at: p.after(act.At), newPID: newPID}
	if err := w.apply(edits, t); err != nil {
		return Person{}, nil, err
	}
	slices.Sort(w.changed)
	return w.next(), slices.Compact(w.changed), nil
}

// next is the registration as it is now: of the next revision if anything changed.
func (w *writing) next() Person {
	if len(w.changed) > 0 {
		w.Revision, w.Changed = w.Revision+1, Instant(w.act.At)
	}
	return w.Kept()
}

// after returns t in whole milliseconds, or the first millisecond behind everything that p tells of.
func (p Person) after(t time.Time) time.Time {
	t = Instant(t)
	for _, v := range p.Versions {
		for _, known := range []time.Time{v.Valid.From, v.Valid.To} {
			if !t.After(known) {
				t = Instant(known).Add(time.Millisecond)
			}
		}
	}
	return t
}

// writing is a registration that an act changes at an instant.
type writing struct {
	Person
	act     Act
	at      time.Time
	newPID  func() PID
	changed []Kind
}

// opening is an element that an edit makes active.
type opening struct {
	Element
	sameOID bool // it takes the place of one with its OID
}

// apply carries out all edits: first what is closed, then what is opened, so that their order does not matter.
func (w *writing) apply(edits []Edit, t Table) error {
	if len(edits) > maxEdits {
		return invalid("For mange elementer", "")
	}
	var closing []int
	var opened []opening
	for n, e := range edits {
		if e.PID != "" && slices.ContainsFunc(edits[:n], func(f Edit) bool { return f.PID == e.PID }) {
			return &Problem{Err: ErrInvalid, Text: "PID er angivet flere gange", PID: e.PID}
		}
		if e.Kind.single() && slices.ContainsFunc(edits[:n], func(f Edit) bool { return f.Kind == e.Kind }) {
			return invalid(e.Kind.String()+" er angivet flere gange", "")
		}
		i, err := w.target(e)
		if err != nil {
			return err
		}
		if e.Element == nil {
			if e.PID == "" || e.Kind == GenderKind {
				return &Problem{Err: ErrInvalid, Text: e.Kind.String() + " mangler værdi", PID: e.PID}
			}
			closing = append(closing, i)
			continue
		}
		e = e.Of(w.Person)
		to, err := e.element(t, calendar.DayOf(w.act.At))
		if err != nil {
			return err
		}
		if i >= 0 && w.Versions[i].Element == to {
			continue
		}
		if i >= 0 {
			closing = append(closing, i)
		}
		opened = append(opened, opening{to, i >= 0 && oidOf(to) == oidOf(w.Versions[i].Element)})
	}
	for _, i := range closing {
		w.close(i)
	}
	for _, o := range opened {
		if err := w.place(o); err != nil {
			return err
		}
	}
	return nil
}

// Of returns an edit of p that changes an identifier with the OID of that where it tells none.
func (e Edit) Of(p Person) Edit {
	id, ok := e.Element.(Identifier)
	if !ok || id.OID != "" || e.PID == "" {
		return e
	}
	for _, v := range p.Versions {
		if v.PID == e.PID {
			id.OID = oidOf(v.Element)
		}
	}
	e.Element = id
	return e
}

// target returns the index of the version that an edit is about, -1 where it adds one; for a kind of which there is one, that in force.
func (w *writing) target(e Edit) (int, error) {
	if e.Element != nil && e.Element.Kind() != e.Kind {
		return 0, invalid("Elementet er ugyldigt", "")
	}
	if e.PID == "" {
		return slices.IndexFunc(w.Versions, func(v Version) bool {
			return e.Kind.single() && v.Active() && v.Element.Kind() == e.Kind
		}), nil
	}
	i := slices.IndexFunc(w.Versions, func(v Version) bool { return v.PID == e.PID && v.Element.Kind() == e.Kind })
	switch {
	case i < 0:
		return 0, &Problem{Err: ErrElementUnknown, PID: e.PID}
	case oidOf(w.Versions[i].Element) == XECPROID:
		return 0, &Problem{Err: ErrInvalid, Text: "Et X-eCPR-nummer kan ikke sættes eller ændres", PID: e.PID}
	case !w.Versions[i].Active():
		return 0, &Problem{Err: ErrElementClosed, PID: e.PID}
	}
	return i, nil
}

// place opens an element unless an equal one is in force. Another identifier with its OID keeps it out, except one it takes the place of
// (EC-19): a merge may have left several.
func (w *writing) place(o opening) error {
	if w.has(o.Element) {
		return nil
	}
	if oid := oidOf(o.Element); oid != "" && !o.sameOID &&
		slices.ContainsFunc(w.Versions, func(v Version) bool { return v.Active() && oidOf(v.Element) == oid }) {
		return &Problem{Err: ErrOIDExists, OID: oid}
	}
	w.open(o.Element)
	return nil
}

// has tells whether an equal element is in force.
func (p Person) has(e Element) bool {
	return slices.ContainsFunc(p.Versions, func(v Version) bool { return v.Active() && v.Element == e })
}

// open makes an element active from now on.
func (w *writing) open(e Element) {
	v := Version{PID: w.newPID(), Element: e, Opened: w.act.ID}
	v.Valid.From = w.at
	w.Versions = append(w.Versions, v)
	w.changed = append(w.changed, e.Kind())
}

// close ends the version i now.
func (w *writing) close(i int) {
	w.Versions[i].Valid.To, w.Versions[i].Closed = w.at, w.act.ID
	w.changed = append(w.changed, w.Versions[i].Element.Kind())
}

// oidOf is the OID of an identifier, "" of anything else.
func oidOf(e Element) string {
	id, _ := e.(Identifier)
	return id.OID
}

// String names the kind as the messages do.
func (k Kind) String() string {
	return [...]string{"Identifier", "Name", "Gender", "BirthDate", "Contact", "Address", "?"}[min(int(k), 6)]
}

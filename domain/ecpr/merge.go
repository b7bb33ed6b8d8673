package ecpr

// Merge makes one registration of two at one instant T: every version of loser closes, and the survivor gets what is kept, opened at T with new
// PIDs: all identifiers, contacts and addresses, equal ones once, and of name, gender and birth date the newest, the survivor's of two equally
// new (EC-24). What else was known of loser, its X-eCPR too, becomes history of the survivor, which is found by it: closed versions with new
// PIDs and the period that they had (EC-25). The error is a [Problem] of ErrMergeImpossible or ErrMerged (EC-26); neither person is changed.
func Merge(survivor, loser Person, act Act, newPID func() PID) (Person, Person, error) {
	switch a, b := survivor.cpr(), loser.cpr(); {
	case survivor.ID == loser.ID:
		return Person{}, Person{}, &Problem{Err: ErrMergeImpossible, Text: "En person kan ikke flettes med sig selv"}
	case survivor.MergedTo != "" || loser.MergedTo != "":
		return Person{}, Person{}, &Problem{Err: ErrMerged}
	case a != "" && b != "" && a != b:
		return Person{}, Person{}, &Problem{Err: ErrMergeImpossible, Text: "Personerne har forskellige CPR-numre"}
	}
	at := loser.after(survivor.after(act.At))
	kept := writing{Person: survivor.Kept(), act: act, at: at, newPID: newPID}
	gone := writing{Person: loser.Kept(), act: act, at: at, newPID: newPID}
	for i, v := range gone.Versions {
		switch active := v.Active(); {
		case active && kept.takes(v):
			if v.Element.Kind().single() {
				kept.closeAll(v.Element.Kind())
			}
			kept.open(v.Element)
		case !active || !kept.has(v.Element):
			kept.remember(v)
		}
		if v.Active() {
			gone.close(i)
		}
	}
	gone.MergedTo = survivor.ID
	return kept.next(), gone.next(), nil
}

// takes tells whether what is in force of another person comes into force here.
func (w *writing) takes(v Version) bool {
	if oidOf(v.Element) == XECPROID || w.has(v.Element) {
		return false
	}
	if v.Element.Kind().single() {
		for _, own := range w.Versions {
			if own.Active() && own.Element.Kind() == v.Element.Kind() {
				return v.Valid.From.After(own.Valid.From)
			}
		}
	}
	return true
}

func (w *writing) closeAll(k Kind) {
	for i, v := range w.Versions {
		if v.Active() && v.Element.Kind() == k {
			w.close(i)
		}
	}
}

// remember adds a version as history.
func (w *writing) remember(v Version) {
	v.PID, v.Opened, v.Closed = w.newPID(), w.act.ID, w.act.ID
	if v.Active() {
		v.Valid.To = w.at
	}
	w.Versions = append(w.Versions, v)
	w.changed = append(w.changed, v.Element.Kind())
}

// TakenOver tells whether the version is history of a registration that was merged into this one by an act at an instant.
func (v Version) TakenOver() bool { return v.Opened == v.Closed && v.Opened != "" }

// cpr is the CPR number of the person, "" where there is none.
func (p Person) cpr() string {
	for _, v := range p.Versions {
		if id, ok := v.Element.(Identifier); ok && v.Active() && id.OID == CPROID {
			return id.Value
		}
	}
	return ""
}

package ecprws

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/adapters/xml/xsd"
	"github.com/opennsp/nsp/application/issuing"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/ecpr"
)

// document is a person as a request tells of it.
type document struct {
	issuing.Submission
	keys []int // indexes of the edits that are marked as what the person is found by
}

// field is an element that holds text, at most once.
type field struct {
	name string
	max  int // code points
	to   *string
}

// binder reads requests: elements are known by their local names, in any order; those that are not known are ignored.
type binder struct{ tree *xmltree.Tree }

// invalid refuses what an element says; value "" is not told.
func invalid(text, value string) error {
	return &ecpr.Problem{Err: ecpr.ErrInvalid, Text: text, Value: value}
}

// text returns the text of n without white space around it.
func (b binder) text(n xmltree.Node, max int) (string, error) {
	s, err := b.tree.Text(n)
	if err != nil {
		return "", invalid(b.tree.Local(n)+textInvalid, "")
	}
	if s = xsd.Collapse(s); utf8.RuneCountInString(s) > max {
		return "", invalid(b.tree.Local(n)+textTooLong, s)
	}
	return s, nil
}

// fields reads the children of n that are among all.
func (b binder) fields(n xmltree.Node, all ...field) error {
	var seen uint64
	for c := b.tree.First(n); c != xmltree.None; c = b.tree.Next(c) {
		i := slices.IndexFunc(all, func(f field) bool { return f.name == b.tree.Local(c) })
		if i < 0 {
			continue
		}
		if seen&(1<<i) != 0 {
			return invalid(all[i].name+textRepeated, "")
		}
		seen |= 1 << i
		s, err := b.text(c, all[i].max)
		if err != nil {
			return err
		}
		*all[i].to = s
	}
	return nil
}

// children are those of n with the name.
func (b binder) children(n xmltree.Node, name string) (all []xmltree.Node) {
	for c := b.tree.First(n); c != xmltree.None; c = b.tree.Next(c) {
		if b.tree.Local(c) == name {
			all = append(all, c)
		}
	}
	return all
}

// only is the one child of n with the name.
func (b binder) only(n xmltree.Node, name string) (xmltree.Node, error) {
	switch all := b.children(n, name); len(all) {
	case 0:
		return xmltree.None, invalid(name+textMissing, "")
	case 1:
		return all[0], nil
	}
	return xmltree.None, invalid(name+textRepeated, "")
}

// submission reads the one person of a request.
func (b binder) submission(root xmltree.Node) (document, error) {
	n, err := b.only(root, elemPerson)
	if err != nil {
		return document{}, err
	}
	return b.person(n)
}

func (b binder) person(n xmltree.Node) (d document, err error) {
	count := 0
	for c := b.tree.First(n); c != xmltree.None; c = b.tree.Next(c) {
		name := b.tree.Local(c)
		if name == elemModified {
			if d.Actor != nil {
				return document{}, invalid(elemModified+textRepeated, "")
			}
			if d.Actor, err = b.modified(c); err != nil {
				return document{}, err
			}
			continue
		}
		kind := slices.Index(kindNames[:], name)
		if kind < 0 {
			continue
		}
		if count++; count > maxElements {
			return document{}, invalid(elemPerson+textTooMany, "")
		}
		edit, key, err := b.element(ecpr.Kind(kind), c)
		if err != nil {
			return document{}, err
		}
		if key {
			d.keys = append(d.keys, len(d.Edits))
		}
		d.Edits = append(d.Edits, edit)
	}
	return d, nil
}

// modified reads who changed the person. What is not there is empty: the rules say what must be.
func (b binder) modified(n xmltree.Node) (*ecpr.Actor, error) {
	by, err := b.only(n, elemBy)
	if err != nil {
		return nil, err
	}
	person, err := b.only(by, elemPerson)
	if err != nil {
		return nil, err
	}
	organisation, err := b.only(by, elemOrganisation)
	if err != nil {
		return nil, err
	}
	identifier, err := b.only(organisation, elemIdentifier)
	if err != nil {
		return nil, err
	}
	var a ecpr.Actor
	for _, part := range []struct {
		node xmltree.Node
		all  []field
	}{
		{by, []field{{elemRole, maxRole, &a.Role}}},
		{person, []field{
			{elemAuthorisation, maxAuthorisation, &a.Authorisation}, {elemName, maxActorName, &a.Name}, {elemPersonID, maxActorPerson, &a.Person},
		}},
		{organisation, []field{{elemName, maxActorName, &a.Organisation.Name}, {elemType, maxOrganisation, &a.Organisation.Type}}},
		{identifier, []field{{elemIdentifier, maxOrganisation, &a.Organisation.ID}, {elemSource, maxOrganisation, &a.Organisation.Source}}},
	} {
		if err := b.fields(part.node, part.all...); err != nil {
			return nil, err
		}
	}
	return &a, nil
}

// element reads one element of a person; key tells that it is marked. Without a value of its own it has the PID alone.
func (b binder) element(kind ecpr.Kind, n xmltree.Node) (e ecpr.Edit, key bool, err error) {
	e.Kind = kind
	pid := field{elemPID, maxPID, (*string)(&e.PID)}
	switch kind {
	case ecpr.IdentifierKind:
		var v ecpr.Identifier
		if v, key, err = b.identifier(n, pid); v != (ecpr.Identifier{}) {
			e.Element = v
		}
	case ecpr.NameKind:
		var v ecpr.Name
		err = b.fields(n, pid, field{elemUse, maxCode, &e.Use}, field{elemText, maxNameText, &v.Text},
			field{elemFamily, maxNamePart, &v.Family}, field{elemGiven, maxNamePart, &v.Given})
		if v != (ecpr.Name{}) {
			e.Element = v
		}
	case ecpr.GenderKind:
		var v string
		if err = b.fields(n, pid, field{elemValue, maxCode, &v}); v != "" {
			e.Element = ecpr.Gender(v)
		}
	case ecpr.BirthDateKind:
		var v string
		if err = b.fields(n, pid, field{elemValue, maxCode, &v}); v != "" {
			e.Element = ecpr.BirthDate(v)
		}
	case ecpr.ContactKind:
		var v ecpr.Contact
		err = b.fields(n, pid, field{elemSystem, maxCode, &e.System}, field{elemUse, maxCode, &e.Use}, field{elemValue, maxContact, &v.Value},
			field{elemExpiry, maxCode, &v.Expiry})
		if err == nil {
			v.Expiry, err = date(v.Expiry)
		}
		if v != (ecpr.Contact{}) {
			e.Element = v
		}
	case ecpr.AddressKind:
		var v ecpr.Address
		if v, err = b.address(n, pid, &e); v != (ecpr.Address{}) {
			e.Element = v
		}
	}
	e.PID = ecpr.PID(strings.ToLower(string(e.PID)))
	return e, key, err
}

func (b binder) identifier(n xmltree.Node, pid field) (v ecpr.Identifier, key bool, err error) {
	marker, _ := b.tree.Attr(n, "", elemKey)
	attribute := marker
	if err := b.fields(n, pid, field{elemKey, maxCode, &marker}, field{elemOID, maxOID, &v.OID}, field{elemValue, maxIdentifier, &v.Value},
		field{elemValidity, maxCode, &v.Validity}, field{elemExpiry, maxCode, &v.Expiry}); err != nil {
		return v, false, err
	}
	if attribute != "" && attribute != marker {
		return v, false, invalid(elemKey+textRepeated, "")
	}
	if marker != "" {
		if key, err = xsd.ParseBoolean(marker); err != nil {
			return v, false, invalid(elemKey+textInvalid, marker)
		}
	}
	if v.Validity != "" {
		number, err := xsd.ParseInt(v.Validity)
		if err != nil {
			return v, false, invalid(elemValidity+textInvalid, v.Validity)
		}
		v.Validity = strconv.Itoa(number)
	}
	v.Expiry, err = date(v.Expiry)
	return v, key, err
}

func (b binder) address(n xmltree.Node, pid field, e *ecpr.Edit) (v ecpr.Address, err error) {
	fields := [...]field{
		pid, {elemUse, maxCode, &e.Use}, {elemType, maxCode, &e.Type}, {elemCity, maxCity, &v.City}, {elemDistrict, maxLine, &v.District},
		{elemState, maxLine, &v.State}, {elemPostCode, maxPostCode, &v.PostalCode}, {elemCountry, maxCountry, &v.Country},
		{elemPostBox, maxLine, &v.Box}, {elemExpiry, maxCode, &v.Expiry}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},
	}
	lines := fields[len(fields)-len(elemLines):]
	for i := range lines {
		lines[i] = field{elemLines[i], maxLine, &v.Lines[i]}
	}
	if err = b.fields(n, fields[:]...); err == nil {
		v.Expiry, err = date(v.Expiry)
	}
	return v, err
}

// date reads an xs:date; its zone, which some clients add, means nothing. "" stays.
func date(s string) (string, error) {
	const form = "2006-01-02"
	if s == "" {
		return "", nil
	}
	day, zone := s, ""
	if len(s) > len(form) && strings.ContainsAny(s[len(form):len(form)+1], "Z+-") {
		day, zone = s[:len(form)], s[len(form):]
	}
	_, err := calendar.ParseDay(day)
	if err == nil {
		_, err = xsd.ParseDateTime(day + "T00:00:00" + zone)
	}
	if err != nil {
		return "", invalid(elemExpiry+textInvalid, s)
	}
	return day, nil
}

// lookup reads the Identifier of a GetPersonByIdRequest.
func (b binder) lookup(root xmltree.Node) (id ecpr.Identifier, err error) {
	n, err := b.only(root, elemIdentifier)
	if err != nil {
		return id, err
	}
	if err := b.fields(n, field{elemOID, maxOID, &id.OID}, field{elemValue, maxIdentifier, &id.Value}); err != nil {
		return id, err
	}
	switch {
	case id.OID == "":
		return id, invalid(elemOID+textMissing, "")
	case id.Value == "":
		return id, invalid(elemValue+textMissing, "")
	}
	return id, nil
}

// query reads the Query of a SearchPersonRequest.
func (b binder) query(root xmltree.Node) (string, error) {
	n, err := b.only(root, elemQuery)
	if err != nil {
		return "", err
	}
	q, err := b.text(n, maxQuery)
	if err == nil && q == "" {
		err = invalid(elemQuery+textMissing, "")
	}
	return q, err
}

// merger reads a MergePersonsRequest: who changed it is told by the person that stays, the first.
func (b binder) merger(root xmltree.Node) (actor *ecpr.Actor, survivor, loser ecpr.Identifier, err error) {
	persons := b.children(root, elemPerson)
	if len(persons) != 2 {
		return nil, survivor, loser, invalid(textPersons, "")
	}
	first, err := b.person(persons[0])
	if err != nil {
		return nil, survivor, loser, err
	}
	second, err := b.person(persons[1])
	if err != nil {
		return nil, survivor, loser, err
	}
	if survivor, err = first.takeKey(); err == nil {
		loser, err = second.takeKey()
	}
	return first.Actor, survivor, loser, err
}

// takeKey takes what the person is found by out of the edits: the identifier that is marked or, where none is, the only X-eCPR without PID.
func (d *document) takeKey() (ecpr.Identifier, error) {
	keys := d.keys
	for i, e := range d.Edits {
		if id, ok := e.Element.(ecpr.Identifier); ok && len(d.keys) == 0 && id.OID == ecpr.XECPROID && e.PID == "" {
			keys = append(keys, i)
		}
	}
	if len(keys) != 1 {
		return ecpr.Identifier{}, invalid(textKey, "")
	}
	id, _ := d.Edits[keys[0]].Element.(ecpr.Identifier)
	if id.OID == "" || id.Value == "" {
		return ecpr.Identifier{}, invalid(textKey, "")
	}
	d.Edits = slices.Delete(d.Edits, keys[0], keys[0]+1)
	return id, nil
}

// writer writes persons; oids is empty in requests.
type writer struct {
	*xmlout.Writer
	oids ecpr.Table
}

// start begins the element in the Body, with its namespace as the default one. That of the prefix xml cannot be: it gives way to none.
func start(w *xmlout.Writer, name, space string) {
	w.Start(name)
	if space != "" && space != nsXML {
		w.Attr("xmlns", space)
	}
}

func (w writer) optional(name, text string) {
	if text != "" {
		w.Elem(name, text)
	}
}

// person writes all versions, in their order.
func (w writer) person(p *ecpr.Person) {
	w.Start(elemPerson)
	for i := range p.Versions {
		v := &p.Versions[i]
		w.Start(kindNames[v.Element.Kind()])
		w.Elem(elemPID, string(v.PID))
		w.value(told(v.Element))
		w.Elem(elemValidFrom, v.Valid.From.UTC().Format(timeFormat))
		if !v.Valid.To.IsZero() {
			w.Elem(elemValidTo, v.Valid.To.UTC().Format(timeFormat))
		}
		w.End()
	}
	w.End()
}

// told is an element as answers tell of it.
func told(e ecpr.Element) ecpr.Edit {
	edit := ecpr.Edit{Element: e}
	switch v := e.(type) {
	case ecpr.Name:
		edit.Use = useOfficial
		if v.Text == "" {
			v.Text = strings.TrimSpace(v.Given + " " + v.Family)
			edit.Element = v
		}
	case ecpr.Contact:
		edit.System = systemPhone
	case ecpr.Address:
		edit.Use = useHome
	}
	return edit
}

// value writes what stands between the PID and ValidFrom.
func (w writer) value(e ecpr.Edit) {
	switch v := e.Element.(type) {
	case ecpr.Identifier:
		w.optional(elemOID, v.OID)
		if row, ok := w.oids.Row(v.OID); ok {
			w.Elem(elemOIDLabel, row.Label)
			w.Elem(elemOIDType, row.Type)
		}
		w.optional(elemValue, v.Value)
		w.optional(elemValidity, v.Validity)
		w.optional(elemExpiry, v.Expiry)
	case ecpr.Name:
		w.optional(elemUse, e.Use)
		w.optional(elemText, v.Text)
		w.optional(elemFamily, v.Family)
		w.optional(elemGiven, v.Given)
	case ecpr.Gender:
		w.Elem(elemValue, string(v))
	case ecpr.BirthDate:
		w.Elem(elemValue, string(v))
	case ecpr.Contact:
		w.optional(elemSystem, e.System)
		w.optional(elemUse, e.Use)
		w.optional(elemValue, v.Value)
		w.optional(elemExpiry, v.Expiry)
	case ecpr.Address:
		w.optional(elemUse, e.Use)
		w.optional(elemType, e.Type)
		for i, line := range v.Lines {
			w.optional(elemLines[i], line)
		}
		w.optional(elemCity, v.City)
		w.optional(elemDistrict, v.District)
		w.optional(elemState, v.State)
		w.optional(elemPostCode, v.PostalCode)
		w.optional(elemCountry, v.Country)
		w.optional(elemPostBox, v.Box)
		w.optional(elemExpiry, v.Expiry)
	}
}

// row writes a row of the OID table.
func (w writer) row(o ecpr.OID) {
	w.Start(elemOID)
	w.Elem(elemOID, o.OID)
	w.Elem(elemPrimaryLabel, o.Label)
	w.optional(elemSecondaryLabel, o.Secondary)
	w.optional(elemOIDRegEx, o.Pattern)
	w.Elem(elemOIDType, o.Type)
	w.End()
}

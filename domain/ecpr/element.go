package ecpr

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/opennsp/nsp/domain/calendar"
)

// maxEdits is how many elements one request may have.
const maxEdits = 500

// invalid is ErrInvalid with a text and the value it is about.
func invalid(text, value string) error { return &Problem{Err: ErrInvalid, Text: text, Value: value} }

// element returns what a request says of an element as it is kept: rules EC-14, EC-17, EC-20, EC-23 and the sizes. The error is a [Problem].
func (e Edit) element(t Table, today calendar.Day) (Element, error) {
	switch x := e.Element.(type) {
	case Identifier:
		return e.identifier(x, t)
	case Name:
		return e.name(x)
	case Gender:
		if !slices.Contains([]Gender{Male, Female, Other, UnknownGender}, x) {
			return nil, invalid("Gender/Value er ugyldig", string(x))
		}
		return x, nil
	case BirthDate:
		return x, x.Check(today)
	case Contact:
		return e.contact(x)
	case Address:
		return e.address(x)
	}
	return nil, invalid("Elementet er ugyldigt", "")
}

func (e Edit) identifier(x Identifier, t Table) (Element, error) {
	if x.OID == XECPROID {
		return nil, invalid("Et X-eCPR-nummer kan ikke sættes eller ændres", x.Value)
	}
	id, err := t.Normalise(x)
	if err != nil {
		return nil, err
	}
	if id.Validity = strings.TrimSpace(id.Validity); id.Validity != "" {
		if _, err := strconv.ParseInt(id.Validity, 10, 32); err != nil {
			return nil, invalid("Identifier/Validity er ugyldig", x.Validity)
		}
	}
	return id, checkExpiry("Identifier", id.Expiry)
}

func (e Edit) name(x Name) (Element, error) {
	if err := only("Name/Use", e.Use, "official"); err != nil {
		return nil, err
	}
	var s sizes
	n := Name{Family: s.text("Name/FamilyName", x.Family, 200), Given: s.text("Name/GivenName", x.Given, 200)}
	if n.Text = s.text("Name/Text", x.Text, 400); n.Text == "" {
		n.Text = strings.TrimSpace(n.Given + " " + n.Family)
	}
	if n.Text == "" {
		return nil, invalid("Name er tom", "")
	}
	return n, s.err
}

func (e Edit) contact(x Contact) (Element, error) {
	if err := only("Contact/System", e.System, "phone"); err != nil {
		return nil, err
	}
	var s sizes
	c := Contact{Value: s.text("Contact/Value", x.Value, 200), Expiry: x.Expiry}
	switch {
	case s.err != nil:
		return nil, s.err
	case c.Value == "":
		return nil, invalid("Contact/Value er tom", "")
	}
	return c, checkExpiry("Contact", c.Expiry)
}

func (e Edit) address(x Address) (Element, error) {
	if err := only("Address/Use", e.Use, "home"); err != nil {
		return nil, err
	}
	if e.Type != "" {
		return nil, invalid("Address/Type anvendes ikke", e.Type)
	}
	var s sizes
	a := Address{Expiry: x.Expiry}
	for i, line := range x.Lines {
		a.Lines[i] = s.text("Address/StreetAddressLine"+strconv.Itoa(i+1), line, 45)
	}
	a.City, a.District = s.text("Address/City", x.City, 80), s.text("Address/District", x.District, 45)
	a.State, a.PostalCode = s.text("Address/State", x.State, 45), s.text("Address/PostalCode", x.PostalCode, 10)
	a.Country, a.Box = s.text("Address/Country", x.Country, 80), s.text("Address/PostBox", x.Box, 45)
	switch {
	case s.err != nil:
		return nil, s.err
	case a == Address{Expiry: x.Expiry}:
		return nil, invalid("Address er tom", "")
	}
	return a, checkExpiry("Address", a.Expiry)
}

// only refuses anything but nothing and the one value that is used, in any case (EC-14).
func only(field, value, permitted string) error {
	if value == "" || strings.EqualFold(value, permitted) {
		return nil
	}
	return invalid(field+" er ugyldig", value)
}

func checkExpiry(kind, day string) error {
	if day == "" {
		return nil
	}
	if _, err := calendar.ParseDay(day); err != nil {
		return invalid(kind+"/Expiry er ugyldig", day)
	}
	return nil
}

// sizes cleans texts and keeps the first that is not one.
type sizes struct{ err error }

// text returns a text of at most n characters, with single spaces between its words.
func (s *sizes) text(field, value string, n int) string {
	clean := strings.Join(strings.Fields(value), " ")
	if s.err == nil && !isText(clean, 0, n) {
		s.err = invalid(field+" er ugyldig", value)
	}
	return clean
}

// isText tells whether s has shortest to longest characters, all of which XML can hold and a line of text can have.
func isText(s string, shortest, longest int) bool {
	n := utf8.RuneCountInString(s)
	return utf8.ValidString(s) && n >= shortest && n <= longest &&
		!strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == '\ufffe' || r == '\uffff' })
}

// single tells whether a person has one active element of the kind (EC-14, EC-15).
func (k Kind) single() bool { return k == NameKind || k == GenderKind || k == BirthDateKind }

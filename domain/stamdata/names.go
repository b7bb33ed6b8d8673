package stamdata

import (
	"slices"
	"strings"
	"time"

	"github.com/opennsp/nsp/domain/minlog"
)

// String returns the first, middle and last names, one blank between words; "" where nothing is known.
func (n Name) String() string {
	return strings.Join(strings.Fields(n.Given+" "+n.Middle+" "+n.Surname), " ")
}

// NamesOf returns the names of ids at an instant, by authorisations with their numbers and by the current rows of citizens: of ids, and of who
// has the authorisations. Left out is whose name is protected, by either number; and a number that was replaced, since the protection of who
// had it is kept under another one. Of several authorisations that are valid and name somebody the first by education tells the name.
func NamesOf(ids []minlog.ID, authorisations []Authorisation, citizens []Citizen, at time.Time) map[minlog.ID]string {
	persons, professionals, secret := map[string]string{}, map[string]string{}, map[string]bool{}
	for _, c := range citizens {
		digits := c.CPR.Digits()
		secret[digits] = c.Protected(at) || !c.Current.IsZero() && c.Current != c.CPR
		if !secret[digits] {
			persons[digits] = c.Name.String()
		}
	}
	slices.SortFunc(authorisations, func(a, b Authorisation) int { return strings.Compare(a.Education, b.Education) })
	for _, a := range authorisations {
		if a.Valid.Contains(at) && !secret[a.CPR.Digits()] && professionals[a.Number] == "" {
			professionals[a.Number] = a.Name.String()
		}
	}
	names := make(map[minlog.ID]string, len(ids))
	for _, id := range ids {
		var name string
		switch id.Source {
		case minlog.CPR:
			name = persons[id.Value]
		case minlog.Authorisation:
			name = professionals[NormalAuthorisation(id.Value)]
		}
		if name != "" {
			names[id] = name
		}
	}
	return names
}

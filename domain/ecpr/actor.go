package ecpr

import (
	"slices"
	"strings"
)

// Checked returns the actor as it is kept: a person's name and an organisation's name and number are told, and everything has its size and
// form. The error is a [Problem].
func (a Actor) Checked() (Actor, error) {
	var s sizes
	o := a.Organisation
	clean := Actor{
		Authorisation: strings.ToUpper(s.text("AuthorisationIdentifier", a.Authorisation, 20)),
		Name:          s.text("Modified/By/Person/Name", a.Name, 200),
		Person:        s.text("PersonIdentifier", a.Person, 50),
		Role:          s.text("Role", a.Role, 100),
		Organisation: Organisation{
			Name: s.text("Organisation/Name", o.Name, 200), Type: s.text("Organisation/Type", o.Type, 50),
			ID: s.text("Organisation/Identifier", o.ID, 50), Source: s.text("Organisation/Identifier/Source", o.Source, 50),
		},
	}
	switch {
	case s.err != nil:
		return Actor{}, s.err
	case clean.Name == "":
		return Actor{}, invalid("Modified/By/Person/Name mangler", "")
	case clean.Organisation.Name == "":
		return Actor{}, invalid("Modified/By/Organisation/Name mangler", "")
	case clean.Organisation.ID == "":
		return Actor{}, invalid("Modified/By/Organisation/Identifier mangler", "")
	case !slices.Contains(sources(), clean.Organisation.Source):
		return Actor{}, invalid("Organisation/Identifier/Source er ugyldig", o.Source)
	}
	return clean, nil
}

// sources are the registers that an organisation may be numbered in (eCPR - Snitfladebeskrivelse).
func sources() []string {
	return []string{"SKS", "Yder", "EAN-Lokationsnummer", "CVR", "CVR-P", "Kommunekode", "SOR", "Udenlandsk"}
}

// Check tells whether the assignment can be made: ErrInvalid with what is wrong otherwise.
func (a Assignment) Check() error {
	switch {
	case len(a.CVR) != 8 || strings.Trim(a.CVR, "0123456789") != "":
		return invalid("CVR-nummeret er ugyldigt", "")
	case a.Person.IsZero():
		return &Problem{Err: ErrCPRForm}
	case a.Role != Coordinator && a.Role != WebAdministrator:
		return invalid("Rollen er ukendt", "")
	}
	return nil
}

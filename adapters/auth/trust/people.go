package trust

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/ports"
)

// PersonEntry is one person of a people file. Certificates are the serial number texts of the subjects of the person's certificates, such
// as "CVR:99999902-RID:1001".
type PersonEntry struct {
	CPR            string               `json:"cpr"`
	GivenName      string               `json:"givenName"`
	Surname        string               `json:"surname"`
	Email          string               `json:"email,omitempty"`
	Certificates   []string             `json:"certificates,omitempty"`
	Authorisations []AuthorisationEntry `json:"authorisations,omitempty"`
	NationalRoles  []string             `json:"nationalRoles,omitempty"`

	// Of lists that were written before the registers told of them: whatever they say, nobody reads it.
	Custody json.RawMessage `json:"custody,omitempty"`
	Proxies json.RawMessage `json:"proxies,omitempty"`
}

// AuthorisationEntry is one authorisation of a person.
type AuthorisationEntry struct {
	Code          string `json:"code"`
	EducationCode string `json:"educationCode"`
}

// People is who a people file knows. Safe for concurrent use.
type People struct {
	byCPR         map[cpr.Number]identity.Person
	byCertificate map[string]identity.Person
}

var _ ports.People = (*People)(nil)

// OpenPeople reads a people file: a JSON array of PersonEntry. Unknown members and a number or certificate given twice are errors.
func OpenPeople(path string) (*People, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read people: %w", err)
	}
	var entries []PersonEntry
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&entries); err != nil {
		return nil, fmt.Errorf("read people %s: %w", filepath.Base(path), err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read people %s: something follows the list", filepath.Base(path))
	}
	p := &People{
		byCPR: make(map[cpr.Number]identity.Person), byCertificate: make(map[string]identity.Person),
	}
	for i, e := range entries {
		if err := p.add(e); err != nil {
			return nil, fmt.Errorf("read people %s: person %d: %w", filepath.Base(path), i+1, err)
		}
	}
	return p, nil
}

func (p *People) add(e PersonEntry) error {
	number, err := cpr.Parse(e.CPR)
	if err != nil {
		return err
	}
	if _, double := p.byCPR[number]; double {
		return errors.New("number given before")
	}
	person := identity.Person{CPR: number, GivenName: e.GivenName, Surname: e.Surname, Email: e.Email, NationalRoles: e.NationalRoles}
	for _, a := range e.Authorisations {
		person.Authorisations = append(person.Authorisations, identity.Authorisation(a))
	}
	p.byCPR[number] = person
	for _, id := range e.Certificates {
		if _, double := p.byCertificate[id]; double || id == "" {
			return errors.New("certificate is empty or given before")
		}
		p.byCertificate[id] = person
	}
	return nil
}

// ByCertificate implements ports.People.
func (p *People) ByCertificate(_ context.Context, subject trust.Subject) (identity.Person, error) {
	person, ok := p.byCertificate[subject.RID]
	if !ok {
		return identity.Person{}, identity.ErrUnknown
	}
	return person, nil
}

// ByCPR implements ports.People.
func (p *People) ByCPR(_ context.Context, n cpr.Number) (identity.Person, error) {
	person, ok := p.byCPR[n]
	if !ok {
		return identity.Person{}, identity.ErrUnknown
	}
	return person, nil
}

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
	"slices"
	"time"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/relation"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/domain/validity"
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
	Custody        []string             `json:"custody,omitempty"` // CPR numbers of the children the person has custody of
	Proxies        []ProxyEntry         `json:"proxies,omitempty"`
}

// ProxyEntry is somebody whom a person may act for by proxy, from From until To. Scope says what the proxy is for: audiences of tokens, or "*"
// for everything.
type ProxyEntry struct {
	CPR   string    `json:"cpr"`
	Scope []string  `json:"scope"`
	From  time.Time `json:"from,omitzero"` // zero = always
	To    time.Time `json:"to,omitzero"`   // zero = without end
}

// AuthorisationEntry is one authorisation of a person.
type AuthorisationEntry struct {
	Code          string `json:"code"`
	EducationCode string `json:"educationCode"`
}

// People is who a people file knows, and who of them may act for whom. Safe for concurrent use.
type People struct {
	byCPR         map[cpr.Number]identity.Person
	byCertificate map[string]identity.Person
	relations     map[pair][]relation.Relation
}

// pair is who acts and for whom.
type pair struct{ actor, subject cpr.Number }

var (
	_ ports.People    = (*People)(nil)
	_ ports.Relations = (*People)(nil)
)

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
		relations: make(map[pair][]relation.Relation),
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
	for _, child := range e.Custody {
		if err := p.relate(number, child, relation.Relation{Kind: relation.Custody}); err != nil {
			return fmt.Errorf("custody: %w", err)
		}
	}
	for _, x := range e.Proxies {
		r := relation.Relation{Kind: relation.Proxy, Valid: validity.Period{From: x.From.UTC(), To: x.To.UTC()}, Scope: x.Scope}
		if len(x.Scope) == 0 || r.Valid.Empty() {
			return errors.New("proxies: no scope, or it ends before it begins")
		}
		if err := p.relate(number, x.CPR, r); err != nil {
			return fmt.Errorf("proxies: %w", err)
		}
	}
	return nil
}

func (p *People) relate(actor cpr.Number, digits string, r relation.Relation) error {
	subject, err := cpr.Parse(digits)
	if err != nil {
		return err
	}
	if subject == actor {
		return errors.New("a person who acts for themself")
	}
	key := pair{actor, subject}
	p.relations[key] = append(p.relations[key], r)
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

// Between implements ports.Relations.
func (p *People) Between(_ context.Context, actor, subject cpr.Number, at time.Time) ([]relation.Relation, error) {
	var found []relation.Relation
	for _, r := range p.relations[pair{actor, subject}] {
		if r.Valid.Contains(at) {
			r.Scope = slices.Clone(r.Scope)
			found = append(found, r)
		}
	}
	return found, nil
}

package devfed

import (
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"path/filepath"
	"slices"

	authtrust "github.com/opennsp/nsp/adapters/auth/trust"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/trust"
)

// Sample is a certificate of the federation with its key and, for an employee, the person who holds it.
type Sample struct {
	Name         string // of its files
	Certificate  *x509.Certificate
	Key          *rsa.PrivateKey
	Subject      trust.Subject
	Organisation string          // name of the organisation
	Person       identity.Person // zero for a system
}

// organisation is one of the synthetic organisations; their CVR numbers are given to nobody.
type organisation struct{ cvr, name string }

// OwnCVR is the CVR number of the authority that a server of the test federation stands for.
const OwnCVR = "99999903"

var (
	region      = organisation{"99999901", "OpenNSP Testregion"}
	practice    = organisation{"99999902", "OpenNSP Testhus"}
	authority   = organisation{OwnCVR, "OpenNSP Teststyrelse"}
	portalOwner = organisation{"99999904", "OpenNSP Testportal"}
)

// sample describes a certificate to be made.
type sample struct {
	name    string
	owner   organisation
	holder  string // serial number text of the subject
	common  string // common name
	expired bool
	revoked bool
	person  *authtrust.PersonEntry
}

// samples lists the certificates. All numbers of persons are synthetic.
func samples() []sample {
	return []sample{
		employee("laege", practice, "CVR:99999902-RID:1001", "0101010001", "Laege").with("TST01", "7170"),
		employee("tolaege", practice, "CVR:99999902-RID:1002", "0101010002", "Tolaege").with("TST02", "7170").with("TST03", "5166"),
		employee("sygeplejerske", region, "UI:DK-E:G:5f0c2f3e-0001-4000-8000-000000001003", "0101010003", "Sygeplejerske").with("TST04", "5166"),
		employee("sekretaer", practice, "CVR:99999902-RID:1004", "0101010004", "Sekretaer"),
		employee("spaerringsadm", authority, "CVR:99999903-RID:1005", "0101010005", "Spaerringsadministrator").inRole("SpaerAdminR8"),
		employee("administrator", authority, "CVR:99999903-RID:1006", "0101010006", "Administrator").inRole("NspAdministrator"),
		{name: "region", owner: region, holder: "CVR:99999901-UID:1007", common: "OpenNSP Testregion - Test VOCES"},
		{name: "epj", owner: region, holder: "CVR:99999901-FID:1008", common: "Test EPJ (funktionscertifikat)"},
		{name: "portal", owner: portalOwner, holder: "UI:DK-O:G:5f0c2f3e-0001-4000-8000-000000001009", common: "Test Portal"},
		{name: "spaerret", owner: region, holder: "CVR:99999901-FID:1010", common: "Test Spaerret (funktionscertifikat)", revoked: true},
		{name: "udloebet", owner: region, holder: "CVR:99999901-FID:1011", common: "Test Udloebet (funktionscertifikat)", expired: true},
	}
}

func employee(name string, owner organisation, holder, number, surname string) sample {
	return sample{name: name, owner: owner, holder: holder, common: "Test " + surname, person: &authtrust.PersonEntry{
		CPR: number, GivenName: "Test", Surname: surname, Email: name + "@opennsp.test", Certificates: []string{holder},
	}}
}

func (s sample) with(code, education string) sample {
	s.person.Authorisations = append(s.person.Authorisations, authtrust.AuthorisationEntry{Code: code, EducationCode: education})
	return s
}

func (s sample) inRole(role string) sample {
	s.person.NationalRoles = append(s.person.NationalRoles, role)
	return s
}

// citizens lists the persons without certificate: official and synthetic test persons.
func citizens() []authtrust.PersonEntry {
	return []authtrust.PersonEntry{
		{CPR: "2512489996", GivenName: "Nancy Ann", Surname: "Testborger"},
		{CPR: "0511804817", GivenName: "Test", Surname: "Borger"},
		{CPR: "1101116171", GivenName: "Barn", Surname: "Testborger"},
	}
}

// people is the content of the people file.
func people() []authtrust.PersonEntry {
	var all []authtrust.PersonEntry
	for _, s := range samples() {
		if s.person != nil {
			all = append(all, *s.person)
		}
	}
	return append(all, citizens()...)
}

// Names returns the names of the samples.
func Names() []string {
	var names []string
	for _, s := range samples() {
		names = append(names, s.name)
	}
	return names
}

// Certificate returns the DER of a sample's certificate and the name of its organisation.
func (f Federation) Certificate(name string) (der []byte, organisation string, err error) {
	known, err := sampleNamed(name)
	if err != nil {
		return nil, "", err
	}
	c, err := readCertificate(filepath.Join(f.Dir, samplesDir, name+".pem"))
	if err != nil {
		return nil, "", fmt.Errorf("load sample %s: %w", name, err)
	}
	return c.Raw, known.owner.name, nil
}

func sampleNamed(name string) (sample, error) {
	all := samples()
	i := slices.IndexFunc(all, func(s sample) bool { return s.name == name })
	if i < 0 {
		return sample{}, fmt.Errorf("the test federation has no sample %q", name)
	}
	return all[i], nil
}

func personOf(e authtrust.PersonEntry) (identity.Person, error) {
	number, err := cpr.Parse(e.CPR)
	if err != nil {
		return identity.Person{}, err
	}
	p := identity.Person{CPR: number, GivenName: e.GivenName, Surname: e.Surname, Email: e.Email, NationalRoles: e.NationalRoles}
	for _, a := range e.Authorisations {
		p.Authorisations = append(p.Authorisations, identity.Authorisation(a))
	}
	return p, nil
}

// Sample loads the certificate and key of a sample.
func (f Federation) Sample(name string) (Sample, error) {
	known, err := sampleNamed(name)
	if err != nil {
		return Sample{}, err
	}
	base := filepath.Join(f.Dir, samplesDir, name)
	c, err := readCertificate(base + ".pem")
	if err != nil {
		return Sample{}, fmt.Errorf("load sample %s: %w", name, err)
	}
	key, err := authtrust.ReadKey(base + ".key")
	if err != nil {
		return Sample{}, fmt.Errorf("load sample %s: %w", name, err)
	}
	s := Sample{Name: name, Certificate: c, Key: key, Subject: authtrust.Subject(c), Organisation: known.owner.name}
	if known.person != nil {
		if s.Person, err = personOf(*known.person); err != nil {
			return Sample{}, fmt.Errorf("load sample %s: %w", name, err)
		}
	}
	return s, nil
}

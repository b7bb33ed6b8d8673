package ecprws_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/ecprws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/domain/ecpr"
)

func actor() *ecpr.Actor {
	return &ecpr.Actor{Name: "Sara Sekretær", Organisation: ecpr.Organisation{Name: "Testby Sygehus", ID: "900011000016001", Source: "SOR"}}
}

func fullActor() *ecpr.Actor {
	a := actor()
	a.Authorisation, a.Person, a.Role, a.Organisation.Type = "0TST1", doctor, "Læge", "Hospital"
	return a
}

// everyEdit adds one element of every kind with everything it can hold, the last kind first.
func everyEdit() []ecpr.Edit {
	lines := [10]string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10"}
	return []ecpr.Edit{
		{Kind: ecpr.AddressKind, Use: "home", Element: ecpr.Address{Lines: lines, City: "Testby", District: "N", State: "S", PostalCode: "0900", Country: "DK", Box: "7", Expiry: "2031-01-01"}},
		{Kind: ecpr.ContactKind, System: "phone", Element: ecpr.Contact{Value: "+45 1", Expiry: "2030-01-01"}},
		{Kind: ecpr.BirthDateKind, Element: ecpr.BirthDate("1978-08-13")},
		{Kind: ecpr.GenderKind, Element: ecpr.Male},
		{Kind: ecpr.NameKind, Use: "official", Element: ecpr.Name{Text: "Jon A. Prøve", Family: "Prøve", Given: "Jon"}},
		{Kind: ecpr.IdentifierKind, Element: ecpr.Identifier{OID: passport, Value: "PP1", Validity: "5", Expiry: "2029-01-01"}},
	}
}

// TestClient: what the client reads is what the store has.
func TestClient(t *testing.T) {
	s := newService(t)
	c := s.client(t)
	stored := func(n ecpr.Number) ecpr.Person {
		p, err := s.db.Persons().Get(t.Context(), ecpr.Identifier{OID: ecpr.XECPROID, Value: n.Text()})
		require.NoError(t, err)
		told := ecpr.Person{Number: p.Number, Versions: p.Versions}
		for i := range told.Versions {
			told.Versions[i].Opened, told.Versions[i].Closed = "", ""
		}
		return told
	}
	p, err := c.CreatePerson(t.Context(), fullActor(), everyEdit())
	require.NoError(t, err)
	assert.Equal(t, stored(p.Number), p)
	assert.Len(t, p.Versions, 7)

	s.now = at("2026-04-01T08:00:00Z")
	updated, err := c.UpdatePerson(t.Context(), p.Number, actor(), []ecpr.Edit{
		{Kind: ecpr.IdentifierKind, Element: ecpr.Identifier{OID: ecpr.CPROID, Value: adult}},
		{Kind: ecpr.ContactKind, PID: p.Versions[5].PID},
	})
	require.NoError(t, err)
	assert.Equal(t, stored(p.Number), updated)
	assert.False(t, updated.Versions[len(updated.Versions)-2].Active())

	got, found, err := c.GetPersonByID(t.Context(), ecpr.Identifier{OID: ecpr.CPROID, Value: adult})
	require.NoError(t, err)
	assert.True(t, found)
	assert.Equal(t, updated, got)
	_, found, err = c.GetPersonByID(t.Context(), ecpr.Identifier{OID: passport, Value: "none"})
	require.NoError(t, err)
	assert.False(t, found)

	all, err := c.SearchPerson(t.Context(), `familyname:prøve AND streetaddress:10`)
	require.NoError(t, err)
	assert.Equal(t, []ecpr.Person{updated}, all)

	other, err := c.CreatePerson(t.Context(), actor(), nil)
	require.NoError(t, err)
	merged, err := c.MergePersons(t.Context(), actor(), p.Number, other.Number)
	require.NoError(t, err)
	assert.Equal(t, stored(p.Number), merged)

	rows, err := c.GetOIDs(t.Context())
	require.NoError(t, err)
	want, err := s.db.OIDs().OIDs(t.Context())
	require.NoError(t, err)
	for i := range want {
		want[i].UUID = "" // is not told
	}
	assert.Equal(t, want, rows)

	_, err = c.UpdatePerson(t.Context(), p.Number, nil, nil)
	var fault *soap.Fault
	require.ErrorAs(t, err, &fault)
	assert.Equal(t, "ecpr_invalid", fault.Code)
	assert.Equal(t, "soap:Client", fault.FaultCode)
}

// TestClientRefusesOtherAnswers: the client trusts nothing that is not what the contract says.
func TestClientRefusesOtherAnswers(t *testing.T) {
	for name, body := range map[string]string{
		"of another operation": `<SearchPersonResponse xmlns="` + space + `"><Person/></SearchPersonResponse>`,
		"of another namespace": `<GetPersonByIdResponse><Person/></GetPersonByIdResponse>`,
		"two persons":          `<GetPersonByIdResponse xmlns="` + space + `"><Person/><Person/></GetPersonByIdResponse>`,
		"a time":               `<GetPersonByIdResponse xmlns="` + space + `"><Person><Gender><PID>p</PID><Value>male</Value><ValidFrom>now</ValidFrom></Gender></Person></GetPersonByIdResponse>`,
		"a version of nothing": `<GetPersonByIdResponse xmlns="` + space + `"><Person><Gender><PID>p</PID><ValidFrom>2026-03-02T09:15:00.123Z</ValidFrom></Gender></Person></GetPersonByIdResponse>`,
		"a number": `<GetPersonByIdResponse xmlns="` + space + `"><Person><Identifier><PID>p</PID><OID>` + ecpr.XECPROID +
			`</OID><Value>1308782QT7</Value><ValidFrom>2026-03-02T09:15:00.123Z</ValidFrom></Identifier></Person></GetPersonByIdResponse>`,
	} {
		t.Run(name, func(t *testing.T) {
			c := ecprws.Client{Send: func(context.Context, string, func(*xmlout.Writer)) (*soap.Response, error) {
				tree, err := xmltree.Parse([]byte(body), xmltree.DefaultLimits(1<<20))
				if err != nil {
					return nil, err
				}
				return &soap.Response{Tree: tree, Root: tree.Root(), Body: tree.Root()}, nil
			}}
			_, found, err := c.GetPersonByID(t.Context(), ecpr.Identifier{OID: passport, Value: "1"})
			require.ErrorIs(t, err, ecprws.ErrAnswer)
			assert.False(t, found)
		})
	}
}

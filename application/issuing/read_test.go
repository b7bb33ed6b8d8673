package issuing_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/ecpr"
)

func TestSearch(t *testing.T) {
	h := newHouse(t)
	h.coordinator(t, doctor)
	jon := h.person(t, add(ecpr.Name{Family: "Prøve", Given: "Jon"}), add(ecpr.BirthDate("1978-12-12")),
		add(ecpr.Address{Lines: [10]string{"Prøvevej 12"}}))
	_, err := h.update(t, jon, invalidate(ecpr.AddressKind, jon.Versions[4].PID), add(ecpr.Address{City: "Ny By"}))
	require.NoError(t, err)
	jon = h.kept(t, jon.ID)
	search := func(query string) ([]ecpr.Person, bool) {
		found, truncated, err := h.Search(t.Context(), user(doctor), query)
		require.NoError(t, err)
		return found, truncated
	}
	t.Run("PC-28 names and old addresses find the whole registration", func(t *testing.T) {
		for _, query := range []string{"familyname:prøve*", `streetaddress:"Prøvevej 12"`, "birthdate:12-12 AND givenname:jon"} {
			found, truncated := search(query)
			assert.Equal(t, []ecpr.Person{jon}, found, query)
			assert.False(t, truncated)
		}
		_, _, err := h.Search(t.Context(), user(doctor), "birthdate:12-12")
		require.Equal(t, ecpr.ErrTooBroad, err)
	})
	t.Run("every number that is found is in the audit log", func(t *testing.T) {
		h.said()
		search("familyname:prøve AND givenname:jon")
		assert.Equal(t, []string{"eCPR/SearchPerson query=familyname:prøve AND givenname:jon hits=1 truncated=false hit-id.0=" + jon.Number.Text()}, h.said())
		search("familyname:hansen")
		assert.Equal(t, []string{"eCPR/SearchPerson query=familyname:hansen hits=0 truncated=false"}, h.said())
	})
	t.Run("PC-30 what is no query", func(t *testing.T) {
		for _, query := range []string{"foo:bar", "givenname:", "(a)", "a:*"} {
			_, _, err := h.Search(t.Context(), user(doctor), query)
			refused(t, err, ecpr.ErrInvalid)
		}
		h.said()
	})
	t.Run("PC-31 who was merged away is not listed, but its name is history of the survivor", func(t *testing.T) {
		h.pass(time.Hour)
		loser := h.person(t, add(ecpr.Name{Family: "Dublet"}))
		h.pass(time.Hour)
		_, err := h.update(t, jon, add(ecpr.Name{Family: "Nyest"}))
		require.NoError(t, err)
		_, err = h.merge(t, jon, loser)
		require.NoError(t, err)
		found, _ := search("familyname:dublet")
		require.Len(t, found, 1)
		assert.Equal(t, jon.ID, found[0].ID)
		assert.Equal(t, []ecpr.Element{ecpr.Name{Text: "Nyest", Family: "Nyest"}}, active(found[0], ecpr.NameKind))
	})
	t.Run("PC-29 150 hits", func(t *testing.T) {
		for range 150 {
			h.person(t, add(ecpr.Name{Family: "Mange"}))
		}
		h.said()
		found, truncated := search("familyname:mange")
		assert.Len(t, found, 100)
		assert.True(t, truncated)
		line := h.said()[0]
		assert.Contains(t, line, " hits=100 truncated=true hit-id.0=")
		assert.Contains(t, line, " hit-id.99=")
		h.SearchMax = 10
		found, truncated = search("familyname:mange")
		assert.Len(t, found, 10)
		assert.True(t, truncated)
	})
	t.Run("the store is down", func(t *testing.T) {
		h.persons.OnRead.FailFrom(1, errSecret)
		defer h.persons.OnRead.Heal()
		_, _, err := h.Search(t.Context(), user(doctor), "familyname:mange")
		require.ErrorIs(t, err, errSecret)
		_, _, err = h.Get(t.Context(), user(doctor), key(jon))
		require.ErrorIs(t, err, errSecret)
		_, _, err = h.ByID(t.Context(), user(doctor), jon.ID)
		require.ErrorIs(t, err, errSecret)
	})
}

func TestGet(t *testing.T) {
	h := newHouse(t)
	p := h.person(t, add(passport("AB1234")))
	h.said()
	get := func(id ecpr.Identifier) bool {
		found, ok, err := h.Get(t.Context(), user(doctor), id)
		require.NoError(t, err)
		if ok {
			assert.Equal(t, p, found)
		}
		return ok
	}
	lower := key(p)
	lower.Value = string([]byte(lower.Value)[:7]) + string([]byte{lower.Value[7] | 0x20}) + lower.Value[8:]
	assert.True(t, get(lower))
	assert.Equal(t, []string{"eCPR/GetPersonById person-id=" + p.Number.Text()}, h.said())
	assert.True(t, get(passport("ab 1234")))
	assert.Equal(t, []string{"eCPR/GetPersonById person-id=" + p.Number.Text() + " linked-id.0=AB1234 linked-id-oid.0=" + ecpr.PassportOID}, h.said())
	assert.False(t, get(passport("XX")))
	assert.Equal(t, []string{"eCPR/GetPersonById linked-id.0=XX linked-id-oid.0=" + ecpr.PassportOID}, h.said())
	for _, id := range []ecpr.Identifier{{OID: "1.2.3", Value: "1"}, {OID: ecpr.XECPROID, Value: "1"}, {}} {
		_, _, err := h.Get(t.Context(), user(doctor), id)
		refused(t, err, ecpr.ErrInvalid)
	}
	_, ok, err := h.ByID(t.Context(), user(doctor), "nobody")
	require.NoError(t, err)
	assert.False(t, ok)
	h.said()
	_, ok, err = h.ByID(t.Context(), user(doctor), p.ID)
	require.NoError(t, err)
	assert.True(t, ok)
	assert.Equal(t, []string{"eCPR/GetPersonById person-id=" + p.Number.Text()}, h.said())
}

func TestOIDs(t *testing.T) {
	h := newHouse(t)
	rows, err := h.OIDs(t.Context())
	require.NoError(t, err)
	assert.Len(t, rows, 11)
	assert.Equal(t, []string{"eCPR/GetOIDs"}, h.said())
	table, err := h.Table(t.Context())
	require.NoError(t, err)
	_, ok := table.Row("1.2.3")
	require.False(t, ok)
	require.NoError(t, h.db.OIDs().PutOID(t.Context(), ecpr.OID{OID: "1.2.3", Label: "L", Type: "T", Pattern: `\d`}))
	table, err = h.Table(t.Context())
	require.NoError(t, err)
	_, ok = table.Row("1.2.3")
	assert.True(t, ok, "a new row counts at once")
	assert.Empty(t, h.said())
}

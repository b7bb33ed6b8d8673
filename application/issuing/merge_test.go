package issuing_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/issuing"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
)

func TestMerge(t *testing.T) {
	t.Run("PC-32 nobody but a coordinator", func(t *testing.T) {
		h := newHouse(t)
		a, b := h.person(t), h.person(t)
		elsewhere, system, citizen, vouched := user(doctor), user(doctor), user(doctor), user(doctor)
		elsewhere.Org.CVR = "99999903"
		system.Kind, citizen.Kind = identity.System, identity.Citizen
		vouched.Vouched = true
		h.coordinator(t, doctor)
		for _, caller := range []identity.Caller{user(secretary), elsewhere, system, citizen, vouched, {}, {Kind: identity.Professional}} {
			_, err := h.Merge(t.Context(), caller, actor(), key(a), key(b))
			require.Equal(t, issuing.ErrNotAuthorised, err)
			_, err = h.MergeByID(t.Context(), caller, actor(), a.ID, b.ID)
			require.Equal(t, issuing.ErrNotAuthorised, err)
		}
		refusedAs(t, issuing.ErrNotAuthorised, fault.Forbidden, "not_authorized")
		_, err := h.Merge(t.Context(), user(doctor), nil, key(a), key(b))
		refused(t, err, ecpr.ErrInvalid)
		assert.Equal(t, a, h.kept(t, a.ID))
	})
	t.Run("PC-32 a coordinator merges", func(t *testing.T) {
		h := newHouse(t)
		h.coordinator(t, doctor)
		a := h.person(t, add(ecpr.Name{Given: "Gammel"}), add(passport("AB1234")))
		h.pass(time.Hour)
		b := h.person(t, add(ecpr.Name{Given: "Ny"}), add(passport("CD5678")), add(ecpr.Contact{Value: "12345678"}))
		h.pass(time.Hour)
		h.said()
		kept, err := h.merge(t, a, b)
		require.NoError(t, err)
		assert.Equal(t, []string{"eCPR/MergePersons modified-by-id=" + doctor + " modified-by-role=Læge" +
			" modified-by-organisation=900011000016001 surviving-id=" + a.Number.Text() + " merged-id=" + b.Number.Text()}, h.said())
		assert.Equal(t, h.kept(t, a.ID), kept, "what is answered is what is kept")
		assert.Equal(t, []ecpr.Element{key(a), passport("AB1234"), passport("CD5678")}, active(kept, ecpr.IdentifierKind))
		assert.Equal(t, []ecpr.Element{ecpr.Name{Text: "Ny", Given: "Ny"}}, active(kept, ecpr.NameKind))

		events := h.events(t)
		require.Len(t, events, 2)
		told := map[string]string{}
		for _, e := range events {
			told[e.Key+" "+e.Advis.ID] = string(e.Advis.Payload)
		}
		assert.Contains(t, told[string(b.ID)+" "+b.Number.Text()], "<Action>Deleted</Action>")
		assert.Contains(t, told[string(a.ID)+" "+a.Number.Text()], "<Action>Updated</Action>")

		for _, id := range []ecpr.Identifier{key(b), key(a), passport("CD5678")} {
			found, ok, err := h.Get(t.Context(), user(doctor), id)
			require.NoError(t, err)
			require.True(t, ok)
			assert.Equal(t, kept, found, "the survivor")
		}
		claimed, err := h.db.Ledger().Claim(t.Context(), b.Number, h.now)
		require.NoError(t, err)
		assert.False(t, claimed, "the loser's number stays in the ledger")
		gone, ok, err := h.ByID(t.Context(), user(doctor), b.ID)
		require.NoError(t, err)
		assert.True(t, ok)
		assert.Equal(t, a.ID, gone.MergedTo)

		next, err := h.update(t, b, add(ecpr.Contact{Value: "87654321"}))
		require.NoError(t, err, "an update of the loser's number is one of the survivor")
		assert.Equal(t, a.ID, next.ID)
		next, err = h.UpdateByID(t.Context(), user(doctor), b.ID, nil, submission(add(ecpr.Male)))
		require.NoError(t, err)
		assert.Equal(t, a.ID, next.ID)
		old := b.Revision
		_, err = h.UpdateByID(t.Context(), user(doctor), b.ID, &old, submission(add(ecpr.Female)))
		require.Equal(t, issuing.ErrStale, err)
	})
	t.Run("PC-33 what cannot be merged", func(t *testing.T) {
		h := newHouse(t)
		h.coordinator(t, doctor)
		a, b, c := h.person(t), h.person(t), h.person(t)
		_, err := h.merge(t, a, a)
		refused(t, err, ecpr.ErrMergeImpossible)
		_, err = h.merge(t, a, b)
		require.NoError(t, err)
		h.events(t)
		for _, pair := range [][2]ecpr.Person{{a, b}, {b, a}, {b, c}, {c, b}} {
			_, err = h.merge(t, pair[0], pair[1])
			assert.Equal(t, b.Number.Text(), refused(t, err, ecpr.ErrMerged).Value, "a key that is merged")
			_, err = h.MergeByID(t.Context(), user(doctor), actor(), pair[0].ID, pair[1].ID)
			refused(t, err, ecpr.ErrMerged)
		}
		_, err = h.update(t, a, link(adult))
		require.NoError(t, err)
		_, err = h.update(t, c, link(doctor))
		require.NoError(t, err)
		h.events(t)
		_, err = h.merge(t, a, c)
		refused(t, err, ecpr.ErrMergeImpossible)
		refusedAs(t, err, fault.Conflict, "ecpr_conflict")
		assert.Empty(t, h.events(t))
	})
	t.Run("a number that nobody has, or an identifier that is none", func(t *testing.T) {
		h := newHouse(t)
		h.coordinator(t, doctor)
		a := h.person(t, add(passport("AB1234")))
		nobody := ecpr.Identifier{OID: ecpr.XECPROID, Value: "1308781QT7"}
		for _, pair := range [][2]ecpr.Identifier{{key(a), nobody}, {nobody, key(a)}} {
			_, err := h.Merge(t.Context(), user(doctor), actor(), pair[0], pair[1])
			refused(t, err, ecpr.ErrPersonUnknown)
		}
		_, err := h.Merge(t.Context(), user(doctor), actor(), key(a), ecpr.Identifier{OID: "1.2.3", Value: "1"})
		assert.Equal(t, "1.2.3", refused(t, err, ecpr.ErrInvalid).OID)
		for _, pair := range [][2]ecpr.PersonID{{a.ID, "x"}, {"x", a.ID}} {
			_, err = h.MergeByID(t.Context(), user(doctor), actor(), pair[0], pair[1])
			refused(t, err, ecpr.ErrPersonUnknown)
		}
		b := h.person(t)
		kept, err := h.Merge(t.Context(), user(doctor), actor(), key(b), passport("ab1234"))
		require.NoError(t, err, "any identifier in force is a key")
		assert.Equal(t, b.ID, kept.ID)
	})
	t.Run("PC-34 a merge between reading and writing: the update is the survivor's", func(t *testing.T) {
		h := newHouse(t)
		h.coordinator(t, doctor)
		a, b := h.person(t), h.person(t)
		h.meanwhile(func() {
			_, err := h.merge(t, a, b)
			require.NoError(t, err)
		})
		next, err := h.update(t, b, add(ecpr.Contact{Value: "12345678"}))
		require.NoError(t, err)
		assert.Equal(t, a.ID, next.ID)
		assert.Equal(t, []ecpr.Element{ecpr.Contact{Value: "12345678"}}, active(h.kept(t, a.ID), ecpr.ContactKind))
	})
	t.Run("PC-34 merges and updates at once lose no element", func(t *testing.T) {
		h := newHouse(t)
		h.coordinator(t, doctor)
		people := []ecpr.Person{h.person(t), h.person(t), h.person(t), h.person(t), h.person(t)}
		var group sync.WaitGroup
		for i, p := range people {
			for j := range 4 {
				group.Go(func() {
					_, err := h.update(t, p, add(ecpr.Contact{Value: fmt.Sprint(i, j)}))
					assert.NoError(t, err)
				})
			}
			if i > 0 {
				group.Go(func() {
					if _, err := h.merge(t, people[i-1], p); err != nil {
						assert.ErrorIs(t, err, ecpr.ErrMerged, "the survivor was merged before")
					}
				})
			}
		}
		group.Wait()
		found := map[ecpr.Element]bool{}
		for _, p := range people {
			if p = h.kept(t, p.ID); p.MergedTo == "" {
				for _, e := range active(p, ecpr.ContactKind) {
					found[e] = true
				}
			}
		}
		assert.Len(t, found, 20)
	})
}

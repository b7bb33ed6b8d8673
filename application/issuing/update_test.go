package issuing_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/issuing"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/notice"
)

func TestUpdate(t *testing.T) {
	jon := ecpr.Name{Family: "Prøve", Given: "Jon Alfa"}
	kept := ecpr.Name{Text: "Jon Alfa Prøve", Family: "Prøve", Given: "Jon Alfa"}
	phone := ecpr.Contact{Value: "12345678"}
	t.Run("PC-13 what is so already: no version, no event", func(t *testing.T) {
		h := newHouse(t)
		p := h.person(t, add(jon), add(ecpr.Male), add(phone), add(passport("AB1234")))
		h.pass(time.Hour)
		next, err := h.update(t, p, add(jon), add(ecpr.Male), add(phone), add(passport("ab 1234")))
		require.NoError(t, err)
		assert.Equal(t, p, next)
		assert.Equal(t, p, h.kept(t, p.ID))
		assert.Empty(t, h.events(t))
	})
	t.Run("PC-14 a name by PID: both are answered", func(t *testing.T) {
		h := newHouse(t)
		p := h.person(t, add(jon))
		old := pid(t, p, kept)
		h.pass(time.Hour)
		h.said()
		next, err := h.update(t, p, change(old, ecpr.Name{Family: "Prøvesen", Given: "Jon Alfa"}))
		require.NoError(t, err)
		require.Len(t, next.Versions, len(p.Versions)+1)
		assert.Equal(t, h.now, next.Versions[1].Valid.To)
		assert.Equal(t, old, next.Versions[1].PID)
		assert.Equal(t, h.now, next.Versions[2].Valid.From)
		assert.NotEqual(t, old, next.Versions[2].PID)
		assert.Equal(t, h.kept(t, p.ID), next, "what is answered is what is kept")
		assert.Equal(t, []string{"eCPR/UpdatePerson modified-by-id=" + doctor + " modified-by-role=Læge modified-by-organisation=900011000016001" +
			" person-id=" + p.Number.Text() + " changed.0=Name"}, h.said())
	})
	t.Run("PC-15 an old PID is a conflict", func(t *testing.T) {
		h := newHouse(t)
		p := h.person(t, add(jon))
		_, err := h.update(t, p, add(ecpr.Name{Given: "Ny"}))
		require.NoError(t, err)
		_, err = h.update(t, p, change(pid(t, p, kept), ecpr.Name{Given: "Anden"}))
		assert.Equal(t, pid(t, p, kept), refused(t, err, ecpr.ErrElementClosed).PID)
	})
	t.Run("PC-15 of many updates of one PID at once, one succeeds", func(t *testing.T) {
		h := newHouse(t)
		p := h.person(t, add(jon))
		var group sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			group.Go(func() { _, errs[i] = h.update(t, p, change(pid(t, p, kept), ecpr.Name{Given: fmt.Sprint("N", i)})) })
		}
		group.Wait()
		good := 0
		for _, err := range errs {
			if err == nil {
				good++
				continue
			}
			refused(t, err, ecpr.ErrElementClosed)
		}
		assert.Equal(t, 1, good)
		assert.Len(t, h.events(t), 1)
	})
	t.Run("PC-15 the PID is closed between reading and writing", func(t *testing.T) {
		h := newHouse(t)
		p := h.person(t, add(jon))
		h.meanwhile(func() {
			_, err := h.update(t, p, add(ecpr.Name{Given: "Først"}))
			require.NoError(t, err)
		})
		_, err := h.update(t, p, change(pid(t, p, kept), ecpr.Name{Given: "Sidst"}))
		refused(t, err, ecpr.ErrElementClosed)
		assert.Len(t, h.events(t), 1)
	})
	t.Run("PC-13 another says the same between reading and writing: one version, one event", func(t *testing.T) {
		h := newHouse(t)
		p := h.person(t)
		var first ecpr.Person
		h.meanwhile(func() {
			var err error
			first, err = h.update(t, p, add(phone))
			require.NoError(t, err)
		})
		next, err := h.update(t, p, add(phone))
		require.NoError(t, err)
		assert.Equal(t, first, next)
		assert.Equal(t, first, h.kept(t, p.ID))
		assert.Len(t, h.events(t), 1)
	})
	t.Run("PC-16 a PID alone closes a contact, not a gender", func(t *testing.T) {
		h := newHouse(t)
		p := h.person(t, add(phone), add(ecpr.Male))
		next, err := h.update(t, p, invalidate(ecpr.ContactKind, pid(t, p, phone)))
		require.NoError(t, err)
		assert.Empty(t, active(next, ecpr.ContactKind))
		assert.Len(t, next.Versions, len(p.Versions), "it stays in the history")
		_, err = h.update(t, p, invalidate(ecpr.GenderKind, pid(t, p, ecpr.Male)))
		refused(t, err, ecpr.ErrInvalid)
	})
	t.Run("PC-17 one bad element of five", func(t *testing.T) {
		h := newHouse(t)
		p := h.person(t)
		_, err := h.update(t, p, add(jon), add(ecpr.Male), add(phone), add(ecpr.Address{City: "Testby"}), add(ecpr.BirthDate("1978-13-08")))
		assert.Equal(t, "1978-13-08", refused(t, err, ecpr.ErrInvalid).Value)
		assert.Equal(t, p, h.kept(t, p.ID))
		assert.Empty(t, h.events(t))
	})
	t.Run("PC-23 another person's passport", func(t *testing.T) {
		h := newHouse(t)
		h.person(t, add(passport("AB1234")))
		p := h.person(t)
		_, err := h.update(t, p, add(phone), add(passport("ab1234")))
		problem := refused(t, err, ecpr.ErrValueExists)
		assert.Equal(t, []string{"AB1234", ecpr.PassportOID}, []string{problem.Value, problem.OID})
		assert.Equal(t, p, h.kept(t, p.ID))
	})
	t.Run("PC-23 of two persons at once, one gets the passport", func(t *testing.T) {
		h := newHouse(t)
		var group sync.WaitGroup
		errs := make([]error, 6)
		for i := range errs {
			p := h.person(t)
			group.Go(func() { _, errs[i] = h.update(t, p, add(passport("AB1234"))) })
		}
		group.Wait()
		good := 0
		for _, err := range errs {
			if err == nil {
				good++
				continue
			}
			assert.Equal(t, "AB1234", refused(t, err, ecpr.ErrValueExists).Value)
		}
		assert.Equal(t, 1, good)
	})
	t.Run("PC-23 one that is not to be seen yet", func(t *testing.T) {
		h := newHouse(t)
		p := h.person(t)
		h.persons.OnUpdate.FailFrom(1, ecpr.ErrValueExists)
		_, err := h.update(t, p, add(passport("AB1234")))
		assert.Equal(t, "AB1234", refused(t, err, ecpr.ErrValueExists).Value)
		_, err = h.update(t, p, add(passport("AB1234")), add(ecpr.Identifier{OID: ecpr.EHICOID, Value: "1"}))
		assert.Empty(t, refused(t, err, ecpr.ErrValueExists).Value, "which one it is cannot be told")
	})
	t.Run("PC-24 a second identifier with one OID", func(t *testing.T) {
		h := newHouse(t)
		p := h.person(t, add(ecpr.Identifier{OID: ecpr.CentralOID, Value: "1308780QT7"}))
		_, err := h.update(t, p, add(ecpr.Identifier{OID: ecpr.CentralOID, Value: "1308780QT9"}))
		assert.Equal(t, ecpr.CentralOID, refused(t, err, ecpr.ErrOIDExists).OID)
	})
	t.Run("PC-25 an X-eCPR is the key alone", func(t *testing.T) {
		h := newHouse(t)
		p, other := h.person(t), h.person(t)
		for _, e := range []ecpr.Edit{add(key(p)), add(key(other)), change(p.Versions[0].PID, passport("1")), invalidate(ecpr.IdentifierKind, p.Versions[0].PID)} {
			_, err := h.update(t, p, e)
			refused(t, err, ecpr.ErrInvalid)
		}
		_, err := h.Update(t.Context(), user(doctor), passport("AB1234"), submission())
		refused(t, err, ecpr.ErrInvalid)
	})
	t.Run("nobody has the number", func(t *testing.T) {
		h := newHouse(t)
		id := ecpr.Identifier{OID: ecpr.XECPROID, Value: "1308781QT7"}
		_, err := h.Update(t.Context(), user(doctor), id, submission(add(jon)))
		problem := refused(t, err, ecpr.ErrPersonUnknown)
		assert.Equal(t, []string{id.Value, id.OID}, []string{problem.Value, problem.OID})
		id.Value = "1403800099"
		_, err = h.Update(t.Context(), user(doctor), id, submission(add(jon)))
		refused(t, err, ecpr.ErrInvalid)
		_, err = h.UpdateByID(t.Context(), user(doctor), "nobody", nil, submission(add(jon)))
		refused(t, err, ecpr.ErrPersonUnknown)
	})
	t.Run("the store is down", func(t *testing.T) {
		h := newHouse(t)
		p := h.person(t)
		h.persons.OnUpdate.FailFrom(1, errSecret)
		_, err := h.update(t, p, add(jon))
		require.ErrorIs(t, err, errSecret)
		h.persons.OnRead.FailFrom(1, errSecret)
		_, err = h.update(t, p, add(jon))
		require.ErrorIs(t, err, errSecret)
		_, ok := fault.Of(err)
		assert.False(t, ok)
	})
	t.Run("by id, of the revision that the caller has seen", func(t *testing.T) {
		h := newHouse(t)
		p := h.person(t)
		revision := p.Revision
		next, err := h.UpdateByID(t.Context(), user(doctor), p.ID, &revision, submission(add(jon)))
		require.NoError(t, err)
		assert.Greater(t, next.Revision, p.Revision)
		_, err = h.UpdateByID(t.Context(), user(doctor), p.ID, &revision, submission(add(phone)))
		require.Equal(t, issuing.ErrStale, err)
		_, err = h.UpdateByID(t.Context(), user(doctor), p.ID, nil, submission(add(phone)))
		require.NoError(t, err)
		revision = h.kept(t, p.ID).Revision
		h.meanwhile(func() {
			_, err := h.update(t, p, add(ecpr.Female))
			require.NoError(t, err)
		})
		_, err = h.UpdateByID(t.Context(), user(doctor), p.ID, &revision, submission(add(passport("1"))))
		require.Equal(t, issuing.ErrStale, err, "also where it changes in between")
	})
}

func TestLink(t *testing.T) {
	linked := func(digits string) ecpr.Element { return ecpr.Identifier{OID: ecpr.CPROID, Value: digits} }
	t.Run("PC-18 the register is asked once, the number stored, NAS told", func(t *testing.T) {
		h := newHouse(t)
		p := h.person(t)
		h.said()
		h.cpr.OnRead.FailFrom(2, errSecret)
		next, err := h.update(t, p, link("140380-0099"))
		require.NoError(t, err)
		assert.Contains(t, active(next, ecpr.IdentifierKind), linked(adult))
		events := h.events(t)
		require.Len(t, events, 1)
		assert.Equal(t, string(p.ID), events[0].Key, "notices of one person come in order")
		assert.Equal(t, notice.NAS, events[0].To)
		assert.Equal(t, []string{topic, p.Number.Text(), "urn:oid:1.2.208.176.1.6.1.1"},
			[]string{events[0].Advis.Topic, events[0].Advis.ID, events[0].Advis.IDType})
		assert.Equal(t, `<PersonIdentifierModification xmlns="`+namespace+`"><Action>Updated</Action></PersonIdentifierModification>`,
			string(events[0].Advis.Payload))
		assert.Contains(t, h.said()[0], " person-id="+p.Number.Text()+" linked-id.0="+adult+" linked-id-oid.0="+ecpr.CPROID+" changed.0=Identifier")
		found, ok, err := h.Get(t.Context(), user(doctor), linked(adult).(ecpr.Identifier))
		require.NoError(t, err)
		assert.True(t, ok)
		assert.Equal(t, next, found)
	})
	t.Run("PC-18 no notice where nobody wants them", func(t *testing.T) {
		h := newHouse(t)
		h.Notify = false
		_, err := h.update(t, h.person(t), link(adult))
		require.NoError(t, err)
		assert.Empty(t, h.events(t))
	})
	for name, digits := range map[string]string{"PC-19 a number that nobody has": absent, "PC-22 a number that was annulled": annulled} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			p := h.person(t)
			_, err := h.update(t, p, link(digits), add(ecpr.Male))
			assert.Equal(t, digits, refused(t, err, ecpr.ErrCPRUnknown).Value)
			refusedAs(t, err, fault.Invalid, "ecpr_cpr_unknown")
			assert.Equal(t, p, h.kept(t, p.ID))
		})
	}
	t.Run("PC-20 the register is down: nothing is stored, but without CPR number all goes on", func(t *testing.T) {
		h := newHouse(t)
		p := h.person(t)
		h.cpr.OnRead.FailFrom(1, errSecret)
		_, err := h.update(t, p, add(ecpr.Male), link(adult))
		down(t, err)
		assert.Equal(t, p, h.kept(t, p.ID))
		_, err = h.update(t, p, add(ecpr.Male), add(passport("1")))
		require.NoError(t, err)
	})
	t.Run("PC-21 a number that was replaced", func(t *testing.T) {
		h := newHouse(t)
		p := h.person(t)
		next, err := h.update(t, p, link(changedNumber))
		require.NoError(t, err)
		assert.Contains(t, active(next, ecpr.IdentifierKind), linked(adult))
		again, err := h.update(t, p, link(changedNumber))
		require.NoError(t, err, "it is the one in force already")
		assert.Equal(t, next, again)
		_, err = h.update(t, h.person(t), link(changedNumber))
		assert.Equal(t, adult, refused(t, err, ecpr.ErrValueExists).Value)
	})
	t.Run("EC-21 the dead are linked", func(t *testing.T) {
		h := newHouse(t)
		_, err := h.update(t, h.person(t), link(dead))
		require.NoError(t, err)
	})
	t.Run("EC-21 numbers that replace each other", func(t *testing.T) {
		chain := []string{"0107800012", "0207800013", "0307800014", "0407800015", "0507800016", "0607800017", "0707800018"}
		for _, c := range []struct {
			name string
			rows []string // number;status;current
			want string
			err  bool
		}{
			{"five steps", []string{"0;60;1", "1;60;2", "2;60;3", "3;60;4", "4;60;5", "5;01;"}, chain[5], false},
			{"six", []string{"0;60;1", "1;60;2", "2;60;3", "3;60;4", "4;60;5", "5;60;6", "6;01;"}, "", true},
			{"a circle", []string{"0;60;1", "1;60;0"}, "", true},
			{"itself", []string{"0;01;0"}, chain[0], false},
		} {
			h := newHouse(t)
			text := "cpr;status;gaeldendeCPR\n"
			for _, row := range c.rows {
				parts := strings.Split(row, ";")
				for _, i := range []int{0, 2} {
					if parts[i] != "" {
						parts[i] = chain[parts[i][0]-'0']
					}
				}
				text += strings.Join(parts, ";") + "\n"
			}
			h.load(t, "cpr-person.delta.csv", text)
			next, err := h.update(t, h.person(t), link(chain[0]))
			if c.err {
				refusedAs(t, err, fault.Unavailable, fault.CodeProcessing)
				assert.NotContains(t, err.Error(), "0780", c.name)
				continue
			}
			require.NoError(t, err, c.name)
			assert.Contains(t, active(next, ecpr.IdentifierKind), linked(c.want), c.name)
		}
	})
	t.Run("EC-21 a number that replaces a linked one, by PID alone", func(t *testing.T) {
		h := newHouse(t)
		p, err := h.update(t, h.person(t), link(dead))
		require.NoError(t, err)
		next, err := h.update(t, p, ecpr.Edit{Kind: ecpr.IdentifierKind, PID: pid(t, p, linked(dead)), Element: ecpr.Identifier{Value: changedNumber}})
		require.NoError(t, err)
		assert.Contains(t, active(next, ecpr.IdentifierKind), linked(adult))
		_, err = h.update(t, p, ecpr.Edit{Kind: ecpr.IdentifierKind, PID: pid(t, next, linked(adult)), Element: ecpr.Identifier{Value: absent}})
		refused(t, err, ecpr.ErrCPRUnknown)
	})
	t.Run("EC-01 a number that cannot be is not looked up", func(t *testing.T) {
		h := newHouse(t)
		h.cpr.OnRead.FailFrom(1, errSecret)
		_, err := h.update(t, h.person(t), link("3102800099"))
		assert.Equal(t, "3102800099", refused(t, err, ecpr.ErrCPRForm).Value)
	})
	t.Run("PC-27 an event for each change, in order", func(t *testing.T) {
		h := newHouse(t)
		p := h.person(t)
		for i := range 3 {
			_, err := h.update(t, p, add(ecpr.Contact{Value: fmt.Sprint(i)}))
			require.NoError(t, err)
			h.pass(time.Second)
		}
		events := h.events(t)
		require.Len(t, events, 3)
		for i, e := range events {
			assert.Equal(t, p.Number.Text(), e.Advis.ID)
			assert.True(t, i == 0 || e.Created.After(events[i-1].Created))
		}
	})
}

package logkeeping_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

// nameRegister passes questions on, and keeps them.
type nameRegister struct {
	ports.PersonNames
	asked [][]minlog.ID
}

func (r *nameRegister) Names(ctx context.Context, ids []minlog.ID, when time.Time) (map[minlog.ID]string, error) {
	r.asked = append(r.asked, ids)
	return r.PersonNames.Names(ctx, ids, when)
}

func TestNames(t *testing.T) {
	f := newFamily(t)
	f.add(t, "m-1",
		access("2026-11-01T08:00:00Z", by(cprID(professional), codeID(code))),
		access("2026-11-01T08:01:00Z", by(cprID(assistant), cprID(professional))), // the assistant's name is protected
		access("2026-11-01T08:02:00Z", by(minlog.ID{Source: minlog.EuropeanHealthProfessional, Value: "DE - 1"}, minlog.ID{})),
		access("2026-11-01T08:03:00Z", by(cprID(professional), codeID("NOONE")), func(e *minlog.Entry) {
			e.PersonName, e.UserName, e.OnBehalfOfName = "Borger", "Bruger", "Ansvarlig"
		}))
	f.consume(t)
	failing := &portstest.FailingPersonNames{Register: f.db.PersonNames()}
	names := &nameRegister{PersonNames: failing}
	f.citizen.Names, f.assistants.Names = names, names
	type named struct {
		user                   minlog.ID
		person, userName, name string
	}
	read := func(page logkeeping.Page) (all []named) {
		for _, g := range page.Groups {
			for _, e := range []minlog.Entry{g.Head, g.Entries[0].Entry} {
				all = append(all, named{e.User, e.PersonName, e.UserName, e.OnBehalfOfName})
			}
		}
		return all
	}
	european := minlog.ID{Source: minlog.EuropeanHealthProfessional, Value: "DE - 1"}
	twice := func(all ...named) (doubled []named) {
		for _, n := range all {
			doubled = append(doubled, n, n)
		}
		return doubled
	}
	t.Run("of everybody whom an entry does not name, in one question", func(t *testing.T) {
		page := own(t, f.house, logkeeping.Inquiry{Chronologic: true})
		assert.Equal(t, twice(named{person: "Cille Citizen", userName: "Peter Professional"},
			named{person: "Cille Citizen", name: "Peter Professional"},
			named{user: european, person: "Cille Citizen"},
			named{person: "Borger", userName: "Bruger", name: "Ansvarlig"}), read(page), "names stay where numbers are masked")
		require.Len(t, names.asked, 1)
		assert.ElementsMatch(t, []minlog.ID{cprID(citizen), cprID(professional), cprID(assistant), codeID(code)}, names.asked[0])
	})
	t.Run("for professionals, with their numbers", func(t *testing.T) {
		page, err := f.assistants.Find(t.Context(), employee(t, professional, code), logkeeping.Inquiry{})
		require.NoError(t, err)
		assert.Equal(t, twice(named{user: cprID(assistant), person: "Cille Citizen", name: "Peter Professional"}), read(page))
	})
	t.Run("of a page alone", func(t *testing.T) {
		names.asked = nil
		own(t, f.house, logkeeping.Inquiry{Chronologic: true, PageSize: size(1)})
		require.Len(t, names.asked, 1)
		assert.ElementsMatch(t, []minlog.ID{cprID(citizen), cprID(professional), codeID(code)}, names.asked[0])
	})
	t.Run("none where there is nothing", func(t *testing.T) {
		names.asked = nil
		own(t, f.house, logkeeping.Inquiry{To: at("2026-10-01T00:00:00Z")})
		assert.Empty(t, names.asked)
	})
	t.Run("left out where the registers do not answer", func(t *testing.T) {
		failing.OnRead.FailFrom(1, errors.New("connection refused"))
		page := own(t, f.house, logkeeping.Inquiry{Chronologic: true})
		assert.Equal(t, twice(named{}, named{}, named{user: european}, named{person: "Borger", userName: "Bruger", name: "Ansvarlig"}), read(page))
		assert.Equal(t, 1, strings.Count(f.log.String(), "names of persons are left out"))
		assert.NotContains(t, f.log.String(), citizen)
	})
}

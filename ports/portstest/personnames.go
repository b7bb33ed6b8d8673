package portstest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
)

// NamedPersons are the registers and the names of one backend.
type NamedPersons interface {
	Stamdata() ports.StamdataLoader
	PersonNames() ports.PersonNames
}

const (
	nameHeader      = "cpr;status;fornavn;mellemnavn;efternavn;gaeldendeCPR;navnebeskyttelsestartdato;navnebeskyttelseslettedato\n"
	authorityHeader = "autorisationsnummer;cpr;fornavn;efternavn;uddannelseskode;validFrom;validTo\n"
)

// nameCase are the registers of one case.
type nameCase struct {
	t     *testing.T
	ctx   context.Context //nolint:containedctx // of one case
	store NamedPersons
}

func namedBy(t *testing.T, open func(*testing.T) NamedPersons) nameCase {
	t.Helper()
	return nameCase{t, bounded(t), open(t)}
}

// load loads a file at hours after noon.
func (n nameCase) load(hours int, name, text string) {
	n.t.Helper()
	_, err := n.store.Stamdata().Load(n.ctx, RegisterFile(n.t, name, text), 1, later(hours))
	require.NoError(n.t, err)
}

func (n nameCase) names(at time.Time, ids ...minlog.ID) map[minlog.ID]string {
	n.t.Helper()
	found, err := n.store.PersonNames().Names(n.ctx, ids, at)
	require.NoError(n.t, err)
	return found
}

func byCPR(digits string) minlog.ID { return minlog.ID{Source: minlog.CPR, Value: digits} }

func byAuthority(number string) minlog.ID {
	return minlog.ID{Source: minlog.Authorisation, Value: number}
}

// PersonNames is the contract of names of persons.
func PersonNames(t *testing.T, open func(*testing.T) NamedPersons) {
	t.Run("the name of a person is that of the current row, in one line", func(t *testing.T) {
		n := namedBy(t, open)
		n.load(0, "cpr-person.csv", nameHeader+man+";01;Ole;;Ældre;;;\n"+girl+";01; Ida  Marie;Prøve;Testesen;;;\n"+boy+";01;;;;;;\n"+mother+";01;Før;;Testlæge;;;\n")
		n.load(1, "cpr-person.delta.csv", nameHeader+mother+";01;Tove;;Testlæge;;;\n")
		assert.Equal(t, map[minlog.ID]string{byCPR(man): "Ole Ældre", byCPR(girl): "Ida Marie Prøve Testesen", byCPR(mother): "Tove Testlæge"},
			n.names(later(0), byCPR(man), byCPR(girl), byCPR(boy), byCPR(mother), byCPR("0909729999"), byCPR(man)))
		n.load(2, "cpr-person.csv", nameHeader+mother+";01;Tove;;Nytnavn;;;\n")
		assert.Equal(t, map[minlog.ID]string{byCPR(mother): "Tove Nytnavn"}, n.names(later(1), byCPR(man), byCPR(mother)), "a row that is closed is not current")
	})

	t.Run("a name is left out while it is protected", func(t *testing.T) {
		n := namedBy(t, open)
		n.load(0, "cpr-person.csv", nameHeader+man+";01;Ole;;Ældre;;2026-11-02;2026-11-04\n"+mother+";01;Tove;;Testlæge;;2026-11-02;\n")
		n.load(1, "autorisation.csv", authorityHeader+"0TST1;"+mother+";Tove;Testlæge;7170;;\n")
		start, end := startOf(t, "2026-11-02"), startOf(t, "2026-11-04")
		all := []minlog.ID{byCPR(man), byCPR(mother), byAuthority("0TST1")}
		for _, c := range []struct {
			at   time.Time
			want []minlog.ID
		}{
			{start.Add(-time.Microsecond), all}, {start, nil}, {end.Add(-time.Microsecond), nil}, {end, all[:1]},
		} {
			var got []minlog.ID
			names := n.names(c.at, all...)
			for _, id := range all {
				if names[id] != "" {
					got = append(got, id)
				}
			}
			assert.Equal(t, c.want, got, "at %s, who is authorised as who is asked for", c.at)
		}
		assert.Empty(t, n.names(start, all[2]), "whoever else is asked for")
	})

	t.Run("a number that was replaced has no name", func(t *testing.T) {
		n := namedBy(t, open)
		n.load(0, "cpr-person.csv", nameHeader+replaced+";60;Ole;;Ældre;"+man+";;\n"+man+";01;Ole;;Ældre;;2020-01-01;\n"+boy+";01;Bo;;Testesen;"+boy+";;\n")
		assert.Equal(t, map[minlog.ID]string{byCPR(boy): "Bo Testesen"}, n.names(later(0), byCPR(replaced), byCPR(man), byCPR(boy)))
	})

	t.Run("an authorisation names who has it while it is valid", func(t *testing.T) {
		n := namedBy(t, open)
		n.load(0, "cpr-person.csv", nameHeader+mother+";01;Tove;Else;Læge;;;\n")
		n.load(1, "autorisation.csv", authorityHeader+
			"0TST1;"+mother+";Tove;Testlæge;7170;2000-01-01;2026-11-02\n"+
			"0TST2;"+mother+";Anden;Sygeplejerske;5166;;\n0TST2;"+mother+";Første;Læge;1111;;2026-11-02\n0TST2;"+mother+";;;0000;;\n"+
			"0TST3;"+secretary+";Ukendt;Person;5166;;\n0TST4;"+mother+";;;5166;;\n")
		first, second, third := byAuthority("0TST1"), byAuthority("0TST2"), byAuthority("0TST3")
		all := []minlog.ID{first, second, third, byAuthority("0TST4"), byAuthority("0TST9"), byAuthority("0tst3")}
		assert.Equal(t, map[minlog.ID]string{first: "Tove Testlæge", second: "Første Læge", third: "Ukendt Person", byAuthority("0tst3"): "Ukendt Person"},
			n.names(startOf(t, "2026-11-02").Add(-time.Microsecond), all...))
		assert.Equal(t, map[minlog.ID]string{second: "Anden Sygeplejerske", third: "Ukendt Person"}, n.names(startOf(t, "2026-11-02"), all[:5]...))
		assert.NotContains(t, n.names(startOf(t, "1999-12-31"), first), first)
		n.load(30, "autorisation.csv", authorityHeader+"0TST3;"+secretary+";Nyt;Navn;5166;;\n")
		assert.Equal(t, map[minlog.ID]string{third: "Nyt Navn"}, n.names(later(30), all[:5]...), "what was closed is not valid from then on")
		assert.Equal(t, "Anden Sygeplejerske", n.names(later(30).Add(-time.Microsecond), second)[second], "but was before")
	})

	t.Run("other registers name nobody", func(t *testing.T) {
		n := namedBy(t, open)
		n.load(0, "cpr-person.csv", nameHeader+man+";01;Ole;;Ældre;;;\n")
		n.load(1, "autorisation.csv", authorityHeader+"0TST1;"+mother+";Tove;Testlæge;7170;;\n")
		assert.Empty(t, n.names(later(2), minlog.ID{Source: minlog.ECPR, Value: man}, minlog.ID{Source: minlog.Authorisation, Value: man}, minlog.ID{},
			minlog.ID{Source: minlog.CPR, Value: "0TST1"}, minlog.ID{Source: minlog.EuropeanHealthProfessional, Value: "0TST1"}, minlog.ID{Source: "cpr", Value: man}))
		assert.Empty(t, n.names(later(2)))
		assert.Equal(t, map[minlog.ID]string{byCPR(man): "Ole Ældre"}, n.names(later(2),
			byCPR(man), byCPR(`","`), byCPR(`}{,"\`), byCPR("' OR 1=1 --"), byAuthority("Ærø\x01"), byAuthority("")), "whatever stands there is text")
	})

	t.Run("10,000 at once, of which some are known", func(t *testing.T) {
		n := namedBy(t, open)
		const half, known = 5_000, 100
		var persons, professionals strings.Builder
		persons.WriteString(nameHeader)
		professionals.WriteString(authorityHeader)
		var ids []minlog.ID
		want := map[minlog.ID]string{}
		for i := range half {
			digits, number := fmt.Sprintf("010101%04d", i), fmt.Sprintf("%05d", i)
			ids = append(ids, byAuthority(number), byCPR(digits))
			if i%(half/known) != half/known-1 { // the last one is known
				continue
			}
			fmt.Fprintf(&persons, "%s;01;Person;;N%d;;;\n", digits, i)
			fmt.Fprintf(&professionals, "%s;%s;Læge;N%d;7170;;\n", number, digits, i)
			want[byAuthority(number)], want[byCPR(digits)] = fmt.Sprintf("Læge N%d", i), fmt.Sprintf("Person N%d", i)
		}
		n.load(0, "cpr-person.csv", persons.String())
		n.load(1, "autorisation.csv", professionals.String())
		got := n.names(later(2), ids...)
		require.Len(t, got, 2*known)
		assert.Equal(t, want, got)
	})

	t.Run("what is returned is the caller's, and a context that ended ends the reading", func(t *testing.T) {
		n := namedBy(t, open)
		n.load(0, "cpr-person.csv", nameHeader+man+";01;Ole;;Ældre;;;\n")
		ids := []minlog.ID{byCPR(man), byAuthority("0TST1"), byCPR(man)}
		got := n.names(later(0), ids...)
		got[ids[0]] = ""
		assert.Equal(t, []minlog.ID{byCPR(man), byAuthority("0TST1"), byCPR(man)}, ids, "ids are left as they are")
		assert.Equal(t, map[minlog.ID]string{byCPR(man): "Ole Ældre"}, n.names(later(0), ids...))
		ended, cancel := context.WithCancel(n.ctx)
		cancel()
		_, err := n.store.PersonNames().Names(ended, ids, later(0))
		require.ErrorIs(t, err, context.Canceled)
	})
}

// FailingPersonNames fails on demand.
type FailingPersonNames struct {
	Register ports.PersonNames
	OnRead   Failure
}

var _ ports.PersonNames = (*FailingPersonNames)(nil)

// Names fails as OnRead says.
func (p *FailingPersonNames) Names(ctx context.Context, ids []minlog.ID, at time.Time) (map[minlog.ID]string, error) {
	if err := p.OnRead.next(); err != nil {
		return nil, err
	}
	return p.Register.Names(ctx, ids, at)
}

package minlogws_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/minlogws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/minlog"
)

// FuzzRegistration: no bulk makes the binder panic; what is wrong outside an entry is a fault, and an accepted entry is stored as it reads back.
func FuzzRegistration(f *testing.F) {
	f.Add(sample(f, "registration-request.xml"))
	f.Add(request(ns2025, entry(strings.Repeat("<Source>", 9)+strings.Repeat("</Source>", 9)+destination())))
	f.Add(request(ns2025, entry(destination("<UserRole>", "<Filter>x</Filter><Filter>x</Filter><UserRole>"))))
	fuzzDrafts(f, minlog.Interface20250312, minlogws.DecodeRegistration)
}

// FuzzRegistration1 is FuzzRegistration for MinLog1.
func FuzzRegistration1(f *testing.F) {
	f.Add(sample(f, "register1-request.xml"))
	f.Add(request1(statement(), statement("<regKode>7</regKode>", "", "medcom:sor", "medcom:other", "TST01", "x"), `<LogEntry/>`))
	f.Add(request1(statement("medcom:sor", "?", "2026-11-01T08:15:00Z", "24:00:00")))
	fuzzDrafts(f, minlog.Interface1, minlogws.DecodeRegistration1)
}

func fuzzDrafts(f *testing.F, version string, decode func(*xmltree.Tree, xmltree.Node, int) ([]minlog.Draft, error)) {
	rules := minlog.Rules{Interface: version, Now: now, FutureTolerance: -1, MaxPeriod: 744 * time.Hour, Cutoff: minlog.Cutoff(now, 2)}
	f.Fuzz(func(t *testing.T, body string) {
		tree, err := xmltree.Parse([]byte(body), xmltree.DefaultLimits(1<<20))
		if err != nil {
			return
		}
		defer tree.Release()
		drafts, err := decode(tree, tree.Root(), 100)
		if err != nil {
			_, ok := fault.Of(err)
			require.True(t, ok, "%v", err)
			return
		}
		require.NotEmpty(t, drafts)
		recorder, err := minlog.NewRecorder(minlog.Registrar{CVR: "33257872"}, now)
		require.NoError(t, err)
		for i := range drafts {
			e, why, ok := rules.Check(&drafts[i])
			if !ok {
				require.NotEmpty(t, why.Code)
				continue
			}
			value, _, err := recorder.AppendRegistration(nil, i, &e)
			require.NoError(t, err)
			read, _, err := minlog.DecodeRecord(value)
			require.NoError(t, err)
			require.Equal(t, e, read.Entry)
		}
	})
}

// FuzzLookup: a lookup is answered or refused, whatever it holds.
func FuzzLookup(f *testing.F) {
	f.Add(sample(f, "citizen-request.xml"))
	f.Add(sample(f, "assistants-request.xml"))
	f.Add(question(`<l:FilterStop field="Activity">y</l:FilterStop><l:PageToken>t</l:PageToken>`))
	fuzzOperations(f, citizenPath, employee(citizen, code))
}

// FuzzPortal is FuzzLookup for MinLog1.
func FuzzPortal(f *testing.F) {
	f.Add(sample(f, "portal-request.xml"))
	f.Add(portalRequest("<fraDato>0001-01-01T00:00:00</fraDato><tilDato>9999-12-31T23:59:59Z</tilDato>"))
	f.Add(strings.Replace(portalRequest(""), citizen, "000000-0000", 1))
	fuzzOperations(f, portal, system())
}

func fuzzOperations(f *testing.F, path string, caller identity.Caller) {
	s := newService(f)
	s.keep(f, stored(id1, "2026-11-01T08:15:00Z"))
	f.Fuzz(func(t *testing.T, body string) {
		tree, err := xmltree.Parse([]byte(body), xmltree.DefaultLimits(1<<20))
		if err != nil {
			return
		}
		defer tree.Release()
		for _, op := range s.operations[path] {
			reply, err := op.Serve(t.Context(), soap.Request{Caller: caller, Tree: tree, Body: tree.Root()})
			if err != nil {
				told, _ := fault.Of(err)
				require.Contains(t, []string{"syntax_error", "not_authorized"}, told.Code)
				continue
			}
			var w xmlout.Writer
			reply(&w)
			answer, err := xmltree.Parse(w.Bytes(), xmltree.DefaultLimits(1<<20))
			require.NoError(t, err)
			answer.Release()
		}
	})
}

package stsws_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/auth/dgws"
	authtrust "github.com/opennsp/nsp/adapters/auth/trust"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
)

// present shows a card to a service of the federation and returns whom it admits.
func present(t *testing.T, card []byte, level int) (identity.Caller, error) {
	t.Helper()
	f, err := federation()
	require.NoError(t, err)
	source, err := authtrust.Open(f.TrustFile())
	require.NoError(t, err)
	message := dgws.Request{
		Created: clock, Card: card, SecurityLevel: level, MessageID: "message-1", Body: func(w *xmlout.Writer) { w.Elem("a", "") },
	}.Bytes()
	tree, err := xmltree.Parse(message, xmltree.DefaultLimits(1<<20))
	require.NoError(t, err)
	header := tree.First(tree.Root())
	verifier := &dgws.Verifier{Trust: source, Now: func() time.Time { return clock }}
	return verifier.Verify(t.Context(), &auth.Message{
		Tree: tree, Header: header, Body: tree.Next(header), Security: tree.Child(header, auth.NSSecurity, "Security"),
	}, admitting.Policy{MinLevel: 3})
}

func TestCardsAtServices(t *testing.T) {
	s := start(t, options{})
	t.Run("SA-02 the card of laege admits a DGWS call", func(t *testing.T) {
		issued, err := s.client().Issue(t.Context(), credential(t, "laege"))
		require.NoError(t, err)
		caller, err := present(t, issued.Assertion, 4)
		require.NoError(t, err)
		assert.Equal(t, identity.Professional, caller.Kind)
		assert.Equal(t, credential(t, "laege").User.CPR, caller.CPR)
		assert.Equal(t, "TST01", caller.AuthorisationCode)
		assert.Equal(t, "7170", caller.EducationCode)
		assert.Equal(t, "99999902", caller.Org.CVR)
		assert.Equal(t, "Test Laege", caller.Name)
		assert.Equal(t, 4, caller.Credential.Level)
	})
	t.Run("SA-02 every other sample's card does too", func(t *testing.T) {
		for name, want := range map[string]identity.Caller{
			"region":        {Kind: identity.System},
			"epj":           {Kind: identity.System},
			"portal":        {Kind: identity.System},
			"sygeplejerske": {Kind: identity.Professional, AuthorisationCode: "TST04", EducationCode: "5166"},
			"sekretaer":     {Kind: identity.Professional},
			"spaerringsadm": {Kind: identity.Professional, NationalRole: "SpaerAdminR8"},
			"administrator": {Kind: identity.Professional, NationalRole: "NspAdministrator"},
		} {
			issued, err := s.client().Issue(t.Context(), credential(t, name))
			require.NoError(t, err, name)
			caller, err := present(t, issued.Assertion, 3)
			require.NoError(t, err, name)
			assert.Equal(t, want, identity.Caller{
				Kind: caller.Kind, AuthorisationCode: caller.AuthorisationCode, EducationCode: caller.EducationCode, NationalRole: caller.NationalRole,
			}, name)
		}
	})
	t.Run("SA-09 a self-signed card admits nobody", func(t *testing.T) {
		request, err := s.client().Request(credential(t, "laege"))
		require.NoError(t, err)
		tree, err := xmltree.Parse(request, xmltree.DefaultLimits(1<<20))
		require.NoError(t, err)
		node, count := tree.ByID(dgws.CardID)
		require.Equal(t, 1, count)
		from, to := tree.Range(node)
		caller, err := present(t, request[from:to], 4)
		assert.Equal(t, identity.Caller{}, caller)
		told, _ := fault.Of(err)
		assert.Equal(t, fault.CodeCertificate, told.Code)
	})
}

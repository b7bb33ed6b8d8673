package fgvhrws_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/fgvhrws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/optingout"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/fgvhr"
)

// TestClient carries out everything there is, over the wire, with a real token and real ID cards.
func TestClient(t *testing.T) {
	s := newService(t)
	ctx, c := t.Context(), number(citizenC)
	self, staff, card := s.client(citizen(citizenC)), s.client(administrator()), s.client(system())
	// shown is the row that counts as who does not administer sees it.
	shown := func(inForce bool) optingout.View {
		head, ok := s.history(t).Head()
		require.True(t, ok)
		head.Replaces, head.Actor = "", fgvhr.Actor{}
		return optingout.View{OptOut: head, InForce: inForce}
	}
	looked := func(client *fgvhrws.Client) optingout.View {
		t.Helper()
		v, there, err := client.Get(ctx, c)
		require.NoError(t, err)
		require.Equal(t, there, v.ID != "")
		return v
	}
	assert.Zero(t, looked(self))

	made, err := self.Register(ctx, c, calendar.Day{})
	require.NoError(t, err)
	assert.Equal(t, shown(false), made)
	assert.Equal(t, shown(false), looked(self))
	assert.Zero(t, looked(card), "it is not in force")

	form := calendar.Day{Year: 2026, Month: 11, Dom: 1}
	s.now = s.now.Add(1500 * time.Microsecond)
	made, err = staff.Update(ctx, c, fgvhr.Change{ID: made.ID, CitizenCreated: form})
	require.NoError(t, err)
	want := shown(false)
	want.Replaces = s.history(t)[0].ID
	assert.Equal(t, want, made)
	assert.Equal(t, form, made.CitizenCreated)
	s.now = s.now.Add(7 * 24 * time.Hour)
	want = shown(true)
	assert.Equal(t, want, looked(self))
	want.CitizenCreated = calendar.Day{}
	assert.Equal(t, want, looked(card))

	require.NoError(t, self.Delete(ctx, c))
	assert.Equal(t, fgvhr.Inactive, looked(self).Status)
	made, err = staff.Register(ctx, c, form)
	require.NoError(t, err)
	assert.Equal(t, s.history(t)[2].ID, made.Replaces, "FA-07")
	form.Dom = 2
	made, err = staff.Update(ctx, c, fgvhr.Change{ID: made.ID, Status: fgvhr.EnteredInError, CitizenCreated: form})
	require.NoError(t, err)
	assert.Equal(t, fgvhr.EnteredInError, made.Status)

	t.Run("faults have their codes", func(t *testing.T) {
		code := func(err error) string {
			var f *soap.Fault
			require.ErrorAs(t, err, &f)
			return f.Code
		}
		assert.Equal(t, "consent_not_found", code(self.Delete(ctx, c)))
		_, err := staff.Update(ctx, c, fgvhr.Change{ID: made.Replaces, Status: fgvhr.EnteredInError})
		assert.Equal(t, "registration_changed", code(err))
		_, err = staff.Update(ctx, c, fgvhr.Change{ID: made.ID})
		assert.Equal(t, "syntax_error", code(err), "nothing to change")
		_, err = self.Register(ctx, c, form)
		assert.Equal(t, "invalid_date", code(err))
		v, there, err := self.Get(ctx, number(citizenB))
		assert.Equal(t, "not_authorized", code(err))
		assert.Zero(t, v)
		assert.False(t, there)
	})
}

// answering is a client that is answered with a document.
func answering(document string) *fgvhrws.Client {
	return &fgvhrws.Client{Send: func(_ context.Context, _ string, body func(*xmlout.Writer)) (*soap.Response, error) {
		body(&xmlout.Writer{})
		tree, err := xmltree.Parse([]byte(document), xmltree.DefaultLimits(1<<20))
		if err != nil {
			return nil, err
		}
		return &soap.Response{Tree: tree, Root: tree.Root(), Body: tree.Root()}, nil
	}}
}

// TestClientUnexpectedAnswers: an answer that is not what the contract says is none.
func TestClientUnexpectedAnswers(t *testing.T) {
	good := sample(t, "get-in-force-response")
	ask := func(document string) (optingout.View, bool, error) {
		return answering(document).Get(t.Context(), number(citizenC))
	}
	v, there, err := ask(good)
	require.NoError(t, err)
	require.True(t, there && v.InForce)
	for name, oldnew := range map[string][2]string{
		"another citizen's":         {citizenC, citizenB},
		"nobody's":                  {citizenC, "x"},
		"an X-eCPR":                 {`"CPR"`, `"eCPR"`},
		"another operation's":       {"GetConsent", "UpdateConsent"},
		"another namespace's":       {"2023/06/01", "2023/06/02"},
		"a status that is none":     {"ACTIVE", "active"},
		"an instant without zone":   {"2026-11-28T22:05:10Z", "2026-11-28T22:05:10"},
		"an instant that is none":   {"2026-11-28T22:05:10Z", "2026-11-28"},
		"inForce that is none":      {`"true"`, `"yes"`},
		"an id that is none":        {sampleID, "1"},
		"without inForce":           {`<f:inForce value="true"></f:inForce>`, ""},
		"without createdDate":       {`<f:createdDate value="2026-11-21T22:05:10Z"></f:createdDate>`, ""},
		"a day of a form that is x": {"<f:validFrom", `<f:citizenCreatedDate value="x"/><f:validFrom`},
		"more":                      {"</f:consent>", "</f:consent><f:consent/>"},
	} {
		t.Run(name, func(t *testing.T) {
			document := strings.ReplaceAll(good, oldnew[0], oldnew[1])
			require.NotEqual(t, good, document)
			v, there, err := ask(document)
			require.ErrorIs(t, err, fgvhrws.ErrAnswer)
			assert.Zero(t, v)
			assert.False(t, there)
			assert.NotRegexp(t, `\d{10}`, err.Error())
		})
	}
	_, err = answering(sample(t, "get-none-response")).Register(t.Context(), number(citizenC), calendar.Day{})
	require.ErrorIs(t, err, fgvhrws.ErrAnswer)
	_, err = answering(strings.ReplaceAll(sample(t, "get-none-response"), "Get", "Register")).Register(t.Context(), number(citizenC), calendar.Day{})
	require.ErrorIs(t, err, fgvhrws.ErrAnswer, "a registration without opt-out")
	require.ErrorIs(t, answering(good).Delete(t.Context(), number(citizenC)), fgvhrws.ErrAnswer)
	require.ErrorIs(t, answering(strings.ReplaceAll(good, "Get", "Delete")).Delete(t.Context(), number(citizenC)), fgvhrws.ErrAnswer)

	down := errors.New("down")
	c := fgvhrws.Client{Send: func(context.Context, string, func(*xmlout.Writer)) (*soap.Response, error) { return nil, down }}
	assert.Equal(t, down, c.Delete(t.Context(), number(citizenC)))
}

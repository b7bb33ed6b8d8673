package rest_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/rest"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/optingout"
	"github.com/opennsp/nsp/application/willkeeping"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fgvhr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/domain/will"
	"github.com/opennsp/nsp/ports"
)

const (
	pathExistence     = "/api/wills/v1/existence"
	pathTreatmentWill = "/api/wills/v1/treatment-will"
	pathUpgrade       = "/api/wills/v1/treatment-will/upgrade"
	pathLivingWill    = "/api/wills/v1/living-will"
	pathOptOut        = "/api/fgvhr/v1/opt-out"

	// The people of the cases: of 47 and of 76 years, of 17, and one who is dead.
	grown, old, minor, gone = "0501792275", "0108501234", "2211084444", "2508480706"

	adminRole, dentist = "WillAdmin", "5433"

	// Wills, as they are sent.
	wishes = `{"ifDying":{"declined":true},"ifSeverelyDegraded":{"declined":true,"needs":"relative"},` +
		`"ifSeverePain":{"declined":false},"noForcedTreatment":{"declined":true,"needs":"guardian"}}`
	fewWishes = `{"ifDying":{"declined":true},"ifSeverelyDegraded":{"declined":false}}`
)

// looks is MinLog, as wills and opt-outs tell it of looks.
type looks struct {
	err        error
	activities []string
}

func (l *looks) Log(ctx context.Context, entries ...minlog.Entry) error {
	if ports.Written(ctx) {
		return ports.ErrLateLog
	}
	for _, e := range entries {
		if l.err == nil {
			l.activities = append(l.activities, e.Activity)
		}
	}
	return l.err
}

// seen are the activities since it was asked last.
func (l *looks) seen() []string {
	all := l.activities
	l.activities = nil
	return all
}

// wills and fgvhr are the services on the stores of the house, whose register of living wills was never closed.
func (h *house) wills() *rest.Wills {
	return &rest.Wills{
		Keeper: &willkeeping.Keeper{
			Store: &h.willStore, Citizens: &h.register, Aliases: h.db.Aliases(), Access: &h.looks, Trail: admitting.Trail{}, Granted: h.grants.Has,
			Now: func() time.Time { return h.now }, NewID: uuid.NewString, Rules: will.Rules{MinAge: 18, Active: []string{"01"}, AdminUpdate: true},
			AdminRoles: []string{adminRole}, DentistEducations: []string{dentist}, LogEmptyReads: true, MinLogTimeout: time.Minute,
			Topics: willkeeping.DefaultTopics(),
		},
		Audiences: []string{audience},
	}
}

func (h *house) fgvhr() *rest.FGVHR {
	return &rest.FGVHR{
		Registrar: &optingout.Registrar{
			Store: &h.optOuts, Citizens: &h.register, Aliases: h.db.Aliases(), Access: &h.looks, Trail: admitting.Trail{}, Granted: h.grants.Has,
			Now: func() time.Time { return h.now }, NewID: uuid.NewString, Rules: fgvhr.Rules{MinAge: 60, WaitDays: 7, Active: []string{"01"}},
			AdminRoles: []string{adminRole}, MinLogTimeout: time.Minute, Topic: optingout.DefaultTopic(),
		},
		Audiences: []string{audience},
	}
}

// startWills is a server that knows the people of the cases, and an organisation whose systems may ask.
func startWills(t *testing.T, change ...func(*house)) *house {
	t.Helper()
	h := start(t, change...)
	h.load(t, "cpr-person.csv", "cpr;status;foedselsdato", grown+";01;1979-01-05", old+";01;1950-08-01", minor+";01;2008-11-22", gone+";90;1948-08-25")
	require.NoError(t, h.db.Grants().Update(t.Context(), func(all []trust.Grant) ([]trust.Grant, error) {
		for i, name := range []string{willkeeping.GrantHas, optingout.GrantRead} {
			all = append(all, trust.Grant{ID: string(rune('a' + i)), Name: name, CVR: verifierCVR})
		}
		return all, nil
	}))
	require.NoError(t, h.grants.Refresh(t.Context()))
	return h
}

// administrator keeps the registers of wills and opt-outs.
func administrator(t *testing.T) identity.Caller {
	t.Helper()
	c := employee(t, helper, "")
	c.NationalRole, c.Org.Name = adminRole, "Sundhedsdatastyrelsen"
	return c
}

// asAdmin are the headers of an administrator's call about the citizen.
func asAdmin(citizen string) []string { return append(of(citizen), "Surface", "admin") }

// made registers with the token at the path, and returns the entity tag.
func (h *house) made(t *testing.T, token, path, body string, headers ...string) (tag string) {
	t.Helper()
	a := h.sendJSON(t, token, http.MethodPost, path, body, headers...)
	require.Equal(t, http.StatusCreated, a.Code, "%s", a.Body)
	return a.Header().Get("ETag")
}

// willsOf is the citizen's history.
func (h *house) willsOf(t *testing.T, citizen string) will.History {
	t.Helper()
	all, err := h.db.Wills().History(t.Context(), []cpr.Number{person(t, citizen).CPR})
	require.NoError(t, err)
	return all
}

// advised are the topics that NAS is told on since it was asked last.
func (h *house) advised(t *testing.T) (topics []string) {
	t.Helper()
	for {
		due, err := h.db.Outbox().Next(t.Context(), notice.NAS, h.now.Add(time.Hour), 100)
		require.NoError(t, err)
		if len(due) == 0 {
			return topics
		}
		for _, n := range due {
			require.NoError(t, h.db.Outbox().Done(t.Context(), n.ID, h.now))
			topics = append(topics, n.Advis.Topic)
		}
	}
}

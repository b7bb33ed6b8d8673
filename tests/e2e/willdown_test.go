package e2e

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/will"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
	"github.com/opennsp/nsp/tests/nsptest"
)

var errAway = errors.New("away")

// aliases can be down.
type aliases struct {
	ports.Aliases
	gone bool
}

func (a *aliases) Of(ctx context.Context, n cpr.Number) ([]cpr.Number, []ecpr.Number, error) {
	if a.gone {
		return nil, nil, errAway
	}
	return a.Aliases.Of(ctx, n)
}

// accesses hangs when it is told to, until the end of the caller's patience, which tests do not wait for: it is by the clock on the wall.
type accesses struct {
	*portstest.FailingAccessLog
	hangs bool
	ids   map[string]int // sequence numbers, by how often they came
}

func (a *accesses) Log(ctx context.Context, entries ...minlog.Entry) error {
	for _, e := range entries {
		a.ids[e.SequenceNumber]++
	}
	if a.hangs {
		if until, _ := ctx.Deadline(); until.IsZero() || time.Until(until) > minLogPatience {
			return nil // it would be waited for as long as for the whole call
		}
		return context.DeadlineExceeded
	}
	return a.FailingAccessLog.Log(ctx, entries...)
}

// TestWillsDown takes away, one by one, what wills depend on.
func TestWillsDown(t *testing.T) {
	log, register, others := &accesses{}, &portstest.FailingCPRRegister{}, &aliases{}
	messages := &portstest.FailingMessageLog{}
	o := nsptest.Options{
		Access: func(l ports.AccessLog) ports.AccessLog {
			*log = accesses{FailingAccessLog: &portstest.FailingAccessLog{Access: l}, ids: map[string]int{}}
			return log
		},
		Register:   func(r ports.CPRRegister) ports.CPRRegister { register.Register = r; return register },
		Aliases:    func(a ports.Aliases) ports.Aliases { *others = aliases{Aliases: a}; return others },
		MessageLog: func(l ports.MessageLog) ports.MessageLog { messages.Log = l; return messages },
	}
	registrars(t, o, func(t *testing.T, r *registrar) {
		long := time.Date(2018, 6, 1, 10, 0, 0, 0, time.UTC)

		t.Run("WA-29 MinLog is down", func(t *testing.T) {
			c, other := r.adult(), r.adult()
			ok(t, btr.asks(t, r.citizen(c), "Create", c, btr.plain()))
			r.advised(t, c, 1)
			log.OnLog.FailFrom(1, errAway)
			fails(t, "minlog_unavailable", btr.asks(t, r.doctor(), "Get", c))
			fails(t, "minlog_unavailable", btr.asks(t, r.doctor(), "Has", c))
			fails(t, "minlog_unavailable", btr.asks(t, r.doctor(), "Has", other))
			fails(t, "minlog_unavailable", btr.asks(t, r.citizen(c), "Delete", c))
			fails(t, "minlog_unavailable", btr.asks(t, r.citizen(other), "Create", other, btr.plain()))
			log.OnLog.Heal()
			assert.Len(t, r.history(t, c), 1)
			assert.Equal(t, 1, openOf(r.history(t, c)))
			assert.Empty(t, r.history(t, other))
			ok(t, btr.asks(t, r.citizen(other), "Create", other, btr.plain()))
			r.advised(t, other, 1)
			assert.Len(t, r.about(c), 1, "nobody was told of what did not happen")
		})

		t.Run("the store is down", func(t *testing.T) {
			c, other := r.adult(), r.adult()
			ok(t, btr.asks(t, r.citizen(c), "Create", c, btr.plain()))
			before, store := len(r.history(t, c)), r.failingWills
			store.OnRead.FailFrom(1, errAway)
			for _, op := range []string{"Get", "Has", "GetForced"} {
				fails(t, "processing_problem", btr.asks(t, r.doctor(), op, c))
			}
			fails(t, "processing_problem", btr.asks(t, r.citizen(c), "Delete", c))
			store.OnRead.Heal()
			store.OnUpdate.FailFrom(1, errAway)
			fails(t, "processing_problem", btr.asks(t, r.citizen(c), "Delete", c))
			fails(t, "processing_problem", btr.asks(t, r.citizen(other), "Create", other, btr.plain()))
			store.OnUpdate.Heal()
			assert.Len(t, r.history(t, c), before)
			assert.Equal(t, 1, openOf(r.history(t, c)))
			assert.Empty(t, r.history(t, other))
			ok(t, btr.asks(t, r.citizen(c), "Delete", c))
			r.advised(t, c, 2)
			assert.Empty(t, r.about(other), "nobody was told of what did not happen")
		})

		t.Run("AC-42 the message log is down", func(t *testing.T) {
			c := r.adult()
			ok(t, btr.asks(t, r.citizen(c), "Create", c, btr.plain()))
			messages.OnAppend.FailFrom(1, errAway)
			for _, op := range []string{"Get", "Has", "GetForced"} {
				a := btr.asks(t, r.doctor(), op, c)
				fails(t, "minlog_unavailable", a)
				assert.NotContains(t, string(a.Body), "true")
			}
			messages.OnAppend.Heal()
			ok(t, btr.asks(t, r.doctor(), "Get", c))
		})

		t.Run("WA-30 MinLog takes too long, and the message comes again", func(t *testing.T) {
			c := r.adult()
			card := r.As(r.UserCard(admin, "").With("medcom:UserRole", "WillAdmin"))
			_, body := btr.message("Create", c, btr.plain())
			message := card.Message(nsptest.NewMessageID(), body)
			log.ids, log.hangs = map[string]int{}, true
			a := r.Post(t, btrAdminPath, message)
			log.hangs = false
			fails(t, "minlog_unavailable", a)
			assert.Empty(t, r.history(t, c))
			ok(t, r.Post(t, btrAdminPath, message))
			ok(t, r.Post(t, btrAdminPath, message)) // and once more: the answer is given again
			assert.Len(t, r.history(t, c), 1)
			assert.Len(t, log.ids, 2, "one entry for each call that was carried out")
			for _, times := range log.ids {
				assert.Equal(t, 1, times)
			}
		})

		t.Run("WA-35 the CPR register is down", func(t *testing.T) {
			c, other := r.adult(), r.adult()
			ok(t, btr.asks(t, r.citizen(c), "Create", c, btr.plain()))
			register.OnRead.FailFrom(1, errAway)
			defer register.OnRead.Heal()
			fails(t, "processing_problem", btr.asks(t, r.citizen(other), "Create", other, btr.plain()))
			fails(t, "processing_problem", btr.asks(t, r.citizen(c), "Update", c, btr.plain()))
			assert.Empty(t, r.history(t, other))
			ok(t, btr.asks(t, r.doctor(), "Get", c))
			ok(t, btr.asks(t, r.citizen(c), "Delete", c))
		})

		t.Run("WA-41 nobody knows other numbers", func(t *testing.T) {
			now := adultNo(99)
			then := now[:6] + "0999"
			r.keeps(t, then, will.BTR, long)
			others.gone = true
			defer func() { others.gone = false }()
			assert.Equal(t, []string{"false"}, ok(t, btr.asks(t, r.doctor(), "Has", now)).All(t, "willExists"))
			lines := r.AuditLines(t)
			assert.Contains(t, lines[len(lines)-1], `"key":"aliases","type":"NPI","value":"unavailable"`)
			fails(t, "processing_problem", btr.asks(t, r.citizen(now), "Create", now, btr.plain()))
			ok(t, btr.asks(t, r.citizen(then), "Delete", then))
		})

		t.Run("WA-31 notifications are down", func(t *testing.T) {
			c := r.adult()
			r.noticed.set(true)
			ok(t, btr.asks(t, r.citizen(c), "Create", c, btr.plain()))
			r.Clock.Advance(time.Second)
			assert.Empty(t, r.about(c))
			r.noticed.set(false)
			n := r.advised(t, c, 1)[0]
			assert.Equal(t, "http://sundhedsdatastyrelsen.dk/behandlingstestamente/2018/05/01/:TreatmentWillUpdated", n.Topic)
			assert.Equal(t, "http://nsi.dk/advis/v10/CPR", n.IDType)
			date := r.history(t, c)[0].From.Add(time.Hour).Format(time.DateOnly)
			assert.Equal(t, `<t:TreatmentWillUpdated xmlns:t="http://sundhedsdatastyrelsen.dk/behandlingstestamente/2022/08/01/">`+
				`<t:type>http://sundhedsdatastyrelsen.dk/MessageDefinition/Treatmentwill-notification</t:type><t:date>`+date+
				`</t:date><t:version>1</t:version></t:TreatmentWillUpdated>`, string(n.Payload))
		})
	})
}

// TestWillsRestart stops a server between a change and its notification.
func TestWillsRestart(t *testing.T) {
	away := &notifier{down: true}
	o := nsptest.Options{Store: "sqlite", Registers: townsfolk(), Notifier: away, Set: map[string]string{"outbox.poll": "20ms"}}
	r := &registrar{}
	o.Wills = func(s ports.WillStore) ports.WillStore { r.wills = s; return s }
	s := nsptest.Start(t, o)
	r.Server = s
	c := r.adult()
	ok(t, btr.asks(t, r.citizen(c), "Create", c, btr.plain()))
	s.Stop()
	t.Run("WA-32 what was not told is told after the start", func(t *testing.T) {
		there := &notifier{}
		o.Notifier = there
		r.Server, r.noticed = nsptest.StartIn(t, s.Dir, o), there
		r.Clock.Advance(time.Minute)
		r.advised(t, c, 1)
	})
}

// TestWillsJSON has the JSON API and SOAP tell of the same will.
func TestWillsJSON(t *testing.T) {
	registrars(t, nsptest.Options{}, func(t *testing.T, r *registrar) {
		const api = "/api/wills/v1/treatment-will"
		c := r.adult()
		client := r.Citizen(c).For(fskAudience).Session(t)
		type wish struct {
			Declined bool   `json:"declined"`
			Needs    string `json:"needs,omitempty"`
		}
		made := client.Do(t, http.MethodPost, api, map[string]wish{
			"ifDying": {Declined: true}, "ifSeverelyDegraded": {true, "relative"}, "ifSeverePain": {}, "noForcedTreatment": {true, "guardian"},
		}, nil)
		require.Equal(t, http.StatusCreated, made.StatusCode)
		t.Run("WA-39 a will made in JSON", func(t *testing.T) {
			assert.Contains(t, string(ok(t, btr.asks(t, r.doctor(), "Get", c)).Body), `<h:value xsi:type="w:TreatmentWillV2">`+btr.plain()+`</h:value>`)
			var existence map[string]bool
			require.Equal(t, http.StatusOK, client.Do(t, http.MethodGet, "/api/wills/v1/existence", nil, &existence).StatusCode)
			assert.Equal(t, map[string]bool{"livingWill": false, "treatmentWill": true}, existence)
		})
		t.Run("WA-39 a change of an older one", func(t *testing.T) {
			tag := made.Header.Get("ETag")
			require.NotEmpty(t, tag)
			wishes := map[string]wish{"ifDying": {}, "ifSeverelyDegraded": {Declined: true}, "ifSeverePain": {}, "noForcedTreatment": {}}
			require.Equal(t, http.StatusOK, client.Saying("If-Match", tag).Do(t, http.MethodPut, api, wishes, nil).StatusCode)
			require.Equal(t, http.StatusPreconditionFailed, client.Saying("If-Match", tag).Do(t, http.MethodPut, api, wishes, nil).StatusCode)
			require.Equal(t, http.StatusPreconditionFailed, client.Saying("If-Match", tag).Do(t, http.MethodDelete, api, nil, nil).StatusCode)
			assert.Len(t, r.history(t, c), 2)
			require.Equal(t, http.StatusNoContent, client.Do(t, http.MethodDelete, api, nil, nil).StatusCode)
		})
	})
}

package minlogws_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/minlogws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
)

// logged is an access that one of our services registers.
func logged() minlog.Entry {
	return minlog.Entry{
		System: "MinLog", Activity: "Opslag i MinLog", From: now, To: now, Person: minlog.ID{Source: minlog.CPR, Value: citizen},
		User: minlog.ID{Source: minlog.CPR, Value: professional}, SequenceNumber: "7",
	}
}

func rulesOfNow() minlog.Rules {
	return minlog.Rules{Now: now, FutureTolerance: 5 * time.Minute, MaxPeriod: 744 * time.Hour, Cutoff: minlog.Cutoff(now, 2)}
}

// answering is the access log at a server that answers so.
func answering(t *testing.T, status int, body string) *minlogws.AccessLog {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, err := w.Write([]byte(envelope("m-9", body)))
		assert.NoError(t, err)
	}))
	t.Cleanup(server.Close)
	return &minlogws.AccessLog{Rules: rulesOfNow, Client: &minlogws.Client{
		Send: func(ctx context.Context, action string, body func(*xmlout.Writer)) (*soap.Response, error) {
			var w xmlout.Writer
			body(&w)
			c := soap.Client{URL: server.URL}
			return c.Call(ctx, action, []byte(envelope("m-1", string(w.Bytes()))))
		},
	}}
}

const (
	one  = `<NumberAdded>1</NumberAdded><NumberFailed>0</NumberFailed>`
	none = `<NumberAdded>0</NumberAdded><NumberFailed>1</NumberFailed>`
)

func answered(content string) string {
	return `<r:RegistrationResponse xmlns:r="` + ns2025 + `">` + content + `</r:RegistrationResponse>`
}

// answeredRefusal is the answer to an entry that is refused with a code.
func answeredRefusal(code string) string {
	return answered(`<FailedLogDataEntries><FaultCode>` + code + `</FaultCode><FaultText>` + citizen + `</FaultText></FailedLogDataEntries>` + none)
}

func answeredFault(code string) string {
	return `<soap:Fault><faultcode>soap:Server</faultcode><faultstring>not for ` + citizen + `</faultstring><detail><medcom:FaultCode>` + code +
		`</medcom:FaultCode></detail></soap:Fault>`
}

func TestAccessLogAnswers(t *testing.T) {
	for _, c := range []struct {
		name    string
		status  int
		body    string
		refused string // code; "" = an error that is no refusal, and ends in want
		want    string
	}{
		{name: "a refused entry", status: 200, body: answeredRefusal("value_too_long"), refused: "value_too_long"},
		{name: "a refused entry, without a code that is one", status: 200, body: answeredRefusal(citizen), refused: "refused"},
		{name: "a refused entry, without a code", status: 200, body: answeredRefusal(""), refused: "refused"},
		{name: "fewer are registered", status: 200, body: answered(`<NumberAdded>0</NumberAdded><NumberFailed>0</NumberFailed>`), want: "unexpected answer"},
		{name: "one is said to be refused, and not which", status: 200, body: answered(`<NumberAdded>1</NumberAdded><NumberFailed>1</NumberFailed>`),
			want: "unexpected answer"},
		{name: "no numbers", status: 200, body: answered(`<NumberAdded>` + citizen + `x</NumberAdded>`), want: "unexpected answer"},
		{name: "another answer", status: 200, body: `<other xmlns="urn:x">` + citizen + `</other>`, want: "unexpected answer"},
		{name: "the system may not", status: 500, body: answeredFault("not_authorized"), want: "the fault not_authorized, HTTP status 500"},
		{name: "the card is old", status: 500, body: answeredFault("expired_idcard"), want: "the fault expired_idcard, HTTP status 500"},
		{name: "too many at once for the other server", status: 500, body: answeredFault("too_many_entries"), want: "the fault too_many_entries, HTTP status 500"},
		{name: "a message that cannot be read", status: 500, body: answeredFault("syntax_error"), want: "the fault syntax_error, HTTP status 500"},
		{name: "a fault whose code is none", status: 500, body: answeredFault(citizen), want: "the fault refused, HTTP status 500"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := answering(t, c.status, c.body).Log(t.Context(), logged())
			if c.refused != "" {
				assert.Equal(t, minlog.Refusal{Code: c.refused}, err)
				return
			}
			require.Error(t, err)
			require.NotErrorIs(t, err, minlog.ErrRefused)
			assert.True(t, fault.Is(err, fault.Unavailable), "%v", err)
			assert.Contains(t, err.Error(), c.want)
			assert.NotContains(t, err.Error(), citizen)
		})
	}

	t.Run("one that is registered", func(t *testing.T) {
		require.NoError(t, answering(t, http.StatusOK, answered(one)).Log(t.Context(), logged()))
	})
}

func TestAccessLogOutside(t *testing.T) {
	silent := &minlogws.AccessLog{Rules: rulesOfNow, Client: &minlogws.Client{
		Send: func(ctx context.Context, _ string, _ func(*xmlout.Writer)) (*soap.Response, error) {
			if ports.Unit(ctx, t) != nil {
				return nil, errors.New("the caller's unit of work was taken along")
			}
			<-ctx.Done()
			return nil, ctx.Err()
		},
	}}

	t.Run("a server that never answers is given up", func(t *testing.T) {
		log := *silent
		log.Timeout = time.Millisecond
		err := log.Log(ports.WithUnit(t.Context(), t, 1, func() bool { return false }), logged())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.True(t, fault.Is(err, fault.Unavailable), "%v", err)
		assert.NotErrorIs(t, err, minlog.ErrRefused)
	})

	t.Run("what our rules refuse, and what comes late, is not sent", func(t *testing.T) {
		log := *silent
		log.Client = nil
		bad := logged()
		bad.To = now.Add(time.Hour)
		assert.Equal(t, minlog.Refusal{Code: minlog.CodeFuture}, log.Log(t.Context(), logged(), bad))
		assert.Equal(t, ports.ErrLateLog, log.Log(ports.WithUnit(t.Context(), t, 1, func() bool { return true }), logged()))
	})
}

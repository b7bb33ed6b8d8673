package crash

import (
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/tests/child"
	"github.com/opennsp/nsp/tests/kafkatest"
	"github.com/opennsp/nsp/tests/tcpproxy"
)

// TestServersAway takes the broker and the database away under load, in every way they may go, and gives them back. While the broker is away
// registrations are refused; while the database is, they are taken. The processes tell, and go on by themselves.
func TestServersAway(t *testing.T) {
	t.Parallel()
	skipIfShort(t)
	const writers = 8
	port, err := child.FreePort()
	require.NoError(t, err)
	toBroker, err := tcpproxy.New(net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	require.NoError(t, err)
	t.Cleanup(toBroker.Close)
	var toDatabase *tcpproxy.Proxy
	c := newCluster(t, 1, kafkatest.Options{Port: port, Advertised: toBroker.Addr()}, func(dsn string) string {
		for _, part := range strings.FieldsFunc(dsn, func(r rune) bool { return r == '@' || r == '/' }) {
			if strings.HasPrefix(part, "127.0.0.1:") {
				toDatabase, err = tcpproxy.New(part)
				require.NoError(t, err)
				t.Cleanup(toDatabase.Close)
				dsn = strings.Replace(dsn, part, toDatabase.Addr(), 1)
			}
		}
		return dsn
	})
	front, consumer := c.fronts[0].URL+"/minlog2-registration/status", c.lookup.URL+"/minlog2-lookup/status"
	all := newLedger()
	ctx, stop := context.WithCancel(t.Context())
	var registering sync.WaitGroup
	defer registering.Wait()
	defer stop()
	clients := c.clients(t)
	for range writers {
		registering.Go(func() { all.register(ctx, 1, clients...) })
	}
	all.atLeast(t, 20, acknowledged, "before")
	for _, away := range []struct {
		name       string
		take, give func(t *testing.T)
		wanted     fate // of registrations meanwhile
		status     string
		tells      string
	}{
		{
			"broker unreachable", func(*testing.T) { toBroker.Cut() }, func(t *testing.T) { require.NoError(t, toBroker.Heal()) },
			refused, front, "Message log",
		},
		{
			"broker silent", func(*testing.T) { toBroker.Stall() }, func(t *testing.T) { require.NoError(t, toBroker.Heal()) },
			refused, front, "Message log",
		},
		{
			"broker killed", func(*testing.T) { c.broker.Kill() }, func(t *testing.T) { require.NoError(t, c.broker.Restart(t.Context())) },
			refused, front, "Message log",
		},
		{
			"database unreachable", func(*testing.T) { toDatabase.Cut() }, func(t *testing.T) { require.NoError(t, toDatabase.Heal()) },
			acknowledged, consumer, "Database",
		},
		{
			"database silent", func(*testing.T) { toDatabase.Stall() }, func(t *testing.T) { require.NoError(t, toDatabase.Heal()) },
			acknowledged, consumer, "Database",
		},
	} {
		t.Run("OC-21 "+away.name, func(t *testing.T) {
			awaitStatus(t, away.status, http.StatusOK, "OK")
			away.take(t)
			all.atLeast(t, 5, away.wanted, "while away")
			awaitStatus(t, away.status, http.StatusInternalServerError, away.tells+" : ERROR")
			away.give(t)
			all.atLeast(t, 20, acknowledged, "after it came back")
			awaitStatus(t, away.status, http.StatusOK, away.tells+" : OK")
		})
	}
	stop()
	registering.Wait()
	all.verify(t, c.settle(t))
}

// awaitStatus polls a health page until it answers with the code and holds the text.
func awaitStatus(t *testing.T, url string, code int, text string) {
	t.Helper()
	var status, page string
	good := assert.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			page = err.Error()
			return false
		}
		defer resp.Body.Close()
		content, _ := io.ReadAll(resp.Body)
		status, page = resp.Status, string(content)
		return resp.StatusCode == code && strings.Contains(page, text)
	}, time.Minute, 100*time.Millisecond)
	require.True(t, good, "want %d with %q, got %s with %q", code, text, status, page)
}

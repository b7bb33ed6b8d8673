package portstest

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/ports"
)

// AuditLog runs the contract of ports.AuditLog. lines reads back what is durable, a text for each line in the order of the log, which
// holds the entry's call id and values as they are.
func AuditLog(t *testing.T, open func(*testing.T) (log ports.AuditLog, lines func() []string)) {
	t.Run("Ready answers nil for a log that can be written", func(t *testing.T) {
		log, _ := open(t)
		require.NoError(t, log.Ready(bounded(t)))
	})

	t.Run("Append makes the line durable before it returns", func(t *testing.T) {
		log, lines := open(t)
		for i := range 3 {
			require.NoError(t, log.Append(bounded(t), entry(fmt.Sprintf("%016x", i), fmt.Sprintf("value-%d", i))))
			got := lines()
			require.Len(t, got, i+1)
			assert.Contains(t, got[i], fmt.Sprintf("%016x", i))
			assert.Contains(t, got[i], fmt.Sprintf("value-%d", i))
		}
	})

	t.Run("Append keeps nothing of the entry after it returns", func(t *testing.T) {
		log, lines := open(t)
		e := entry("00000000000000aa", "value-before")
		e.Access.HTTPHeaders = map[string]string{"SOAPAction": "header-before"}
		require.NoError(t, log.Append(bounded(t), e))
		e.Notes[0].Contexts[0].Information[0].Value = "value-after"
		e.Notes[0].Contexts[0].Context = "context-after"
		e.Access.HTTPHeaders["SOAPAction"] = "header-after"
		require.NoError(t, log.Append(bounded(t), entry("00000000000000bb", "value-second")))
		got := lines()
		require.Len(t, got, 2)
		assert.Contains(t, got[0], "value-before")
		assert.Contains(t, got[0], "header-before")
		assert.NotContains(t, got[0], "-after")
	})

	t.Run("an entry without notes is a line too", func(t *testing.T) {
		log, lines := open(t)
		require.NoError(t, log.Append(bounded(t), audit.Entry{Route: "MinLog2", Access: access("00000000000000cc")}))
		got := lines()
		require.Len(t, got, 1)
		assert.Contains(t, got[0], "00000000000000cc")
	})

	t.Run("concurrent lines are each there once and whole", func(t *testing.T) {
		log, lines := open(t)
		const writers, each = 8, 25
		var wg sync.WaitGroup
		errs := make(chan error, writers*each)
		ctx := bounded(t)
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					errs <- log.Append(ctx, entry(fmt.Sprintf("%08x%08x", w, i), fmt.Sprintf("value-%d-%d-end", w, i)))
				}
			})
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			require.NoError(t, err)
		}
		got := lines()
		require.Len(t, got, writers*each)
		last := make([]int, writers)
		for _, line := range got {
			var w, i int
			at := strings.Index(line, "value-")
			require.GreaterOrEqual(t, at, 0)
			_, err := fmt.Sscanf(line[at:], "value-%d-%d-end", &w, &i)
			require.NoError(t, err)
			assert.Contains(t, line, fmt.Sprintf("%08x%08x", w, i), "call id and value of one line")
			assert.Equal(t, last[w], i, "lines of one writer keep their order")
			last[w]++
		}
	})
}

func entry(callID, value string) audit.Entry {
	var notes audit.Notes
	notes.Add("MinLog2", "RegistrationRequest", audit.Information{Key: "System", Class: audit.NPI, Value: value})
	return audit.Entry{Route: "MinLog2", Notes: notes, Access: access(callID)}
}

func access(callID string) audit.Access {
	return audit.Access{Code: 200, Method: "POST", Path: "/minlog2-registration/RegisterService", Protocol: "http", Port: 8080,
		HTTPHost: "localhost", CallID: callID, Arrived: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
}

// AuditLogRecovery checks that a log that spoil made unwritable refuses lines and is not ready, and works again after heal.
func AuditLogRecovery(t *testing.T, open func(*testing.T) (log ports.AuditLog, lines func() []string, spoil, heal func())) {
	t.Run("a log that cannot be written refuses, and goes on when it can again", func(t *testing.T) {
		log, lines, spoil, heal := open(t)
		ctx := bounded(t)
		require.NoError(t, log.Append(ctx, entry("0000000000000001", "value-1")))
		spoil()
		require.Error(t, log.Append(ctx, entry("0000000000000002", "value-2")))
		require.Error(t, log.Ready(ctx))
		heal()
		require.Eventually(t, func() bool { return log.Ready(ctx) == nil }, patience, time.Millisecond)
		require.NoError(t, log.Append(ctx, entry("0000000000000003", "value-3")))
		all := strings.Join(lines(), "\n")
		assert.Contains(t, all, "value-1")
		assert.Contains(t, all, "value-3")
	})
}

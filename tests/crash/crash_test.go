// Package crash shows that what was acknowledged outlives the process: by ending the server as a power cut would, and by watching that the
// disk is asked to keep audit line and commit before the answer leaves.
package crash

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	_ "github.com/opennsp/nsp/bootstrap" // what the child runs: a change of it is a change of this test
	"github.com/opennsp/nsp/tests/process"
)

const (
	kills        = 12
	writers      = 200
	bulkEntries  = 10
	doctor       = "0101010001" // the sample laege: data subject and reader of the entries
	consumeLimit = 30 * time.Second
)

// folder holds the program. TestMain removes it.
var folder, program string

func TestMain(m *testing.M) {
	code := m.Run()
	if folder != "" {
		os.RemoveAll(folder)
	}
	os.Exit(code)
}

// nspd returns the program, which is built once for all tests.
func nspd(t *testing.T) string {
	t.Helper()
	if program == "" {
		var err error
		folder, err = os.MkdirTemp("", "crash")
		require.NoError(t, err)
		program, err = process.Build(t.Context(), folder)
		require.NoError(t, err)
	}
	return program
}

// skipIfShort keeps the test out of the run under the race detector: the server is a process of its own, which the detector does not see.
func skipIfShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs a process of its own")
	}
}

// bulks remembers what was sent. It is safe for concurrent use.
type bulks struct {
	mu           sync.Mutex
	acknowledged map[string]bool // message id -> was answered
}

func (b *bulks) sent(id string, acknowledged bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.acknowledged[id] = acknowledged
}

// TestOC11KillLosesNothingAcknowledged kills the server again and again while clients register. In the end every acknowledged entry is in the
// log exactly once, every other bulk is there as a whole or not at all, and whatever is there has its line in the audit log.
func TestOC11KillLosesNothingAcknowledged(t *testing.T) {
	skipIfShort(t)
	binary := nspd(t)
	dir := t.TempDir()
	all := &bulks{acknowledged: map[string]bool{}}
	for round := range kills {
		server, err := process.Start(t.Context(), binary, dir)
		require.NoError(t, err)
		if round == kills/2 {
			assertTornLineMoved(t, dir)
		}
		load(t, server, all, time.Duration(50+rand.IntN(300))*time.Millisecond)
		if round == kills/2-1 {
			tearLine(t, dir)
		}
	}
	server, err := process.Start(t.Context(), binary, dir)
	require.NoError(t, err)
	defer server.Stop()

	found := lookUp(t, server, all)
	audited := auditedMessages(t, dir)
	acknowledged := 0
	for id, ok := range all.acknowledged {
		entries := 0
		for i := range bulkEntries {
			n := found[entryID(id, i)]
			assert.LessOrEqual(t, n, 1, "entry %d of a bulk is in the log %d times", i, n)
			entries += n
		}
		if ok {
			acknowledged++
			assert.Equal(t, bulkEntries, entries, "entries of an acknowledged bulk")
		}
		assert.Contains(t, []int{0, bulkEntries}, entries, "a bulk is stored as a whole or not at all")
		if entries > 0 {
			assert.True(t, audited[id], "what is stored has its audit line")
		}
	}
	require.Greater(t, acknowledged, kills, "the clients got hardly anything done: the test shows nothing")
	t.Logf("%d kills, %d bulks sent, %d acknowledged", kills, len(all.acknowledged), acknowledged)
}

// load registers with several clients at once, kills the server after a while and returns when all clients have noticed.
func load(t *testing.T, server *process.Server, all *bulks, after time.Duration) {
	t.Helper()
	client, err := server.Client(t.Context(), "epj")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	for range writers {
		clients.Go(func() {
			for ctx.Err() == nil {
				id := uuid.NewString()
				added, err := client.Register(ctx, id, body(id))
				all.sent(id, err == nil && added == bulkEntries)
				if err != nil {
					return
				}
			}
		})
	}
	<-time.After(after) // load for a random while; nothing is waited for
	server.Kill()
	cancel()
	clients.Wait()
}

func body(id string) []byte {
	entries := make([]process.Entry, bulkEntries)
	for i := range entries {
		entries[i] = process.Entry{Person: doctor, CorrelationID: entryID(id, i), Sequence: fmt.Sprint(i), At: time.Now()}
	}
	return process.Body(entries)
}

// entryID fits the 46 characters of a correlation id.
func entryID(bulk string, i int) string { return fmt.Sprintf("%s/%d", bulk, i) }

// lookUp reads the log until it holds every acknowledged entry and returns how often each correlation id is in it.
func lookUp(t *testing.T, server *process.Server, all *bulks) map[string]int {
	t.Helper()
	reader, err := server.Client(t.Context(), "laege")
	require.NoError(t, err)
	var found map[string]int
	complete := func() bool {
		ids, err := reader.CorrelationIDs(t.Context(), doctor)
		require.NoError(t, err)
		found = map[string]int{}
		for _, id := range ids {
			found[id]++
		}
		for id, ok := range all.acknowledged {
			if ok && found[entryID(id, bulkEntries-1)] == 0 {
				return false
			}
		}
		return true
	}
	for deadline := time.Now().Add(consumeLimit); !complete() && time.Now().Before(deadline); {
		continue // each look takes its time; what is missing at the deadline is reported by the caller
	}
	return found
}

// auditedMessages returns the message ids of the calls that the audit log says were carried out.
func auditedMessages(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "logs", "audit.*.log"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	ids := map[string]bool{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		lines := bufio.NewScanner(bytes.NewReader(content))
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var line struct {
				Access struct {
					Code        int               `json:"code"`
					SOAPHeaders map[string]string `json:"soapHeaders"`
				} `json:"access"`
			}
			require.NoError(t, json.Unmarshal(lines.Bytes(), &line), "every line of the audit log is whole")
			if line.Access.Code == 200 {
				ids[line.Access.SOAPHeaders["MessageID"]] = true
			}
		}
		require.NoError(t, lines.Err())
	}
	return ids
}

const torn = `{"time":"2026-11-21T10:0`

// tearLine leaves the audit log as a power cut in the middle of a write would.
func tearLine(t *testing.T, dir string) {
	t.Helper()
	file, err := os.OpenFile(activeAuditLog(t, dir), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = file.WriteString(torn)
	require.NoError(t, err)
	require.NoError(t, file.Close())
}

// assertTornLineMoved shows that the start put the unfinished line aside.
func assertTornLineMoved(t *testing.T, dir string) {
	t.Helper()
	content, err := os.ReadFile(activeAuditLog(t, dir))
	require.NoError(t, err)
	assert.NotContains(t, string(content), torn+"\n")
	assert.False(t, bytes.HasSuffix(content, []byte(torn)))
	aside, err := filepath.Glob(filepath.Join(dir, "logs", "*.torn*"))
	require.NoError(t, err)
	require.Len(t, aside, 1)
	content, err = os.ReadFile(aside[0])
	require.NoError(t, err)
	assert.Contains(t, string(content), torn)
}

// activeAuditLog returns the file that lines are appended to: the one without a time in its name.
func activeAuditLog(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "logs", "audit.*.log"))
	require.NoError(t, err)
	for _, f := range files {
		if !strings.Contains(filepath.Base(f), "Z-") {
			return f
		}
	}
	t.Fatal("there is no audit log")
	return ""
}

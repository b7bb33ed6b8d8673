package crash

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/tests/child"
	"github.com/opennsp/nsp/tests/process"
)

// TestOC11AnswerWaitsForTheDisk watches the system calls of the server: before an answer to a registration leaves, first the audit log and
// then the write-ahead log of the database were synced to the disk.
func TestOC11AnswerWaitsForTheDisk(t *testing.T) {
	skipIfShort(t)
	strace, err := exec.LookPath("strace")
	if err != nil {
		child.Missing(t, "strace is not installed")
	}
	dir := t.TempDir()
	trace := filepath.Join(t.TempDir(), "trace")
	server, err := process.Start(t.Context(), nspd(t), dir,
		strace, "-f", "-y", "-s", "4096", "-e", "trace=fsync,fdatasync,write,writev,sendto,sendmsg", "-o", trace)
	require.NoError(t, err)
	client, err := server.Client(t.Context(), "epj")
	require.NoError(t, err)
	reader, err := server.Client(t.Context(), "laege")
	require.NoError(t, err)
	const calls = 3
	for i := range calls {
		id := uuid.NewString()
		added, err := client.Register(t.Context(), id, body(id))
		require.NoError(t, err)
		require.Equal(t, bulkEntries, added)
		// The consumer syncs the database too: let it finish, so that the next call is alone.
		require.Eventually(t, func() bool {
			ids, err := reader.CorrelationIDs(t.Context(), doctor)
			return err == nil && len(ids) == (i+1)*bulkEntries
		}, 30*time.Second, 50*time.Millisecond)
	}
	server.Stop()
	content, err := os.ReadFile(trace)
	require.NoError(t, err)

	events := parseTrace(string(content))
	answers, from := 0, 0
	for i, e := range events {
		if e.kind != answered {
			continue
		}
		if strings.Contains(e.line, "RegistrationResponse") {
			answers++
			assert.True(t, syncedInOrder(events[from:i]), "call %d: audit log and database were not synced in this order before the answer:\n%s", answers, events[from:i])
		}
		from = i
	}
	assert.Equal(t, calls, answers)
}

// kind is what a traced line tells.
type kind int

const (
	auditSynced kind = iota + 1 // a sync of the audit log ended
	walStarted                  // a sync of the database's write-ahead log began
	walSynced                   // and ended
	answered                    // an HTTP answer begins to leave
)

type event struct {
	kind kind
	line string
}

func (e event) String() string { return e.line[:min(len(e.line), 160)] + "\n" }

var (
	traced  = regexp.MustCompile(`^(\d+) +(\w+)\((\d+)<([^>]*)>`)
	resumed = regexp.MustCompile(`^(\d+) +<\.\.\. (\w+) resumed>`)
)

// parseTrace keeps the events in the order of the trace. A call that another thread interrupted stands in two lines.
func parseTrace(text string) []event {
	var events []event
	pending := map[string]string{} // thread and call -> path of the file
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		begun, ended, call, path := false, false, "", ""
		if m := traced.FindStringSubmatch(line); m != nil {
			call, path, begun = m[2], m[4], true
			if ended = !strings.HasSuffix(line, "<unfinished ...>"); !ended {
				pending[m[1]+m[2]] = path
			}
		} else if m := resumed.FindStringSubmatch(line); m != nil {
			call, path, ended = m[2], pending[m[1]+m[2]], true
		}
		sync := call == "fsync" || call == "fdatasync"
		good := strings.HasSuffix(line, "= 0")
		switch {
		case sync && strings.Contains(path, "/logs/audit.") && ended && good:
			events = append(events, event{auditSynced, line})
		case sync && strings.HasSuffix(path, "-wal"):
			if begun {
				events = append(events, event{walStarted, line})
			}
			if ended && good {
				events = append(events, event{walSynced, line})
			}
		case begun && strings.Contains(line, `"HTTP/1.1 `):
			events = append(events, event{answered, line})
		}
	}
	return events
}

// syncedInOrder tells whether the audit log was synced, and after that a sync of the write-ahead log began and ended.
func syncedInOrder(events []event) bool {
	step := 0
	for _, e := range events {
		if step < 3 && e.kind == []kind{auditSynced, walStarted, walSynced}[step] {
			step++
		}
	}
	return step == 3
}

func TestSyncedInOrder(t *testing.T) {
	const trace = `10 fdatasync(7</d/logs/audit.h.log>) = 0
11 fsync(9</d/store.db-wal> <unfinished ...>
10 write(3</d/logs/access.h.log>, "x", 1) = 1
11 <... fsync resumed>)             = 0
10 write(12<socket:[1]>, "HTTP/1.1 200 OK\r\n", 17) = 17
`
	kinds := func(text string) []kind {
		var k []kind
		for _, e := range parseTrace(text) {
			k = append(k, e.kind)
		}
		return k
	}
	require.Equal(t, []kind{auditSynced, walStarted, walSynced, answered}, kinds(trace))
	assert.True(t, syncedInOrder(parseTrace(trace)))
	lines := slices.Collect(strings.Lines(trace))
	for _, missing := range []int{0, 1, 3} {
		assert.False(t, syncedInOrder(parseTrace(strings.Join(slices.Delete(slices.Clone(lines), missing, missing+1), ""))), "without line %d", missing)
	}
	slices.Reverse(lines)
	assert.False(t, syncedInOrder(parseTrace(strings.Join(lines, ""))), "in the wrong order")
	assert.Equal(t, []kind{walStarted, answered}, kinds(strings.NewReplacer("audit.h.log>) = 0", "audit.h.log>) = -1 EIO", "resumed>)             = 0", "resumed>)             = -1 EIO").Replace(trace)), "a sync that failed is none")
}

package crash

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/opennsp/nsp/tests/child"
	"github.com/opennsp/nsp/tests/kafkatest"
	"github.com/opennsp/nsp/tests/postgrestest"
	"github.com/opennsp/nsp/tests/process"
)

// TestOC11AnswerWaitsForTheBroker watches the system calls of a front: nothing of a transaction is sent to Kafka before the line is synced to
// the audit log, its records are sent with acks=all, and the answer leaves after the broker has confirmed the commit.
func TestOC11AnswerWaitsForTheBroker(t *testing.T) {
	t.Parallel()
	skipIfShort(t)
	strace, err := exec.LookPath("strace")
	if err != nil {
		child.Missing(t, "strace is not installed")
	}
	broker := kafkatest.Apache(t)[0]
	trace := filepath.Join(t.TempDir(), "trace")
	server, err := process.Run(t.Context(), nspd(t), process.Options{
		Dir: t.TempDir(),
		Env: []string{
			"NSPD_ROLES=minlog-registration,sts", "NSPD_MESSAGELOG_DRIVER=kafka", "NSPD_MESSAGELOG_BROKERS=" + broker,
			"NSPD_MINLOG_TOPIC=crash." + uuid.NewString(),
			"NSPD_MESSAGELOG_KEY_SECRET=a secret of this test alone, 32+", "NSPD_MESSAGELOG_KAFKA_REPLICATION=1", "NSPD_MESSAGELOG_KAFKA_MIN_INSYNC=1",
		},
		Wrapper: []string{strace, "-f", "-yy", "-xx", "-s", "16384", "-e", "trace=fsync,fdatasync,read,write", "-o", trace},
	})
	require.NoError(t, err)
	client, err := server.Client(t.Context(), "epj")
	require.NoError(t, err)
	const calls = 3
	for range calls {
		id := uuid.NewString()
		added, err := client.Register(t.Context(), id, body(id))
		require.NoError(t, err)
		require.Equal(t, bulkEntries, added)
	}
	server.Stop()
	content, err := os.ReadFile(trace)
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(broker)
	require.NoError(t, err)

	var steps []string
	answers := 0
	for _, e := range parseBrokerTrace(t, string(content), port) {
		if !strings.HasPrefix(e, "HTTP") {
			steps = append(steps, e)
			continue
		}
		if e == "HTTP answer RegistrationResponse" {
			answers++
			assert.Equal(t, "audit line synced", first(steps, "audit", "sent"), "call %d: %v", answers, steps)
			assert.Equal(t, []string{"sent Produce acks=-1", "sent EndTxn", "answered EndTxn"}, only(steps, "Produce", "EndTxn"), "call %d: %v", answers, steps)
		}
		steps = nil
	}
	assert.Equal(t, calls, answers)
}

// first returns the first step that begins with one of the prefixes.
func first(steps []string, prefixes ...string) string {
	for _, s := range steps {
		for _, p := range prefixes {
			if strings.HasPrefix(s, p) {
				return s
			}
		}
	}
	return ""
}

// only returns the steps of some requests to the broker, without the answer to Produce: it may come after the next request was sent.
func only(steps []string, requests ...string) []string {
	var kept []string
	for _, s := range steps {
		for _, r := range requests {
			if strings.Contains(s, r) && s != "answered Produce" && (len(kept) == 0 || kept[len(kept)-1] != s) {
				kept = append(kept, s)
			}
		}
	}
	return kept
}

// Requests of a transaction, https://kafka.apache.org/protocol#protocol_api_keys.
var transactional = map[int16]string{0: "Produce", 24: "AddPartitionsToTxn", 26: "EndTxn"}

// connection is what was sent and received on a connection to the broker.
type connection struct {
	requests map[uint32]string // by correlation id
	received []byte
}

// parseBrokerTrace keeps what happens between a call and its answer, in the order of the trace: a write counts when it begins, a sync or a read
// when it ends.
func parseBrokerTrace(t *testing.T, text, brokerPort string) []string {
	t.Helper()
	var events []string
	conns := map[string]*connection{}
	pending := map[string]string{} // thread and call -> path of the file
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		begun, ended, call, path := false, false, "", ""
		if m := traced.FindStringSubmatch(line); m != nil {
			call, path, begun = m[2], unhex(t, between(line, "<", ">,", ">)", "> ", ">(", "<")), true
			if ended = !strings.HasSuffix(line, "<unfinished ...>"); !ended {
				pending[m[1]+m[2]] = path
			}
		} else if m := resumed.FindStringSubmatch(line); m != nil {
			call, path, ended = m[2], pending[m[1]+m[2]], true
		}
		toBroker := strings.Contains(path, "->127.0.0.1:"+brokerPort+"]")
		switch {
		case (call == "fsync" || call == "fdatasync") && strings.Contains(path, "/logs/audit.") && ended && strings.HasSuffix(line, "= 0"):
			events = append(events, "audit line synced")
		case call == "write" && begun && toBroker:
			if conns[path] == nil {
				conns[path] = &connection{requests: map[uint32]string{}}
			}
			if name := conns[path].sent(t, argument(t, line)); name != "" {
				events = append(events, "sent "+name)
			}
		case call == "read" && ended && toBroker && conns[path] != nil && !strings.Contains(line, "= -1 "):
			for _, name := range conns[path].got(argument(t, line)) {
				events = append(events, "answered "+name)
			}
		case call == "write" && begun && strings.HasPrefix(path, "TCP:"):
			if data := string(argument(t, line)); strings.HasPrefix(data, "HTTP/1.1 ") {
				kind := "HTTP answer"
				if strings.Contains(data, "RegistrationResponse") {
					kind += " RegistrationResponse"
				}
				events = append(events, kind)
			}
		}
	}
	return events
}

// between returns what stands after the first from and before the first of the ends.
func between(s, from string, ends ...string) string {
	_, s, _ = strings.Cut(s, from)
	at := len(s)
	for _, e := range ends {
		if i := strings.Index(s, e); i >= 0 {
			at = min(at, i)
		}
	}
	return s[:at]
}

// argument returns the octets that a line shows as "\x01\x02".
func argument(t *testing.T, line string) []byte {
	t.Helper()
	_, text, _ := strings.Cut(line, `"`)
	text, _, _ = strings.Cut(text, `"`)
	return []byte(unhex(t, text))
}

// unhex returns what strace printed as "\x01\x02", or left as it is.
func unhex(t *testing.T, text string) string {
	t.Helper()
	if !strings.HasPrefix(text, `\x`) {
		return text
	}
	data, err := hex.DecodeString(strings.ReplaceAll(text, `\x`, ""))
	require.NoError(t, err)
	return string(data)
}

// sent notes a request, which sarama writes at once, and returns its name where it belongs to a transaction.
func (c *connection) sent(t *testing.T, data []byte) string {
	t.Helper()
	if len(data) < 14 {
		return ""
	}
	name := transactional[int16(binary.BigEndian.Uint16(data[4:]))]
	if name == "Produce" {
		// The client id, and the tagged fields of the header, of which there are none.
		rest := data[14+int(binary.BigEndian.Uint16(data[12:])):]
		require.Zero(t, rest[0])
		var req kmsg.ProduceRequest
		req.Version = int16(binary.BigEndian.Uint16(data[6:]))
		require.NoError(t, req.ReadFrom(rest[1:]))
		require.NotNil(t, req.TransactionID)
		name += " acks=" + strconv.Itoa(int(req.Acks))
	}
	c.requests[binary.BigEndian.Uint32(data[8:])] = strings.TrimSuffix(name, " acks=-1")
	return name
}

// got adds what was read and returns which requests of transactions are now answered.
func (c *connection) got(data []byte) (names []string) {
	c.received = append(c.received, data...)
	for len(c.received) >= 8 {
		size := 4 + int(binary.BigEndian.Uint32(c.received))
		if len(c.received) < size {
			break
		}
		if name := c.requests[binary.BigEndian.Uint32(c.received[4:])]; name != "" {
			names = append(names, name)
		}
		c.received = c.received[size:]
	}
	return names
}

// TestOC11PostgresSyncsEachAnswer counts how often PostgreSQL syncs its write-ahead log: at least once for each of many calls in quick
// succession, although the database would rather not.
func TestOC11PostgresSyncsEachAnswer(t *testing.T) {
	t.Parallel()
	skipIfShort(t)
	const calls = 50
	database, err := postgrestest.Start(t.Context(), postgrestest.Options{Settings: map[string]string{"synchronous_commit": "off", "wal_writer_delay": "10s"}})
	if errors.Is(err, postgrestest.ErrMissing) {
		child.Missing(t, err.Error())
	}
	require.NoError(t, err)
	defer database.Stop()
	conn, err := pgx.Connect(t.Context(), database.DSN)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), "ALTER DATABASE postgres SET synchronous_commit = off")
	require.NoError(t, err)
	// The lookup's own consumer would sync too: this process only takes registrations.
	server, err := process.Run(t.Context(), nspd(t), process.Options{
		Dir: t.TempDir(), Env: []string{"NSPD_ROLES=minlog-registration,sts", "NSPD_STORE_DRIVER=postgres", "NSPD_STORE_DSN=" + database.DSN},
	})
	require.NoError(t, err)
	defer server.Stop()
	client, err := server.Client(t.Context(), "epj")
	require.NoError(t, err)
	syncs := func() (n int) {
		_, err := conn.Exec(t.Context(), "SELECT pg_stat_clear_snapshot()")
		require.NoError(t, err)
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT wal_sync FROM pg_stat_wal").Scan(&n))
		return n
	}
	before := syncs()
	for range calls {
		id := uuid.NewString()
		added, err := client.Register(t.Context(), id, body(id))
		require.NoError(t, err)
		require.Equal(t, bulkEntries, added)
	}
	// A session tells its figures a second late.
	assert.Eventually(t, func() bool { return syncs() >= before+calls }, 15*time.Second, 200*time.Millisecond, "%d calls, syncs: %s", calls, fmt.Sprint(syncs()-before))
}

package main

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/dgws/dgwstest"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/nas"
)

// The backlog of T40 is records as the service keeps them, of which the list selects one in a thousand, and every partition has its share.
func TestNotificationsOfTheBacklog(t *testing.T) {
	const n = 20_500
	matcher := nas.NewMatcher(nas.Filter{List: listName}, nas.NewIDSet(wardList()))
	var values [][]byte
	parts, matches := make([]int, nasPartitions), 0
	for batch := range nasRecords("urn:x:y", "log", n) {
		for _, r := range batch {
			h, err := nas.DecodeHead(r.Value)
			require.NoError(t, err)
			if matcher.Head(h) {
				matches++
			}
			require.Equal(t, messagelog.Topic("log"), r.Topic)
			parts[r.PartitionOf(nasPartitions)]++
			values = append(values, r.Value)
		}
	}
	assert.Len(t, values, n)
	assert.Equal(t, 21, matches)
	for part, got := range parts {
		assert.InDelta(t, n/nasPartitions, got, n/nasPartitions/10, "partition %d", part)
	}
	allocations := testing.AllocsPerRun(3, func() {
		for _, v := range values {
			h, err := nas.DecodeHead(v)
			if err != nil || len(h.Content) == 0 {
				panic("no record")
			}
			matcher.Head(h)
		}
	})
	assert.Zero(t, allocations, "of a message that nobody asked for")
}

func TestNotifyOfManyNotifications(t *testing.T) {
	message, err := notifyOf("urn:x:y", 100)
	require.NoError(t, err)
	assert.Equal(t, 100, strings.Count(string(message), "</advis:NotifyContent>"))
	assert.InDelta(t, nasSize, len(message)/100, nasSize/2)
}

// Each poll has a MessageID of its own, and each client a pull point.
func TestPollsAreNoResends(t *testing.T) {
	clients := polls("host", []string{"/a", "/b"}, []byte("<id>"+messageMark+"</id>"))
	one, two := clients(), clients()
	first := string(one())
	second := string(one())
	assert.NotEqual(t, first, second)
	assert.NotEqual(t, strings.Fields(first)[1], strings.Fields(string(two()))[1])
}

// What is left of a fetch without the service verifies too.
func TestPeerOfPollsVerifies(t *testing.T) {
	server := httptest.NewServer(router(dgwstest.New(2048).Certificate, nil, asking()))
	defer server.Close()
	addr := strings.TrimPrefix(server.URL, "http://")
	answer, err := once(t.Context(), addr, []byte(`<soap:Envelope xmlns:soap="`+soapNS+`"><soap:Body>`+
		`<w:GetMessages xmlns:w="http://docs.oasis-open.org/wsn/b-2"/></soap:Body></soap:Envelope>`))
	require.ErrorIs(t, err, errStatus)
	assert.Contains(t, string(answer), "missing_required_header")
}

func TestProcessorTime(t *testing.T) {
	before, err := ticks(os.Getpid())
	require.NoError(t, err)
	for after := before; after-before < 0.02; {
		after, err = ticks(os.Getpid())
		require.NoError(t, err)
	}
	_, err = ticks(1 << 30)
	require.Error(t, err)
}

// Plain inserts store what they are given, one transaction after the other.
func TestPlainInserts(t *testing.T) {
	store, done, err := rawSQL(t.Context(), "sqlite", "file:"+filepath.Join(t.TempDir(), "peer.db"), 1)
	require.NoError(t, err)
	defer done()
	rate, err := store(t.Context(), [][]byte{{1}, {2}}, batchTime)
	require.NoError(t, err)
	assert.Positive(t, rate)
}

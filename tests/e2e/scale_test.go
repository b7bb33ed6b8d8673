package e2e

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/tests/nsptest"
	"github.com/opennsp/nsp/tests/postgrestest"
)

// roles are the options of servers that share a database and a message log, each with a role of its own.
func roles(t *testing.T) func(role string, more ...string) nsptest.Options {
	t.Helper()
	dsn, brokers := nsptest.Postgres(t), nsptest.Kafka(t)
	return func(role string, more ...string) nsptest.Options {
		set := map[string]string{"roles": role, "store.dsn": dsn}
		for i := 0; i < len(more); i += 2 {
			set[more[i]] = more[i+1]
		}
		return nsptest.Options{Store: "postgres", Kafka: brokers, Set: set}
	}
}

func TestRolesInProcessesOfTheirOwn(t *testing.T) {
	of := roles(t)
	front := nsptest.Start(t, of("minlog-registration", "store.dsn", "postgres://nobody@127.0.0.1:1/none"))
	consumer, lookup := nsptest.Start(t, of("minlog-consumer")), nsptest.Start(t, of("minlog-lookup"))
	t.Run("OC-28 what one registers another finds", func(t *testing.T) {
		require.Equal(t, []string{"1"}, front.System(cvr).Call(t, register, bulk(entry{person: professional})).All(t, "NumberAdded"))
		consumer.Consumed(t)
		assert.Equal(t, []string{"Opslag"}, activities(t, lookup.Doctor(professional, "TST01").Call(t, citizenLog, ownLog(professional, ""))))
	})
	t.Run("OC-28 other paths are not there", func(t *testing.T) {
		for _, c := range []struct {
			server *nsptest.Server
			served string
		}{{front, register}, {consumer, ""}, {lookup, citizenLog}} {
			for _, path := range []string{register, citizenLog, "/sts/services/NewSecurityTokenService", "/security/SessionService", "/api/security/v1/grants"} {
				want := http.StatusNotFound
				if path == c.served {
					want = http.StatusOK
				}
				assert.Equal(t, want, c.server.Do(t, http.MethodGet, path+"?wsdl", nil).Status, "GET %s", path)
			}
			c.server.Fetch(t, "/readyz")
		}
	})
	t.Run("each tells of its health", func(t *testing.T) {
		for path, s := range map[string]*nsptest.Server{"/minlog2-registration/status": front, "/minlog/status": consumer, "/minlog2-lookup/status": lookup} {
			assert.Equal(t, http.StatusOK, s.Do(t, http.MethodGet, path, nil).Status, path)
		}
	})
	t.Run("a front has no store", func(t *testing.T) {
		_, err := os.Stat(filepath.Join(front.Dir, "store.db"))
		assert.ErrorIs(t, err, os.ErrNotExist)
		assert.NotContains(t, string(front.Do(t, http.MethodGet, "/minlog2-registration/status", nil).Body), "Database")
	})
	t.Run("SA-19 a front gives its answer again from memory", func(t *testing.T) {
		message := front.System(cvr).Message("front-1", bulk(entry{activity: "Once"}))
		first, second := front.Post(t, register, message), front.Post(t, register, message)
		require.Equal(t, http.StatusOK, first.Status, "%s", first.Body)
		assert.Equal(t, string(first.Body), string(second.Body))
	})
	t.Run("AC-15 another front carries it out again, the rows are the same", func(t *testing.T) {
		again := nsptest.Start(t, of("minlog-registration"))
		answer := again.Post(t, register, front.System(cvr).Message("front-1", bulk(entry{activity: "Once"})))
		require.Equal(t, []string{"1"}, answer.All(t, "NumberAdded"))
		require.Eventually(t, func() bool { return len(stored(t, consumer, "CPR:"+citizen)) > 0 }, time.Minute, time.Millisecond)
		assert.Len(t, stored(t, consumer, "CPR:"+citizen), 1)
	})
	t.Run("a page token is good at every lookup", func(t *testing.T) {
		registered := front.System(cvr).Call(t, register, bulk(entry{person: professional}, entry{person: professional, time: "2026-11-02T08:15:00Z"}))
		require.Equal(t, http.StatusOK, registered.Status)
		consumer.Consumed(t)
		other := nsptest.Start(t, of("minlog-lookup"))
		first := lookup.Doctor(professional, "TST01").Call(t, citizenLog, ownLog(professional, "<l:PageSize>2</l:PageSize>"))
		token := first.All(t, "NextPageToken")
		require.Len(t, token, 1, "%s", first.Body)
		next := other.Doctor(professional, "TST01").Call(t, citizenLog,
			ownLog(professional, "<l:PageSize>2</l:PageSize><l:PageToken>"+token[0]+"</l:PageToken>"))
		assert.Len(t, activities(t, next), 1)
	})
}

// TestMessagesAtTwoServers sends one message to two servers on one database.
func TestMessagesAtTwoServers(t *testing.T) {
	operation := &nsptest.Operation{}
	dsn := nsptest.Postgres(t)
	o := nsptest.Options{Store: "postgres", Services: operation.Services, Set: map[string]string{"store.dsn": dsn}}
	servers := []*nsptest.Server{nsptest.Start(t, o), nsptest.Start(t, o)}
	atBoth := func(path string, message []byte, copies int) []nsptest.Answer {
		answers := make([]nsptest.Answer, copies)
		var all sync.WaitGroup
		for i := range answers {
			all.Go(func() { answers[i] = servers[i%2].Post(t, path, message) })
		}
		all.Wait()
		return answers
	}
	t.Run("SA-20 50 at once, at two servers", func(t *testing.T) {
		before := len(operation.Callers())
		answers := atBoth(nsptest.WritePath, servers[0].System("99999901").Message("both-50", nsptest.OperationBody), 50)
		assert.Len(t, operation.Callers(), before+1)
		for _, a := range answers {
			assert.Equal(t, http.StatusOK, a.Status)
			assert.True(t, bytes.Equal(answers[0].Body, a.Body), "%s", a.Body)
		}
	})
	t.Run("SA-41 100 copies of a token's message at once, at two servers", func(t *testing.T) {
		before, good := len(operation.Callers()), 0
		for _, a := range atBoth(nsptest.OperationPath, servers[0].Citizen("2512489996").Message("both-100", nsptest.OperationBody), 100) {
			if a.Status == http.StatusOK {
				good++
			}
		}
		assert.Len(t, operation.Callers(), before+1)
		assert.Equal(t, 1, good)
	})
}

func TestTransactionsOfKafka(t *testing.T) {
	brokers := nsptest.Kafka(t)
	s := nsptest.Start(t, nsptest.Options{Store: "postgres", Kafka: brokers})
	t.Run("AC-20 an aborted transaction is never stored", func(t *testing.T) {
		config := sarama.NewConfig()
		config.Version, config.Net.MaxOpenRequests = sarama.V2_8_0_0, 1
		config.Producer.Idempotent, config.Producer.RequiredAcks, config.Producer.Return.Successes = true, sarama.WaitForAll, true
		config.Producer.Transaction.ID = "a-stranger"
		producer, err := sarama.NewSyncProducer(brokers, config)
		require.NoError(t, err)
		defer func() { require.NoError(t, producer.Close()) }()
		require.NoError(t, producer.BeginTxn())
		_, _, err = producer.SendMessage(&sarama.ProducerMessage{Topic: nsptest.Topic, Value: sarama.StringEncoder("{broken")})
		require.NoError(t, err)
		require.NoError(t, producer.AbortTxn())
		registered(t, s, entry{})
		assert.Len(t, stored(t, s, "CPR:"+citizen), 1)
		dead, err := s.LogStore.DeadLetters(t.Context(), time.Time{})
		require.NoError(t, err)
		assert.Zero(t, dead)
	})
}

// TestTrimmedLog has the message log lose records that a consumer that is away has not stored.
func TestTrimmedLog(t *testing.T) {
	for _, c := range []struct {
		name, onGap string
		alarm       int
		found       []string
	}{
		{"AC-21 halts and raises the alarm", "halt", http.StatusInternalServerError, []string{"first"}},
		{"AC-21 goes on with skip", "skip", http.StatusOK, []string{"third", "first"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			of := roles(t)
			front := nsptest.Start(t, of("minlog-registration"))
			consumer := nsptest.Start(t, of("minlog-consumer"))
			add := func(activity string) {
				require.Equal(t, []string{"1"}, front.System(cvr).Call(t, register, bulk(entry{person: professional, activity: activity})).All(t, "NumberAdded"))
			}
			add("first")
			consumer.Consumed(t)
			consumer.Stop()
			add("second")
			trim(t, of("").Kafka)
			add("third")
			back := nsptest.Start(t, of("minlog-consumer,minlog-lookup", "minlog.consumer.on_gap", c.onGap))
			reader := back.Doctor(professional, "TST01")
			require.Eventually(t, func() bool {
				back.Clock.Advance(time.Second) // past the cached health
				alarm := back.Do(t, http.MethodGet, "/minlog2-lookup/alarm", nil).Status
				return alarm == c.alarm && len(activities(t, reader.Call(t, citizenLog, ownLog(professional, "")))) == len(c.found)
			}, time.Minute, 10*time.Millisecond)
			times := activities(t, reader.Call(t, citizenLog, ownLog(professional, "")))
			assert.ElementsMatch(t, c.found, times)
		})
	}
}

// trim deletes every record of the topic.
func trim(t *testing.T, brokers []string) {
	t.Helper()
	config := sarama.NewConfig()
	config.Version = sarama.V2_8_0_0
	client, err := sarama.NewClient(brokers, config)
	require.NoError(t, err)
	admin, err := sarama.NewClusterAdminFromClient(client)
	require.NoError(t, err)
	defer func() { require.NoError(t, admin.Close()) }()
	partitions, err := client.Partitions(nsptest.Topic)
	require.NoError(t, err)
	ends := map[int32]int64{}
	for _, p := range partitions {
		ends[p], err = client.GetOffset(nsptest.Topic, p, sarama.OffsetNewest)
		require.NoError(t, err)
	}
	require.NoError(t, admin.DeleteRecords(nsptest.Topic, ends))
}

// TestStoreStopped takes the database away from a running server and gives it back.
func TestStoreStopped(t *testing.T) {
	database, err := postgrestest.Start(t.Context(), postgrestest.Options{})
	if errors.Is(err, postgrestest.ErrMissing) && os.Getenv("OPENNSP_TEST_REQUIRE") != "1" {
		t.Skip(err)
	}
	require.NoError(t, err)
	defer database.Stop()
	s := nsptest.Start(t, nsptest.Options{Store: "postgres", Set: map[string]string{
		"store.dsn": database.DSN, "health.failure_threshold": "3", "health.cache": "1s", "health.timeout": "1s",
	}})
	get := func(base, path string) (int, string) {
		resp, err := http.Get(base + path) //nolint:gosec,noctx // our own server
		require.NoError(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(body)
	}
	// statuses are those of the next n checks; the result of one is cached until the clock has moved.
	statuses := func(n int) (codes []int) {
		for range n {
			s.Clock.Advance(2 * time.Second)
			code, _ := get(s.URL, "/minlog2-lookup/status")
			codes = append(codes, code)
		}
		return codes
	}
	registered(t, s, entry{})
	require.Equal(t, []int{200}, statuses(1))
	database.Kill()
	t.Run("OC-21 after three checks the server says that its store is gone", func(t *testing.T) {
		assert.Equal(t, []int{200, 200, 500}, statuses(3))
		_, body := get(s.URL, "/minlog2-lookup/status")
		assert.Contains(t, body, "Database : ERROR")
		code, _ := get(s.Admin, "/livez")
		assert.Equal(t, http.StatusOK, code)
		code, _ = get(s.Admin, "/readyz")
		assert.Equal(t, http.StatusServiceUnavailable, code)
	})
	t.Run("a call is refused meanwhile", func(t *testing.T) {
		refused(t, s.System(cvr).Call(t, register, bulk(entry{activity: "Lost"})), "processing_problem", "")
	})
	require.NoError(t, database.Restart(t.Context()))
	t.Run("OC-21 it recovers alone", func(t *testing.T) {
		require.Eventually(t, func() bool { return statuses(1)[0] == http.StatusOK }, time.Minute, 10*time.Millisecond)
		code, _ := get(s.Admin, "/readyz")
		assert.Equal(t, http.StatusOK, code)
		require.Eventually(t, func() bool {
			return s.System(cvr).Call(t, register, bulk(entry{activity: "Found"})).Status == http.StatusOK
		}, time.Minute, 10*time.Millisecond)
		found := stored(t, s, "CPR:"+citizen)
		assert.Len(t, found, 2, "what was acknowledged, and nothing that was refused")
	})
}

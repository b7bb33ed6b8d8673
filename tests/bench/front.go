package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/opennsp/nsp/adapters/soap/minlogws"
	"github.com/opennsp/nsp/tests/process"
)

const (
	frontRounds  = 3
	frontBulks   = 256 // of one round
	frontClients = 16
	rawProducers = 4 // transactions at the same time, as many as a server has
)

// front measures how fast a registration front takes signed bulks of 500 entries over HTTP, each answered once Kafka has committed its records.
// The peer produces the same records to the same broker, in transactions of 500 with as many producers as the front has, and does nothing else.
func front(ctx context.Context, o options) []figure {
	speed := figure{name: "front", goal: goal{atLeast: 0.2}}
	run, err := register(ctx, o)
	if err != nil {
		if speed.err = err; missing(err) {
			speed.goal = goal{}
		}
		return []figure{speed}
	}
	speed.value, speed.peer, speed.ratio = perSecond(run.ours), "sarama alone "+perSecond(run.raw), run.ours/run.raw
	return []figure{speed, {picture: run.steps}}
}

type fronted struct {
	ours, raw float64 // rows per second
	steps     string  // where the time of a call goes
}

func register(ctx context.Context, o options) (sum fronted, err error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return sum, err
	}
	defer os.RemoveAll(dir)
	b, err := openBackends(ctx, false)
	if err != nil {
		return sum, err
	}
	defer b.close()
	if err := errors.Join(b.topic(registrationTopic), b.topic(rawTopic)); err != nil {
		return sum, err
	}
	messages, err := b.bulks(ctx, o, dir, "bench", frontBulks*(frontRounds+1))
	if err != nil {
		return sum, err
	}
	server, err := b.start(ctx, o, dir, "minlog-registration", nil)
	if err != nil {
		return sum, err
	}
	defer server.Stop()
	if _, err := post500(ctx, server, messages[:frontBulks]); err != nil { // to warm up
		return sum, err
	}
	batches, err := b.recordsIn(registrationTopic, frontBulks)
	if err != nil {
		return sum, err
	}
	for round := range frontRounds {
		rate, err := post500(ctx, server, messages[(round+1)*frontBulks:(round+2)*frontBulks])
		if err != nil {
			return sum, err
		}
		sum.ours += rate / frontRounds
		if rate, err = b.transactions(batches); err != nil {
			return sum, fmt.Errorf("raw transactions: %w", err)
		}
		sum.raw += rate / frontRounds
	}
	server.Stop()
	sum.steps, err = b.steps(ctx, o, dir)
	return sum, err
}

const rawTopic = "minlog.raw"

// bulks returns signed messages of bulkSize entries each, with a card from a token service of the same federation.
func (b *backends) bulks(ctx context.Context, o options, dir, name string, n int) ([][]byte, error) {
	sts, err := b.start(ctx, o, dir, "sts", nil)
	if err != nil {
		return nil, err
	}
	defer sts.Stop()
	client, err := sts.Client(ctx, "epj")
	if err != nil {
		return nil, err
	}
	messages := make([][]byte, n)
	for i := range messages {
		messages[i] = client.Message(fmt.Sprintf("%s-%d", name, i), process.Body(entries(i)))
	}
	return messages, nil
}

// post500 sends messages and returns the entries per second that were acknowledged.
func post500(ctx context.Context, server *process.Server, messages [][]byte) (float64, error) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: frontClients}}
	defer client.CloseIdleConnections()
	added := fmt.Appendf(nil, "NumberAdded>%d<", bulkSize)
	var next atomic.Int64
	errs := make([]error, frontClients)
	var clients sync.WaitGroup
	started := time.Now()
	for c := range errs {
		clients.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(messages) && errs[c] == nil; i = next.Add(1) - 1 {
				errs[c] = postOne(ctx, client, server.URL+minlogws.PathRegistration20250312, messages[i], added)
			}
		})
	}
	clients.Wait()
	return float64(len(messages)*bulkSize) / time.Since(started).Seconds(), errors.Join(errs...)
}

func postOne(ctx context.Context, client *http.Client, url string, message, want []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(message))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "text/xml; charset=utf-8")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && !bytes.Contains(answer, want) {
		err = fmt.Errorf("answer %d without %s", resp.StatusCode, want)
	}
	return err
}

// recordsIn returns what a topic holds, in n batches of bulkSize records for rawTopic.
func (b *backends) recordsIn(topic string, n int) ([][]*sarama.ProducerMessage, error) {
	config := *b.client.Config()
	config.Consumer.IsolationLevel = sarama.ReadCommitted
	consumer, err := sarama.NewConsumer([]string{b.broker.Addr}, &config)
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	all := make([]*sarama.ProducerMessage, 0, n*bulkSize)
	partition := int32(0)
	var read sarama.PartitionConsumer
	defer func() {
		if read != nil {
			read.AsyncClose()
		}
	}()
	for ; len(all) < n*bulkSize && partition < kafkaPartitions; partition++ {
		if read, err = consumer.ConsumePartition(topic, partition, sarama.OffsetOldest); err != nil {
			return nil, err
		}
		for idle := false; !idle; {
			select {
			case m := <-read.Messages():
				headers := make([]sarama.RecordHeader, len(m.Headers))
				for i, h := range m.Headers {
					headers[i] = *h
				}
				all = append(all, &sarama.ProducerMessage{
					Topic: rawTopic, Key: sarama.ByteEncoder(m.Key), Value: sarama.ByteEncoder(m.Value), Headers: headers, Partition: partition,
				})
			case <-time.After(time.Second): // the end of the partition may be a marker, which is not shown
				idle = true
			}
		}
		read.AsyncClose()
		read = nil
	}
	if len(all) != n*bulkSize {
		return nil, fmt.Errorf("%d of %d records are in the topic", len(all), n*bulkSize)
	}
	// A bulk is about many persons, so its records go to all partitions.
	batches := make([][]*sarama.ProducerMessage, n)
	for i, m := range all {
		batches[i%n] = append(batches[i%n], m)
	}
	return batches, nil
}

// transactions produces each batch in a transaction and returns the records per second that were committed.
func (b *backends) transactions(batches [][]*sarama.ProducerMessage) (float64, error) {
	producers, err := b.producers()
	for _, producer := range producers {
		defer producer.Close()
	}
	if err != nil {
		return 0, err
	}
	var next atomic.Int64
	started := time.Now()
	err = each(len(producers), func(p int) error {
		for i := next.Add(1) - 1; int(i) < len(batches); i = next.Add(1) - 1 {
			if err := transaction(producers[p], batches[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return float64(len(batches)*bulkSize) / time.Since(started).Seconds(), err
}

// producers returns as many as a server has, also those that were made before an error.
func (b *backends) producers() (all []sarama.SyncProducer, err error) {
	for i := range rawProducers {
		config := *b.client.Config()
		config.Producer.Idempotent, config.Net.MaxOpenRequests = true, 1
		config.Producer.Transaction.ID = fmt.Sprintf("raw-%d", i)
		producer, err := sarama.NewSyncProducer([]string{b.broker.Addr}, &config)
		if err != nil {
			return all, err
		}
		all = append(all, producer)
	}
	return all, nil
}

// each has n clients at work at the same time.
func each(n int, do func(client int) error) error {
	errs := make([]error, n)
	var clients sync.WaitGroup
	for c := range errs {
		clients.Go(func() { errs[c] = do(c) })
	}
	clients.Wait()
	return errors.Join(errs...)
}

func transaction(producer sarama.SyncProducer, batch []*sarama.ProducerMessage) error {
	if err := producer.BeginTxn(); err != nil {
		return err
	}
	if err := producer.SendMessages(batch); err != nil {
		return errors.Join(err, producer.AbortTxn())
	}
	return producer.CommitTxn()
}

// steps tells where the time of a call goes: of calls one after the other, and of as many at the same time as were measured.
func (b *backends) steps(ctx context.Context, o options, dir string) (string, error) {
	messages, err := b.bulks(ctx, o, dir, "traced", 2*frontBulks)
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "spans")
	server, err := b.start(ctx, o, dir, "minlog-registration", []string{"NSPD_TRACE_EXPORTER=stdout", "NSPD_TRACE_SAMPLE=1"},
		"sh", "-c", `exec "$@" >"$0"`, file)
	if err != nil {
		return "", err
	}
	defer server.Stop()
	if _, err := post500(ctx, server, messages[:frontBulks]); err != nil {
		return "", err
	}
	client := &http.Client{}
	for _, m := range messages[frontBulks : frontBulks+frontBulks/2] {
		if err := postOne(ctx, client, server.URL+minlogws.PathRegistration20250312, m, []byte("NumberAdded")); err != nil {
			return "", err
		}
	}
	client.CloseIdleConnections()
	server.Stop()
	crowded, alone, err := readSteps(file)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	fmt.Fprintf(&out, "  a call of %d entries, ms:%24s %20s", bulkSize, "one at a time", fmt.Sprintf("%d at a time", frontClients))
	for i, name := range stepNames() {
		fmt.Fprintf(&out, "\n  %-38s %10.2f %20.2f", name, alone[i], crowded[i])
	}
	return out.String(), nil
}

func stepNames() []string {
	return []string{"wait, receive and parse", "verify", "check and encode records", "encode answer", "audit line on the disk", "Kafka commit", "answer", "all"}
}

// span is what is read of a line of the exporter.
type span struct {
	Name               string
	SpanContext        struct{ TraceID string }
	StartTime, EndTime time.Time
}

// readSteps returns the middle duration of each step in milliseconds: of the first frontBulks calls, and of those after them.
func readSteps(file string) (crowded, alone []float64, err error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, err
	}
	calls := map[string]map[string]span{}
	for line := range bytes.Lines(raw) {
		var s span
		if json.Unmarshal(line, &s) != nil {
			continue // an access or audit line
		}
		name, _, _ := strings.Cut(s.Name, " ")
		if calls[s.SpanContext.TraceID] == nil {
			calls[s.SpanContext.TraceID] = map[string]span{}
		}
		calls[s.SpanContext.TraceID][name] = s
	}
	var whole []map[string]span
	for _, c := range calls {
		if len(c) == 6 { // not the call for the card
			whole = append(whole, c)
		}
	}
	if len(whole) < frontBulks+2 {
		return nil, nil, fmt.Errorf("%d calls were traced", len(whole))
	}
	slices.SortFunc(whole, func(a, b map[string]span) int { return a["POST"].StartTime.Compare(b["POST"].StartTime) })
	return middle(whole[:frontBulks]), middle(whole[frontBulks:]), nil
}

func middle(calls []map[string]span) []float64 {
	steps := make([][]time.Duration, len(stepNames()))
	for _, c := range calls {
		call, verify, use, audited, commit := c["POST"], c["security.verify"], c["usecase"], c["audit.append"], c["commit"]
		for i, took := range []time.Duration{
			verify.StartTime.Sub(call.StartTime), verify.EndTime.Sub(verify.StartTime), use.EndTime.Sub(use.StartTime), audited.StartTime.Sub(use.EndTime),
			audited.EndTime.Sub(audited.StartTime), commit.EndTime.Sub(audited.EndTime), call.EndTime.Sub(commit.EndTime), call.EndTime.Sub(call.StartTime),
		} {
			steps[i] = append(steps[i], took)
		}
	}
	medians := make([]float64, len(steps))
	for i, s := range steps {
		slices.SortFunc(s, cmp.Compare)
		medians[i] = s[len(s)/2].Seconds() * 1e3
	}
	return medians
}

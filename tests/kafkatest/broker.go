// Package kafkatest runs Apache Kafka for tests: one broker that a test binary's tests share, and brokers that a test may kill.
package kafkatest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/opennsp/nsp/tests/child"
)

// Env names the variable with the brokers (host:port, …) of a cluster of the user's own, without TLS or SASL.
const Env = "OPENNSP_TEST_KAFKA"

// startLimit also holds the first download of the classes.
const startLimit = 5 * time.Minute

// Options of a broker. The zero value is a broker with the settings of the shared one.
type Options struct {
	Port       int               // of the clients' listener; 0 = a free one
	Advertised string            // host:port that clients are told to connect to, such as a proxy's; "" = the listener itself
	SCRAM      map[string]string // user -> password; not empty = clients have to show one of them (SASL_PLAINTEXT, SCRAM-SHA-256 or -512)
	Settings   map[string]string // of server.properties, over those of the package
}

// Broker is a cluster of one node that replicates to nobody. It ends with the process that started it. It is not safe for concurrent use.
type Broker struct {
	Addr string // host:port of the clients' listener, without any proxy

	dir, internal string
	classes       string
	folder        *child.Folder
	process       *child.Process
}

// PID is the id of the broker's process.
func (b *Broker) PID() int { return b.process.PID }

// StartApache starts a broker without topics and returns when it answers. Topics have to be created: none is made by being asked for.
func StartApache(ctx context.Context, o Options) (*Broker, error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	classes, err := installed(ctx)
	if err != nil {
		return nil, err
	}
	folder, err := child.NewFolder("nsp-kafka-")
	if err != nil {
		return nil, err
	}
	b := &Broker{classes: classes, folder: folder, dir: folder.Path}
	if err = b.prepare(ctx, o); err == nil {
		err = b.Restart(ctx)
	}
	if err != nil {
		b.Stop()
		return nil, err
	}
	return b, nil
}

// prepare lays down a formatted log folder and the settings.
func (b *Broker) prepare(ctx context.Context, o Options) error {
	var users []string
	for user, password := range o.SCRAM {
		for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} {
			users = append(users, "--add-scram", fmt.Sprintf("%s=[name=%s,password=%s]", mechanism, user, password))
		}
	}
	logs := filepath.Join(b.dir, "logs")
	var err error
	if len(users) > 0 {
		err = format(ctx, b.classes, logs, users...)
	} else {
		err = os.CopyFS(logs, os.DirFS(filepath.Join(b.classes, "formatted")))
	}
	if err != nil {
		return err
	}
	var ports [3]int
	for i := range ports {
		if ports[i], err = child.FreePort(); err != nil {
			return err
		}
	}
	if o.Port != 0 {
		ports[0] = o.Port
	}
	local := func(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
	b.Addr, b.internal = local(ports[0]), local(ports[1])
	protocol := "PLAINTEXT"
	if len(users) > 0 {
		protocol = "SASL_PLAINTEXT"
	}
	advertised := o.Advertised
	if advertised == "" {
		advertised = b.Addr
	}
	settings := map[string]string{
		"process.roles": "broker,controller", "node.id": "1", "log.dirs": logs,
		"controller.quorum.voters":   "1@" + local(ports[2]),
		"controller.listener.names":  "CONTROLLER",
		"inter.broker.listener.name": "INTERNAL", // a cut proxy keeps clients out, not the node from itself
		"listeners":                  "CLIENT://" + b.Addr + ",INTERNAL://" + b.internal + ",CONTROLLER://" + local(ports[2]),
		"advertised.listeners":       "CLIENT://" + advertised + ",INTERNAL://" + b.internal,

		"listener.security.protocol.map":                              "CLIENT:" + protocol + ",INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"sasl.enabled.mechanisms":                                     "SCRAM-SHA-256,SCRAM-SHA-512",
		"listener.name.client.scram-sha-256.sasl.jaas.config":         "org.apache.kafka.common.security.scram.ScramLoginModule required;",
		"listener.name.client.scram-sha-512.sasl.jaas.config":         "org.apache.kafka.common.security.scram.ScramLoginModule required;",
		"auto.create.topics.enable":                                   "false",
		"offsets.topic.replication.factor":                            "1",
		"offsets.topic.num.partitions":                                "2",
		"transaction.state.log.replication.factor":                    "1",
		"transaction.state.log.min.isr":                               "1",
		"transaction.state.log.num.partitions":                        "2",
		"transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
		"group.initial.rebalance.delay.ms":                            "0",
		"log.retention.check.interval.ms":                             "1000",
		"log.initial.task.delay.ms":                                   "1000",
		"log.segment.delete.delay.ms":                                 "1000",
		"log.cleaner.dedupe.buffer.size":                              "4194304",
		"log.cleaner.io.buffer.size":                                  "65536",
		"log.index.size.max.bytes":                                    "262144",
		"metadata.log.segment.bytes":                                  "8388608",
		"num.network.threads":                                         "2",
		"num.io.threads":                                              "2",
		"background.threads":                                          "2",
		"group.coordinator.threads":                                   "1",
		"broker.heartbeat.interval.ms":                                "300",
		"broker.session.timeout.ms":                                   "2000", // a killed broker may come back after that
		"controller.quorum.election.timeout.ms":                       "300",
		"controller.quorum.election.backoff.max.ms":                   "300",
		"initial.broker.registration.timeout.ms":                      "60000",
		"socket.listen.backlog.size":                                  "200",
		"metric.reporters":                                            "",
	}
	maps.Copy(settings, o.Settings)
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&text, "%s=%s\n", name, settings[name])
	}
	return os.WriteFile(b.properties(), []byte(text.String()), 0o600)
}

func (b *Broker) properties() string { return filepath.Join(b.dir, "server.properties") }

// Log is the file with the broker's output.
func (b *Broker) Log() string { return filepath.Join(b.dir, "log") }

// Restart starts a broker that was stopped or killed, with the same data and ports, and returns when it answers.
func (b *Broker) Restart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	var err error
	if b.process, err = child.Start(child.Spec{Args: append(java(b.classes), "kafka.Kafka", b.properties()), Log: b.Log(), Signal: "TERM"}); err != nil {
		return err
	}
	if err = b.process.Await(ctx, func(ctx context.Context) error { return ready(ctx, b.internal) }); err != nil {
		content, _ := os.ReadFile(b.Log())
		return fmt.Errorf("start Kafka: %w\n%s", err, content[max(0, len(content)-2000):])
	}
	return nil
}

// Kill ends the broker by SIGKILL and returns when it is gone.
func (b *Broker) Kill() {
	if b.process != nil {
		b.process.Kill()
	}
}

// Shutdown ends the broker in order, for Restart to bring it back, and returns when it is gone.
func (b *Broker) Shutdown() {
	if b.process != nil {
		b.process.Stop()
	}
}

// Alive tells whether the broker runs.
func (b *Broker) Alive() bool { return b.process != nil && b.process.Alive() }

// Stop ends the broker at once and removes its data.
func (b *Broker) Stop() {
	b.Kill()
	b.folder.Remove()
}

// Start starts a broker that ends with the test. Where none can be had the test is skipped, or fails, as it does with Apache.
func Start(t testing.TB, o Options) *Broker {
	t.Helper()
	b, err := StartApache(context.WithoutCancel(t.Context()), o)
	if errors.Is(err, ErrMissing) {
		child.Missing(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	return b
}

// Apache returns the brokers of a cluster that the tests of a binary, or of a whole run, share: names of topics, groups and transactions have to
// be a test's own. It is the one of OPENNSP_TEST_KAFKA, or is started by the first test that asks and ends with the test binary. Where it cannot
// be had the test is skipped, or fails where OPENNSP_TEST_REQUIRE is 1.
func Apache(t testing.TB) (brokers []string) {
	t.Helper()
	s, err := theShared()
	if errors.Is(err, ErrMissing) {
		child.Missing(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	return s.brokers
}

// shared is what the tests of one binary share.
type shared struct {
	brokers []string
	broker  *Broker // nil = of another process; held for its life, which ends with the binary's
}

var theShared = sync.OnceValues(startShared)

// startShared has no context of a test: the broker outlives the test that needs it first.
func startShared() (shared, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	given := strings.FieldsFunc(os.Getenv(Env), func(r rune) bool { return r == ',' || r == ' ' })
	if len(given) == 0 {
		b, err := StartApache(ctx, Options{})
		if err != nil {
			return shared{}, err
		}
		return shared{brokers: []string{b.Addr}, broker: b}, nil
	}
	for { // one that is being started by another process
		err := ready(ctx, given[0])
		if err == nil {
			return shared{brokers: given}, nil
		}
		select {
		case <-ctx.Done():
			return shared{}, fmt.Errorf("reach the Kafka of %s: %w", Env, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// ready asks the broker at addr for the cluster: it answers with a broker once it takes requests.
func ready(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	req := kmsg.NewPtrMetadataRequest()
	req.Version, req.Topics = 4, []kmsg.MetadataRequestTopic{}
	if _, err := conn.Write(kmsg.NewRequestFormatter().AppendRequest(nil, req, 0)); err != nil {
		return err
	}
	var size uint32
	if err := binary.Read(conn, binary.BigEndian, &size); err != nil {
		return err
	}
	if size < 4 || size > 1<<20 {
		return fmt.Errorf("an answer of %d octets", size)
	}
	answer := make([]byte, size)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return err
	}
	resp := req.ResponseKind().(*kmsg.MetadataResponse)
	if err := resp.ReadFrom(answer[4:]); err != nil { // behind the correlation id
		return err
	}
	if len(resp.Brokers) == 0 {
		return errors.New("no broker takes requests yet")
	}
	return nil
}

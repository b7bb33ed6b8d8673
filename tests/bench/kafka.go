package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"time"

	"github.com/IBM/sarama"
	"github.com/jackc/pgx/v5"

	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/tests/kafkatest"
	"github.com/opennsp/nsp/tests/minlogtest"
	"github.com/opennsp/nsp/tests/postgrestest"
	"github.com/opennsp/nsp/tests/process"
)

const (
	registrationTopic = "minlog.registrations.v1"
	kafkaPartitions   = 12 // as a server makes the topic
)

// backends are servers of their own for the figures.
type backends struct {
	broker   *kafkatest.Broker
	client   sarama.Client
	database *postgrestest.Server // nil where none was asked for
}

// openBackends starts a broker, and a PostgreSQL where database is true.
func openBackends(ctx context.Context, database bool) (b *backends, err error) {
	b = &backends{}
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	if database {
		if b.database, err = postgrestest.Start(ctx, postgrestest.Options{}); err != nil {
			return b, err
		}
	}
	if b.broker, err = kafkatest.StartApache(ctx, kafkatest.Options{}); err != nil {
		return b, err
	}
	config := sarama.NewConfig()
	config.Version = sarama.V2_8_0_0
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Return.Successes = true
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.Flush.MaxMessages = 5000
	b.client, err = sarama.NewClient([]string{b.broker.Addr}, config)
	return b, err
}

func (b *backends) close() {
	if b.client != nil {
		_ = b.client.Close()
	}
	if b.broker != nil {
		b.broker.Stop()
	}
	if b.database != nil {
		b.database.Stop()
	}
}

// topic makes an empty topic.
func (b *backends) topic(name string) error {
	admin, err := sarama.NewClusterAdminFromClient(b.client)
	if err != nil {
		return err
	}
	one := "1"
	return admin.CreateTopic(name, &sarama.TopicDetail{
		NumPartitions: kafkaPartitions, ReplicationFactor: 1, ConfigEntries: map[string]*string{"min.insync.replicas": &one},
	}, false)
}

// produce appends messages to their partitions, outside of transactions.
func (b *backends) produce(messages func(yield func([]*sarama.ProducerMessage) bool)) error {
	producer, err := sarama.NewSyncProducerFromClient(b.client)
	if err != nil {
		return err
	}
	for batch := range messages {
		if err := producer.SendMessages(batch); err != nil {
			return err
		}
	}
	return nil // closing it would close the client
}

// recordsOf yields the records of n entries about so many persons in bulks, as a registration front makes them.
func recordsOf(n, persons int, fail *error) func(yield func([]*sarama.ProducerMessage) bool) {
	return func(yield func([]*sarama.ProducerMessage) bool) {
		now := time.Now()
		for bulk := range n / bulkSize {
			recorder, err := minlog.NewRecorder(minlog.Registrar{
				CVR: "99999901", ITSystem: "Test", MessageID: fmt.Sprintf("bench-%d", bulk), Interface: minlog.Interface20250312,
			}, now)
			batch := make([]*sarama.ProducerMessage, bulkSize)
			values := make([]byte, 0, bulkSize*700)
			for i := range batch {
				if err != nil {
					break
				}
				start := len(values)
				e := benchEntry(bulk*bulkSize+i, persons, now)
				values, _, err = recorder.AppendRegistration(values, i, &e)
				key := fnv.New64a()
				key.Write([]byte(e.Person.Value))
				batch[i] = &sarama.ProducerMessage{
					Topic: registrationTopic, Key: sarama.ByteEncoder(binary.BigEndian.AppendUint64(nil, key.Sum64())),
					Value:   sarama.ByteEncoder(values[start:len(values):len(values)]),
					Headers: []sarama.RecordHeader{{Key: []byte("nsp-format"), Value: []byte("1")}},
				}
				batch[i].Partition = int32((&messagelog.Record{Key: batch[i].Key.(sarama.ByteEncoder)}).PartitionOf(kafkaPartitions)) //nolint:gosec,forcetypeassert // small; made above
			}
			if err != nil {
				*fail = err
				return
			}
			if !yield(batch) {
				return
			}
		}
	}
}

// benchEntry is entry n of those that [entries] sends.
func benchEntry(n, persons int, now time.Time) minlog.Entry {
	at := now.Add(-time.Duration(n) * time.Millisecond).UTC().Truncate(time.Microsecond)
	return minlog.Entry{
		Source: &minlog.Chain{CorrelationID: "s-4711", System: "Praksis-A"}, System: "FMK", Activity: "Opslag på medicinkort", Addition: "Ingen", From: at, To: at,
		Org: minlog.ID{Source: "SOR", Value: "999000000000001"}, OrgName: "Testklinikken", Person: minlog.ID{Source: "CPR", Value: minlogtest.Nobody(n * 7919 % persons)},
		CorrelationID: fmt.Sprintf("c-%d", n), SequenceNumber: fmt.Sprint(n), User: minlog.ID{Source: "CPR", Value: "0505851111"}, UserRole: "Sygeplejerske",
		OnBehalfOf: minlog.ID{Source: "Autorisation", Value: "TST01"},
	}
}

// newDatabase makes a database that is a copy of template and returns its DSN.
func (b *backends) newDatabase(ctx context.Context, name, template string) (string, error) {
	admin, err := pgx.Connect(ctx, b.database.DSN)
	if err != nil {
		return "", err
	}
	defer admin.Close(ctx)
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+name+" TEMPLATE "+template); err != nil {
		return "", err
	}
	config := admin.Config()
	return fmt.Sprintf("postgres://%s:%s@%s:%d/%s?sslmode=disable", config.User, config.Password, config.Host, config.Port, name), nil
}

// start runs nspd with one role on the broker, with its data below dir and further settings.
func (b *backends) start(ctx context.Context, o options, dir, role string, settings []string, wrapper ...string) (*process.Server, error) {
	data := filepath.Join(dir, role)
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, err
	}
	return process.Run(ctx, o.nspd, process.Options{Dir: data, Federation: filepath.Join(dir, "federation"), Wrapper: wrapper, Env: append([]string{
		"NSPD_ROLES=" + role, "NSPD_MESSAGELOG_DRIVER=kafka", "NSPD_MESSAGELOG_BROKERS=" + b.broker.Addr, "NSPD_MESSAGELOG_KAFKA_REPLICATION=1",
		"NSPD_MESSAGELOG_KAFKA_MIN_INSYNC=1", "NSPD_MESSAGELOG_KEY_SECRET=the-secret-of-the-figures-of-nspd",
	}, settings...)})
}

// missing tells whether err is that one of the servers is not installed: then there is nothing to fall short of.
func missing(err error) bool {
	return errors.Is(err, kafkatest.ErrMissing) || errors.Is(err, postgrestest.ErrMissing)
}

var errNothing = errors.New("nothing was consumed for a minute")

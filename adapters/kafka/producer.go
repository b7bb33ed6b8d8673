package kafka

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/opennsp/nsp/domain/messagelog"
)

// producer is one transactional producer; one goroutine uses it. It speaks the protocol of transactions itself, on sarama's connections, instead
// of through sarama.AsyncProducer: that one tells no refused commit from an unknown one, and sends what is handed to it in several requests.
//
// It never aborts: after anything but a commit it is opened again. That bumps its epoch, upon which the coordinator aborts what was left open
// and takes no late request of it (KIP-98, KIP-360).
type producer struct {
	brokers []string
	config  *sarama.Config // Producer.Transaction.ID is ours
	commit  time.Duration  // for the outcome of a transaction

	client sarama.Client // nil before the first open
	ready  bool          // for another transaction
	pid    int64
	epoch  int16
	next   map[target]int32 // sequence number of the next record, in this epoch
}

// target is a partition of a topic.
type target struct {
	topic string
	id    int32
}

// pause is how long a loop waits between two attempts: it doubles from 1 ms, for a coordinator that is about to finish, to 100 ms.
type pause time.Duration

func (p *pause) wait() {
	*p = min(max(2**p, pause(time.Millisecond)), pause(100*time.Millisecond))
	time.Sleep(time.Duration(*p))
}

// open gets a new epoch. It gives up at the deadline.
func (p *producer) open(deadline time.Time) error {
	p.ready = false
	if p.client == nil {
		client, err := sarama.NewClient(p.brokers, p.config)
		if err != nil {
			return err
		}
		p.client = client
	}
	settings := p.config.Producer.Transaction
	err := p.ask(deadline, func(b *sarama.Broker) error {
		answer, err := b.InitProducerID(&sarama.InitProducerIDRequest{
			Version: 4, TransactionalID: &settings.ID, TransactionTimeout: settings.Timeout, ProducerID: -1, ProducerEpoch: -1,
		})
		if err != nil {
			return err
		}
		p.pid, p.epoch = answer.ProducerID, answer.ProducerEpoch
		return failed(answer.Err)
	})
	if err != nil {
		return err
	}
	p.next, p.ready = map[target]int32{}, true
	return nil
}

func (p *producer) close() {
	if p.client != nil {
		_ = p.client.Close()
	}
}

// transact stores all batches in one transaction. messagelog.ErrOutcomeUnknown if it cannot be told whether they are; after any other error they
// are not. Batches of one partition are stored in the order given. committing is asked before the commit is sent, and may forbid it.
func (p *producer) transact(batches []*batch, deadline time.Time, committing func() error) error {
	p.ready = false // until it is committed
	if err := p.add(batches, deadline); err != nil {
		return fmt.Errorf("add partitions: %w", err)
	}
	for len(batches) > 0 {
		var round []*batch // one of each partition
		round, batches = firsts(batches)
		if err := p.produce(round, deadline); err != nil {
			return fmt.Errorf("produce: %w", err)
		}
	}
	if err := committing(); err != nil {
		return err
	}
	if err := p.end(time.Now().Add(p.commit)); err != nil {
		return err
	}
	p.ready = true
	return nil
}

// add makes partitions part of the transaction, which begins with it.
func (p *producer) add(batches []*batch, deadline time.Time) error {
	request := &sarama.AddPartitionsToTxnRequest{
		Version: 3, TransactionalID: p.config.Producer.Transaction.ID, ProducerID: p.pid, ProducerEpoch: p.epoch, TopicPartitions: map[string][]int32{},
	}
	for _, b := range batches {
		if ids := request.TopicPartitions[b.topic]; !slices.Contains(ids, b.id) {
			request.TopicPartitions[b.topic] = append(ids, b.id)
		}
	}
	patience := time.Now().Add(metadataLag)
	return p.ask(deadline, func(b *sarama.Broker) error {
		answer, err := b.AddPartitionsToTxn(request)
		if err == nil {
			err = addError(answer)
		}
		if isAny(err, sarama.ErrUnknownTopicOrPartition) && time.Now().After(patience) {
			err = errors.Join(err, p.refresh(batches))
		}
		return err
	})
}

// refresh asks for the leaders of partitions anew; messagelog.ErrNoTopic where a topic is missing.
func (p *producer) refresh(batches []*batch) error {
	topics := make([]string, len(batches))
	for i, b := range batches {
		topics[i] = b.topic
	}
	slices.Sort(topics)
	if err := p.client.RefreshMetadata(slices.Compact(topics)...); errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
		return messagelog.ErrNoTopic
	}
	return nil
}

// addError is the error of one partition: first of those that say more than that another one failed.
func addError(answer *sarama.AddPartitionsToTxnResponse) (err error) {
	for _, partitions := range answer.Errors {
		for _, each := range partitions {
			if err == nil || each.Err != sarama.ErrNoError && each.Err != sarama.ErrOperationNotAttempted {
				err = failed(each.Err)
			}
		}
	}
	return err
}

// produce sends batches, one of a partition, until every one is acknowledged. A batch that is sent again keeps its sequence number: it is stored
// once.
func (p *producer) produce(batches []*batch, deadline time.Time) error {
	for _, b := range batches {
		b.ProducerID, b.ProducerEpoch, b.FirstSequence = p.pid, p.epoch, p.next[b.target]
		p.next[b.target] += int32(len(b.Records)) //nolint:gosec // a batch is small
	}
	patience := time.Now().Add(metadataLag)
	var between pause
	for {
		byLeader := map[*sarama.Broker][]*batch{}
		for _, b := range batches {
			leader, err := p.client.Leader(b.topic, b.id)
			if err != nil {
				b.err = err
				continue
			}
			byLeader[leader] = append(byLeader[leader], b)
		}
		var wg sync.WaitGroup
		for leader, theirs := range byLeader {
			if len(byLeader) == 1 {
				p.send(leader, theirs)
				break
			}
			wg.Go(func() { p.send(leader, theirs) })
		}
		wg.Wait()
		var again []*batch
		for _, b := range batches {
			switch {
			case b.err == nil:
			case !repeatable(b.err) || time.Now().After(deadline):
				return b.err
			default:
				again = append(again, b)
			}
		}
		if len(again) == 0 {
			return nil
		}
		batches = again
		if err := p.refresh(batches); err != nil && time.Now().After(patience) {
			return err
		}
		between.wait()
	}
}

// send sends batches to the leader of their partitions and notes the error of each.
func (p *producer) send(leader *sarama.Broker, batches []*batch) {
	settings := &p.config.Producer
	request := &sarama.ProduceRequest{
		Version: 9, TransactionalID: &settings.Transaction.ID, RequiredAcks: settings.RequiredAcks, Timeout: int32(settings.Timeout.Milliseconds()),
	}
	for _, b := range batches {
		request.AddBatch(b.topic, b.id, &b.RecordBatch)
	}
	answer, err := leader.Produce(request)
	if err != nil {
		_ = leader.Close() // the next attempt opens it again
	}
	for _, b := range batches {
		b.err = err
		if err != nil {
			continue
		}
		block := answer.GetBlock(b.topic, b.id)
		switch {
		case block == nil:
			b.err = sarama.ErrIncompleteResponse
		case block.Err == sarama.ErrDuplicateSequenceNumber: // it has been stored by an earlier attempt
		default:
			b.err = failed(block.Err)
		}
	}
}

// end commits. The request is repeated, with the same epoch, until it is answered or the deadline has passed. Once an attempt went without an
// answer that decides, a later refusal tells nothing: it may be refused for having been done.
func (p *producer) end(deadline time.Time) error {
	doubt := false
	err := p.ask(deadline, func(b *sarama.Broker) error {
		answer, err := b.EndTxn(&sarama.EndTxnRequest{
			Version: 3, TransactionalID: p.config.Producer.Transaction.ID, ProducerID: p.pid, ProducerEpoch: p.epoch, TransactionResult: true,
		})
		if err == nil {
			err = failed(answer.Err)
		}
		doubt = doubt || err != nil && !refusal(err)
		return err
	})
	switch {
	case err == nil:
		return nil
	case doubt:
		return fmt.Errorf("commit: %w: %w", messagelog.ErrOutcomeUnknown, err)
	default:
		return fmt.Errorf("commit: %w", err)
	}
}

// ask sends a request to the transaction coordinator until it gets an answer that is not repeatable, or the deadline has passed.
func (p *producer) ask(deadline time.Time, send func(*sarama.Broker) error) error {
	id := p.config.Producer.Transaction.ID
	var between pause
	for {
		coordinator, err := p.client.TransactionCoordinator(id)
		if err == nil {
			err = send(coordinator)
			if err == nil || !repeatable(err) {
				return err
			}
			var code sarama.KError
			if !errors.As(err, &code) {
				_ = coordinator.Close()
			}
			if code != sarama.ErrConcurrentTransactions {
				_ = p.client.RefreshTransactionCoordinator(id) // the next attempt asks for it again
			}
		}
		if time.Now().After(deadline) {
			return err
		}
		between.wait()
	}
}

// failed returns code as an error, nil if it is none.
func failed(code sarama.KError) error {
	if code == sarama.ErrNoError {
		return nil
	}
	return code
}

// repeatable tells whether the same request may succeed later: an error of the connection, or an answer that the Java client repeats upon.
func repeatable(err error) bool {
	var code sarama.KError
	switch {
	case errors.Is(err, messagelog.ErrNoTopic):
		return false
	case !errors.As(err, &code):
		return true
	}
	switch code {
	case sarama.ErrUnknown, sarama.ErrInvalidMessage, sarama.ErrUnknownTopicOrPartition, sarama.ErrLeaderNotAvailable,
		sarama.ErrNotLeaderForPartition, sarama.ErrRequestTimedOut, sarama.ErrReplicaNotAvailable, sarama.ErrNetworkException,
		sarama.ErrOffsetsLoadInProgress, sarama.ErrConsumerCoordinatorNotAvailable, sarama.ErrNotCoordinatorForConsumer,
		sarama.ErrNotEnoughReplicas, sarama.ErrNotEnoughReplicasAfterAppend, sarama.ErrConcurrentTransactions, sarama.ErrKafkaStorageError,
		sarama.ErrFencedLeaderEpoch, sarama.ErrUnknownLeaderEpoch, sarama.ErrThrottlingQuotaExceeded:
		return true
	default:
		return false
	}
}

// lost tells whether err says that this epoch of the producer has ended: another took its transactional id, its transaction took too long, or it
// was idle until it was forgotten. Error 90, ErrProducerFenced, is a value of its own beside 47.
func lost(err error) bool {
	return isAny(err, sarama.ErrProducerFenced, sarama.ErrInvalidProducerEpoch, sarama.ErrInvalidTxnState, sarama.ErrInvalidProducerIDMapping,
		sarama.ErrUnknownProducerID, sarama.ErrOutOfOrderSequenceNumber)
}

// refusal tells whether err, as the only answer to a commit, says that there will be none.
func refusal(err error) bool {
	return lost(err) || isAny(err, sarama.ErrTransactionalIDAuthorizationFailed, sarama.ErrClusterAuthorizationFailed, sarama.ErrInvalidRequest,
		sarama.ErrUnsupportedVersion)
}

// ofRecords tells whether err is about what was to be stored, so that other records may be taken.
func ofRecords(err error) bool {
	return errors.Is(err, messagelog.ErrNoTopic) || isAny(err, sarama.ErrUnknownTopicOrPartition, sarama.ErrTopicAuthorizationFailed, sarama.ErrInvalidTopic,
		sarama.ErrMessageSizeTooLarge, sarama.ErrMessageSetSizeTooLarge, sarama.ErrInvalidRecord, sarama.ErrInvalidTimestamp, sarama.ErrPolicyViolation)
}

func isAny(err error, codes ...sarama.KError) bool {
	var code sarama.KError
	return errors.As(err, &code) && slices.Contains(codes, code)
}

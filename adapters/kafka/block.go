package kafka

import (
	"fmt"
	"slices"
	"strings"

	"github.com/IBM/sarama"

	"github.com/opennsp/nsp/domain/messagelog"
)

// block is the answer to a fetch that holds batches, on its way to the reader.
type block struct {
	sets    []*sarama.Records
	aborted []*sarama.AbortedTransaction // those that concern sets, by first offset; not yet begun
	dead    map[int64]bool               // producers whose transaction is an aborted one at sets[0]
	record  int                          // of sets[0], the next
	begun   bool                         // whether the aborted transactions up to sets[0] are in dead
	end     int64                        // the offset after sets

	// Reused by every step.
	records []messagelog.Record
	headers []messagelog.Header
	text    strings.Builder
	names   map[string]string // header names, so that each is stored once
}

// maxNames bounds the names of headers that are remembered.
const maxNames = 64

// load makes b the answer f, and checks what decoding does not.
func (b *block) load(f *sarama.FetchResponseBlock) error {
	b.sets, b.aborted, b.record, b.begun = f.RecordsSet, f.AbortedTransactions, 0, false
	b.dead = map[int64]bool{}
	slices.SortFunc(b.aborted, func(x, y *sarama.AbortedTransaction) int { return int(min(1, max(-1, x.FirstOffset-y.FirstOffset))) })
	if n := len(b.sets); n > 0 && b.sets[n-1].RecordBatch != nil && b.sets[n-1].RecordBatch.PartialTrailingRecord {
		// A broker sends the first batch whole (KIP-74), and what is cut off after others is not among the sets.
		return sarama.PacketDecodingError{Info: "a batch that ends too early"}
	}
	for _, set := range b.sets {
		batch := set.RecordBatch
		if batch == nil {
			return sarama.PacketDecodingError{Info: "messages from before record batches (magic 2)"}
		}
		if batch.LastOffsetDelta < 0 || batch.FirstOffset < 0 {
			return sarama.PacketDecodingError{Info: fmt.Sprintf("a batch at %d with last offset %d", batch.FirstOffset, batch.LastOffset())}
		}
		if batch.Control && (len(batch.Records) != 1 || len(batch.Records[0].Key) < 4) {
			return sarama.PacketDecodingError{Info: fmt.Sprintf("a control batch at %d that is no marker", batch.FirstOffset)}
		}
		for _, r := range batch.Records {
			if r.OffsetDelta < 0 || r.OffsetDelta > int64(batch.LastOffsetDelta) {
				return sarama.PacketDecodingError{Info: fmt.Sprintf("record %d outside its batch of %d", r.OffsetDelta, batch.LastOffsetDelta+1)}
			}
		}
		b.end = batch.LastOffset() + 1
	}
	return nil
}

// step returns at most limit committed records at..to (to < 0: no end), and the position after them.
func (b *block) step(p topicPart, at, to int64, limit int) messagelog.Batch {
	b.records, b.headers = b.records[:0], b.headers[:0]
	next := at
	for ; len(b.sets) > 0; b.sets, b.record, b.begun = b.sets[1:], 0, false {
		batch := b.sets[0].RecordBatch
		if !b.begun {
			b.begin(batch)
			b.begun = true
		}
		if !batch.Control && !(batch.IsTransactional && b.dead[batch.ProducerID]) {
			for ; b.record < len(batch.Records); b.record++ {
				r := batch.Records[b.record]
				offset := batch.FirstOffset + r.OffsetDelta
				if offset < next {
					continue // the batch begins before the position that was asked for
				}
				if to >= 0 && offset >= to {
					return messagelog.Batch{Records: b.records, Next: to}
				}
				if len(b.records) == limit {
					return messagelog.Batch{Records: b.records, Next: next}
				}
				b.add(p, batch, r, offset)
				next = offset + 1
			}
		}
		next = max(next, batch.LastOffset()+1)
		if to >= 0 && next >= to {
			return messagelog.Batch{Records: b.records, Next: to}
		}
	}
	return messagelog.Batch{Records: b.records, Next: next}
}

// begin keeps account of whose transactions are aborted ones at batch.
func (b *block) begin(batch *sarama.RecordBatch) {
	for len(b.aborted) > 0 && b.aborted[0].FirstOffset <= batch.LastOffset() {
		b.dead[b.aborted[0].ProducerID] = true
		b.aborted = b.aborted[1:]
	}
	if batch.Control && abortMarker(batch) {
		delete(b.dead, batch.ProducerID)
	}
}

// abortMarker tells whether a control batch ends a transaction that is aborted. The key of its one record is a version and a type, of two
// bytes each; type 0 is abort.
func abortMarker(batch *sarama.RecordBatch) bool {
	key := batch.Records[0].Key
	return key[2] == 0 && key[3] == 0
}

func (b *block) add(p topicPart, batch *sarama.RecordBatch, r *sarama.Record, offset int64) {
	appended := batch.FirstTimestamp.Add(r.TimestampDelta)
	if batch.LogAppendTime {
		appended = batch.MaxTimestamp
	}
	b.records = append(b.records, messagelog.Record{
		Topic: p.topic, Partition: p.number, Offset: offset, AppendedAt: appended.UTC(), Key: r.Key, Headers: b.headersOf(r), Value: r.Value,
	})
}

// headersOf makes one string of the values of a record, which the headers share.
func (b *block) headersOf(r *sarama.Record) []messagelog.Header {
	if len(r.Headers) == 0 {
		return nil
	}
	n := 0
	for _, h := range r.Headers {
		n += len(h.Value)
	}
	b.text.Reset()
	b.text.Grow(n)
	for _, h := range r.Headers {
		b.text.Write(h.Value)
	}
	text, first := b.text.String(), len(b.headers)
	for _, h := range r.Headers {
		b.headers = append(b.headers, messagelog.Header{Key: b.name(h.Key), Value: text[:len(h.Value)]})
		text = text[len(h.Value):]
	}
	return b.headers[first:len(b.headers):len(b.headers)]
}

func (b *block) name(key []byte) string {
	if known, ok := b.names[string(key)]; ok {
		return known
	}
	if b.names == nil || len(b.names) >= maxNames {
		b.names = map[string]string{}
	}
	name := string(key)
	b.names[name] = name
	return name
}

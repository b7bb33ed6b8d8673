// Package kafka is the message log on Apache Kafka: transactional group producers, raw fetches up to the last stable offset, and the
// administration of topics.
package kafka

import (
	"crypto/tls"
	"log/slog"
	"time"
)

// Options say which cluster to use and how.
type Options struct {
	Brokers       []string      // host:port, at least one
	ClientID      string        // "" = nspd
	Instance      string        // of this process; part of the transactional ids, so two processes at a time must not share it
	TLS           *tls.Config   // nil = plain
	SASL          SASL          // the zero SASL is none
	Replication   int           // of topics that are made; 0 = 3
	MinInSync     int           // of topics that are made; 0 = 2
	Producers     int           // of each service; 0 = 4
	CommitTimeout time.Duration // for each of: a free producer, what is produced, the answer to the commit with its repetitions; 0 = 10 s
	Compression   string        // of what is produced: none, gzip, snappy, lz4 or zstd; "" = none
	Log           *slog.Logger  // nil = nobody
}

// SASL is how a client says who it is.
type SASL struct {
	Mechanism      string // PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; "" = none
	User, Password string
}

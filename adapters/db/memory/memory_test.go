package memory_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open() *memory.DB { return memory.New(time.Now) }

func TestUnits(t *testing.T) {
	portstest.UnitOfWork(t, func(*testing.T) (ports.UnitOfWork, ports.LogStore) {
		db := open()
		return db.Units(), db.LogStore()
	})
}

func messageLog(*testing.T) (ports.MessageLog, ports.TopicAdmin, ports.UnitOfWork) {
	db := open()
	return db.MessageLog(), db.Topics(), db.Units()
}

func TestMessageLog(t *testing.T) { portstest.MessageLog(t, messageLog) }

func TestTopics(t *testing.T) { portstest.TopicAdmin(t, messageLog) }

func TestLogStore(t *testing.T) {
	portstest.LogStore(t, func(*testing.T) (ports.LogStore, ports.UnitOfWork) {
		db := open()
		return db.LogStore(), db.Units()
	})
}

func TestAuditLog(t *testing.T) {
	portstest.AuditLog(t, func(t *testing.T) (ports.AuditLog, func() []string) {
		log := &memory.AuditLog{}
		return log, func() []string { return texts(t, log.Lines()) }
	})
	portstest.AuditLogRecovery(t, func(t *testing.T) (_ ports.AuditLog, lines func() []string, spoil, heal func()) {
		log := &memory.AuditLog{}
		full := errors.New("disk full")
		return log, func() []string { return texts(t, log.Lines()) }, func() { log.Fail(full, full) }, func() { log.Fail(nil, nil) }
	})
}

func texts(t *testing.T, entries []audit.Entry) []string {
	t.Helper()
	lines := make([]string, len(entries))
	for i, e := range entries {
		line, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		lines[i] = string(line)
	}
	return lines
}

// The wrappers that fail on demand keep the contract while they are told nothing.
func TestWrappersKeepTheContract(t *testing.T) {
	t.Run("unit of work", func(t *testing.T) {
		portstest.UnitOfWork(t, func(*testing.T) (ports.UnitOfWork, ports.LogStore) {
			db := open()
			return &portstest.FailingUnitOfWork{Units: db.Units()}, &portstest.FailingLogStore{Log: db.LogStore()}
		})
	})
	t.Run("message log", func(t *testing.T) {
		portstest.MessageLog(t, func(*testing.T) (ports.MessageLog, ports.TopicAdmin, ports.UnitOfWork) {
			db := open()
			return &portstest.FailingMessageLog{Log: db.MessageLog()}, db.Topics(), &portstest.FailingUnitOfWork{Units: db.Units()}
		})
	})
	t.Run("log store", func(t *testing.T) {
		portstest.LogStore(t, func(*testing.T) (ports.LogStore, ports.UnitOfWork) {
			db := open()
			return &portstest.FailingLogStore{Log: db.LogStore()}, &portstest.FailingUnitOfWork{Units: db.Units()}
		})
	})
	t.Run("audit log", func(t *testing.T) {
		portstest.AuditLog(t, func(t *testing.T) (ports.AuditLog, func() []string) {
			log := &memory.AuditLog{}
			return &portstest.FailingAuditLog{Log: log}, func() []string { return texts(t, log.Lines()) }
		})
	})
}

func TestConsume(t *testing.T) {
	portstest.Consume(t, func(*testing.T) portstest.Backend { return open() })
}

package sqlstore

import (
	"testing"

	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

// The wrappers that fail on demand keep the contract while they are told nothing.
func TestWrappersKeepTheContract(t *testing.T) {
	t.Run("unit of work", func(t *testing.T) {
		portstest.UnitOfWork(t, func(t *testing.T) (ports.UnitOfWork, ports.LogStore) {
			db := opened(t)
			return &portstest.FailingUnitOfWork{Units: db.Units()}, &portstest.FailingLogStore{Log: db.LogStore()}
		})
	})
	t.Run("message log", func(t *testing.T) {
		portstest.MessageLog(t, func(t *testing.T) (ports.MessageLog, ports.TopicAdmin, ports.UnitOfWork) {
			db := opened(t)
			return &portstest.FailingMessageLog{Log: db.MessageLog()}, db.Topics(), &portstest.FailingUnitOfWork{Units: db.Units()}
		})
	})
	t.Run("log store", func(t *testing.T) {
		if testing.Short() {
			t.Skip("as long as the suite without the wrapper")
		}
		portstest.LogStore(t, func(t *testing.T) (ports.LogStore, ports.UnitOfWork) {
			db := opened(t)
			return &portstest.FailingLogStore{Log: db.LogStore()}, &portstest.FailingUnitOfWork{Units: db.Units()}
		})
	})
}

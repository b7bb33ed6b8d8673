package memory_test

import (
	"testing"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

func nasStores(db *memory.DB) portstest.NASStores { return db }

func TestNASTopics(t *testing.T)  { portstest.TopicStore(t, handles(nasStores)) }
func TestPullPoints(t *testing.T) { portstest.PullPointStore(t, handles(nasStores)) }
func TestIDLists(t *testing.T)    { portstest.IDListStore(t, handles(nasStores)) }

// failingNAS has its stores in wrappers that are told nothing.
type failingNAS struct{ *memory.DB }

func (db failingNAS) NASTopics() ports.TopicStore {
	return &portstest.FailingTopics{Store: db.DB.NASTopics()}
}

func (db failingNAS) PullPoints() ports.PullPointStore {
	return &portstest.FailingPullPoints{Store: db.DB.PullPoints()}
}

func (db failingNAS) IDLists() ports.IDListStore {
	return &portstest.FailingIDLists{Store: db.DB.IDLists()}
}

// The wrappers that fail on demand keep the contract while they are told nothing.
func TestNASWrappersKeepTheContract(t *testing.T) {
	open := handles(func(db *memory.DB) portstest.NASStores { return failingNAS{db} })
	t.Run("topics", func(t *testing.T) { portstest.TopicStore(t, open) })
	t.Run("pull points", func(t *testing.T) { portstest.PullPointStore(t, open) })
	t.Run("id lists", func(t *testing.T) { portstest.IDListStore(t, open) })
}

package memory_test

import (
	"testing"
	"time"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/ports/portstest"
)

// handles has two handles on one database: in memory they are the same.
func handles[S any](store func(*memory.DB) S) portstest.Open[S] {
	return func(_ *testing.T, now func() time.Time) []portstest.Handle[S] {
		db := memory.New(now)
		h := portstest.Handle[S]{Store: store(db), Units: db.Units()}
		return []portstest.Handle[S]{h, h}
	}
}

func TestReplies(t *testing.T)  { portstest.ReplyStore(t, handles((*memory.DB).Replies)) }
func TestSeen(t *testing.T)     { portstest.SeenStore(t, handles((*memory.DB).Seen)) }
func TestGrants(t *testing.T)   { portstest.GrantStore(t, handles((*memory.DB).Grants)) }
func TestSessions(t *testing.T) { portstest.SessionStore(t, handles((*memory.DB).Sessions)) }
func TestSecurityEvents(t *testing.T) {
	portstest.SecurityEvents(t, handles((*memory.DB).SecurityEvents))
}

// The wrappers that fail on demand keep the contract while they are told nothing.
func TestSecurityWrappersKeepTheContract(t *testing.T) {
	t.Run("replies", func(t *testing.T) {
		portstest.ReplyStore(t, handles(func(db *memory.DB) ports.ReplyStore { return &portstest.FailingReplyStore{Replies: db.Replies()} }))
	})
	t.Run("seen", func(t *testing.T) {
		portstest.SeenStore(t, handles(func(db *memory.DB) ports.SeenStore { return &portstest.FailingSeenStore{Seen: db.Seen()} }))
	})
	t.Run("grants", func(t *testing.T) {
		portstest.GrantStore(t, handles(func(db *memory.DB) ports.GrantStore { return &portstest.FailingGrantStore{Store: db.Grants()} }))
	})
	t.Run("sessions", func(t *testing.T) {
		portstest.SessionStore(t, handles(func(db *memory.DB) ports.SessionStore {
			return &portstest.FailingSessionStore{Sessions: db.Sessions()}
		}))
	})
}

// Package e2e calls a whole server over HTTP, as its clients do.
package e2e

import (
	"testing"
	"time"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/tests/nsptest"
)

// onEveryStore runs f against a server of its own on each store; PostgreSQL with the message log on Kafka.
func onEveryStore(t *testing.T, o nsptest.Options, f func(t *testing.T, s *nsptest.Server)) {
	t.Helper()
	for _, store := range []string{"memory", "sqlite", "postgres"} {
		name := store
		if store == "postgres" {
			name = "postgres+kafka"
		}
		t.Run(name, func(t *testing.T) {
			o := o
			o.Store = store
			if store == "postgres" {
				o.Kafka = nsptest.Kafka(t)
			}
			f(t, nsptest.Start(t, o))
		})
	}
}

func dayOf(t time.Time) calendar.Day { return calendar.DayOf(t) }

func TestMain(m *testing.M) { nsptest.Main(m) }

package memory

import (
	"context"
	"time"

	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports"
)

// PersonNames returns the names of persons.
func (db *DB) PersonNames() ports.PersonNames { return personNames{db} }

type personNames struct{ db *DB }

var _ ports.PersonNames = personNames{}

func (s personNames) Names(ctx context.Context, ids []minlog.ID, at time.Time) (names map[minlog.ID]string, err error) {
	err = s.db.read(ctx, func() error {
		var citizens []stamdata.Citizen
		s.db.citizens(func(c stamdata.Citizen) { citizens = append(citizens, c) })
		names = stamdata.NamesOf(ids, latestOf(s.db, stamdata.Authorisations, stamdata.AuthorisationOf), citizens, at)
		return nil
	})
	return names, err
}

package sqlstore

import (
	"testing"
	"time"

	"github.com/opennsp/nsp/ports/portstest"
)

func TestPersonNames(t *testing.T) {
	portstest.PersonNames(t, func(t *testing.T) portstest.NamedPersons { return opened(t) })
}

func TestPostgresPersonNames(t *testing.T) {
	open := postgresOf(t, 1)
	portstest.PersonNames(t, func(*testing.T) portstest.NamedPersons { return open(time.Now)[0] })
}

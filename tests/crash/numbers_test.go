package crash

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	// The driver by which the test counts in the database.
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/ecprws"
	"github.com/opennsp/nsp/tests/child"
	"github.com/opennsp/nsp/tests/postgrestest"
	"github.com/opennsp/nsp/tests/process"
)

// series is how many numbers there are of one date, century and sex.
const series = 26 * 26 * 5

// pair is two processes on one database, and how it is reached.
func pair(t *testing.T) (servers [2]*process.Server, dsn string) {
	t.Helper()
	database, err := postgrestest.Start(t.Context(), postgrestest.Options{})
	if errors.Is(err, postgrestest.ErrMissing) {
		child.Missing(t, err.Error())
	}
	require.NoError(t, err)
	t.Cleanup(database.Stop)
	dir := t.TempDir()
	for i := range servers {
		own := filepath.Join(dir, fmt.Sprint(i))
		require.NoError(t, os.Mkdir(own, 0o700))
		servers[i], err = process.Run(t.Context(), nspd(t), process.Options{Dir: own, Federation: filepath.Join(dir, "federation"), Env: []string{
			"NSPD_STORE_DRIVER=postgres", "NSPD_STORE_DSN=" + database.DSN, "NSPD_LIMITS_QUEUE=30s",
		}})
		require.NoError(t, err)
		t.Cleanup(servers[i].Kill)
	}
	return servers, database.DSN
}

// TestPC7EveryNumberOnce has 64 clients ask two processes on one database for more numbers than a series has. Every tenth call brings a
// passport that another call brings too, so that it fails after it took its number.
func TestPC7EveryNumberOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("3,000 calls: not under the race detector")
	}
	servers, dsn := pair(t)
	client, err := servers[0].Client(t.Context(), "laege")
	require.NoError(t, err)
	clients := []*process.Client{client.At(servers[0].URL), client.At(servers[1].URL)}

	var mu sync.Mutex
	issued := map[string]int{}
	var full, taken atomic.Int64
	var asked atomic.Int64
	var callers sync.WaitGroup
	const calls = series + 3*64
	for i := range 64 {
		callers.Go(func() {
			for {
				n := int(asked.Add(1))
				if n > calls {
					return
				}
				passport := ""
				if n%10 < 2 {
					passport = fmt.Sprint("P", n/10)
				}
				number, code := create(t.Context(), clients[i%2], "1978-08-13", passport)
				switch code {
				case "":
					mu.Lock()
					issued[number]++
					mu.Unlock()
				case "ecpr_exhausted":
					full.Add(1)
				case "ecpr_value_exists":
					taken.Add(1)
				default:
					t.Errorf("call %d: %s", n, code)
					return
				}
			}
		})
	}
	callers.Wait()
	for number, times := range issued {
		if times > 1 {
			t.Errorf("a number of series %s was issued %d times", number[:7], times)
		}
	}
	assert.Positive(t, full.Load(), "calls that found their series full")
	db, err := sql.Open("pgx", dsn)
	require.NoError(t, err)
	defer db.Close()
	var spent, registered int
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM ecpr_ledger").Scan(&spent))
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM ecpr_person").Scan(&registered))
	assert.Equal(t, series, spent, "PC-8 numbers that are spent, those of calls that failed too")
	assert.Equal(t, len(issued), registered)
	t.Logf("%d issued, %d refused for their passport, %d for a full series", len(issued), taken.Load(), full.Load())
}

// create returns the number that a client gets, or the code of the fault.
func create(ctx context.Context, c *process.Client, date, passport string) (number, code string) {
	identifier := ""
	if passport != "" {
		identifier = "<Identifier><OID>2.25.276287498922580704022267390250412640307.1</OID><Value>" + passport + "</Value></Identifier>"
	}
	answer, err := c.Call(ctx, ecprws.Path, ecprws.DefaultNamespace+":CreatePerson", []byte(`<CreatePersonRequest xmlns="`+ecprws.DefaultNamespace+`"><Person>`+
		`<Modified><By><Person><Name>Test Laege</Name></Person><Organisation><Name>Testhus</Name><Identifier><Identifier>99999902</Identifier>`+
		`<Source>CVR</Source></Identifier></Organisation></By></Modified>`+identifier+`<Gender><Value>male</Value></Gender><BirthDate><Value>`+
		date+`</Value></BirthDate></Person></CreatePersonRequest>`))
	var refused *soap.Fault
	switch {
	case errors.As(err, &refused):
		return "", refused.Code
	case err != nil:
		return "", err.Error()
	}
	defer answer.Tree.Release()
	t := answer.Tree
	person := t.Child(answer.Body, ecprws.DefaultNamespace, "Person")
	for id := range t.Children(person) {
		if oid, _ := t.Text(t.Child(id, ecprws.DefaultNamespace, "OID")); oid == "1.2.208.176.1.6.1.1" {
			number, err = t.Text(t.Child(id, ecprws.DefaultNamespace, "Value"))
			if err != nil {
				return "", err.Error()
			}
		}
	}
	return number, ""
}

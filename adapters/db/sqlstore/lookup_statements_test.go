package sqlstore

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports/portstest"
)

// unnoted is an audit trail that nobody reads.
type unnoted struct{}

func (unnoted) Note(context.Context, audit.Component, audit.Context, ...audit.Information) {}

func caller(t *testing.T, number string) identity.Caller {
	t.Helper()
	n, err := cpr.Parse(number)
	require.NoError(t, err)
	return identity.Caller{Kind: identity.Citizen, CPR: n, MessageID: "m-1", Credential: identity.Credential{Scheme: identity.IDWS, Level: 3}}
}

// What a lookup and a report ask of the database does not grow with what they find.
func TestLookupStatements(t *testing.T) {
	const parent, child, page = "2207820468", "2101194638", 50
	for engine, open := range map[string]func(*testing.T) *DB{
		"sqlite":   func(t *testing.T) *DB { return opened(t) },
		"postgres": func(t *testing.T) *DB { return openedPostgres(t, postgresDSN(t)) },
	} {
		t.Run(engine, func(t *testing.T) {
			ctx, db, clock := context.Background(), open(t), func() time.Time { return start }
			portstest.LoadPeople(t, db.Stamdata(), start.Add(-time.Hour))
			require.NoError(t, db.Topics().CreateTopic(ctx, topic, messagelog.Spec{Partitions: 1}))
			rs := registrations(0, 4*page, 1)
			for i := range rs {
				rs[i].Entry.Person.Value = []string{parent, child}[i%2]
				rs[i].Entry.From, rs[i].Entry.To = start.Add(-time.Hour), start.Add(-time.Hour)
				rs[i].Entry.OnBehalfOf = minlog.ID{Source: minlog.Authorisation, Value: fmt.Sprintf("T%04d", i)}
				rs[i].Entry.User.Value = fmt.Sprintf("010180%04d", i)
			}
			_, err := db.LogStore().Store(ctx, minlog.Partition{Topic: topic}, 0, int64(len(rs)), minlog.Batch{Registrations: rs})
			require.NoError(t, err)

			registrar := &logkeeping.Registrar{
				Log: db.MessageLog(), Trail: unnoted{}, Now: clock, Topic: topic, KeySecret: []byte("secret"), MaxBulk: 1000, MaxPeriod: time.Hour,
				RetentionYears: 2, AppendTimeout: time.Minute,
			}
			citizens := &logkeeping.CitizenLookup{
				Reading: logkeeping.Reading{
					Store: db.LogStore(), Trail: unnoted{}, Now: clock, Logger: slog.New(slog.DiscardHandler), TokenKey: []byte("key"), PageSize: page,
					MaxPageSize: page, MaxEntries: 1000, ScanBudget: 1000, MaxPeriod: time.Hour, RetentionYears: 2,
				},
				Relations: db.Register(), Citizens: db.Register(), Names: db.PersonNames(), Ages: minlog.Ages{Self: 15, Custody: 15},
				Access: &logkeeping.AccessLog{Registrar: registrar, CVR: "33257872", NewID: func() string { return "id" }},
			}
			appended := map[string]int{"sqlite": 5, "postgres": 4}[engine]
			find := func(person string, entries int) func() error {
				return func() error {
					found, err := citizens.Find(ctx, caller(t, parent), logkeeping.Inquiry{Person: minlog.ID{Source: minlog.CPR, Value: person}})
					assert.Len(t, found.Groups, entries)
					return err
				}
			}
			for _, c := range []struct {
				name string
				call func() error
				want int
			}{
				{"lookup: birth, registrations, names of professionals and of persons", find(parent, page), 4},
				{"lookup for a child: births, relations; what Append asks; registrations, names", find(child, page), 3 + appended + 3},
				{"report: counts", func() error {
					system := identity.Caller{Kind: identity.System, Org: identity.Organisation{CVR: "33257872"}}
					day := func(n int) calendar.Day { return calendar.DayOf(start.AddDate(0, 0, n)) }
					counts, err := (&logkeeping.Report{Store: db.LogStore(), Trail: unnoted{}}).Days(ctx, system, day(-30), day(1), "")
					assert.NotEmpty(t, counts)
					return err
				}, 1},
			} {
				t.Run(c.name, func(t *testing.T) {
					var statements []string
					db.observe = func(statement string) { statements = append(statements, statement) }
					require.NoError(t, c.call())
					assert.Len(t, statements, c.want)
					db.observe = nil
				})
			}
		})
	}
}

// Package minlogtest makes stores of registrations on PostgreSQL, as many as a country has, for what is measured of them.
package minlogtest

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/opennsp/nsp/adapters/db/sqlstore"
)

// What the rows are: those of two years and the month they began in, up to now, of citizens who have 170 each on average: a billion rows of six
// million citizens. Citizens are not alike: most have about that, a few have thousands.
const (
	Months    = 26
	PerPerson = 170
	LeastRows = 10 * PerPerson

	skew     = 1.6
	copyRows = 5_000 // rows in the order of the key at a time, as a consumer stores them
	fillers  = 2     // months at a time
)

// Store is a database of so many rows.
type Store struct {
	DB  *sqlstore.DB
	DSN string

	rows  int
	begin time.Time
}

// Create makes the database for n rows where it is not there, and returns its DSN.
func Create(ctx context.Context, server string, n int) (dsn string, err error) {
	name := fmt.Sprintf("growth_%d", n)
	conn, err := Connect(ctx, server)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	var there bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&there); err != nil {
		return "", err
	}
	if !there {
		_, err = conn.Exec(ctx, "CREATE DATABASE "+name+" TEMPLATE template0")
	}
	return withDatabase(server, name), err
}

// Open opens a store for n rows of the two years before now.
func Open(ctx context.Context, dsn string, n int, now time.Time) (*Store, error) {
	db, err := sqlstore.Open(ctx, sqlstore.Options{DSN: dsn})
	now = now.UTC()
	return &Store{DB: db, DSN: dsn, rows: n, begin: time.Date(now.Year(), now.Month()-Months+1, 1, 0, 0, 0, 0, time.UTC)}, err
}

// Connect tells nothing of the DSN where it fails: it may hold a password.
func Connect(ctx context.Context, dsn string) (*pgx.Conn, error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, errors.New("no connection to the server")
	}
	return conn, nil
}

// withDatabase returns a DSN, a URL or keywords, for another database of the server.
func withDatabase(dsn, name string) string {
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme == "" {
		return dsn + " dbname=" + name
	}
	u.Path = "/" + name
	return u.String()
}

// Persons is how many citizens the rows are about.
func (s *Store) Persons() int { return s.rows / PerPerson }

// Cutoff is when the two years began whose rows are alive.
func (s *Store) Cutoff() time.Time { return s.begin.AddDate(-2, Months, 0) }

// Nobody returns the i-th of many numbers of the form of a civil registration number that were never given to anybody: born in 1950 to 1999,
// and without the check digit that all numbers of those years have (modulus 11).
func Nobody(i int) string {
	number := fmt.Sprintf("%02d%02d%02d%03d", 1+i%28, 1+i/28%12, 50+i/336%50, i/16800)
	sum := 0
	for j, weight := range []int{4, 3, 2, 7, 6, 5, 4, 3, 2} {
		sum += weight * int(number[j]-'0')
	}
	return fmt.Sprintf("%s%d", number, (11-sum%11+1)%10)
}

// Fill makes the rows of the months that have none, and tells how many it made in a second.
func (s *Store) Fill(ctx context.Context, progress io.Writer) (perSecond float64, err error) {
	if err := s.DB.LogMonths().MakeMonths(ctx, s.begin, s.begin.AddDate(0, Months+3, 0)); err != nil {
		return 0, err
	}
	var made, next atomic.Int64
	began := time.Now()
	told, stop := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(told)
		tick := time.NewTicker(5 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				n := made.Load()
				fmt.Fprintf(progress, "%d of %d rows, %.0f rows/s\n", n, s.rows, float64(n)/time.Since(began).Seconds())
			case <-stop:
				return
			}
		}
	}()
	errs := make([]error, fillers)
	var filling sync.WaitGroup
	for i := range errs {
		filling.Go(func() { errs[i] = s.fillMonths(ctx, &next, &made) })
	}
	filling.Wait()
	close(stop)
	<-told
	if err := errors.Join(errs...); err != nil {
		return 0, err
	}
	perSecond = float64(made.Load()) / time.Since(began).Seconds()
	conn, err := Connect(ctx, s.DSN)
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx)
	if made.Load() > 0 {
		_, err = conn.Exec(ctx, "VACUUM ANALYZE minlog_entry")
	}
	if err == nil {
		_, err = conn.Exec(ctx, "CHECKPOINT")
	}
	return perSecond, err
}

// fillMonths fills one month after the other until none is left for it.
func (s *Store) fillMonths(ctx context.Context, next, made *atomic.Int64) error {
	conn, err := Connect(ctx, s.DSN)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "SET synchronous_commit = off"); err != nil {
		return err
	}
	for month := int(next.Add(1)) - 1; month < Months && err == nil; month = int(next.Add(1)) - 1 {
		err = s.fillMonth(ctx, conn, month, made)
	}
	return err
}

// fillMonth copies the rows of a month into its partition, in one transaction.
func (s *Store) fillMonth(ctx context.Context, conn *pgx.Conn, month int, made *atomic.Int64) error {
	from, to := s.begin.AddDate(0, month, 0), s.begin.AddDate(0, month+1, 0)
	table := pgx.Identifier{"minlog_entry_" + from.Format("200601")}
	var filled bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM "+table.Sanitize()+")").Scan(&filled); err != nil || filled {
		return err
	}
	first, last := month*s.rows/Months, (month+1)*s.rows/Months
	random := rand.New(rand.NewPCG(uint64(s.rows), uint64(month)))
	step := to.Sub(from) / time.Duration(last-first+1)
	batch := make([]row, 0, copyRows)
	i := first
	_, err := conn.CopyFrom(ctx, table, columns, pgx.CopyFromFunc(func() ([]any, error) {
		if len(batch) == 0 {
			for ; i < last && len(batch) < copyRows; i++ {
				batch = append(batch, s.row(random, i, from.Add(time.Duration(i-first)*step).Truncate(time.Microsecond)))
			}
			made.Add(int64(len(batch)))
			// The last one is taken first.
			slices.SortFunc(batch, func(a, b row) int { return -cmp.Or(cmp.Compare(a.person, b.person), a.at.Compare(b.at)) })
		}
		if len(batch) == 0 {
			return nil, nil
		}
		r := batch[len(batch)-1]
		batch = batch[:len(batch)-1]
		return r.values(), ctx.Err()
	}))
	return err
}

var columns = []string{"person_key", "at", "id", "from_at", "behalf_key", "system_name", "registrar_cvr", "registrar_system", "message_id", "interface",
	"received_at", "doc"}

type row struct {
	number int
	person int
	at     time.Time
	id     [16]byte
}

// row returns a row of its number at a time, of a citizen chosen at random: of some more often than of others.
func (s *Store) row(random *rand.Rand, number int, at time.Time) row {
	person := int(math.Pow(random.Float64(), skew) * float64(s.Persons()))
	if random.IntN(3) > 0 {
		person = random.IntN(s.Persons())
	}
	r := row{number: number, person: person, at: at}
	binary.BigEndian.PutUint64(r.id[:8], random.Uint64())
	binary.BigEndian.PutUint64(r.id[8:], random.Uint64())
	return r
}

// words of which rows are made.
var (
	systems    = []string{"FMK", "Journal-B", "Praksis-A", "Sundhedsjournal", "DDV"}
	activities = []string{"Opslag på medicinkort", "Opslag i journal", "Opdatering af medicinkort", "Opslag i vaccinationskort", "Opslag i laboratoriesvar"}
	roles      = []string{"Læge", "Sygeplejerske", "Farmaceut", "Lægesekretær"}
)

func (r row) values() []any {
	at := r.at.UnixMicro()
	instant := r.at.Format("2006-01-02T15:04:05.999999Z")
	system, id := systems[r.number%len(systems)], fmt.Sprintf("%x", r.id[:6])
	var behalf any
	var b strings.Builder
	b.WriteString(`{"source":{"correlationId":"s-` + id + `","system":"Praksis-A"},"system":"` + system + `","activity":"` + activities[r.number%len(activities)] +
		`","addition":"Ingen","from":"` + instant + `","to":"` + instant + `","org":{"source":"SOR","id":"999000000000` + id[:3] +
		`"},"orgName":"Testklinikken","person":{"source":"CPR","id":"` + Nobody(r.person) + `"},"correlationId":"s-` + id + `","sequenceNumber":"` + id +
		`","user":{"source":"CPR","id":"` + Nobody(r.number%50_000) + `"},"userRole":"` + roles[r.number%len(roles)] + `"`)
	if r.number%3 == 0 {
		code := fmt.Sprintf("T%04d", r.number%9_000)
		behalf = "Autorisation:" + code
		b.WriteString(`,"behalf":{"source":"Autorisation","id":"` + code + `"}`)
	}
	b.WriteString("}")
	return []any{"CPR:" + Nobody(r.person), at, r.id, at, behalf, system, "33257872", "Service Consumer Test", "b79c61ff-70e4-89f1-b6d4-" + id, "20250312", at + 2_000_000, b.String()}
}

// Size returns the octets of the table and of its indexes, all months.
func (s *Store) Size(ctx context.Context) (table, index int64, err error) {
	conn, err := Connect(ctx, s.DSN)
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close(ctx)
	err = conn.QueryRow(ctx, `SELECT sum(pg_table_size(inhrelid)), sum(pg_indexes_size(inhrelid)) FROM pg_inherits WHERE inhparent = 'minlog_entry'::regclass`).
		Scan(&table, &index)
	return table, index, err
}

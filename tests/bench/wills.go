package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/opennsp/nsp/adapters/db/sqlstore"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/fgvhrws"
	"github.com/opennsp/nsp/adapters/soap/willws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/will"
	"github.com/opennsp/nsp/tests/minlogtest"
	"github.com/opennsp/nsp/tests/postgrestest"
	"github.com/opennsp/nsp/tests/process"
)

const (
	existRounds = 20
	existReads  = 1_000                // of a round
	existLimit  = 2 * time.Millisecond // for 99 of 100 of them
)

// sender posts a message, as a client has it.
type sender = func(ctx context.Context, action string, body func(*xmlout.Writer)) (*soap.Response, error)

// cardQuestion is what a data card asks about a citizen, of half of whom the answer is yes.
type cardQuestion struct {
	name, path string
	peer       string // the server that verifies it alone
	ask        func(ctx context.Context, send sender, citizen cpr.Number) (bool, error)
}

func cardQuestions() []cardQuestion {
	return []cardQuestion{
		{"wills-has", willws.PathBTR, willServer, func(ctx context.Context, send sender, citizen cpr.Number) (bool, error) {
			return (&willws.Client{Send: send}).Has(ctx, citizen)
		}},
		{"fgvhr-get", fgvhrws.Path, optOutServer, func(ctx context.Context, send sender, citizen cpr.Number) (bool, error) {
			_, there, err := (&fgvhrws.Client{Send: send}).Get(ctx, citizen)
			return there, err
		}},
	}
}

// willEngine is a database with wills, and an nspd on it.
type willEngine struct {
	name        string
	driver, dsn string // of database/sql
	options     sqlstore.Options
	env         []string // of nspd
}

func (e willEngine) figure(name string, g goal) figure {
	return figure{name: name + "/" + e.name, goal: g}
}

// wills measures how many questions of a data card a second nspd answers, whether a citizen has a treatment will and whether he or she declines
// resuscitation, each about another citizen of many, on the machine of the load generator. The peer is what the server does of it anyway: it
// receives, verifies, admits and answers the same messages, with no use case, store or audit log behind. And how long the store takes to tell
// that there is a will or none, 99 of 100 times, beside a limit.
func wills(ctx context.Context, o options) (all []figure) {
	dir, err := os.MkdirTemp("", "bench")
	if err == nil {
		defer os.RemoveAll(dir)
	}
	file := filepath.Join(dir, "store.db")
	engines := []willEngine{{
		name: "sqlite", driver: "sqlite", dsn: "file:" + file, options: sqlstore.Options{Path: file}, env: []string{"NSPD_STORE_DSN=" + file},
	}}
	database, noDatabase := postgrestest.Start(ctx, postgrestest.Options{})
	if noDatabase == nil {
		defer database.Stop()
		engines = append(engines, willEngine{
			name: "postgres", driver: "pgx", dsn: database.DSN, options: sqlstore.Options{DSN: database.DSN},
			env: []string{"NSPD_STORE_DRIVER=postgres", "NSPD_STORE_DSN=" + database.DSN},
		})
	}
	for _, e := range engines {
		exists := e.figure("wills-exists", goal{atMost: 1})
		var p99 float64
		if err == nil {
			err = e.fill(ctx)
		}
		if err == nil {
			p99, err = e.exists(ctx)
		}
		exists.value, exists.peer = "p99 "+micros(p99), "limit "+millis(existLimit.Seconds())
		exists.ratio, exists.err = p99/existLimit.Seconds(), err
		all = append(all, exists)
	}
	var rates map[string]float64
	if err == nil {
		rates, err = askCards(ctx, o, dir, engines)
	}
	for _, q := range cardQuestions() {
		for _, e := range engines {
			f := e.figure(q.name, goal{atLeast: 0.3})
			ours, alone := rates[f.name], rates[q.name]
			f.value, f.peer, f.ratio, f.err = callsPerSecond(ours), "verified alone "+callsPerSecond(alone), ours/alone, err
			all = append(all, f)
		}
	}
	if noDatabase != nil {
		all = append(all, unmeasured([]figure{{name: "wills/postgres", goal: goal{atMost: 1}}}, noDatabase)...)
	}
	return all
}

// askCards returns calls a second: under the name of a question those that were verified alone, under that and an engine's name those of nspd.
func askCards(ctx context.Context, o options, dir string, engines []willEngine) (map[string]float64, error) {
	var client *process.Client
	var ours []contender
	for _, e := range engines {
		server, err := e.start(ctx, o, dir)
		if err != nil {
			return nil, err
		}
		defer server.Stop()
		if client == nil {
			if client, err = server.Client(ctx, "portal"); err != nil {
				return nil, err
			}
			if err := writeSTS(server, dir); err != nil {
				return nil, err
			}
		}
		if err := examineCards(ctx, client.At(server.URL)); err != nil {
			return nil, fmt.Errorf("%s: %w", e.name, err)
		}
		ours = append(ours, contender{name: e.name, addr: strings.TrimPrefix(server.URL, "http://"), warm: warmTime})
	}
	all := map[string]float64{}
	for _, q := range cardQuestions() {
		rates, err := q.race(ctx, dir, ours, client)
		if err != nil {
			return nil, err
		}
		for name, rate := range rates {
			if name == q.peer {
				all[q.name] = rate
			} else {
				all[q.name+"/"+name] = rate
			}
		}
	}
	return all, nil
}

func (q cardQuestion) race(ctx context.Context, dir string, ours []contender, client *process.Client) (map[string]float64, error) {
	r := race{ctx: ctx, dir: dir, servers: append([]contender(nil), ours...)}
	defer r.stop()
	if err := r.start(q.peer); err != nil {
		return nil, err
	}
	citizen, err := cpr.Parse(citizenMark)
	if err != nil {
		return nil, err
	}
	var message []byte
	if _, err := q.ask(ctx, func(_ context.Context, _ string, body func(*xmlout.Writer)) (*soap.Response, error) {
		var w xmlout.Writer
		body(&w)
		message = client.Message(messageMark, w.Bytes())
		return nil, errUnsent
	}, citizen); !errors.Is(err, errUnsent) {
		return nil, err
	}
	return r.run(func(addr string) func() request { return questions(postTo(addr, q.path, message)) })
}

// start starts nspd with the services and a token service.
func (e willEngine) start(ctx context.Context, o options, dir string) (*process.Server, error) {
	own := filepath.Join(dir, e.name)
	if err := os.Mkdir(own, 0o700); err != nil {
		return nil, err
	}
	return process.Run(ctx, o.nspd, process.Options{
		Dir: own, Federation: filepath.Join(dir, "federation"),
		Env: append([]string{"NSPD_ROLES=wills,fgvhr,sts,minlog-registration,minlog-consumer", "NSPD_SECURITY_CACHE_ENTRIES=0"}, e.env...),
	})
}

// examineCards makes sure that the server answers what is stored.
func examineCards(ctx context.Context, client *process.Client) error {
	for _, q := range cardQuestions() {
		send := func(ctx context.Context, action string, body func(*xmlout.Writer)) (*soap.Response, error) {
			var w xmlout.Writer
			body(&w)
			return client.Call(ctx, q.path, action, w.Bytes())
		}
		for i := range 10 {
			citizen, err := cpr.Parse(minlogtest.Nobody(i))
			if err != nil {
				return err
			}
			yes, err := q.ask(ctx, send, citizen)
			if err != nil {
				return fmt.Errorf("%s of citizen %d: %w", q.name, i, err)
			}
			if yes != (i%2 == 0) {
				return fmt.Errorf("%s of citizen %d: %w", q.name, i, errAnswer)
			}
		}
	}
	return nil
}

// exists returns in what time, in seconds, the store tells 99 of 100 times whether a citizen has a treatment will: that of the best quarter of
// many short rounds, in which other programs took least of the machine.
func (e willEngine) exists(ctx context.Context) (p99 float64, err error) {
	store, err := sqlstore.Open(ctx, e.options)
	if err != nil {
		return 0, err
	}
	defer store.Close()
	var rounds []float64
	for range existRounds {
		var times []float64
		for range existReads {
			i := rand.IntN(consentCitizens)
			number, err := cpr.Parse(minlogtest.Nobody(i))
			if err != nil {
				return 0, err
			}
			started := time.Now()
			has, err := store.Wills().Exists(ctx, []cpr.Number{number}, will.BTR)
			times = append(times, time.Since(started).Seconds())
			if err != nil {
				return 0, err
			}
			if has != (i%2 == 0) {
				return 0, errAnswer
			}
		}
		rounds = append(rounds, quantile(times, 0.99))
	}
	return quantile(rounds, 0.25), nil
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/opennsp/nsp/adapters/auth/hsuid"
	authtrust "github.com/opennsp/nsp/adapters/auth/trust"
	"github.com/opennsp/nsp/adapters/db/sqlstore"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/consentws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/application/consenting"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/tests/minlogtest"
	"github.com/opennsp/nsp/tests/postgrestest"
	"github.com/opennsp/nsp/tests/process"
)

// The sample units of the test federation that registrations name, and the one that asks.
const (
	consentOrg       = "900021000016003"
	consentElsewhere = "900041000016007"
	consentOrigin    = "900011000016001"
)

const consentDoctor = "0202020002"

// consentHTTP measures how many user checks a second nspd answers, each about another citizen of many whose registrations are in PostgreSQL, on
// the machine of the load generator. The peer is what the server does of it anyway: it receives, verifies, admits and answers the same messages,
// with no use case, store or audit log behind. And how long the store takes for a citizen's registrations, beside a SELECT of one row by its key.
func consentHTTP(ctx context.Context, o options) []figure {
	checks, active := figure{name: "consent-http", goal: goal{atLeast: 0.3}}, figure{name: "consent-active"}
	cached := figure{name: "consent-http/cached"}
	run, err := checkConsents(ctx, o)
	if missing(err) {
		checks.goal = goal{}
	}
	if checks.err, cached.err, active.err = err, err, err; err != nil {
		return []figure{checks, cached, active}
	}
	compare := func(f *figure, ours, alone string) {
		f.value, f.peer = callsPerSecond(run.rates[ours]), "verified alone "+callsPerSecond(run.rates[alone])
		f.ratio = run.rates[ours] / run.rates[alone]
	}
	compare(&checks, checkServer, consentServer)
	compare(&cached, checkCachedServer, consentCachedServer)
	active.value, active.peer, active.ratio = micros(run.active), "point SELECT "+micros(run.point), run.active/run.point
	return []figure{checks, cached, active, {picture: bars(run.rates, []string{consentCachedServer, consentServer, checkCachedServer, checkServer})}}
}

// The servers that answer checks.
const (
	checkServer       = "nspd"
	checkCachedServer = "nspd-cached"
)

// consentRun is what was measured: calls a second by server, and how long a reading takes, in seconds.
type consentRun struct {
	rates         map[string]float64
	active, point float64
}

func checkConsents(ctx context.Context, o options) (run consentRun, err error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return run, err
	}
	defer os.RemoveAll(dir)
	database, err := postgrestest.Start(ctx, postgrestest.Options{})
	if err != nil {
		return run, err
	}
	defer database.Stop()
	if err := fillConsents(ctx, database.DSN); err != nil {
		return run, err
	}
	if run.active, run.point, err = readConsents(ctx, database.DSN); err != nil {
		return run, err
	}
	r := race{ctx: ctx, dir: dir}
	defer r.stop()
	var client *process.Client
	for _, s := range []struct{ name, cache string }{{checkServer, "0"}, {checkCachedServer, "16384"}} {
		server, err := startChecks(ctx, o, filepath.Join(dir, s.name), filepath.Join(dir, "federation"), database.DSN, s.cache)
		if err != nil {
			return run, err
		}
		defer server.Stop()
		if client == nil {
			if client, err = checker(ctx, server); err != nil {
				return run, err
			}
			if err := writeSTS(server, dir); err != nil {
				return run, err
			}
		}
		if err := examineChecks(ctx, client.At(server.URL)); err != nil {
			return run, err
		}
		r.servers = append(r.servers, contender{name: s.name, addr: strings.TrimPrefix(server.URL, "http://"), warm: warmTime})
	}
	for _, name := range []string{consentServer, consentCachedServer} {
		if err := r.start(name); err != nil {
			return run, err
		}
	}
	message, err := checkMessage(ctx, client)
	if err != nil {
		return run, err
	}
	run.rates, err = r.run(func(addr string) func() request { return questions(postTo(addr, consentws.PathVerification, message)) })
	return run, err
}

// startChecks starts nspd with the consent services and a token service.
func startChecks(ctx context.Context, o options, dir, federation, dsn, cache string) (*process.Server, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	return process.Run(ctx, o.nspd, process.Options{Dir: dir, Federation: federation, Env: []string{
		"NSPD_ROLES=consent,sts,minlog-consumer", "NSPD_STORE_DRIVER=postgres", "NSPD_STORE_DSN=" + dsn, "NSPD_SECURITY_CACHE_ENTRIES=" + cache,
	}})
}

// checker is the sample portal, which a doctor uses.
func checker(ctx context.Context, server *process.Server) (*process.Client, error) {
	portal, err := server.Client(ctx, "portal")
	if err != nil {
		return nil, err
	}
	number, err := cpr.Parse(consentDoctor)
	return portal.For(identity.HSUID{
		Issuer: "Bench", UserType: "nsi:HealthcareProfessional", Acting: number, Org: identity.OrgID{Scheme: hsuid.SOR, Code: consentOrg}, SystemName: "Bench",
	}), err
}

// writeSTS keeps the certificate of the server's token service for the peers.
func writeSTS(server *process.Server, dir string) error {
	certificates, err := authtrust.ReadCertificates(server.Federation().SigningKeys()[trust.IDCard].Certificate)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, fileCertificate), certificates[0].Raw, 0o600)
}

// asked is what the portal asks about a citizen.
func asked(citizen string) (q consenting.Question, err error) {
	q.Org = org.ID{Code: consentOrg, Scheme: org.SOR}
	if q.Acting, err = cpr.Parse(consentDoctor); err != nil {
		return q, err
	}
	q.Citizen, err = cpr.Parse(citizen)
	return q, err
}

// checkMessage is the message of a user check about citizenMark.
func checkMessage(ctx context.Context, client *process.Client) (message []byte, err error) {
	q, err := asked(citizenMark)
	if err != nil {
		return nil, err
	}
	c := consentws.Client{Send: func(_ context.Context, _ string, body func(*xmlout.Writer)) (*soap.Response, error) {
		var w xmlout.Writer
		body(&w)
		message = client.Message(messageMark, w.Bytes())
		return nil, errUnsent
	}}
	if _, err = c.UserCheck(ctx, q); errors.Is(err, errUnsent) {
		err = nil
	}
	return message, err
}

// examineChecks makes sure that the server answers what the registrations say.
func examineChecks(ctx context.Context, client *process.Client) error {
	for i := range 40 {
		i += i % 3 * (consentCitizens / 3)
		q, err := asked(minlogtest.Nobody(i))
		if err != nil {
			return err
		}
		answer, err := client.Consent().UserCheck(ctx, q)
		if err != nil {
			return err
		}
		if answer != consentAnswers[i%4] {
			return fmt.Errorf("citizen %d: %w", i, errAnswer)
		}
	}
	return nil
}

var errAnswer = errors.New("another answer than the registrations give")

// What stands in a message for the citizen and for the MessageID.
const (
	citizenMark = "3112999999"
	messageMark = "message-0000000000"
)

// questions has each client send the request with a citizen and a MessageID of its own every time.
func questions(message []byte) func() request {
	return func() func() []byte {
		own := bytes.Clone(message)
		citizen, id := marked(own, citizenMark), marked(own, messageMark)
		return func() []byte {
			copy(citizen, minlogtest.Nobody(rand.IntN(consentCitizens)))
			copy(id[len(id)-10:], fmt.Appendf(nil, "%010d", rand.Int64N(1e10)))
			return own
		}
	}
}

// marked is where a message has a mark.
func marked(message []byte, mark string) []byte {
	i := bytes.Index(message, []byte(mark))
	return message[i : i+len(mark)]
}

// readConsents returns how long the store takes for the active registrations of a citizen, and how long a SELECT of one row by its key: medians,
// in seconds.
func readConsents(ctx context.Context, dsn string) (active, point float64, err error) {
	store, err := sqlstore.Open(ctx, sqlstore.Options{DSN: dsn})
	if err != nil {
		return 0, 0, err
	}
	defer store.Close()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	consents := store.Consents(true)
	nth := func(i int) string { return minlogtest.Nobody(i * 499 % consentCitizens) }
	if active, err = median(reads, func(i int) error {
		number, err := cpr.Parse(nth(i))
		if err != nil {
			return err
		}
		_, err = consents.Active(ctx, number)
		return err
	}); err != nil {
		return 0, 0, err
	}
	point, err = median(reads, func(i int) error {
		var revision int64
		return conn.QueryRow(ctx, "SELECT revision FROM consent_citizen WHERE citizen_cpr = $1", nth(i)).Scan(&revision)
	})
	return active, point, err
}

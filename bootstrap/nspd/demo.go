package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/fgvhrws"
	"github.com/opennsp/nsp/adapters/soap/minlogws"
	"github.com/opennsp/nsp/bootstrap"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/nas"
)

type demoCommand struct {
	Keep bool `help:"Keep the temporary folder with store, logs and federation."`
}

// demoTime bounds the whole demo.
const demoTime = 2 * time.Minute

// Run shows the demo. The error tells which step did not hold.
func (c demoCommand) Run(s streams) error {
	ctx, cancel := context.WithTimeout(context.Background(), demoTime)
	defer cancel()
	sample, err := readDemo()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "opennsp-demo-")
	if err != nil {
		return err
	}
	if c.Keep {
		defer fmt.Fprintln(s.out, "The folder is", dir)
	} else {
		defer os.RemoveAll(dir)
	}
	d := &demo{out: s.out, dir: dir, sample: sample, http: &http.Client{}}
	fmt.Fprint(s.out, "OpenNSP demo: a scene of each national service. Nothing leaves this machine.\n")
	started := time.Now()
	err = d.run(ctx)
	if stopped := d.stop(); err == nil {
		err = stopped
	}
	if err != nil {
		fmt.Fprintf(s.err, "\nThe server's log:\n%s", d.log.String())
		return fmt.Errorf("the demo did not hold: %w", err)
	}
	fmt.Fprintf(s.out, "\nAll steps held, in %d ms. Next: `nspd serve`, and from another terminal `nspd call minlog lookup --as laege`.\n",
		time.Since(started).Milliseconds())
	return nil
}

// demo is one run.
type demo struct {
	out    io.Writer
	dir    string
	sample demoSample
	http   *http.Client
	steps  int

	log     lockedBuffer
	base    string // address of the server
	shut    context.CancelFunc
	stopped chan error

	registrar, reader, doctor *caller
	citizen                   *citizen
	bulk                      []minlog.Entry
	registered                time.Time

	topic     nas.TopicName   // of changes of replacement numbers
	pullPoint string          // its path
	number    ecpr.Number     // that the doctor gave
	optOuts   *fgvhrws.Client // the citizen's
}

// scene is what is shown of a service.
type scene struct {
	title string
	steps []demoStep
}

type demoStep struct {
	title string
	do    func(context.Context) (told string, err error)
}

func (d *demo) run(ctx context.Context) error {
	for _, scene := range []scene{
		{"A server, and who calls it", []demoStep{
			{"Start a server with a test federation of its own", d.start},
			{"ID card for the system " + d.sample.Registrar + " (level 3)", d.cardOf(d.sample.Registrar, &d.registrar)},
			{"ID card for the employee " + d.sample.Reader + " (level 4)", d.cardOf(d.sample.Reader, &d.reader)},
			{"ID card for the doctor " + d.sample.Doctor + " (level 4)", d.cardOf(d.sample.Doctor, &d.doctor)},
		}},
		{"MinLog: who looked at whose health data", []demoStep{
			{"Register accesses in one signed message", d.register},
			{"Wait until all of them can be looked up", d.consumed},
			{"The employee reads her own log", d.ownLog},
			{"The doctor reads what others did on her behalf", d.assistants},
			{"A citizen logs in and gets an identity token", d.login},
			{"She reads her own log, signed both ways", d.citizenLog},
			{"A message whose ID card was changed", d.forged},
			{"Another person's log", d.foreign},
		}},
		d.consentScene(),
		d.notificationScene(),
		d.willScene(),
		d.optOutScene(),
		{"The end", []demoStep{{"Stop the server in order", func(context.Context) (string, error) { return "", d.stop() }}}},
	} {
		fmt.Fprintf(d.out, "\n%s\n", scene.title)
		for _, step := range scene.steps {
			started := time.Now()
			told, err := step.do(ctx)
			took := time.Since(started)
			if err != nil {
				return fmt.Errorf("%s: %w", step.title, err)
			}
			d.steps++
			fmt.Fprintf(d.out, "%3d  %s %s %8.1f ms\n", d.steps, padded(step.title, 48), padded(told, 44), float64(took.Microseconds())/1000)
		}
	}
	return nil
}

// padded fills s with blanks to a width in characters.
func padded(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}

// start runs a server on a free port until stop.
func (d *demo) start(ctx context.Context) (string, error) {
	cfg, err := bootstrap.Load(bootstrap.Sources{File: os.DevNull, Flags: []bootstrap.Setting{
		{Key: "data_dir", Value: d.dir}, {Key: "http.addr", Value: "127.0.0.1:0"}, {Key: "admin.addr", Value: ""},
		{Key: "shutdown.drain_delay", Value: "0"}, {Key: "audit.min_free", Value: "0"}, {Key: "minlog.consumer.batch_wait", Value: "20ms"},
		{Key: "outbox.poll", Value: "20ms"},
	}})
	if err != nil {
		return "", err
	}
	d.topic = nas.TopicName(cfg.ECPR.Notify.Topic)
	running, shut := context.WithCancel(context.WithoutCancel(ctx))
	ready := make(chan bootstrap.Started, 1)
	d.shut, d.stopped = shut, make(chan error, 1)
	go func() {
		d.stopped <- bootstrap.Run(running, cfg, bootstrap.Options{Stderr: &d.log, Ready: func(at bootstrap.Started) { ready <- at }})
	}()
	select {
	case at := <-ready:
		d.base = "http://" + at.Addr
		return d.base, nil
	case err := <-d.stopped:
		d.shut = nil
		return "", errors.Join(errors.New("the server ended"), err)
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// stop ends the server, if it runs.
func (d *demo) stop() error {
	if d.shut == nil {
		return nil
	}
	d.http.CloseIdleConnections()
	d.shut()
	d.shut = nil
	return <-d.stopped
}

func (d *demo) cardOf(sample string, to **caller) func(context.Context) (string, error) {
	return func(ctx context.Context) (_ string, err error) {
		*to, err = connect(ctx, addresses{d.base, d.base}, d.dir+"/federation", sample, "", d.http)
		if err != nil {
			return "", err
		}
		return "issued by " + (*to).card.Card.Issuer, nil
	}
}

func (d *demo) register(ctx context.Context) (string, error) {
	d.bulk = d.sample.bulk(time.Now())
	answer, err := d.registrar.minLog(d.registrar.card.Assertion).Register(ctx, minlog.Interface20250312, d.bulk)
	if err != nil {
		return "", err
	}
	d.registered = time.Now()
	if answer.Added != len(d.bulk) || answer.Failed != 0 {
		return "", fmt.Errorf("%d added and %d failed, want %d and 0", answer.Added, answer.Failed, len(d.bulk))
	}
	return fmt.Sprintf("%d accesses registered", answer.Added), nil
}

// of tells how many accesses to the data of number the bulk holds.
func (d *demo) of(number string) int {
	return count(d.bulk, func(e *minlog.Entry) bool { return e.Person.Value == number })
}

func (d *demo) own() int { return d.of(d.reader.sample.Person.CPR.Digits()) }

// consumed asks until the log is complete.
func (d *demo) consumed(ctx context.Context) (string, error) {
	err := until(ctx, func() (bool, error) {
		all, err := d.read(ctx, d.reader)
		return len(all) >= d.own(), err
	})
	return fmt.Sprintf("%d ms after the answer", time.Since(d.registered).Milliseconds()), err
}

// until asks until it is done.
func until(ctx context.Context, ask func() (done bool, err error)) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if done, err := ask(); done || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// read returns the whole log of the caller's own person.
func (d *demo) read(ctx context.Context, c *caller) ([]minlogws.Group, error) {
	client := c.minLog(c.card.Assertion)
	return pages(func(token string) (minlogws.Statements, error) {
		return client.Citizens(ctx, minlogws.Question{Person: minlog.ID{Source: minlog.CPR, Value: c.sample.Person.CPR.Digits()}, Grouping: "None",
			Details: "None", PageSize: 500, PageToken: token})
	})
}

func pages(ask func(token string) (minlogws.Statements, error)) (all []minlogws.Group, err error) {
	for token := ""; ; {
		page, err := ask(token)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Groups...)
		if token = page.Next; token == "" {
			return all, nil
		}
	}
}

func (d *demo) ownLog(ctx context.Context) (string, error) {
	all, err := d.read(ctx, d.reader)
	if err != nil {
		return "", err
	}
	if len(all) != d.own() {
		return "", fmt.Errorf("%d accesses, want %d", len(all), d.own())
	}
	for i, g := range all {
		if g.Head.User.Source == minlog.CPR && g.Head.User.Value != "" {
			return "", errors.New("the civil registration number of a user is shown")
		}
		if i > 0 && g.Head.To.After(all[i-1].Head.To) {
			return "", errors.New("the newest access is not first")
		}
	}
	return fmt.Sprintf("%d accesses, newest: %s", len(all), all[0].Head.Activity), nil
}

func (d *demo) assistants(ctx context.Context) (string, error) {
	code := d.doctor.card.Card.AuthorisationCode
	client := d.doctor.minLog(d.doctor.card.Assertion)
	all, err := pages(func(token string) (minlogws.Statements, error) {
		return client.Assistants(ctx, minlogws.Question{Person: behalf(code), Grouping: "None", Details: "None", PageSize: 500, PageToken: token})
	})
	if err != nil {
		return "", err
	}
	want := count(d.bulk, func(e *minlog.Entry) bool { return e.OnBehalfOf.Value == code })
	if len(all) != want {
		return "", fmt.Errorf("%d accesses, want %d", len(all), want)
	}
	return fmt.Sprintf("%d accesses on behalf of %s", len(all), code), nil
}

// login has the citizen log in at the test identity provider, and the portal exchange that for a token.
func (d *demo) login(ctx context.Context) (_ string, err error) {
	d.citizen, err = d.audience(ctx, minLogName)
	if err != nil {
		return "", err
	}
	return "bound to the key of " + portalSample, nil
}

func (d *demo) citizenLog(ctx context.Context) (string, error) {
	client := d.citizen.minLog()
	all, err := pages(func(token string) (minlogws.Statements, error) {
		return client.Citizens(ctx, minlogws.Question{Person: minlog.ID{Source: minlog.CPR, Value: d.sample.Citizen}, Grouping: "None", Details: "None",
			PageSize: 500, PageToken: token})
	})
	if err != nil {
		return "", err
	}
	if want := d.of(d.sample.Citizen); len(all) != want {
		return "", fmt.Errorf("%d accesses, want %d", len(all), want)
	}
	return fmt.Sprintf("%d accesses", len(all)), nil
}

// forged shows a card in which the doctor became another person.
func (d *demo) forged(ctx context.Context) (string, error) {
	own := []byte(d.doctor.sample.Person.CPR.Digits())
	card := bytes.Replace(d.doctor.card.Assertion, own, []byte(d.reader.sample.Person.CPR.Digits()), 1)
	if bytes.Equal(card, d.doctor.card.Assertion) {
		return "", errors.New("the card holds no number to change")
	}
	_, err := d.doctor.minLog(card).Citizens(ctx, minlogws.Question{Person: minlog.ID{Source: minlog.CPR, Value: d.reader.sample.Person.CPR.Digits()}})
	return refusedWith(err, fault.CodeSignature)
}

// foreign asks for a log that is not the caller's.
func (d *demo) foreign(ctx context.Context) (string, error) {
	_, err := d.doctor.minLog(d.doctor.card.Assertion).Citizens(ctx,
		minlogws.Question{Person: minlog.ID{Source: minlog.CPR, Value: d.reader.sample.Person.CPR.Digits()}})
	return refusedWith(err, fault.CodeNotAuthorized)
}

func refusedWith(err error, code string) (string, error) {
	var refused *soap.Fault
	switch {
	case err == nil:
		return "", fmt.Errorf("it was answered, want %s", code)
	case !errors.As(err, &refused) || refused.Code != code:
		return "", fmt.Errorf("want %s: %w", code, err)
	}
	return "refused: " + code, nil
}

// lockedBuffer keeps the server's log.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

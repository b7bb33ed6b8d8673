package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/opennsp/nsp/adapters/auth/idws"
	"github.com/opennsp/nsp/adapters/auth/idws/idwstest"
	authtrust "github.com/opennsp/nsp/adapters/auth/trust"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/minlogws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/tests/minlogtest"
	"github.com/opennsp/nsp/tests/process"
)

const (
	lookupPage  = 50 // registrations that a citizen asks for, the newest
	reportEvery = 50 // calls
	reportDays  = 31
	callers     = 16  // that call as fast as they can
	callsLimit  = 800 // a second
)

// callKind is what is called.
type callKind int

const (
	lookup callKind = iota
	report
)

// timings are how long calls took, in seconds, by callKind.
type timings [2][]float64

// calls are lookups over SOAP, each of another citizen with a token and a message of his own, and reports over REST of a system.
type calls struct {
	url, session string
	persons      int
	sts, portal  *idwstest.Key
	http         *http.Client
}

func newCalls(ctx context.Context, server *process.Server, persons int) (*calls, error) {
	c := &calls{url: server.URL, persons: persons, http: &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 1024}}}
	portal, err := server.Federation().Sample("portal")
	if err != nil {
		return nil, err
	}
	c.portal = &idwstest.Key{Private: portal.Key, Certificate: portal.Certificate.Raw}
	files := server.Federation().SigningKeys()[trust.Token]
	key, err := authtrust.ReadKey(files.Key)
	if err != nil {
		return nil, err
	}
	certificates, err := authtrust.ReadCertificates(files.Certificate)
	if err != nil {
		return nil, err
	}
	c.sts = &idwstest.Key{Private: key, Certificate: certificates[0].Raw}
	c.session, err = c.logIn(ctx)
	return c, err
}

// logIn returns the token of a session of a system.
func (c *calls) logIn(ctx context.Context) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/api/security/v1/sessions", bytes.NewReader([]byte(`{"sample":"epj"}`)))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var session struct{ Token string }
	if err := json.NewDecoder(resp.Body).Decode(&session); err != nil || session.Token == "" {
		return "", fmt.Errorf("open a session: %s", resp.Status)
	}
	return session.Token, nil
}

// call is a request that is ready to be sent.
type call struct {
	kind callKind
	body []byte // nil for a report
}

// prepare makes n calls, with all that is signed.
func (c *calls) prepare(n int) ([]call, error) {
	all := make([]call, n)
	errs := make([]error, runtime.NumCPU())
	var signing sync.WaitGroup
	for s := range errs {
		signing.Go(func() {
			for i := s; i < n && errs[s] == nil; i += len(errs) {
				if i%reportEvery == reportEvery-1 {
					all[i].kind = report
				} else {
					all[i].body, errs[s] = c.question()
				}
			}
		})
	}
	signing.Wait()
	return all, errors.Join(errs...)
}

// question is the message of some citizen who asks for his newest registrations.
func (c *calls) question() (message []byte, err error) {
	const number = "dk:gov:saml:attribute:CprNumberIdentifier"
	who, now := minlogtest.Nobody(mathrand.IntN(c.persons)), time.Now()
	token := idwstest.CitizenToken(now.Add(-time.Second), c.portal).With(number, who)
	token.Issuer, token.ID, token.NameID = "OPENNSP-DEV-STS", "_"+uuid.NewString(), number+":"+who
	client := minlogws.Client{Send: func(_ context.Context, action string, body func(*xmlout.Writer)) (_ *soap.Response, err error) {
		message, err = idws.Request{
			Created: now, Token: token.Sign(c.sts), Action: action, MessageID: "urn:uuid:" + uuid.NewString(), To: c.url + minlogws.PathCitizen, Body: body,
			Sign: func(hash crypto.Hash, digest []byte) ([]byte, error) {
				return rsa.SignPKCS1v15(rand.Reader, c.portal.Private, hash, digest)
			},
		}.Bytes()
		return nil, errors.Join(err, errUnsent)
	}}
	_, err = client.Citizens(context.Background(), minlogws.Question{Person: minlog.ID{Source: minlog.CPR, Value: who}, PageSize: lookupPage})
	if message != nil {
		err = nil
	}
	return message, err
}

var errUnsent = errors.New("not sent yet")

// send makes a call and checks its answer.
func (c *calls) send(ctx context.Context, one call) error {
	if one.kind == report {
		to := time.Now()
		days := fmt.Sprintf("?from=%s&to=%s", to.AddDate(0, 0, -reportDays).Format(time.DateOnly), to.Format(time.DateOnly))
		return c.exchange(ctx, http.MethodGet, "/api/minlog/v1/report"+days, nil, `"day":`, 5*reportDays)
	}
	return c.exchange(ctx, http.MethodPost, minlogws.PathCitizen, one.body, "</l:LogDataGroup>", lookupPage)
}

// exchange sends a request whose answer has something so many times.
func (c *calls) exchange(ctx context.Context, method, path string, body []byte, something string, times int) error {
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "text/xml; charset=utf-8")
	} else {
		req.Header.Set("Authorization", "Bearer "+c.session)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if n := bytes.Count(answer, []byte(something)); err == nil && (resp.StatusCode != http.StatusOK || n != times) {
		err = fmt.Errorf("%s: %s with %d of %d", path, resp.Status, n, times)
	}
	return err
}

// closed has clients call one after the other, as fast as they can, and returns the calls per second.
func (c *calls) closed(ctx context.Context, during time.Duration) (float64, error) {
	prepared, err := c.prepare(int(callsLimit * during.Seconds()))
	if err != nil {
		return 0, err
	}
	var next atomic.Int64
	errs := make([]error, callers)
	var clients sync.WaitGroup
	began := time.Now()
	for i := range errs {
		clients.Go(func() {
			for time.Since(began) < during && errs[i] == nil {
				n := int(next.Add(1)) - 1
				if n >= len(prepared) {
					errs[i] = errors.New("too few calls are prepared")
					return
				}
				errs[i] = c.send(ctx, prepared[n])
			}
		})
	}
	clients.Wait()
	return float64(next.Load()) / time.Since(began).Seconds(), errors.Join(errs...)
}

// plan is when which calls arrive.
type plan struct {
	at    []time.Duration
	calls []call
}

// plan has so many calls a second arrive at random.
func (c *calls) plan(rate float64, during time.Duration) (*plan, error) {
	p := &plan{at: arrivals(rate, during)}
	var err error
	p.calls, err = c.prepare(len(p.at))
	return p, err
}

func arrivals(rate float64, during time.Duration) (all []time.Duration) {
	for at := time.Duration(0); at < during; at += time.Duration(mathrand.ExpFloat64() / rate * float64(time.Second)) {
		all = append(all, at)
	}
	return all
}

// open has the calls arrive, whether earlier ones are answered or not, and adds how long each took from its arrival.
func (c *calls) open(ctx context.Context, p *plan, took *timings) error {
	var mu sync.Mutex
	var failed error
	var running sync.WaitGroup
	began := time.Now()
	for i, one := range p.calls {
		arrival := began.Add(p.at[i])
		time.Sleep(time.Until(arrival))
		running.Go(func() {
			err := c.send(ctx, one)
			seconds := time.Since(arrival).Seconds()
			mu.Lock()
			defer mu.Unlock()
			if failed == nil {
				failed = err
			}
			took[one.kind] = append(took[one.kind], seconds)
		})
	}
	running.Wait()
	return failed
}

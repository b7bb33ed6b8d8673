package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/opennsp/nsp/adapters/auth/dgws"
	"github.com/opennsp/nsp/adapters/auth/hsuid"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/minlogws"
	"github.com/opennsp/nsp/adapters/soap/stsws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/application/federating"
	"github.com/opennsp/nsp/bootstrap/devfed"
	"github.com/opennsp/nsp/domain/identity"
)

// Where `nspd serve` without configuration is found.
const (
	defaultServer     = "http://127.0.0.1:8080"
	defaultFederation = "data/federation"
)

// systemName is what the client calls its IT system.
const systemName = "nspd call"

// caller calls a server as one sample of its test federation.
type caller struct {
	sample devfed.Sample
	server string
	http   *http.Client
	card   stsws.Issued
	user   *identity.HSUID // whom it calls for; nil = it does not say
}

// connect gets an ID card for the sample from the server's token service. authorisation chooses among several of a person.
func connect(ctx context.Context, at addresses, federation, sample, authorisation string, client *http.Client) (*caller, error) {
	held, err := devfed.Federation{Dir: federation}.Sample(sample)
	if err != nil {
		return nil, sampleError(err, federation)
	}
	credential := stsws.Credential{
		Certificate: held.Certificate, Key: held.Key, CVR: held.Subject.CVR, CareProviderName: held.Organisation, SystemName: systemName,
	}
	if !held.Person.CPR.IsZero() {
		credential.User = &federating.User{CPR: held.Person.CPR, GivenName: held.Person.GivenName, Surname: held.Person.Surname,
			AuthorisationCode: authorisation}
	}
	sts := stsws.Client{URL: at.sts + stsws.PathNew, HTTP: client, Now: time.Now, NewID: uuid.NewString}
	card, err := sts.Issue(ctx, credential)
	if err != nil {
		return nil, fmt.Errorf("get an ID card as %s: %w", sample, plain(err, at.sts))
	}
	return &caller{sample: held, server: at.server, http: client, card: card}, nil
}

func sampleError(err error, federation string) error {
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("there is no test federation in %s; `nspd serve` makes one in its data folder, --federation names another", federation)
	}
	return fmt.Errorf("%w; there are: %s", err, strings.Join(devfed.Names(), ", "))
}

// minLog returns the client of MinLog2 that shows the given card.
func (c *caller) minLog(card []byte) *minlogws.Client {
	paths := map[string]string{
		minlogws.ActionRegister: minlogws.PathRegistration, minlogws.ActionCitizen: minlogws.PathCitizen,
		minlogws.ActionAssistants: minlogws.PathAssistants,
	}
	shown := *c
	shown.card.Assertion = card
	return &minlogws.Client{Send: shown.sender(func(action string) string { return paths[action] })}
}

// send posts the element that body writes, with a SOAPAction.
type send = func(ctx context.Context, action string, body func(*xmlout.Writer)) (*soap.Response, error)

// at is the path of a service that has one.
func at(path string) func(action string) string { return func(string) string { return path } }

// sender posts messages to where path says that an action is served.
func (c *caller) sender(path func(action string) string) send {
	return func(ctx context.Context, action string, body func(*xmlout.Writer)) (*soap.Response, error) {
		message := dgws.Request{
			Created: time.Now(), Card: c.card.Assertion, SecurityLevel: c.level(), MessageID: uuid.NewString(), Body: body,
		}
		if c.user != nil {
			message.Headers = func(w *xmlout.Writer) { hsuid.Write(w, *c.user, message.Created) }
		}
		response, err := (&soap.Client{URL: c.server + path(action), HTTP: c.http}).Call(ctx, action, message.Bytes())
		if err != nil {
			return nil, plain(err, c.server)
		}
		return response, nil
	}
}

// level is the authentication level of the card: 4 for a person, 3 for a system.
func (c *caller) level() int {
	if c.sample.Person.CPR.IsZero() {
		return 3
	}
	return 4
}

// plain says in words what went wrong with a call.
func plain(err error, server string) error {
	var refused *soap.Fault
	var network *net.OpError
	switch {
	case errors.As(err, &refused) && refused.Code != "":
		return plainError{fmt.Sprintf("the server refused: %s (%s)", refused.FaultString, refused.Code), err}
	case errors.As(err, &refused):
		return plainError{"the server refused: " + refused.FaultString, err}
	case errors.As(err, &network) && network.Op == "dial":
		return plainError{fmt.Sprintf("no server answers at %s; start one with `nspd serve`, or name another with --server", server), err}
	}
	return err
}

// plainError tells text and keeps the cause.
type plainError struct {
	text  string
	cause error
}

// Error returns the text.
func (e plainError) Error() string { return e.text }

// Unwrap returns the cause.
func (e plainError) Unwrap() error { return e.cause }

// transcript prints the messages that pass through it.
type transcript struct {
	next http.RoundTripper
	mu   sync.Mutex
	w    io.Writer
}

// RoundTrip implements http.RoundTripper.
func (t *transcript) RoundTrip(r *http.Request) (*http.Response, error) {
	sent, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body.Close()
	again := r.Clone(r.Context())
	again.Body = io.NopCloser(bytes.NewReader(sent))
	response, err := t.next.RoundTrip(again)
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.w, "> POST %s\n> SOAPAction: %s\n%s\n\n", r.URL, r.Header.Get("SOAPAction"), sent)
	if err != nil {
		return nil, err
	}
	got, err := io.ReadAll(response.Body)
	response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(got))
	fmt.Fprintf(t.w, "< %s\n< Content-Type: %s\n%s\n\n", response.Status, response.Header.Get("Content-Type"), got)
	return response, err
}

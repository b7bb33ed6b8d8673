package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"github.com/opennsp/nsp/adapters/auth/idws"
	"github.com/opennsp/nsp/adapters/auth/trust"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/minlogws"
	"github.com/opennsp/nsp/adapters/soap/stsws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/bootstrap/devfed"
	"github.com/opennsp/nsp/domain/cpr"
	domaintrust "github.com/opennsp/nsp/domain/trust"
)

// What a citizen's call is made with.
const (
	citizenSample = "borger" // who calls as a citizen does
	portalSample  = "portal" // whose key the citizen's token is bound to
	minLogName    = "https://minlog"
	pathBootstrap = "/api/sts/v1/dev/bootstrap"
	maxBootstrap  = 64 << 10
)

// citizen calls a server as a citizen who logged in at a portal.
type citizen struct {
	number  cpr.Number
	portal  devfed.Sample
	server  string
	http    *http.Client
	token   []byte
	answers idws.Answers
}

// connectCitizen logs the citizen in at the server's test identity provider, as the portal does, and exchanges what that gives for an identity
// token for audience.
func connectCitizen(ctx context.Context, at addresses, federation, number, audience string, client *http.Client) (*citizen, error) {
	who, err := cpr.Parse(number)
	if err != nil {
		return nil, fmt.Errorf("citizen: %w", err)
	}
	files := devfed.Federation{Dir: federation}
	c := &citizen{number: who, server: at.server, http: client}
	if c.portal, err = files.Sample(portalSample); err != nil {
		return nil, sampleError(err, federation)
	}
	pinned, err := trust.ReadCertificates(files.SigningKeys()[domaintrust.Service].Certificate)
	if err != nil {
		return nil, sampleError(err, filepath.Clean(federation))
	}
	c.answers.Now = time.Now
	for _, p := range pinned {
		c.answers.Keys = append(c.answers.Keys, sha256.Sum256(p.RawSubjectPublicKeyInfo))
	}
	login, err := c.login(ctx, at.sts)
	if err != nil {
		return nil, fmt.Errorf("log in as a citizen: %w", plain(err, at.sts))
	}
	sts := stsws.Client{URL: at.sts + stsws.PathBst2Idws, HTTP: client, Now: time.Now, NewID: uuid.NewString}
	token, err := sts.Exchange(ctx, stsws.Exchange{
		Certificate: c.portal.Certificate, Key: c.portal.Key, ActAs: login, Audience: audience, Claims: stsws.CitizenClaims(who, cpr.Number{}, 0),
	})
	if err != nil {
		return nil, fmt.Errorf("get an identity token: %w", plain(err, at.sts))
	}
	c.token = token.Assertion
	return c, nil
}

// about returns what sends messages about a citizen, at the path of each action, and the citizen's number. Who calls is the citizen, logged in for
// audience, or a sample.
func (t target) about(
	ctx context.Context, as, number, audience string, path func(action string) string, out io.Writer,
) (send, cpr.Number, error) {
	who, err := cpr.Parse(number)
	if err != nil {
		return nil, who, fmt.Errorf("--citizen: %w", err)
	}
	if as == citizenSample {
		caller, err := t.connectCitizen(ctx, number, audience, out)
		if err != nil {
			return nil, who, err
		}
		return caller.sender(path), who, nil
	}
	caller, err := t.connect(ctx, as, out)
	if err != nil {
		return nil, who, err
	}
	return caller.sender(path), who, nil
}

// login returns what the identity provider signs for the citizen.
func (c *citizen) login(ctx context.Context, sts string) ([]byte, error) {
	body, err := json.Marshal(map[string]string{"citizen": c.number.Digits()})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, sts+pathBootstrap, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxBootstrap))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		var problem struct{ Title string }
		_ = json.Unmarshal(answer, &problem) // without it the status says enough
		return nil, fmt.Errorf("%s %s", resp.Status, problem.Title)
	}
	return answer, nil
}

// minLog returns the client of MinLog2 that shows the citizen's token.
func (c *citizen) minLog() *minlogws.Client {
	return &minlogws.Client{Send: c.sender(at(minlogws.PathCitizen))}
}

// sender posts messages to where path says that an action is served.
func (c *citizen) sender(path func(action string) string) send {
	return func(ctx context.Context, action string, body func(*xmlout.Writer)) (*soap.Response, error) {
		to := c.server + path(action)
		id := "urn:uuid:" + uuid.NewString()
		message, err := idws.Request{
			Created: time.Now(), Token: c.token, Action: action, MessageID: id, To: to, Body: body,
			Sign: func(hash crypto.Hash, digest []byte) ([]byte, error) {
				return rsa.SignPKCS1v15(rand.Reader, c.portal.Key, hash, digest)
			},
		}.Bytes()
		if err != nil {
			return nil, err
		}
		check := func(t *xmltree.Tree) error { return c.answers.Check(t, id) }
		response, err := (&soap.Client{URL: to, HTTP: c.http, Check: check}).Call(ctx, action, message)
		if err != nil {
			return nil, plain(err, c.server)
		}
		return response, nil
	}
}

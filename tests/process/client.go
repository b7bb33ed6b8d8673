package process

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/opennsp/nsp/adapters/auth/dgws"
	"github.com/opennsp/nsp/adapters/auth/hsuid"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/minlogws"
	"github.com/opennsp/nsp/adapters/soap/stsws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/federating"
	"github.com/opennsp/nsp/domain/identity"
)

// Client calls a server as a sample of its test federation. It is safe for concurrent use.
type Client struct {
	url   string
	http  *http.Client
	card  []byte
	level int
	user  *identity.HSUID
}

// Client gets an ID card for the sample, such as "epj" or "laege", from the server's token service.
func (s *Server) Client(ctx context.Context, sample string) (*Client, error) {
	held, err := s.Federation().Sample(sample)
	if err != nil {
		return nil, err
	}
	c := &Client{url: s.URL, level: 3, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}, Timeout: time.Minute}}
	credential := stsws.Credential{
		Certificate: held.Certificate, Key: held.Key, CVR: held.Subject.CVR, CareProviderName: held.Organisation, SystemName: "Test",
	}
	if !held.Person.CPR.IsZero() {
		c.level = 4
		credential.User = &federating.User{CPR: held.Person.CPR, GivenName: held.Person.GivenName, Surname: held.Person.Surname}
	}
	sts := stsws.Client{URL: s.URL + stsws.PathNew, HTTP: c.http, Now: time.Now, NewID: uuid.NewString}
	issued, err := sts.Issue(ctx, credential)
	if err != nil {
		return nil, fmt.Errorf("get an ID card for %s: %w", sample, err)
	}
	c.card = issued.Assertion
	return c, nil
}

// Card returns the signed saml:Assertion that the token service issued.
func (c *Client) Card() []byte { return c.card }

// Level returns the authentication level of the card.
func (c *Client) Level() int { return c.level }

// WithCard returns a client that shows another card.
func (c *Client) WithCard(card []byte) *Client {
	other := *c
	other.card = card
	return &other
}

// At returns a client that calls another server of the same federation.
func (c *Client) At(url string) *Client {
	other := *c
	other.url = url
	return &other
}

// For returns a client that says in an HSUID header who uses it.
func (c *Client) For(user identity.HSUID) *Client {
	other := *c
	other.user = &user
	return &other
}

// Message returns the DGWS message that carries body.
func (c *Client) Message(messageID string, body []byte) []byte {
	r := dgws.Request{
		Created: time.Now(), Card: c.card, SecurityLevel: c.level, MessageID: messageID, Body: func(w *xmlout.Writer) { w.Raw(body) },
	}
	if c.user != nil {
		r.Headers = func(w *xmlout.Writer) { hsuid.Write(w, *c.user, r.Created) }
	}
	return r.Bytes()
}

// Register sends a RegistrationRequest and returns how many entries were added.
func (c *Client) Register(ctx context.Context, messageID string, body []byte) (added int, err error) {
	answer, err := c.call(ctx, minlogws.PathRegistration20250312, minlogws.ActionRegister, c.Message(messageID, body))
	if err != nil {
		return 0, err
	}
	defer answer.Tree.Release()
	text, err := answer.Tree.Text(answer.Tree.Child(answer.Body, "", "NumberAdded"))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(text)
}

// CorrelationIDs looks up the whole log of the client's own person and returns the correlation id of every entry.
func (c *Client) CorrelationIDs(ctx context.Context, number string) ([]string, error) {
	const space = "http://www.sundhedsdatastyrelsen.dk/minlog/xml.schema/2025/03/12/minlog2-lookup.xsd"
	var found []string
	for token := ""; ; {
		var w xmlout.Writer
		w.Start("l:LogStatementForCPRPersonRequest", "xmlns:l", space)
		w.Elem("l:PersonId", number, "source", "CPR")
		w.Elem("l:PageSize", "1000")
		if token != "" {
			w.Elem("l:PageToken", token)
		}
		w.End()
		answer, err := c.call(ctx, minlogws.PathCitizen20250312, minlogws.ActionCitizen, c.Message(uuid.NewString(), w.Bytes()))
		if err != nil {
			return nil, err
		}
		t := answer.Tree
		for group := range t.Children(answer.Body) {
			if t.Is(group, space, "LogDataGroup") {
				id, _ := t.Text(t.Child(t.Child(group, space, "Destination"), space, "CorrelationId"))
				found = append(found, id)
			}
		}
		token = ""
		if next := t.Child(answer.Body, space, "NextPageToken"); next != xmltree.None {
			token, err = t.Text(next)
		}
		t.Release()
		if err != nil || token == "" {
			return found, err
		}
	}
}

func (c *Client) call(ctx context.Context, path, action string, message []byte) (*soap.Response, error) {
	return (&soap.Client{URL: c.url + path, HTTP: c.http}).Call(ctx, action, message)
}

// Entry is a registration to be sent.
type Entry struct {
	Person        string // CPR number of the data subject
	CorrelationID string
	Sequence      string // "" = none
	At            time.Time
}

// Body returns the RegistrationRequest that holds entries.
func Body(entries []Entry) []byte {
	var w xmlout.Writer
	w.Start("r:RegistrationRequest", "xmlns:r", "http://www.sundhedsdatastyrelsen.dk/minlog/xml.schema/2025/03/12/minlog2-registration.xsd")
	for _, e := range entries {
		w.Start("LogDataEntry")
		w.Start("Source")
		w.Elem("CorrelationId", "s-4711")
		w.Elem("SystemName", "Praksis-A")
		w.End()
		w.Start("Destination")
		w.Elem("SystemName", "FMK")
		w.Elem("Activity", "Opslag på medicinkort")
		w.Elem("Addition", "Ingen")
		w.Elem("DateTime", e.At.UTC().Format("2006-01-02T15:04:05.000000Z"))
		w.Elem("OrganisationId", "999000000000001", "source", "SOR")
		w.Elem("OrganisationName", "Testklinikken")
		w.Elem("PersonIdentifier", e.Person, "source", "CPR")
		w.Elem("CorrelationId", e.CorrelationID)
		if e.Sequence != "" {
			w.Elem("SequenceNumber", e.Sequence)
		}
		w.Elem("UserPersonIdentifier", "0505851111", "source", "CPR")
		w.Elem("UserRole", "Sygeplejerske")
		w.Elem("OnBehalfOfPersonIdentifier", "TST01", "source", "Autorisation")
		w.End()
		w.End()
	}
	w.End()
	return w.Bytes()
}

// Call sends body to a path, as the operation that action names. An error that wraps a *soap.Fault is the server's answer.
func (c *Client) Call(ctx context.Context, path, action string, body []byte) (*soap.Response, error) {
	return c.call(ctx, path, action, c.Message(uuid.NewString(), body))
}

package process

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/nasws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/nas"
)

// NAS returns a client of the notification service at a path, or at an address that any server of the federation gave out. messageID is that of
// its calls; "" = each has its own.
func (c *Client) NAS(at, messageID string) *nasws.Client {
	path := at
	if address, err := url.Parse(at); err == nil {
		path = address.Path
	}
	return &nasws.Client{Send: func(ctx context.Context, action string, body func(*xmlout.Writer)) (*soap.Response, error) {
		id := messageID
		if id == "" {
			id = uuid.NewString()
		}
		var w xmlout.Writer
		body(&w)
		return c.call(ctx, path, action, c.Message(id, w.Bytes()))
	}}
}

// Publisher returns a client of the broker of notifications that shows no ID card: its address is known.
func (c *Client) Publisher() *nasws.Client {
	return &nasws.Client{Send: func(ctx context.Context, action string, body func(*xmlout.Writer)) (*soap.Response, error) {
		var w xmlout.Writer
		w.Start("soap:Envelope", "xmlns:soap", "http://schemas.xmlsoap.org/soap/envelope/")
		w.Start("soap:Body")
		body(&w)
		w.End()
		w.End()
		return c.call(ctx, nasws.PathBroker, action, w.Bytes())
	}}
}

// CreateTopic makes a topic of notifications that everybody may read, and returns its name in the message log.
func (s *Server) CreateTopic(ctx context.Context, name nas.TopicName, partitions int) (messagelog.Topic, error) {
	token, err := os.ReadFile(filepath.Join(s.Dir, "operator.token"))
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(map[string]any{
		"topic": name, "partitions": partitions, "access": []map[string]string{{"identifier": nas.Everybody}},
	})
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/api/nas/v1/admin/topics", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var made struct{ Internal messagelog.Topic }
	if resp.StatusCode != http.StatusCreated {
		return "", fmt.Errorf("make a topic: %s", resp.Status)
	}
	return made.Internal, json.NewDecoder(resp.Body).Decode(&made)
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strings"

	"github.com/google/uuid"
)

// maxAnswer is how many octets of an answer are read.
const maxAnswer = 4 << 20

// operator is who operates which server.
type operator struct {
	Server string `help:"Address of the server." default:"${server}"`
	Token  string `help:"The operator's token, a file in the server's data folder." default:"data/operator.token" placeholder:"FILE"`
}

// ask calls the server's API as its operator, with body as JSON, nil = none. answer is set from what comes back, nil = nothing is expected.
func (o operator) ask(ctx context.Context, method, path string, body, answer any) error {
	token, err := os.ReadFile(o.Token)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no operator's token at %s; a server makes it in its data folder, --token names another", o.Token)
	}
	if err != nil {
		return fmt.Errorf("read the operator's token: %w", err)
	}
	server := strings.TrimSuffix(o.Server, "/")
	var sent io.Reader = http.NoBody
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, server+path, sent)
	if err != nil {
		return err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	if method != http.MethodGet {
		req.Header.Set("Idempotency-Key", uuid.NewString())
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return plain(err, server)
	}
	defer resp.Body.Close()
	read, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		var problem struct{ Title, Detail string }
		_ = json.Unmarshal(read, &problem) // without it the status says enough
		return fmt.Errorf("the server refused: %s", strings.TrimSpace(orDash(problem.Detail)+" ("+resp.Status+")"))
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(read, answer); err != nil {
		return fmt.Errorf("read the answer of %s: %w", server, err)
	}
	return nil
}

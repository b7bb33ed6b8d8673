package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"

	"github.com/opennsp/nsp/domain/calendar"
)

const (
	pathOutbox = "/api/outbox/v1/"
	maxAnswer  = 4 << 20
)

type outboxCommand struct {
	List  outboxList  `cmd:"" help:"Tell what waits, and list the notices that were refused."`
	Retry outboxRetry `cmd:"" help:"Have refused notices delivered again."`
	Drop  outboxDrop  `cmd:"" help:"Remove refused notices, which are never delivered then."`
}

// Help says what the outbox is.
func (outboxCommand) Help() string {
	return `Notices to other services wait in the outbox until they are delivered. What a service refuses for good is parked there, does not hold up the
others, and raises the alarm: mend the cause and retry it, or drop it.`
}

// operator is who operates which server.
type operator struct {
	Server string `help:"Address of the server." default:"${server}"`
	Token  string `help:"The operator's token, a file in the server's data folder." default:"data/operator.token" placeholder:"FILE"`
}

type outboxList struct{ operator }

// Run prints how the outbox is.
func (c outboxList) Run(s streams) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	var status struct {
		Waiting, Parked int
		OldestSeconds   float64
	}
	if err := c.ask(ctx, http.MethodGet, "status", &status); err != nil {
		return err
	}
	oldest := ""
	if status.Waiting > 0 {
		oldest = fmt.Sprintf(", the oldest for %s", (time.Duration(status.OldestSeconds) * time.Second).String())
	}
	fmt.Fprintf(s.out, "Waiting: %d%s\nParked: %d\n", status.Waiting, oldest, status.Parked)
	var list struct {
		Parked []struct {
			ID, Target, Topic, Code string
			Created                 time.Time
		}
	}
	if err := c.ask(ctx, http.MethodGet, "parked", &list); err != nil {
		return err
	}
	if len(list.Parked) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tMADE\tFOR\tREFUSED\tTOPIC")
	for _, p := range list.Parked {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", p.ID, p.Created.In(calendar.Location()).Format(time.DateTime), p.Target, p.Code, orDash(p.Topic))
	}
	return table.Flush()
}

// notices are ids of the list.
type notices struct {
	IDs []string `arg:"" name:"id" help:"Ids of the list."`
}

type outboxRetry struct {
	operator
	notices
}

// Run has the notices delivered again.
func (c outboxRetry) Run(s streams) error {
	return c.each(s, c.IDs, "waits for delivery", func(ctx context.Context, id string) error {
		return c.ask(ctx, http.MethodPost, "parked/"+id+"/retry", nil)
	})
}

type outboxDrop struct {
	operator
	notices
}

// Run removes the notices.
func (c outboxDrop) Run(s streams) error {
	return c.each(s, c.IDs, "is gone", func(ctx context.Context, id string) error {
		return c.ask(ctx, http.MethodDelete, "parked/"+id, nil)
	})
}

// each does something to each notice, to the others also where one fails.
func (o operator) each(s streams, ids []string, done string, do func(ctx context.Context, id string) error) (failed error) {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	for _, id := range ids {
		known, err := uuid.Parse(id)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: not the id of a notice", id))
			continue
		}
		if err := do(ctx, known.String()); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", known, err))
			continue
		}
		fmt.Fprintln(s.out, known, done)
	}
	return failed
}

// ask calls the server's API as its operator. answer is set from what comes back, nil = nothing is expected.
func (o operator) ask(ctx context.Context, method, path string, answer any) error {
	token, err := os.ReadFile(o.Token)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no operator's token at %s; a server makes it in its data folder, --token names another", o.Token)
	}
	if err != nil {
		return fmt.Errorf("read the operator's token: %w", err)
	}
	server := strings.TrimSuffix(o.Server, "/")
	req, err := http.NewRequestWithContext(ctx, method, server+pathOutbox+path, http.NoBody)
	if err != nil {
		return err
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
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		var problem struct{ Title, Detail string }
		_ = json.Unmarshal(body, &problem) // without it the status says enough
		return fmt.Errorf("the server refused: %s", strings.TrimSpace(orDash(problem.Detail)+" ("+resp.Status+")"))
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return fmt.Errorf("read the answer of %s: %w", server, err)
	}
	return nil
}

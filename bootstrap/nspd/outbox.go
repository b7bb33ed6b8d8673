package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"

	"github.com/opennsp/nsp/domain/calendar"
)

const pathOutbox = "/api/outbox/v1/"

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

type outboxList struct{ operator }

// Run prints how the outbox is.
func (c outboxList) Run(s streams) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	var status struct {
		Waiting, Parked int
		OldestSeconds   float64
	}
	if err := c.ask(ctx, http.MethodGet, pathOutbox+"status", nil, &status); err != nil {
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
	if err := c.ask(ctx, http.MethodGet, pathOutbox+"parked", nil, &list); err != nil {
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
		return c.ask(ctx, http.MethodPost, pathOutbox+"parked/"+id+"/retry", nil, nil)
	})
}

type outboxDrop struct {
	operator
	notices
}

// Run removes the notices.
func (c outboxDrop) Run(s streams) error {
	return c.each(s, c.IDs, "is gone", func(ctx context.Context, id string) error {
		return c.ask(ctx, http.MethodDelete, pathOutbox+"parked/"+id, nil, nil)
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

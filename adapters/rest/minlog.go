package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/job"
)

// runJSON is a run of the clean-up.
type runJSON struct {
	StartedAt  time.Time `json:"startedAt"`
	FinishedAt time.Time `json:"finishedAt,omitzero"` // none while it runs, or where it was cut off
	OK         bool      `json:"ok"`
	cleanedJSON
	Detail string `json:"detail,omitempty"` // why it failed
}

// cleanedJSON is what the clean-up tells of itself, as it stands in the detail of its run.
type cleanedJSON struct {
	Cutoff            time.Time `json:"cutoff,omitzero"`
	PartitionsDropped int64     `json:"partitionsDropped"`
	RowsDeleted       int64     `json:"rowsDeleted"`
	Detail            string    `json:"detail,omitempty"`
}

func runOf(r job.Run) runJSON {
	run := runJSON{StartedAt: r.StartedAt, FinishedAt: r.FinishedAt, OK: r.OK}
	if err := json.Unmarshal([]byte(r.Detail), &run.cleanedJSON); err != nil {
		run.cleanedJSON = cleanedJSON{Detail: r.Detail} // why it failed
	}
	run.Detail = run.cleanedJSON.Detail
	return run
}

func (a *api) readCleanup(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	if err := x.bare(); err != nil {
		return reply{}, err
	}
	run, err := a.Cleaning.Last(ctx, caller)
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, value: runOf(run)}, nil
}

func (a *api) runCleanup(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	if err := x.bare(); err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusAccepted}, a.Cleaning.Run(ctx, caller)
}

type partitionJSON struct {
	Topic     string `json:"topic"`
	Partition int    `json:"partition"`
	Next      int64  `json:"next"`
	End       int64  `json:"end"`
	Lag       int64  `json:"lag"`
	Owner     string `json:"owner,omitempty"`
	State     string `json:"state"`
}

func (a *api) readConsumer(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
	if err := x.bare(); err != nil {
		return reply{}, err
	}
	partitions, deadLetters, err := a.Consumption.Progress(ctx, caller)
	if err != nil {
		return reply{}, err
	}
	answer := struct {
		Partitions  []partitionJSON `json:"partitions"`
		DeadLetters int64           `json:"deadLetters"`
	}{make([]partitionJSON, len(partitions)), deadLetters}
	for i, p := range partitions {
		answer.Partitions[i] = partitionJSON{
			Topic: string(p.Topic), Partition: p.Partition, Next: p.Next, End: p.End, Lag: p.Lag, Owner: p.Owner, State: string(p.State),
		}
	}
	return reply{status: http.StatusOK, value: answer}, nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/google/uuid"

	"github.com/opennsp/nsp/adapters/soap/fgvhrws"
	"github.com/opennsp/nsp/application/optingout"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fgvhr"
)

type callFGVHR struct {
	Register optOutRegister `cmd:"" help:"Decline resuscitation, from seven days later on."`
	Update   optOutUpdate   `cmd:"" help:"Correct a registration: administrators."`
	Delete   optOutDelete   `cmd:"" help:"Withdraw the opt-out, at once."`
	Get      optOutGet      `cmd:"" help:"Tell whether a citizen declines resuscitation."`
}

// optOut is whose opt-out is asked about.
type optOut struct {
	Citizen string `help:"Whose opt-out (CPR number)." default:"2512489996"`
	target
}

// run has whoever calls ask about the citizen's opt-out.
func (o optOut) run(s streams, as string, call func(ctx context.Context, client *fgvhrws.Client, citizen cpr.Number) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	send, citizen, err := o.about(ctx, as, o.Citizen, willName, at(fgvhrws.Path), s.out)
	if err != nil {
		return err
	}
	return call(ctx, &fgvhrws.Client{Send: send}, citizen)
}

// optOutCall is what citizens may do too.
type optOutCall struct {
	As string `help:"Who calls: borger, the citizen who logged in; administrator; or a system such as epj, which may read." default:"borger"`
	optOut
}

// paper is the form that an administrator enters.
type paper struct {
	PaperDate string `help:"Date on the citizen's paper form, which administrators enter." placeholder:"DAY"`
}

func (p paper) day() (calendar.Day, error) {
	if p.PaperDate == "" {
		return calendar.Day{}, nil
	}
	day, err := calendar.ParseDay(p.PaperDate)
	if err != nil {
		return day, fmt.Errorf("--paper-date %s: want a day such as 2024-01-31", p.PaperDate)
	}
	return day, nil
}

type optOutRegister struct {
	paper
	optOutCall
}

// Run registers the opt-out.
func (c optOutRegister) Run(s streams) error {
	day, err := c.day()
	if err != nil {
		return err
	}
	return c.run(s, c.As, func(ctx context.Context, client *fgvhrws.Client, citizen cpr.Number) error {
		made, err := client.Register(ctx, citizen, day)
		if err != nil {
			return err
		}
		return printOptOut(s.out, made)
	})
}

type optOutUpdate struct {
	ID     string `arg:"" help:"Id of the registration, which get tells."`
	Status string `help:"Its new status: ENTERED-IN-ERROR, if it should never have been made." enum:",ACTIVE,INACTIVE,ENTERED-IN-ERROR" default:"" placeholder:"STATUS"`
	As     string `help:"Who calls, an administrator." default:"administrator"`
	paper
	optOut
}

// Run corrects the registration.
func (c optOutUpdate) Run(s streams) error {
	day, err := c.day()
	if err != nil {
		return err
	}
	if uuid.Validate(c.ID) != nil {
		return fmt.Errorf("%s is no id of a registration", c.ID)
	}
	if c.Status == "" && c.PaperDate == "" {
		return errors.New("want --status or --paper-date")
	}
	return c.run(s, c.As, func(ctx context.Context, client *fgvhrws.Client, citizen cpr.Number) error {
		made, err := client.Update(ctx, citizen, fgvhr.Change{ID: c.ID, Status: fgvhr.Status(c.Status), CitizenCreated: day})
		if err != nil {
			return err
		}
		return printOptOut(s.out, made)
	})
}

type optOutDelete struct{ optOutCall }

// Run withdraws the opt-out.
func (c optOutDelete) Run(s streams) error {
	return c.run(s, c.As, func(ctx context.Context, client *fgvhrws.Client, citizen cpr.Number) error {
		if err := client.Delete(ctx, citizen); err != nil {
			return err
		}
		fmt.Fprintln(s.out, "The opt-out is withdrawn.")
		return nil
	})
}

type optOutGet struct{ optOutCall }

// Run reads the opt-out.
func (c optOutGet) Run(s streams) error {
	return c.run(s, c.As, func(ctx context.Context, client *fgvhrws.Client, citizen cpr.Number) error {
		found, there, err := client.Get(ctx, citizen)
		if err != nil {
			return err
		}
		if !there {
			fmt.Fprintln(s.out, "There is no opt-out that the caller is shown.")
			return nil
		}
		return printOptOut(s.out, found)
	})
}

func printOptOut(w io.Writer, o optingout.View) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "id\t%s\nstatus\t%s\nrecorded\t%s\nin force\t%s\n", o.ID, o.Status, moment(o.Created), force(o))
	if o.CitizenCreated != (calendar.Day{}) {
		fmt.Fprintf(table, "paper form\t%s\n", o.CitizenCreated)
	}
	if o.Replaces != "" {
		fmt.Fprintf(table, "replaces\t%s\n", o.Replaces)
	}
	return table.Flush()
}

// force tells in words whether resuscitation is declined.
func force(o optingout.View) string {
	switch {
	case o.InForce:
		return "since " + moment(o.ValidFrom)
	case o.Status == fgvhr.Active:
		return "not yet, from " + moment(o.ValidFrom)
	}
	return "no"
}

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/opennsp/nsp/bootstrap"
)

type migrateCommand struct {
	sources
	DryRun bool `help:"Tell what would be applied, and change nothing."`
}

// Run brings the store's schema up to date.
func (c migrateCommand) Run(s streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	steps, err := bootstrap.MigrateStore(context.Background(), cfg, c.DryRun)
	if err != nil {
		return err
	}
	for _, step := range steps {
		if step.Applied {
			fmt.Fprintf(s.out, "applied %s in %s\n", step.Name, step.Took.Round(time.Millisecond))
		} else {
			fmt.Fprintf(s.out, "would apply %s\n", step.Name)
		}
	}
	if len(steps) == 0 {
		fmt.Fprintln(s.out, "The schema is current.")
	}
	return nil
}

package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/opennsp/nsp/adapters/soap/skrsws"
	"github.com/opennsp/nsp/domain/stamdata"
)

type callSKRS struct {
	As       string `help:"Sample that calls, a system." default:"epj"`
	Register string `arg:"" help:"Register that is copied: cpr or ecpr2registeret."`
	Datatype string `arg:"" help:"Its table, such as person."`
	After    string `help:"Offset that the copy has come to, the last one printed." default:"0"`
	Limit    int    `help:"Rows at most." default:"20"`
	target
}

// Run prints the next rows of a copy.
func (c callSKRS) Run(s streams) error {
	after, err := stamdata.ParseOffset(c.After)
	if err != nil {
		return fmt.Errorf("%s is no offset: %w", c.After, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	caller, err := c.connect(ctx, c.As, s.out)
	if err != nil {
		return err
	}
	client := skrsws.Client{Send: caller.sender(at(skrsws.Path))}
	view := stamdata.View{Register: c.Register, Datatype: c.Datatype, Version: 1}
	entries, err := client.Replicate(ctx, view, after, c.Limit)
	if err != nil {
		return err
	}
	if len(entries) == 0 {
		fmt.Fprintln(s.out, "There is nothing new.")
		return nil
	}
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "OFFSET\t"+strings.Join(view.Columns(), "\t"))
	for _, e := range entries {
		fmt.Fprint(table, e.Offset)
		for _, name := range view.Columns() {
			fmt.Fprint(table, "\t", orDash(e.Value(name)))
		}
		fmt.Fprintln(table)
	}
	return table.Flush()
}

package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/opennsp/nsp/domain/calendar"
)

type minlogCommand struct {
	Report reportCommand `cmd:"" help:"Show how many accesses were registered and refused: by day, system and organisation."`
}

type reportCommand struct {
	Days   int    `help:"How many days, today the last." default:"30"`
	System string `help:"Only this system." placeholder:"NAME"`
	operator
}

// barWidth is how long the bar of the largest number is.
const barWidth = 40

// Run prints the report, a bar for each row.
func (c reportCommand) Run(s streams) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	today := calendar.DayOf(time.Now())
	tomorrow := time.Date(today.Year, today.Month, today.Dom+1, 0, 0, 0, 0, time.UTC)
	query := url.Values{"from": {tomorrow.AddDate(0, 0, -max(c.Days, 1)).Format(time.DateOnly)}, "to": {tomorrow.Format(time.DateOnly)}}
	if c.System != "" {
		query.Set("system", c.System)
	}
	var report struct {
		Days []struct {
			Day, System, CVR string
			Stored, Rejected int64
		}
	}
	if err := c.ask(ctx, http.MethodGet, "/api/minlog/v1/report?"+query.Encode(), nil, &report); err != nil {
		return err
	}
	if len(report.Days) == 0 {
		fmt.Fprintln(s.out, "nothing was registered")
		return nil
	}
	var most int64 = 1
	for _, d := range report.Days {
		most = max(most, d.Stored)
	}
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "DAY\tSYSTEM\tCVR\tREGISTERED\tREFUSED\t")
	for _, d := range report.Days {
		bar := strings.Repeat("█", int((d.Stored*barWidth+most-1)/most))
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%d\t%s\n", d.Day, d.System, d.CVR, d.Stored, d.Rejected, bar)
	}
	return table.Flush()
}

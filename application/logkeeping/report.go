package logkeeping

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/ports"
)

// MaxReportDays is how many days a report is of at most.
const MaxReportDays = 400

var errReportDays = fault.Error{
	Kind: fault.Malformed, Code: fault.CodeSyntax, Text: "from and to: at most " + strconv.Itoa(MaxReportDays) + " days, from not after to",
}

// Report counts registrations. It is safe for concurrent use.
type Report struct {
	Store ports.LogStore
	Trail ports.Trail
}

// reported is what a report asks for, as the audit log keeps it.
type reported struct {
	From   string `json:"from"`
	To     string `json:"to"`
	System string `json:"system,omitempty"`
}

// Days returns what was stored and what was refused on each day of [from, to), by the Copenhagen day of receipt, for each system and
// organisation; system "" = all. An organisation's system is told of its own organisation, an administrator of all.
func (r *Report) Days(ctx context.Context, caller identity.Caller, from, to calendar.Day, system string) ([]minlog.Count, error) {
	parameters, err := json.Marshal(reported{from.String(), to.String(), system})
	if err != nil {
		return nil, err
	}
	r.Trail.Note(ctx, audit.MinLog2, audit.ReportRequest, audit.CallerCPR.Is(caller.CPR.Digits()), audit.Parameters.Is(string(parameters)))
	cvr := caller.Org.CVR
	switch {
	case caller.Administrator:
		cvr = ""
	case caller.Kind != identity.System || cvr == "":
		return nil, errNoReport
	}
	if to.Before(from) || days(from, to) > MaxReportDays {
		return nil, errReportDays
	}
	rows, err := r.Store.Daily(ctx, from, to, cvr)
	if err != nil {
		return nil, unavailable("read counts", err)
	}
	if system != "" {
		rows = slices.DeleteFunc(rows, func(c minlog.Count) bool { return c.System != system })
	}
	return rows, nil
}

// days is how many days [from, to) has.
func days(from, to calendar.Day) int {
	noon := func(d calendar.Day) time.Time { return time.Date(d.Year, d.Month, d.Dom, 12, 0, 0, 0, time.UTC) }
	return int(noon(to).Sub(noon(from)) / (24 * time.Hour))
}

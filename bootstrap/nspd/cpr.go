package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/opennsp/nsp/adapters/soap/scesws"
	"github.com/opennsp/nsp/application/enquiring"
	"github.com/opennsp/nsp/domain/calendar"
)

type callCPR struct {
	As      string `help:"Sample that calls, a system." default:"epj"`
	Number  string `arg:"" help:"CPR number of the person."`
	Health  bool   `help:"Also the practice and the health insurance."`
	Version string `help:"Version of the interface." enum:"1.0.4,1.0.3,1.0.2" default:"1.0.4"`
	target
}

// Run looks a person up.
func (c callCPR) Run(s streams) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	caller, err := c.connect(ctx, c.As, s.out)
	if err != nil {
		return err
	}
	version, path := scesws.V104, scesws.Path104
	switch c.Version {
	case "1.0.3":
		version, path = scesws.V103, scesws.Path103
	case "1.0.2":
		version, path = scesws.V102, scesws.Path102
	}
	answer, err := (&scesws.Client{Send: caller.sender(at(path))}).Person(ctx, version, c.Number, c.Health)
	if err != nil {
		return err
	}
	return printCitizen(s.out, answer)
}

func printCitizen(w io.Writer, a enquiring.Answer) error {
	p := a.Person
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(table, "%s\t%s\n", name, value)
		}
	}
	row("CPR number", p.CPR.Digits())
	row("replaced by", p.Current.Digits())
	row("replaces", p.Prior.Digits())
	row("name", strings.Join(strings.Fields(p.Name.Given+" "+p.Name.Middle+" "+p.Name.Surname), " "))
	if p.Protected {
		row("protected since", dayText(p.ProtectedSince))
	}
	row("born", dayText(p.Birth))
	row("status", strings.TrimSpace(p.Status+" "+dayText(p.StatusSince)))
	row("address", strings.Join(strings.Fields(p.Address.Street+" "+p.Address.House+" "+p.Address.PostCode+" "+p.Address.District), " "))
	for _, r := range p.Custody {
		row(string(r.Kinship), r.CPR.Digits())
	}
	for _, r := range p.Wards {
		row(string(r.Kinship), r.CPR.Digits())
	}
	if h := a.Health; h != nil {
		row("practice", strings.TrimSpace(h.Practice.Number+" "+h.Practice.Name))
		row("insurance group", h.Group)
	}
	return table.Flush()
}

func dayText(d calendar.Day) string {
	if d == (calendar.Day{}) {
		return ""
	}
	return d.String()
}

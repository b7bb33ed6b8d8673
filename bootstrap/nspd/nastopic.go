package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

const (
	pathNAS       = "/api/nas/v1/admin/"
	pathNASTopics = pathNAS + "topics"
)

type nasCommand struct {
	Topic      nasTopics     `cmd:"" help:"Topics, and who may read them."`
	Check      nasCheck      `cmd:"" help:"Look for what does not fit, such as topics that were not made to their end."`
	PullPoints nasPullPoints `cmd:"" name:"pullpoints" help:"List who fetches what, and how far behind."`
	Cleanup    nasCleanup    `cmd:"" help:"Have the server remove what was kept for long enough."`
}

type nasTopics struct {
	Create nasTopicCreate `cmd:"" help:"Make a topic. The same command again goes on where an earlier one ended."`
	List   nasTopicList   `cmd:"" help:"List the topics."`
	Show   nasTopicShow   `cmd:"" help:"Tell of a topic and of who may read it."`
	Open   nasTopicOpen   `cmd:"" help:"Let a topic take notifications and subscriptions again."`
	Close  nasTopicClose  `cmd:"" help:"Let it take no more: the first step of removing it."`
	Delete nasTopicDelete `cmd:"" help:"Remove a topic that was closed for long enough, with its notifications and subscriptions."`
	Grow   nasTopicGrow   `cmd:"" help:"Give a topic more partitions."`
	Grant  nasTopicGrant  `cmd:"" help:"Let somebody read a topic."`
	Revoke nasTopicRevoke `cmd:"" help:"Let somebody read it no more."`
}

// Help says by which names topics go.
func (nasTopics) Help() string {
	return `Publishers and subscribers know a topic by a name such as http://example.dk/advis/2024/01/01:CardChanged; the message log, and the commands
below, by its internal name, which list tells.`
}

// nasTopic is a topic as the server tells of it.
type nasTopic struct {
	Topic, Internal, State, CreatedBy string
	Active                            bool
	ClosedAt, CreatedAt               time.Time
	Partitions, Replication           int
	Config                            map[string]int64
	Access                            []nasReader
}

// nasReader is who may read a topic.
type nasReader struct {
	Identifier string `json:"identifier"`
	Comment    string `json:"comment,omitempty"`
}

func (t *nasTopic) state() string {
	switch {
	case t.State != "ready":
		return t.State
	case t.Active:
		return "open"
	}
	return "closed"
}

// named is the topic that a command is about.
type named struct {
	Internal string `arg:"" help:"Internal name of the topic."`
	operator
}

func (n named) path() string { return pathNASTopics + "/" + url.PathEscape(n.Internal) }

// change changes the topic and tells how it is then.
func (n named) change(s streams, body any) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	var t nasTopic
	if err := n.ask(ctx, http.MethodPatch, n.path(), body, &t); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%s is %s, %d partitions\n", t.Internal, t.state(), t.Partitions)
	return nil
}

// done asks for something that the server has no answer to, and tells that it is done.
func (n named) done(s streams, method, path string, body any, told string) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	if err := n.ask(ctx, method, path, body, nil); err != nil {
		return err
	}
	fmt.Fprintln(s.out, told)
	return nil
}

type nasTopicCreate struct {
	Topic       string           `arg:"" help:"Name of the topic, such as http://example.dk/advis/2024/01/01:CardChanged."`
	Internal    string           `help:"Internal name; it is made of the name where none is given." placeholder:"NAME"`
	Partitions  int              `help:"Partitions." default:"6"`
	Replication int              `help:"Copies, where the message log is in Kafka; the server has a default." placeholder:"N"`
	Setting     map[string]int64 `help:"Settings of the message log, such as retention_ms=1209600000." placeholder:"NAME=VALUE"`
	Access      []string         `help:"Who may read it: ALL, CVR:12345678, or that with -RID:, -UID:, -FID: or -UI:DK-O:G: and an id." placeholder:"WHO"`
	Adopt       bool             `help:"Take a topic of the message log that is there already."`
	operator
}

// Run makes the topic.
func (c nasTopicCreate) Run(s streams) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	body := struct {
		Topic       string           `json:"topic"`
		Internal    string           `json:"internal,omitempty"`
		Partitions  int              `json:"partitions"`
		Replication int              `json:"replication,omitempty"`
		Config      map[string]int64 `json:"config,omitempty"`
		Access      []nasReader      `json:"access,omitempty"`
		Adopt       bool             `json:"adopt,omitempty"`
	}{c.Topic, c.Internal, c.Partitions, c.Replication, c.Setting, nil, c.Adopt}
	for _, identifier := range c.Access {
		body.Access = append(body.Access, nasReader{Identifier: identifier})
	}
	var t nasTopic
	if err := c.ask(ctx, http.MethodPost, pathNASTopics, body, &t); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%s is %s: %s, %d partitions\n", t.Internal, t.state(), t.Topic, t.Partitions)
	if len(t.Access) == 0 {
		fmt.Fprintln(s.out, "Nobody may read it yet: `nspd nas topic grant` lets somebody.")
	}
	return nil
}

type nasTopicList struct{ operator }

// Run lists the topics.
func (c nasTopicList) Run(s streams) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	var list struct{ Topics []nasTopic }
	if err := c.ask(ctx, http.MethodGet, pathNASTopics, nil, &list); err != nil {
		return err
	}
	if len(list.Topics) == 0 {
		fmt.Fprintln(s.out, "There are no topics.")
		return nil
	}
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "INTERNAL\tSTATE\tPARTITIONS\tREADERS\tTOPIC")
	for i := range list.Topics {
		t := &list.Topics[i]
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%s\n", t.Internal, t.state(), t.Partitions, len(t.Access), t.Topic)
	}
	return table.Flush()
}

type nasTopicShow struct{ named }

// Run tells of the topic.
func (c nasTopicShow) Run(s streams) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	var t nasTopic
	if err := c.ask(ctx, http.MethodGet, c.path(), nil, &t); err != nil {
		return err
	}
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	state := t.state()
	if !t.ClosedAt.IsZero() {
		state += " since " + moment(t.ClosedAt)
	}
	fmt.Fprintf(table, "Topic:\t%s\nInternal:\t%s\nState:\t%s\nPartitions:\t%d\nMade:\t%s by %s\n", t.Topic, t.Internal, state, t.Partitions,
		moment(t.CreatedAt), t.CreatedBy)
	if t.Replication > 0 {
		fmt.Fprintf(table, "Copies:\t%d\n", t.Replication)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	printSettings(s.out, t.Config)
	if len(t.Access) == 0 {
		fmt.Fprintln(s.out, "Nobody may read it.")
		return nil
	}
	fmt.Fprintln(s.out, "Readers:")
	for _, r := range t.Access {
		fmt.Fprintln(s.out, strings.TrimRight("  "+r.Identifier+"  "+r.Comment, " "))
	}
	return nil
}

type nasTopicOpen struct{ named }

// Run opens the topic.
func (c nasTopicOpen) Run(s streams) error { return c.change(s, map[string]bool{"active": true}) }

type nasTopicClose struct{ named }

// Run closes the topic.
func (c nasTopicClose) Run(s streams) error { return c.change(s, map[string]bool{"active": false}) }

type nasTopicGrow struct {
	named
	Partitions int `arg:"" help:"How many it has then: as many as it has, or more."`
}

// Run gives the topic more partitions.
func (c nasTopicGrow) Run(s streams) error {
	return c.change(s, map[string]int{"partitions": c.Partitions})
}

type nasTopicDelete struct {
	named
	Force bool `help:"Also one that is open, or was closed just now."`
}

// Run removes the topic.
func (c nasTopicDelete) Run(s streams) error {
	return c.done(s, http.MethodDelete, c.path()+"?force="+strconv.FormatBool(c.Force), nil, c.Internal+" is gone")
}

// reader is who may read the topic that a command is about.
type reader struct {
	named
	Who string `arg:"" help:"ALL, CVR:12345678, or that with -RID:, -UID:, -FID: or -UI:DK-O:G: and an id."`
}

func (r reader) path() string { return r.named.path() + "/access/" + url.PathEscape(r.Who) }

type nasTopicGrant struct {
	reader
	Comment string `help:"Why." placeholder:"TEXT"`
}

// Run lets somebody read the topic.
func (c nasTopicGrant) Run(s streams) error {
	return c.done(s, http.MethodPut, c.path(), map[string]string{"comment": c.Comment}, c.Who+" may read "+c.Internal)
}

type nasTopicRevoke struct{ reader }

// Run takes it back.
func (c nasTopicRevoke) Run(s streams) error {
	return c.done(s, http.MethodDelete, c.path(), nil, c.Who+" may no longer read "+c.Internal)
}

type nasCheck struct{ operator }

// Run tells what was found; the exit code tells whether there is anything.
func (c nasCheck) Run(s streams) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	var found struct {
		Findings []struct{ Kind, Topic, Internal, PullPoint, Subscription, List string }
	}
	if err := c.ask(ctx, http.MethodGet, pathNAS+"check", nil, &found); err != nil {
		return err
	}
	if len(found.Findings) == 0 {
		fmt.Fprintln(s.out, "Everything fits.")
		return nil
	}
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "FOUND\tINTERNAL\tTOPIC\tPULL POINT\tSUBSCRIPTION\tID LIST")
	for _, f := range found.Findings {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", f.Kind, orDash(f.Internal), orDash(f.Topic), orDash(f.PullPoint), orDash(f.Subscription), orDash(f.List))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return fmt.Errorf("%d findings", len(found.Findings))
}

type nasPullPoints struct{ operator }

// nasPullPoint is a pull point as the server tells of it.
type nasPullPoint struct {
	ID, OwnerCVR, OwnerSystem string
	LastSeen                  time.Time
	Subscriptions             []struct {
		Topic string
		Lag   *int64
	}
}

// Run lists the pull points.
func (c nasPullPoints) Run(s streams) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	var all []nasPullPoint
	for path := pathNAS + "pullpoints?limit=500"; path != ""; {
		var page struct {
			PullPoints []nasPullPoint
			Next       string
		}
		if err := c.ask(ctx, http.MethodGet, path, nil, &page); err != nil {
			return err
		}
		all, path = append(all, page.PullPoints...), ""
		if page.Next != "" {
			path = pathNAS + "pullpoints?limit=500&after=" + url.QueryEscape(page.Next)
		}
	}
	if len(all) == 0 {
		fmt.Fprintln(s.out, "There are no pull points.")
		return nil
	}
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PULL POINT\tCVR\tSYSTEM\tFETCHED\tBEHIND\tTOPIC")
	for _, p := range all {
		seen := orDash(moment(p.LastSeen))
		for _, sub := range p.Subscriptions {
			behind := "?"
			if sub.Lag != nil {
				behind = strconv.FormatInt(*sub.Lag, 10)
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", p.ID, p.OwnerCVR, p.OwnerSystem, seen, behind, sub.Topic)
		}
		if len(p.Subscriptions) == 0 {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t-\t-\n", p.ID, p.OwnerCVR, p.OwnerSystem, seen)
		}
	}
	return table.Flush()
}

type nasCleanup struct{ operator }

// Run has the clean-up run.
func (c nasCleanup) Run(s streams) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	if err := c.ask(ctx, http.MethodPost, pathNAS+"cleanup", nil, nil); err != nil {
		return err
	}
	fmt.Fprintln(s.out, "The clean-up runs.")
	return nil
}

// printSettings prints settings by name.
func printSettings(w io.Writer, settings map[string]int64) {
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(w, "  %s=%d\n", name, settings[name])
	}
}

package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/opennsp/nsp/adapters/soap/nasws"
	"github.com/opennsp/nsp/adapters/xml/c14n"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/notifying"
	"github.com/opennsp/nsp/domain/nas"
)

type callNAS struct {
	Publish          nasPublish          `cmd:"" help:"Publish a notification."`
	CreatePullPoint  nasCreatePullPoint  `cmd:"" name:"createpullpoint" help:"Make a pull point, where messages are fetched."`
	Subscribe        nasSubscribe        `cmd:"" help:"Subscribe to what is published on a topic from now on."`
	Fetch            nasFetch            `cmd:"" help:"Fetch the next messages of a pull point."`
	Unsubscribe      nasUnsubscribe      `cmd:"" help:"End a subscription."`
	DestroyPullPoint nasDestroyPullPoint `cmd:"" name:"destroypullpoint" help:"End a pull point with its subscriptions."`
	IDList           nasIDLists          `cmd:"" name:"idlist" help:"Lists of ids that subscriptions select by."`
}

// nasCaller is who calls the notification service.
type nasCaller struct {
	As string `help:"Sample that calls, a system or an employee." default:"epj"`
	target
}

// run has the sample call the service at the path.
func (c nasCaller) run(s streams, path string, call func(ctx context.Context, client *nasws.Client) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	caller, err := c.connect(ctx, c.As, s.out)
	if err != nil {
		return err
	}
	return told(call(ctx, &nasws.Client{Send: caller.sender(at(path))}))
}

// told says in words what the service refused.
func told(err error) error {
	refused, ok := errors.AsType[*nasws.Refused](err)
	if !ok {
		return err
	}
	text := fmt.Sprintf("the server refused: %s (%s)", refused.FaultString, cmp.Or(refused.Reason, string(refused.Name)))
	for _, why := range refused.Descriptions {
		if why != refused.FaultString {
			text += "\n  " + why
		}
	}
	return plainError{text, err}
}

type nasPublish struct {
	Topic   string `arg:"" help:"Name of the topic."`
	ID      string `name:"id" help:"Whom it is about; empty = nobody." default:"2512489996"`
	IDType  string `name:"id-type" help:"What kind of id that is." default:"http://nsi.dk/advis/v10/CPR"`
	System  bool   `help:"It is for everybody who subscribes to the topic."`
	Content string `help:"What is published, one XML element." default:"<Changed xmlns=\"urn:example\"/>"`
	nasCaller
}

// Run publishes the notification.
func (c nasPublish) Run(s streams) error {
	n := nas.Notification{Topic: c.Topic, ID: c.ID, IDType: c.IDType, System: c.System, Payload: []byte(c.Content)}
	if c.ID == "" {
		n.IDType = ""
	}
	if _, err := n.Checked(); err != nil {
		return err
	}
	return c.run(s, nasws.PathBroker, func(ctx context.Context, client *nasws.Client) error {
		if err := client.Publish(ctx, n); err != nil {
			return err
		}
		fmt.Fprintln(s.out, "1 notification is published")
		return nil
	})
}

type nasCreatePullPoint struct{ nasCaller }

// Run makes a pull point.
func (c nasCreatePullPoint) Run(s streams) error {
	return c.run(s, nasws.PathFactory, func(ctx context.Context, client *nasws.Client) error {
		address, err := client.CreatePullPoint(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintln(s.out, address)
		return nil
	})
}

// pullPoint is the pull point that a command is about.
type pullPoint struct {
	PullPoint string `arg:"" name:"pullpoint" help:"Address of the pull point, or its id."`
	nasCaller
}

// path is where the pull point is served.
func (p pullPoint) path() (string, error) {
	id, ok := nas.PullPointOf(p.PullPoint)
	if !ok {
		return "", fmt.Errorf("%s: not the address of a pull point", p.PullPoint)
	}
	return nasws.PathPullPoint + "/" + string(id), nil
}

type nasSubscribe struct {
	pullPoint
	Topic     string            `arg:"" help:"Name of the topic."`
	IDs       []string          `name:"id" help:"Only what is about one of these." placeholder:"ID" xor:"ids"`
	IDType    string            `name:"id-type" help:"What kind of ids those are." default:"http://nsi.dk/advis/v10/CPR"`
	IDList    string            `name:"id-list" help:"Only what is about somebody on this list." placeholder:"NAME" xor:"ids"`
	XPath     string            `name:"xpath" help:"Only what meets this expression." placeholder:"EXPRESSION"`
	Namespace map[string]string `help:"Namespaces of the expression by prefix; advis is one." placeholder:"PREFIX=URI"`
	For       time.Duration     `help:"How long; 0 = until it is ended." default:"0"`
}

// Run makes the subscription.
func (c nasSubscribe) Run(s streams) error {
	path, err := c.path()
	if err != nil {
		return err
	}
	selection := nasws.Selection{
		PullPoint: strings.TrimSuffix(c.Server, "/") + path, Topic: nas.TopicName(c.Topic), Filter: nas.Filter{List: c.IDList},
	}
	for _, id := range c.IDs {
		selection.Filter.IDs = append(selection.Filter.IDs, nas.SingleID{ID: id, IDType: c.IDType})
	}
	if c.XPath != "" {
		selection.Filter.XPath = &nas.XPath{Expression: c.XPath, Namespaces: map[string]string{"advis": "http://nsi.dk/advis/v10"}}
		for prefix, uri := range c.Namespace {
			selection.Filter.XPath.Namespaces[prefix] = uri
		}
	}
	if c.For > 0 {
		selection.Expires = time.Now().Add(c.For)
	}
	return c.run(s, nasws.PathManager, func(ctx context.Context, client *nasws.Client) error {
		made, err := client.Subscribe(ctx, selection)
		if err != nil {
			return err
		}
		fmt.Fprintln(s.out, made.Address)
		return nil
	})
}

type nasFetch struct {
	pullPoint
	Max int `help:"Messages at most; -1 = as many as the server gives." default:"-1"`
}

// Run fetches messages.
func (c nasFetch) Run(s streams) error {
	path, err := c.path()
	if err != nil {
		return err
	}
	return c.run(s, path, func(ctx context.Context, client *nasws.Client) error {
		got, err := client.GetMessages(ctx, max(c.Max, notifying.NoQuota))
		if err != nil {
			return err
		}
		for _, m := range got.Messages {
			about := orDash(m.ID)
			if m.System {
				about += ", for everybody"
			}
			fmt.Fprintf(s.out, "%s about %s\n  %s\n", m.Topic, about, shown(m.Payload))
		}
		if len(got.Messages) == 0 {
			fmt.Fprintln(s.out, "There is nothing to fetch.")
		}
		if got.More {
			fmt.Fprintln(s.out, "There is more: fetch again.")
		}
		return nil
	})
}

// shown is an element with the namespaces alone that it uses in names.
func shown(payload []byte) []byte {
	tree, err := xmltree.Parse(payload, xmltree.DefaultLimits(len(payload)))
	if err != nil {
		return payload
	}
	defer tree.Release()
	var b bytes.Buffer
	if err := c14n.Write(&b, tree, tree.Root(), c14n.Options{Method: c14n.Exclusive}); err != nil {
		return payload
	}
	return b.Bytes()
}

type nasUnsubscribe struct {
	Subscription string `arg:"" help:"Address of the subscription, or its id."`
	nasCaller
}

// Run ends the subscription.
func (c nasUnsubscribe) Run(s streams) error {
	id, ok := nas.SubscriptionOf(c.Subscription)
	if !ok {
		return fmt.Errorf("%s: not the address of a subscription", c.Subscription)
	}
	return c.run(s, nasws.PathManager+"/"+string(id), func(ctx context.Context, client *nasws.Client) error {
		if err := client.Unsubscribe(ctx); err != nil {
			return err
		}
		fmt.Fprintln(s.out, id, "has ended")
		return nil
	})
}

type nasDestroyPullPoint struct{ pullPoint }

// Run ends the pull point.
func (c nasDestroyPullPoint) Run(s streams) error {
	path, err := c.path()
	if err != nil {
		return err
	}
	return c.run(s, path, func(ctx context.Context, client *nasws.Client) error {
		if err := client.DestroyPullPoint(ctx); err != nil {
			return err
		}
		fmt.Fprintln(s.out, strings.TrimPrefix(path, nasws.PathPullPoint+"/"), "has ended")
		return nil
	})
}

type nasIDLists struct {
	Create  nasIDListCreate  `cmd:"" help:"Make a list of ids, or replace a whole one."`
	Destroy nasIDListDestroy `cmd:"" help:"Remove a list of ids."`
}

type nasIDListCreate struct {
	Name        string   `arg:"" help:"Name of the list."`
	IDs         []string `arg:"" name:"id" optional:"" help:"What it holds."`
	IDType      string   `name:"id-type" help:"What kind of ids those are." default:"http://nsi.dk/advis/v10/CPR"`
	Description string   `help:"What the list is."`
	nasCaller
}

// Run makes the list.
func (c nasIDListCreate) Run(s streams) error {
	return c.run(s, nasws.PathIDList, func(ctx context.Context, client *nasws.Client) error {
		replaced, err := client.CreateIDList(ctx, nas.IDList{Name: c.Name, Description: c.Description, IDType: c.IDType, IDs: c.IDs})
		if err != nil {
			return err
		}
		done := "is made"
		if replaced {
			done = "is replaced"
		}
		fmt.Fprintln(s.out, c.Name, done)
		return nil
	})
}

type nasIDListDestroy struct {
	Name string `arg:"" help:"Name of the list."`
	nasCaller
}

// Run removes the list.
func (c nasIDListDestroy) Run(s streams) error {
	return c.run(s, nasws.PathIDList, func(ctx context.Context, client *nasws.Client) error {
		existed, err := client.DestroyIDList(ctx, c.Name)
		if err != nil {
			return err
		}
		if !existed {
			return fmt.Errorf("there is no list %s", c.Name)
		}
		fmt.Fprintln(s.out, c.Name, "is gone")
		return nil
	})
}

package nasws

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/notifying"
	"github.com/opennsp/nsp/domain/nas"
)

// Client calls the operations of NAS2 that are offered at one address: a path of the contract, or the address of a pull point or a subscription.
// Send posts the element that body writes to that address, in an envelope with or without the caller's credential, with the given SOAPAction. A
// fault of WS-BaseNotification is a *Refused, any other a *soap.Fault.
type Client struct {
	Send func(ctx context.Context, action string, body func(*xmlout.Writer)) (*soap.Response, error)
}

// ErrAnswer is returned for an answer that is not what the contract says.
var ErrAnswer = errors.New("nas: unexpected answer")

// Selection is what a subscription delivers, and where.
type Selection struct {
	PullPoint string // its address
	Topic     nas.TopicName
	Filter    nas.Filter
	Expires   time.Time // zero = it does not end
}

// Subscription is a subscription that was made.
type Subscription struct {
	Address string
	Now     time.Time // of the server; zero = not told
	Expires time.Time // zero = it does not end
}

// Received is a notification that was delivered.
type Received struct {
	Subscription string // address of the subscription that selected it; "" = not told
	nas.Notification
}

// Batch is what a pull point gave.
type Batch struct {
	Messages []Received
	More     bool // the server told that there is more; one that did not tell may have more too
}

// Publish calls Notify: it publishes notifications, all or none, at the broker. A nas.Refusal tells that one of them has no payload that can be published: nothing
// was sent then.
func (c *Client) Publish(ctx context.Context, all ...nas.Notification) error {
	contents := make([][]byte, len(all))
	for i := range all {
		var err error
		if contents[i], err = (Contents{}).Enclose(all[i]); err != nil {
			return err
		}
	}
	return c.call(ctx, actionNotify, soap.Name{Space: nsNotification, Local: opNotify}, func(w *xmlout.Writer) {
		w.Start("wsnt:"+opNotify, "xmlns:wsnt", nsNotification)
		for i := range all {
			w.Start("wsnt:" + elemMessages)
			w.Elem("wsnt:"+elemTopic, all[i].Topic, attrDialect, dialectSimple)
			w.Start("wsnt:" + elemMessage)
			w.Raw(contents[i])
			w.End()
			w.End()
		}
		w.End()
	}, nil)
}

// CreatePullPoint makes a pull point, and returns its address.
func (c *Client) CreatePullPoint(ctx context.Context) (address string, err error) {
	err = c.bare(ctx, actionCreatePullPoint, opCreatePullPoint, func(b reader, root xmltree.Node) {
		address = b.reference(b.Child(root, nsNotification, elemPullPoint))
		b.must(address != "")
	})
	return address, err
}

// Subscribe makes a subscription of a pull point, at the subscription manager.
func (c *Client) Subscribe(ctx context.Context, s Selection) (made Subscription, err error) {
	err = c.call(ctx, actionSubscribe, soap.Name{Space: nsNotification, Local: opSubscribe}, s.write, func(b reader, root xmltree.Node) {
		made.Address = b.reference(b.Child(root, nsNotification, elemSubscription))
		made.Now = b.instant(b.Child(root, nsNotification, elemCurrentTime))
		made.Expires = b.instant(b.Child(root, nsNotification, elemTermination))
		b.must(made.Address != "")
	})
	return made, err
}

// Unsubscribe ends the subscription at whose address it is called.
func (c *Client) Unsubscribe(ctx context.Context) error {
	return c.bare(ctx, actionUnsubscribe, opUnsubscribe, nil)
}

// DestroyPullPoint ends the pull point at whose address it is called, with its subscriptions.
func (c *Client) DestroyPullPoint(ctx context.Context) error {
	return c.bare(ctx, actionDestroyPullPoint, opDestroyPullPoint, nil)
}

// GetMessages fetches at most quota messages from the pull point at whose address it is called; notifying.NoQuota = as many as the server gives.
func (c *Client) GetMessages(ctx context.Context, quota int) (fetched Batch, err error) {
	err = c.call(ctx, actionGetMessages, soap.Name{Space: nsNotification, Local: opGetMessages}, func(w *xmlout.Writer) {
		w.Start("wsnt:"+opGetMessages, "xmlns:wsnt", nsNotification)
		if quota != notifying.NoQuota {
			w.Elem("wsnt:"+elemMaximum, strconv.Itoa(quota))
		}
		w.End()
	}, func(b reader, root xmltree.Node) {
		for n := range b.Children(root) {
			switch {
			case b.Is(n, nsNotification, elemMessages):
				fetched.Messages = append(fetched.Messages, b.received(n))
			case b.Is(n, nsOwn, elemMore):
				fetched.More = b.flag(n)
			}
		}
	})
	if err != nil {
		return Batch{}, err
	}
	return fetched, nil
}

// CreateIDList makes an id list, or replaces the one of its name. The owner is the caller.
func (c *Client) CreateIDList(ctx context.Context, l nas.IDList) (replaced bool, err error) {
	err = c.list(ctx, actionCreateIDList, opCreateIDList, func(w *xmlout.Writer) {
		w.Elem("idl:"+elemName, l.Name)
		w.Elem("idl:"+elemDescription, l.Description)
		w.Elem("idl:"+elemIDType, l.IDType)
		for _, id := range l.IDs {
			w.Elem("idl:"+elemID, id)
		}
	}, func(b reader, root xmltree.Node) { replaced = b.flag(b.Child(root, nsIDList, elemUpdated)) })
	return replaced, err
}

// DestroyIDList removes an id list of the caller.
func (c *Client) DestroyIDList(ctx context.Context, name string) (existed bool, err error) {
	err = c.list(ctx, actionDestroyIDList, opDestroyIDList, func(w *xmlout.Writer) { w.Elem("idl:"+elemName, name) },
		func(b reader, root xmltree.Node) { existed = !b.flag(b.Child(root, nsIDList, elemNoSuchList)) })
	return existed, err
}

func (c *Client) list(ctx context.Context, action, operation string, content func(*xmlout.Writer), read func(reader, xmltree.Node)) error {
	return c.call(ctx, action, soap.Name{Space: nsIDList, Local: operation}, func(w *xmlout.Writer) {
		w.Start("idl:"+operation+suffixRequest, "xmlns:idl", nsIDList)
		content(w)
		w.End()
	}, read)
}

// bare calls an operation whose element is empty.
func (c *Client) bare(ctx context.Context, action, operation string, read func(reader, xmltree.Node)) error {
	return c.call(ctx, action, soap.Name{Space: nsNotification, Local: operation}, func(w *xmlout.Writer) {
		w.Start("wsnt:"+operation, "xmlns:wsnt", nsNotification)
		w.End()
	}, read)
}

func (c *Client) call(ctx context.Context, action string, operation soap.Name, body func(*xmlout.Writer), read func(reader, xmltree.Node)) error {
	response, err := c.Send(ctx, action, body)
	if err != nil {
		return refused(err)
	}
	defer response.Tree.Release()
	if !response.Tree.Is(response.Body, operation.Space, operation.Local+suffixResponse) {
		return ErrAnswer
	}
	r := reader{binder: binder{response.Tree}, ok: new(bool)}
	*r.ok = true
	if read != nil {
		read(r, response.Body)
	}
	if !*r.ok {
		return ErrAnswer
	}
	return nil
}

func (s Selection) write(w *xmlout.Writer) {
	w.Start("wsnt:"+opSubscribe, "xmlns:wsnt", nsNotification, "xmlns:wsa", nsAddressing)
	reference(w, elemConsumer, s.PullPoint)
	w.Start("wsnt:" + elemFilter)
	w.Elem("wsnt:"+elemTopicExpression, string(s.Topic), attrDialect, dialectSimple)
	if s.Filter.List != "" || len(s.Filter.IDs) > 0 || s.Filter.XPath != nil {
		w.Start("wsnt:"+elemMessageContent, attrDialect, dialectContent)
		writeFilter(w, s.Filter)
		w.End()
	}
	w.End()
	if !s.Expires.IsZero() {
		w.Elem("wsnt:"+elemInitialTermination, s.Expires.UTC().Format(time.RFC3339Nano))
	}
	w.End()
}

func writeFilter(w *xmlout.Writer, f nas.Filter) {
	w.Start("advis:"+elemIDFilter, "xmlns:advis", nsAdvis)
	if f.List != "" {
		w.Start("advis:"+elemIDList, attrName, f.List)
		w.End()
	}
	for _, id := range f.IDs {
		w.Start("advis:"+elemSingleID, attrID, id.ID, attrIDType, id.IDType)
		w.End()
	}
	if x := f.XPath; x != nil {
		w.Start("advis:"+elemXPath, attrVersion, "1.0")
		w.Start(elemExpression, "xmlns", nsOwn) // without prefix: an expression may mean something else by any prefix
		for _, prefix := range slices.Sorted(maps.Keys(x.Namespaces)) {
			w.Attr("xmlns:"+prefix, x.Namespaces[prefix])
		}
		w.Text(x.Expression)
		w.End()
		w.End()
	}
	w.End()
}

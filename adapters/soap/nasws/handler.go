package nasws

import (
	"context"
	"time"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/notifying"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/nas"
)

// Mount is a service and a path it is served at.
type Mount struct {
	Path    string
	Service soap.Service
}

// Deps is what the services need.
type Deps struct {
	Broker          *notifying.Broker
	Subscriptions   *notifying.Subscriptions
	Fetching        *notifying.Fetching
	Profile         soap.Profile
	HeadersRequired bool // a Notify must have the headers of DGWS
	More            bool // an answer to GetMessages says whether there is more
}

// Broker returns the notification broker at its paths. Its units of work are those of the message log.
func Broker(d Deps) []Mount {
	broker := publish(d)
	// Whoever subscribes here must be on the list of publishers too.
	subscribe, unsubscribe := d.subscribe(), d.unsubscribe()
	subscribe.Policy.Listed, unsubscribe.Policy.Listed = AddressList, AddressList
	undeclared := subscribe.Tell
	subscribe.Tell = func(req soap.Request, err error) error { return declared(req, undeclared(req, err)) }
	s := d.service(BrokerService, d.Broker.Now, brokerContract(), broker, subscribe, unsubscribe)
	return []Mount{{PathBroker, s}, {PathBrokerAlias, s}}
}

// Subscriber returns the services that subscribers use at their paths.
func Subscriber(d Deps) []Mount {
	now := d.Subscriptions.Now
	manager := d.service(ManagerService, now, managerContract(), d.subscribe(), d.unsubscribe())
	factory := d.service(FactoryService, now, factoryContract(), d.createPullPoint())
	pullPoint := d.service(PullPointService, now, pullPointContract(), d.getMessages(), d.destroyPullPoint(), d.misdirected())
	lists := d.service(IDListService, now, idListContract(), d.createIDList(), d.destroyIDList())
	return []Mount{
		{PathManager, manager}, {PathManagerID, manager}, {PathManagerAlias, manager},
		{PathFactory, factory}, {PathFactoryAlias, factory},
		{PathPullPoint, pullPoint}, {PathPullPointID, pullPoint},
		{PathIDList, lists}, {PathIDListAlias, lists},
	}
}

func (d Deps) service(name string, now func() time.Time, contract soap.Contract, operations ...soap.Operation) soap.Service {
	return soap.Service{
		Name: name, Component: audit.NAS, Operations: operations, Contract: contract, Profile: d.Profile, SOAP11: true, Tell: tell(now),
		Headers: []soap.Name{{Space: nsOwn, Local: elemResource}},
		Elsewhere: []string{
			actionNotify, actionSubscribe, actionUnsubscribe, actionCreatePullPoint, actionGetMessages, actionDestroyPullPoint, actionCreateIDList,
			actionDestroyIDList,
		},
	}
}

// subscriber is the policy of what subscribers do: the ID card of a system or an employee, level 3 or more.
func subscriber(resend admitting.Resend) admitting.Policy {
	return admitting.Policy{
		Schemes: []identity.Scheme{identity.DGWS}, MinLevel: 3, Kinds: []identity.Kind{identity.System, identity.Professional}, Resend: resend,
	}
}

// publisher is the policy of a Notify: an address on the list, and an ID card that is verified where there is one.
func (d Deps) publisher() admitting.Policy {
	p := subscriber(admitting.Store)
	if !d.HeadersRequired {
		p.Schemes, p.Addresses = append(p.Schemes, identity.Address), AddressList
	}
	p.Listed, p.MaxBytes = AddressList, maxNotify
	return p
}

func notification(label string, action string, p admitting.Policy) soap.Operation {
	return soap.Operation{Name: soap.Name{Space: nsNotification, Local: label}, Label: label, Actions: []string{action}, Policy: p}
}

func idList(label string, action string, p admitting.Policy) soap.Operation {
	return soap.Operation{Name: soap.Name{Space: nsIDList, Local: label + suffixRequest}, Label: label, Actions: []string{action}, Policy: p}
}

// publish is Notify. What is wrong with the message rather than with one of its notifications is the client's.
func publish(d Deps) soap.Operation {
	op := notification(opNotify, actionNotify, d.publisher())
	op.Serve = func(ctx context.Context, req soap.Request) (soap.Reply, error) {
		all, err := binder{req.Tree}.notifications(req.Body)
		if err != nil {
			return nil, &soap.FaultError{Err: err, Client: true}
		}
		if err := d.Broker.Notify(ctx, req.Caller, all); err != nil {
			return nil, err
		}
		return answer(opNotify, nil), nil
	}
	op.Tell = func(req soap.Request, err error) error {
		count := 0
		for child := range req.Tree.Children(req.Body) {
			if req.Tree.Is(child, nsNotification, elemMessages) {
				count++
			}
		}
		return d.Broker.Failed(count, err)
	}
	return op
}

// misdirected is a Notify at a pull point, which the WSDL declares: there is no push.
func (d Deps) misdirected() soap.Operation {
	p := d.publisher()
	p.Listed, p.MaxBytes, p.Resend = "", 0, admitting.Recompute
	op := notification(opNotify, actionNotify, p)
	op.Serve = func(context.Context, soap.Request) (soap.Reply, error) {
		return nil, &nas.Error{Fault: nas.NotifyFailed, Err: fault.Error{Kind: fault.Invalid, Code: nas.CodeNotifyFailed, Text: textUseBroker}}
	}
	return op
}

func (d Deps) subscribe() soap.Operation {
	op := notification(opSubscribe, actionSubscribe, subscriber(admitting.Store))
	op.Serve = func(ctx context.Context, req soap.Request) (soap.Reply, error) {
		wanted, err := binder{req.Tree}.subscribing(req.Body)
		if err != nil {
			return nil, err
		}
		made, err := d.Subscriptions.Subscribe(ctx, req.Caller, wanted)
		if err != nil {
			return nil, err
		}
		return answer(opSubscribe, func(w *xmlout.Writer) {
			reference(w, elemSubscription, address(req.Base, PathManager, string(made.ID)))
			w.Elem("wsnt:"+elemCurrentTime, instant(made.Now))
			if !made.Expires.IsZero() {
				w.Elem("wsnt:"+elemTermination, instant(made.Expires))
			}
		}), nil
	}
	op.Tell = unable(nas.SubscribeCreationFailed)
	return op
}

func (d Deps) unsubscribe() soap.Operation {
	op := notification(opUnsubscribe, actionUnsubscribe, subscriber(admitting.Store))
	op.Serve = func(ctx context.Context, req soap.Request) (soap.Reply, error) {
		return answer(opUnsubscribe, nil), d.Subscriptions.Unsubscribe(ctx, req.Caller, subscription(req))
	}
	op.Tell = unable(nas.UnableToDestroySubscription)
	return op
}

func (d Deps) createPullPoint() soap.Operation {
	op := notification(opCreatePullPoint, actionCreatePullPoint, subscriber(admitting.Store))
	op.Serve = func(ctx context.Context, req soap.Request) (soap.Reply, error) {
		id, err := d.Subscriptions.CreatePullPoint(ctx, req.Caller)
		return answer(opCreatePullPoint, func(w *xmlout.Writer) {
			reference(w, elemPullPoint, address(req.Base, PathPullPoint, string(id)))
		}), err
	}
	op.Tell = unable(nas.UnableToCreatePullPoint)
	return op
}

// getMessages answers a message that comes again from the cursors: the use case keeps its answers itself.
func (d Deps) getMessages() soap.Operation {
	op := notification(opGetMessages, actionGetMessages, subscriber(admitting.Own))
	op.Serve = func(ctx context.Context, req soap.Request) (soap.Reply, error) {
		quota, err := binder{req.Tree}.maximum(req.Body)
		if err != nil {
			return nil, err
		}
		fetched, err := d.Fetching.GetMessages(ctx, req.Caller, pullPoint(req), quota)
		return answer(opGetMessages, func(w *xmlout.Writer) { messages(w, req.Base, fetched, d.More) }), err
	}
	op.Tell = unable(nas.UnableToGetMessages)
	return op
}

func (d Deps) destroyPullPoint() soap.Operation {
	op := notification(opDestroyPullPoint, actionDestroyPullPoint, subscriber(admitting.Store))
	op.Serve = func(ctx context.Context, req soap.Request) (soap.Reply, error) {
		return answer(opDestroyPullPoint, nil), d.Subscriptions.DestroyPullPoint(ctx, req.Caller, pullPoint(req))
	}
	op.Tell = unable(nas.UnableToDestroyPullPoint)
	return op
}

func (d Deps) createIDList() soap.Operation {
	p := subscriber(admitting.Store)
	p.MaxBytes = maxIDList
	op := idList(opCreateIDList, actionCreateIDList, p)
	op.Serve = func(ctx context.Context, req soap.Request) (soap.Reply, error) {
		list, err := binder{req.Tree}.list(req.Body)
		if err != nil {
			return nil, err
		}
		replaced, err := d.Subscriptions.CreateIDList(ctx, req.Caller, list)
		return listAnswer(opCreateIDList, elemUpdated, replaced), err
	}
	return op
}

func (d Deps) destroyIDList() soap.Operation {
	op := idList(opDestroyIDList, actionDestroyIDList, subscriber(admitting.Store))
	op.Serve = func(ctx context.Context, req soap.Request) (soap.Reply, error) {
		name, err := binder{req.Tree}.listName(req.Body)
		if err != nil {
			return nil, err
		}
		existed, err := d.Subscriptions.DestroyIDList(ctx, req.Caller, name)
		return listAnswer(opDestroyIDList, elemNoSuchList, !existed), err
	}
	return op
}

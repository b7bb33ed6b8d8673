package bootstrap

import (
	"context"
	"net/http"

	"github.com/opennsp/nsp/adapters/rest"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/nasws"
	"github.com/opennsp/nsp/adapters/telemetry"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xpath"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/notifying"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/ports"
)

// notification is what this process does of the notification service.
type notification struct {
	admin   *notifying.Administration
	broker  *notifying.Broker        // nil where this process publishes nothing
	subs    *notifying.Subscriptions // nil where nobody subscribes: at the broker too one can
	fetch   *notifying.Fetching      // nil where this process gives nothing out
	cleanup *notifying.Cleanup       // nil where it cleans up nothing
}

// openNAS builds the notification service, of which a process without it has nothing.
func (s *server) openNAS(ctx context.Context) error {
	c := &s.cfg.NAS
	if !s.cfg.administersNAS() || !s.cfg.usesStore() {
		return nil
	}
	counts := s.metrics.Notifications()
	topics := &notifying.Directory{Store: s.stores.nasTopics, Now: s.opt.Now, Age: c.Topic.Cache}
	n := &notification{}
	n.admin = &notifying.Administration{
		Store: s.stores.nasTopics, PullPoints: s.stores.pullPoints, Lists: s.stores.idLists, Log: s.stores.nasLog, Admin: s.stores.topics, Topics: topics,
		Trail: admitting.Trail{}, Now: s.opt.Now, Others: s.cfg.minLogTopics(), CloseDays: c.Topic.CloseDays, DefaultRetention: c.Topic.Retention,
	}
	if s.cfg.publishes() {
		n.broker = &notifying.Broker{
			Topics: topics, Log: s.stores.nasLog, Contents: nasws.Contents{}, Trail: admitting.Trail{}, Now: s.opt.Now, NewID: s.opt.NewID, Statistics: s.statistics,
			Notified: counts.Notified, MaxMessages: c.Notify.MaxMessages, MaxBytes: c.Notify.MaxMessageBytes,
		}
	}
	filters := &xpath.Filter{MaxSteps: c.Filter.MaxSteps, MaxLength: nas.MaxXPath}
	if s.cfg.runsAny(RoleNASSubscriber, RoleNASBroker) {
		n.subs = &notifying.Subscriptions{
			Store: s.stores.pullPoints, Topics: topics, Log: s.stores.nasLog, Lists: s.stores.idLists, Filters: filters, Trail: admitting.Trail{},
			Now: s.opt.Now, NewID: s.opt.NewID, Statistics: s.statistics, MaxPerOwner: c.PullPoint.MaxPerOwner, MaxPerPullPoint: c.Subscription.MaxPerPullPoint,
			MaxLifetime: c.Subscription.MaxLifetime, MaxSingleIDs: c.Filter.MaxSingleIDs, MaxIDs: c.IDList.MaxIDs,
		}
	}
	if s.cfg.runsAny(RoleNASSubscriber) {
		n.fetch = &notifying.Fetching{
			Store: s.stores.pullPoints, Topics: topics, Log: s.stores.nasLog, Lists: s.stores.idLists, Filters: filters, Trail: admitting.Trail{},
			Now: s.opt.Now, Logger: s.log, Statistics: s.statistics, Delivered: counts.Delivered, Lag: counts.Lag, EmptyWithData: counts.EmptyWithData,
			Default: c.GetMessages.Default, Limit: c.GetMessages.Limit, MaxBytes: c.GetMessages.MaxBytes, Poll: c.Poll.Timeout, CatchUpPoll: c.Poll.CatchUp,
			DeltaMax: int64(c.Poll.DeltaMax), MaxTime: c.Poll.MaxTime, AdvanceMin: int64(c.AdvanceMin), OffsetDeltaMin: int64(c.OffsetDeltaMin),
			CacheIDs: c.IDList.CacheIDs,
		}
	}
	if s.cfg.runsAny(RoleNASCleanup) {
		n.cleanup = s.nasCleanup()
		s.runner.Jobs = append(s.runner.Jobs, n.cleanup.Job(c.Cleanup, s.cfg.Jobs.LeaseTTL))
	}
	s.nas = n
	if c.History > c.Topic.Retention {
		s.log.WarnContext(ctx, "nas.history.retention is longer than nas.topic.default_retention: some fetches cannot be repeated that long")
	}
	return nil
}

// statistics writes a line of the statistics (nspop.dk, NAS2 Driftvejledning).
func (s *server) statistics(line string) { s.log.Info("STATISTIK: "+line, "category", "STATISTIK") }

// nasCleanup deletes what is kept no longer. Where the message log is in the store it deletes old notifications too.
func (s *server) nasCleanup() *notifying.Cleanup {
	c := &s.cfg.NAS
	cleanup := &notifying.Cleanup{
		Topics: s.stores.nasTopics, PullPoints: s.stores.pullPoints, Trail: admitting.Trail{}, Now: s.opt.Now, Statistics: s.statistics,
		History: c.History, IdleDays: c.PullPoint.IdleDays,
	}
	if s.cfg.MessageLog.Driver == embedded {
		cleanup.Log, cleanup.Admin = s.stores.nasLog, s.stores.topics
	}
	return cleanup
}

// nasServices builds the SOAP services of notifications.
func (s *server) nasServices(profile soap.Profile) []Mount {
	if s.nas == nil {
		return nil
	}
	d := nasws.Deps{
		Broker: s.nas.broker, Subscriptions: s.nas.subs, Fetching: s.nas.fetch, Profile: profile,
		HeadersRequired: s.cfg.NAS.HeadersRequired, More: s.cfg.NAS.More,
	}
	var mounts []Mount
	if s.cfg.runsAny(RoleNASBroker) {
		for _, m := range nasws.Broker(d) {
			mounts = append(mounts, Mount(m))
		}
	}
	if s.cfg.runsAny(RoleNASSubscriber) {
		for _, m := range nasws.Subscriber(d) {
			mounts = append(mounts, Mount(m))
		}
	}
	for i := range mounts {
		mounts[i].Service.Operations = s.ruled(mounts[i].Service.Operations, nil)
	}
	return mounts
}

// nasAPI is what the JSON API does with notifications; nil where this process has none.
func (s *server) nasAPI() *rest.NAS {
	if s.nas == nil {
		return nil
	}
	api := &rest.NAS{
		Subscriptions: s.nas.subs, Fetching: s.nas.fetch, Administration: s.nas.admin, Appending: s.publishingGate(),
		Publishers: s.cfg.Allowlist.NASNotify, SessionRequired: s.cfg.NAS.HeadersRequired,
	}
	if s.nas.cleanup != nil {
		api.Cleaning = &notifying.Cleaning{Runner: s.runner, Trail: admitting.Trail{}}
	}
	if s.cfg.runsAny(RoleNASBroker) {
		api.Broker = s.nas.broker
	}
	return api
}

// publishingGate is the gate of calls that publish: what they append to the message log, or else what they write to the store, is committed
// after the audit line.
func (s *server) publishingGate() *admitting.Gate {
	g := s.gate()
	if s.cfg.MessageLog.Driver == onKafka {
		g.Units, g.KeepAfter = admitting.BothUnits{Store: s.stores.units, Log: s.stores.publishing}, true
	}
	return g
}

// notifier is where the notifications of this server's own services go; nil where there is no such place.
func (s *server) notifier() (ports.Notifier, error) {
	remote := &s.cfg.NAS.Remote
	switch {
	case s.opt.Notifier != nil:
		return s.opt.Notifier, nil
	case remote.URL != "":
		return s.remoteBroker()
	case s.nas != nil && s.nas.broker != nil:
		return s.nas.broker.Notifier(), nil
	}
	if s.cfg.runsAny(RoleECPR, RoleWills, RoleFGVHR) {
		s.log.Warn("no broker takes the notifications of this process, which wait: it has not the role nas-broker, and nas.remote.url names none")
	}
	return nil, nil
}

// remoteBroker hands notifications to another server.
func (s *server) remoteBroker() (ports.Notifier, error) {
	remote := &s.cfg.NAS.Remote
	client := &nasws.Client{Send: func(ctx context.Context, action string, body func(*xmlout.Writer)) (*soap.Response, error) {
		return (&soap.Client{URL: remote.URL, HTTP: http.DefaultClient}).Call(ctx, action, plainEnvelope(body))
	}}
	if remote.STS != "" {
		send, err := s.asSystem("nas.remote.cert", remote.Key, remote.STS, remote.URL)
		if err != nil {
			return nil, err
		}
		client.Send = send
	}
	return &nasws.Notifier{Client: client, Timeout: remote.Timeout}, nil
}

// plainEnvelope is a message without credential.
func plainEnvelope(body func(*xmlout.Writer)) []byte {
	var w xmlout.Writer
	w.Start("soap:Envelope", "xmlns:soap", "http://schemas.xmlsoap.org/soap/envelope/")
	w.Start("soap:Body")
	body(&w)
	w.End()
	w.End()
	return w.Bytes()
}

// ensureTopics makes the topics that this server's own services publish on.
func (s *server) ensureTopics(ctx context.Context) error {
	if s.nas == nil || !s.cfg.publishes() && !s.cfg.runsNAS() {
		return nil
	}
	var access []string
	if s.cfg.Security.Mode == Development {
		access = []string{nas.Everybody}
	}
	topics := s.cfg.willTopics()
	if s.cfg.ECPR.Notify.Enabled {
		topics = append(topics, nas.TopicName(s.cfg.ECPR.Notify.Topic))
	}
	for _, t := range topics {
		if err := s.nas.admin.Ensure(ctx, t, access); err != nil {
			return err
		}
	}
	return nil
}

// notificationLog is the check of the message log where no other service asks for it.
func (s *server) notificationLog() telemetry.Check {
	return telemetry.Check{Name: "Message log", Failure: "not reachable", Probe: func(ctx context.Context) error {
		_, err := s.stores.topics.Topics(ctx)
		return err
	}}
}

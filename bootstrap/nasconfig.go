package bootstrap

import (
	"time"

	"github.com/opennsp/nsp/domain/messagelog"
)

// NAS configures the notification service. The names below nas.kafka and nas.statistik are those of the national one (nspop.dk, NAS2
// Driftvejledning).
type NAS struct {
	HeadersRequired bool
	Notify          struct{ MaxMessages, MaxMessageBytes int }
	GetMessages     struct {
		Default, Limit int
		MaxBytes       int64
	}
	Poll struct {
		Timeout, CatchUp, MaxTime time.Duration
		DeltaMax                  int
	}
	OffsetDeltaMin int
	AdvanceMin     int
	History        time.Duration
	Cleanup        time.Duration
	Topic          struct {
		Cache, Retention time.Duration
		CloseDays        int
	}
	PullPoint    struct{ MaxPerOwner, IdleDays int }
	Subscription struct {
		MaxPerPullPoint int
		MaxLifetime     time.Duration // 0 = none
	}
	Filter struct{ MaxSingleIDs, MaxSteps int }
	IDList struct{ MaxIDs, CacheIDs int }
	More   bool
	Remote struct {
		URL     string
		STS     string
		Key     KeyPair
		Timeout time.Duration
	}
}

func defaultNAS() (n NAS) {
	n.Notify.MaxMessages, n.Notify.MaxMessageBytes = 1000, 950_000
	n.GetMessages.Default, n.GetMessages.Limit, n.GetMessages.MaxBytes = 256, 1000, 8<<20
	n.Poll.Timeout, n.Poll.CatchUp, n.Poll.MaxTime, n.Poll.DeltaMax = time.Second, 5*time.Second, 15*time.Second, 1000
	n.OffsetDeltaMin, n.AdvanceMin = 100, 1000
	n.History, n.Cleanup = 7*24*time.Hour, time.Hour
	n.Topic.Cache, n.Topic.Retention, n.Topic.CloseDays = 10*time.Second, 14*24*time.Hour, 14
	n.PullPoint.MaxPerOwner, n.Subscription.MaxPerPullPoint = 100, 50
	n.Filter.MaxSingleIDs, n.Filter.MaxSteps = 1000, 100_000
	n.IDList.MaxIDs, n.IDList.CacheIDs = 500_000, 5_000_000
	n.Remote.Timeout = 5 * time.Second
	return n
}

// publishes tells whether this process puts notifications into the message log: those that are handed in, or its own.
func (c *Config) publishes() bool {
	return c.runsAny(RoleNASBroker) || c.runsAny(RoleECPR, RoleWills, RoleFGVHR) && c.NAS.Remote.URL == ""
}

// runsNAS tells whether this process has a part of the notification service.
func (c *Config) runsNAS() bool { return c.runsAny(RoleNASBroker, RoleNASSubscriber, RoleNASCleanup) }

// administersNAS tells whether this process knows topics and pull points.
func (c *Config) administersNAS() bool { return c.runsNAS() || c.publishes() || c.runsAny(RoleConsole) }

// minLogTopics are the topics of the message log that are MinLog's: no notifications are published on them.
func (c *Config) minLogTopics() []messagelog.Topic {
	topics := []messagelog.Topic{messagelog.Topic(c.MinLog.Topic)}
	for _, t := range c.MinLog.Consumer.Topics {
		topics = append(topics, messagelog.Topic(t))
	}
	return topics
}

// validateNAS checks the notification service.
func (c *Config) validateNAS(wrong func(bad bool, key, format string, args ...any)) {
	n, remote := &c.NAS, &c.NAS.Remote
	wrong(n.GetMessages.Default > n.GetMessages.Limit, "nas.getmessages.default", "is larger than nas.getmessages.limit")
	wrong(n.Poll.Timeout > n.Poll.MaxTime, "nas.kafka.poll.timeout", "is longer than nas.kafka.poll.max.time")
	wrong(n.Poll.CatchUp > n.Poll.MaxTime, "nas.kafka.poll.catchup.timeout", "is longer than nas.kafka.poll.max.time")
	wrong(c.runsNAS() && n.Poll.MaxTime >= c.HTTP.CallTimeout && c.HTTP.CallTimeout > 0, "nas.kafka.poll.max.time",
		"is not shorter than http.call_timeout: a call would be given up before it answers with what it has")
	wrong(n.IDList.MaxIDs > n.IDList.CacheIDs, "nas.idlist.cache_ids", "holds less than one list of nas.idlist.max_ids")
	wrong((remote.URL != "" || remote.STS != "" || remote.Key.Cert != "" || remote.Key.Key != "") &&
		(remote.URL == "" || (remote.STS == "") != (remote.Key.Cert == "") || (remote.Key.Cert == "") != (remote.Key.Key == "")),
		"nas.remote.url", "needs the address of the broker; a token service and a certificate with its key go together")
	wrong(remote.URL != "" && c.runsAny(RoleNASBroker), "nas.remote.url", "this process is the broker itself")
}

// nasKeys are the keys of the notification service.
func nasKeys() []key {
	whole := func(path, doc string, of func(*NAS) *int, least, most int) key {
		return key{path: path, doc: doc, field: func(c *Config) field { return &number{of(&c.NAS), least, most} }}
	}
	long := func(path, doc string, of func(*NAS) *time.Duration) key {
		return key{path: path, doc: doc, field: func(c *Config) field { return positive(of(&c.NAS)) }}
	}
	return []key{
		{path: "nas.dgws.headers.required", doc: "whether publishers must show an ID card too", field: func(c *Config) field { return (*truth)(&c.NAS.HeadersRequired) }},
		whole("nas.notify.max_messages", "notifications of one call", func(n *NAS) *int { return &n.Notify.MaxMessages }, 1, 10_000),
		whole("nas.notify.max_message_bytes", "octets of one notification", func(n *NAS) *int { return &n.Notify.MaxMessageBytes }, 1000, 950_000),
		whole("nas.getmessages.default", "messages that a fetch gives where the caller names no number", func(n *NAS) *int { return &n.GetMessages.Default }, 1, 10_000),
		whole("nas.getmessages.limit", "messages that a fetch gives at most", func(n *NAS) *int { return &n.GetMessages.Limit }, 1, 10_000),
		{path: "nas.getmessages.max_bytes", doc: "size of messages after which a fetch ends", field: func(c *Config) field { return &size{&c.NAS.GetMessages.MaxBytes, 1 << 10} }},
		long("nas.kafka.poll.timeout", "how long a fetch waits for messages that are there; reached when the message log fails", func(n *NAS) *time.Duration { return &n.Poll.Timeout }),
		long("nas.kafka.poll.catchup.timeout", "the same for a subscription that is far behind", func(n *NAS) *time.Duration { return &n.Poll.CatchUp }),
		whole("nas.kafka.poll.delta.max", "messages of a partition that a subscription may be behind before it is far behind", func(n *NAS) *int { return &n.Poll.DeltaMax }, 0, 1<<30),
		long("nas.kafka.poll.max.time", "how long a fetch reads at most; shorter than a load balancer's timeout", func(n *NAS) *time.Duration { return &n.Poll.MaxTime }),
		whole("nas.statistik.offset.delta.minimum", "lag of a subscription from which on a line of statistics tells of it", func(n *NAS) *int { return &n.OffsetDeltaMin }, 0, 1<<30),
		whole("nas.cursor.advance_min", "messages passed without a match that are worth a row; 0 = each move is kept", func(n *NAS) *int { return &n.AdvanceMin }, 0, 1_000_000),
		long("nas.history.retention", "how long a fetch can be repeated, and what ended is kept; at most the retention of topics", func(n *NAS) *time.Duration { return &n.History }),
		long("nas.cleanup.interval", "how often old cursors are deleted", func(n *NAS) *time.Duration { return &n.Cleanup }),
		{path: "nas.topic.cache", doc: "how old what is known of topics may be", field: func(c *Config) field { return upTo(time.Hour, &c.NAS.Topic.Cache) }},
		whole("nas.topic.close_days", "days that a topic is closed before it may be deleted", func(n *NAS) *int { return &n.Topic.CloseDays }, 0, 3650),
		long("nas.topic.default_retention", "how long notifications are kept", func(n *NAS) *time.Duration { return &n.Topic.Retention }),
		whole("nas.pullpoint.max_per_owner", "pull points of one system", func(n *NAS) *int { return &n.PullPoint.MaxPerOwner }, 1, 100_000),
		whole("nas.pullpoint.idle_days", "days without a fetch after which a pull point ends; 0 = never", func(n *NAS) *int { return &n.PullPoint.IdleDays }, 0, 3650),
		whole("nas.subscription.max_per_pullpoint", "subscriptions of one pull point", func(n *NAS) *int { return &n.Subscription.MaxPerPullPoint }, 1, 1000),
		{path: "nas.subscription.max_lifetime", doc: "how long a subscription may be asked for; 0 = without end", field: func(c *Config) field { return &duration{&c.NAS.Subscription.MaxLifetime, 0, longest} }},
		whole("nas.filter.max_single_ids", "single ids of a filter", func(n *NAS) *int { return &n.Filter.MaxSingleIDs }, 1, 100_000),
		whole("nas.filter.max_steps", "nodes that the XPath of a filter may visit for one message", func(n *NAS) *int { return &n.Filter.MaxSteps }, 1000, 10_000_000),
		whole("nas.idlist.max_ids", "ids of a list", func(n *NAS) *int { return &n.IDList.MaxIDs }, 1, 500_000),
		whole("nas.idlist.cache_ids", "ids of lists that are kept in memory", func(n *NAS) *int { return &n.IDList.CacheIDs }, 1, 100_000_000),
		{path: "nas.response.more", doc: "whether answers of a fetch tell that there is more", field: func(c *Config) field { return (*truth)(&c.NAS.More) }},
		{path: "nas.remote.url", doc: "address of another server's broker that takes the notifications of this server's services; empty = this server's message log if it has the role nas-broker, else they wait", field: func(c *Config) field { return (*text)(&c.NAS.Remote.URL) }},
		{path: "nas.remote.sts", doc: "address of the token service that issues our ID card; empty = the broker knows our address", field: func(c *Config) field { return (*text)(&c.NAS.Remote.STS) }},
		file("nas.remote.cert", "certificate of the system that publishes (PEM)", func(c *Config) *string { return &c.NAS.Remote.Key.Cert }),
		file("nas.remote.key", "its private key (PEM)", func(c *Config) *string { return &c.NAS.Remote.Key.Key }),
		long("nas.remote.timeout", "for its answer", func(n *NAS) *time.Duration { return &n.Remote.Timeout }),
	}
}

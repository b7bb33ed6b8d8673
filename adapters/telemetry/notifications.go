package telemetry

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Notifications counts what the notification service takes and gives. Topics are registered ones. It is safe for concurrent use.
type Notifications struct {
	notified, delivered, empty *prometheus.CounterVec
	lag                        *prometheus.GaugeVec

	mu   sync.Mutex
	lags map[string]int64 // the largest of each topic since it was last shown
}

// Notifications shows how much was published and delivered by topic, and how far behind its subscriptions were that fetched last.
func (m *Metrics) Notifications() *Notifications {
	counter := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: prefix, Name: name, Help: help}, []string{"topic"})
	}
	n := &Notifications{
		notified:  counter(metricNASNotified, "Notifications published."),
		delivered: counter(metricNASDelivered, "Messages delivered."),
		empty:     counter(metricNASEmpty, "Reads that gave nothing though the message log had more."),
		lag: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: prefix, Name: metricNASLag, Help: "Messages that the subscription furthest behind had not read, of those that fetched since the last look.",
		}, []string{"topic"}),
		lags: map[string]int64{},
	}
	m.registry.MustRegister(n.notified, n.delivered, n.empty, lagging{n})
	return n
}

// Notified counts notifications that were published.
func (n *Notifications) Notified(topic string, count int) {
	n.notified.WithLabelValues(topic).Add(float64(count))
}

// Delivered counts messages that were delivered.
func (n *Notifications) Delivered(topic string, count int) {
	n.delivered.WithLabelValues(topic).Add(float64(count))
}

// EmptyWithData counts a read that gave nothing though there was more.
func (n *Notifications) EmptyWithData(topic string) { n.empty.WithLabelValues(topic).Inc() }

// Lag tells how far a subscription was behind when it fetched.
func (n *Notifications) Lag(topic string, lag int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lags[topic] = max(n.lags[topic], lag)
}

// lagging shows the lags, and begins anew.
type lagging struct{ n *Notifications }

// Describe implements prometheus.Collector.
func (l lagging) Describe(ch chan<- *prometheus.Desc) { l.n.lag.Describe(ch) }

// Collect implements prometheus.Collector.
func (l lagging) Collect(ch chan<- prometheus.Metric) {
	l.n.mu.Lock()
	for topic, lag := range l.n.lags {
		l.n.lag.WithLabelValues(topic).Set(float64(lag))
		l.n.lags[topic] = 0
	}
	l.n.mu.Unlock()
	l.n.lag.Collect(ch)
}

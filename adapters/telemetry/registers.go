package telemetry

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports"
)

// Numbers counts the replacement numbers that are issued. It is safe for concurrent use.
type Numbers struct {
	issued, exhausted prometheus.Counter

	mu   sync.Mutex
	left float64 // of the series that has fewest, as far as this process knows; NaN = none was counted yet
}

// Numbers shows how many replacement numbers were issued, and how many are left.
func (m *Metrics) Numbers() *Numbers {
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: prefix, Name: name, Help: help})
		m.registry.MustRegister(c)
		return c
	}
	n := &Numbers{
		issued:    counter(metricECPRIssued, "Replacement numbers that were issued."),
		exhausted: counter(metricECPRExhausted, "Registrations that found no number left."),
		left:      math.NaN(),
	}
	m.gauge(metricECPRLeft, "Numbers that are left of the series that has fewest of those this process counted.", func() float64 {
		n.mu.Lock()
		defer n.mu.Unlock()
		return n.left
	})
	return n
}

// Issued counts a number that was issued.
func (n *Numbers) Issued() { n.issued.Inc() }

// Exhausted counts a registration for which there was none.
func (n *Numbers) Exhausted() { n.exhausted.Inc() }

// Left is told how many numbers a series has left.
func (n *Numbers) Left(left int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if math.IsNaN(n.left) || float64(left) < n.left {
		n.left = float64(left)
	}
}

// CopyRegister returns register, measured: it counts the rows that are copied.
func (m *Metrics) CopyRegister(register ports.CopyRegister) ports.CopyRegister {
	records := prometheus.NewCounterVec(
		prometheus.CounterOpts{Namespace: prefix, Name: metricSKRSRecords, Help: "Rows of registers that were copied."}, []string{"register", "datatype"})
	m.registry.MustRegister(records)
	return &copyRegister{register, records}
}

type copyRegister struct {
	ports.CopyRegister
	records *prometheus.CounterVec
}

var _ ports.CopyRegister = (*copyRegister)(nil)

// Page counts the rows of the page.
func (c *copyRegister) Page(ctx context.Context, v stamdata.View, after stamdata.Offset, limit int) ([]stamdata.CopyRow, error) {
	rows, err := c.CopyRegister.Page(ctx, v, after, limit)
	if err == nil {
		c.records.WithLabelValues(v.Register, v.Datatype).Add(float64(len(rows)))
	}
	return rows, err
}

// Loads shows when a file of each register was last loaded, as of tells at each scrape, newest first. Where it fails nothing is shown.
func (m *Metrics) Loads(of func(ctx context.Context, n int) ([]stamdata.LoadReport, error)) {
	m.registry.MustRegister(&loads{of: of})
}

// latestLoads is how many loads are looked at: of registers whose last load is further back nothing is shown.
const latestLoads = 500

type loads struct {
	of func(ctx context.Context, n int) ([]stamdata.LoadReport, error)
}

func loadDesc() *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(prefix, "", metricStamdataLoad), "When a file of the register was last loaded, in Unix time.",
		[]string{"register"}, nil)
}

// Describe implements prometheus.Collector.
func (l *loads) Describe(ch chan<- *prometheus.Desc) { ch <- loadDesc() }

// Collect implements prometheus.Collector.
func (l *loads) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), lagTimeout)
	defer cancel()
	all, err := l.of(ctx, latestLoads)
	if err != nil {
		return
	}
	shown := map[string]bool{}
	for _, r := range all {
		if shown[r.Register] {
			continue
		}
		shown[r.Register] = true
		ch <- prometheus.MustNewConstMetric(loadDesc(), prometheus.GaugeValue, float64(r.At.Unix()), r.Register)
	}
}

// Outbox shows how many notices wait and are parked, and how long the oldest waits, as outbox tells at each scrape. Where it fails nothing is
// shown.
func (m *Metrics) Outbox(outbox ports.Outbox, now func() time.Time) {
	m.registry.MustRegister(&notices{outbox, now})
}

type notices struct {
	outbox ports.Outbox
	now    func() time.Time
}

func noticeDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(prefix, "", name), help, nil, nil)
}

func waitingDesc() *prometheus.Desc {
	return noticeDesc(metricOutboxWaiting, "Notices to other services that are neither delivered nor parked.")
}

func parkedDesc() *prometheus.Desc {
	return noticeDesc(metricOutboxParked, "Notices that other services refused for good.")
}

func oldestDesc() *prometheus.Desc {
	return noticeDesc(metricOutboxOldest, "How long the oldest notice waits.")
}

// Describe implements prometheus.Collector.
func (n *notices) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{waitingDesc(), parkedDesc(), oldestDesc()} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (n *notices) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), lagTimeout)
	defer cancel()
	waiting, parked, oldest, err := n.outbox.Waiting(ctx)
	if err != nil {
		return
	}
	age := 0.0
	if !oldest.IsZero() {
		age = max(n.now().Sub(oldest).Seconds(), 0)
	}
	ch <- prometheus.MustNewConstMetric(waitingDesc(), prometheus.GaugeValue, float64(waiting))
	ch <- prometheus.MustNewConstMetric(parkedDesc(), prometheus.GaugeValue, float64(parked))
	ch <- prometheus.MustNewConstMetric(oldestDesc(), prometheus.GaugeValue, age)
}

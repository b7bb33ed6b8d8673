package telemetry

import (
	"cmp"
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/opennsp/nsp/domain/job"
)

// Metrics counts and measures. It is safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry

	calls            *prometheus.CounterVec
	callDuration     *prometheus.HistogramVec
	callRequest      *prometheus.HistogramVec
	callResponse     *prometheus.HistogramVec
	inFlight         *prometheus.GaugeVec
	faults           *prometheus.CounterVec
	refusals         *prometheus.CounterVec
	securityDuration *prometheus.HistogramVec
	replays          *prometheus.CounterVec
	rateLimited      *prometheus.CounterVec
	issued           *prometheus.CounterVec

	auditLines  *prometheus.CounterVec
	auditAppend prometheus.Histogram
	produce     *prometheus.HistogramVec
	consumed    *prometheus.CounterVec
	entries     *prometheus.CounterVec
	bulk        prometheus.Histogram
	endToEnd    prometheus.Histogram
	deleted     prometheus.Counter
	jobRuns     *prometheus.CounterVec
}

// NewMetrics returns metrics of their own registry, so that several servers can run in one process.
func NewMetrics(b Build) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: prefix, Name: name, Help: help}, labels)
		m.registry.MustRegister(v)
		return v
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: prefix, Name: name, Help: help, Buckets: buckets}, labels)
		m.registry.MustRegister(v)
		return v
	}
	single := func(name, help string, buckets []float64) prometheus.Histogram {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: prefix, Name: name, Help: help, Buckets: buckets})
		m.registry.MustRegister(h)
		return h
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: prefix, Name: metricBuildInfo, Help: "The running program; always 1."},
		[]string{"version", "commit", "goversion"})
	build.WithLabelValues(b.Version, b.Commit, b.Go).Set(1)
	m.inFlight = prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: prefix, Name: metricInFlight, Help: "Calls in progress."}, []string{"service"})
	m.registry.MustRegister(build, m.inFlight, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	m.calls = counter(metricCalls, "Calls by how they ended.", "service", "operation", "outcome")
	m.callDuration = histogram(metricCallDuration, "Time from arrival to the encoded answer.", secondsBuckets(), "service", "operation")
	m.callRequest = histogram(metricCallRequest, "Size of requests.", bytesBuckets(), "service", "operation")
	m.callResponse = histogram(metricCallResponse, "Size of answers.", bytesBuckets(), "service", "operation")
	m.faults = counter(metricFaults, "Faults by their code.", "service", "code")
	m.refusals = counter(metricRefusals, "Calls that security refused.", "service", "reason")
	m.securityDuration = histogram(metricSecurityDuration, "Time to parse and verify a message.", secondsBuckets(), "step")
	m.replays = counter(metricReplays, "Messages that came again.", "service")
	m.rateLimited = counter(metricRateLimited, "Calls that were turned away because their caller made too many.", "limit")
	m.issued = counter(metricSTSIssued, "Cards and tokens that the token service issued.", "kind")
	m.auditLines = counter(metricAuditLines, "Lines handed to the audit log.", "category", "result")
	m.auditAppend = single(metricAuditAppend, "Time until an audit line was durable.", secondsBuckets())
	m.produce = histogram(metricProduce, "Time to append to the message log.", secondsBuckets(), "topic")
	m.consumed = counter(metricConsumed, "Records of the message log that were stored.", "topic")
	m.entries = counter(metricMinLogEntries, "MinLog entries by what became of them.", "result")
	m.bulk = single(metricMinLogBulk, "Entries of one MinLog registration that were taken.", bulkBuckets())
	m.endToEnd = single(metricMinLogEndToEnd, "Time from receipt of a MinLog registration until it can be looked up.", secondsBuckets())
	m.deleted = counter(metricMinLogDeleted, "Registrations and dead letters that were too old and were removed, but for those of whole months.").WithLabelValues()
	m.jobRuns = counter(metricJobRuns, "Runs of jobs by how they ended.", "job", "result")
	return m
}

// Handler serves the metrics in the text format of Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Call is one call as it ended. Its texts are constants of the program; empty ones count as "other".
type Call struct {
	Service, Operation string
	Outcome            string // ok, fault, refused, limited, audit_failed, timeout
	FaultCode          string // what the caller was told, "" for a good answer
	Reason             string // why security refused, else ""
	Replayed           bool   // the message came again
	Duration, Security time.Duration
	Request, Response  int64 // octets
}

// Call counts c.
func (m *Metrics) Call(c Call) {
	service, operation := cmp.Or(c.Service, other), cmp.Or(c.Operation, other)
	m.calls.WithLabelValues(service, operation, cmp.Or(c.Outcome, other)).Inc()
	m.callDuration.WithLabelValues(service, operation).Observe(c.Duration.Seconds())
	m.callRequest.WithLabelValues(service, operation).Observe(float64(c.Request))
	m.callResponse.WithLabelValues(service, operation).Observe(float64(c.Response))
	if c.Security > 0 {
		m.securityDuration.WithLabelValues("request").Observe(c.Security.Seconds())
	}
	if c.FaultCode != "" {
		m.faults.WithLabelValues(service, c.FaultCode).Inc()
	}
	if c.Reason != "" {
		m.refusals.WithLabelValues(service, c.Reason).Inc()
	}
	if c.Replayed {
		m.replays.WithLabelValues(service).Inc()
	}
}

// RateLimited counts a call that one of the limits turned away.
func (m *Metrics) RateLimited(limit string) { m.rateLimited.WithLabelValues(limit).Inc() }

// Issued counts what an operation of the token service issued.
func (m *Metrics) Issued(kind string) { m.issued.WithLabelValues(cmp.Or(kind, other)).Inc() }

// CertificateExpiry shows when the TLS certificate of a listener ends.
func (m *Metrics) CertificateExpiry(listener string, ends func() time.Time) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(
		prometheus.GaugeOpts{Namespace: prefix, Name: metricCertificateEnd, Help: "When the TLS certificate ends, in Unix time.",
			ConstLabels: prometheus.Labels{"listener": listener}},
		func() float64 { return float64(ends().Unix()) }))
}

// InFlight counts a call of service as in progress until the returned function is called.
func (m *Metrics) InFlight(service string) (done func()) {
	g := m.inFlight.WithLabelValues(service)
	g.Inc()
	return g.Dec
}

// Gauge shows a value that is asked for at each scrape.
func (m *Metrics) gauge(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: prefix, Name: name, Help: help}, value))
}

// AuditFree shows the free space of the audit log.
func (m *Metrics) AuditFree(octets func() int64) {
	m.gauge(metricAuditFree, "Free octets of the audit log's file system.", func() float64 { return float64(octets()) })
}

// AccessDropped shows how many access lines were lost.
func (m *Metrics) AccessDropped(lines func() int64) {
	m.count(metricAccessDropped, "Access lines that were not written.", lines)
}

// TracesDropped shows how many spans were lost.
func (m *Metrics) TracesDropped(spans func() int64) {
	m.count(metricTracesDropped, "Spans that were not exported.", spans)
}

// EventsDropped shows how many security events were lost.
func (m *Metrics) EventsDropped(events func() int64) {
	m.count(metricEventsDropped, "Security events that were not stored; the application log has them.", events)
}

func (m *Metrics) count(name, help string, value func() int64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(
		prometheus.CounterOpts{Namespace: prefix, Name: name, Help: help}, func() float64 { return float64(value()) }))
}

// Lag is how many records of a partition wait for the consumer.
type Lag struct {
	Topic     string
	Partition int
	Records   int64
}

// Lags shows what of tells at each scrape. Where it fails nothing is shown.
func (m *Metrics) Lags(of func(context.Context) ([]Lag, error)) {
	m.registry.MustRegister(&lags{of: of})
}

// lagTimeout bounds the questions of one scrape.
const lagTimeout = 2 * time.Second

type lags struct {
	of func(context.Context) ([]Lag, error)
}

func lagDesc() *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(prefix, "", metricLag), "Records that wait for the consumer.", []string{"topic", "partition"}, nil)
}

// Describe implements prometheus.Collector.
func (l *lags) Describe(ch chan<- *prometheus.Desc) { ch <- lagDesc() }

// Collect implements prometheus.Collector.
func (l *lags) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), lagTimeout)
	defer cancel()
	all, err := l.of(ctx)
	if err != nil {
		return
	}
	for _, lag := range all {
		ch <- prometheus.MustNewConstMetric(lagDesc(), prometheus.GaugeValue, float64(lag.Records), lag.Topic, strconv.Itoa(lag.Partition))
	}
}

// successes shows when each job last ended well, as of tells at each scrape. Where it fails nothing is shown.
type successes struct {
	of func(context.Context) ([]job.Run, error)
}

func successDesc() *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(prefix, "", metricJobSuccess), "When the job last ended well, in Unix time.", []string{"job"}, nil)
}

// Describe implements prometheus.Collector.
func (s *successes) Describe(ch chan<- *prometheus.Desc) { ch <- successDesc() }

// Collect implements prometheus.Collector.
func (s *successes) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), lagTimeout)
	defer cancel()
	runs, err := s.of(ctx)
	if err != nil {
		return
	}
	for _, r := range runs {
		if !r.SucceededAt.IsZero() {
			ch <- prometheus.MustNewConstMetric(successDesc(), prometheus.GaugeValue, float64(r.SucceededAt.UnixMicro())/1e6, r.Name)
		}
	}
}

package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/opennsp/nsp/domain/consent"
)

// Consent counts what the verification of consent answers. It is safe for concurrent use.
type Consent struct {
	decisions *prometheus.CounterVec
	overrides prometheus.Counter
}

// Consent shows how checks were answered, and how often somebody broke through.
func (m *Metrics) Consent() *Consent {
	c := &Consent{
		decisions: prometheus.NewCounterVec(
			prometheus.CounterOpts{Namespace: prefix, Name: metricConsentDecisions, Help: "Checks of users, by their answer."}, []string{"answer"}),
		overrides: prometheus.NewCounter(
			prometheus.CounterOpts{Namespace: prefix, Name: metricConsentOverrides, Help: "Calls that broke through what citizens registered."}),
	}
	m.registry.MustRegister(c.decisions, c.overrides)
	return c
}

// Decided counts an answer.
func (c *Consent) Decided(a consent.Answer) { c.decisions.WithLabelValues(a.String()).Inc() }

// Overridden counts an override.
func (c *Consent) Overridden() { c.overrides.Inc() }

package telemetry

// Names of the metrics, after the prefix.
const (
	prefix = "nspd"

	metricBuildInfo        = "build_info"
	metricCalls            = "calls_total"
	metricCallDuration     = "call_duration_seconds"
	metricCallRequest      = "call_request_bytes"
	metricCallResponse     = "call_response_bytes"
	metricInFlight         = "calls_in_flight"
	metricFaults           = "faults_total"
	metricRefusals         = "security_refusals_total"
	metricSecurityDuration = "security_duration_seconds"
	metricAuditLines       = "audit_lines_total"
	metricAuditAppend      = "audit_append_seconds"
	metricAuditWritable    = "audit_writable"
	metricAuditFree        = "audit_free_bytes"
	metricTracesDropped    = "traces_dropped_total"
	metricAccessDropped    = "access_dropped_total"
	metricProduce          = "messagelog_produce_seconds"
	metricConsumed         = "messagelog_consumed_total"
	metricLag              = "messagelog_lag"
	metricMinLogEntries    = "minlog_entries_total"
	metricMinLogBulk       = "minlog_bulk_size"
	metricMinLogEndToEnd   = "minlog_end_to_end_seconds"
	metricMinLogDeleted    = "minlog_cleanup_deleted_total"
	metricJobRuns          = "job_runs_total"
	metricJobSuccess       = "job_last_success_timestamp_seconds"
	metricReplays          = "replays_total"
	metricRateLimited      = "ratelimited_total"
	metricSTSIssued        = "sts_issued_total"
	metricCertificateEnd   = "tls_certificate_expiry_timestamp_seconds"
	metricEventsDropped    = "security_events_dropped_total"
	metricECPRIssued       = "ecpr_issued_total"
	metricECPRLeft         = "ecpr_space_left_min"
	metricECPRExhausted    = "ecpr_exhausted_total"
	metricSKRSRecords      = "skrs_records_total"
	metricStamdataLoad     = "stamdata_last_load_timestamp_seconds"
	metricConsentDecisions = "consent_decisions_total"
	metricConsentOverrides = "consent_overrides_total"
	metricNASNotified      = "nas_notified_total"
	metricNASDelivered     = "nas_delivered_total"
	metricNASEmpty         = "nas_pull_empty_with_data_total"
	metricNASLag           = "nas_subscription_lag_max"
	metricOutboxWaiting    = "outbox_waiting"
	metricOutboxParked     = "outbox_parked"
	metricOutboxOldest     = "outbox_oldest_seconds"
)

// The limits of ratelimited_total.
const (
	LimitCaller         = "caller"
	LimitFailedSecurity = "failed_security"
)

// other stands for a label value that is not known.
const other = "other"

// Paths below the root of a service (the first five: NSP; /health: Spring Boot, as NSP services answer it) and on the admin listener.
const (
	PathStatus   = "/status"
	PathAlarm    = "/alarm"
	PathVersion  = "/version"
	PathHealth   = "/health"
	PathActuator = "/actuator/health"

	PathLive    = "/livez"
	PathReady   = "/readyz"
	PathMetrics = "/metrics"
)

// Outcomes of a check in the status text.
const (
	statusOK    = "OK"
	statusError = "ERROR"
)

func secondsBuckets() []float64 {
	return []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
}

func bytesBuckets() []float64 { return []float64{1e3, 1e4, 1e5, 1e6, 1e7} }

func bulkBuckets() []float64 { return []float64{1, 10, 50, 100, 250, 500, 1000} }

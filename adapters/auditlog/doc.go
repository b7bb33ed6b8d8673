// Package auditlog writes the NSP audit log, whose lines are evidence and durable before a call is answered, and the access log, which
// describes traffic without personal data. Both are files of one JSON object per line in the form NSP publishes.
package auditlog

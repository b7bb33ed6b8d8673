package audit

import "time"

// Refusal is a call that security turned away, as the security events keep it: no person and nothing of the body.
type Refusal struct {
	At        time.Time
	Service   string
	Operation string // "" if it was not recognised
	Code      string // what the caller was told
	Cause     string // one of a small set of constant texts
	Anchor    string // id of the trust anchor the credential names, "" if none
	CVR       string // organisation of a credential whose signature was verified, else ""
	Addr      string // of the client
	MessageID string // masked
}

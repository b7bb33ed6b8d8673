// Package audit holds what one call says in the audit log (NSP audit log: components, contexts and classified information).
package audit

import "time"

// Component is the name of a service in the audit log, such as "MinLog2".
type Component string

// Context is the name of an operation in the audit log, such as "RegistrationRequest".
type Context string

// Class says how sensitive a value is.
type Class string

// The classes: Følsom, Personlig, Ikke personlig.
const (
	SPI Class = "SPI" // sensitive personal information
	RPI Class = "RPI" // regular personal information
	NPI Class = "NPI" // non personal information
)

// Information is one keyed value, or a list of values under one key. An Information without value is left out of the log.
type Information struct {
	Key   string
	Class Class
	Value string
	List  []string // written as <key>.0, <key>.1 …; Value is then empty
}

// ContextNotes is what was said in one context, in the order it was said.
type ContextNotes struct {
	Context     Context
	Information []Information
}

// ComponentNotes is what was said by one component.
type ComponentNotes struct {
	Component Component
	Contexts  []ContextNotes
}

// Notes collects what a call says: the same component and context merge, repeated keys append. Not safe for concurrent use.
type Notes []ComponentNotes

// Add appends info under component and context.
func (n *Notes) Add(c Component, where Context, info ...Information) {
	var comp *ComponentNotes
	for i := range *n {
		if (*n)[i].Component == c {
			comp = &(*n)[i]
		}
	}
	if comp == nil {
		*n = append(*n, ComponentNotes{Component: c})
		comp = &(*n)[len(*n)-1]
	}
	for i := range comp.Contexts {
		if comp.Contexts[i].Context == where {
			comp.Contexts[i].Information = append(comp.Contexts[i].Information, info...)
			return
		}
	}
	comp.Contexts = append(comp.Contexts, ContextNotes{Context: where, Information: info})
}

// Outcome values of the key "outcome", said of the last context when a call did not end in its ordinary way.
const (
	RolledBack     = "rolled_back"
	OutcomeUnknown = "unknown"
	Replayed       = "replayed" // an answer that was kept was given again
)

// SetOutcome says outcome in the last context of the last component. Without any component there is nothing to say it of.
func (n Notes) SetOutcome(outcome string) {
	if len(n) == 0 {
		return
	}
	last := &n[len(n)-1]
	c := &last.Contexts[len(last.Contexts)-1]
	c.Information = append(c.Information, Outcome.Is(outcome))
}

// Entry is one line of the audit log.
type Entry struct {
	Route  Component // owner of the path: gives the category when Notes is empty
	Notes  Notes
	Access Access
}

// MethodJob is the Method of a job's line: its Path is "job:<name>".
const MethodJob = "JOB"

// Access describes the call as the transport saw it (fields of the NSP audit line's "access" object). Header and attribute maps hold only
// names of the allow-lists. Durations are whole milliseconds in the log.
type Access struct {
	Code             int // HTTP status of the answer
	Duration         time.Duration
	HTTPHeaders      map[string]string
	HTTPHost         string
	IDCardAttributes map[string]string // only of a verified credential, else empty
	Method           string
	Path             string
	Query            string
	Port             int
	Protocol         string // http or https
	ReqSize, ResSize int64  // bytes of the bodies
	SOAPHeaders      map[string]string
	CallID           string // 16 hex digits
	Arrived          time.Time
	Stats            Stats
}

// Stats is where the time of a call went.
type Stats struct {
	Handler          time.Duration // the use case
	RequestContent   time.Duration // reading the body
	ResponseContent  time.Duration // encoding the answer
	SecurityRequest  time.Duration // parsing and verifying
	SecurityResponse time.Duration // signing the answer
	InFlight         int           // calls in progress
}

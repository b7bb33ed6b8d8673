package fgvhr

import "github.com/opennsp/nsp/domain/fault"

// Why an opt-out is refused. The texts are constant and tell nothing of the citizen.
var (
	ErrTooYoung error = fault.Error{Kind: fault.Invalid, Code: "not_eligible", Text: "the citizen is too young"}
	ErrInactive error = fault.Error{Kind: fault.Invalid, Code: "inactive_citizen", Text: "the CPR number is not active"}
	ErrExists   error = fault.Error{Kind: fault.Conflict, Code: "consent_exists", Text: "an active opt-out exists already"}
	ErrNotFound error = fault.Error{Kind: fault.NotFound, Code: "consent_not_found", Text: "there is no active opt-out"}
	ErrChanged  error = fault.Error{Kind: fault.Stale, Code: "registration_changed", Text: "the registration was changed by someone else"}
	ErrStatus   error = fault.Error{Kind: fault.Invalid, Code: "invalid_status", Text: "status change not allowed"}
	ErrDate     error = fault.Error{Kind: fault.Invalid, Code: "invalid_date", Text: "date not allowed"}
	ErrConflict error = fault.Error{Kind: fault.Conflict, Code: "conflict", Text: "the registration was changed at the same time"}
)

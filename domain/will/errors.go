package will

import "github.com/opennsp/nsp/domain/fault"

// Why a will is refused. The texts are constant and tell nothing of the citizen.
var (
	ErrInvalid  error = fault.Error{Kind: fault.Invalid, Code: "invalid_will", Text: "acceptance cannot be required for this wish"}
	ErrEmpty    error = fault.Error{Kind: fault.Invalid, Code: "empty_will", Text: "the will holds no wishes"}
	ErrTooYoung error = fault.Error{Kind: fault.Invalid, Code: "not_eligible", Text: "the citizen is too young"}
	ErrInactive error = fault.Error{Kind: fault.Invalid, Code: "inactive_citizen", Text: "the CPR number is not active"}
	ErrExists   error = fault.Error{Kind: fault.Conflict, Code: "will_exists", Text: "the citizen already has a valid will"}
	ErrNotFound error = fault.Error{Kind: fault.NotFound, Code: "will_not_found", Text: "the citizen has no valid will"}
	ErrClosed   error = fault.Error{Kind: fault.Conflict, Code: "register_closed", Text: "living wills can no longer be created or changed"}
	ErrChanged  error = fault.Error{Kind: fault.Stale, Code: "registration_changed", Text: "the registration was changed by someone else"}
	ErrConflict error = fault.Error{Kind: fault.Conflict, Code: "conflict", Text: "the registration was changed at the same time"}
)

package messagelog_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/messagelog"
)

// TestKindsOfErrors fixes what a caller of the log can tell apart.
func TestKindsOfErrors(t *testing.T) {
	assert.True(t, fault.Is(messagelog.ErrExists, fault.Conflict))
	assert.True(t, fault.Is(messagelog.ErrNoTopic, fault.NotFound))
	assert.True(t, fault.Is(messagelog.ErrGone, fault.Gone))
	for _, ours := range []error{messagelog.ErrStalled, messagelog.ErrOutcomeUnknown} {
		_, told := fault.Of(ours)
		assert.False(t, told, "%v is not told to a client", ours)
	}
}

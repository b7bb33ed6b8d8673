package fault_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/opennsp/nsp/domain/fault"
)

func TestOf(t *testing.T) {
	refused := fault.Error{Kind: fault.Forbidden, Code: fault.CodeNotAuthorized, Text: "no"}
	for _, c := range []struct {
		name string
		err  error
		want fault.Error
		ok   bool
	}{
		{"itself", refused, refused, true},
		{"wrapped", fmt.Errorf("look up: %w", refused), refused, true},
		{"joined", errors.Join(errors.New("other"), refused), refused, true},
		{"ours", errors.New("disk full"), fault.Error{}, false},
		{"none", nil, fault.Error{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := fault.Of(c.err)
			assert.Equal(t, c.ok, ok)
			assert.Equal(t, c.want, got)
			assert.Equal(t, c.ok, fault.Is(c.err, fault.Forbidden))
			assert.False(t, fault.Is(c.err, fault.NotFound))
		})
	}
}

func TestAnErrorWithoutFaultIsNoInternalFault(t *testing.T) {
	assert.False(t, fault.Is(errors.New("disk full"), fault.Internal))
}

func TestErrorIsASentinel(t *testing.T) {
	gone := fault.Error{Kind: fault.Gone, Code: "gone", Text: "it was here"}
	assert.ErrorIs(t, fmt.Errorf("read: %w", gone), gone)
	assert.NotErrorIs(t, fault.Error{Kind: fault.Gone, Code: "gone", Text: "another"}, gone)
	assert.Equal(t, "gone: it was here", gone.Error())
}

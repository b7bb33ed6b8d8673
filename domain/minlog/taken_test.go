package minlog_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/minlog"
)

func TestTaken(t *testing.T) {
	r := rules(v2025)
	e := access(assistant, "7", 0, 5)
	hyphen := e
	hyphen.Person.Value = "020280-1111"
	taken, err := r.Taken([]minlog.Entry{e, hyphen})
	require.NoError(t, err)
	assert.Equal(t, []minlog.Entry{e, e}, taken, "in their canonical form")
	assert.Equal(t, "020280-1111", hyphen.Person.Value, "the caller's entry was changed")
	_, err = r.Taken(slices.Repeat([]minlog.Entry{e}, 1000))
	require.NoError(t, err)

	nobody := e
	nobody.User = minlog.ID{}
	many := e
	many.Filters = slices.Repeat([]string{"x"}, 11)
	for name, c := range map[string]struct {
		entries []minlog.Entry
		code    string
	}{
		"none":             {nil, "syntax_error"},
		"too many":         {slices.Repeat([]minlog.Entry{e}, 1001), "too_many_entries"},
		"one without user": {[]minlog.Entry{e, nobody}, "missing_value"},
		"too many filters": {[]minlog.Entry{many}, "too_many_filters"},
		"the first's code": {[]minlog.Entry{many, nobody}, "too_many_filters"},
	} {
		taken, err := r.Taken(c.entries)
		assert.Nil(t, taken, name)
		require.ErrorIs(t, err, minlog.ErrRefused, name)
		assert.Equal(t, c.code, minlog.RefusalCode(fmt.Errorf("log: %w", err)), name)
	}
	assert.Equal(t, "refused", minlog.RefusalCode(minlog.ErrRefused), "a refusal without a code")
	assert.Equal(t, "registration refused: missing_value", minlog.Refusal{Code: "missing_value"}.Error())
}

package rest

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestWhatStandsElsewhereIsGonePast(t *testing.T) {
	for _, value := range []string{`{"a":1}`, `{"a":{"b":[1e999,{}]},"c":null}`, `[{"a":1},[]]`, `{}`, `[]`, `1e999`, `null`, `true`} {
		x := &exchange{media: contentJSON, body: []byte(`{"entries":[{"system":` + value + `,"filters":` + value + `,"org":{"source":` + value + `},"activity":"a"}]}`)}
		drafts, err := x.drafts(1)
		if assert.NoError(t, err, value) {
			assert.Equal(t, "a", drafts[0].Entry.Activity, value)
		}
		x.body = []byte(`{"entries":` + value + `}`)
		_, err = x.drafts(1)
		assert.Error(t, err, value)
	}
}

package rest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/fault"
)

// FuzzRegistration: whatever a write holds, it is taken or refused, and each of its edits is of its kind.
func FuzzRegistration(f *testing.F) {
	const actor = `"actor":{"name":"S","organisation":{"name":"T","id":"1","source":"SOR"}}`
	for _, body := range []string{
		`{` + actor + `,"names":[{"pid":"P","family":"x"},{}],"genders":[{"value":"male"}],"birthDates":[{"value":"1978"}]}`,
		`{"addresses":[{"lines":["a",null],"pid":"x"}],"identifiers":[{"oid":"1.2","validity":5}],"contacts":[{"value":"1"}]}`,
		`{"actor":[]}`, `{"names":{}}`, `{"names":[{"pid":"x"`, `{"names":[{"a":1}]}`, `{"identifiers":[{"validity":99999999999}]}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		x := exchange{media: contentJSON, body: body}
		var w writing
		err := x.decode(w.members())
		if err == nil {
			err = w.finish()
		}
		if err != nil {
			_, told := fault.Of(err)
			require.True(t, told, "%v", err)
			return
		}
		require.NotNil(t, w.Actor)
		for _, e := range w.Edits {
			if e.Element != nil {
				require.Equal(t, e.Kind, e.Element.Kind())
			}
		}
	})
}

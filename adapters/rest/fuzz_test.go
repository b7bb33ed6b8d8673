package rest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// FuzzDecode: what is accepted is one JSON object, and says what encoding/json reads in it.
func FuzzDecode(f *testing.F) {
	for _, body := range []string{
		`{}`, `{"name":"a.b","level":4,"from":"2026-11-21T12:00:00Z"}`, `{"name":"a","name":"b"}`, `{"Name":"a"}`, `{"name":null}`, `{"level":4.0}`,
		`{"name":"æ"} x`, `{"x":1}`, `[]`, `{"name":"\ud800"}`, `{"level":99999999999999999999}`, "{\"name\":\"\x80\"}",
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var got struct {
			Name  string    `json:"name"`
			Level int       `json:"level"`
			From  time.Time `json:"from"`
		}
		want := got
		x := exchange{media: contentJSON, body: body}
		if x.decode(members{"name": &got.Name, "level": &got.Level, "from": &got.From}) != nil {
			return
		}
		require.NoError(t, json.Unmarshal(body, &want))
		assert.Equal(t, want, got)
	})
}

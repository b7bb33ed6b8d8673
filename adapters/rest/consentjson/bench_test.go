package consentjson_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/rest/consentjson"
)

// BenchmarkItems reads as many items as a call may hold; its peer is encoding/json, which reads the same text as whatever it is.
func BenchmarkItems(b *testing.B) {
	var items []string
	for i := range 10_000 {
		items = append(items, fmt.Sprintf(`{"id":"doc-%d","from":"2024-05-01T08:00:00Z","to":"2024-05-01T09:00:00Z",
			"origin":{"code":"999002000016000","scheme":"SOR"}}`, i))
	}
	text := []byte(`{"items":[` + strings.Join(items, ",") + `]}`)
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			_, err := consentjson.ReadItemsCheck(text, 10_000)
			require.NoError(b, err)
		}
	})
	b.Run("unmarshal", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			var v any
			require.NoError(b, json.Unmarshal(text, &v))
		}
	})
}

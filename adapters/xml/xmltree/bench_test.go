package xmltree

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkHostile reports the time an octet of each hostile message takes as a multiple of one of an ordinary message, measured in turns.
func BenchmarkHostile(b *testing.B) {
	ordinary, err := os.ReadFile(filepath.Join("..", "testdata", "01-dgws-request.xml"))
	require.NoError(b, err)
	l := DefaultLimits(mebibyte)
	cost := func(src []byte) float64 {
		start := time.Now()
		if tree, err := Parse(src, l); err == nil {
			tree.Release()
		}
		return float64(time.Since(start)) / float64(len(src))
	}
	for name, src := range hostile(64 << 10) {
		b.Run(name, func(b *testing.B) {
			in := []byte(src)
			least, normal := cost(in), cost(ordinary)
			for b.Loop() {
				least, normal = min(least, cost(in)), min(normal, cost(ordinary))
			}
			b.ReportMetric(least/normal, "x-normal")
		})
	}
}

package bootstrap

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTraceConfig(t *testing.T) {
	load := func(settings ...string) (Config, error) {
		all := []Setting{{Key: "data_dir", Value: t.TempDir(), Flag: "test"}}
		for i := 0; i < len(settings); i += 2 {
			all = append(all, Setting{Key: settings[i], Value: settings[i+1], Flag: "test"})
		}
		return Load(Sources{Flags: all})
	}
	t.Run("nothing is exported unless it is asked for", func(t *testing.T) {
		c, err := load()
		require.NoError(t, err)
		assert.Equal(t, TraceNone, c.Trace.Exporter)
		assert.InEpsilon(t, 0.1, c.Trace.Sample, 0)
	})
	for _, c := range []struct {
		name, key, want string
		settings        []string
	}{
		{"OC-26 share above one", "trace.sample", "want a number from 0 to 1", []string{"trace.sample", "1.5"}},
		{"OC-26 no number", "trace.sample", "want a number from 0 to 1", []string{"trace.sample", "NaN"}},
		{"OC-26 unknown exporter", "trace.exporter", "none of none, otlphttp, stdout", []string{"trace.exporter", "zipkin"}},
		{"OC-26 no endpoint", "trace.endpoint", "want the URL of a collector", []string{"trace.exporter", "otlphttp"}},
		{"OC-26 endpoint without scheme", "trace.endpoint", "want the URL of a collector", []string{"trace.exporter", "otlphttp", "trace.endpoint", "collector:4318"}},
		{"OC-26 endpoint of no use", "trace.endpoint", "does nothing while trace.exporter is not otlphttp", []string{"trace.endpoint", "http://collector:4318"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := load(c.settings...)
			require.ErrorContains(t, err, c.key)
			assert.ErrorContains(t, err, c.want)
		})
	}
	t.Run("a collector", func(t *testing.T) {
		c, err := load("trace.exporter", "otlphttp", "trace.endpoint", "https://collector:4318", "trace.sample", "1")
		require.NoError(t, err)
		assert.InEpsilon(t, 1, c.Trace.Sample, 0)
	})
}

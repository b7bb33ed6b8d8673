package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/tests/child"
	"github.com/opennsp/nsp/tests/kafkatest"
	"github.com/opennsp/nsp/tests/postgrestest"
)

func TestRun(t *testing.T) {
	t.Setenv(kafkatest.Env, "127.0.0.1:1")
	t.Run("a variable that is set is left alone", func(t *testing.T) {
		t.Setenv(postgrestest.Env, "mine")
		code, err := run([]string{"sh", "-c", `[ "$` + postgrestest.Env + `" = mine ]`})
		require.NoError(t, err)
		assert.Zero(t, code)
	})
	t.Run("a command that fails", func(t *testing.T) {
		t.Setenv(postgrestest.Env, "mine")
		code, err := run([]string{"sh", "-c", "exit 3"})
		require.NoError(t, err)
		assert.Equal(t, 3, code)
	})
	t.Run("a command that is not there", func(t *testing.T) {
		t.Setenv(postgrestest.Env, "mine")
		_, err := run([]string{"no-such-command"})
		assert.Error(t, err)
	})
	t.Run("temporary files are in a folder that ends with the command", func(t *testing.T) {
		t.Setenv(postgrestest.Env, "mine")
		var folder string
		told := filepath.Join(t.TempDir(), "told")
		code, err := run([]string{"sh", "-c", `touch "$TMPDIR/x" && [ "$GOTMPDIR" != "$TMPDIR" ] && echo -n "$TMPDIR" >` + told})
		require.NoError(t, err)
		if raw, _ := os.ReadFile(told); code == 0 {
			folder = string(raw)
		}
		if !strings.Contains(folder, "opennsp-test") {
			t.Skip("not that much memory")
		}
		assert.NoDirExists(t, folder)
	})
	t.Run("a server is started and its address told", func(t *testing.T) {
		t.Setenv(postgrestest.Env, "")
		if err := postgrestest.Installed(); err != nil {
			child.Missing(t, err.Error())
		}
		code, err := run([]string{"sh", "-c", `case "$` + postgrestest.Env + `" in postgres://*) exit 0;; esac; exit 1`})
		require.NoError(t, err)
		assert.Zero(t, code)
	})
}

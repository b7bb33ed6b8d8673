package rest_test

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/rest"
)

func TestOperatorToken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "operator.token")
	made, err := rest.OperatorToken(path)
	require.NoError(t, err)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	token := strings.TrimSuffix(string(text), "\n")
	assert.Len(t, token, 43)
	assert.Equal(t, sha256.Sum256([]byte(token)), made)
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	again, err := rest.OperatorToken(path)
	require.NoError(t, err)
	assert.Equal(t, made, again, "it stays")

	t.Run("another server has another", func(t *testing.T) {
		other, err := rest.OperatorToken(filepath.Join(t.TempDir(), "operator.token"))
		require.NoError(t, err)
		assert.NotEqual(t, made, other)
	})
	t.Run("a folder that is not there", func(t *testing.T) {
		_, err := rest.OperatorToken(filepath.Join(t.TempDir(), "none", "operator.token"))
		assert.ErrorIs(t, err, os.ErrNotExist)
	})
	t.Run("others may read it", func(t *testing.T) {
		require.NoError(t, os.Chmod(path, 0o640))
		_, err := rest.OperatorToken(path)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), token)
	})
	for name, bad := range map[string]string{"empty": "", "short": token[:42], "two": token + "\n" + token, "not base64url": strings.Repeat("+", 43)} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "operator.token")
			require.NoError(t, os.WriteFile(file, []byte(bad), 0o600))
			_, err := rest.OperatorToken(file)
			require.Error(t, err)
			assert.NotContains(t, err.Error(), token)
			kept, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.Equal(t, bad, string(kept), "a file that is there is not replaced")
		})
	}
}

package xmldsig

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestBase64(t *testing.T) {
	for in, want := range map[string]string{
		"": "", " \r\n\t": "", "QQ==": "A", "QUI=": "AB", "QUJD": "ABC", "Q Q\n=\t= ": "A", " Q U J D Q Q = = ": "ABCA", "+/+/": "\xFB\xFF\xBF",
	} {
		got, ok := appendBase64(nil, in, 100)
		require.True(t, ok, "%q", in)
		assert.Equal(t, want, string(got), "%q", in)
	}
	for _, in := range []string{"Q", "QQ", "QQ=", "QUI", "Q===", "====", "=", "QQ===", "QUI==", "QUJD=", "QQ==QQ==", "QR==", "QUJ=", "Q=Q=", "QQ=A", "-_-_", "QUJD!", "QUJD\x00", "QUJD\v", "ＱUJD"} {
		_, ok := appendBase64(nil, in, 100)
		assert.False(t, ok, "%q", in)
	}
}

func TestBase64LikeTheStandardLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOf(rapid.Byte()).Draw(t, "octets")
		in := base64.StdEncoding.EncodeToString(want)
		if i := rapid.IntRange(0, len(in)).Draw(t, "blank"); i < len(in) {
			in = in[:i] + " " + in[i:]
		}
		got, ok := appendBase64([]byte("x"), in, len(want))
		require.True(t, ok)
		require.Equal(t, append([]byte("x"), want...), got)
		if len(want) > 0 {
			_, ok = appendBase64(nil, in, len(want)-1)
			require.False(t, ok, "over the limit")
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.StringMatching(`[A-D=+/ ]{0,9}`).Draw(t, "text")
		want, err := base64.StdEncoding.Strict().DecodeString(strings.ReplaceAll(in, " ", ""))
		got, ok := appendBase64(nil, in, 100)
		require.Equal(t, err == nil, ok, "%q", in)
		require.True(t, !ok || bytes.Equal(want, got), "%q", in)
	})
}

package xmldsig_test

import (
	"encoding/base64"
	"strings"
)

func decodeBase64(s string) []byte {
	b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		return nil
	}
	return b
}

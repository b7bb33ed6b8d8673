package nas_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/opennsp/nsp/domain/nas"
)

func TestAddresses(t *testing.T) {
	const id = "0d6f2c1e-7a38-4b1e-9a53-2f1f5f1c9e10"
	for _, address := range []string{
		"https://nsp.example.dk/nas2/pullpoint/" + id, "http://other.example/a/b/" + strings.ToUpper(id), " \n/" + id + "\t", id, "/nas2/pullpoint/" + id + "?x=/y#z",
	} {
		got, ok := nas.PullPointOf(address)
		assert.True(t, ok, address)
		assert.EqualValues(t, id, got, address)
		sub, ok := nas.SubscriptionOf(address)
		assert.True(t, ok, address)
		assert.EqualValues(t, id, sub, address)
	}
	for _, address := range []string{
		"", "/", "https://nsp.example.dk/nas2/pullpoint/", "https://subscriber.example/notify", id + "/", id + "/x", id[1:], id + "0", "x" + id, "{" + id + "}",
		strings.Replace(id, "-", "0", 1), strings.Replace(id, "0", "-", 1), strings.Replace(id, "d", "g", 1), "/" + id[:35] + "%30", "?" + id, "urn:uuid:" + id,
	} {
		got, ok := nas.PullPointOf(address)
		assert.False(t, ok, address)
		assert.Empty(t, got, address)
		_, ok = nas.SubscriptionOf(address)
		assert.False(t, ok, address)
	}
}

package nas_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/opennsp/nsp/domain/nas"
)

func TestAddresses(t *testing.T) {
	const id = "0d6f2c1e-7a38-4b1e-9a53-2f1f5f1c9e10"
	for _, c := range []struct {
		name, address string
		ok            bool
	}{
		{"an address", "https://nsp.example.dk/nas2/pullpoint/" + id, true},
		{"another server's, of any path", "http://other.example/a/b/" + id, true},
		{"in upper case", "https://nsp.example.dk/nas2/pullpoint/" + strings.ToUpper(id), true},
		{"white space around it", " \n/" + id + "\t", true},
		{"an id alone", id, true},
		{"a query and a fragment behind it", "/nas2/pullpoint/" + id + "?x=/y#z", true},

		{"T25 the subscriber's own URL", "https://subscriber.example/notify", false},
		{"nothing", "", false},
		{"a slash", "/", false},
		{"no last segment", "https://nsp.example.dk/nas2/pullpoint/", false},
		{"a slash behind it", id + "/", false},
		{"a segment behind it", id + "/x", false},
		{"in the query alone", "?" + id, false},
		{"a digit too few", id[1:], false},
		{"a digit too many", id + "0", false},
		{"in braces", "{" + id + "}", false},
		{"no hyphen", strings.Replace(id, "-", "0", 1), false},
		{"a hyphen too many", strings.Replace(id, "0", "-", 1), false},
		{"another letter", strings.Replace(id, "d", "g", 1), false},
		{"an escaped digit", "/" + id[:33] + "%30", false},
		{"a URN", "urn:uuid:" + id, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := ""
			if c.ok {
				want = id
			}
			pullPoint, ok := nas.PullPointOf(c.address)
			assert.Equal(t, c.ok, ok)
			assert.EqualValues(t, want, pullPoint)
			subscription, ok := nas.SubscriptionOf(c.address)
			assert.Equal(t, c.ok, ok)
			assert.EqualValues(t, want, subscription)
		})
	}
}

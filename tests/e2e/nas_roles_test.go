package e2e

import (
	"testing"

	"github.com/opennsp/nsp/tests/nsptest"
)

// TestNASBrokerAlone: whoever may publish subscribes at the broker too, also where pull points are served elsewhere.
func TestNASBrokerAlone(t *testing.T) {
	s := nsptest.Start(t, nsptest.Options{Store: "memory", Set: map[string]string{"roles": "nas-broker,console"}})
	n := subscribing(s, nasCVR)
	topic := newTopic(t, s, 1, nasAllowed)
	a := n.call(t, nasBroker, subscription("https://nsp.example.dk/nas2/pullpoint/0d6f2c1e-7a38-4b1e-9a53-2f1f5f1c9e10", topic, "", ""))
	faults(t, a, "SubscribeCreationFailedFault", "pull_point_unknown")
	faults(t, n.call(t, nasBroker, `<wsnt:Unsubscribe `+nasPrefix+`/>`), "ResourceUnknownFault")
}

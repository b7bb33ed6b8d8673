package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap/ecprws"
	"github.com/opennsp/nsp/adapters/soap/stsws"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/tests/nsptest"
)

const ecprTopic = ecprSpace + ":PersonIdentifierModification"

// actions fetches until there are so many messages, while the clock of publisher goes on.
func actions(t *testing.T, n subscriber, publisher *nsptest.Server, pullPoint string, count int) (found []string) {
	t.Helper()
	require.Eventually(t, func() bool {
		publisher.Clock.Advance(time.Second)
		a := n.call(t, local(pullPoint), getMessages(""))
		if a.Status != http.StatusOK {
			return false
		}
		found = append(found, a.All(t, "Action")...)
		return len(found) >= count
	}, time.Minute, 10*time.Millisecond)
	return found
}

// TestNASOfRegistrations: changes of registrations come to subscribers, in order for each person.
func TestNASOfRegistrations(t *testing.T) {
	onEveryStore(t, nsptest.Options{Set: map[string]string{"outbox.poll": "10ms"}}, func(t *testing.T, s *nsptest.Server) {
		a := newECPR(t, s)
		n := subscribing(s, nasCVR)
		first, second := a.create(t, ""), a.create(t, "")
		pullPoint := n.pullPoint(t)
		n.subscribe(t, pullPoint, ecprTopic, content(`<advis:SingleID id="`+first.number()+`" idType="urn:oid:`+ecpr.XECPROID+`"/>`))
		s.Clock.Advance(time.Second)
		for i := range 3 {
			person(t, a.call(t, updating(first.number(), name("Nummer", fmt.Sprint(i)))))
			person(t, a.call(t, updating(second.number(), name("Nummer", fmt.Sprint(i)))))
			s.Clock.Advance(time.Second)
		}
		person(t, a.merger.Call(t, ecprws.Path, merging(second.number(), first.number())))
		assert.Equal(t, []string{"Updated", "Updated", "Updated", "Deleted"}, actions(t, n, s, pullPoint, 4))
	})
}

// TestNASRemoteBroker: the services of one server publish through the broker of another, known by their address or by an ID card.
func TestNASRemoteBroker(t *testing.T) {
	for how, carded := range map[string]bool{"by address": false, "with an ID card": true} {
		t.Run(how, func(t *testing.T) {
			set := map[string]string{}
			if carded {
				set["nas.dgws.headers.required"] = "true"
			}
			broker := nsptest.Start(t, nsptest.Options{Set: set})
			set = map[string]string{"roles": "ecpr,stamdata,console", "outbox.poll": "10ms", "nas.remote.url": broker.URL + nasBroker}
			if carded {
				sample := filepath.Join(broker.Federation.Dir, "samples", "epj")
				set["nas.remote.sts"], set["nas.remote.cert"], set["nas.remote.key"] = broker.URL+stsws.PathNew, sample+".pem", sample+".key"
			}
			s := nsptest.Start(t, nsptest.Options{Set: set})
			a := newECPR(t, s)
			n := subscribing(broker, nasCVR)
			pullPoint := n.ready(t, ecprTopic, "")
			created := a.create(t, "")
			person(t, a.call(t, updating(created.number(), name("Nummer", "1"))))
			assert.Equal(t, []string{"Updated"}, actions(t, n, s, pullPoint, 1))
		})
	}
}

package ecprws_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/domain/fault"
)

// FuzzMessages: every operation answers any document or refuses it, by a fault that holds no value, and every answer is XML.
func FuzzMessages(f *testing.F) {
	for _, name := range []string{"create", "update", "get", "search", "merge", "oids"} {
		f.Add(sample(f, name+"-request.xml"))
		f.Add(sample(f, name+"-response.xml"))
	}
	f.Add(create("<Address><StreetAddressLine10>x</StreetAddressLine10></Address>", "<Identifier KeyIdentifier='1'><Validity>+5</Validity></Identifier>"))
	f.Add(update(first, name("Jon", "Prøve")))
	f.Fuzz(func(t *testing.T, body string) {
		s := newService(t) // a new one each time: what a message does depends on itself alone
		s.drawn = []int{drawnOfFirst}
		_, _ = s.created(t, "<Gender><Value>male</Value></Gender>", "<BirthDate><Value>1978-08-13</Value></BirthDate>")
		tree, err := xmltree.Parse([]byte(body), xmltree.DefaultLimits(1<<20))
		if err != nil {
			return
		}
		defer tree.Release()
		for _, op := range s.service.Operations {
			reply, err := op.Serve(t.Context(), soap.Request{Caller: s.caller, Tree: tree, Body: tree.Root()})
			if err != nil {
				_, told := fault.Of(err)
				require.True(t, told, "%v", err)
				var own *soap.FaultError
				require.ErrorAs(t, s.service.Tell(err), &own)
				continue
			}
			var w xmlout.Writer
			reply(&w)
			answer, err := xmltree.Parse(w.Bytes(), xmltree.DefaultLimits(16<<20))
			require.NoError(t, err)
			answer.Release()
		}
	})
}

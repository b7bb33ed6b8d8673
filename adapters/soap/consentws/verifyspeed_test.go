package consentws_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/validity"
)

const many = 10_000

// exchange is a data check of n items, to be read, answered and written again and again.
type exchange struct {
	message []byte
	op      soap.Operation
	caller  identity.Caller
	out     []byte
}

func (s *federated) exchange(t testing.TB, n int) *exchange {
	t.Helper()
	for _, op := range s.service.Operations {
		if op.Name.Local != dataOp {
			continue
		}
		items := make([]string, n)
		for i := range items {
			items[i] = item(fmt.Sprintf("1.2.208.176.43210.8.10.11^%07d", i), period("2024-05-01T08:00:00Z", "2024-05-01T09:00:00Z")+origin(` codeSystem="SOR">`+ward))
		}
		return &exchange{message: []byte(dataCheck(professional(doctorD, "", hospital), items...)), op: op, caller: identity.Caller{
			Kind: identity.Professional, CPR: number(doctorD), AuthorisationCode: "TST01", Org: identity.Organisation{CVR: cardCVR},
			Credential: identity.Credential{Scheme: identity.DGWS, Level: 4},
		}}
	}
	t.Fatal("there is no data check")
	return nil
}

func (x *exchange) run(t testing.TB) {
	tree, err := xmltree.Parse(x.message, xmltree.DefaultLimits(8<<20))
	require.NoError(t, err)
	reply, err := x.op.Serve(t.Context(), soap.Request{Caller: x.caller, Tree: tree, Body: tree.Root()})
	require.NoError(t, err)
	var w xmlout.Writer
	reply(&w)
	x.out = w.Bytes()
	tree.Release()
}

// TestDataCheckMemory: reading, judging and answering costs memory by the call, not by the item.
func TestDataCheckMemory(t *testing.T) {
	s := newFederated(t)
	s.register(t, block(everyone, from(hospital)), block(everyone, data2024))
	x := s.exchange(t, many)
	assert.Less(t, testing.AllocsPerRun(1, func() { x.run(t) }), float64(many)/100, "allocations for %d items", many)
}

// BenchmarkDataCheck sets a data check of 10,000 items, from message to answer, beside the evaluation alone.
func BenchmarkDataCheck(b *testing.B) {
	s := newFederated(b)
	for i := range 100 {
		s.register(b, block(everyone, consent.What{Data: validity.Period{From: at("2000-01-01T00:00:00Z").AddDate(i, 0, 0)}, Origin: from(otherRegion).Origin}))
	}
	x := s.exchange(b, many)
	x.run(b)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		x.run(b)
	}
	b.StopTimer()
	whole := b.Elapsed() / time.Duration(b.N)

	registrations, err := s.store.Active(b.Context(), number(citizenC))
	require.NoError(b, err)
	items := make([]consent.Item, many)
	for i := range items {
		items[i] = consent.Item{Data: validity.Period{From: at("2024-05-01T08:00:00Z"), To: at("2024-05-01T09:00:00Z")}, Origin: ward}
	}
	q := consent.Requester{Acting: number(doctorD), Org: hospital}
	dst := make([]bool, many)
	started := time.Now()
	for range b.N {
		dst = consent.CheckItems(dst, registrations, s.use.Trees.Current(), q, s.now, items)
	}
	alone := time.Since(started) / time.Duration(b.N)
	b.ReportMetric(float64(whole)/float64(alone), "whole/evaluation")
	b.ReportMetric(float64(alone), "ns-evaluation")
	b.ReportMetric(float64(len(x.message)+len(x.out))/1e6/whole.Seconds(), "MB/s")
	require.Len(b, dst, many)
}

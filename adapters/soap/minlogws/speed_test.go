package minlogws_test

import (
	"encoding/xml"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap/minlogws"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/domain/minlog"
)

// bulk is a request with n good entries of the ordinary size.
func bulk(n int) []byte {
	all := make([]string, n)
	for i := range all {
		all[i] = entry(destination("<SequenceNumber>7", fmt.Sprintf("<SequenceNumber>%d", i)))
	}
	return []byte(request(ns2025, all...))
}

// bulk1 is the same of MinLog1.
func bulk1(n int) []byte {
	all := make([]string, n)
	for i := range all {
		all[i] = statement("<regKode>7", fmt.Sprintf("<regKode>%d", i))
	}
	return []byte(request1(all...))
}

// decode reads and checks a bulk.
func decode(tb testing.TB, message []byte) int {
	return decodeAs(tb, message, minlog.Interface20250312, minlogws.DecodeRegistration)
}

func decode1(tb testing.TB, message []byte) int {
	return decodeAs(tb, message, minlog.Interface1, minlogws.DecodeRegistration1)
}

func decodeAs(tb testing.TB, message []byte, version string, read func(*xmltree.Tree, xmltree.Node, int) ([]minlog.Draft, error)) int {
	tree, err := xmltree.Parse(message, xmltree.DefaultLimits(10<<20))
	require.NoError(tb, err)
	defer tree.Release()
	drafts, err := read(tree, tree.Root(), 1000)
	require.NoError(tb, err)
	rules := minlog.Rules{Interface: version, Now: now, FutureTolerance: 5 * time.Minute, MaxPeriod: 744 * time.Hour, Cutoff: minlog.Cutoff(now, 2)}
	good := 0
	for i := range drafts {
		if _, _, ok := rules.Check(&drafts[i]); ok {
			good++
		}
	}
	return good
}

func TestDecodeAllocatesNothingPerEntry(t *testing.T) {
	for name, c := range map[string]struct {
		message []byte
		decode  func(testing.TB, []byte) int
	}{"MinLog2": {bulk(1000), decode}, "MinLog1": {bulk1(1000), decode1}} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, 1000, c.decode(t, c.message))
			allocations := testing.AllocsPerRun(20, func() { c.decode(t, c.message) })
			assert.LessOrEqual(t, allocations, 20.0, "of 1,000 entries without calling systems and filters")
		})
	}
}

// wireID, wireDestination and wireRequest are the same elements for encoding/xml.
type wireID struct {
	Source string `xml:"source,attr"`
	Value  string `xml:",chardata"`
}

type wireDestination struct {
	System, Activity string
	DateTime         time.Time
	OrganisationID   wireID `xml:"OrganisationId"`
	Person           wireID `xml:"PersonIdentifier"`
	SequenceNumber   string
	User             wireID `xml:"UserPersonIdentifier"`
	UserRole         string
}

type wireRequest struct {
	XMLName xml.Name `xml:"RegistrationRequest"`
	Entries []struct {
		Destination wireDestination
	} `xml:"LogDataEntry"`
}

// BenchmarkDecode reads and checks a bulk of 1,000 entries, beside encoding/xml reading it.
func BenchmarkDecode(b *testing.B) {
	message := bulk(1000)
	var ours, theirs time.Duration
	for b.Loop() {
		start := time.Now()
		decode(b, message)
		ours += time.Since(start)
		start = time.Now()
		var r wireRequest
		require.NoError(b, xml.Unmarshal(message, &r))
		theirs += time.Since(start)
	}
	b.ReportMetric(float64(ours.Microseconds())/float64(b.N), "µs/bulk")
	b.ReportMetric(float64(theirs.Microseconds())/float64(b.N), "µs/encoding-xml")
	b.ReportMetric(float64(ours)/float64(theirs), "ratio")
}

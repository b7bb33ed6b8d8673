package nas_test

import (
	"fmt"
	"time"

	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/nas"
)

// A ward subscribes to a topic for its patients. A publisher's notification is put into the log; the ward fetches it, and hears how far it is
// behind. The log is a slice here.
func Example() {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	const cpr = "http://nsi.dk/advis/v10/CPR"
	now := time.Date(2026, time.March, 1, 10, 15, 30, 0, time.UTC)

	// Subscribe: what was asked for is judged; the first cursor stands at the ends of the partitions, so only what comes later is delivered.
	topic, filter, err := nas.FilterRequest{
		Topics:  []nas.TopicExpression{{Dialect: nas.Simple, Text: "\n http://example.dk/advis/2024/01/01:CardChanged "}},
		Content: []nas.MessageContent{{Dialect: nas.IDDialect, Filter: &nas.IDFilter{Lists: []string{"ward-7"}}}},
	}.Judge(1000)
	must(err)
	expires, err := nas.Termination("P1M", now, 0)
	must(err)
	cursor := nas.Ends([]messagelog.Bounds{{First: 140, End: 146}, {First: 70, End: 72}})
	fmt.Println(topic, "until", expires.Format(time.DateOnly), "from", cursor)

	// Notify: each record goes to the partition of the person it is about.
	log := make([][][]byte, 2)
	for i, id := range []string{"2512484916", "0101010101", "2512484916"} {
		r := nas.Record{
			Head:    nas.Head{Topic: topic, ID: id, IDType: cpr, Published: now, Position: i + 1},
			Content: []byte("<CardChanged/>"),
		}
		kept := messagelog.Record{Value: r.Encode(), Spread: nas.Spread(r.IDType, r.ID)}
		p := kept.PartitionOf(len(log))
		log[p] = append(log[p], kept.Value)
	}

	// GetMessages: what is left to read, then a look at each head, and a copy of what matches.
	var bounds []messagelog.Bounds
	for p, records := range log {
		bounds = append(bounds, messagelog.Bounds{First: cursor[p], End: cursor[p] + int64(len(records))})
	}
	position, err := cursor.Against(bounds)
	must(err)
	fmt.Println("lag", position.Lag)

	ward := nas.NewIDSet(nas.IDList{Name: "ward-7", IDType: cpr, IDs: []string{"2512484916"}})
	matcher := nas.NewMatcher(filter, ward)
	var places []nas.Place
	for p, records := range log {
		for i, value := range records {
			head, err := nas.DecodeHead(value)
			must(err)
			if matcher.Head(head) {
				fmt.Printf("%s\n", head.Record().Content)
				places = append(places, nas.Place{Partition: p, Offset: position.Offsets[p] + int64(i)})
			}
		}
	}

	// The new cursor keeps where to go on, and what was delivered for a call that is sent again.
	next := nas.Cursor{Seq: 1, Offsets: position.Ends, Count: len(places), Delivered: nas.Delivered(places)}
	fmt.Println("next", next.Offsets, "delivered", next.Delivered)

	// Output:
	// http://example.dk/advis/2024/01/01:CardChanged until 2026-04-01 from 146,72
	// lag 3
	// <CardChanged/>
	// <CardChanged/>
	// next 148,73 delivered 0:146-147
}

// Whom a topic's access lets read it: the organisation, and the holder of the certificate where the identifier names one.
func ExampleTopic_Readable() {
	topic := nas.Topic{Access: []nas.Access{{Identifier: "CVR:33257872-FID:22933922"}}}
	fmt.Println(topic.Readable("33257872", "CVR:33257872-FID:22933922"))
	fmt.Println(topic.Readable("33257872", "CVR:33257872-FID:11111111"))
	// Output:
	// true
	// false
}

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/opennsp/nsp/adapters/soap/nasws"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/ports"
)

const (
	behind       = 1_000_000 // messages
	selected     = behind / 1000
	listed       = 100_000 // ids of the list, of which so many occur
	catchUps     = 3
	catchUpLimit = 16 * time.Second // of a call: nas.kafka.poll.max.time and a second
	catchUpGoal  = 100_000          // messages a second
	listName     = "ward"
)

// nasCatchUp measures T40: how fast a subscriber whom one message in a thousand is for, by a list of ids, comes to the end of a million messages
// with the fetches that its program makes anyway. The peer reads the same messages of the same log, as fast as the log gives them, and does
// nothing with them.
func nasCatchUp(ctx context.Context, o options) (all []figure) {
	for _, engine := range []string{nasSQLite, nasKafka} {
		figures := []figure{
			{name: "nas-T40/" + engine, goal: goal{atLeast: 1}}, {name: "nas-T40/" + engine + "-scan", goal: goal{atLeast: 0.5}},
			{name: "nas-T40/" + engine + "-call", goal: goal{atMost: 1}},
		}
		run, err := catchUp(ctx, o, engine)
		if err != nil {
			all = append(all, unmeasured(figures, err)...)
			continue
		}
		figures[0].value, figures[0].peer, figures[0].ratio = messagesPerSecond(run.ours), "limit "+messagesPerSecond(catchUpGoal), run.ours/catchUpGoal
		figures[1].value, figures[1].peer, figures[1].ratio = messagesPerSecond(run.ours), "bare scan "+messagesPerSecond(run.scan), run.ours/run.scan
		figures[2].value, figures[2].peer = "longest "+run.longest.Round(time.Millisecond).String(), "limit "+catchUpLimit.String()
		figures[2].ratio = run.longest.Seconds() / catchUpLimit.Seconds()
		all = append(all, figures...)
	}
	return all
}

func messagesPerSecond(rate float64) string { return fmt.Sprintf("%.0f messages/s", rate) }

// caughtUp is what was measured: medians in messages a second, and the longest call of all.
type caughtUp struct {
	ours, scan float64
	longest    time.Duration
}

func catchUp(ctx context.Context, o options, engine string) (run caughtUp, err error) {
	p, err := openNAS(ctx, o, engine)
	if err != nil {
		return run, err
	}
	defer p.close()
	s, err := p.start(ctx, checkServer)
	if err != nil {
		return run, err
	}
	if _, err := s.at(nasws.PathIDList).CreateIDList(ctx, wardList()); err != nil {
		return run, fmt.Errorf("make a list of ids: %w", err)
	}
	var paths []string
	for range catchUps {
		path, err := s.pullPoint(ctx, nas.Filter{List: listName})
		if err != nil {
			return run, err
		}
		paths = append(paths, path)
	}
	log, done, err := s.log(ctx)
	if err != nil {
		return run, err
	}
	defer done()
	for batch := range nasRecords(s.topic, s.internal, behind) {
		if err := log.Append(ctx, batch); err != nil {
			return run, fmt.Errorf("fill the log: %w", err)
		}
	}
	var ours, scans []float64
	for _, path := range paths {
		took, longest, err := s.catchUp(ctx, path)
		if err != nil {
			return run, err
		}
		ours, run.longest = append(ours, behind/took.Seconds()), max(run.longest, longest)
		if took, err = scan(ctx, log, s.internal); err != nil {
			return run, err
		}
		scans = append(scans, behind/took.Seconds())
	}
	slices.Sort(ours)
	slices.Sort(scans)
	run.ours, run.scan = ours[catchUps/2], scans[catchUps/2]
	return run, nil
}

// catchUp fetches until nothing is left.
func (s *nasServer) catchUp(ctx context.Context, path string) (took, longest time.Duration, err error) {
	got := map[string]bool{}
	started := time.Now()
	for {
		began := time.Now()
		all, err := s.at(path).GetMessages(ctx, nasQuota/4)
		if err != nil {
			return 0, 0, err
		}
		longest = max(longest, time.Since(began))
		for _, m := range all.Messages {
			got[m.ID] = true
		}
		if len(all.Messages) == 0 {
			break
		}
	}
	took = time.Since(started)
	if len(got) != selected {
		return 0, 0, fmt.Errorf("%d messages instead of %d", len(got), selected)
	}
	return took, longest, nil
}

// scan reads the topic, its partitions at the same time.
func scan(ctx context.Context, log ports.MessageLog, t messagelog.Topic) (time.Duration, error) {
	started := time.Now()
	bounds, err := log.Bounds(ctx, []messagelog.Topic{t})
	if err != nil {
		return 0, err
	}
	var n atomic.Int64
	if err := each(len(bounds[t]), func(part int) error {
		b := bounds[t][part]
		for batch, err := range log.Read(ctx, t, part, b.First, b.End, messagelog.ReadOptions{CatchUp: true, Timeout: 5 * time.Second}) {
			if err != nil {
				return err
			}
			n.Add(int64(len(batch.Records)))
		}
		return nil
	}); err != nil {
		return 0, fmt.Errorf("scan: %w", err)
	}
	if n.Load() != behind {
		return 0, fmt.Errorf("scan: %d messages instead of %d", n.Load(), behind)
	}
	return time.Since(started), nil
}

// wardList is a list of ids of which one message in a thousand has one.
func wardList() nas.IDList {
	l := nas.IDList{Name: listName, IDType: nasIDType}
	for i := range listed {
		l.IDs = append(l.IDs, fmt.Sprintf("%010d", i*1000))
	}
	return l
}

// nasRecords yields n records, each about another, in batches.
func nasRecords(topic nas.TopicName, internal messagelog.Topic, n int) func(yield func([]messagelog.Record) bool) {
	return func(yield func([]messagelog.Record) bool) {
		const size = 10_000
		const head = `<advis:NotifyContent xmlns:advis="http://nsi.dk/advis/v10" idType="` + nasIDType + `" id="`
		tail := `"><c:CardChanged xmlns:c="http://example.dk/advis/2024/01/01">` + strings.Repeat("x", 200) + `</c:CardChanged></advis:NotifyContent>`
		now := time.Now()
		for from := 0; from < n; from += size {
			batch := make([]messagelog.Record, min(size, n-from))
			for i := range batch {
				id := fmt.Sprintf("%010d", from+i)
				at := now.Add(time.Duration(from+i) * time.Microsecond)
				about := nas.Head{Topic: topic, ID: id, IDType: nasIDType, Published: at, Request: "bench", Position: 1}
				batch[i] = messagelog.Record{
					Topic: internal, Value: nas.Record{Head: about, Content: []byte(head + id + tail)}.Encode(), Spread: nas.Spread(nasIDType, id),
				}
			}
			if !yield(batch) {
				return
			}
		}
	}
}

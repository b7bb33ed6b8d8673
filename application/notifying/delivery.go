package notifying

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/ports"
)

// Fetching gives owners the messages of their pull points: each to one successful MessageID, and the same again to the same one. It is safe for
// concurrent use, and not copied after its first.
type Fetching struct {
	Store          ports.PullPointStore
	Topics         *Directory
	Log            ports.MessageLog
	Lists          ports.IDListStore
	Filters        ports.ContentFilter
	Trail          ports.Trail
	Now            func() time.Time
	Logger         *slog.Logger
	Statistics     func(line string)             // nil = not wanted
	Delivered      func(topic string, n int)     // counts what was given for the first time; nil = nobody counts
	Lag            func(topic string, lag int64) // what a subscription has yet to read after a fetch; nil = nobody measures
	EmptyWithData  func(topic string)            // a read gave nothing though there was something; nil = nobody counts
	Default, Limit int                           // messages of an answer
	MaxBytes       int64                         // of the contents in an answer, but for its first message
	Poll           time.Duration                 // that the log is waited for
	CatchUpPoll    time.Duration                 // the same, more than DeltaMax behind
	DeltaMax       int64                         // messages of a partition
	MaxTime        time.Duration                 // of a call, its wait for others included
	AdvanceMin     int64                         // offsets that a partition is read on at least before that alone is kept
	OffsetDeltaMin int64                         // offsets that a subscription is behind at least to be told to the statistics
	CacheIDs       int                           // ids of lists that are remembered, about 45 octets each

	queue queue
	lists idLists
	large atomic.Int64 // calls that read in large pieces
}

const textUnavailable = "the messages cannot be read, try again"

// maxLarge is how many calls read in large pieces at a time, each of which holds megabytes of every partition: after an outage all are far behind.
const maxLarge = 16

// tries is how often a fetch is tried that others overtake.
const tries = 3

// errAgain: what was read is no longer so, the fetch begins anew.
var errAgain = errors.New("the pull point or its topics changed meanwhile")

func unable(kind fault.Kind, code, text string, cause error) error {
	return failed(nas.UnableToGetMessages, kind, code, text, cause)
}

func unreadable(action string, cause error) error {
	return unable(fault.Unavailable, nas.CodeUnavailable, textUnavailable, fmt.Errorf("%s: %w", action, cause))
}

// partitionsLost is the serious error of NAS-32.
func partitionsLost(cause error) error {
	return unable(fault.Internal, nas.CodePartitionsLost, "a topic has lost partitions", cause)
}

// fetch is one call.
type fetch struct {
	*Fetching
	caller   identity.Caller
	owner    nas.Owner
	id       nas.PullPointID
	quota    int
	deadline time.Time
}

// GetMessages gives at most quota messages (NoQuota = as many as the server does) that the subscriptions of a pull point of the caller's
// select, in the unit of work of the store in ctx. id may be an address. An empty answer does not tell that nothing is left.
func (f *Fetching) GetMessages(ctx context.Context, caller identity.Caller, id string, quota int) (Fetched, error) {
	owner, err := ownerOf(caller)
	if err != nil {
		return Fetched{}, err
	}
	pullPoint, ok := nas.PullPointOf(id)
	note(ctx, f.Trail, audit.GetMessages, owner, audit.PullPointID.Is(string(pullPoint)))
	if !ok {
		return Fetched{}, unknown(textNoPullPoint)
	}
	c := fetch{Fetching: f, caller: caller, owner: owner, id: pullPoint, quota: nas.Quota(quota, f.Default, f.Limit), deadline: f.Now().Add(f.MaxTime)}
	leave, err := f.wait(ctx, place{owner, pullPoint})
	if err != nil {
		return Fetched{}, err
	}
	// The next call at the pull point sees the cursors of this one, once it is committed.
	defer admitting.AtEnd(ctx, func(bool) { leave() })
	for range tries {
		var out Fetched
		if out, err = c.once(ctx); !errors.Is(err, errAgain) && !errors.Is(err, nas.ErrMoved) {
			return out, err
		}
	}
	if errors.Is(err, errAgain) {
		return Fetched{}, unreadable("read the log", err)
	}
	return Fetched{}, concurrent(err)
}

func concurrent(cause error) error {
	return unable(fault.Conflict, nas.CodeConcurrentFetch, "other calls fetch from the pull point, try again", cause)
}

// wait waits for the other calls of this process at the pull point.
func (f *Fetching) wait(ctx context.Context, p place) (leave func(), err error) {
	waiting, cancel := context.WithTimeout(ctx, f.MaxTime)
	defer cancel()
	leave, err = f.queue.enter(waiting, p)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, concurrent(err)
	}
	return leave, nil
}

// once carries the fetch out, unless another moves the cursors meanwhile: nas.ErrMoved, errAgain.
func (c fetch) once(ctx context.Context) (Fetched, error) {
	now := c.Now()
	p, answered, err := c.Store.Visit(ctx, c.id, now, c.caller.MessageID)
	switch {
	case errors.Is(err, nas.ErrUnknown), err == nil && p.Owner != c.owner:
		return Fetched{}, unknown(textNoPullPoint)
	case err != nil:
		return Fetched{}, unreadable("read pull point", err)
	}
	var out Fetched
	var scans []*scan
	if answered {
		out, err = c.replay(ctx, p)
	} else {
		out, scans, err = c.fresh(ctx, p)
	}
	if err != nil {
		return Fetched{}, err
	}
	// Writes come last: until then no transaction is open. The row of the pull point comes first, as everywhere.
	if now.Sub(p.LastSeen) >= seenEvery {
		if err := c.Store.Seen(ctx, c.id, now); err != nil {
			return Fetched{}, unreadable("keep when the owner was seen", err)
		}
	}
	if err := c.keep(ctx, scans, now); err != nil {
		return Fetched{}, err
	}
	c.measure(ctx, scans)
	c.report(ctx, p, out)
	if !out.Replay && len(out.Messages) > 0 { // of one that is given again the line of the first tells: they have the message id
		from, to := make([]string, len(scans)), make([]string, len(scans))
		for i, s := range scans {
			from[i], to[i] = s.at.Offsets.String(), s.offsets().String()
		}
		c.Trail.Note(ctx, audit.NAS, audit.GetMessages, several(audit.OffsetsFrom, from), several(audit.OffsetsTo, to))
	}
	return out, nil
}

// seenEvery is how old what is kept of the last visit may be.
const seenEvery = time.Hour

// report tells audit log and statistics of an answer.
func (c fetch) report(ctx context.Context, p nas.PullPoint, out Fetched) {
	ids := make([]nas.SubscriptionID, len(p.Subscriptions))
	names, topics := make([]string, len(ids)), make([]string, len(ids))
	for i, s := range p.Subscriptions {
		ids[i], names[i], topics[i] = s.ID, string(s.ID), string(s.Topic)
	}
	slices.Sort(topics)
	c.Trail.Note(ctx, audit.NAS, audit.GetMessages, several(audit.SubscriptionID, names),
		several(audit.TopicName, slices.Compact(topics)), audit.MessageCount.Is(strconv.Itoa(len(out.Messages))),
		audit.Replay.Is(strconv.FormatBool(out.Replay)))
	c.tell(ctx, func() string { return nas.StatisticGetMessages(p.ID, ids, c.quota, out.Replay) })
	if c.Delivered == nil || out.Replay {
		return
	}
	counts := map[nas.TopicName]int{}
	for _, m := range out.Messages {
		counts[m.Topic]++
	}
	committed(ctx, func() {
		for topic, n := range counts {
			c.Delivered(string(topic), n)
		}
	})
}

func (f *Fetching) tell(ctx context.Context, line func() string) {
	if f.Statistics != nil {
		committed(ctx, func() { f.Statistics(line()) })
	}
}

// fresh gives what was not given before, with how it was read.
func (c fetch) fresh(ctx context.Context, p nas.PullPoint) (Fetched, []*scan, error) {
	if len(p.Subscriptions) == 0 {
		return Fetched{}, nil, nil
	}
	if err := c.access(ctx, p.Subscriptions); err != nil {
		return Fetched{}, nil, err
	}
	scans, err := c.scans(ctx, p)
	if err != nil {
		return Fetched{}, nil, err
	}
	behind := func(s *scan) bool { return s.at.Lag > 0 }
	if c.quota == 0 || !slices.ContainsFunc(scans, behind) {
		return Fetched{More: slices.ContainsFunc(scans, behind)}, scans, nil
	}
	defer func() {
		for _, s := range scans {
			s.close()
		}
	}()
	if err := c.prepare(ctx, scans); err != nil {
		return Fetched{}, nil, err
	}
	if err := c.read(ctx, scans); err != nil {
		return Fetched{}, nil, err
	}
	out := answer(scans)
	for _, s := range scans {
		out.More = out.More || !s.at.Read(s.offsets())
	}
	if err := c.complain(ctx, scans, len(out.Messages)); err != nil {
		return Fetched{}, nil, err
	}
	return out, scans, nil
}

// access tells whether the caller may still read the topics (NAS-6).
func (c fetch) access(ctx context.Context, subs []nas.Subscription) error {
	for _, s := range subs {
		switch t, err := c.Topics.Topic(ctx, s.Topic); {
		case errors.Is(err, nas.ErrNoTopic):
			return errAgain // its subscriptions were ended before it was
		case err != nil:
			return unreadable("look up topic", err)
		case !t.Readable(c.caller.Org.CVR, c.caller.Credential.SubjectSerial):
			return nas.NoAccess{Topic: s.Topic}
		}
	}
	return nil
}

// scans holds the subscriptions against the bounds of their topics.
func (c fetch) scans(ctx context.Context, p nas.PullPoint) ([]*scan, error) {
	bounds, err := c.bounds(ctx, topicsOf(p.Subscriptions))
	if err != nil {
		return nil, err
	}
	all := make([]*scan, len(p.Subscriptions))
	for i, sub := range p.Subscriptions {
		at, err := sub.Cursor.Offsets.Against(bounds[sub.Log])
		if err != nil {
			c.Logger.ErrorContext(ctx, "topic has fewer partitions than were read", "topic", sub.Topic, "subscription", sub.ID)
			return nil, partitionsLost(err)
		}
		for _, part := range at.Beyond {
			c.Logger.ErrorContext(ctx, "subscription is beyond the end of its topic", "topic", sub.Topic, "subscription", sub.ID, "partition", part)
		}
		all[i] = &scan{index: i, sub: sub, at: at, catchUp: at.CatchUp(c.DeltaMax)}
	}
	return all, nil
}

func (c fetch) bounds(ctx context.Context, topics []messagelog.Topic) (map[messagelog.Topic][]messagelog.Bounds, error) {
	bounds, err := c.Log.Bounds(ctx, topics)
	switch {
	case errors.Is(err, messagelog.ErrNoTopic):
		return nil, errAgain // deleted meanwhile
	case err != nil:
		return nil, unreadable("read the ends of topics", err)
	}
	return bounds, nil
}

// topicsOf returns each topic of the log once.
func topicsOf(subs []nas.Subscription) []messagelog.Topic {
	topics := make([]messagelog.Topic, len(subs))
	for i, s := range subs {
		topics[i] = s.Log
	}
	slices.Sort(topics)
	return slices.Compact(topics)
}

// prepare makes the filters and the sources of the subscriptions that are behind. Subscriptions that name the same list see the same version.
func (c fetch) prepare(ctx context.Context, scans []*scan) error {
	sets := map[string]*nas.IDSet{}
	for _, s := range scans {
		if s.at.Lag == 0 {
			continue
		}
		var set *nas.IDSet
		if name := s.sub.Filter.List; name != "" {
			var ok bool
			if set, ok = sets[name]; !ok {
				var err error
				if set, err = c.lists.get(ctx, c.Fetching.Lists, c.owner, name, c.CacheIDs); err != nil {
					return unreadable("read filter", err)
				}
				sets[name] = set
			}
		}
		selects := sieve{topic: s.sub.Topic, head: nas.NewMatcher(s.sub.Filter, set)}
		if x := s.sub.Filter.XPath; x != nil {
			var err error
			if selects.content, err = c.Filters.Compile(*x); err != nil {
				return unreadable("compile filter", err)
			}
		}
		for part, from := range s.at.Offsets {
			if from < s.at.Ends[part] {
				s.sources = append(s.sources, &source{index: s.index, part: part, next: from, end: s.at.Ends[part], sieve: selects})
			}
		}
	}
	return nil
}

// read reads by the plan of NAS-40 to NAS-46: first every subscription that is behind has its share of messages, octets and time; what is left
// then goes to them by creation. Which one is first changes from answer to answer, so that none starves where there is not enough for all.
func (c fetch) read(ctx context.Context, scans []*scan) error {
	// A read waits no longer than the call may take. The context's clock is the real one.
	reading, cancel := context.WithTimeout(ctx, max(0, c.deadline.Sub(c.Now()))+grace)
	defer cancel()
	large := slices.ContainsFunc(scans, func(s *scan) bool { return s.catchUp })
	if large {
		defer c.large.Add(-1)
		large = c.large.Add(1) <= maxLarge
	}
	var behind []*scan
	for _, s := range scans {
		if s.at.Lag > 0 {
			behind = append(behind, s)
			c.open(reading, s, large)
		}
	}
	messages, bytes, total := c.quota, c.MaxBytes, 0
	take := func(s *scan, r room) error {
		if total == 0 {
			r.most = maxSize // the first message of an answer may have any size
		}
		before := len(s.taken)
		if err := s.take(ctx, r, c.Now); err != nil {
			return readError(err)
		}
		for _, m := range s.taken[before:] {
			messages, bytes, total = messages-1, bytes-weight(m), total+1
		}
		return nil
	}
	first := int(behind[0].sub.Cursor.Seq % int64(len(behind)))
	for i := range behind {
		s, left := behind[(first+i)%len(behind)], len(behind)-i
		now := c.Now()
		r := room{messages: nas.Share(messages, left), bytes: nas.Share(bytes, left), most: bytes, until: now.Add(nas.Share(c.deadline.Sub(now), left))}
		if err := take(s, r); err != nil {
			return err
		}
		if len(behind) > 1 {
			s.close() // what is fetched already of every subscription may be more than fits into memory
		}
	}
	for _, s := range behind {
		if messages == 0 || bytes <= 0 || !c.Now().Before(c.deadline) {
			break
		}
		if err := take(s, room{messages: messages, bytes: bytes, most: bytes, until: c.deadline}); err != nil {
			return err
		}
		s.close()
	}
	return nil
}

const maxSize = 1<<63 - 1

func readError(err error) error {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, messagelog.ErrGone), errors.Is(err, messagelog.ErrNoTopic):
		return fmt.Errorf("%w: %w", errAgain, err) // the bounds changed: NAS-33 is for the next try
	}
	return unreadable("read the log", err)
}

// open tells the sources of s how to read; large = it may be in large pieces.
func (c fetch) open(ctx context.Context, s *scan, large bool) {
	opt := messagelog.ReadOptions{Timeout: c.Poll}
	if s.catchUp {
		opt = messagelog.ReadOptions{Timeout: c.CatchUpPoll, CatchUp: large}
		s.catchUp = large
	}
	if f := s.sub.Filter; len(f.IDs) == 0 && f.List == "" && f.XPath == nil {
		opt.MaxRecords = c.quota // more are not taken
	}
	for _, src := range s.sources {
		src.open = func() iter.Seq2[messagelog.Batch, error] {
			return c.Log.Read(ctx, s.sub.Log, src.part, src.next, src.end, opt)
		}
	}
}

// answer puts the messages in order (NAS-46).
func answer(scans []*scan) Fetched {
	var all []taken
	for _, s := range scans {
		all = append(all, s.taken...)
	}
	slices.SortFunc(all, func(a, b taken) int { return a.Compare(b.Place) })
	out := Fetched{Messages: make([]Delivery, len(all))}
	for i, m := range all {
		out.Messages[i] = Delivery{Subscription: scans[m.Subscription].sub.ID, Record: m.Record}
	}
	return out
}

// complain logs what went wrong in the reading. A log that gives nothing although there is something is no end: without messages it is a fault
// (NAS-43). So is one that is so slow that nothing was read.
func (c fetch) complain(ctx context.Context, scans []*scan, messages int) error {
	var all troubles
	moved := false
	for _, s := range scans {
		about := []any{"topic", s.sub.Topic, "subscription", s.sub.ID}
		is := s.troubles()
		if is.failed > 0 {
			c.Logger.WarnContext(ctx, "expression of a filter not evaluated", append(about, "messages", is.failed)...)
		}
		if is.broken > 0 {
			c.Logger.ErrorContext(ctx, "records of a topic not readable", append(about, "records", is.broken)...)
		}
		if is.stalled > 0 {
			c.Logger.ErrorContext(ctx, "message log gave nothing before the end", append(about, "partitions", is.stalled)...)
			if c.EmptyWithData != nil {
				c.EmptyWithData(string(s.sub.Topic))
			}
		}
		all.stalled, all.late = all.stalled+is.stalled, all.late+is.late
		moved = moved || !slices.Equal(s.at.Offsets, s.offsets())
	}
	if messages == 0 && (all.stalled > 0 || all.late > 0 && !moved) {
		return unable(fault.Unavailable, nas.CodeLogStalled, textUnavailable, messagelog.ErrStalled)
	}
	return nil
}

// keep inserts one cursor for each active subscription, if there is something to keep.
func (c fetch) keep(ctx context.Context, scans []*scan, now time.Time) error {
	worth := func(s *scan) bool { return s.at.Worth(s.offsets(), len(s.taken), c.AdvanceMin) }
	read := func(s *scan) bool { return len(s.sources) > 0 }
	if !slices.ContainsFunc(scans, read) || !slices.ContainsFunc(scans, worth) {
		return nil
	}
	rows := make([]nas.Cursor, len(scans))
	for i, s := range scans {
		rows[i] = nas.Cursor{
			Subscription: s.sub.ID, PullPoint: c.id, Seq: s.sub.Cursor.Seq + 1, MessageID: c.caller.MessageID, Offsets: s.offsets(),
			Count: len(s.taken), Delivered: nas.Delivered(s.places()), CreatedAt: now,
		}
	}
	switch err := c.Store.Advance(ctx, rows); {
	case errors.Is(err, nas.ErrMoved):
		return err
	case err != nil:
		return unreadable("keep cursors", err)
	}
	for _, s := range scans {
		if len(s.at.Gaps) > 0 {
			c.Logger.WarnContext(ctx, "messages were no longer kept when they were fetched", "topic", s.sub.Topic, "subscription", s.sub.ID)
			c.tell(ctx, func() string { return nas.StatisticRetentionGap(s.sub, s.at.Gaps) })
		}
	}
	return nil
}

// measure tells how far the subscriptions are behind: the statistics before the fetch, the meter after it.
func (c fetch) measure(ctx context.Context, scans []*scan) {
	for _, s := range scans {
		if s.at.MaxDelta >= c.OffsetDeltaMin {
			c.tell(ctx, func() string { return nas.StatisticOffsets(c.owner, s.sub, s.at.Ends, s.at.Deltas) })
		}
		if c.Lag != nil {
			lag := int64(0)
			for part, next := range s.offsets() {
				lag += max(0, s.at.Ends[part]-next)
			}
			committed(ctx, func() { c.Lag(string(s.sub.Topic), lag) })
		}
	}
}

package notifying_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/notifying"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/nas"
)

func TestT53ListIsReplacedWhileFetching(t *testing.T) {
	r := newReader(t)
	p := r.pullPoint(t)
	// A message about each of many; the list holds the even ones or the odd ones.
	const n = 2000
	var all []string
	var halves [2][]string
	for i := range n {
		all = append(all, fmt.Sprint(i))
		halves[i%2] = append(halves[i%2], all[i])
	}
	r.list(t, "l", halves[0]...)
	r.subscribed(t, p, idFilter(nas.IDFilter{Lists: []string{"l"}}))
	for part := range uint64(3) {
		r.publish(t, cardTopic, part, all...)
	}
	changes := 0
	r.log.step = func() { // while a fetch reads
		changes++
		l := nas.IDList{Owner: nas.OwnerOf(r.caller), Name: "l", IDType: numberType, IDs: halves[changes%2]}
		_, err := r.db.IDLists().Put(context.Background(), l, r.clock())
		require.NoError(t, err)
	}
	r.DeltaMax = n // partitions are read one after the other
	for i := range 4 {
		out, err := r.fetch(fmt.Sprint(i), p, 600)
		require.NoError(t, err)
		var odd [2]int
		for _, m := range out.Messages {
			odd[m.ID[len(m.ID)-1]&1]++
		}
		assert.Zero(t, min(odd[0], odd[1]), "messages of both lists in one answer: %v", odd)
		assert.Positive(t, max(odd[0], odd[1]))
	}
	assert.Positive(t, changes)
}

func TestLists(t *testing.T) {
	t.Run("a list is read once, until it is replaced", func(t *testing.T) {
		r := newReader(t)
		p := r.pullPoint(t)
		r.list(t, "l", "1", "2")
		r.subscribed(t, p, idFilter(nas.IDFilter{Lists: []string{"l"}}))
		r.subscribed(t, p, idFilter(nas.IDFilter{Lists: []string{"l"}}))
		for range 3 {
			r.publish(t, cardTopic, 0, "1")
			r.fetched(t, "", p)
		}
		assert.Equal(t, 1, r.lists.loaded)
		r.list(t, "l", "3")
		r.publish(t, cardTopic, 0, "1", "3")
		assert.Len(t, r.fetched(t, "", p).Messages, 2)
		assert.Equal(t, 2, r.lists.loaded)
	})

	t.Run("no more ids are remembered than there is room for", func(t *testing.T) {
		r := newReader(t)
		r.CacheIDs = 7 // two lists of two ids, and what the lists themselves count
		var points []nas.PullPointID
		for i := range 3 {
			name := fmt.Sprint(i)
			r.list(t, name, "1", "2")
			points = append(points, r.pullPoint(t))
			r.subscribed(t, points[i], idFilter(nas.IDFilter{Lists: []string{name}}))
		}
		visit := func(i int) (loaded int) {
			r.publish(t, cardTopic, 0, "1")
			before := r.lists.loaded
			r.fetched(t, "", points[i])
			return r.lists.loaded - before
		}
		var got []int
		for _, i := range []int{0, 1, 0, 2, 0, 1} {
			got = append(got, visit(i))
		}
		assert.Equal(t, []int{1, 1, 0, 1, 0, 1}, got, "that used longest ago is forgotten")
		r.list(t, "0", "1", "2", "3", "4", "5", "6", "7", "8")
		assert.Equal(t, []int{1, 1}, []int{visit(0), visit(0)}, "one that is too long is not remembered")
	})

	t.Run("a destroyed list matches nothing, and all that is about the system", func(t *testing.T) {
		r := newReader(t)
		p := r.pullPoint(t)
		r.list(t, "l", "1")
		r.subscribed(t, p, idFilter(nas.IDFilter{Lists: []string{"l"}}))
		_, err := r.DestroyIDList(t.Context(), r.caller, "l")
		require.NoError(t, err)
		r.publish(t, cardTopic, 0, "1")
		rec := messagelog.Record{Topic: nas.InternalTopic(cardTopic), Value: nas.Record{Head: nas.Head{Topic: cardTopic, System: true}, Content: []byte("s")}.Encode()}
		require.NoError(t, r.db.MessageLog().Append(t.Context(), []messagelog.Record{rec}))
		assert.Equal(t, []string{"s"}, contentsOf(r.fetched(t, "m", p)))
		r.list(t, "l", "1")
		again := r.publish(t, cardTopic, 0, "1")
		assert.Equal(t, again, contentsOf(r.fetched(t, "n", p)))
	})

	t.Run("lists that cannot be read lose nothing", func(t *testing.T) {
		r := newReader(t)
		p := r.pullPoint(t)
		r.list(t, "l", "1")
		r.subscribed(t, p, idFilter(nas.IDFilter{Lists: []string{"l"}}))
		r.publish(t, cardTopic, 0, "1")
		r.lists.err = errDown
		_, err := r.fetch("m", p, 1)
		assert.Equal(t, "UnableToGetMessagesFault unavailable", faultOf(err))
		r.lists.err = nil
		assert.Len(t, r.fetched(t, "m", p).Messages, 1)
	})
}

func TestExpressions(t *testing.T) {
	expression := func(word string) func(*notifying.Subscribing) {
		return idFilter(nas.IDFilter{XPaths: []nas.XPathFilter{{Version: "1.0", XPath: nas.XPath{Expression: word}}}})
	}
	t.Run("only what the rest of the filter selects is evaluated", func(t *testing.T) {
		r := newReader(t)
		p := r.pullPoint(t)
		r.subscribed(t, p, func(s *notifying.Subscribing) {
			idFilter(nas.IDFilter{IDs: []nas.SingleID{{ID: "1", IDType: numberType}},
				XPaths: []nas.XPathFilter{{Version: "1", XPath: nas.XPath{Expression: "fails"}}}})(s)
		})
		r.publish(t, cardTopic, 0, "1", "2", "3", "1")
		assert.Empty(t, r.fetched(t, "m", p).Messages, "what cannot be evaluated does not match")
		assert.Contains(t, r.logText(), "messages=2")
	})

	t.Run("it selects by the content", func(t *testing.T) {
		r := newReader(t)
		p := r.pullPoint(t)
		r.subscribed(t, p, expression("2</c>"))
		sent := r.publish(t, cardTopic, 0, "1", "1", "1")
		assert.Equal(t, sent[1:2], contentsOf(r.fetched(t, "m", p)))
	})

	t.Run("a panic fails the call alone", func(t *testing.T) {
		for _, n := range []int{1, 5000} { // also while partitions are read in parallel
			r := newReader(t)
			p := r.pullPoint(t)
			r.subscribed(t, p, expression("panics"))
			for part := range uint64(2) {
				r.publish(t, cardTopic, part, make([]string, n)...)
			}
			_, err := r.fetch("m", p, 1)
			assert.Equal(t, "UnableToGetMessagesFault unavailable", faultOf(err))
		}
	})

	t.Run("one that no longer compiles loses nothing", func(t *testing.T) {
		r := newReader(t)
		p := r.pullPoint(t)
		r.subscribed(t, p, expression("c"))
		r.publish(t, cardTopic, 0, "1")
		r.Fetching.Filters = noFilter{}
		_, err := r.fetch("m", p, 1)
		assert.Equal(t, "UnableToGetMessagesFault unavailable", faultOf(err))
		r.Fetching.Filters = wordFilter{}
		assert.Len(t, r.fetched(t, "m", p).Messages, 1)
	})
}

func TestRecordsThatAreNone(t *testing.T) {
	elsewhere := nas.Record{Head: nas.Head{Topic: otherTopic, System: true, Published: dayZero}, Content: []byte("<c/>")}
	for name, value := range map[string][]byte{"one that cannot be read": []byte("x"), "one of another topic": elsewhere.Encode()} {
		t.Run(name, func(t *testing.T) {
			r := newReader(t)
			p := r.pullPoint(t)
			r.subscribed(t, p, nil)
			require.NoError(t, r.db.MessageLog().Append(t.Context(), []messagelog.Record{{Topic: nas.InternalTopic(cardTopic), Value: value}}))
			sent := r.publish(t, cardTopic, 0, "1")
			assert.Equal(t, sent, contentsOf(r.fetched(t, "m", p)), "it is not delivered, and does not block the others")
			assert.Contains(t, r.logText(), "records=1")
		})
	}
}

package notifying_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/notifying"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/nas"
)

var errDown = errors.New("a secret cause")

func TestSubscribeRefuses(t *testing.T) {
	r := newReader(t)
	p := r.pullPoint(t)
	gone := r.pullPoint(t)
	require.NoError(t, r.destroy("d", gone))
	foreign := r.as(func(c *identity.Caller) { c.SystemName = "Another" }).pullPoint(t)
	r.topic(t, "urn:x:closed", 1, "ALL")
	r.edit(t, "urn:x:closed", func(was *nas.Topic) { was.Active = false })
	r.topic(t, "urn:x:making", 1, "ALL")
	r.edit(t, "urn:x:making", func(was *nas.Topic) { was.State = nas.Creating })
	expression := func(x nas.XPath) func(*notifying.Subscribing) {
		return idFilter(nas.IDFilter{XPaths: []nas.XPathFilter{{Version: "1.0", XPath: x}}})
	}
	topics := func(all ...nas.TopicExpression) func(*notifying.Subscribing) {
		return func(s *notifying.Subscribing) { s.Filter.Topics = all }
	}
	dialect := func(name string) func(*notifying.Subscribing) {
		return topics(nas.TopicExpression{Dialect: name, Text: cardTopic})
	}
	consumer := func(address string) func(*notifying.Subscribing) {
		return func(s *notifying.Subscribing) { s.Consumer = address }
	}
	until := func(text string) func(*notifying.Subscribing) {
		return func(s *notifying.Subscribing) { s.Termination = text }
	}
	topicExpression := nas.Name{Space: "http://docs.oasis-open.org/wsn/b-2", Local: "TopicExpression"}
	useRaw, other := nas.Name{Space: topicExpression.Space, Local: "UseRaw"}, nas.Name{Space: "urn:x", Local: "Faster"}
	const badTime = "UnacceptableInitialTerminationTimeFault unacceptable_termination_time"
	const noPoint = "SubscribeCreationFailedFault pull_point_unknown"
	for _, c := range []struct {
		name string
		edit func(*notifying.Subscribing)
		want string
		more nas.Error // the further parts
	}{
		{"T9 no filter", topics(), "InvalidFilterFault invalid_filter", nas.Error{Names: []nas.Name{topicExpression}}},
		{"T9 two topic expressions", topics(nas.TopicExpression{Text: "a:b"}, nas.TopicExpression{Text: "a:b"}),
			"InvalidFilterFault invalid_filter", nas.Error{Names: []nas.Name{topicExpression}}},
		{"T9 a foreign element", func(s *notifying.Subscribing) { s.Filter.Unknown = []nas.Name{other} },
			"InvalidFilterFault invalid_filter", nas.Error{Names: []nas.Name{other}}},
		{"T10 dialect Concrete", dialect("http://docs.oasis-open.org/wsn/t-1/TopicExpression/Concrete"),
			"TopicExpressionDialectUnknownFault topic_dialect_unknown", nas.Error{}},
		{"T10 dialect Full", dialect("http://docs.oasis-open.org/wsn/t-1/TopicExpression/Full"),
			"TopicExpressionDialectUnknownFault topic_dialect_unknown", nas.Error{}},
		{"T10 nonsense", dialect("x"), "TopicExpressionDialectUnknownFault topic_dialect_unknown", nas.Error{}},
		{"T11 an unknown topic", onTopic("urn:x:none"), "TopicNotSupportedFault topic_unknown", nas.Error{}},
		{"a topic that is being made", onTopic("urn:x:making"), "TopicNotSupportedFault topic_unknown", nas.Error{}},
		{"T12 a closed topic", onTopic("urn:x:closed"), "TopicNotSupportedFault topic_closed", nas.Error{}},
		{"T25 no pull point", consumer(""), noPoint, nas.Error{}},
		{"T25 an address of the caller's own", consumer("https://epj.example.dk/advis"), "SubscribeCreationFailedFault push_not_offered", nas.Error{}},
		{"T25 another owner's pull point", consumer(string(foreign)), noPoint, nas.Error{}},
		{"T25 a destroyed pull point", consumer(string(gone)), noPoint, nas.Error{}},
		{"T26 in the past", until("2020-01-01T00:00:00Z"), badTime, nas.Error{Minimum: r.clock()}},
		{"T26 a negative duration", until("-PT1H"), badTime, nas.Error{Minimum: r.clock()}},
		{"T26 no time", until("xyz"), badTime, nas.Error{Minimum: r.clock()}},
		{"T28 UseRaw", func(s *notifying.Subscribing) { s.Policies = []nas.Name{useRaw} },
			"UnsupportedPolicyRequestFault unsupported_policy", nas.Error{Names: []nas.Name{useRaw}}},
		{"T28 another policy", func(s *notifying.Subscribing) { s.Policies = []nas.Name{useRaw, other} },
			"UnrecognizedPolicyRequestFault unrecognized_policy", nas.Error{Names: []nas.Name{other}}},
		{"T28 producer properties", func(s *notifying.Subscribing) { s.Filter.ProducerProperties = true },
			"InvalidProducerPropertiesExpressionFault invalid_producer_properties", nas.Error{}},
		{"an id list that there is not", idFilter(nas.IDFilter{Lists: []string{"none"}}),
			"InvalidMessageContentExpressionFault id_list_unknown", nas.Error{}},
		{"an expression that does not compile", expression(nas.XPath{Expression: "$v"}), "InvalidMessageContentExpressionFault xpath", nas.Error{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := r.subscribe(p, c.edit)
			assert.Equal(t, c.want, faultOf(err))
			var got nas.Error
			if e, ok := errors.AsType[*nas.Error](err); ok {
				got = nas.Error{Names: e.Names, Minimum: e.Minimum, Maximum: e.Maximum}
			}
			assert.Equal(t, c.more, got)
			assert.Empty(t, r.owned(t)[0].Subscriptions, "nothing is stored")
		})
	}
}

// owned is what the caller has.
func (r *reader) owned(t require.TestingT) (all []notifying.Owned) {
	require.NoError(t, r.call("ReadPullPoints", r.newID(), func(ctx context.Context, caller identity.Caller) (err error) {
		all, err = r.PullPoints(ctx, caller)
		return err
	}).Err)
	return all
}

func TestSubscribeChecksInOrder(t *testing.T) {
	r := newReader(t)
	p := r.pullPoint(t)
	r.MaxPerPullPoint = 0
	r.topic(t, "urn:x:secret", 1)
	// Everything is wrong; one thing after the other is mended.
	wanted := to("", "urn:x:none")
	wanted.Consumer = ""
	wanted.Termination = "xyz"
	wanted.Policies = []nas.Name{{Local: "x"}}
	wanted.Filter.ProducerProperties = true
	r.log.down = errDown
	for _, c := range []struct {
		want string
		mend func()
	}{
		{"SubscribeCreationFailedFault pull_point_unknown", func() { wanted.Consumer = string(p) }},
		{"UnacceptableInitialTerminationTimeFault unacceptable_termination_time", func() { wanted.Termination = "" }},
		{"UnrecognizedPolicyRequestFault unrecognized_policy", func() { wanted.Policies = nil }},
		{"InvalidProducerPropertiesExpressionFault invalid_producer_properties", func() { wanted.Filter.ProducerProperties = false }},
		{"TopicNotSupportedFault topic_unknown", func() { wanted.Filter.Topics[0].Text = "urn:x:secret" }},
		{nas.NoAccess{}.Error(), func() {
			r.edit(t, "urn:x:secret", func(was *nas.Topic) { was.Access = []nas.Access{{Identifier: "ALL"}} })
		}},
		{"SubscribeCreationFailedFault too_many_subscriptions", func() { r.MaxPerPullPoint = 1 }},
		{"SubscribeCreationFailedFault unavailable", func() { r.log.down = nil }},
		{"<nil>", func() {}},
		{"SubscribeCreationFailedFault too_many_subscriptions", func() {}},
	} {
		_, err := r.subscribe(p, func(s *notifying.Subscribing) { *s = wanted })
		assert.Equal(t, c.want, faultOf(err))
		c.mend()
	}
}

func TestSubscribe(t *testing.T) {
	t.Run("T7 what was published before is not delivered", func(t *testing.T) {
		r := newReader(t)
		p := r.pullPoint(t)
		r.publish(t, cardTopic, 0, "1", "2")
		r.subscribed(t, p, nil)
		after := r.publish(t, cardTopic, 0, "3")
		assert.Equal(t, after, contentsOf(r.fetched(t, "m", p)))
	})

	t.Run("T7 nothing that is published after the answer is missed, though much is while it is made", func(t *testing.T) {
		r := newReader(t)
		p := r.pullPoint(t)
		s := *r.Subscriptions
		s.Store = subscribeAfter{r.points, func() { r.publish(t, cardTopic, 0, "1") }}
		r.Subscriptions = &s
		r.subscribed(t, p, nil)
		assert.Len(t, r.fetched(t, "m", p).Messages, 1)
	})

	t.Run("T10 without dialect", func(t *testing.T) {
		r := newReader(t)
		_, err := r.subscribe(r.pullPoint(t), func(s *notifying.Subscribing) { s.Filter.Topics[0] = nas.TopicExpression{Text: "\n" + cardTopic + " "} })
		assert.NoError(t, err)
	})

	t.Run("T22 access", func(t *testing.T) {
		for _, c := range []struct {
			access []string
			may    bool
		}{
			{nil, false}, {[]string{"CVR:33257872-FID:1"}, false}, {[]string{"CVR:99999999"}, false},
			{[]string{"ALL"}, true}, {[]string{"CVR:33257872"}, true}, {[]string{"CVR:33257872-FID:22933922"}, true},
		} {
			r := newReader(t)
			r.topic(t, "urn:x:secret", 1, c.access...)
			_, err := r.subscribe(r.pullPoint(t), onTopic("urn:x:secret"))
			if c.may {
				assert.NoError(t, err, c.access)
				continue
			}
			assert.ErrorIs(t, err, nas.NoAccess{Topic: "urn:x:secret"}, c.access)
			told, _ := fault.Of(err)
			assert.Equal(t, fault.CodeNotAuthorized, told.Code)
			assert.NotContains(t, told.Text, "secret")
		}
	})

	t.Run("T26 a time it ends", func(t *testing.T) {
		r := newReader(t)
		p := r.pullPoint(t)
		for text, want := range map[string]time.Time{
			"":                          {},
			"PT1H":                      r.clock().Add(time.Hour),
			"2026-07-01T12:00:00":       time.Date(2026, time.July, 1, 10, 0, 0, 0, time.UTC),
			"2026-07-01T12:00:00+03:00": time.Date(2026, time.July, 1, 9, 0, 0, 0, time.UTC),
		} {
			made, err := r.subscribe(p, func(s *notifying.Subscribing) { s.Termination = text })
			require.NoError(t, err, text)
			assert.True(t, want.Equal(made.Expires), "got %v, want %v", made.Expires, want)
			assert.Equal(t, r.clock(), made.Now)
		}
	})

	t.Run("the topic log or the store is down", func(t *testing.T) {
		r := newReader(t)
		p := r.pullPoint(t)
		r.lists.err = errDown
		_, err := r.subscribe(p, idFilter(nas.IDFilter{Lists: []string{"l"}}))
		assert.Equal(t, "SubscribeCreationFailedFault unavailable", faultOf(err))
		r.points.reading = errDown
		_, err = r.subscribe(p, nil)
		assert.Equal(t, "SubscribeCreationFailedFault unavailable", faultOf(err))
		told, _ := fault.Of(err)
		assert.Equal(t, fault.Unavailable, told.Kind)
		assert.NotContains(t, told.Text, "secret")
	})

	t.Run("what is said of it", func(t *testing.T) {
		r := newReader(t)
		p := r.pullPoint(t)
		r.list(t, "ward-7", "2512484916")
		id := r.subscribed(t, p, idFilter(nas.IDFilter{Lists: []string{"ward-7"}}))
		assert.Equal(t, fmt.Sprintf("NAS/Subscribe owner-cvr=33257872 owner-system=Demo EPJ pull-point-id=%s subscription-id=%s topic=%s "+
			"id-list-name=ward-7",
			p, id, cardTopic), r.notes())
		assert.Len(t, r.said("subscribe"), 1)
	})
}

// subscribeAfter is a store that something happens before.
type subscribeAfter struct {
	*watchedPoints
	happens func()
}

func (s subscribeAfter) Subscribe(ctx context.Context, sub nas.Subscription, first nas.Cursor, limit int) error {
	s.happens()
	return s.watchedPoints.Subscribe(ctx, sub, first, limit)
}

func TestT24OthersResourcesAreUnknownOnes(t *testing.T) {
	r := newReader(t)
	p := r.pullPoint(t)
	s := r.subscribed(t, p, nil)
	r.publish(t, cardTopic, 0, "1")
	for name, other := range map[string]*reader{
		"another organisation":                       r.as(func(c *identity.Caller) { c.Org.CVR = "99999999" }),
		"another system of the organisation":         r.as(func(c *identity.Caller) { c.SystemName = "Another" }),
		"the same system, in other letters":          r.as(func(c *identity.Caller) { c.SystemName = "demo EPJ" }),
		"the organisation's number in system's name": r.as(func(c *identity.Caller) { c.Org.CVR, c.SystemName = "3325787", "2Demo EPJ" }),
	} {
		t.Run("T24 "+name, func(t *testing.T) {
			const random = "11111111-1111-4111-8111-111111111111"
			_, theirs := other.fetch("m", p, 1)
			_, none := other.fetch("n", random, 1)
			assert.Equal(t, "ResourceUnknownFault resource_unknown", faultOf(theirs))
			assert.Equal(t, none, theirs)
			theirs, none = other.destroy("d"+name, p), other.destroy("e"+name, random)
			assert.Equal(t, "ResourceUnknownFault resource_unknown", faultOf(theirs))
			assert.Equal(t, none, theirs)
			theirs, none = other.unsubscribe("u"+name, s), other.unsubscribe("v"+name, random)
			assert.Equal(t, "ResourceUnknownFault resource_unknown", faultOf(theirs))
			assert.Equal(t, none, theirs)
			_, theirs = other.Subscriptions.PullPoint(t.Context(), other.caller, string(p))
			_, none = other.Subscriptions.PullPoint(t.Context(), other.caller, random)
			assert.Equal(t, "ResourceUnknownFault resource_unknown", faultOf(theirs))
			assert.Equal(t, none, theirs)
			assert.Empty(t, other.owned(t))
		})
	}
	assert.Len(t, r.fetched(t, "m", p).Messages, 1, "nothing of it had an effect")

	t.Run("who has no name owns nothing", func(t *testing.T) {
		for _, nobody := range []*reader{
			r.as(func(c *identity.Caller) { c.SystemName = " " }), r.as(func(c *identity.Caller) { c.Org.CVR = "" }),
		} {
			_, err := nobody.fetch("m", p, 1)
			assert.True(t, fault.Is(err, fault.Forbidden), "%v", err)
			err = nobody.call("CreatePullPoint", nobody.newID(), func(ctx context.Context, caller identity.Caller) error {
				_, err := nobody.CreatePullPoint(ctx, caller)
				return err
			}).Err
			assert.True(t, fault.Is(err, fault.Forbidden), "%v", err)
		}
	})
}

func TestT44EndingTwice(t *testing.T) {
	r := newReader(t)
	p := r.pullPoint(t)
	s := r.subscribed(t, p, nil)
	const unknown = "ResourceUnknownFault resource_unknown"
	require.NoError(t, r.unsubscribe("u", s))
	assert.Equal(t, unknown, faultOf(r.unsubscribe("another", s)))
	assert.NoError(t, r.unsubscribe("u", s), "a resend is answered as before")

	s = r.subscribed(t, p, nil)
	require.NoError(t, r.destroy("d", p))
	assert.Equal(t, unknown, faultOf(r.destroy("another", p)))
	assert.NoError(t, r.destroy("d", p))
	_, err := r.fetch("m", p, 1)
	assert.Equal(t, unknown, faultOf(err))
	assert.Equal(t, unknown, faultOf(r.unsubscribe("v", s)), "it ended with its pull point")
	assert.Len(t, r.said("unsubscribe"), 1)
	assert.Len(t, r.said("destroyPullPoint"), 1)

	t.Run("T44 an id that is none", func(t *testing.T) {
		for _, id := range []string{"", "x", "https://nsp.example.dk/nas2/pullpoint/"} {
			assert.Equal(t, unknown, faultOf(r.destroy(r.newID(), nas.PullPointID(id))))
			assert.Equal(t, unknown, faultOf(r.unsubscribe(r.newID(), nas.SubscriptionID(id))))
			_, err := r.fetch("m", nas.PullPointID(id), 1)
			assert.Equal(t, unknown, faultOf(err))
		}
	})
}

func TestPullPoints(t *testing.T) {
	r := newReader(t)
	r.MaxPerOwner = 2
	first := r.pullPoint(t)
	r.pass(time.Second)
	assert.Equal(t, fmt.Sprintf("NAS/CreatePullPoint owner-cvr=33257872 owner-system=Demo EPJ pull-point-id=%s", first), r.notes())
	second := r.pullPoint(t)
	err := r.call("CreatePullPoint", "m", func(ctx context.Context, caller identity.Caller) error {
		_, err := r.CreatePullPoint(ctx, caller)
		return err
	}).Err
	assert.Equal(t, "UnableToCreatePullPointFault too_many_pull_points", faultOf(err))
	line := func(id nas.PullPointID) string {
		return fmt.Sprintf(`{"action":"createPullPoint","info":{"pullPointId":"%s","ownerItSystem":"Demo EPJ","ownerCvr":"33257872"}}`, id)
	}
	assert.Equal(t, []string{line(first), line(second)}, r.said("createPullPoint"), "one that was not made is not counted")

	r.subscribed(t, second, nil)
	r.subscribed(t, second, onTopic(otherTopic))
	r.publish(t, otherTopic, 1, "1", "2")
	all := r.owned(t)
	require.Len(t, all, 2)
	assert.Equal(t, []nas.PullPointID{first, second}, []nas.PullPointID{all[0].ID, all[1].ID})
	assert.Equal(t, []int64{0, 2}, all[1].Lags)
	r.fetched(t, "f", second)
	one, err := r.Subscriptions.PullPoint(t.Context(), r.caller, string(second))
	require.NoError(t, err)
	assert.Equal(t, []int64{0, 0}, one.Lags)
	assert.Equal(t, r.clock(), one.LastSeen)
	r.log.down = errDown
	assert.Equal(t, []int64{-1, -1}, r.owned(t)[1].Lags, "the pull points are there though the log is not")
}

func TestIDLists(t *testing.T) {
	r := newReader(t)
	create := func(l nas.IDList) (replaced bool, err error) {
		err = r.call("CreateIDList", r.newID(), func(ctx context.Context, caller identity.Caller) (err error) {
			replaced, err = r.CreateIDList(ctx, caller, l)
			return err
		}).Err
		return replaced, err
	}
	destroy := func(r *reader, name string) (existed bool, err error) {
		err = r.call("DestroyIDList", r.newID(), func(ctx context.Context, caller identity.Caller) (err error) {
			existed, err = r.DestroyIDList(ctx, caller, name)
			return err
		}).Err
		return existed, err
	}
	replaced, err := create(nas.IDList{Name: " ward-7 ", IDType: numberType, IDs: []string{" 1 ", "2", "1"}})
	require.NoError(t, err)
	assert.False(t, replaced)
	assert.Equal(t, "NAS/CreateIDList owner-cvr=33257872 owner-system=Demo EPJ id-list-name=ward-7 id-count=2", r.notes())
	replaced, err = create(nas.IDList{Name: "ward-7", Description: "Patients", IDType: numberType, IDs: []string{"3"}})
	require.NoError(t, err)
	assert.True(t, replaced)
	description, idType, count, err := r.IDList(t.Context(), r.caller, "ward-7\n")
	require.NoError(t, err)
	assert.Equal(t, []any{"Patients", numberType, 1}, []any{description, idType, count})

	other := r.as(func(c *identity.Caller) { c.Org.CVR = "99999999" })
	existed, err := destroy(other, "ward-7")
	require.NoError(t, err)
	assert.False(t, existed, "T4 lists of two owners are independent")
	_, _, _, err = other.IDList(t.Context(), other.caller, "ward-7")
	assert.True(t, fault.Is(err, fault.NotFound))
	existed, err = destroy(r, "ward-7")
	require.NoError(t, err)
	assert.True(t, existed)

	r.MaxIDs = 2
	for _, bad := range []nas.IDList{
		{}, {Name: "a"}, {Name: strings.Repeat("x", 201), IDType: "t"}, {Name: "a", IDType: "t", IDs: []string{""}},
		{Name: "a", IDType: "t", IDs: []string{"1", "2", "3"}},
	} {
		_, err := create(bad)
		assert.True(t, fault.Is(err, fault.Malformed), "%v", err)
	}
	_, err = destroy(r, " ")
	assert.True(t, fault.Is(err, fault.Malformed))
	assert.Equal(t, []string{
		`{"action":"createIdList","info":{"idCount":2,"replaced":false}}`, `{"action":"createIdList","info":{"idCount":1,"replaced":true}}`,
	}, r.said("createIdList"))
}

package notifying

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/ports"
)

// Limits of a topic.
const (
	DefaultPartitions = 6
	maxPartitions     = 1000
	maxReplication    = 100
	maxComment        = 1000 // characters
	maxAccess         = 1000
)

// Codes of the administration of topics.
const (
	CodeConflict = "conflict"        // it is there, and not as asked for
	CodeOpen     = "topic_open"      // it is not closed for long enough
	CodeInvalid  = "invalid_topic"   // the definition breaks a rule
	CodeNotReady = "topic_not_ready" // it is being made or taken away
)

var (
	errNotAdministrator = fault.Error{Kind: fault.Forbidden, Code: fault.CodeNotAuthorized, Text: "Only an administrator may do this."}
	errUnavailable      = fault.Error{Kind: fault.Unavailable, Code: fault.CodeProcessing, Text: "The service cannot answer now, try again."}
	errNoTopic          = fault.Error{Kind: fault.NotFound, Code: nas.TopicUnknown, Text: "The topic is not known."}
	errNotReady         = fault.Error{Kind: fault.Conflict, Code: CodeNotReady, Text: "The topic is being made or taken away."}
)

func conflict(text string) error {
	return fault.Error{Kind: fault.Conflict, Code: CodeConflict, Text: text}
}

func invalid(text string) error {
	return fault.Error{Kind: fault.Invalid, Code: CodeInvalid, Text: text}
}

// unavailable is what an administrator hears when something did not answer; the cause is for the log.
func unavailable(action string, cause error) error {
	return fmt.Errorf("%s: %w: %w", action, errUnavailable, cause)
}

// Administration makes topics and takes them away, and says who may read them. Where it takes several steps each is committed by itself, and the
// same call again goes on after the last. Topics are named by their internal topic. It is safe for concurrent use.
type Administration struct {
	Store            ports.TopicStore
	PullPoints       ports.PullPointStore
	Lists            ports.IDListStore
	Log              ports.MessageLog
	Admin            ports.TopicAdmin
	Topics           *Directory // to be told of changes; nil = there is none
	Trail            ports.Trail
	Now              func() time.Time
	Others           []messagelog.Topic // of other services
	CloseDays        int                // how long a topic is closed before it can be deleted
	DefaultRetention time.Duration      // 0 = kept until deleted
}

// TopicRequest defines a topic.
type TopicRequest struct {
	Topic       string
	Internal    messagelog.Topic // "" = made of Topic
	Partitions  int              // 0 = 6
	Replication int              // 0 = the log's own choice
	Config      map[string]int64 // of the log's topic, by names such as retention_ms
	Access      []nas.Access
	Adopt       bool // a topic of the log that is there already is taken
}

// settings are the settings of a topic of the log that can be chosen (NAS2 Driftvejledning, Opret Topic). A retention of -1 is without end.
func settings(name string) (least int64, ok bool) {
	switch name {
	case "retention_ms", "retention_bytes":
		return -1, true
	case "segment_jitter_ms", "flush_ms", "file_delete_delay_ms", "index_interval_bytes":
		return 0, true
	case "segment_bytes", "segment_ms", "segment_indexbytes", "flush_messages_interval", "max_message_bytes":
		return 1, true
	}
	return 0, false
}

// define returns the topic that r asks for, as it is while it is made.
func (a *Administration) define(r TopicRequest) (nas.Topic, error) {
	name, err := nas.ParseTopic(r.Topic)
	if err != nil {
		return nas.Topic{}, err
	}
	internal := cmp.Or(r.Internal, nas.InternalTopic(name))
	if err := nas.CheckInternal(internal); err != nil {
		return nas.Topic{}, err
	}
	if slices.Contains(a.Others, internal) {
		return nas.Topic{}, conflict("The internal topic belongs to another service.")
	}
	spec := messagelog.Spec{Partitions: cmp.Or(r.Partitions, DefaultPartitions), Replication: r.Replication, Retention: a.DefaultRetention}
	switch {
	case spec.Partitions < 1 || spec.Partitions > maxPartitions:
		return nas.Topic{}, invalid(fmt.Sprintf("A topic has 1 to %d partitions.", maxPartitions))
	case spec.Replication < 0 || spec.Replication > maxReplication:
		return nas.Topic{}, invalid(fmt.Sprintf("A topic has at most %d replicas.", maxReplication))
	}
	for name, value := range r.Config {
		least, ok := settings(name)
		switch {
		case !ok:
			return nas.Topic{}, invalid("A setting of the topic is not known.")
		case value < least || name == "retention_ms" && (value == 0 || value > int64(maxRetention/time.Millisecond)):
			return nas.Topic{}, invalid("A setting of the topic is out of range.")
		case name == "retention_ms":
			spec.Retention = time.Duration(max(value, 0)) * time.Millisecond
		default:
			if spec.Config == nil {
				spec.Config = map[string]int64{}
			}
			spec.Config[name] = value
		}
	}
	access, err := a.access(r.Access)
	if err != nil {
		return nas.Topic{}, err
	}
	return nas.Topic{Name: name, Log: internal, State: nas.Creating, Spec: spec, Access: access}, nil
}

// maxRetention is as long as a time.Duration can be, in whole days.
const maxRetention = 100_000 * 24 * time.Hour

// access checks who is let in, and orders it; of an identifier that comes twice the last counts.
func (a *Administration) access(wanted []nas.Access) (all []nas.Access, err error) {
	for _, w := range wanted {
		if all, err = a.with(all, w.Identifier, w.Comment); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// with returns all with the identifier too, in order.
func (a *Administration) with(all []nas.Access, identifier, comment string) ([]nas.Access, error) {
	identifier, comment = strings.TrimSpace(identifier), strings.TrimSpace(comment)
	if err := nas.CheckAccess(identifier); err != nil {
		return nil, err
	}
	if utf8.RuneCountInString(comment) > maxComment || !utf8.ValidString(comment) {
		return nil, invalid(fmt.Sprintf("A comment is a text of at most %d characters.", maxComment))
	}
	granted := nas.Access{Identifier: identifier, Comment: comment, CreatedAt: a.Now()}
	if i := slices.IndexFunc(all, same(identifier)); i >= 0 {
		granted.CreatedAt = all[i].CreatedAt
	}
	all = append(without(all, identifier), granted)
	if len(all) > maxAccess {
		return nil, invalid(fmt.Sprintf("A topic has at most %d access identifiers.", maxAccess))
	}
	slices.SortFunc(all, func(a, b nas.Access) int { return strings.Compare(a.Identifier, b.Identifier) })
	return all, nil
}

// same tells whether an access lets the same in as identifier does: its letters' case does not matter (NAS-6).
func same(identifier string) func(nas.Access) bool {
	return func(a nas.Access) bool { return strings.EqualFold(a.Identifier, identifier) }
}

func without(all []nas.Access, identifier string) []nas.Access {
	return slices.DeleteFunc(slices.Clone(all), same(identifier))
}

// CreateTopic makes a topic, and returns it open. The same call again goes on where an earlier one ended; with another definition it is a conflict.
func (a *Administration) CreateTopic(ctx context.Context, caller identity.Caller, r TopicRequest) (nas.Topic, error) {
	wanted, err := a.define(r)
	if err := a.administers(ctx, audit.CreateTopic, caller, audit.TopicName.Is(string(wanted.Name)), audit.InternalTopic.Is(string(wanted.Log)),
		audit.Partitions.Is(strconv.Itoa(wanted.Spec.Partitions)), identifiers(wanted.Access)); err != nil {
		return nas.Topic{}, err
	}
	if err != nil {
		return nas.Topic{}, err
	}
	wanted.CreatedBy = who(caller)
	return a.create(ports.Apart(ctx), wanted, r.Adopt)
}

// Ensure makes a topic that nobody has asked for by hand, read by whom access names, if it is not there. Several processes may do so at once. One
// that is there stays as it is, also closed; one that was not made to its end is.
func (a *Administration) Ensure(ctx context.Context, name nas.TopicName, access []string) error {
	r := TopicRequest{Topic: string(name)}
	for _, identifier := range access {
		r.Access = append(r.Access, nas.Access{Identifier: identifier})
	}
	wanted, err := a.define(r)
	if err != nil {
		return fmt.Errorf("make topic %s: %w", name, err)
	}
	wanted.CreatedBy = "configuration"
	there, err := a.Store.Topic(ctx, wanted.Name)
	switch {
	case errors.Is(err, nas.ErrNoTopic):
		// Its internal topic is named after it alone, so that one that is there is its own.
		_, err = a.create(ctx, wanted, true)
	case err == nil && there.State == nas.Creating:
		_, err = a.create(ctx, there, true)
	}
	if err != nil {
		return fmt.Errorf("make topic %s: %w", name, err)
	}
	return nil
}

// create makes a topic: its row, not open; the topic of the log; its row, open.
func (a *Administration) create(ctx context.Context, wanted nas.Topic, adopt bool) (made nas.Topic, err error) {
	// Read before the row: whoever else makes it now writes the row first.
	there, err := a.Admin.Topics(ctx)
	if err != nil {
		return nas.Topic{}, unavailable("list topics of the log", err)
	}
	partitions, exists := there[wanted.Log]
	err = a.update(ctx, wanted.Name, func(t nas.Topic) (nas.Topic, error) {
		if made = t; t.Name != "" {
			return t, agrees(t, wanted)
		}
		switch {
		case exists && !adopt:
			return t, conflict("The log has a topic of that name already.")
		case exists && partitions < wanted.Spec.Partitions:
			return t, conflict("The log's topic has fewer partitions.")
		}
		made = wanted
		made.CreatedAt = a.Now()
		return made, nil
	})
	if err != nil || made.State == nas.Ready {
		return made, err
	}
	if err := a.Admin.CreateTopic(ctx, made.Log, made.Spec); errors.Is(err, messagelog.ErrExists) {
		if there, err = a.Admin.Topics(ctx); err == nil && there[made.Log] < made.Spec.Partitions {
			return nas.Topic{}, conflict("The log's topic has fewer partitions.")
		}
		if err != nil {
			return nas.Topic{}, unavailable("list topics of the log", err)
		}
	} else if err != nil {
		return nas.Topic{}, unavailable("create topic of the log", err)
	}
	err = a.update(ctx, wanted.Name, func(t nas.Topic) (nas.Topic, error) {
		if t.Name == "" {
			return t, errNotReady // it was deleted meanwhile
		}
		if err := agrees(t, wanted); err != nil {
			return t, err
		}
		if t.State == nas.Creating {
			t.State, t.Active = nas.Ready, true
		}
		made = t
		return t, nil
	})
	return made, err
}

// agrees tells whether a topic that is there is the one that is wanted.
func agrees(t, wanted nas.Topic) error {
	missing := func(w nas.Access) bool { return !slices.ContainsFunc(t.Access, same(w.Identifier)) }
	switch {
	case t.State == nas.Deleting:
		return errNotReady
	case t.Log != wanted.Log || t.Spec.Partitions != wanted.Spec.Partitions || t.Spec.Replication != wanted.Spec.Replication ||
		t.Spec.Retention != wanted.Spec.Retention || !maps.Equal(t.Spec.Config, wanted.Spec.Config) || slices.ContainsFunc(wanted.Access, missing):
		return conflict("The topic is there with another definition.")
	}
	return nil
}

// update changes the row of a topic, and has it be read again.
func (a *Administration) update(ctx context.Context, name nas.TopicName, edit func(nas.Topic) (nas.Topic, error)) error {
	err := a.Store.UpdateTopic(ctx, name, edit)
	if a.Topics != nil {
		a.Topics.Forget()
	}
	if _, ok := fault.Of(err); err == nil || ok {
		return err
	}
	if errors.Is(err, nas.ErrTaken) {
		return conflict("The internal topic belongs to another topic.")
	}
	return unavailable("change topic", err)
}

// change changes the row of a topic that is there, and returns it.
func (a *Administration) change(ctx context.Context, t nas.Topic, edit func(*nas.Topic) error) (changed nas.Topic, err error) {
	err = a.update(ctx, t.Name, func(now nas.Topic) (nas.Topic, error) {
		if now.Log != t.Log { // it was deleted meanwhile, and perhaps another made
			return now, errNoTopic
		}
		changed = now
		if err := edit(&changed); err != nil {
			return now, err
		}
		return changed, nil
	})
	return changed, err
}

// AllTopics returns all topics, by name.
func (a *Administration) AllTopics(ctx context.Context, caller identity.Caller) ([]nas.Topic, error) {
	if err := a.administers(ctx, audit.ReadTopics, caller); err != nil {
		return nil, err
	}
	return a.all(ctx)
}

// Topic returns a topic.
func (a *Administration) Topic(ctx context.Context, caller identity.Caller, internal messagelog.Topic) (nas.Topic, error) {
	return a.named(ctx, audit.ReadTopics, caller, internal)
}

// OpenTopic has a topic take notifications and subscriptions again.
func (a *Administration) OpenTopic(ctx context.Context, caller identity.Caller, internal messagelog.Topic) (nas.Topic, error) {
	t, err := a.named(ctx, audit.OpenTopic, caller, internal)
	if err != nil {
		return nas.Topic{}, err
	}
	return a.change(ports.Apart(ctx), t, func(t *nas.Topic) error {
		if t.State != nas.Ready {
			return errNotReady
		}
		t.Active, t.ClosedAt = true, time.Time{}
		return nil
	})
}

// CloseTopic has a topic take no more notifications and subscriptions; those there are go on. It is the first step of taking it away.
func (a *Administration) CloseTopic(ctx context.Context, caller identity.Caller, internal messagelog.Topic) (nas.Topic, error) {
	t, err := a.named(ctx, audit.CloseTopic, caller, internal)
	if err != nil {
		return nas.Topic{}, err
	}
	return a.change(ports.Apart(ctx), t, func(t *nas.Topic) error {
		if t.State != nas.Ready {
			return errNotReady
		}
		a.closed(t)
		return nil
	})
}

// closed closes t, or leaves it closed since when it was.
func (a *Administration) closed(t *nas.Topic) {
	if t.Active || t.ClosedAt.IsZero() {
		t.Active, t.ClosedAt = false, a.Now()
	}
}

// DeleteTopic takes a topic away with its notifications, and ends its subscriptions: one that was closed for long enough, or any where force is
// set.
func (a *Administration) DeleteTopic(ctx context.Context, caller identity.Caller, internal messagelog.Topic, force bool) error {
	t, err := a.named(ctx, audit.DeleteTopic, caller, internal)
	if err != nil {
		return err
	}
	ctx = ports.Apart(ctx)
	if _, err := a.change(ctx, t, func(t *nas.Topic) error {
		since := a.Now().Sub(t.ClosedAt)
		if closed := t.State == nas.Ready && !t.Active && since >= time.Duration(a.CloseDays)*24*time.Hour; t.State != nas.Deleting && !closed && !force {
			return fault.Error{Kind: fault.Conflict, Code: CodeOpen, Text: fmt.Sprintf("A topic is closed for %d days before it is deleted.", a.CloseDays)}
		}
		t.State = nas.Deleting
		a.closed(t)
		return nil
	}); err != nil {
		return err
	}
	if _, err := a.PullPoints.EndTopic(ctx, t.Name, a.Now()); err != nil {
		return unavailable("end subscriptions", err)
	}
	if err := a.Admin.DeleteTopic(ctx, t.Log); err != nil {
		return unavailable("delete topic of the log", err)
	}
	_, err = a.change(ctx, t, func(t *nas.Topic) error {
		if t.State != nas.Deleting { // another call has deleted it, and it was made again
			return errNotReady
		}
		*t = nas.Topic{}
		return nil
	})
	return err
}

// GrowPartitions gives a topic so many partitions: as many as it has, or more.
func (a *Administration) GrowPartitions(ctx context.Context, caller identity.Caller, internal messagelog.Topic, partitions int) (nas.Topic, error) {
	t, err := a.named(ctx, audit.GrowTopic, caller, internal, audit.Partitions.Is(strconv.Itoa(partitions)))
	if err != nil {
		return nas.Topic{}, err
	}
	ctx = ports.Apart(ctx)
	switch {
	case t.State != nas.Ready:
		return nas.Topic{}, errNotReady
	case partitions < t.Spec.Partitions:
		return nas.Topic{}, conflict("A topic never has fewer partitions than it had.")
	case partitions > maxPartitions:
		return nas.Topic{}, invalid(fmt.Sprintf("A topic has 1 to %d partitions.", maxPartitions))
	}
	if err := a.Admin.GrowTopic(ctx, t.Log, partitions); err != nil {
		return nas.Topic{}, unavailable("grow topic of the log", err)
	}
	return a.change(ctx, t, func(t *nas.Topic) error {
		t.Spec.Partitions = max(t.Spec.Partitions, partitions)
		return nil
	})
}

// Grant lets whom the identifier names read a topic; where it does already, the comment is replaced.
func (a *Administration) Grant(ctx context.Context, caller identity.Caller, internal messagelog.Topic, identifier, comment string) error {
	t, err := a.named(ctx, audit.GrantTopic, caller, internal, audit.AccessID.Is(identifier))
	if err != nil {
		return err
	}
	_, err = a.change(ports.Apart(ctx), t, func(t *nas.Topic) (err error) {
		if t.State == nas.Deleting {
			return errNotReady
		}
		t.Access, err = a.with(t.Access, identifier, comment)
		return err
	})
	return err
}

// Revoke takes it back; that there was none is no error. It counts at the next fetch, at most the age of Topics later.
func (a *Administration) Revoke(ctx context.Context, caller identity.Caller, internal messagelog.Topic, identifier string) error {
	t, err := a.named(ctx, audit.RevokeTopic, caller, internal, audit.AccessID.Is(identifier))
	if err != nil {
		return err
	}
	_, err = a.change(ports.Apart(ctx), t, func(t *nas.Topic) error {
		t.Access = without(t.Access, strings.TrimSpace(identifier))
		return nil
	})
	return err
}

// named returns the topic with the internal topic, for an administrator.
func (a *Administration) named(
	ctx context.Context, where audit.Context, caller identity.Caller, internal messagelog.Topic, info ...audit.Information,
) (nas.Topic, error) {
	if err := a.administers(ctx, where, caller, append(info, audit.InternalTopic.Is(string(internal)))...); err != nil {
		return nas.Topic{}, err
	}
	all, err := a.all(ctx)
	if err != nil {
		return nas.Topic{}, err
	}
	i := slices.IndexFunc(all, func(t nas.Topic) bool { return t.Log == internal })
	if i < 0 {
		return nas.Topic{}, errNoTopic
	}
	return all[i], nil
}

func (a *Administration) all(ctx context.Context) ([]nas.Topic, error) {
	all, err := a.Store.Topics(ctx)
	if err != nil {
		return nil, unavailable("read topics", err)
	}
	return all, nil
}

// administers lets only an administrator go on, and says in the audit log who asks for what, whether or not it is allowed.
func (a *Administration) administers(ctx context.Context, where audit.Context, caller identity.Caller, info ...audit.Information) error {
	a.Trail.Note(ctx, audit.NAS, where, append([]audit.Information{audit.User.Is(who(caller))}, info...)...)
	if !caller.Administrator {
		return errNotAdministrator
	}
	return nil
}

// who is an administrator, without the person.
func who(caller identity.Caller) string {
	if caller.Org.CVR == "" {
		return caller.Kind.String()
	}
	return caller.Kind.String() + "/" + caller.Org.CVR
}

func identifiers(access []nas.Access) audit.Information {
	all := make([]string, len(access))
	for i, a := range access {
		all[i] = a.Identifier
	}
	return several(audit.AccessID, all)
}

package logkeeping

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"sync"
	"time"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/relation"
	"github.com/opennsp/nsp/domain/validity"
	"github.com/opennsp/nsp/ports"
)

// How a lookup for another is registered.
const (
	ownSystem       = "MinLog"
	ownActivity     = "Opslag i MinLog"
	maxCorrelation  = 46 // code points (minlog2-registration.xsd)
	sequenceOctets  = 16 // of a hash, in hexadecimal; 36 code points is the most
	rememberedPairs = 4_000
)

// admit tells whose log the caller may read, and with whose eyes. Whatever speaks against it, the caller hears the same.
func (l *CitizenLookup) admit(ctx context.Context, caller identity.Caller, asked minlog.ID, now time.Time) (cpr.Number, minlog.View, error) {
	refused := func(err error) (cpr.Number, minlog.View, error) { return cpr.Number{}, minlog.Self, err }
	token := caller.Kind == identity.Citizen && holdsToken(caller)
	card := caller.Kind == identity.Professional && l.OwnByCard && holdsCard(caller)
	if !token && !card {
		return refused(errNoAccess)
	}
	subject, asked := canonical(asked)
	own := asked.IsZero() || caller.Is(subject)
	if !own && token {
		ids, err := idsOf(ctx, l.Aliases, caller.CPR)
		if err != nil {
			return refused(err)
		}
		own = slices.Contains(ids, asked)
	}
	if own {
		if caller.OnBehalfOf != nil || !l.Ages.ReadsOwn(l.birth(ctx, caller.CPR), now) {
			return refused(errNoAccess)
		}
		return caller.CPR, minlog.Self, nil
	}
	if !token || subject.IsZero() || l.Relations == nil {
		return refused(errNoAccess)
	}
	view, ok, err := l.onBehalf(ctx, caller, subject, now)
	switch {
	case err != nil:
		return refused(err)
	case !ok:
		return refused(errNoAccess)
	}
	return subject, view, nil
}

// canonical returns who is asked for in the form that registrations have: of a civil registration number also the number. Of a text that is no
// number, or one of another register, it returns the text.
func canonical(asked minlog.ID) (cpr.Number, minlog.ID) {
	switch asked.Source {
	case minlog.CPR:
		if n, err := cpr.Parse(asked.Value); err == nil {
			return n, minlog.ID{Source: minlog.CPR, Value: n.Digits()}
		}
	case minlog.ECPR:
		if n, err := ecpr.ParseNumber(asked.Value); err == nil {
			return cpr.Number{}, minlog.ID{Source: minlog.ECPR, Value: n.Text()}
		}
	}
	return cpr.Number{}, asked
}

// idsOf returns what the person with n may be called in registrations, n first: alone, without a register of aliases.
func idsOf(ctx context.Context, aliases ports.Aliases, n cpr.Number) ([]minlog.ID, error) {
	if aliases == nil {
		return []minlog.ID{{Source: minlog.CPR, Value: n.Digits()}}, nil
	}
	numbers, linked, err := aliases.Of(ctx, n)
	if err != nil {
		return nil, unavailable("read aliases", err)
	}
	ids := make([]minlog.ID, 0, len(numbers)+len(linked))
	for _, number := range numbers {
		ids = append(ids, minlog.ID{Source: minlog.CPR, Value: number.Digits()})
	}
	for _, number := range linked {
		ids = append(ids, minlog.ID{Source: minlog.ECPR, Value: number.Text()})
	}
	return ids, nil
}

// birth returns when the person with n was born: by the register, or by the digits where the register does not tell.
func (l *CitizenLookup) birth(ctx context.Context, n cpr.Number) minlog.Birth {
	if l.Citizens != nil {
		if c, err := l.Citizens.Citizen(ctx, n); err == nil {
			day, known := c.Birth()
			return minlog.Birth{Day: day, Known: known}
		}
	}
	return minlog.BirthOf(n)
}

// onBehalf returns with whose eyes the caller may read the log of subject, by the register of relations alone. A claim in the caller's token is
// no right; who makes one reads as a holder of custody, if the register says so, and as nothing else. The registers are asked in the same way
// whatever they know.
func (l *CitizenLookup) onBehalf(ctx context.Context, caller identity.Caller, subject cpr.Number, now time.Time) (minlog.View, bool, error) {
	claims := caller.OnBehalfOf != nil
	if claims && !caller.MayActFor(subject, relation.Custody) {
		return minlog.Self, false, nil
	}
	actorBirth, subjectBirth := l.birth(ctx, caller.CPR), l.birth(ctx, subject)
	given := func(found []relation.Relation) (minlog.View, bool) {
		if claims {
			found = slices.DeleteFunc(slices.Clone(found), func(r relation.Relation) bool { return r.Kind != relation.Custody })
		}
		return l.Ages.ReadsOnBehalf(found, actorBirth, subjectBirth, now)
	}
	who := pair{caller.CPR, subject}
	if view, ok := given(l.known.of(who, now)); ok {
		return view, true, nil
	}
	found, err := l.Relations.Between(ctx, caller.CPR, subject, now)
	if err != nil {
		return minlog.Self, false, unavailable("read relations", err)
	}
	view, ok := given(found)
	if ok {
		l.known.remember(who, found, validity.Period{From: now, To: now.Add(l.RelationCache)})
	}
	return view, ok, nil
}

// register puts a lookup for another into the log of the one who is looked up, where it is to be seen like every access. Each page is a lookup.
func (l *CitizenLookup) register(ctx context.Context, caller identity.Caller, subject cpr.Number, view minlog.View, now time.Time) error {
	at := now.UTC().Truncate(time.Microsecond)
	e := minlog.Entry{
		System: ownSystem, Activity: ownActivity, From: at, To: at,
		Person: minlog.ID{Source: minlog.CPR, Value: subject.Digits()}, User: minlog.ID{Source: minlog.CPR, Value: caller.CPR.Digits()},
		UserRole: view.Role(),
	}
	if id := []rune(caller.MessageID); len(id) > 0 {
		e.CorrelationID = string(id[:min(maxCorrelation, len(id))])
		// The same for the same message, so that an access log that tries again registers once.
		sum := sha256.Sum256([]byte(caller.MessageID))
		e.SequenceNumber = hex.EncodeToString(sum[:sequenceOctets])
	}
	if err := l.Access.Log(ctx, e); err != nil {
		return unavailable("register the lookup", err)
	}
	return nil
}

// pair is who reads and whose log.
type pair struct{ actor, subject cpr.Number }

// relations remembers relations by which somebody was let in; that there is none is never remembered. The zero relations remembers none. It is
// safe for concurrent use.
type relations struct {
	mu    sync.Mutex
	pairs map[pair]remembered // rememberedPairs at most
}

type remembered struct {
	relations []relation.Relation // not changed
	counts    validity.Period
}

// of returns what counts of a pair at an instant.
func (r *relations) of(p pair, at time.Time) []relation.Relation {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := r.pairs[p]; known.counts.Contains(at) {
		return known.relations
	}
	return nil
}

func (r *relations) remember(p pair, found []relation.Relation, counts validity.Period) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pairs == nil || len(r.pairs) >= rememberedPairs {
		r.pairs = map[pair]remembered{}
	}
	r.pairs[p] = remembered{found, counts}
}

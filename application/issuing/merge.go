package issuing

import (
	"bytes"
	"context"
	"encoding/xml"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/domain/notice"
)

// Merge makes one registration of two and returns the survivor (EC-24..26). The caller has the role of a coordinator. What is wrong is a
// [ecpr.Problem].
func (r *Registry) Merge(ctx context.Context, caller identity.Caller, actor *ecpr.Actor, survivor, loser ecpr.Identifier) (ecpr.Person, error) {
	act, err := r.mayMerge(ctx, caller, actor)
	if err != nil {
		return ecpr.Person{}, err
	}
	table, err := r.Table(ctx)
	if err != nil {
		return ecpr.Person{}, err
	}
	var both [2]ecpr.Person
	for i, key := range []ecpr.Identifier{survivor, loser} {
		if key, err = table.Normalise(key); err != nil {
			return ecpr.Person{}, err
		}
		if both[i], err = r.find(ctx, key); err != nil {
			return ecpr.Person{}, err
		}
		if key.OID == ecpr.XECPROID && both[i].Number.Text() != key.Value {
			return ecpr.Person{}, &ecpr.Problem{Err: ecpr.ErrMerged, Value: key.Value}
		}
	}
	return r.merge(ctx, act, both[0], both[1])
}

// MergeByID is Merge of the registrations with two ids.
func (r *Registry) MergeByID(ctx context.Context, caller identity.Caller, actor *ecpr.Actor, survivor, loser ecpr.PersonID,
) (ecpr.Person, error) {
	act, err := r.mayMerge(ctx, caller, actor)
	if err != nil {
		return ecpr.Person{}, err
	}
	kept, err := r.byID(ctx, survivor)
	if err != nil {
		return ecpr.Person{}, err
	}
	gone, err := r.byID(ctx, loser)
	if err != nil {
		return ecpr.Person{}, err
	}
	return r.merge(ctx, act, kept, gone)
}

func (r *Registry) mayMerge(ctx context.Context, caller identity.Caller, actor *ecpr.Actor) (ecpr.Act, error) {
	r.noteActor(ctx, audit.MergePersons, actor)
	if err := hasRole(ctx, r.Roles, caller, ecpr.Coordinator); err != nil {
		return ecpr.Act{}, err
	}
	return r.act(ctx, caller, actor)
}

func (r *Registry) merge(ctx context.Context, act ecpr.Act, survivor, loser ecpr.Person) (ecpr.Person, error) {
	r.Trail.Note(ctx, audit.ECPR, audit.MergePersons,
		audit.SurvivingID.Is(survivor.Number.Text()), audit.MergedID.Is(loser.Number.Text()))
	// What can be seen not to do is refused before anything is locked.
	if _, _, err := ecpr.Merge(survivor, loser, act, r.newPID); err != nil {
		return ecpr.Person{}, err
	}
	var kept ecpr.Person
	ids := []ecpr.PersonID{survivor.ID, loser.ID}
	err := r.Persons.Update(ctx, act, ids, func(now []ecpr.Person) ([]ecpr.Person, []notice.Notice, error) {
		merged, gone, err := ecpr.Merge(now[0], now[1], act, r.newPID)
		if err != nil {
			return nil, nil, err
		}
		kept = merged
		return []ecpr.Person{kept, gone}, r.events(true, act, event{gone, "Deleted"}, event{kept, "Updated"}), nil
	})
	if err != nil {
		return ecpr.Person{}, err
	}
	return kept, nil
}

// notice is what NAS is told of an event (PersonIdentifierModification).
func (r *Registry) notice(act ecpr.Act, e event) notice.Notice {
	var payload bytes.Buffer
	payload.WriteString(`<PersonIdentifierModification xmlns="`)
	_ = xml.EscapeText(&payload, []byte(r.Namespace)) // a buffer takes everything
	payload.WriteString(`"><Action>` + e.action + `</Action></PersonIdentifierModification>`)
	return notice.Notice{
		ID: r.NewID(), Key: string(e.person.ID), To: notice.NAS, Created: act.At,
		Advis: nas.Notification{Topic: r.Topic, ID: e.person.Number.Text(), IDType: r.IDType, Payload: payload.Bytes()},
	}
}

package notifying

import (
	"context"
	"fmt"
	"strconv"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/nas"
)

// The faults of the operations on id lists: their port declares none but those of DGWS.
var (
	errListsDown = fault.Error{Kind: fault.Unavailable, Code: fault.CodeProcessing, Text: "the id lists cannot be reached, try again"}
	errNoList    = fault.Error{Kind: fault.NotFound, Code: nas.CodeIDListUnknown, Text: "id list not known"}
)

// CreateIDList makes an id list of the caller's, or replaces the one of that name as a whole.
func (s *Subscriptions) CreateIDList(ctx context.Context, caller identity.Caller, l nas.IDList) (replaced bool, err error) {
	owner, err := ownerOf(caller)
	if err != nil {
		return false, err
	}
	l, err = l.Checked(s.MaxIDs)
	s.note(ctx, audit.CreateIDList, owner, audit.IDListName.Is(l.Name), audit.IDCount.Is(strconv.Itoa(len(l.IDs))))
	if err != nil {
		return false, err
	}
	l.Owner = owner
	if replaced, err = s.Lists.Put(ctx, l, s.Now()); err != nil {
		return false, listsDown(err)
	}
	s.tell(ctx, nas.StatisticCreateIDList(len(l.IDs), replaced))
	return replaced, nil
}

func listsDown(cause error) error { return fmt.Errorf("%w: %w", errListsDown, cause) }

// DestroyIDList removes an id list of the caller's; existed=false if there was none. Filters that name it match nothing until it is made again.
func (s *Subscriptions) DestroyIDList(ctx context.Context, caller identity.Caller, name string) (existed bool, err error) {
	owner, err := ownerOf(caller)
	if err != nil {
		return false, err
	}
	name, err = listName(name)
	s.note(ctx, audit.DestroyIDList, owner, audit.IDListName.Is(name))
	if err != nil {
		return false, err
	}
	if existed, err = s.Lists.Delete(ctx, owner, name); err != nil {
		return false, listsDown(err)
	}
	s.tell(ctx, nas.StatisticDestroyIDList(existed))
	return existed, nil
}

// listName returns the name of a list as it is kept.
func listName(name string) (string, error) {
	l, err := nas.IDList{Name: name, IDType: "any"}.Checked(0)
	return l.Name, err
}

// IDList tells of an id list of the caller's, but no ids.
func (s *Subscriptions) IDList(ctx context.Context, caller identity.Caller, name string) (description, idType string, count int, err error) {
	owner, err := ownerOf(caller)
	if err != nil {
		return "", "", 0, err
	}
	name, err = listName(name)
	s.note(ctx, audit.ReadIDList, owner, audit.IDListName.Is(name))
	if err != nil {
		return "", "", 0, err
	}
	l, _, ok, err := s.Lists.Load(ctx, owner, name)
	switch {
	case err != nil:
		return "", "", 0, listsDown(err)
	case !ok:
		return "", "", 0, errNoList
	}
	return l.Description, l.IDType, len(l.IDs), nil
}

// Package replicating copies registers to those who may have them (SKRS), and brings the registrations with replacement numbers to where they are
// copied from: straight, or as exports that another server imports.
package replicating

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports"
)

// MaxRecords is how many rows a page has at most (nspop.dk, SKRS).
const MaxRecords = 2000

// Replicator gives organisations pages of the views they hold a grant for. It is safe for concurrent use.
type Replicator struct {
	Register ports.CopyRegister
	// Granted tells whether the organisation cvr holds the grant name now.
	Granted  func(ctx context.Context, name, cvr string) (bool, error)
	Trail    ports.Trail
	Now      func() time.Time
	Max      int  // rows of a page; 0 = MaxRecords, which it is never above
	Validity bool // rows of registrations tell from when to when they are valid
}

// Request asks for the rows of a view behind an offset.
type Request struct {
	View   stamdata.View
	Offset string // as it was written
	Max    *int   // rows; nil = as many as a page has
}

// Feed is a page of a view: no rows where the caller has caught up.
type Feed struct {
	View    stamdata.View
	Updated time.Time
	Rows    []stamdata.CopyRow
}

// Replicate returns the page that a caller asks for. stamdata.ErrNoCopy where the organisation may not copy the view, also where there is no such
// view: stamdata.ErrNoView is for those who copy another view of the register. stamdata.ErrOffset; stamdata.ErrCopyStorage.
func (r *Replicator) Replicate(ctx context.Context, caller identity.Caller, req Request) (Feed, error) {
	r.note(ctx, audit.Register.Is(req.View.Register), audit.Datatype.Is(req.View.Datatype), audit.Version.Is(strconv.Itoa(req.View.Version)),
		audit.ClientCVR.Is(caller.Org.CVR))
	if err := r.allow(ctx, caller, req.View); err != nil {
		return Feed{}, err
	}
	after, err := stamdata.ParseOffset(req.Offset)
	if err != nil {
		return Feed{}, err
	}
	feed := Feed{View: req.View, Updated: r.Now()}
	if limit := r.limit(req.Max); limit > 0 {
		if feed.Rows, err = r.Register.Page(ctx, req.View, after, limit); err != nil {
			return Feed{}, fmt.Errorf("%w: %w", stamdata.ErrCopyStorage, err)
		}
	}
	r.shorten(feed)
	next := after
	if n := len(feed.Rows); n > 0 {
		next = feed.Rows[n-1].Offset()
	}
	r.note(ctx, audit.Offset.Is(after.String()), audit.Records.Is(strconv.Itoa(len(feed.Rows))), audit.NextOffset.Is(next.String()))
	return feed, nil
}

func (r *Replicator) note(ctx context.Context, info ...audit.Information) {
	r.Trail.Note(ctx, audit.SDM, audit.Replicate, info...)
}

// allow asks for one grant where the view is known, and for those of all views of the register where it is not.
func (r *Replicator) allow(ctx context.Context, caller identity.Caller, v stamdata.View) error {
	if caller.Kind != identity.System || caller.Org.CVR == "" {
		return stamdata.ErrNoCopy
	}
	asked, refusal := []stamdata.View{v}, error(nil)
	if !v.Known() {
		asked, refusal = viewsOf(v.Register), stamdata.ErrNoView
	}
	for _, v := range asked {
		held, err := r.Granted(ctx, v.Grant(), caller.Org.CVR)
		if err != nil {
			return fmt.Errorf("%w: %w", stamdata.ErrCopyStorage, err)
		}
		if held {
			return refusal
		}
	}
	return stamdata.ErrNoCopy
}

func viewsOf(register string) (all []stamdata.View) {
	for _, v := range stamdata.Views() {
		if v.Register == register {
			all = append(all, v)
		}
	}
	return all
}

// limit is how many rows the page has at most.
func (r *Replicator) limit(asked *int) int {
	limit := MaxRecords
	if r.Max > 0 {
		limit = min(limit, r.Max)
	}
	if asked != nil {
		limit = min(limit, *asked)
	}
	return limit
}

// validityColumns end each row of a registration.
const validityColumns = 2

// shorten leaves out what rows are not to tell.
func (r *Replicator) shorten(feed Feed) {
	if r.Validity || !feed.View.OfECPR() {
		return
	}
	for i := range feed.Rows {
		fields := &feed.Rows[i].Fields
		*fields = (*fields)[:len(*fields)-validityColumns]
	}
}

// Package relation says who may act for whom.
package relation

import (
	"slices"

	"github.com/opennsp/nsp/domain/validity"
)

// Kind of a relation between an actor and the person acted for.
type Kind uint8

// The kinds of relations.
const (
	None     Kind = iota
	Custody       // forældremyndighed
	Guardian      // værgemål
	Proxy         // fuldmagt
)

// Relation is one actor's right to act for one person.
type Relation struct {
	Kind  Kind
	Valid validity.Period
	Scope []string // of a proxy: what it is for; "*" is everything
}

// Covers tells whether the relation is for a service: custody and guardianship are for every one, a proxy for those in its scope.
func (r Relation) Covers(service string) bool {
	switch r.Kind {
	case Custody, Guardian:
		return true
	case Proxy:
		return slices.Contains(r.Scope, "*") || slices.Contains(r.Scope, service)
	}
	return false
}

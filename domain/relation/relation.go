// Package relation says who may act for whom.
package relation

import "github.com/opennsp/nsp/domain/validity"

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

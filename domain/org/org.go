// Package org holds the identifiers of organisations and the tree that their units form.
package org

import "github.com/opennsp/nsp/domain/validity"

// Scheme of an organisation identifier.
type Scheme string

// The schemes that units are known by.
const (
	SOR  Scheme = "SOR"
	SHAK Scheme = "SHAK" // SKS, sygehusafdelingsklassifikation
	Yder Scheme = "Yder" // ydernummer
	CVR  Scheme = "CVR"
	PNR  Scheme = "P" // P-nummer
	EAN  Scheme = "EAN"
)

// ID names an organisation or one of its units.
type ID struct {
	Code   string
	Scheme Scheme
}

// Unit is one unit of the SOR register.
type Unit struct {
	SOR    string // 6-18 digits
	Parent string // SOR number of the unit above, "" at the top
	Type   string // institution, sygehus, afdeling, praksis, apotek, andet
	Name   string
	SHAK   string
	Yder   string
	CVR    string
	PNR    string
	EAN    string
	Valid  validity.Period
}

package stamdata

import (
	"fmt"
	"hash/fnv"
	"strings"
	"time"
)

// instantForm is how copies write instants: UTC with milliseconds.
const instantForm = "2006-01-02T15:04:05.000Z"

// noEnd is how copies write that something has no end.
const noEnd = "2999-12-31T00:00:00.000Z"

// CPRViewOf returns the view that copies the register of this name have; ok is false for registers that are not copied.
func CPRViewOf(register string) (v View, ok bool) {
	datatype := map[string]string{
		CPRPerson: "person", CPRCustody: "foraeldremyndighedrelation", CPRChild: "barnrelation", CPRGuardian: "umyndiggoerelsevaergerelation",
	}[register]
	return View{Register: "cpr", Datatype: datatype, Version: 1}, datatype != ""
}

// CPRRegisterOf returns the name of the register that a view copies; ok is false for views of others.
func CPRRegisterOf(v View) (register string, ok bool) {
	for _, name := range []string{CPRPerson, CPRCustody, CPRChild, CPRGuardian} {
		if known, _ := CPRViewOf(name); known == v {
			return name, true
		}
	}
	return "", false
}

// CPRView returns how a row of a CPR register that was loaded from opened to closed, zero while it is current, is copied (SKRS): columns as
// published, of trifork/sdm; without PID and Modified, which the store sets. Where a changed row has the Key and ValidFrom of the one before, it
// takes that one's place.
func CPRView(r Register, row Row, opened, closed time.Time) CopyRow {
	view, _ := CPRViewOf(r.Name)
	p := r.Period(row, opened, closed)
	if p.From.IsZero() {
		p.From = opened
	}
	if !p.To.IsZero() && p.To.Before(p.From) {
		p.To = p.From
	}
	copied := CopyRow{View: view, Key: r.KeyOf(row), ValidFrom: p.From}
	add := func(name, value string) {
		copied.Fields = append(copied.Fields, Field{Name: name, Value: value, Null: value == ""})
	}
	switch r.Name {
	case CPRPerson:
		for _, c := range []int{
			personCPR, personSex, personGiven, personMiddle, personSurname, personCareOf, personLocality, personStreet, personBuilding, personHouse,
			personFloor, personDoor, personTown, personPostCode, personDistrict, personStatus, personCurrent, personBirth, personOccupation,
			personStreetCode, personMunicipality, personProtectionEnd, personProtection,
		} {
			add(r.Columns[c].Name, row[c])
		}
	case CPRCustody:
		add("id", row[custodyChild]+"-"+row[custodyHolder])
		add("cpr", row[custodyChild])
		add("typeKode", row[custodyType])
		add("typeTekst", custodyText(row[custodyType]))
		add("relationCpr", row[custodyHolder])
	case CPRChild:
		add("id", row[childParent]+"-"+row[childChild])
		add("cpr", row[childParent])
		add("barnCPR", row[childChild])
	case CPRGuardian:
		add("id", row[guardianWard]+"-"+guardianID(row))
		add("cpr", row[guardianWard])
		add("typeKode", row[guardianType])
		add("typeTekst", "")
		add("relationCpr", row[guardianCPR])
		add("relationCprStartDato", startOf(row[guardianCPR], row[guardianFrom]))
		add("vaergesNavn", row[guardianName])
		add("vaergesNavnStartDato", startOf(row[guardianName], row[guardianFrom]))
		for i := range 5 {
			add(fmt.Sprintf("relationsTekst%d", i+1), "")
		}
	}
	add("validFrom", instantText(p.From))
	end := noEnd
	if !p.To.IsZero() {
		end = instantText(p.To)
	}
	add("validTo", end)
	return copied
}

func instantText(t time.Time) string { return t.UTC().Format(instantForm) }

func startOf(of, date string) string {
	if of == "" {
		return ""
	}
	return date
}

// custodyText is what the published register calls the type.
func custodyText(code string) string {
	switch code {
	case TypeMother:
		return "Mor"
	case TypeFather:
		return "Far"
	case TypeOther1:
		return "Anden indehaver 1"
	case TypeOther2:
		return "Anden indehaver 2"
	}
	return ""
}

// guardianID tells the guardians of one ward apart in the 10 characters that an id has for it.
func guardianID(row Row) string {
	if row[guardianCPR] != "" {
		return row[guardianCPR]
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(strings.ToLower(row[guardianName]))) // a hash takes all
	return fmt.Sprintf("%08x", h.Sum32())
}

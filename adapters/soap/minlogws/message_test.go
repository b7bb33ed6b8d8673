package minlogws_test

import (
	"slices"
	"strings"
)

const (
	xsd2025   = "minlog2-registration_20250312.xsd"
	xsd2023   = "minlog2-registration_20230425.xsd"
	xsdLookup = "minlog2-lookup_20250312.xsd"
	xsd1      = "minlog1-registration.xsd"
	xsdPortal = "minlog.xsd"
	xsdDGWS   = "dgws-1.0.xsd"
	nsDGWS    = "http://www.medcom.dk/dgws/2006/04/dgws-1.0.xsd"
)

// message is a body element of a schema. Its children are in the schema's namespace, or in none.
type message struct {
	name, schema, space string
	qualified           bool
	root                declaration
}

// qualify puts the root, and its children or not, into the namespace.
func (m message) qualify(xml string, children bool) string {
	rest := strings.TrimSuffix(strings.TrimPrefix(xml, "<"+m.root.name), m.root.name+">")
	if children {
		return "<" + m.root.name + attribute("xmlns", m.space) + rest + m.root.name + ">"
	}
	return "<r:" + m.root.name + attribute("xmlns:r", m.space) + rest + "r:" + m.root.name + ">"
}

func (m message) documents() []document {
	all := append(m.root.samples(), document{name: "every element", xml: m.root.full(), valid: true})
	for i := range all {
		all[i].xml = m.qualify(all[i].xml, m.qualified)
	}
	if m.root.children != nil {
		all = append(all, document{name: "children in the wrong namespace", xml: m.qualify(m.root.full(), !m.qualified)})
	}
	for i := range all {
		all[i].name, all[i].schema = m.name+", "+all[i].name, m.schema
	}
	return all
}

func long(n int) string { return strings.Repeat("å", n) }

// text is a string of 1 to limit characters.
func text(limit int) values {
	return values{good: []string{"x", long(limit)}, bad: []string{"", long(limit + 1)}}
}

// oneOf is an enumeration. others are names that another enumeration of the contract has.
func oneOf(allowed []string, others ...string) values {
	return values{good: allowed, bad: append(others, "", "x", strings.ToLower(allowed[0]))}
}

func anyText() values { return values{good: []string{"x", "", long(1000)}} }

func dateTime() values {
	return values{good: []string{"2026-11-01T08:15:00.000Z", "2026-11-01T08:15:00", "2026-11-01T08:15:00+01:00"}, bad: []string{"2026-11-01", "x", ""}}
}

func integer() values {
	return values{good: []string{"1", "0"}, bad: []string{"x", "", "1.5", "2147483648"}}
}

// times are the ways to put the time of an access: the two that are allowed, and some that are not.
func times(of values) (period, instant []declaration, refused [][]declaration) {
	at, from, to := leaf("1", "DateTime", of), leaf("1", "FromDateTime", of), leaf("1", "ToDateTime", of)
	return []declaration{from, to}, []declaration{at}, [][]declaration{{}, {at, from}, {at, to}, {at, from, to}, {from, to, at}, {from, at, to}, {from, to, from, to}}
}

// registration returns the request of an interface version with the sources it allows.
func registration(organisations, users values, when []declaration) declaration {
	source := []declaration{leaf("?", "CorrelationId", text(46)), leaf("?", "SystemName", text(25))}
	source = append(source, parent("?", "Source", source...))
	return parent("1", "RegistrationRequest", parent("+", "LogDataEntry",
		parent("?", "Source", source...),
		parent("1", "Destination", slices.Concat([]declaration{
			leaf("1", "SystemName", text(25)), leaf("1", "Activity", text(75)), leaf("?", "Reason", text(50)), leaf("?", "Addition", text(50)),
			leaf("?", "Criticality", text(50)),
		}, when, []declaration{
			leaf("?", "OrganisationId", text(200)).with("source", organisations), leaf("?", "OrganisationName", text(200)),
			leaf("1", "PersonIdentifier", text(50)).with("source", oneOf([]string{"CPR", "eCPR"}, "Autorisation")), leaf("?", "PersonName", text(50)),
			leaf("?", "CorrelationId", text(46)), leaf("?", "SequenceNumber", text(36)),
			leaf("1", "UserPersonIdentifier", text(50)).with("source", users), leaf("?", "UserPersonName", text(50)), leaf("?", "UserRole", text(200)),
			leaf("?", "OnBehalfOfPersonIdentifier", text(50)).with("source", oneOf([]string{"CPR", "Autorisation"}, "eCPR", "EuropeanHealthcareProfessional")),
			leaf("?", "OnBehalfOfPersonName", text(50)), leaf("?", "OnBehalfOfUserRole", text(200)), leaf("*", "Filter", text(50)),
		})...)))
}

func registered() declaration {
	return parent("1", "RegistrationResponse",
		parent("*", "FailedLogDataEntries", leaf("1", "FaultCode", anyText()), leaf("?", "FaultText", anyText()), leaf("?", "SequenceNumber", text(36))),
		leaf("1", "NumberAdded", integer()), leaf("1", "NumberFailed", integer()))
}

// inquiry returns the request of a lookup by a person.
func inquiry(root, person string, sources values) declaration {
	fields := oneOf([]string{"SystemName", "Activity", "Addition", "Criticality", "UserRole", "OrganisationName"}, "PersonName")
	return parent("1", root,
		leaf("1", person, text(50)).with("source", sources), leaf("?", "Grouping", anyText()), leaf("?", "Details", anyText()),
		leaf("?", "Chronologic", values{good: []string{"true", "false", "1", "0"}, bad: []string{"ja", ""}}),
		leaf("?", "FromDateTime", dateTime()), leaf("?", "ToDateTime", dateTime()),
		leaf("?", "PageSize", values{good: []string{"1", "2147483647"}, bad: []string{"0", "x", "", "2147483648"}}),
		leaf("*", "FilterPass", text(200)).with("field", fields), leaf("*", "FilterStop", text(200)).with("field", fields),
		leaf("?", "PageToken", token()))
}

func token() values { return values{good: []string{"t", long(1000)}, bad: []string{""}} }

// statements returns the answer of a lookup.
func statements(when []declaration) declaration {
	word := func(name string) declaration { return leaf("?", name, anyText()) }
	id := func(name string) declaration {
		return leaf("?", name, anyText()).with("source", values{good: []string{"CPR", "x"}})
	}
	who := []declaration{
		id("OrganisationId"), word("OrganisationName"), id("PersonIdentifier"), word("PersonName"), word("CorrelationId"),
		id("UserPersonIdentifier"), word("UserPersonName"), word("UserRole"),
		id("OnBehalfOfPersonIdentifier"), word("OnBehalfOfPersonName"), word("OnBehalfOfUserRole"),
	}
	source := []declaration{word("CorrelationId"), word("SystemName")}
	source = append(source, parent("?", "Source", source...))
	return parent("1", "ListLogStatementsResponse",
		parent("*", "LogDataGroup",
			leaf("1", "NumberOfLogDataEntries", values{good: []string{"1", "10000"}, bad: []string{"0", "x", ""}}),
			parent("?", "Source", word("SystemName"), word("CorrelationId")),
			parent("1", "Destination", slices.Concat([]declaration{
				word("SystemName"), word("Activity"), word("Reason"), word("Criticality"), word("Addition"),
				leaf("1", "FromDateTime", dateTime()), leaf("1", "ToDateTime", dateTime()),
			}, who)...),
			parent("*", "LogDataEntry",
				leaf("1", "RegistrationId", values{good: []string{id1}, bad: []string{
					"", strings.ToUpper(id1), id1[1:], id1 + "0", strings.ReplaceAll(id1, "-", ""), "g" + id1[1:],
				}}),
				parent("?", "Source", source...),
				parent("1", "Destination", slices.Concat([]declaration{
					leaf("1", "SystemName", anyText()), leaf("1", "Activity", anyText()), word("Reason"), word("Addition"), word("Criticality"),
				}, when, who)...))),
		leaf("?", "NextPageToken", token()))
}

// numbers are civil registration numbers, and texts that are none.
func numbers(others ...string) values {
	return values{good: []string{"0202801111", "3112801111", "3011801111", "2902801111"}, bad: append(others,
		"3102801111", "3111801111", "3002801111", "0002801111", "0213801111", "020280111", "02028011110", "020280 1111", "TST01", "")}
}

// nameFormats are those of an answer, and more that a registration may have.
func nameFormats(more ...string) []string {
	all := []string{"sor", "ydernummer", "cvrnumber", "pnumber", "shak", "communalnumber", "other", "unknown_organization"}
	all = append(all, more...)
	for i := range all {
		all[i] = "medcom:" + all[i]
	}
	return all
}

// registration1 and registered1 are those of MinLog1.
func registration1() declaration {
	return parent("1", "RegisterLogStatementsRequest", parent("+", "LogEntry",
		leaf("?", "regKode", text(36)), leaf("1", "cprNrBorger", withGood(numbers("0000000000", "0202-801111"), "020280-1111")),
		leaf("1", "bruger", text(20)), leaf("?", "ansvarlig", text(20)),
		leaf("?", "brugerOrganisation", text(200)).with("NameFormat", values{
			good: nameFormats("skscode", "ydernumber", "ynumber"), bad: []string{"SOR", "sor", "medcom:SOR", "medcom:", ""},
		}),
		leaf("1", "system", text(25)), leaf("1", "handling", text(75)), leaf("?", "sessionsId", text(46)), leaf("1", "tidspunkt", dateTime())))
}

func withGood(v values, more ...string) values {
	v.good = append(v.good, more...)
	return v
}

func registered1() declaration {
	return parent("1", "RegisterLogStatementsResponse",
		parent("*", "Fejl", leaf("1", "kode", anyText()), leaf("?", "tekst", anyText()), leaf("?", "regKode", text(36))),
		leaf("1", "antalTilfoejet", integer()), leaf("1", "antalFejlet", integer()))
}

// portalQuestion and portalAnswer are those of MinLog1's lookup (mwl/nsi-minlog, minlog.xsd, but that what is not known is left out).
func portalQuestion() declaration {
	return parent("1", "ListLogStatementsRequest", leaf("1", "cprNR", withGood(numbers("020280-1111"), "0000000000")),
		leaf("?", "fraDato", dateTime()), leaf("?", "tilDato", dateTime()))
}

func portalAnswer() declaration {
	return parent("1", "ListLogStatementsResponse", parent("*", "LogEntry",
		leaf("1", "regKode", anyText()), leaf("?", "bruger", anyText()), leaf("?", "ansvarlig", anyText()),
		leaf("?", "brugerOrganisation", anyText()).with("NameFormat", values{
			good: nameFormats(), bad: []string{"medcom:skscode", "medcom:ynumber", "SOR", ""},
		}),
		leaf("?", "system", anyText()), leaf("?", "handling", anyText()), leaf("?", "sessionsId", anyText()),
		leaf("1", "tidspunkt", dateTime()))).with("cprNrBorger", withGood(numbers("020280-1111"), "0000000000"))
}

// messages returns every message with the time of an access as a period, those that have it as an instant, and those with a time that is neither.
func messages() (all, instants, refused []message) {
	sor := []string{"SOR", "YDER", "CVR", "EuropeanHealthcareOrganisation"}
	users := []string{"CPR", "Autorisation"}
	versions := []struct {
		schema, space        string
		organisations, users values
	}{
		{xsd2025, ns2025, oneOf(sor, "SKS", "Yder"), oneOf(append(users, "EuropeanHealthcareProfessional"), "eCPR")},
		{xsd2023, ns2023, text(200), oneOf(users, "eCPR", "EuropeanHealthcareProfessional")},
	}
	accessTime := values{good: []string{"2026-11-01T08:15:00Z", "2015-01-01T00:00:00Z"}, bad: []string{"2014-12-31T23:59:59.999Z", "2026-11-01", "x", ""}}
	period, instant, neither := times(accessTime)
	for _, v := range versions {
		put := func(list []message, when []declaration) []message {
			return append(list, message{"request", v.schema, v.space, false, registration(v.organisations, v.users, when)})
		}
		all, instants = put(all, period), put(instants, instant)
		for _, when := range neither {
			refused = put(refused, when)
		}
		all = append(all, message{"response", v.schema, v.space, false, registered()})
	}
	period, instant, neither = times(dateTime())
	put := func(list []message, when []declaration) []message {
		return append(list, message{"response", xsdLookup, nsLookup, true, statements(when)})
	}
	all, instants = put(all, period), put(instants, instant)
	for _, when := range neither {
		refused = put(refused, when)
	}
	return append(all,
		message{"citizen request", xsdLookup, nsLookup, true, inquiry("LogStatementForCPRPersonRequest", "PersonId", oneOf([]string{"CPR", "eCPR"}, "Autorisation", "SOR"))},
		message{"assistants request", xsdLookup, nsLookup, true, inquiry("LogStatementOnBehalfOfRequest", "OnBehalfOfPersonId", oneOf([]string{"CPR", "Autorisation"}, "eCPR", "SOR"))},
		message{"registration of MinLog1", xsd1, ns1, false, registration1()},
		message{"receipt of MinLog1", xsd1, ns1, false, registered1()},
		message{"portal request", xsdPortal, nsPortal, false, portalQuestion()},
		message{"portal answer", xsdPortal, nsPortal, false, portalAnswer()},
		message{"fault", xsdDGWS, nsDGWS, true, leaf("1", "FaultCode", anyText())}), instants, refused
}

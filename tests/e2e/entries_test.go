package e2e

import (
	"fmt"
	"strings"

	"github.com/opennsp/nsp/adapters/soap/minlogws"
)

// People of the cases.
const (
	citizen      = "0202801111"
	child        = "0303164444" // born 2016
	teen         = "0606104444" // born 2010
	professional = "0404701111" // authorisation TST01
	assistant    = "0505851111"
	cvr          = "33257872"
)

const (
	registration2025 = "http://www.sundhedsdatastyrelsen.dk/minlog/xml.schema/2025/03/12/minlog2-registration.xsd"
	registration2023 = "http://www.sundhedsdatastyrelsen.dk/minlog/xml.schema/2023/04/25/minlog2-registration.xsd"
	lookupNS         = "http://www.sundhedsdatastyrelsen.dk/minlog/xml.schema/2025/03/12/minlog2-lookup.xsd"

	register   = minlogws.PathRegistration20250312
	register23 = minlogws.PathRegistration20230425
	citizenLog = minlogws.PathCitizen20250312
	assistants = minlogws.PathAssistants
)

// entry is a LogDataEntry as text. The zero value of a field leaves its element out, but for those with a default.
type entry struct {
	system, activity, time, person, user string // defaults: FMK, Opslag, 2026-11-01T08:15:00Z, citizen, assistant
	from, to                             string // instead of time
	behalf, behalfSource                 string
	org, orgSource, userSource           string
	sequence, correlation                string
	filters                              []string
	extra                                string // raw elements at the end of Destination
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

func (e entry) xml() string {
	var b strings.Builder
	put := func(name, value, attrs string) {
		if value != "" {
			fmt.Fprintf(&b, "<%s%s>%s</%s>", name, attrs, value, name)
		}
	}
	source := func(s string) string { return ` source="` + s + `"` }
	b.WriteString("<LogDataEntry><Destination>")
	put("SystemName", or(e.system, "FMK"), "")
	put("Activity", or(e.activity, "Opslag"), "")
	if e.from == "" && e.to == "" {
		put("DateTime", or(e.time, "2026-11-01T08:15:00Z"), "")
	}
	put("FromDateTime", e.from, "")
	put("ToDateTime", e.to, "")
	put("OrganisationId", e.org, source(e.orgSource))
	put("PersonIdentifier", or(e.person, citizen), source("CPR"))
	put("CorrelationId", e.correlation, "")
	put("SequenceNumber", e.sequence, "")
	put("UserPersonIdentifier", or(e.user, assistant), source(or(e.userSource, "CPR")))
	put("OnBehalfOfPersonIdentifier", e.behalf, source(or(e.behalfSource, "Autorisation")))
	for _, f := range e.filters {
		put("Filter", f, "")
	}
	b.WriteString(e.extra)
	b.WriteString("</Destination></LogDataEntry>")
	return b.String()
}

// bulk is a RegistrationRequest of the newest interface.
func bulk(entries ...entry) string { return bulkOf(registration2025, entries...) }

func bulkOf(namespace string, entries ...entry) string {
	var b strings.Builder
	b.WriteString(`<r:RegistrationRequest xmlns:r="` + namespace + `">`)
	for _, e := range entries {
		b.WriteString(e.xml())
	}
	b.WriteString(`</r:RegistrationRequest>`)
	return b.String()
}

// ownLog asks for the log of person; more is raw elements after PersonId.
func ownLog(person, more string) string {
	return `<l:LogStatementForCPRPersonRequest xmlns:l="` + lookupNS + `"><l:PersonId source="CPR">` + person + `</l:PersonId>` + more +
		`</l:LogStatementForCPRPersonRequest>`
}

// behalfLog asks what assistants did on behalf of id.
func behalfLog(source, id, more string) string {
	return `<l:LogStatementOnBehalfOfRequest xmlns:l="` + lookupNS + `"><l:OnBehalfOfPersonId source="` + source + `">` + id +
		`</l:OnBehalfOfPersonId>` + more + `</l:LogStatementOnBehalfOfRequest>`
}

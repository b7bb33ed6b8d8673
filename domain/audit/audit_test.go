package audit_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/audit"
)

func TestNotesMerge(t *testing.T) {
	var n audit.Notes
	n.Add("FGVHR", "getConsent", audit.Information{Key: "a", Class: audit.RPI, Value: "1"})
	n.Add("MinLog2", "LookupRequest", audit.Information{Key: "b", Class: audit.SPI, Value: "2"})
	n.Add("FGVHR", "getConsent", audit.Information{Key: "a", Class: audit.RPI, Value: "3"})
	n.Add("FGVHR", "deleteConsent")
	n.SetOutcome(audit.RolledBack)
	assert.Equal(t, audit.Notes{
		{Component: "FGVHR", Contexts: []audit.ContextNotes{
			{Context: "getConsent", Information: []audit.Information{{Key: "a", Class: audit.RPI, Value: "1"}, {Key: "a", Class: audit.RPI, Value: "3"}}},
			{Context: "deleteConsent"},
		}},
		{Component: "MinLog2", Contexts: []audit.ContextNotes{{Context: "LookupRequest", Information: []audit.Information{
			{Key: "b", Class: audit.SPI, Value: "2"}, {Key: "outcome", Class: audit.NPI, Value: "rolled_back"}}}}},
	}, n)
	audit.Notes(nil).SetOutcome(audit.RolledBack)
}

func TestCategory(t *testing.T) {
	for _, c := range []struct {
		name  string
		entry audit.Entry
		want  string
	}{
		{"first component", audit.Entry{Route: "STS", Notes: audit.Notes{{Component: "MinLog2"}, {Component: "STS"}}}, "p.minlog2"},
		{"route when nothing was said", audit.Entry{Route: "MinLog2"}, "p.minlog2"},
		{"hyphen dropped", audit.Entry{Route: "LTR-BTR"}, "p.ltrbtr"},
		{"slash kept", audit.Entry{Route: "A/b 9æ"}, "p.a/b9"},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.want, audit.Category("p", c.entry)) })
	}
}

func TestFlatten(t *testing.T) {
	topics := slices.Repeat([]string{"x"}, 1500)
	t.Run("OC-15 list over the limit", func(t *testing.T) {
		got := slices.Collect(audit.Flatten([]audit.Information{{Key: "topic", Class: audit.RPI, List: topics}, {Key: "after", Class: audit.NPI, Value: "1"}}, 1000))
		require.Len(t, got, 1002)
		assert.Equal(t, audit.Information{Key: "topic.0", Class: audit.RPI, Value: "x"}, got[0])
		assert.Equal(t, audit.Information{Key: "topic.999", Class: audit.RPI, Value: "x"}, got[999])
		assert.Equal(t, audit.Information{Key: "topic-omitted", Class: audit.NPI, Value: "500"}, got[1000])
		assert.Equal(t, "after", got[1001].Key)
	})
	t.Run("no value, no key", func(t *testing.T) {
		got := slices.Collect(audit.Flatten([]audit.Information{{Key: "a", Class: audit.NPI}, {Key: "b", Class: audit.NPI, List: []string{"", "2"}}}, 10))
		assert.Equal(t, []audit.Information{{Key: "b.1", Class: audit.NPI, Value: "2"}}, got)
	})
	t.Run("stops when told", func(t *testing.T) {
		n := 0
		for range audit.Flatten([]audit.Information{{Key: "topic", List: topics}}, 10) {
			if n++; n == 3 {
				break
			}
		}
		assert.Equal(t, 3, n)
	})
}

func TestCut(t *testing.T) {
	kept := strings.Repeat("æ", 2000)
	assert.Equal(t, kept, audit.Cut(kept))
	assert.Equal(t, strings.Repeat("æ", 1999)+"…", audit.Cut(kept+"x"))
	assert.Equal(t, strings.Repeat("x", 1999)+"…", audit.Cut(strings.Repeat("x", 2001)))
}

func TestRedact(t *testing.T) {
	in := audit.Access{
		Path: "/x/0108501234", Query: "cpr=010850-1234",
		HTTPHeaders: map[string]string{"SOAPAction": `"GetConsent"`, "X-NSI-Original-IP": "0108501234"},
		SOAPHeaders: map[string]string{"NameID": "0511804817", "Issuer": "TEST1-NSP-STS", "MessageID": "m-0511804817"},
		IDCardAttributes: map[string]string{
			"dk:gov:saml:attribute:CprNumberIdentifier": "anything",
			"cpr":                          "x",
			"medcom:UserAuthorizationCode": "TST01",
			"medcom:CareProviderID":        "33257872",
			"X509Subject":                  `CN=Jens\, Hansen + Co,SERIALNUMBER=PID:0511804817+GIVENNAME=Jens,SURNAME=Hansen,E=j@example.org,O=Sygehus,2.5.4.97=NTRDK-33257872,C=DK,2.5.4.12=Læge,stray`,
		},
	}
	got := audit.Redact(in)
	assert.Equal(t, audit.Access{
		Path: "/x/[cpr]", Query: "cpr=[cpr]",
		HTTPHeaders: map[string]string{"SOAPAction": `"GetConsent"`, "X-NSI-Original-IP": "[cpr]"},
		SOAPHeaders: map[string]string{"Issuer": "TEST1-NSP-STS", "MessageID": "m-[cpr]"},
		IDCardAttributes: map[string]string{
			"dk:gov:saml:attribute:CprNumberIdentifier": "[cpr]",
			"cpr":                          "[cpr]",
			"medcom:UserAuthorizationCode": "[id]",
			"medcom:CareProviderID":        "33257872",
			"X509Subject":                  "SERIALNUMBER=PID:[cpr],O=Sygehus,2.5.4.97=NTRDK-33257872,C=DK",
		},
	}, got)
	assert.Equal(t, "0511804817", in.SOAPHeaders["NameID"], "the entry itself is not changed")
	assert.Equal(t, got, audit.Redact(got), "redacted twice")
}

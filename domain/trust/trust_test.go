package trust_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/opennsp/nsp/domain/trust"
)

func TestAnchorAllows(t *testing.T) {
	a := trust.Anchor{Uses: []trust.Use{trust.IDCard, trust.Token}, Issuers: []string{"TEST1-NSP-STS"}, Algorithms: []string{trust.RSASHA1}}
	assert.True(t, a.Allows(trust.IDCard, "TEST1-NSP-STS"))
	assert.False(t, a.Allows(trust.Bootstrap, "TEST1-NSP-STS"), "another use")
	assert.False(t, a.Allows(trust.IDCard, "test1-nsp-sts"), "the issuer is compared exactly")
	assert.False(t, a.Allows(trust.IDCard, ""))
	assert.False(t, trust.Anchor{}.Allows(0, ""))

	assert.True(t, a.AllowsSHA1(trust.IDCard))
	assert.False(t, a.AllowsSHA1(trust.Token), "SHA-1 never signs tokens")
	assert.False(t, trust.Anchor{Algorithms: []string{"rsa-sha256"}}.AllowsSHA1(trust.IDCard))
}

func TestParseSubject(t *testing.T) {
	for _, c := range []struct {
		name, serial, organisation string
		class                      trust.CertClass
		cvr                        string
	}{
		{"OCES2 employee", "CVR:99999902-RID:1001", "", trust.MOCES, "99999902"},
		{"OCES2 company", "CVR:99999901-UID:25351738", "", trust.VOCES, "99999901"},
		{"OCES2 function", "CVR:99999901-FID:94731315", "", trust.FOCES, "99999901"},
		{"OCES2 person", "PID:9208-2002-2-514358910503", "", trust.POCES, ""},
		{"OCES3 employee", "UI:DK-E:G:00000000-0000-4000-8000-000000000001", "NTRDK-99999901", trust.MOCES, "99999901"},
		{"OCES3 organisation", "UI:DK-O:G:00000000-0000-4000-8000-000000000001", "NTRDK-99999904", trust.VOCES, "99999904"},
		{"OCES3 person", "UI:DK-P:G:00000000-0000-4000-8000-000000000001", "", trust.POCES, ""},
		{"OCES2 of another kind", "CVR:99999901-XID:1", "", trust.UnknownClass, "99999901"},
		{"OCES3 of another country", "UI:SE-E:G:1", "NTRSE-1", trust.UnknownClass, ""},
		{"nothing", "", "", trust.UnknownClass, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, trust.Subject{Class: c.class, CVR: c.cvr, RID: c.serial, Name: "n"}, trust.ParseSubject(c.serial, c.organisation, "n"))
		})
	}
}

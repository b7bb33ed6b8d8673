package identity_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/org"
)

func TestUnit(t *testing.T) {
	for scheme, want := range map[string]org.Scheme{
		"nsi:sor": org.SOR, "nsi:sorcode": org.SOR, "medcom:sor": org.SOR, "1.2.208.176.1.1": org.SOR,
		"nsi:skskode": org.SHAK, "nsi:skscode": org.SHAK, "medcom:skscode": org.SHAK, "medcom:shak": org.SHAK,
		"nsi:ynumber": org.Yder, "medcom:ynumber": org.Yder, "medcom:ydernumber": org.Yder, "medcom:ydernummer": org.Yder,
		"medcom:cvrnumber": org.CVR, "medcom:pnumber": org.PNR, "medcom:locationnumber": org.EAN,
		"": "", "sor": "", "NSI:SOR": "", "nsi:sor-": "", "medcom:other": "", "nsi:cvr": "", "1.2.208.176.1.2": "",
	} {
		t.Run(scheme, func(t *testing.T) {
			assert.Equal(t, org.ID{Code: "999001", Scheme: want}, identity.OrgID{Scheme: scheme, Code: "999001"}.Unit())
		})
	}
}

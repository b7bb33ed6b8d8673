package dgws

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSubjectSerial(t *testing.T) {
	const issuer = "},IssuerDN={CN=Test CA, SERIALNUMBER=CVR:1-RID:2, C=DK},CertSerial={1}"
	for name, want := range map[string]string{
		"SubjectDN={SERIALNUMBER=CVR:25469364-FID:96988661 + CN=A system, C=DK" + issuer:                              "CVR:25469364-FID:96988661",
		"SubjectDN={CN=Lars + SERIALNUMBER=CVR:20921897-RID:52723247, C=DK" + issuer:                                  "CVR:20921897-RID:52723247",
		"SubjectDN={C=DK, OID.2.5.4.97=NTRDK-1, SERIALNUMBER=UI:DK-O:G:8d3fa047-c77e-47e4-bdd2-e91488610ce6" + issuer: "UI:DK-O:G:8d3fa047-c77e-47e4-bdd2-e91488610ce6",
		"SubjectDN={C=DK, 2.5.4.5=CVR:1-UID:2" + issuer:                                                               "CVR:1-UID:2",
		"SubjectDN={CN=a\\, SERIALNUMBER=CVR:1-FID:2, C=DK" + issuer:                                                  "", // part of the name
		"SubjectDN={CN=\"a, SERIALNUMBER=CVR:1-FID:2\", C=DK" + issuer:                                                "",
		"SubjectDN={SERIALNUMBER=CVR:1-FID:2, SERIALNUMBER=CVR:1-FID:3" + issuer:                                      "",
		"SubjectDN={CN=a" + issuer:  "",
		"SubjectDN={SERIALNUMBER=1": "",
		"SERIALNUMBER=CVR:1-FID:2":  "",
		"33257872":                  "",
		"":                          "",
	} {
		assert.Equal(t, want, subjectSerial(name), "subjectSerial(%q)", name)
	}
}

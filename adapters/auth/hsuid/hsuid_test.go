package hsuid_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auth/hsuid"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
)

func number(t *testing.T, s string) cpr.Number {
	t.Helper()
	n, err := cpr.Parse(s)
	require.NoError(t, err)
	return n
}

// read reads the header in a soap:Header with this content, in which the prefix h is declared.
func read(t *testing.T, content string) (*identity.HSUID, error) {
	t.Helper()
	doc := `<s:Header xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:h="` + hsuid.Namespace + `">` + content + `</s:Header>`
	tree, err := xmltree.Parse([]byte(doc), xmltree.DefaultLimits(1<<16))
	require.NoError(t, err)
	defer tree.Release()
	return hsuid.Read(tree, tree.Root())
}

// header is a header with these attributes, names and values in turn; a name may hold more attributes after it.
func header(attributes ...string) string {
	var b strings.Builder
	b.WriteString(`<h:HsuidHeader><h:Assertion IssueInstant="2018-10-24T12:57:29" Version="2.0" id="HSUID"><h:Issuer> Portal </h:Issuer><h:AttributeStatement id="HSUIDdata">`)
	for i := 0; i < len(attributes); i += 2 {
		b.WriteString(`<h:Attribute Name="` + attributes[i] + `"><h:AttributeValue>` + attributes[i+1] + `</h:AttributeValue></h:Attribute>`)
	}
	return b.String() + `</h:AttributeStatement></h:Assertion></h:HsuidHeader>`
}

func TestRead(t *testing.T) {
	all := identity.HSUID{
		Issuer: "Portal", UserType: "nsi:HealthcareProfessional", Acting: number(t, "0101010001"), Responsible: number(t, "0101010002"),
		ResponsibleCode: "TST02", Org: identity.OrgID{Scheme: hsuid.SOR, Code: "999001000016002"}, OrgName: "Sygehus", Override: true,
		Citizen: number(t, "2512489996"), Relation: "nsi:HealthcareProfessional", SystemOwner: "Region", SystemName: "EPJ", SystemVersion: "1.0",
	}
	for _, c := range []struct {
		name, content string
		want          *identity.HSUID
	}{
		{"none", "", nil},
		{"a header of another namespace", `<HsuidHeader/>`, nil},
		{"no attributes", header(), &identity.HSUID{Issuer: "Portal"}},
		{"everything", header("nsi:UserType", "nsi:HealthcareProfessional", "nsi:ActingUserCivilRegistrationNumber", " 0101010001 ",
			"nsi:ResponsibleUserCivilRegistrationNumber", "010101-0002", "nsi:ResponsibleUserAuthorizationCode", "tst02",
			`nsi:OrgUsingID" NameFormat="nsi:sor`, "999001000016002", "nsi:OrgResponsibleName", "Sygehus", "nsi:ConsentOverride", "1",
			"nsi:CitizenCivilRegistrationNumber", "2512489996", "nsi:CitizenUserRelation", "nsi:HealthcareProfessional",
			"nsi:SystemOwnerName", "Region", "nsi:SystemName", "EPJ", "nsi:SystemVersion", "1.0"), &all},
		{"names without prefix, unknown names", header("UserType", "nsi:Citizen", "nsi:Unknown", "x", "nsi:Unknown", "y"), &identity.HSUID{Issuer: "Portal", UserType: "nsi:Citizen"}},
		{"empty values are absent", header("nsi:ActingUserCivilRegistrationNumber", " ", "nsi:ConsentOverride", "", "nsi:OrgUsingID", ""), &identity.HSUID{Issuer: "Portal"}},
		{"no override", header("nsi:ConsentOverride", "false"), &identity.HSUID{Issuer: "Portal"}},
		{"old name of SOR", header(`nsi:OrgUsingID" NameFormat="nsi:sorcode`, "1"), &identity.HSUID{Issuer: "Portal", Org: identity.OrgID{Scheme: hsuid.SOR, Code: "1"}}},
		{"old name of SKS", header(`nsi:OrgUsingID" NameFormat="nsi:skscode`, "1"), &identity.HSUID{Issuer: "Portal", Org: identity.OrgID{Scheme: hsuid.SKS, Code: "1"}}},
		{"yder", header(`nsi:OrgUsingID" NameFormat="nsi:ynumber`, "1"), &identity.HSUID{Issuer: "Portal", Org: identity.OrgID{Scheme: hsuid.Yder, Code: "1"}}},
		{"blanks around NameFormat", header(`nsi:OrgUsingID" NameFormat=" nsi:sor `, "1"), &identity.HSUID{Issuer: "Portal", Org: identity.OrgID{Scheme: hsuid.SOR, Code: "1"}}},
		{"NameFormat empty", header(`nsi:OrgUsingID" NameFormat="`, "1"), &identity.HSUID{Issuer: "Portal", Org: identity.OrgID{Code: "1"}}},
		{"no IssueInstant, another Version", strings.NewReplacer(` IssueInstant="2018-10-24T12:57:29"`, "", `"2.0"`, `"9"`, " Portal ", " A portal ").Replace(header()), &identity.HSUID{Issuer: "A portal"}},
		{"NameFormat missing", header(`nsi:OrgUsingID`, "1"), &identity.HSUID{Issuer: "Portal", Org: identity.OrgID{Code: "1"}}},
		{"NameFormat unknown", header(`nsi:OrgUsingID" NameFormat="urn:x`, "1"), &identity.HSUID{Issuer: "Portal", Org: identity.OrgID{Code: "1"}}},
	} {
		t.Run("SA-43 "+c.name, func(t *testing.T) {
			got, err := read(t, c.content)
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
}

func TestReadRefuses(t *testing.T) {
	for _, c := range []struct {
		name, content string
		want          error
	}{
		{"two headers", header() + header(), hsuid.ErrTwice},
		{"no Assertion", `<h:HsuidHeader/>`, hsuid.ErrStructure},
		{"two Assertions", `<h:HsuidHeader><h:Assertion/><h:Assertion/></h:HsuidHeader>`, hsuid.ErrStructure},
		{"no statement", `<h:HsuidHeader><h:Assertion/></h:HsuidHeader>`, hsuid.ErrStructure},
		{"two statements", strings.Replace(header("nsi:UserType", "nsi:Citizen"), "</h:Assertion>", "<h:AttributeStatement/></h:Assertion>", 1), hsuid.ErrStructure},
		{"duplicate name", header("nsi:UserType", "nsi:Citizen", "nsi:UserType", "nsi:Citizen"), hsuid.ErrRepeated},
		{"duplicate name, once without prefix", header("nsi:UserType", "nsi:Citizen", "UserType", "nsi:HealthcareProfessional"), hsuid.ErrRepeated},
		{"two values", strings.Replace(header("nsi:UserType", "nsi:Citizen"), "</h:Attribute>", "<h:AttributeValue>x</h:AttributeValue></h:Attribute>", 1), hsuid.ErrRepeated},
		{"no value", strings.Replace(header("nsi:UserType", ""), "<h:AttributeValue></h:AttributeValue>", "", 1), hsuid.ErrRepeated},
		{"element as value", header("nsi:UserType", "<h:x/>"), hsuid.ErrRepeated},
		{"bad acting CPR", header("nsi:ActingUserCivilRegistrationNumber", "123"), hsuid.ErrCPR},
		{"bad responsible CPR", header("nsi:ResponsibleUserCivilRegistrationNumber", "9999999999"), hsuid.ErrCPR},
		{"bad citizen CPR", header("nsi:CitizenCivilRegistrationNumber", "251248999X"), hsuid.ErrCPR},
		{"bad override", header("nsi:ConsentOverride", "yes"), hsuid.ErrOverride},
	} {
		t.Run("SA-43 "+c.name, func(t *testing.T) {
			_, err := read(t, c.content)
			require.ErrorIs(t, err, c.want)
			f, _ := fault.Of(err)
			assert.Equal(t, fault.CodeSyntax, f.Code)
		})
	}
}

func TestWrite(t *testing.T) {
	h := identity.HSUID{
		Issuer: "Portal", UserType: "nsi:Citizen", Acting: number(t, "2512489996"), Org: identity.OrgID{Scheme: hsuid.SOR, Code: "1"},
		Override: true, Citizen: number(t, "2512489996"), SystemName: "Portal & more",
	}
	var w xmlout.Writer
	hsuid.Write(&w, h, time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC))
	got, err := read(t, string(w.Bytes()))
	require.NoError(t, err)
	assert.Equal(t, &h, got, "what is written reads back")
}

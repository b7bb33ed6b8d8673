package identity_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/identity"
)

const urnRole = "urn:dk:healthcare:national-federation-role:code:41002:value:SundAssistR2"

func TestChoose(t *testing.T) {
	doctor := identity.Authorisation{Code: "TST02", EducationCode: "7170"}
	nurse := identity.Authorisation{Code: "TST03", EducationCode: "5166"}
	second := identity.Authorisation{Code: "TST05", EducationCode: "7170"}
	type auths = []identity.Authorisation
	for _, c := range []struct {
		name       string
		owned      auths
		roles      []string
		code, role string
		want       identity.Authority
		err        error
	}{
		{"SU-3 code sent and owned", auths{doctor, nurse}, nil, "TST03", "", identity.Authority{Role: "5166", AuthorisationCode: "TST03"}, nil},
		{"SU-3 the code decides, not the role", auths{doctor, nurse}, nil, "TST03", "7170", identity.Authority{Role: "5166", AuthorisationCode: "TST03"}, nil},
		{"SU-3 code sent, not owned", auths{doctor}, nil, "TST09", "7170", identity.Authority{}, identity.ErrAuthorisationNotOwned},
		{"SU-3 code in another case", auths{doctor}, nil, "tst02", "", identity.Authority{}, identity.ErrAuthorisationNotOwned},
		{"SU-3 code sent, none owned", nil, []string{"SpaerAdminR8"}, "TST09", "", identity.Authority{}, identity.ErrAuthorisationMissing},
		{"SU-3 one owned", auths{doctor}, nil, "", "", identity.Authority{Role: "7170", AuthorisationCode: "TST02"}, nil},
		{"SU-3 one owned, another role sent", auths{doctor}, []string{"X"}, "", "X", identity.Authority{Role: "7170", AuthorisationCode: "TST02"}, nil},
		{"SU-3 two owned", auths{doctor, nurse}, nil, "", "", identity.Authority{}, identity.ErrAuthorisationAmbiguous},
		{"SU-3 two owned, role of one", auths{doctor, nurse}, nil, "", "5166", identity.Authority{Role: "5166", AuthorisationCode: "TST03"}, nil},
		{"SU-3 two owned, role of neither", auths{doctor, nurse}, nil, "", "4498", identity.Authority{}, identity.ErrAuthorisationAmbiguous},
		{"SU-3 two owned, role of both", auths{doctor, second}, nil, "", "7170", identity.Authority{}, identity.ErrAuthorisationAmbiguous},
		{"SU-3 nothing owned", nil, nil, "", "", identity.Authority{Role: identity.NoRole}, nil},
		{"SU-3 nothing owned, role sent", nil, nil, "", "SpaerAdminR8", identity.Authority{Role: identity.NoRole}, nil},
		{"SU-3 one national role", nil, []string{"SpaerAdminR8"}, "", "", identity.Authority{Role: "SpaerAdminR8"}, nil},
		{"SU-3 one national role, another sent", nil, []string{"SpaerAdminR8"}, "", "Y", identity.Authority{Role: "SpaerAdminR8"}, nil},
		{"SU-3 two national roles", nil, []string{"A", "B"}, "", "", identity.Authority{Role: identity.NoRole}, nil},
		{"SU-3 two national roles, one sent", nil, []string{"A", "B"}, "", "B", identity.Authority{Role: "B"}, nil},
		{"SU-3 two national roles, one sent as URN", nil, []string{"A", "SundAssistR2"}, "", urnRole, identity.Authority{Role: urnRole}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := identity.Person{Authorisations: c.owned, NationalRoles: c.roles}.Choose(c.code, c.role)
			assert.Equal(t, c.want, got)
			assert.ErrorIs(t, err, c.err)
		})
	}
}

func TestChooseGivesOnlyWhatIsOwned(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		codes := rapid.SampledFrom([]string{"TST01", "TST02", "TST03", "TST04"})
		educations := rapid.SampledFrom([]string{"7170", "5166", "4498"})
		names := rapid.SampledFrom([]string{"A", "B", "C"})
		p := identity.Person{
			Authorisations: rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) identity.Authorisation {
				return identity.Authorisation{Code: codes.Draw(t, "code"), EducationCode: educations.Draw(t, "education")}
			}), 0, 3, func(a identity.Authorisation) string { return a.Code }).Draw(t, "owned"),
			NationalRoles: rapid.SliceOfNDistinct(names, 0, 3, rapid.ID).Draw(t, "roles"),
		}
		code := rapid.OneOf(rapid.Just(""), codes).Draw(t, "sent code")
		role := rapid.OneOf(rapid.Just(""), educations, names, rapid.Just("urn:x:value:A")).Draw(t, "sent role")
		got, err := p.Choose(code, role)

		owns := func(code, education string) bool {
			return slices.Contains(p.Authorisations, identity.Authorisation{Code: code, EducationCode: education})
		}
		switch {
		case err != nil:
			if got != (identity.Authority{}) {
				t.Fatalf("a fault gives %v", got)
			}
			if !errors.Is(err, identity.ErrAuthorisationMissing) && !errors.Is(err, identity.ErrAuthorisationNotOwned) && !errors.Is(err, identity.ErrAuthorisationAmbiguous) {
				t.Fatalf("Choose = %v", err)
			}
			if code == "" && len(p.Authorisations) < 2 {
				t.Fatal("a fault although nothing had to be chosen")
			}
		case got.AuthorisationCode != "":
			if !owns(got.AuthorisationCode, got.Role) {
				t.Fatalf("Choose = %v, which is not owned", got)
			}
			if code != "" && got.AuthorisationCode != code {
				t.Fatalf("Choose = %v, want code %s", got, code)
			}
		default:
			if len(p.Authorisations) > 0 || code != "" {
				t.Fatalf("Choose = %v without authorisation", got)
			}
			if got.Role != identity.NoRole && !slices.Contains(p.NationalRoles, identity.NationalRoleName(got.Role)) {
				t.Fatalf("Choose = %v, a role that is not owned", got)
			}
		}
	})
}

func TestNationalRoleName(t *testing.T) {
	for in, want := range map[string]string{
		"SpaerAdminR8": "SpaerAdminR8", urnRole: "SundAssistR2", "": "", identity.NoRole: identity.NoRole, "a:value:b": "a:value:b",
	} {
		assert.Equal(t, want, identity.NationalRoleName(in), "NationalRoleName(%q)", in)
	}
}

package identity_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/relation"
)

// header is what a portal says of a doctor.
func header(t *testing.T, edit func(*identity.HSUID)) *identity.HSUID {
	h := &identity.HSUID{
		Issuer: "portal", UserType: "nsi:HealthcareProfessional", Acting: number(t, "0101010001"), Responsible: number(t, "0101010001"),
		ResponsibleCode: "TST01", Org: identity.OrgID{Scheme: "nsi:sor", Code: "325421000016001"}, OrgName: "Afdeling", Override: true,
		SystemName: "Portalen",
	}
	edit(h)
	return h
}

var portal = identity.Caller{
	Kind: identity.System, Org: identity.Organisation{CVR: "99999904", Name: "Portal A/S"}, SystemName: "portal", Addr: "192.0.2.1", MessageID: "m1",
	Audience: "a", Credential: identity.Credential{Scheme: identity.DGWS, Level: 3, ID: "card"},
}

func TestWithUserOfSystem(t *testing.T) {
	own := number(t, "0101010001")
	doctor := portal
	doctor.Kind, doctor.CPR, doctor.AuthorisationCode = identity.Professional, own, "TST01"
	doctor.Org = identity.Organisation{CVR: "99999904", Name: "Afdeling", IDs: []identity.OrgID{{Scheme: "nsi:sor", Code: "325421000016001"}}}
	doctor.SystemName, doctor.Override, doctor.Vouched = "Portalen", true, true
	with := func(edit func(*identity.Caller)) identity.Caller {
		c := doctor
		edit(&c)
		return c
	}
	for _, c := range []struct {
		name string
		edit func(*identity.HSUID)
		want identity.Caller
		err  error
	}{
		{"SEC-24 the responsible acts", func(*identity.HSUID) {}, doctor, nil},
		{"any case, no prefix", func(h *identity.HSUID) { h.UserType = "healthcareProfessional" }, doctor, nil},
		{"another is responsible", func(h *identity.HSUID) { h.Responsible = number(t, "0101010002") },
			with(func(c *identity.Caller) { c.AuthorisationCode = "" }), nil},
		{"nobody is responsible", func(h *identity.HSUID) { h.Responsible = cpr.Number{} },
			with(func(c *identity.Caller) { c.AuthorisationCode = "" }), nil},
		{"a code that is none", func(h *identity.HSUID) { h.ResponsibleCode = "TST0" },
			with(func(c *identity.Caller) { c.AuthorisationCode = "" }), nil},
		{"a foreigner without number", func(h *identity.HSUID) { h.Acting, h.Responsible = cpr.Number{}, cpr.Number{} },
			with(func(c *identity.Caller) { c.CPR, c.AuthorisationCode = cpr.Number{}, "" }), nil},
		{"SA-43 citizen by portal", func(h *identity.HSUID) { h.UserType = "nsi:Citizen" },
			with(func(c *identity.Caller) { c.Kind, c.AuthorisationCode = identity.Citizen, "" }), nil},
		{"no override, no organisation, no system", func(h *identity.HSUID) {
			h.Override, h.Org, h.OrgName, h.SystemName = false, identity.OrgID{}, "", ""
		}, with(func(c *identity.Caller) { c.Override, c.Org, c.SystemName = false, portal.Org, portal.SystemName }), nil},
		{"it does not say who", func(h *identity.HSUID) { h.UserType = "" },
			with(func(c *identity.Caller) { c.Kind, c.CPR, c.AuthorisationCode = identity.System, cpr.Number{}, "" }), nil},
		{"a user type of others", func(h *identity.HSUID) { h.UserType = "nsi:Robot" }, identity.Caller{}, identity.ErrUserType},
		{"the prefix alone", func(h *identity.HSUID) { h.UserType = "nsi:nsi:Citizen" }, identity.Caller{}, identity.ErrUserType},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.want.HSUID = header(t, c.edit)
			if c.err != nil {
				c.want.HSUID = nil
			}
			caller := portal
			caller.HSUID = header(t, c.edit)
			got, err := caller.WithUser(true)
			require.Equal(t, c.err, err)
			requireSame(t, c.want, got)

			got, err = caller.WithUser(false)
			require.NoError(t, err, "what does not count is not read")
			requireSame(t, portal, got)
		})
	}
	got, err := portal.WithUser(true)
	require.NoError(t, err)
	requireSame(t, portal, got)
}

// requireSame compares all fields; the texts of both tell nothing.
func requireSame(t *testing.T, want, got identity.Caller) {
	t.Helper()
	require.Equal(t, want.HSUID, got.HSUID)
	require.Equal(t, plain(want), plain(got))
}

// plain is a caller without its methods, so that a failing test shows the fields. Test numbers alone are compared.
func plain(c identity.Caller) any {
	type fields identity.Caller
	return fields(c)
}

func TestWithUserOfUser(t *testing.T) {
	own, other := number(t, "0101010001"), number(t, "0101010002")
	card := identity.Caller{
		Kind: identity.Professional, CPR: own, Name: "Anne", AuthorisationCode: "TST09", Org: identity.Organisation{CVR: "99999902", Name: "Lægehus"},
		SystemName: "epj", Credential: identity.Credential{Scheme: identity.DGWS, Level: 4},
	}
	for _, c := range []struct {
		name     string
		edit     func(*identity.HSUID)
		override bool
		err      error
	}{
		{"the same acting user", func(*identity.HSUID) {}, true, nil},
		{"no override", func(h *identity.HSUID) { h.Override = false }, false, nil},
		{"SA-43 other acting CPR", func(h *identity.HSUID) { h.Acting = other }, false, identity.ErrActingUser},
		{"another responsible", func(h *identity.HSUID) { h.Responsible = other }, true, nil},
		{"no acting user", func(h *identity.HSUID) { h.Acting = cpr.Number{} }, true, nil},
		{"no user type", func(h *identity.HSUID) { h.UserType = "" }, true, nil},
		{"a user type of others", func(h *identity.HSUID) { h.UserType = "Robot" }, false, identity.ErrUserType},
	} {
		t.Run(c.name, func(t *testing.T) {
			caller := card
			caller.HSUID = header(t, c.edit)
			for _, trusted := range []bool{false, true} {
				got, err := caller.WithUser(trusted)
				require.Equal(t, c.err, err)
				if err != nil {
					requireSame(t, identity.Caller{}, got)
					continue
				}
				want := caller
				want.Override = c.override
				requireSame(t, want, got)
			}
		})
	}
	nameless := card
	nameless.CPR = cpr.Number{}
	nameless.HSUID = header(t, func(*identity.HSUID) {})
	_, err := nameless.WithUser(true)
	assert.Equal(t, identity.ErrActingUser, err, "who has no number of its own is nobody's acting user")
}

func genNumber(t *rapid.T, label string) cpr.Number {
	n, _ := cpr.Parse(rapid.SampledFrom([]string{"", "0101010001", "0101010002", "2512489996"}).Draw(t, label))
	return n
}

func genHSUID(t *rapid.T) *identity.HSUID {
	text := rapid.SampledFrom([]string{"", "from the header"})
	return &identity.HSUID{
		UserType: rapid.SampledFrom([]string{"", "nsi:Citizen", "Citizen", "nsi:HealthcareProfessional", "x"}).Draw(t, "type"),
		Acting:   genNumber(t, "acting"), Responsible: genNumber(t, "responsible"), ResponsibleCode: text.Draw(t, "code"),
		Org: identity.OrgID{Code: text.Draw(t, "org")}, OrgName: text.Draw(t, "name"), Override: rapid.Bool().Draw(t, "override"),
		SystemName: text.Draw(t, "system"),
	}
}

func TestWithUserLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := identity.Caller{
			Kind: identity.Kind(rapid.IntRange(0, 4).Draw(t, "kind")), Name: "n", EducationCode: "7170", NationalRole: "r", Administrator: rapid.Bool().Draw(t, "admin"),
			Org: identity.Organisation{CVR: "99999904"}, Override: rapid.Bool().Draw(t, "own override"),
			Credential: identity.Credential{Scheme: identity.DGWS, Level: 3},
		}
		if c.Kind != identity.System {
			c.CPR = genNumber(t, "own")
		}
		bare := c
		c.HSUID = genHSUID(t)
		header := *c.HSUID
		trusted := rapid.Bool().Draw(t, "trusted")
		got, err := c.WithUser(trusted)
		if *c.HSUID != header {
			t.Fatal("the header was changed")
		}
		same := func(a, b identity.Caller) bool { return assert.ObjectsAreEqual(plain(a), plain(b)) }
		switch {
		case err != nil:
			if !same(got, identity.Caller{}) {
				t.Fatal("a caller with an error")
			}
		case c.Kind == identity.System && !trusted:
			if !same(got, bare) {
				t.Fatal("without the grant something of the header reached the caller")
			}
		case c.Kind == identity.System:
			if !got.Vouched || got.Org.CVR != c.Org.CVR || got.Credential != c.Credential || got.Administrator || got.NationalRole != "" || got.Name != "" {
				t.Fatal("a vouched user has what it should not")
			}
			if got.AuthorisationCode != "" && (header.Acting != header.Responsible || header.Acting.IsZero()) {
				t.Fatal("the authorisation is another's")
			}
			for _, n := range []cpr.Number{header.Acting, header.Responsible, genNumber(t, "subject")} {
				if got.MayActFor(n, relation.Custody, relation.Guardian, relation.Proxy) {
					t.Fatal("a vouched user acts as a citizen")
				}
			}
		default:
			back := got
			back.HSUID, back.Override = nil, c.Override
			if !same(back, bare) || got.Override != (c.Override || header.Override) {
				t.Fatal("the header changed what a credential says of its user")
			}
			if !header.Acting.IsZero() && !got.Is(header.Acting) {
				t.Fatal("the acting user is another than the caller")
			}
		}
	})
}

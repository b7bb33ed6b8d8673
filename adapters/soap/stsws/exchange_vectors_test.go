package stsws_test

import (
	"bytes"
	"context"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	authtrust "github.com/opennsp/nsp/adapters/auth/trust"
	"github.com/opennsp/nsp/adapters/soap/stsws"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/trust"
)

// certificateVector reads a published certificate.
func certificateVector(t *testing.T, name string) []byte {
	t.Helper()
	block, _ := pem.Decode(vector(t, "certs/"+name))
	require.NotNil(t, block)
	return block.Bytes
}

// employee knows one employee, by the UUID in the token.
type employee struct{ uuid string }

// ByCertificate implements ports.People.
func (e employee) ByCertificate(_ context.Context, s trust.Subject) (identity.Person, error) {
	if s.RID != "UI:DK-E:G:"+e.uuid || s.CVR != "33257872" {
		return identity.Person{}, identity.ErrUnknown
	}
	n, err := cpr.Parse("0501792275")
	return identity.Person{CPR: n, GivenName: "Test", Surname: "Person", NationalRoles: []string{"SundAssistR2"}}, err
}

// ByCPR implements ports.People.
func (employee) ByCPR(context.Context, cpr.Number) (identity.Person, error) {
	return identity.Person{}, identity.ErrUnknown
}

// atTheirTime is a token service at the instant of a published message that trusts its certificates.
func atTheirTime(t *testing.T, at time.Time, issuer, certificate string) *exchanger {
	t.Helper()
	anchor := anchorOf(t, certificateVector(t, certificate), issuer)
	return startExchanges(t, func(s *exchanger) {
		s.now = at
		s.service.Certificates = anyAuthority{}
		s.service.NewID = func() string { return "id" }
		s.service.OwnAudiences = append(s.service.OwnAudiences, "https://bootstrap.sts.nemlog-in.dk/", "https://bootstrap.sts.nspop.dk/")
		s.handler.Trust = pinned{&trust.Set{Anchors: []trust.Anchor{anchor}}}
	})
}

func TestExchangeVectors(t *testing.T) {
	person := func(t *testing.T) ([]byte, *exchanger) {
		s := atTheirTime(t, time.Date(2025, 8, 29, 7, 45, 50, 0, time.UTC), "https://idp.test.nspop.dk", "NSP_Test_Identity_Provider_afbfe965.pem")
		s.service.People = employee{"00798849-effe-4733-bcc4-670093830511"}
		s.handler.AcceptSHA1 = true
		return vector(t, "sts/ehdsi-sts-person-request.norm.xml"), s
	}
	t.Run("SA-04 published request for the card of an employee", func(t *testing.T) {
		request, s := person(t)
		answer := s.post(stsws.PathBST2SOSI, request)
		tree, err := xmltree.Parse([]byte(answer), xmltree.DefaultLimits(1<<20))
		require.NoError(t, err)
		node, count := tree.ByID("IDCard")
		require.Equal(t, 1, count, answer)
		from, to := tree.Range(node)
		card, err := verify(t, []byte(answer)[from:to], xmldsig.Algorithms{})
		require.NoError(t, err)
		require.Equal(t, "33257872", card.CVR())
		require.Equal(t, "Sundhedsdatastyrelsen", card.CareProviderName)
		require.Equal(t, "Service Consumer Test", card.SystemName)
		require.Equal(t, "urn:uuid:00798849-effe-4733-bcc4-670093830511", card.NameID)
		require.Equal(t, "SundAssistR2", card.Role)
		require.Equal(t, certHashOf(certificateVector(t, "NSP_Test_Service_Consumer_e5596748.pem")), card.CertHash)
		contains(t, answer, `Context="urn:uuid:631853da-5d50-44da-8395-12c955c5801a"`)
	})
	t.Run("SA-23 the same where rsa-sha1 is not accepted", func(t *testing.T) {
		request, s := person(t)
		s.handler.AcceptSHA1 = false
		contains(t, s.post(stsws.PathBST2SOSI, request), "<faultcode>wst:InvalidRequest</faultcode><faultstring>Unable to validate envelope signature<")
	})
	t.Run("SA-04 the same where its authority is not trusted, or a minute later", func(t *testing.T) {
		request, s := person(t)
		f, err := federation()
		require.NoError(t, err)
		source, err := authtrust.Open(f.TrustFile())
		require.NoError(t, err)
		s.service.Certificates = &authtrust.Holders{Source: source}
		contains(t, s.post(stsws.PathBST2SOSI, request), "Authentication failed: the certificate is not trusted")
		_, s = person(t)
		s.now = s.now.Add(time.Minute)
		contains(t, s.post(stsws.PathBST2SOSI, request), "<faultcode>wst:ExpiredData</faultcode>")
	})
	t.Run("SA-05 the same with one octet changed, every one in turn", func(t *testing.T) {
		request, s := person(t)
		s.service.Certificates = exactly{certificateVector(t, "NSP_Test_Service_Consumer_e5596748.pem")}
		good := s.post(stsws.PathBST2SOSI, request)
		require.Contains(t, good, "RequestedSecurityToken")
		step := 7
		if testing.Short() {
			step = 101
		}
		for i := 0; i < len(request); i += step {
			changed := bytes.Clone(request)
			changed[i] ^= 1
			if answer := s.post(stsws.PathBST2SOSI, changed); answer != good && !strings.Contains(answer, ":Fault>") {
				t.Errorf("octet %d changed: accepted with other content", i)
			}
		}
	})
	// The keys that hold these tokens are not published: a request with them can only be refused, for another reason where the token is good.
	const holder, signature = "The request is not signed with the key of the holder", "The signature of the token in ActAs is not valid"
	for _, tt := range []struct {
		name, file, issuer, certificate string
		at                              time.Time
		edit                            func([]byte) []byte
		want                            string
	}{
		{"SA-04 published bootstrap token", "oiosaml/NemLog-In_bootstrap_valid_signature.xml", "https://saml.nemlog-in.dk",
			"NemLog_in_ADFS_Test_funktionscertifikat_1d881d36.pem", time.Date(2017, 5, 29, 13, 40, 56, 0, time.UTC), nil, holder},
		{"SA-05 the same with another audience", "oiosaml/NemLog-In_bootstrap_valid_signature.xml", "https://saml.nemlog-in.dk",
			"NemLog_in_ADFS_Test_funktionscertifikat_1d881d36.pem", time.Date(2017, 5, 29, 13, 40, 56, 0, time.UTC),
			func(b []byte) []byte { return bytes.Replace(b, []byte("bootstrap.sts."), []byte("bootstrap.stt."), 1) }, signature},
		{"SA-06 published bootstrap token that was changed", "negative/NemLog-In_bootstrap.xml", "https://saml.nemlog-in.dk",
			"Digitaliseringsstyrelsen_NemLog_in_Test_534e5955.pem", time.Date(2017, 2, 14, 13, 7, 6, 0, time.UTC), nil, signature},
		{"SA-04 published bootstrap token signed with rsa-sha1", "oiosaml/unsealed-bootstrap-token.xml", "TEST trusted IdP",
			"TEST_trusted_IdP_SOSI_alias_funktionscer_f8cc9a32.pem", time.Date(2022, 5, 2, 14, 4, 14, 0, time.UTC), nil, signature},
		{"SA-04 published token of a library, RSA of 1024 bits and rsa-sha1", "oiosaml/seal-generated-test-oiosamlassertion.norm.xml", "",
			"JERNALDERBYENS_VENNER_Vic_validVOCES_7e7a1bc9.pem", time.Date(2014, 10, 22, 12, 40, 33, 0, time.UTC), nil, signature},
	} {
		t.Run(tt.name, func(t *testing.T) {
			token := vector(t, tt.file)
			if i := bytes.Index(token, []byte("<?xml")); i >= 0 {
				token = token[bytes.Index(token, []byte("?>"))+2:]
			}
			if tt.issuer == "" {
				tree, err := xmltree.Parse(token, xmltree.DefaultLimits(1<<20))
				require.NoError(t, err)
				tt.issuer, err = tree.Text(tree.Child(tree.Root(), nsSAML, "Issuer"))
				require.NoError(t, err)
			}
			if tt.edit != nil {
				token = tt.edit(token)
			}
			s := atTheirTime(t, tt.at, tt.issuer, tt.certificate)
			s.service.Certificates = organisation{der(t, "portal")}
			x := s.citizenRequest()
			x.ActAs = token
			for _, path := range []string{stsws.PathBst2Idws, stsws.PathOIOSaml2Sosi} {
				_, err := s.client(path).Exchange(t.Context(), x)
				fault := told(t, err)
				require.Equal(t, "wst:InvalidSecurityToken", fault.FaultCode)
				require.True(t, strings.HasPrefix(fault.FaultString, tt.want), fault.FaultString)
			}
		})
	}
	t.Run("SA-04 published requests that are signed with a BinarySecurityToken are read as far as their token", func(t *testing.T) {
		for name, at := range map[string]time.Time{
			"idws/xua-system-user-bearer-1-WSC-TO-STS.norm.xml":        time.Date(2018, 8, 8, 8, 35, 29, 0, time.UTC),
			"idws/xua-system-user-holder-of-key-1-WSC-TO-STS.norm.xml": time.Date(2018, 8, 8, 8, 58, 42, 0, time.UTC),
		} {
			request := vector(t, name)
			s := startExchanges(t, func(s *exchanger) { s.now = at })
			const unread, unsigned = "The request must have one TokenType, RequestType, ActAs and AppliesTo", "Unable to validate envelope signature"
			contains(t, s.post(stsws.PathBst2Idws, request), "<faultstring>"+unread)
			contains(t, s.post(stsws.PathBst2Idws, bytes.Replace(request, []byte("RST/Issue<"), []byte("RST/Issue <"), 1)), "<faultstring>"+unsigned)
		}
	})
}

// exactly believes one certificate.
type exactly struct{ der []byte }

// Holder implements ports.Certificates.
func (e exactly) Holder(ctx context.Context, der []byte, at time.Time) (trust.Holder, error) {
	if !bytes.Equal(der, e.der) {
		return trust.Holder{}, trust.ErrUntrusted
	}
	return anyAuthority{}.Holder(ctx, der, at)
}

package bootstrap

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/auth/allowlist"
	"github.com/opennsp/nsp/adapters/auth/dgws"
	"github.com/opennsp/nsp/adapters/auth/idws"
	"github.com/opennsp/nsp/adapters/auth/trust"
	"github.com/opennsp/nsp/adapters/rest"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/securityws"
	"github.com/opennsp/nsp/adapters/soap/stsws"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/federating"
	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/application/securing"
	"github.com/opennsp/nsp/bootstrap/devfed"
	domaintrust "github.com/opennsp/nsp/domain/trust"
)

// profile admits callers by their ID card or token.
func (s *server) profile(signer *trust.Signer) *soap.NSP {
	c := &s.cfg.Security
	cache := xmldsig.NewCache(c.CacheEntries)
	schemes := &auth.Schemes{
		DGWS: &dgws.Verifier{Trust: s.trust, Now: s.opt.Now, MinRSABits: c.MinRSABits, Cache: cache, ClockSkew: c.ClockSkew},
		IDWS: &idws.Verifier{
			Trust: s.trust, Now: s.opt.Now, MinRSABits: c.MinRSABits, Cache: cache, Skew: s.cfg.IDWS.TimestampSkew, ClockSkew: c.ClockSkew,
		},
		Administrators: c.Administrators, Lists: map[string]allowlist.List{Publishers: s.cfg.Allowlist.NASNotify},
		BindToTLS: s.cfg.DGWS.BindCardToTLS == BindRequire, NoHSUID: !c.HSUID.Enabled,
	}
	return &soap.NSP{
		DGWS: &soap.DGWS{Schemes: schemes, Now: s.opt.Now, NewID: s.opt.NewID, LegacyFaults: s.cfg.DGWS.FaultStyle == FaultStyleLegacy},
		IDWS: &soap.IDWS{
			Schemes: schemes, Signer: signer, Unsigned: !s.cfg.IDWS.SignResponses, Now: s.opt.Now, NewID: s.opt.NewID, Log: s.log,
		},
	}
}

// ruled returns the operations with what the configuration says of credentials: ID cards and the audiences of tokens.
func (s *server) ruled(operations []soap.Operation, audiences []string) []soap.Operation {
	ruled := slices.Clone(operations)
	for i := range ruled {
		p := &ruled[i].Policy
		p.MaxCardAge, p.MinLevel = s.cfg.DGWS.MaxCardAge, max(p.MinLevel, s.cfg.DGWS.MinLevel)
		p.Audiences = audiences
		if p.MaxBytes == 0 {
			p.MaxBytes = s.cfg.Security.MaxMessage
		}
	}
	return ruled
}

// tokens builds the use cases of the token service.
func (s *server) tokens() (*federating.TokenService, error) {
	c := &s.cfg.STS
	list, err := trust.OpenPeople(c.PeopleFile)
	if err != nil {
		return nil, &ConfigError{[]error{s.cfg.problem("sts.people_file", err.Error())}}
	}
	people := &federating.RegisteredPeople{List: list, Citizens: s.stores.register, Authorisations: s.stores.authorisations, Now: s.opt.Now}
	return &federating.TokenService{
		Certificates: &trust.Holders{Source: s.trust, RefuseStaleCRL: s.cfg.Security.Mode == Production, Log: s.log}, People: people, Relations: s.stores.register, Trail: admitting.Trail{}, Now: s.opt.Now,
		NewID: s.opt.NewID, Issuer: c.Issuer, Lifetime: c.CardLifetime, TokenLifetime: c.TokenLifetime, OwnAudiences: c.OwnAudiences,
		ClockSkew: s.cfg.Security.ClockSkew, Audiences: c.Audiences, AllowBearer: *c.AllowBearer,
	}, nil
}

// tokenService mounts the token service.
func (s *server) tokenService(tokens *federating.TokenService, signer *trust.Signer) []Mount {
	handler := &stsws.Handler{
		Tokens: tokens, Trust: s.trust, Signer: signer, SHA1: s.cfg.STS.CardSignature == domaintrust.RSASHA1,
		AcceptSHA1: *s.cfg.STS.AcceptSHA1Requests, MinRSABits: s.cfg.Security.MinRSABits, Now: s.opt.Now, NewID: s.opt.NewID,
	}
	service := handler.Service()
	mounts := []Mount{{Path: stsws.PathNew, Service: service}, {Path: stsws.Path, Service: service}}
	for _, m := range handler.Exchanges() {
		mounts = append(mounts, Mount(m))
	}
	return mounts
}

// layInGrants gives organisations what the configuration says, where that was never administered, and takes back what a start in development
// gave once the server has real data.
func (s *server) layInGrants(ctx context.Context) error {
	now, by := s.opt.Now(), securing.Development
	if s.cfg.Security.Mode == Production {
		by = securing.Configuration
		if err := securing.EndDevelopment(ctx, s.stores.grants, now); err != nil {
			return err
		}
	}
	var rows []domaintrust.Grant
	for name, holders := range s.cfg.Grants {
		for _, cvr := range holders {
			rows = append(rows, domaintrust.Grant{Name: name, CVR: cvr})
		}
	}
	return securing.LayIn(ctx, s.stores.grants, rows, by, s.opt.NewID, now)
}

// sessions builds the use case of sessions.
func (s *server) sessions() *securing.Sessions {
	return &securing.Sessions{Store: s.stores.session, Trail: admitting.Trail{}, Now: s.opt.Now, Lifetime: s.cfg.Session.Lifetime}
}

// sessionService mounts the SOAP service that opens sessions.
func (s *server) sessionService(profile soap.Profile) Mount {
	service := securityws.Service(s.sessions(), profile, s.cfg.STS.Audiences)
	service.Operations = s.ruled(service.Operations, s.cfg.STS.Audiences)
	return Mount{Path: securityws.Path, Service: service}
}

// api says what the JSON API is made of. tokens is nil where no token service runs.
func (s *server) api(deps *soap.Deps, sessions *soap.Router, tokens *federating.TokenService, signer *trust.Signer) (rest.Deps, error) {
	operator, err := rest.OperatorToken(filepath.Join(s.cfg.DataDir, "operator.token"))
	if err != nil {
		return rest.Deps{}, &ResourceError{err}
	}
	trail := admitting.Trail{}
	return rest.Deps{
		Gate:     deps.Gate,
		Sessions: s.sessions(),
		Grants:   &securing.Grants{Store: s.stores.grants, Trail: trail, Now: s.opt.Now, NewID: s.opt.NewID},
		Trust:    &securing.Trust{Source: s.trust, Reload: s.reloading.readTrust, Trail: trail, Now: s.opt.Now},
		Events:   &securing.Events{Store: s.stores.events, Trail: trail},
		Cleaning: &logkeeping.Cleaning{Runner: s.runner, Trail: trail},
		ECPR:     s.ecprAPI(), Outbox: s.outbox, Registers: s.registerAPI(), MinLog: &s.minlog, Consent: s.consent, Wills: s.wills, FGVHR: s.fgvhr, NAS: s.nasAPI(),
		Consumption: s.consumption(), Envelopes: sessions, Audiences: s.cfg.STS.Audiences, Granted: s.grants.Refresh, Operator: operator,
		Administrators: s.cfg.Security.Administrators, Development: s.development(tokens, signer),
		Now: s.opt.Now, Log: s.log, TrustedProxies: s.cfg.HTTP.TrustedProxies, ReadTimeout: s.cfg.HTTP.ReadTimeout,
		CallTimeout: s.cfg.HTTP.CallTimeout, Enter: deps.Enter, Screen: deps.Screen, Limit: deps.Limit, Refused: deps.Refused, Observe: deps.Observe,
	}, nil
}

// consumption shows how far the message log is consumed; nil where this process does not see it.
func (s *server) consumption() *logkeeping.Consumption {
	if len(s.consumers) == 0 {
		return nil
	}
	return &logkeeping.Consumption{Consumers: s.consumers, Trail: admitting.Trail{}}
}

// development is what a server of the test federation offers beside; nil in production.
func (s *server) development(tokens *federating.TokenService, signer *trust.Signer) *rest.Development {
	if s.federation == nil || tokens == nil {
		return nil
	}
	issuer := &federating.TestIssuer{TokenService: tokens, IdentityProvider: devfed.IDPIssuer}
	return &rest.Development{
		Samples: &securing.Samples{Issuer: issuer, Find: func(name string) (securing.Sample, error) {
			held, err := s.federation.Sample(name)
			if err != nil {
				return securing.Sample{}, fmt.Errorf("sample: %w", err)
			}
			return securing.Sample{Certificate: held.Certificate.Raw, Organisation: held.Organisation}, nil
		}},
		Issuer: &stsws.TestIssuer{Issuer: issuer, Signer: signer, SHA1: s.cfg.STS.CardSignature == domaintrust.RSASHA1},
	}
}

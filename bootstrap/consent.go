package bootstrap

import (
	"context"
	"errors"
	"time"

	"github.com/opennsp/nsp/adapters/rest"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/consentws"
	"github.com/opennsp/nsp/adapters/telemetry"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/consenting"
	"github.com/opennsp/nsp/application/loading"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports"
)

// retentionInterval is how often it is looked for what is kept no longer.
const retentionInterval = 24 * time.Hour

// consentServices builds what this process does of consent.
func (s *server) consentServices(profile soap.Profile) []Mount {
	if !s.cfg.runsAny(RoleConsent) {
		return nil
	}
	c, trees, counts := &s.cfg.Consent, s.orgTrees(), s.metrics.Consent()
	s.consent = &rest.Consent{
		Administration: &consenting.Administration{
			Store: s.stores.consents, Overrides: s.stores.overrides, Outbox: s.stores.outbox, Trees: trees, Trail: admitting.Trail{},
			Granted: s.grants.Has, Now: s.opt.Now, NewID: s.opt.NewID, DrawID: drawConsent, Roles: c.AdminRoles,
			Professionals: c.Admin.Professionals, MaxEntries: c.Limits.Entries, MaxActive: c.Limits.Active, MaxItems: c.Limits.Items,
			PositiveYears: c.Limits.PositiveYears,
		},
		Verification: &consenting.Verification{
			Store: s.stores.consents, Overrides: s.stores.overrides, Outbox: s.stores.outbox, Trees: trees,
			Authorisations: s.stores.authorisations, Trail: admitting.Trail{}, Granted: s.grants.Has, Now: s.opt.Now, NewID: s.opt.NewID,
			VerifyAuthorisation: c.Override.VerifyAuthorisation, OverrideByForeigners: c.Override.Foreign, MinLog: consenting.LogWhat(c.MinLog),
			MaxItems: c.Limits.Items, Decided: counts.Decided, Overridden: counts.Overridden,
		},
		Audiences: s.cfg.IDWS.Audiences.Consent,
	}
	var mounts []Mount
	for _, m := range consentws.Administration(s.consent.Administration, profile) {
		mounts = append(mounts, Mount(m))
	}
	for _, m := range consentws.Verification(s.consent.Verification, profile) {
		mounts = append(mounts, Mount(m))
	}
	for i := range mounts {
		mounts[i].Service.Operations = s.ruled(mounts[i].Service.Operations, s.cfg.IDWS.Audiences.Consent)
	}
	return mounts
}

// orgTrees is where places of treatment are known from.
func (s *server) orgTrees() ports.OrgTrees {
	if s.cfg.Consent.Org.Source == OrgNone {
		return &loading.Trees{}
	}
	return s.trees
}

// retention is the job that deletes what is kept no longer.
func (s *server) retention() *consenting.Retention {
	c := &s.cfg.Consent.Retention
	return &consenting.Retention{
		Store: s.stores.consents, Overrides: s.stores.overrides, Trail: admitting.Trail{}, Now: s.opt.Now,
		RevokedYears: c.InactiveYears, OverrideYears: c.OverrideYears,
	}
}

// drawConsent returns an id that nobody can foresee.
func drawConsent() (consent.ID, error) {
	n, err := draw(int(consent.MaxID - consent.MinID + 1))
	return consent.MinID + consent.ID(n), err
}

var errNoOrganisations = errors.New("there are no organisations")

// organisations is the check of a server that has to know places of treatment.
func (s *server) organisations() telemetry.Check {
	return telemetry.Check{Name: "Organisations", Failure: "not loaded", Probe: func(context.Context) error {
		if s.trees.Current().Len() == 0 {
			return errNoOrganisations
		}
		return nil
	}}
}

// organisationAlarms tells of a register of organisations that could not be taken over, or is old.
func (s *server) organisationAlarms(ctx context.Context) ([]string, error) {
	var alarms []string
	if s.trees.Refused() {
		alarms = append(alarms, "organisations: the register forms no tree, or lost too many units; an earlier tree is in use")
	}
	if s.cfg.Security.Mode != Production {
		return alarms, nil // synthetic registers do not age
	}
	loads, err := s.stores.loader.Loads(ctx, 500)
	if err != nil {
		return nil, err
	}
	for _, l := range loads { // newest first
		if l.Register == stamdata.OrgUnits {
			if s.opt.Now().Sub(l.At) > s.cfg.Consent.Org.MaxAge {
				alarms = append(alarms, "organisations: the register is old")
			}
			return alarms, nil
		}
	}
	return append(alarms, "organisations: the register was not loaded lately"), nil
}

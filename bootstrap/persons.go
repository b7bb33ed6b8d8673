package bootstrap

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/opennsp/nsp/adapters/auth/dgws"
	authtrust "github.com/opennsp/nsp/adapters/auth/trust"
	"github.com/opennsp/nsp/adapters/files"
	"github.com/opennsp/nsp/adapters/rest"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/ecprws"
	"github.com/opennsp/nsp/adapters/soap/scesws"
	"github.com/opennsp/nsp/adapters/soap/skrsws"
	"github.com/opennsp/nsp/adapters/soap/stsws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/enquiring"
	"github.com/opennsp/nsp/application/issuing"
	"github.com/opennsp/nsp/application/loading"
	"github.com/opennsp/nsp/application/relaying"
	"github.com/opennsp/nsp/application/replicating"
	"github.com/opennsp/nsp/bootstrap/devfed"
	"github.com/opennsp/nsp/ports"
)

// maxTreeLoss is the share of the organisations that may be gone at once. More is believed after a restart alone.
const maxTreeLoss = 0.10

// openRegisters makes the registers ready: in development it takes in the synthetic ones, in production it refuses to run on a store that has
// them.
func (s *server) openRegisters(ctx context.Context) error {
	if !s.usesRegisters() {
		return nil
	}
	if s.cfg.Security.Mode == Production {
		return s.refuseSynthetic(ctx)
	}
	if err := devfed.LayInRegisters(s.cfg.Stamdata.Dir); err != nil {
		return &ResourceError{fmt.Errorf("lay in synthetic registers: %w", err)}
	}
	return nil
}

// usesRegisters tells whether this process reads or keeps registers.
func (s *server) usesRegisters() bool {
	return s.cfg.usesStore() && (s.cfg.runsAny(RoleStamdata, RoleECPR, RoleMinLogLookup, RoleConsent, RoleWills, RoleFGVHR) || s.runsSTS())
}

// refuseSynthetic tells whether the store took in registers of a test federation.
func (s *server) refuseSynthetic(ctx context.Context) error {
	sums, err := devfed.RegisterSums()
	if err != nil {
		return err
	}
	for name, sum := range sums {
		switch taken, err := s.stores.loader.Taken(ctx, sum); {
		case err != nil:
			return &ResourceError{fmt.Errorf("read loads of registers: %w", err)}
		case taken:
			return &ConfigError{[]error{s.cfg.problem("store.dsn", "the store holds synthetic persons of a test federation ("+name+")")}}
		}
	}
	return nil
}

// personServices builds what this process does of registrations and registers.
func (s *server) personServices(profile soap.Profile) []Mount {
	var mounts []Mount
	if s.cfg.runsAny(RoleECPR) {
		mounts = append(mounts, Mount{Path: ecprws.Path, Service: ecprws.Service(s.registry, s.cfg.ECPR.Namespace, profile)})
	}
	if s.cfg.runsAny(RoleStamdata) {
		lookup := &enquiring.CPRLookup{
			Register: s.stores.register, Trail: admitting.Trail{}, Granted: s.grants.Has, Now: s.opt.Now, CountyCode: s.cfg.SCES.CountyCode,
		}
		for _, m := range scesws.Services(lookup, profile) {
			mounts = append(mounts, Mount(m))
		}
		copies := &replicating.Replicator{
			Register: s.stores.copies, Granted: s.grants.Has, Trail: admitting.Trail{}, Now: s.opt.Now, Max: s.cfg.SKRS.MaxRecords,
			Validity: s.cfg.SKRS.ECPR2.Validity,
		}
		mounts = append(mounts, Mount{Path: skrsws.Path, Service: skrsws.Service(copies, profile)})
	}
	for i := range mounts {
		mounts[i].Service.Operations = s.ruled(mounts[i].Service.Operations, nil)
	}
	return mounts
}

// newRegistry builds the use cases of the national eCPR.
func (s *server) newRegistry() (*issuing.Registry, error) {
	c := &s.cfg.ECPR
	citizens, err := s.citizens()
	numbers := s.metrics.Numbers()
	s.space = &numberSpace{now: s.opt.Now}
	return &issuing.Registry{
		Ledger: s.stores.ledger, Persons: s.stores.registrations, OIDTable: s.stores.oids, Roles: s.stores.roles, Citizens: citizens,
		Authorisations: s.stores.authorisations, Trail: admitting.Trail{}, Now: s.opt.Now, NewID: s.opt.NewID, Draw: draw,
		Policy: issuing.ActorPolicy(c.Actor.Authorisation), SearchMax: c.Search.Max, Notify: c.Notify.Enabled, Topic: c.Notify.Topic,
		IDType: c.Notify.IDType, Namespace: c.Namespace, Logger: s.log,
		Issued: numbers.Issued, Exhausted: numbers.Exhausted, Left: func(left int) {
			numbers.Left(left)
			s.space.tell(left)
		},
	}, err
}

// ecprAPI is what the JSON API does with registrations; nil where this process has none.
func (s *server) ecprAPI() *rest.ECPR {
	if s.registry == nil {
		return nil
	}
	return &rest.ECPR{Registry: s.registry, Administration: &issuing.Administration{
		Roles: s.stores.roles, OIDTable: s.stores.oids, Trail: admitting.Trail{}, NewID: s.opt.NewID,
	}}
}

// registerAPI is what the JSON API does with registers; nil where this process has none.
func (s *server) registerAPI() *replicating.Operation {
	if !s.cfg.runsAny(RoleStamdata) {
		return nil
	}
	return &replicating.Operation{
		Loader: s.stores.loader, Runner: s.runner, State: s.stores.exports, Trail: admitting.Trail{},
	}
}

// draw returns a number below n that nobody can foresee.
func draw(n int) (int, error) {
	drawn, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		return 0, err
	}
	return int(drawn.Int64()), nil
}

// citizens is where a CPR number that is linked is looked up.
func (s *server) citizens() (ports.Citizens, error) {
	c := &s.cfg.ECPR.CPRCheck
	if c.Mode != CheckSCES {
		return s.stores.register, nil
	}
	send, err := s.asSystem("ecpr.cprcheck.cert", c.Key, c.STS, c.URL)
	if err != nil {
		return nil, err
	}
	return &scesws.Citizens{Timeout: c.Timeout, Client: &scesws.Client{Send: send}}, nil
}

// asSystem returns how a service of another server is called with the ID card of a system: the holder of own, which certKey names in the
// configuration.
func (s *server) asSystem(certKey string, own KeyPair, sts, url string,
) (func(ctx context.Context, action string, body func(*xmlout.Writer)) (*soap.Response, error), error) {
	pair, err := tls.LoadX509KeyPair(own.Cert, own.Key)
	if err != nil {
		return nil, &ConfigError{[]error{s.cfg.problem(certKey, err.Error())}}
	}
	cards, err := newCards(pair, sts, s.opt.Now)
	if err != nil {
		return nil, &ConfigError{[]error{s.cfg.problem(certKey, err.Error())}}
	}
	asks := &soap.Client{URL: url, HTTP: http.DefaultClient}
	return func(ctx context.Context, action string, body func(*xmlout.Writer)) (*soap.Response, error) {
		card, err := cards.card(ctx)
		if err != nil {
			return nil, err
		}
		message := dgws.Request{Created: s.opt.Now(), Card: card, SecurityLevel: 3, MessageID: uuid.NewString(), Body: body}
		return asks.Call(ctx, action, message.Bytes())
	}, nil
}

// cards gets the ID card of a system from a token service, and keeps it as long as it is good. It is safe for concurrent use.
type cards struct {
	sts        stsws.Client
	credential stsws.Credential
	now        func() time.Time

	mu    sync.Mutex
	held  []byte
	until time.Time
}

// cardMargin is how long before its end a card is no longer shown.
const cardMargin = 5 * time.Minute

func (c *cards) card(ctx context.Context) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now().Before(c.until) {
		return c.held, nil
	}
	issued, err := c.sts.Issue(ctx, c.credential)
	if err != nil {
		return nil, fmt.Errorf("get an ID card: %w", err)
	}
	end, err := time.Parse(time.RFC3339, issued.Card.NotOnOrAfter)
	if err != nil {
		return nil, fmt.Errorf("get an ID card: %w", err)
	}
	c.held, c.until = issued.Assertion, end.Add(-cardMargin)
	return c.held, nil
}

// openPersons makes what registrations and registers are worked on with beside the calls. The first load of registers comes before the first
// call.
func (s *server) openPersons(ctx context.Context) error {
	if !s.usesRegisters() {
		return nil
	}
	s.trees = &loading.Trees{Units: s.stores.orgUnits, MaxLoss: maxTreeLoss, Log: s.log}
	s.importer = &loading.Importer{
		Files: files.Registers{Dir: s.cfg.Stamdata.Dir}, Loader: s.stores.loader, Trail: admitting.Trail{}, Now: s.opt.Now, Log: s.log,
		Share: s.cfg.Stamdata.MaxCloseShare, Trees: s.trees,
	}
	if s.cfg.Security.Mode == Development {
		if err := s.importer.Load(ctx); err != nil {
			return &ResourceError{err}
		}
	}
	if err := s.trees.Refresh(ctx); err != nil {
		return &ResourceError{err}
	}
	s.metrics.Loads(s.stores.loader.Loads)
	var err error
	if s.cfg.runsAny(RoleECPR) {
		if err := issuing.LayIn(ctx, s.stores.oids, s.opt.NewID); err != nil {
			return &ResourceError{err}
		}
		if s.registry, err = s.newRegistry(); err != nil {
			return err
		}
		s.runner.Jobs = append(s.runner.Jobs, s.exporter().Job(s.cfg.ECPR.Export.Interval, s.cfg.Jobs.LeaseTTL))
	}
	if s.cfg.runsAny(RoleECPR, RoleConsent, RoleWills, RoleFGVHR) {
		if err := s.openRelay(); err != nil {
			return err
		}
	}
	if s.cfg.runsAny(RoleConsent) {
		s.runner.Jobs = append(s.runner.Jobs, s.retention().Job(retentionInterval, s.cfg.Jobs.LeaseTTL))
	}
	if s.cfg.runsAny(RoleStamdata) {
		s.runner.Jobs = append(s.runner.Jobs, s.importer.Job(s.cfg.Stamdata.Interval, s.cfg.Jobs.LeaseTTL))
		if dir := s.cfg.ECPR.Import.Dir; dir != "" {
			imports := &replicating.Importer{
				Files: files.Exports{Dir: dir}, Register: s.stores.copies, State: s.stores.exports, Trail: admitting.Trail{}, Now: s.opt.Now,
			}
			s.runner.Jobs = append(s.runner.Jobs, imports.Job(s.cfg.ECPR.Export.Interval, s.cfg.Jobs.LeaseTTL))
		}
	}
	return nil
}

// openRelay makes what delivers notices to other services.
func (s *server) openRelay() error {
	notifier, err := s.notifier()
	if err != nil {
		return err
	}
	s.relay = &relaying.Relay{
		Outbox: s.stores.outbox, Notifier: notifier, Access: s.accesses, Runner: s.runner, Trail: admitting.Trail{}, Now: s.opt.Now, Log: s.log,
		Poll: s.cfg.Outbox.Poll, MaxBackoff: s.cfg.Outbox.MaxBackoff, Leases: s.leases(), Holder: s.holder, Lease: s.cfg.Jobs.LeaseTTL,
	}
	s.outbox = &relaying.Operating{Outbox: s.stores.outbox, Trail: admitting.Trail{}, Now: s.opt.Now}
	s.metrics.Outbox(s.stores.outbox, s.opt.Now)
	return nil
}

// refreshTrees takes over organisations that another process loaded, until ctx ends.
func (s *server) refreshTrees(ctx context.Context) {
	every(s.cfg.Stamdata.Interval, func(tick <-chan time.Time) {
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick:
			}
			if err := s.trees.Refresh(ctx); err != nil {
				s.log.WarnContext(ctx, "organisations not read again", "error", err)
			}
		}
	})
}

// exporter hands over what changes of registrations.
func (s *server) exporter() *replicating.Exporter {
	e := &replicating.Exporter{
		Persons: s.stores.registrations, OIDs: s.stores.oids, State: s.stores.exports, Register: s.stores.copies, Trail: admitting.Trail{}, Now: s.opt.Now,
	}
	if s.cfg.ECPR.Export.Mode == ExportFile {
		e.Files = files.Exports{Dir: s.cfg.ECPR.Export.Dir}
	}
	return e
}

// leases are those that other processes of the store know; nil where no other process uses it.
func (s *server) leases() ports.Leases {
	if s.cfg.Store.Driver != "postgres" {
		return nil // what a process that died held need not be waited for
	}
	return s.stores.leases
}

// newCards gets cards for the system that holds a certificate.
func newCards(pair tls.Certificate, url string, now func() time.Time) (*cards, error) {
	key, ok := pair.PrivateKey.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("want an RSA key")
	}
	subject := authtrust.Subject(pair.Leaf)
	if subject.CVR == "" {
		return nil, errors.New("the certificate names no organisation by its CVR number")
	}
	return &cards{
		sts: stsws.Client{URL: url, Now: now, NewID: uuid.NewString}, now: now,
		credential: stsws.Credential{Certificate: pair.Leaf, Key: key, CVR: subject.CVR, CareProviderName: "CVR " + subject.CVR, SystemName: "OpenNSP"},
	}, nil
}

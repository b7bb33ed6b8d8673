package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/auth/dgws"
	"github.com/opennsp/nsp/adapters/auth/dgws/dgwstest"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmldsig"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/bootstrap/devfed"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/identity"
)

// The servers that are compared. Each is a process of its own that takes one message at "/", on a port that it prints.
const (
	echoServer      = "echo"       // reads the message and answers
	nspServer       = "nsp"        // our router, verifier and gate
	nspCachedServer = "nsp-cached" // the same with the cache of signature values that were good
	otherServer     = "goxmldsig"  // etree and goxmldsig

	// Those two again, which take the messages of a user check at every path.
	consentServer       = "verify"
	consentCachedServer = "verify-cached"

	// And those of a fetch.
	nasVerifyServer       = "verify-fetch"
	nasVerifyCachedServer = "verify-fetch-cached"

	// And of questions about wills and opt-outs.
	willServer   = "verify-has"
	optOutServer = "verify-get-consent"
)

const cacheEntries = 16384 // as nspd has them

// Files in the folder of the servers.
const (
	fileCertificate = "cert.der"   // of the token service
	fileAnswer      = "answer.xml" // what servers other than ours answer
)

// be is the process of one server. It ends when it is killed.
func be(ctx context.Context, kind, dir string) error {
	der, err := os.ReadFile(filepath.Join(dir, fileCertificate))
	if err != nil {
		return err
	}
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	switch kind {
	case nspServer:
		e.POST("/", echo.WrapHandler(router(der, nil, registering())))
	case nspCachedServer:
		e.POST("/", echo.WrapHandler(router(der, xmldsig.NewCache(cacheEntries), registering())))
	case consentServer:
		e.POST("/*", echo.WrapHandler(router(der, nil, checking())))
	case consentCachedServer:
		e.POST("/*", echo.WrapHandler(router(der, xmldsig.NewCache(cacheEntries), checking())))
	case nasVerifyServer:
		e.POST("/*", echo.WrapHandler(router(der, nil, asking())))
	case nasVerifyCachedServer:
		e.POST("/*", echo.WrapHandler(router(der, xmldsig.NewCache(cacheEntries), asking())))
	case willServer:
		e.POST("/*", echo.WrapHandler(router(der, nil, looking("HasTreatmentWill"))))
	case optOutServer:
		e.POST("/*", echo.WrapHandler(router(der, nil, looking("GetConsent"))))
	default:
		if err := peer(e, kind, der, filepath.Join(dir, fileAnswer)); err != nil {
			return err
		}
	}
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	server := &http.Server{Handler: e, ReadHeaderTimeout: 10 * time.Second}
	return server.Serve(l)
}

// peer lets e answer as echo alone does, or after the signature was verified in another way.
func peer(e *echo.Echo, kind string, der []byte, answerFile string) error {
	answer, err := os.ReadFile(answerFile)
	if err != nil {
		return err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return err
	}
	e.POST("/", func(c echo.Context) error {
		message, err := io.ReadAll(c.Request().Body)
		if err == nil && kind == otherServer {
			err = goxmldsig(message, cert)
		}
		if err != nil {
			return c.NoContent(http.StatusInternalServerError)
		}
		return c.Blob(http.StatusOK, "text/xml; charset=utf-8", answer)
	})
	return nil
}

// mounted is an operation that does nothing, and whose ID cards it takes.
type mounted struct {
	issuer    string
	operation soap.Operation
}

// registering takes the cards of dgwstest.
func registering() mounted {
	return mounted{dgwstest.Issuer, soap.Operation{
		Name:   soap.Name{Space: registrations, Local: "RegistrationRequest"},
		Label:  "Bench",
		Policy: admitting.Policy{Schemes: []identity.Scheme{identity.DGWS}, Kinds: []identity.Kind{identity.System}, MinLevel: 3},
		Serve: func(context.Context, soap.Request) (soap.Reply, error) {
			return func(w *xmlout.Writer) { w.Elem("r:Done", "", "xmlns:r", registrations) }, nil
		},
	}}
}

// checking takes the cards of the test federation, of a system whose word about its users counts.
func checking() mounted {
	const space = "urn:dk:nsi:consentservices:consentverification"
	return mounted{devfed.STSIssuer, soap.Operation{
		Name:  soap.Name{Space: space, Local: "ConsentForUserCheck"},
		Label: "Bench",
		Policy: admitting.Policy{
			Schemes: []identity.Scheme{identity.DGWS}, Kinds: []identity.Kind{identity.Professional}, MinLevel: 3, HSUID: admitting.Required,
		},
		Serve: func(context.Context, soap.Request) (soap.Reply, error) {
			return func(w *xmlout.Writer) { w.Elem("v:ConsentForUserCheckResponse", "", "xmlns:v", space) }, nil
		},
	}}
}

// asking takes the cards of the test federation, of a system that fetches notifications.
func asking() mounted {
	const space = "http://docs.oasis-open.org/wsn/b-2"
	return mounted{devfed.STSIssuer, soap.Operation{
		Name:   soap.Name{Space: space, Local: "GetMessages"},
		Label:  "Bench",
		Policy: admitting.Policy{Schemes: []identity.Scheme{identity.DGWS}, Kinds: []identity.Kind{identity.System}, MinLevel: 3},
		Serve: func(context.Context, soap.Request) (soap.Reply, error) {
			return func(w *xmlout.Writer) { w.Elem("wsnt:GetMessagesResponse", "", "xmlns:wsnt", space) }, nil
		},
	}}
}

// looking takes the cards of the test federation, of a system that asks about a citizen.
func looking(operation string) mounted {
	return mounted{devfed.STSIssuer, soap.Operation{
		Name:   soap.Name{Space: soap.AnySpace, Local: operation + "Request"},
		Label:  "Bench",
		Policy: admitting.Policy{Schemes: []identity.Scheme{identity.DGWS}, Kinds: []identity.Kind{identity.System}, MinLevel: 3},
		Serve: func(context.Context, soap.Request) (soap.Reply, error) {
			return func(w *xmlout.Writer) { w.Elem("x:"+operation+"Response", "", "xmlns:x", "urn:x") }, nil
		},
	}}
}

// router is what a production server mounts, with an operation that does nothing and an audit log that forgets: what is left of a call is to
// receive, parse, verify, admit and answer it.
func router(der []byte, cache *xmldsig.Cache, m mounted) http.Handler {
	log := slog.New(slog.DiscardHandler)
	verifier := &dgws.Verifier{Trust: dgwstest.Trust(dgwstest.AnchorOf(der, "bench", m.issuer)), Now: time.Now, Cache: cache}
	return soap.NewRouter(soap.Service{
		Name: "bench", Profile: &soap.DGWS{Schemes: &auth.Schemes{DGWS: verifier}, Now: time.Now, NewID: uuid.NewString}, Operations: []soap.Operation{m.operation},
	}, soap.Deps{
		Gate: &admitting.Gate{
			Audit: forgetful{}, Units: unbound{}, Now: time.Now, Log: log, Grants: func(context.Context, string, string) (bool, error) { return true, nil },
		}, Now: time.Now, NewID: uuid.NewString, Log: log,
	})
}

// forgetful is an audit log that keeps nothing.
type forgetful struct{}

func (forgetful) Ready(context.Context) error               { return nil }
func (forgetful) Append(context.Context, audit.Entry) error { return nil }

// unbound is a unit of work without a store.
type unbound struct{}

func (unbound) Run(ctx context.Context, work, seal func(context.Context) error) error {
	if err := work(ctx); err != nil {
		return err
	}
	return seal(ctx)
}

var errNoServer = errors.New("server ended before it listened")

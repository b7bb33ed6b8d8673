// Package securityws is the SOAP service that opens sessions: who sends a signed message gets a token for the JSON API.
package securityws

import (
	"context"
	_ "embed"
	"time"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/application/securing"
	"github.com/opennsp/nsp/domain/audit"
)

// The names of the wire; no public source fixes them.
const (
	Path      = "/security/SessionService"
	Action    = "OpenSession"
	Namespace = "urn:opennsp:security:1"
)

//go:embed contract/session.wsdl
var wsdl []byte

//go:embed contract/session.xsd
var schema []byte

// Service returns the service to be mounted at [Path]. Its tokens are for one of audiences.
func Service(sessions *securing.Sessions, profile soap.Profile, audiences []string) soap.Service {
	return soap.Service{
		Name: "security-session", Component: audit.Admin, Profile: profile,
		Contract: soap.Contract{WSDL: wsdl, Files: map[string][]byte{"session.xsd": schema}},
		Operations: []soap.Operation{{
			Name: soap.Name{Space: Namespace, Local: "OpenSession"}, Label: Action, Actions: []string{Action},
			Policy: securing.SessionPolicy(audiences),
			Serve: func(ctx context.Context, req soap.Request) (soap.Reply, error) {
				session, err := sessions.Open(ctx, req.Caller)
				if err != nil {
					return nil, err
				}
				return func(w *xmlout.Writer) { write(w, session) }, nil
			},
		}},
	}
}

func write(w *xmlout.Writer, s securing.Session) {
	w.Start("sec:OpenSessionResponse", "xmlns:sec", Namespace)
	w.Elem("sec:Token", s.Token)
	w.Elem("sec:Expires", s.Expires.UTC().Format(time.RFC3339))
	w.End()
}

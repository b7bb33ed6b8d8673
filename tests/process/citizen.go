package process

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/opennsp/nsp/adapters/soap/stsws"
	"github.com/opennsp/nsp/bootstrap/devfed"
	"github.com/opennsp/nsp/domain/cpr"
)

// Federation is the server's test federation.
func (s *Server) Federation() devfed.Federation {
	return devfed.Federation{Dir: s.federation}
}

// Token returns an identity token for audience of a citizen who logged in at the test identity provider, bound to the key of the sample portal.
func (s *Server) Token(ctx context.Context, citizen, audience string) ([]byte, error) {
	number, err := cpr.Parse(citizen)
	if err != nil {
		return nil, err
	}
	portal, err := s.Federation().Sample("portal")
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(map[string]string{"citizen": citizen})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/api/sts/v1/dev/bootstrap", strings.NewReader(string(body)))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	login, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("log in: %s: %w", resp.Status, err)
	}
	sts := stsws.Client{URL: s.URL + stsws.PathBst2Idws, Now: time.Now, NewID: uuid.NewString}
	token, err := sts.Exchange(ctx, stsws.Exchange{
		Certificate: portal.Certificate, Key: portal.Key, ActAs: login, Audience: audience, Claims: stsws.CitizenClaims(number, cpr.Number{}, 0),
	})
	return token.Assertion, err
}

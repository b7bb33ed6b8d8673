package rest

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"strconv"
	"strings"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/ports"
)

// holder tells whose bearer token the request has (RFC 6750, section 2.1; the other ways to send one are not taken): the operator's, or that
// of a session. Tokens are looked up by their hash, so that the time it takes tells nothing of them.
func (a *api) holder(ctx context.Context, x *exchange) (identity.Caller, error) {
	token, err := bearer(x.http.Header.Values("Authorization"))
	if err != nil {
		return identity.Caller{}, err
	}
	var caller identity.Caller
	if a.isOperator(token) {
		caller = identity.Caller{Kind: identity.Operator, Credential: identity.Credential{Scheme: identity.OperatorToken}}
	} else {
		session, err := a.Sessions.Resolve(ctx, token)
		if err != nil {
			return identity.Caller{}, err
		}
		caller, x.bearer = session.Caller, token
	}
	caller.Administrator = auth.Administers(caller, a.Administrators)
	x.access.IDCardAttributes = attributes(caller)
	return caller, nil
}

func (a *api) isOperator(token string) bool {
	hash := sha256.Sum256([]byte(token))
	return a.Operator != [32]byte{} && subtle.ConstantTimeCompare(hash[:], a.Operator[:]) == 1
}

// bearer returns the token of the one Authorization header.
func bearer(headers []string) (string, error) {
	if len(headers) == 0 {
		return "", errNoToken
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	if len(headers) > 1 || !strings.EqualFold(scheme, "Bearer") || token == "" || strings.ContainsAny(token, " ,\t") {
		return "", ports.ErrNoSession
	}
	return token, nil
}

// attributes is what the audit line tells of who holds a token: who issued the credential behind it, which one it was, its scheme and level,
// and the person.
func attributes(c identity.Caller) map[string]string {
	origin := c.Credential.Scheme
	if origin == identity.Session {
		origin = c.Credential.Origin
	}
	told := map[string]string{
		"issuer": c.Credential.Issuer, "keyid": c.Credential.ID, "scope": origin.String() + ":" + strconv.Itoa(c.Credential.Level),
		"cpr": c.CPR.Digits(),
	}
	for name, value := range told {
		if value == "" {
			delete(told, name)
		}
	}
	return told
}

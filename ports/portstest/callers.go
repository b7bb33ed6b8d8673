package portstest

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/relation"
)

// Callers generates callers of every kind, with any of the fields set. Their numbers are of nobody: the first of January 1900.
func Callers() *rapid.Generator[identity.Caller] {
	numbers := rapid.Custom(func(r *rapid.T) cpr.Number {
		n := rapid.IntRange(-1, 9999).Draw(r, "number")
		if n < 0 {
			return cpr.Number{}
		}
		number, err := cpr.Parse(fmt.Sprintf("010100%04d", n))
		if err != nil {
			r.Fatal(err)
		}
		return number
	})
	instants := rapid.Custom(func(r *rapid.T) time.Time {
		n := rapid.Int64Range(-1, 1e18).Draw(r, "instant")
		if n < 0 {
			return time.Time{}
		}
		return noon.Add(time.Duration(n))
	})
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "33257872", "Sygehus <Æ> & \"Ø\"", "a\u2028b\x00\\"}))
	ids := rapid.Custom(func(r *rapid.T) identity.OrgID {
		return identity.OrgID{Scheme: text.Draw(r, "scheme"), Code: text.Draw(r, "code")}
	})
	return rapid.Custom(func(r *rapid.T) identity.Caller {
		flag := rapid.Bool()
		c := identity.Caller{
			Kind: identity.Kind(rapid.IntRange(0, int(identity.Operator)).Draw(r, "kind")), CPR: numbers.Draw(r, "own"),
			Name: text.Draw(r, "name"), Email: text.Draw(r, "email"), AuthorisationCode: text.Draw(r, "authorisation"),
			EducationCode: text.Draw(r, "education"), NationalRole: text.Draw(r, "role"), RawRole: text.Draw(r, "raw role"),
			Occupation: text.Draw(r, "occupation"), SystemName: text.Draw(r, "system"), Override: flag.Draw(r, "override"),
			Vouched: flag.Draw(r, "vouched"), Administrator: flag.Draw(r, "administrator"), Audience: text.Draw(r, "audience"),
			Addr: text.Draw(r, "address"), MessageID: text.Draw(r, "message id"),
			Org: identity.Organisation{CVR: text.Draw(r, "cvr"), Name: text.Draw(r, "organisation")},
			Credential: identity.Credential{
				Scheme: identity.Scheme(rapid.IntRange(0, int(identity.Sample)).Draw(r, "scheme")),
				Origin: identity.Scheme(rapid.IntRange(0, int(identity.Sample)).Draw(r, "origin")), Level: rapid.IntRange(0, 4).Draw(r, "level"),
				Issuer: text.Draw(r, "issuer"), ID: text.Draw(r, "id"), CertHash: text.Draw(r, "certificate"), X509Subject: text.Draw(r, "subject"),
				SubjectSerial: text.Draw(r, "serial"),
				IssuedAt:      instants.Draw(r, "issued"), NotBefore: instants.Draw(r, "not before"), NotOnOrAfter: instants.Draw(r, "not on or after"),
			},
		}
		copy(c.Credential.Signer[:], rapid.SliceOfN(rapid.Byte(), 0, 32).Draw(r, "signer"))
		if list := rapid.SliceOfN(ids, 0, 3).Draw(r, "ids"); len(list) > 0 {
			c.Org.IDs = list
		}
		if list := rapid.SliceOfN(text, 0, 3).Draw(r, "topics"); len(list) > 0 {
			c.Topics = list
		}
		if flag.Draw(r, "on behalf") {
			c.OnBehalfOf = &identity.Principal{CPR: numbers.Draw(r, "principal"), Kind: relation.Kind(rapid.IntRange(0, int(relation.Proxy)).Draw(r, "relation"))}
		}
		if flag.Draw(r, "hsuid") {
			c.HSUID = &identity.HSUID{Issuer: text.Draw(r, "h issuer"), UserType: text.Draw(r, "h type"), Acting: numbers.Draw(r, "h acting"),
				Responsible: numbers.Draw(r, "h responsible"), ResponsibleCode: text.Draw(r, "h code"), Org: ids.Draw(r, "h org"), OrgName: text.Draw(r, "h org name"),
				Override: flag.Draw(r, "h override"), Citizen: numbers.Draw(r, "h citizen"), Relation: text.Draw(r, "h relation"),
				SystemOwner: text.Draw(r, "h owner"), SystemName: text.Draw(r, "h system"), SystemVersion: text.Draw(r, "h version")}
		}
		return c
	})
}

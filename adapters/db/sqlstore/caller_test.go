package sqlstore

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/relation"
	"github.com/opennsp/nsp/ports"
)

// stored is a session as version 1 keeps it: it is read for as long as the version is 1.
const stored = `{"Version":1,"Kind":3,"Name":"Nancy Berggren","Email":"","AuthorisationCode":"","EducationCode":"","NationalRole":"",
	"RawRole":"","Occupation":"","Org":{"CVR":"33257872","Name":"","IDs":[{"Scheme":"sor","Code":"999"}]},"SystemName":"portal","Override":false,
	"Vouched":true,"Administrator":false,"Audience":"https://minlog","Credential":{"Scheme":4,"Origin":2,"Level":3,"Issuer":"STS","ID":"_1",
	"CertHash":"","Signer":[1,2,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0],"X509Subject":"",
	"IssuedAt":"0001-01-01T00:00:00Z","NotBefore":"2026-11-01T11:55:00Z","NotOnOrAfter":"2026-11-01T13:00:00.000000001Z"},"Addr":"192.0.2.1",
	"MessageID":"m-1","CPR":"2512489996","OnBehalfOf":{"Kind":1,"CPR":"1101116171"},"HSUID":{"Issuer":"","UserType":"nsi:Citizen",
	"ResponsibleCode":"","Org":{"Scheme":"","Code":""},"OrgName":"","Override":false,"Relation":"","SystemOwner":"","SystemName":"",
	"SystemVersion":"","Acting":"2512489996","Responsible":"","Citizen":"1101116171"},"LaterField":{"A":[1]}}`

func TestStoredCaller(t *testing.T) {
	own, err := cpr.Parse("2512489996")
	require.NoError(t, err)
	child, err := cpr.Parse("1101116171")
	require.NoError(t, err)
	want := identity.Caller{Kind: identity.Citizen, CPR: own, Name: "Nancy Berggren", SystemName: "portal", Vouched: true, Audience: "https://minlog",
		Org:        identity.Organisation{CVR: "33257872", IDs: []identity.OrgID{{Scheme: "sor", Code: "999"}}},
		OnBehalfOf: &identity.Principal{CPR: child, Kind: relation.Custody},
		HSUID:      &identity.HSUID{UserType: "nsi:Citizen", Acting: own, Citizen: child},
		Credential: identity.Credential{Scheme: identity.Session, Origin: identity.IDWS, Level: 3, Issuer: "STS", ID: "_1", Signer: [32]byte{1, 2},
			NotBefore: start.Add(-5 * time.Minute), NotOnOrAfter: start.Add(time.Hour + 1)},
		Addr: "192.0.2.1", MessageID: "m-1"}

	t.Run("the form of version 1 is read, with a field of a later program in it", func(t *testing.T) {
		got, ok, err := unmarshalCaller([]byte(stored))
		require.NoError(t, err)
		require.True(t, ok)
		assert.True(t, assert.ObjectsAreEqual(want, got), "another caller")
	})

	t.Run("a caller is written in that form", func(t *testing.T) {
		doc, err := marshalCaller(want)
		require.NoError(t, err)
		assert.JSONEq(t, strings.Replace(stored, `,"LaterField":{"A":[1]}`, "", 1), string(doc))
	})

	put := func(t *testing.T, doc string) *DB {
		db := opened(t)
		token := hash(1)
		_, err := db.once(context.Background(), putSession, token[:], doc, start.Add(time.Hour).UnixMicro())
		require.NoError(t, err)
		return db
	}

	t.Run("a session of another version has ended", func(t *testing.T) {
		db := put(t, strings.Replace(stored, `"Version":1`, `"Version":2`, 1))
		_, _, err := db.Sessions().Get(context.Background(), hash(1), start)
		require.ErrorIs(t, err, ports.ErrNoSession)
	})

	for name, doc := range map[string]string{
		"no JSON": `{"Version":1,`, "a bad number": `{"Version":1,"CPR":"12"}`, "another type": `{"Version":1,"Kind":"citizen"}`,
	} {
		t.Run("a session that cannot be read admits nobody: "+name, func(t *testing.T) {
			c, _, err := put(t, doc).Sessions().Get(context.Background(), hash(1), start)
			require.Error(t, err)
			assert.Equal(t, identity.Unknown, c.Kind)
		})
	}
}

package relation_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/opennsp/nsp/domain/relation"
)

func TestParseClaim(t *testing.T) {
	const number = "1101116171"
	for _, tt := range []struct {
		name, text string
		want       relation.Kind
	}{
		{"SA-42 custody", "urn:dk:healthcare:saml:actThroughCustodyOver:cprNumberIdentifier:" + number, relation.Custody},
		{"SA-42 parental custody", "urn:dk:healthcare:saml:actThrough:ParentalCustody:cprNumberIdentifier:" + number, relation.Custody},
		{"SA-42 ward custody", "urn:dk:healthcare:saml:actThrough:WardCustody:cprNumberIdentifier:" + number, relation.Custody},
		{"SA-42 partly ward custody", "urn:dk:healthcare:saml:actThrough:PartlyWardCustody:cprNumberIdentifier:" + number, relation.Custody},
		{"SA-42 proxy", "urn:dk:healthcare:saml:actThroughProcurationBy:cprNumberIdentifier:" + number, relation.Proxy},
		{"SA-42 unknown prefix", "urn:dk:healthcare:saml:actThrough:Friendship:cprNumberIdentifier:" + number, relation.None},
		{"SA-42 number alone", number, relation.None},
		{"SA-42 no number", relation.ClaimCustody, relation.None},
		{"SA-42 not a number", relation.ClaimCustody + "9901116171", relation.None},
		{"SA-42 number with a hyphen", relation.ClaimCustody + "110111-6171", relation.None},
		{"SA-42 something after the number", relation.ClaimCustody + number + " ", relation.None},
		{"SA-42 two values", relation.ClaimCustody + number + "," + relation.ClaimProxy + number, relation.None},
	} {
		t.Run(tt.name, func(t *testing.T) {
			kind, n, err := relation.ParseClaim(tt.text)
			assert.Equal(t, tt.want, kind)
			if tt.want == relation.None {
				assert.ErrorIs(t, err, relation.ErrClaim)
				assert.True(t, n.IsZero())
				return
			}
			assert.NoError(t, err)
			assert.Equal(t, number, n.Digits())
		})
	}
}

func TestAdmits(t *testing.T) {
	all := []relation.Kind{relation.None, relation.Custody, relation.Guardian, relation.Proxy}
	want := map[[2]relation.Kind]bool{
		{relation.Custody, relation.Custody}: true, {relation.Guardian, relation.Custody}: true,
		{relation.Guardian, relation.Guardian}: true, {relation.Proxy, relation.Proxy}: true,
	}
	for _, has := range all {
		for _, claimed := range all {
			assert.Equal(t, want[[2]relation.Kind{has, claimed}], relation.Relation{Kind: has}.Admits(claimed), "Relation{%d}.Admits(%d)", has, claimed)
		}
	}
}

func TestCovers(t *testing.T) {
	for _, tt := range []struct {
		name string
		r    relation.Relation
		want bool
	}{
		{"proxy for the service", relation.Relation{Kind: relation.Proxy, Scope: []string{"fmk", "minlog"}}, true},
		{"proxy for everything", relation.Relation{Kind: relation.Proxy, Scope: []string{"*"}}, true},
		{"proxy for another service", relation.Relation{Kind: relation.Proxy, Scope: []string{"fmk", "minlog2", "MINLOG", ""}}, false},
		{"proxy for nothing", relation.Relation{Kind: relation.Proxy}, false},
		{"custody", relation.Relation{Kind: relation.Custody}, true},
		{"guardian", relation.Relation{Kind: relation.Guardian}, true},
		{"no relation", relation.Relation{Scope: []string{"*"}}, false},
	} {
		assert.Equal(t, tt.want, tt.r.Covers("minlog"), tt.name)
	}
}

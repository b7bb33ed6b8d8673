package trust_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/trust"
	"github.com/opennsp/nsp/domain/validity"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func key(n byte) [32]byte { return [32]byte{n} }

func anchor(id string, spki byte, from, to time.Time) trust.Anchor {
	return trust.Anchor{
		ID: id, Uses: []trust.Use{trust.IDCard}, Issuers: []string{"STS"}, SPKI: key(spki), Window: validity.Period{From: from, To: to},
	}
}

func TestMatch(t *testing.T) {
	day := 24 * time.Hour
	revoked := anchor("revoked", 4, noon.Add(-day), noon.Add(day))
	revoked.Revoked = true
	set := &trust.Set{Anchors: []trust.Anchor{
		anchor("now", 1, noon.Add(-day), noon.Add(day)),
		anchor("old", 2, noon.Add(-day), noon),
		anchor("renewed", 2, noon.Add(-time.Hour), noon.Add(day)),
		anchor("ended", 3, noon.Add(-day), noon),
		revoked,
	}}
	for _, c := range []struct {
		name        string
		use         trust.Use
		issuer      string
		spki        byte
		now, issued time.Time
		id          string
		err         error
	}{
		{"pinned", trust.IDCard, "STS", 1, noon, noon, "now", nil},
		{"another key", trust.IDCard, "STS", 9, noon, noon, "", trust.ErrUntrusted},
		{"another use", trust.Token, "STS", 1, noon, noon, "", trust.ErrUntrusted},
		{"another issuer", trust.IDCard, "sts", 1, noon, noon, "", trust.ErrUntrusted},
		{"at the first instant", trust.IDCard, "STS", 1, noon.Add(-day), noon.Add(-day), "now", nil},
		{"before it", trust.IDCard, "STS", 1, noon.Add(-day - 1), noon, "", trust.ErrWindow},
		{"issued before it", trust.IDCard, "STS", 1, noon, noon.Add(-day - 1), "", trust.ErrWindow},
		{"at its end", trust.IDCard, "STS", 3, noon, noon.Add(-1), "", trust.ErrWindow},
		{"just before its end", trust.IDCard, "STS", 3, noon.Add(-1), noon.Add(-1), "ended", nil},
		{"issued at its end", trust.IDCard, "STS", 3, noon.Add(-1), noon, "", trust.ErrWindow},
		{"the same key renewed", trust.IDCard, "STS", 2, noon, noon, "renewed", nil},
		{"the same key before it was renewed", trust.IDCard, "STS", 2, noon.Add(-2 * time.Hour), noon.Add(-2 * time.Hour), "old", nil},
		{"revoked", trust.IDCard, "STS", 4, noon, noon, "", trust.ErrRevoked},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := set.Match(c.use, c.issuer, key(c.spki), c.now, c.issued)
			assert.ErrorIs(t, err, c.err)
			if c.err == nil {
				require.NotNil(t, a)
				assert.Equal(t, c.id, a.ID)
			}
		})
	}
	_, err := (&trust.Set{}).Match(trust.IDCard, "STS", key(1), noon, noon)
	assert.ErrorIs(t, err, trust.ErrUntrusted, "no anchors, no trust")
}

func TestCandidates(t *testing.T) {
	day := 24 * time.Hour
	set := &trust.Set{Anchors: []trust.Anchor{anchor("0", 0, noon.Add(-day), noon)}}
	for i := range byte(6) {
		set.Anchors = append(set.Anchors, anchor(string('1'+rune(i)), i+1, noon.Add(-day), noon.Add(day)))
		set.Anchors = append(set.Anchors, anchor("again", i+1, noon.Add(-day), noon.Add(day)))
	}
	found, err := set.Candidates(trust.IDCard, "STS", noon, noon)
	require.NoError(t, err)
	var ids []string
	for _, a := range found {
		ids = append(ids, a.ID)
	}
	assert.Equal(t, []string{"1", "2", "3", "4"}, ids, "at most four keys, each once, those in their window")

	_, err = set.Candidates(trust.IDCard, "other", noon, noon)
	assert.ErrorIs(t, err, trust.ErrUntrusted)
	_, err = set.Candidates(trust.IDCard, "STS", noon.Add(2*day), noon)
	assert.ErrorIs(t, err, trust.ErrWindow)
}

func TestMatchNeverTrustsAnotherKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		anchors := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) trust.Anchor {
			a := anchor("a", rapid.Byte().Draw(t, "key"), noon.Add(-time.Hour), noon.Add(time.Hour))
			a.Revoked = rapid.Bool().Draw(t, "revoked")
			return a
		}), 0, 5).Draw(t, "anchors")
		set := &trust.Set{Anchors: anchors}
		k := rapid.Byte().Draw(t, "k")
		at := noon.Add(time.Duration(rapid.Int64Range(-2, 2).Draw(t, "hours")) * time.Hour)
		want := false
		for _, a := range anchors {
			want = want || a.SPKI == key(k) && !a.Revoked && a.Window.Contains(at)
		}
		a, err := set.Match(trust.IDCard, "STS", key(k), at, at)
		if (err == nil) != want || err == nil && a.SPKI != key(k) {
			t.Fatalf("Match = %v, %v, want trusted %v", a, err, want)
		}
	})
}

func TestRevocations(t *testing.T) {
	serial := trust.Serial{Issuer: key(7), Number: "42"}
	r := trust.Revocations{
		Certificates: map[[32]byte]bool{key(1): true}, SPKIs: map[[32]byte]bool{key(2): true}, Serials: map[trust.Serial]bool{serial: true},
	}
	assert.True(t, r.Has(key(1), key(0), trust.Serial{}))
	assert.True(t, r.Has(key(0), key(2), trust.Serial{}))
	assert.True(t, r.Has(key(0), key(0), serial))
	assert.False(t, r.Has(key(2), key(1), trust.Serial{Issuer: key(7), Number: "43"}))
	assert.False(t, trust.Revocations{}.Has(key(1), key(1), serial))
}

func TestParseSubjectRefusesOddForms(t *testing.T) {
	for _, c := range [][2]string{
		{"CVR:9999990-RID:1", ""}, {"CVR:99999902-RID:", ""}, {"CVR:9999990A-RID:1", ""}, {"CVR:99999902", ""}, {"cvr:99999902-RID:1", ""},
		{"UI:DK-E:", "NTRDK-99999902"}, {"UI:DK-E:G:1", "NTRDK-1234"}, {"UI:DK-E:G:1", "99999902"}, {"UI:DK-O:G:1", ""},
	} {
		assert.Equal(t, trust.UnknownClass, trust.ParseSubject(c[0], c[1], "").Class, "ParseSubject(%q, %q)", c[0], c[1])
	}
}

package cda_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/adapters/soap/cda"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/will"
)

var update = flag.Bool("update", false, "write the golden files anew")

const sampleCitizen = "0501792275"

var values = []cda.Value{cda.LivingWill, cda.TreatmentWill, cda.TreatmentWillV2, cda.OnlyForcedTreatment}

func number(t require.TestingT, digits string) cpr.Number {
	n, err := cpr.Parse(digits)
	require.NoError(t, err)
	return n
}

// sample is a document of every kind of wish.
func sample(t require.TestingT, v cda.Value) cda.Document {
	return cda.Document{
		Value: v, Citizen: number(t, sampleCitizen),
		Registered: time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC), Created: time.Date(2026, 11, 21, 22, 5, 10, 0, time.UTC),
		Wishes: will.Wishes{
			IfDying: will.Wish{Declined: true}, IfSeverelyDegraded: will.Wish{Declined: true, Needs: will.Relative},
			NoForcedTreatment: will.Wish{Declined: true, Needs: will.Guardian},
		},
	}
}

func written(d cda.Document) string {
	var w xmlout.Writer
	d.Append(&w)
	return string(w.Bytes())
}

func parsed(t require.TestingT, xml string) (cda.Document, error) {
	tree, err := xmltree.Parse([]byte(xml), xmltree.DefaultLimits(1<<20))
	require.NoError(t, err)
	defer tree.Release()
	return cda.Parse(tree, tree.Root())
}

func TestGolden(t *testing.T) {
	for _, v := range values {
		t.Run("WA-22 "+v.Type(), func(t *testing.T) {
			d := sample(t, v)
			golden := filepath.Join("testdata", v.Type()+".xml")
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(written(d)+"\n"), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			assert.Equal(t, string(want), written(d)+"\n")
		})
	}
}

// only is what a reader of a will in the form v gets of wishes.
func only(v cda.Value, wishes will.Wishes) (w will.Wishes) {
	for _, element := range v.Elements() {
		wish := *cda.WishOf(&wishes, element)
		if !wish.Declined || !v.Conditional(element) {
			wish.Needs = will.None
		}
		*cda.WishOf(&w, element) = wish
	}
	return w
}

// TestRoundTrip: what is written reads back, to the second, but for what a form does not have.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		instant := rapid.Int64Range(0, 4_000_000_000)
		wish := rapid.Custom(func(t *rapid.T) will.Wish {
			return will.Wish{
				Declined: rapid.Bool().Draw(t, "declined"),
				Needs:    rapid.SampledFrom([]will.Acceptance{will.None, will.Relative, will.Guardian, will.TrustedAgent}).Draw(t, "needs"),
			}
		})
		d := sample(t, rapid.SampledFrom(values).Draw(t, "value"))
		d.Registered = time.Unix(instant.Draw(t, "registered"), 0).UTC()
		d.Created = time.Unix(instant.Draw(t, "created"), 0).UTC()
		d.Wishes = will.Wishes{
			IfDying: wish.Draw(t, "dying"), IfSeverelyDegraded: wish.Draw(t, "degraded"), IfSeverePain: wish.Draw(t, "pain"),
			NoForcedTreatment: wish.Draw(t, "forced"),
		}
		got, err := parsed(t, written(d))
		require.NoError(t, err)
		d.Wishes = only(d.Value, d.Wishes)
		require.Equal(t, d, got)
	})
}

// TestAutumn: the hour that comes twice is told apart by its offset.
func TestAutumn(t *testing.T) {
	d := sample(t, cda.LivingWill)
	for at, want := range map[string]string{
		"2026-10-25T00:30:00Z": `"20261025023000+0200"`, "2026-10-25T01:30:00Z": `"20261025023000+0100"`, "2026-03-29T01:00:00.9Z": `"20260329030000+0200"`,
	} {
		var err error
		d.Registered, err = time.Parse(time.RFC3339, at)
		require.NoError(t, err)
		assert.Contains(t, written(d), "<h:author><h:time value="+want)
	}
}

func TestHolds(t *testing.T) {
	all := sample(t, cda.TreatmentWill).Wishes
	living := will.Wishes{IfDying: will.Wish{Declined: true}, IfSeverelyDegraded: will.Wish{Declined: true}, IfSeverePain: will.Wish{Needs: will.Relative}}
	conditional := all
	conditional.IfDying.Needs = will.Guardian
	forced := will.Wishes{NoForcedTreatment: all.NoForcedTreatment}
	for v, want := range map[cda.Value][4]bool{
		cda.LivingWill: {false, true, false, false}, cda.TreatmentWill: {true, true, true, true}, cda.TreatmentWillV2: {true, true, false, true},
		cda.OnlyForcedTreatment: {false, false, false, true},
	} {
		for i, wishes := range []will.Wishes{all, living, conditional, forced} {
			assert.Equal(t, want[i], v.Holds(wishes), "%s %d", v.Type(), i)
		}
	}
}

func TestAnUnknownAcceptanceIsNeverUnconditional(t *testing.T) {
	d := sample(t, cda.TreatmentWillV2)
	d.Wishes.IfSeverelyDegraded.Needs = "other"
	_, err := parsed(t, written(d))
	assert.ErrorIs(t, err, cda.ErrDocument)
}

// TestParse: what others may write otherwise is read, what is not understood is refused.
func TestParse(t *testing.T) {
	for _, c := range []struct {
		name     string
		old, new string
		refused  bool
	}{
		{"another prefix", "w:", "x:", false},
		{"white space around the type", `"w:TreatmentWillV2"`, `" w:TreatmentWillV2 "`, false},
		{"numbers for booleans", ">true<", "> 1\n<", false},
		{"another code, title and custodian", "Sundhedsdatastyrelsen", "Other", false},
		{"a second author", "</h:author>", `</h:author><h:author><h:time value="20200101000000+0100"/></h:author>`, false},
		{"a second value", "</h:value>", `</h:value><h:value xsi:type="w:Other"/>`, false},
		{"another type", `"w:TreatmentWillV2"`, `"w:TreatmentWillV3"`, true},
		{"the type in another namespace", `"w:TreatmentWillV2"`, `"h:TreatmentWillV2"`, true},
		{"the type of a part", `"w:TreatmentWillV2"`, `"w:TreatmentWillWithOnlyForcedTreatment"`, true},
		{"a prefix that is not declared", `"w:TreatmentWillV2"`, `"y:TreatmentWillV2"`, true},
		{"no prefix", `"w:TreatmentWillV2"`, `"TreatmentWillV2"`, true},
		{"no type", ` xsi:type="w:TreatmentWillV2"`, "", true},
		{"no value", "<h:value ", `<h:value xsi:nil="1"/><h:value `, true},
		{"a null will", "<h:value ", `<h:value nullFlavor="UNK" `, true},
		{"one wish too few", "<w:noLifeProlongingIfSeverePain>false</w:noLifeProlongingIfSeverePain>", "", true},
		{"one too many", "</h:value>", "<w:other>true</w:other></h:value>", true},
		{"another order", "<w:noLifeProlongingIfSeverePain>false</w:noLifeProlongingIfSeverePain>",
			"<w:noForcedTreatmentIfIncapable>true</w:noForcedTreatmentIfIncapable>", true},
		{"no boolean", ">false<", ">no<", true},
		{"elements in a wish", ">false<", "><h:a/>false<", true},
		{"an acceptance that is none", "guardianAcceptanceRequired", "guardian", true},
		{"an acceptance if dying", "<w:noLifeProlongingIfDying", `<w:noLifeProlongingIfDying acceptanceNeeded="guardianAcceptanceRequired"`, true},
		{"no citizen", "recordTarget>", "recordTargets>", true},
		{"another register of persons", `<h:patientRole><h:id root="1.2.208.176.1.2"`, `<h:patientRole><h:id root="1.2.208.176.1.3"`, true},
		{"a number that is none", sampleCitizen, "3111009999", true},
		{"no author", "author>", "authors>", true},
		{"a day as time", "20260301120000+0100", "20260301", true},
		{"no time", "h:effectiveTime", "h:effectiveTimes", true},
		{"in a namespace", "ClinicalDocument", "h:ClinicalDocument", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := sample(t, cda.TreatmentWillV2)
			xml := strings.ReplaceAll(strings.ReplaceAll(written(want), c.old, c.new), "xmlns:w=", "xmlns:x=\"urn:x\" xmlns:w=")
			if c.old == "w:" {
				xml = strings.ReplaceAll(strings.ReplaceAll(written(want), "w:", "x:"), "xmlns:w", "xmlns:x")
			}
			require.NotEqual(t, written(want), xml)
			got, err := parsed(t, xml)
			if c.refused {
				require.ErrorIs(t, err, cda.ErrDocument)
				assert.NotContains(t, err.Error(), sampleCitizen)
				assert.Zero(t, got)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, want, got)
		})
	}
	d, err := parsed(t, strings.ReplaceAll(written(sample(t, cda.TreatmentWill)), "+0100", ""))
	require.NoError(t, err)
	assert.Equal(t, sample(t, cda.TreatmentWill), d, "a time without offset is Danish")
}

func FuzzParse(f *testing.F) {
	for _, v := range values {
		f.Add([]byte(written(sample(f, v))))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		tree, err := xmltree.Parse(raw, xmltree.DefaultLimits(1<<20))
		if err != nil {
			return
		}
		defer tree.Release()
		d, err := cda.Parse(tree, tree.Root())
		if err != nil {
			require.Zero(t, d)
			return
		}
		if year := d.Registered.Year(); year < 1 || year > 9998 || d.Created.Year() < 1 || d.Created.Year() > 9998 {
			return
		}
		again, err := parsed(t, written(d))
		require.NoError(t, err)
		d.Wishes = only(d.Value, d.Wishes)
		require.Equal(t, d.Wishes, again.Wishes)
		require.Equal(t, d.Citizen, again.Citizen)
	})
}

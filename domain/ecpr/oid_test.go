package ecpr_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/ecpr"
)

const licence = "1.2.3.4" // a system whose pattern somebody wrote without anchors

func table() ecpr.Table {
	rows := append(ecpr.DefaultOIDs(func() string { return "id" }),
		ecpr.OID{OID: licence, Label: "Licence", Pattern: `[A-Z]\d+`, Type: "x"},
		ecpr.OID{OID: "1.2.3.5", Label: "Broken", Pattern: `(`, Type: "x"})
	return ecpr.NewTable(rows)
}

func TestNormalise(t *testing.T) {
	for _, c := range []struct {
		name, oid, value, want string
		err                    error
	}{
		{"EC-20 a CPR number with a hyphen", ecpr.CPROID, " 140380-0099 ", "1403800099", nil},
		{"EC-01 a CPR number that cannot be", ecpr.CPROID, "3102800099", "", ecpr.ErrCPRForm},
		{"EC-01 the number of nobody", ecpr.CPROID, "0000000000", "", ecpr.ErrCPRForm},
		{"EC-03 a CPR number without modulus 11", ecpr.CPROID, "1403800099", "1403800099", nil},
		{"a CPR number with spaces inside", ecpr.CPROID, "140380 0099", "", ecpr.ErrCPRForm},
		{"EC-20 a passport in lower case, with spaces", ecpr.PassportOID, " ab 12\u00a034 ", "AB1234", nil},
		{"EC-05 a regional number", ecpr.CentralOID, "1308780qt7", "1308780QT7", nil},
		{"EC-05 from before 1900", ecpr.CapitalOID, "1308785QT7", "1308785QT7", nil},
		{"EC-05 from after 1999", ecpr.SouthernOID, "1308786QT7", "1308786QT7", nil},
		{"EC-05 a national number is none of a region", ecpr.NorthOID, "1308781QT7", "", ecpr.ErrInvalid},
		{"EC-05 any text", ecpr.SealandOID, "X", "", ecpr.ErrInvalid},
		{"EC-04 an X-eCPR", ecpr.XECPROID, "1308781 qt7", "1308781QT7", nil},
		{"EC-04 an X-eCPR of a century that is none", ecpr.XECPROID, "1308780QT7", "", ecpr.ErrInvalid},
		{"EC-20 the pattern is for the whole value", licence, "a12", "A12", nil},
		{"EC-20 a part of the value is not enough", licence, "A12-", "", ecpr.ErrInvalid},
		{"a pattern that is none", "1.2.3.5", "(", "", ecpr.ErrInvalid},
		{"EC-20 an OID that is not in the table", "1.2.208.176.1.6.1.3", "1308780QT7", "", ecpr.ErrInvalid},
		{"the general OID of old", "1.2.208.176.1.6", "1308780QT7", "", ecpr.ErrInvalid},
		{"no OID", "", "1", "", ecpr.ErrInvalid},
		{"no value", ecpr.PassportOID, "  ", "", ecpr.ErrInvalid},
		{"50 characters", ecpr.PassportOID, strings.Repeat("å", 50), strings.Repeat("Å", 50), nil},
		{"51 characters", ecpr.PassportOID, strings.Repeat("a", 51), "", ecpr.ErrInvalid},
		{"a control character", ecpr.PassportOID, "a\x00b", "", ecpr.ErrInvalid},
		{"bad UTF-8", ecpr.PassportOID, "a\xff", "", ecpr.ErrInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := table().Normalise(ecpr.Identifier{OID: c.oid, Value: c.value, Expiry: "2030-01-01"})
			if c.err != nil {
				require.ErrorIs(t, err, c.err)
				problem := (*ecpr.Problem)(nil)
				require.ErrorAs(t, err, &problem)
				if c.oid != "" {
					assert.True(t, problem.Value == c.value || problem.OID == c.oid, "the value is told, or the OID")
				}
				return
			}
			require.NoError(t, err)
			assert.Equal(t, ecpr.Identifier{OID: c.oid, Value: c.want, Expiry: "2030-01-01"}, got)
			again, err := table().Normalise(got)
			require.NoError(t, err)
			assert.Equal(t, got, again)
		})
	}
}

func TestDefaultOIDs(t *testing.T) {
	ids := 0
	rows := ecpr.DefaultOIDs(func() string { ids++; return strings.Repeat("i", ids) })
	assert.Len(t, rows, 11)
	seen := map[string]bool{}
	for _, o := range rows {
		require.NoError(t, o.Check(), o.OID)
		require.False(t, seen[o.OID] || seen[o.UUID])
		seen[o.OID], seen[o.UUID] = true, true
		row, ok := ecpr.NewTable(rows).Row(o.OID)
		assert.True(t, ok)
		assert.Equal(t, o, row)
	}
	_, ok := ecpr.NewTable(nil).Row(ecpr.CPROID)
	assert.False(t, ok)
}

func TestCheckOID(t *testing.T) {
	good := ecpr.OID{OID: "1.2.3", Label: "L", Type: "T"}
	for _, c := range []struct {
		name string
		edit func(*ecpr.OID)
	}{
		{"no OID", func(o *ecpr.OID) { o.OID = "" }},
		{"one number", func(o *ecpr.OID) { o.OID = "1" }},
		{"not dotted numbers", func(o *ecpr.OID) { o.OID = "1.2.x" }},
		{"a leading zero", func(o *ecpr.OID) { o.OID = "1.02" }},
		{"no such root", func(o *ecpr.OID) { o.OID = "3.1" }},
		{"a line break behind", func(o *ecpr.OID) { o.OID = "1.2\n" }},
		{"too long", func(o *ecpr.OID) { o.OID = "1" + strings.Repeat(".1", 50) }},
		{"no label", func(o *ecpr.OID) { o.Label = "" }},
		{"no type", func(o *ecpr.OID) { o.Type = "" }},
		{"a second label with a control character", func(o *ecpr.OID) { o.Secondary = "\x01" }},
		{"a pattern that is none", func(o *ecpr.OID) { o.Pattern = "(" }},
		{"a pattern that repeats too much", func(o *ecpr.OID) { o.Pattern = "((a{100}){100}){100}" }},
		{"a long pattern", func(o *ecpr.OID) { o.Pattern = strings.Repeat("a", 201) }},
		{"a pattern that closes what is around it", func(o *ecpr.OID) { o.Pattern = ")|(" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := good
			require.NoError(t, o.Check())
			c.edit(&o)
			assert.ErrorIs(t, o.Check(), ecpr.ErrInvalid)
		})
	}
}

package nas_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/nas"
)

const holder = "UI:DK-O:G:0d6f2c1e-7a38-4b1e-9a53-2f1f5f1c9e10"

func TestCheckAccess(t *testing.T) {
	for _, good := range []string{
		"ALL", "CVR:33257872", "CVR:33257872-RID:1", "CVR:33257872-UID:1234567890", "CVR:33257872-FID:22933922", "CVR:33257872-" + holder,
		"CVR:33257872-" + strings.Replace(holder, "0d6f2c1e", "0D6F2C1E", 1), "CVR:33257872-UID:a-b.c_d",
	} {
		assert.NoError(t, nas.CheckAccess(good), good)
	}
	for _, bad := range []string{
		"", "all", " ALL", "ALL ", "CVR", "CVR:", "CVR:3325787", "CVR:332578720", "CVR:3325787x", "cvr:33257872", "CVR:33257872-", "CVR:33257872-FID:",
		"CVR:33257872-FID", "CVR:33257872-PID:1", "CVR:33257872FID:1", "CVR:33257872-FID:1 2", "CVR:33257872-FID:ø", "CVR:33257872-UI:DK-O:G:",
		"CVR:33257872-UI:DK-O:G:x", "CVR:33257872-" + holder + "0", "CVR:33257872-" + holder[:len(holder)-1] + "g", holder, "FID:22933922",
		"CVR:33257872-FID:" + strings.Repeat("1", 120), "CVR:٣٣٢٥٧٨٧٢",
	} {
		assert.ErrorIs(t, nas.CheckAccess(bad), nas.ErrAccess, bad)
	}
}

func TestReadable(t *testing.T) {
	const ours, fid = "33257872", "CVR:33257872-FID:22933922"
	for _, c := range []struct {
		name, cvr, serial string
		access            []string
		want              bool
	}{
		{"T22 no access row", ours, fid, nil, false},
		{"T22 ALL", ours, "", []string{"ALL"}, true},
		{"T22 a row for another FID", ours, fid, []string{"CVR:33257872-FID:11111111"}, false},
		{"the whole organisation", ours, fid, []string{"CVR:33257872"}, true},
		{"the whole organisation, whoever holds the certificate", ours, "", []string{"CVR:33257872"}, true},
		{"another organisation", ours, fid, []string{"CVR:33257873"}, false},
		{"the FID", ours, fid, []string{fid}, true},
		{"the FID in another letter case", ours, strings.ToLower(fid), []string{fid}, true},
		{"a certificate that is not told", ours, "", []string{fid}, false},
		{"a certificate of another organisation", ours, "CVR:11111111-FID:22933922", []string{fid}, false},
		{"a certificate that the row names, used for another organisation", "11111111", fid, []string{fid}, false},
		{"a UID is no FID", ours, "CVR:33257872-UID:22933922", []string{fid}, false},
		{"a FID that begins likewise", ours, fid + "0", []string{fid}, false},
		{"the holder of OCES3", ours, holder, []string{"CVR:33257872-" + holder}, true},
		{"the holder of OCES3 in another letter case", ours, strings.ToUpper(holder), []string{"CVR:33257872-" + holder}, true},
		{"the holder of OCES3 for another organisation", "11111111", holder, []string{"CVR:33257872-" + holder}, false},
		{"another holder of OCES3", ours, strings.Replace(holder, "0d6f", "0d60", 1), []string{"CVR:33257872-" + holder}, false},
		{"a FID alone is no serial number", ours, "FID:22933922", []string{fid}, false},
		{"one row of several", ours, fid, []string{"CVR:11111111", fid}, true},
		{"rows of everybody else", ours, fid, []string{"CVR:11111111", "CVR:33257872-FID:1"}, false},
		{"nobody has no organisation", "", "", []string{"CVR:33257872", "CVR:", "", "x"}, false},
		{"a row out of form", ours, fid, []string{"33257872", "CVR:33257872FID:22933922", "all"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			topic := nas.Topic{}
			for _, a := range c.access {
				topic.Access = append(topic.Access, nas.Access{Identifier: a})
			}
			assert.Equal(t, c.want, topic.Readable(c.cvr, c.serial))
		})
	}

	t.Run("only ALL and rows of the organisation let it read", func(t *testing.T) {
		digits := rapid.StringMatching(`[12]{8}`)
		part := rapid.SampledFrom([]string{"", "-FID:1", "-FID:2", "-UID:1", "-" + holder})
		rapid.Check(t, func(t *rapid.T) {
			row, caller, serial := digits.Draw(t, "row"), digits.Draw(t, "caller"), part.Draw(t, "serial")
			topic := nas.Topic{Access: []nas.Access{{Identifier: "CVR:" + row + part.Draw(t, "part")}}}
			if topic.Readable(caller, "CVR:"+caller+serial) && row != caller {
				t.Fatalf("Readable(%s) = true by %v", caller, topic.Access)
			}
		})
	})
}

func TestOwnerOf(t *testing.T) {
	of := func(cvr, system string) nas.Owner {
		return nas.OwnerOf(identity.Caller{Org: identity.Organisation{CVR: cvr}, SystemName: system})
	}
	assert.Equal(t, nas.Owner{CVR: "33257872", System: "Demo EPJ"}, of(" 33257872\n", "\tDemo EPJ "))
	for name, other := range map[string]nas.Owner{
		"T24 another organisation": of("11111111", "Demo EPJ"), "T24 another system of it": of("33257872", "Demo EPJ 2"),
		"a system in another letter case": of("33257872", "demo epj"),
	} {
		t.Run(name, func(t *testing.T) { assert.NotEqual(t, of("33257872", "Demo EPJ"), other) })
	}
}

func TestNoAccess(t *testing.T) {
	err := nas.NoAccess{Topic: cardChanged}
	assert.True(t, fault.Is(err, fault.Forbidden))
	e, _ := fault.Of(err)
	assert.Equal(t, fault.CodeNotAuthorized, e.Code)
	assert.NotContains(t, err.Error(), "CardChanged", "who may be told of the topic adds its name")
}

package consentws

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/consenting"
	"github.com/opennsp/nsp/domain/fault"
)

// FuzzAdministration: any document is read or refused, by a fault that names nobody; what is read is written so that it reads the same.
func FuzzAdministration(f *testing.F) {
	files, err := filepath.Glob("testdata/*-request.xml")
	require.NoError(f, err)
	for _, file := range files {
		b, err := os.ReadFile(file) //nolint:gosec // a sample
		require.NoError(f, err)
		f.Add(string(b))
	}
	const who = `<t:who><t:includeSubOrganizations>1</t:includeSubOrganizations><t:foreignHealthProfessionals/><t:healthcareOrganization>x &lt;</t:healthcareOrganization></t:who>`
	f.Add(`<ConsentAddPositive xmlns:t="urn:dk:nsi:consentservices:types"><ConsentAdditions>` + who + `<validTo>2026-03-29</validTo><t:validFrom>2026-10-25T02:30:00.9999</t:validFrom></ConsentAdditions></ConsentAddPositive>`)
	f.Add(`<a xmlns:i="http://www.w3.org/2001/XMLSchema-instance"><ConsentModifications i:nil="1"/><ConsentModifications><what i:nil="true"/><consentType>Positive</consentType></ConsentModifications></a>`)
	ten := regexp.MustCompile(`\d{10}`)
	f.Fuzz(func(t *testing.T, body string) {
		tree, err := xmltree.Parse([]byte(body), xmltree.DefaultLimits(1<<20))
		if err != nil {
			return
		}
		defer tree.Release()
		told := func(err error) bool {
			if err != nil {
				f, ok := fault.Of(err)
				require.True(t, ok, "%v", err)
				require.NotRegexp(t, ten, f.Text)
			}
			return err != nil
		}
		for _, c := range []struct {
			form form
			of   batch
		}{
			{newer, batch{name: elemAdditions, names: additionNames}}, {older, batch{name: elemAdditions, names: additionNamesV1, typed: true}},
			{newer, batch{name: elemModifications, names: changeNames}}, {older, batch{name: elemModifications, names: changeNamesV1, typed: true}},
			{newer, batch{name: elemRevocations, names: revocationNames}}, {older, batch{name: elemRevocations, names: revocationNames}},
		} {
			all, err := binder{tree, c.form.space}.entries(tree.Root(), c.of, 3)
			if told(err) {
				continue
			}
			require.LessOrEqual(t, len(all), 4)
			require.Equal(t, all, again(t, c.form, c.of, all), "%s of %s", c.of.name, strings.TrimSuffix(c.form.prefix, ":"))
		}
		_, err = binder{tree, nsAdministration}.patient(tree.Root())
		told(err)
	})
}

// again writes entries as a message and reads it.
func again(t *testing.T, f form, of batch, all []consenting.Modification) []consenting.Modification {
	t.Helper()
	var w xmlout.Writer
	f.wrap(&w, "x", func(w writer) {
		for i := range all {
			w.entry(&all[i], of)
		}
	})
	tree, err := xmltree.Parse(w.Bytes(), xmltree.DefaultLimits(1<<20))
	require.NoError(t, err)
	defer tree.Release()
	read, err := binder{tree, f.space}.entries(tree.Root(), of, len(all))
	require.NoError(t, err, "%s", w.Bytes())
	return read
}

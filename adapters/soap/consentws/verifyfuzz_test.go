package consentws

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/domain/fault"
)

// FuzzVerification: any document is read or refused, by a fault that names nobody; what is read, the client writes so that it reads the same.
func FuzzVerification(f *testing.F) {
	files, err := filepath.Glob("testdata/*-check-request.xml")
	require.NoError(f, err)
	for _, file := range files {
		b, err := os.ReadFile(file) //nolint:gosec // a sample
		require.NoError(f, err)
		f.Add(string(b))
	}
	f.Add(`<a xmlns:i="http://www.w3.org/2001/XMLSchema-instance"><dataItem><itemId> 1 </itemId><dataPeriodTo>2026-03-29</dataPeriodTo></dataItem><dataItem i:nil="1"/>` +
		`<dataItem><itemId>&lt;&#13;x</itemId><originatingOrganization codeSystem="x">&amp;</originatingOrganization></dataItem><foreignHealthProfessional/></a>`)
	f.Add(`<a><healthProfessional><organization codeSystem="nsi:ynumber">1</organization></healthProfessional><dataItem><itemId>1</itemId></dataItem>` +
		`<dataItem><itemId>2</itemId></dataItem><dataItem><itemId>3</itemId></dataItem></a>`)
	const limit = 1
	ten := regexp.MustCompile(`\d{10}`)
	f.Fuzz(func(t *testing.T, body string) {
		tree, err := xmltree.Parse([]byte(body), xmltree.DefaultLimits(1<<20))
		if err != nil {
			return
		}
		defer tree.Release()
		for _, holds := range []content{ofUserCheck, ofForeignersCheck, ofDataCheck} {
			c, err := binder{tree, verification.space}.check(tree.Root(), holds, limit)
			if err != nil {
				told, ok := fault.Of(err)
				require.True(t, ok, "%v", err)
				require.NotRegexp(t, ten, told.Text)
				continue
			}
			require.Len(t, c.ids, len(c.items))
			require.LessOrEqual(t, cap(c.items), limit+1, "no more is kept than shows that there are too many")
			items := make([]Item, len(c.items))
			for i, id := range c.ids {
				require.True(t, id != "" && utf8.RuneCountInString(id) <= maxItemID)
				items[i] = Item{id, c.items[i]}
			}
			var w xmlout.Writer
			verification.wrap(&w, "x", func(w writer) { w.question(c.Question, items) })
			written, err := xmltree.Parse(w.Bytes(), xmltree.DefaultLimits(1<<20))
			require.NoError(t, err)
			again, err := binder{written, verification.space}.check(written.Root(), ofDataCheck, limit)
			require.NoError(t, err, "%s", w.Bytes())
			require.Equal(t, c, again)
			written.Release()
		}
	})
}

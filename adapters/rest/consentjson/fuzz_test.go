package consentjson_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/rest/consentjson"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/fault"
)

// told requires that err is one that may be told: it names places, and holds nothing of what was read.
func told(t *testing.T, err error) {
	t.Helper()
	f, ok := fault.Of(err)
	require.True(t, ok, "%v", err)
	require.Equal(t, fault.Malformed, f.Kind)
	require.Regexp(t, regexp.MustCompile(`^[A-Za-z0-9 .,:()\[\]-]+$`), f.Text)
	require.NotRegexp(t, `[0-9]{10}`, f.Text)
}

// FuzzDraft: what is taken says what encoding/json reads in it, and never more than was said.
func FuzzDraft(f *testing.F) {
	for _, body := range []string{
		`{"kind":"positive","who":{"organisation":{"sor":"999001000016002","subUnits":true}},"what":{"dataFrom":"2024-01-01T00:00:00Z"},
			"validFrom":"2026-03-02T00:00:00+01:00","validTo":"2026-06-02T00:00:00.5Z"}`,
		`{"kind":"constraint","who":{"person":"020202-0202","foreign":false},"validFrom":"2026-03-02T00:00:00Z"}`, `{"kind":"constraint","who":{}}`,
		`{"kind":"constraint","kind":"positive"}`, `{"kind":"\u0063onstraint"}`, `{"0202020202":1}`, `{} {}`, `[]`, `null`, "{\"\x80\":1}",
		`{"kind":"constraint","who":{"organisation":{"sor":""}}}`, `{"what":{"origin":{"subUnits":1e999}}}`, `{"validFrom":"0001-01-01T00:00:00Z"}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		d, err := consentjson.ReadDraft(body)
		if err != nil {
			told(t, err)
			return
		}
		var said struct {
			Kind string `json:"kind"`
			Who  struct {
				Person       string                    `json:"person"`
				Organisation *consentjson.Organisation `json:"organisation"`
				Foreign      bool                      `json:"foreign"`
			} `json:"who"`
			What consentjson.What `json:"what"`
		}
		require.NoError(t, json.Unmarshal(body, &said))
		assert.Equal(t, said.Kind, d.Kind.String())
		assert.Equal(t, strings.ReplaceAll(said.Who.Person, "-", ""), d.Who.Person.Digits())
		assert.Equal(t, said.Who.Foreign, d.Who.Foreign)
		for _, o := range []struct {
			said *consentjson.Organisation
			got  consent.Organisation
		}{{said.Who.Organisation, d.Who.Org}, {said.What.Origin, d.What.Origin}} {
			assert.Equal(t, o.said == nil, o.got == consent.Organisation{}, "no unit would be everyone, or all data")
			if o.said != nil {
				assert.Equal(t, consent.Organisation(*o.said), o.got)
			}
		}
		assert.Equal(t, said.What.DataFrom.IsZero(), d.What.Data.From.IsZero())
		assert.Equal(t, said.What.DataTo.IsZero(), d.What.Data.To.IsZero())
	})
}

// FuzzCase: whatever a case holds, it is refused, or explained item by item.
func FuzzCase(f *testing.F) {
	f.Add([]byte(`{` + piped + `,"requester":{"acting":"0202020202","responsible":"0303030303","organisation":{"code":"9990A1","scheme":"SHAK"},
		"authorisationCode":"0TST1"},"at":"2026-03-02T10:00:00Z","items":[{"id":"a","origin":{"code":"1"}}],"units":[{"sor":"999001000016002","yder":"1"}]}`))
	for _, body := range []string{
		`{"requester":{"foreign":{"country":"SE","identifier":"1"}}}`, `{"requester":{"foreign":{}},"items":[[]]}`, `{"requester":[]}`,
		`{"requester":{},"units":[{"sor":"123456","parent":"123456"}]}`, `{"requester":{},"registrations":{}}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := consentjson.ReadCase(body)
		if err != nil {
			told(t, err)
			return
		}
		e, err := c.Explain(now)
		if err != nil {
			return
		}
		require.Len(t, e.Registrations, len(c.Registrations))
		require.Len(t, e.Items, len(c.Items))
		for i, item := range e.Items {
			assert.Equal(t, c.IDs[i], item.ID)
		}
		_, err = json.Marshal(e)
		require.NoError(t, err)
	})
}

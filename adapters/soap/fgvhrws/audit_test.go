package fgvhrws_test

import (
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/auditlog"
	"github.com/opennsp/nsp/domain/audit"
)

// auditLine is a line of the audit log, as far as tests compare it.
type auditLine struct {
	Category string `json:"category"`
	Audit    struct {
		Components []struct {
			Component string `json:"component"`
			Contexts  []struct {
				Context     string              `json:"context"`
				Information []map[string]string `json:"information"`
			} `json:"contexts"`
		} `json:"components"`
	} `json:"audit"`
	Access struct {
		Code             int               `json:"code"`
		HTTPHeaders      map[string]string `json:"httpHeaders"`
		IDCardAttributes map[string]string `json:"idCardAttributes"`
		SOAPHeaders      map[string]string `json:"soapHeaders"`
		Method           string            `json:"method"`
		Path             string            `json:"path"`
		Query            string            `json:"query"`
		Protocol         string            `json:"protocol"`
	} `json:"access"`
}

// names are those of the members of an object, and of the objects in it, but for the maps of attributes.
func names(t *testing.T, object map[string]any) (all []string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(object)) {
		all = append(all, name)
		if inner, ok := object[name].(map[string]any); ok && name != "httpHeaders" && name != "idCardAttributes" && name != "soapHeaders" {
			for _, n := range names(t, inner) {
				all = append(all, name+"."+n)
			}
		}
	}
	return all
}

// TestPublishedAuditLine: the withdrawal of an opt-out that is not there leaves the line that nspop.dk publishes for it, at another time, of
// another caller and server. There the citizen is looked up twice.
func TestPublishedAuditLine(t *testing.T) {
	t.Run("FA-06 DeleteConsent without an opt-out leaves the context getConsent alone", func(t *testing.T) {
		s := newService(t)
		action := "DeleteConsent"
		m := citizen(citizenC).as(sample(t, "delete-request"))
		m.action = &action
		w := s.send(t, m)
		assert.Equal(t, "consent_not_found", refused(t, w)[0])
		assert.Equal(t, http.StatusInternalServerError, w.Code)
		lines := s.audit.Lines()
		require.Len(t, lines, 1)

		dir := t.TempDir()
		file, err := auditlog.OpenFile(auditlog.FileOptions{
			Dir: dir, Instance: "test", Format: auditlog.Format{CategoryPrefix: audit.CategoryPrefix, CategorySuffix: true, MaxValues: 1000},
			AppendTimeout: time.Minute, MaxSize: 1 << 20, Now: func() time.Time { return s.now }, Log: slog.New(slog.DiscardHandler),
		})
		require.NoError(t, err)
		require.NoError(t, file.Append(t.Context(), lines[0]))
		require.NoError(t, file.Close())
		ours, err := os.ReadFile(filepath.Join(dir, "audit.test.log"))
		require.NoError(t, err)
		published, err := os.ReadFile("../../auditlog/testdata/fgvhr-2023.json")
		require.NoError(t, err)

		var got, want auditLine
		var gotAll, wantAll map[string]any
		for _, c := range []struct {
			from []byte
			to   any
		}{{ours, &got}, {ours, &gotAll}, {published, &want}, {published, &wantAll}} {
			require.NoError(t, json.Unmarshal(c.from, c.to))
		}
		assert.Equal(t, names(t, wantAll), names(t, gotAll))
		once := &want.Audit.Components[0].Contexts[0]
		require.Equal(t, once.Information[:2], once.Information[2:])
		once.Information = once.Information[:2]
		assert.Equal(t, want.Audit, got.Audit)
		for _, headers := range []struct {
			got, want map[string]string
			same      []string // which have the same values
		}{
			{got.Access.HTTPHeaders, want.Access.HTTPHeaders, []string{"SOAPAction"}},
			{got.Access.SOAPHeaders, want.Access.SOAPHeaders, []string{"Audience", "w3Action"}},
			{got.Access.IDCardAttributes, want.Access.IDCardAttributes, []string{"dk:gov:saml:attribute:AssuranceLevel", "dk:gov:saml:attribute:SpecVer"}},
		} {
			assert.Equal(t, slices.Sorted(maps.Keys(headers.want)), slices.Sorted(maps.Keys(headers.got)))
			for _, name := range headers.same {
				assert.Equal(t, headers.want[name], headers.got[name], name)
			}
		}
		got.Access.HTTPHeaders, got.Access.SOAPHeaders, got.Access.IDCardAttributes = nil, nil, nil
		want.Access.HTTPHeaders, want.Access.SOAPHeaders, want.Access.IDCardAttributes = nil, nil, nil
		assert.Equal(t, want, got)
	})
}

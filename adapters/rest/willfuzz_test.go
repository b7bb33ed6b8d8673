package rest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/optingout"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/fgvhr"
	"github.com/opennsp/nsp/domain/will"
)

// FuzzWishes: a will that is accepted says all its wishes, each as encoding/json reads it, and nothing else.
func FuzzWishes(f *testing.F) {
	for _, body := range []string{
		`{"ifDying":{"declined":true},"ifSeverelyDegraded":{"declined":true,"needs":"relative"},"ifSeverePain":{"declined":false},"noForcedTreatment":{"declined":true,"needs":"guardian"}}`,
		`{"ifDying":{"declined":true},"ifSeverelyDegraded":{"declined":false}}`, `{"ifDying":{"declined":true,"declined":false}}`, `{"ifDying":null}`, `{}`, `[]`,
		`{"ifDying":{"needs":"trustedAgent"}}`, `{"ifDying":{"declined":1}}`, `{"IfDying":{}}`, `{"ifDying":{"declined":true},"ifSeverelyDegraded":{"declined":false,"needs":""}}`,
	} {
		f.Add([]byte(body), true)
		f.Add([]byte(body), false)
	}
	f.Fuzz(func(t *testing.T, body []byte, living bool) {
		reg, names := will.BTR, []string{"ifDying", "ifSeverelyDegraded", "ifSeverePain", "noForcedTreatment"}
		if living {
			reg, names = will.LTR, names[:2]
		}
		x := exchange{media: contentJSON, body: body, http: httptest.NewRequest(http.MethodPost, "/", http.NoBody)}
		d, err := x.wishes(reg)
		if err != nil {
			told(t, err)
			return
		}
		var said map[string]struct {
			Declined *bool
			Needs    *will.Acceptance
		}
		require.NoError(t, json.Unmarshal(body, &said))
		require.Len(t, said, len(names))
		for i, got := range []will.Wish{d.IfDying, d.IfSeverelyDegraded, d.IfSeverePain, d.NoForcedTreatment} {
			if i >= len(names) {
				assert.Zero(t, got)
				continue
			}
			w, there := said[names[i]]
			require.True(t, there && w.Declined != nil, names[i])
			want := will.Wish{Declined: *w.Declined}
			if w.Needs != nil {
				want.Needs = *w.Needs
				assert.Contains(t, []will.Acceptance{will.Relative, will.Guardian, will.TrustedAgent}, want.Needs)
			}
			assert.Equal(t, want, got, names[i])
		}
		assert.False(t, d.Null)
	})
}

// FuzzOptOut: of a change, and of a registration, what is accepted is what encoding/json reads; a day reads back as it was written.
func FuzzOptOut(f *testing.F) {
	for _, body := range []string{
		`{"status":"ENTERED-IN-ERROR"}`, `{"citizenCreatedDate":"2026-11-01"}`, `{"status":"ACTIVE","citizenCreatedDate":"2024-02-29"}`, `{}`, `{"status":""}`,
		`{"citizenCreatedDate":"2026-02-29"}`, `{"citizenCreatedDate":"0000-01-01"}`, `{"status":null}`, `{"status":"ACTIVE"} {}`, ``,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		x := exchange{media: contentJSON, body: body, http: httptest.NewRequest(http.MethodPatch, "/", http.NoBody)}
		x.http.Header.Set("If-Match", `"00000000-0000-4000-8000-000000000001"`)
		var said struct {
			Status         fgvhr.Status
			CitizenCreated string `json:"citizenCreatedDate"`
		}
		day := func(d calendar.Day) (text string) {
			if d != (calendar.Day{}) {
				text = d.String()
			}
			return text
		}
		if c, err := x.optOutChange(); err != nil {
			told(t, err)
		} else {
			require.NoError(t, json.Unmarshal(body, &said))
			assert.Equal(t, said.Status, c.Status)
			assert.Equal(t, said.CitizenCreated, day(c.CitizenCreated))
			assert.NotEmpty(t, string(c.Status)+day(c.CitizenCreated))
			assert.Equal(t, "00000000-0000-4000-8000-000000000001", c.ID)
		}
		var asked optingout.Registration
		if err := x.formDate(&asked.CitizenCreated); err != nil {
			told(t, err)
		} else if len(body) > 0 {
			require.NoError(t, json.Unmarshal(body, &said))
			assert.Empty(t, said.Status)
			assert.Equal(t, said.CitizenCreated, day(asked.CitizenCreated))
		}
	})
}

// FuzzIfMatch: a tag is the id of a registration in quotes, or all of them.
func FuzzIfMatch(f *testing.F) {
	for _, tag := range []string{`"00000000-0000-4000-8000-000000000001"`, `*`, `""`, `"`, `"1"`, `W/"00000000-0000-4000-8000-000000000001"`,
		`"urn:uuid:00000000-0000-4000-8000-000000000001"`, `"{00000000-0000-4000-8000-000000000001}"`, `"0000000000004000800000000000000a"`, ``} {
		f.Add(tag)
	}
	f.Fuzz(func(t *testing.T, tag string) {
		x := exchange{http: &http.Request{Header: http.Header{"If-Match": {tag}}}}
		id, err := x.match()
		switch {
		case err != nil:
			require.ErrorIs(t, err, errTag)
			assert.Empty(t, id)
		case tag == "*":
			assert.Empty(t, id)
		default:
			assert.Equal(t, tag, idTag(id))
			assert.NoError(t, uuid.Validate(id))
			assert.Len(t, id, 36)
		}
	})
}

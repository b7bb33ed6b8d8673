package securing_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

var errSecret = errors.New("a secret cause")

// house is the use cases on stores in memory, and a clock that stands still.
type house struct {
	now   time.Time
	db    *memory.DB
	notes audit.Notes
	ids   int
}

func newHouse() *house {
	h := &house{now: noon}
	h.db = memory.New(h.clock)
	return h
}

func (h *house) clock() time.Time { return h.now }

func (h *house) newID() string { h.ids++; return fmt.Sprintf("00000000-0000-4000-8000-%012d", h.ids) }

// Note implements ports.Trail.
func (h *house) Note(_ context.Context, c audit.Component, where audit.Context, info ...audit.Information) {
	h.notes.Add(c, where, info...)
}

// said is what the audit log was told: "Context key=value …" a line, without what is empty.
func (h *house) said() []string {
	var lines []string
	for _, c := range h.notes {
		for _, where := range c.Contexts {
			line := string(c.Component) + "/" + string(where.Context)
			for i := range audit.Flatten(where.Information, 10) {
				line += " " + i.Key + "=" + i.Value
			}
			lines = append(lines, line)
		}
	}
	h.notes = nil
	return lines
}

func number(digits string) cpr.Number {
	n, err := cpr.Parse(digits)
	if err != nil {
		panic(err)
	}
	return n
}

// administrator is a professional whose role was found in the list of administrators.
func administrator() identity.Caller {
	return identity.Caller{
		Kind: identity.Professional, CPR: number("0101010006"), Name: "Test Administrator", NationalRole: "NspAdministrator", Administrator: true,
		Org: identity.Organisation{CVR: "99999903", Name: "OpenNSP Teststyrelse"},
		Credential: identity.Credential{
			Scheme: identity.DGWS, Level: 4, Issuer: "TEST-STS", ID: "card-1", NotBefore: noon.Add(-time.Hour), NotOnOrAfter: noon.Add(23 * time.Hour),
		},
	}
}

func refusedAs(t *testing.T, err error, kind fault.Kind, code string) {
	t.Helper()
	f, _ := fault.Of(err)
	assert.Equal(t, [2]any{kind, code}, [2]any{f.Kind, f.Code}, "%v", err)
	assert.False(t, strings.Contains(f.Text, errSecret.Error()))
}

func ours(t *testing.T, err error) {
	t.Helper()
	_, ok := fault.Of(err)
	assert.False(t, ok, "%v is told to the caller", err)
	assert.ErrorIs(t, err, errSecret)
}

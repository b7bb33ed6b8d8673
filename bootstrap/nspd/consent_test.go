package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/opennsp/nsp/bootstrap"
)

func TestConsentCommands(t *testing.T) {
	flags, stop := serverIn(t, t.TempDir(), bootstrap.Setting{Key: "store.driver", Value: "memory"})
	t.Cleanup(stop)
	run := func(s step) string {
		t.Helper()
		code, out, stderr := nspd(append(append([]string{"call", "consent"}, s.args...), flags...)...)
		assert.Equal(t, s.code, code, "%v: %s", s.args, stderr)
		assert.Contains(t, out, s.want, "%v", s.args)
		assert.Contains(t, stderr, s.stderr, "%v", s.args)
		return out
	}
	added := func(args ...string) string {
		t.Helper()
		id, _, _ := strings.Cut(run(step{args: append([]string{"add"}, args...), want: "is registered"}), " ")
		return id
	}
	run(step{args: []string{"get"}, want: "Nothing is registered."})
	id := added("--person", "0101010001", "--origin", "900011000016001", "--origin-sub-units", "--data-from", "2020-01-01", "--data-to", "2030-12-31")
	for _, s := range []step{
		{args: []string{"get", "--as", "portal"}, want: "from 2020-01-01 00:00:00 to 2031-01-01 00:00:00, made at 900011000016001 and below"},
		{args: []string{"check"}, want: "DataSpecific"},
		{args: []string{"check", "--as", "portal", "--acting", "0101010001"}, want: "DataSpecific"},
		{args: []string{"check", "--as", "portal", "--foreign", "SE"}, want: "Positive"},
		{args: []string{"check", "--override"}, want: "Positive"},
		{args: []string{"check", "--as", "sekretaer", "--responsible", "0101010001", "--organisation", "900001", "--scheme", "YDER"}, want: "DataSpecific"},
		{args: []string{"items", "@900021000016003", "2024-05-01/2024-05-02@900041000016007"}, want: "Denied   @900021000016003\nAllowed  2024-05-01/"},
		{args: []string{"modify", id, "--organisation", "900011000016001", "--sub-units", "--as", "spaerringsadm"}, want: "is changed"},
		{args: []string{"check", "--organisation", "990101", "--scheme", "SHAK"}, want: "Negative"},
		{args: []string{"modify", id, "--positive", "--to", "2030-01-01"}, code: 1, stderr: "(consent_type_mismatch)"},
		{args: []string{"add", "--as", "laege"}, code: 1, stderr: "(not_authorized)"},
		{args: []string{"add", "--positive"}, code: 1, stderr: "a positive consent must have an end"},
		{args: []string{"revoke", id}, want: "is revoked"},
		{args: []string{"revoke", id}, code: 1, stderr: "(consent_inactive)"},
		{args: []string{"revoke", "12"}, code: 1, stderr: "12 is no number of a registration"},
		{args: []string{"get", "--citizen", "12"}, code: 1, stderr: "--citizen: not a civil registration number"},
		{args: []string{"add", "--from", "yesterday"}, code: 1, stderr: "want a day"},
		{args: []string{"add", "--person", "12"}, code: 1, stderr: "--person: not a civil registration number"},
		{args: []string{"check", "--acting", "12"}, code: 1, stderr: "--acting: not a civil registration number"},
	} {
		run(s)
	}
	added("--foreign", "--as", "spaerringsadm")
	added("--positive", "--to", "2100-01-01T00:00:00Z", "--from", "2090-01-02")
	run(step{args: []string{"check", "--as", "portal", "--foreign", "SE"}, want: "Negative"})
}

func TestConsentExplain(t *testing.T) {
	for _, c := range []struct {
		name, in string
		code     int
		out, err string
	}{
		{"a block on an origin", `{"registrations": [{"id": "482910573316204", "version": 1, "kind": "constraint", "what": {"origin": {"sor": "900011000016001", "subUnits": true}},
			"validFrom": "2026-01-01T00:00:00Z", "state": "in_force", "created": {"at": "2026-01-01T00:00:00Z", "system": "portal", "by": "2512489996"}}],
			"requester": {"acting": "0101010001", "organisation": {"code": "900041000016007"}}, "items": [{"id": "letter", "origin": {"code": "900021000016003"}}],
			"at": "2026-11-22T12:00:00Z", "units": [{"sor": "900011000016001"}, {"sor": "900021000016003", "parent": "900011000016001"}]}`, 0,
			"letter  denied  482910573316204  -", ""},
		{"nothing registered", `{"requester": {"acting": "0101010001"}}`, 0, "answer: positive", ""},
		{"units that form no tree", `{"requester": {"acting": "0101010001"}, "units": [{"sor": "900011000016001", "parent": "900011000016001"}]}`, 1, "", "units lie within themselves"},
		{"a member that is not known", `{"requester": {"acting": "0101010001"}, "x": 1}`, 1, "", "a member that is not known"},
		{"nothing", "", 1, "", "not JSON"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, err bytes.Buffer
			assert.Equal(t, c.code, run([]string{"consent", "explain"}, strings.NewReader(c.in), &out, &err), "%s", &err)
			assert.Contains(t, out.String(), c.out)
			assert.Contains(t, err.String(), c.err)
		})
	}
}

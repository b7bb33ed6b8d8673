package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/bootstrap"
)

// The commands and the server understand each other: wills and opt-outs from the first to the last, in every interface, and what is refused.
func TestWillCommands(t *testing.T) {
	flags, stop := serverIn(t, t.TempDir(), bootstrap.Setting{Key: "store.driver", Value: "memory"},
		bootstrap.Setting{Key: "wills.ltr_closed_from", Value: ""})
	t.Cleanup(stop)
	run := func(s step) string {
		t.Helper()
		code, out, stderr := nspd(append(append([]string{"call"}, s.args...), flags...)...)
		assert.Equal(t, s.code, code, "%v: %s", s.args, stderr)
		assert.Contains(t, strings.Join(strings.Fields(out), " "), s.want, "%v", s.args)
		assert.Contains(t, stderr, s.stderr, "%v", s.args)
		return out
	}
	for _, s := range []step{
		{args: []string{"has"}, want: "treatment will no living will no"},
		{args: []string{"create", "--living", "dying"}, want: "The living will is registered."},
		{args: []string{"update", "--living", "degraded"}, want: "The living will is changed."},
		{args: []string{"has", "--as", "laege"}, want: "treatment will no living will yes"},
		{args: []string{"get", "--living", "--as", "laege"}, want: "dying no - life-prolonging treatment when dependent for good yes -"},
		{args: []string{"create", "dying"}, code: 1, stderr: "(will_exists)"},
		{args: []string{"upgrade", "dying", "degraded=relative", "pain=agent", "forced=guardian"}, want: "is registered in the place of the living will."},
		{args: []string{"has", "--as", "epj"}, want: "treatment will yes living will no"},
		{args: []string{"get"}, want: "dying yes - life-prolonging treatment when dependent for good yes relative " +
			"life-prolonging treatment when in severe pain for good yes agent treatment by force yes guardian"},
		{args: []string{"get", "--version", "2018", "--as", "laege"}, want: "in severe pain for good yes agent"},
		{args: []string{"get", "--forced", "--as", "laege"}, want: "WHAT DECLINED IF ACCEPTED BY treatment by force yes guardian"},
		{args: []string{"upgrade", "dying"}, code: 1, stderr: "(will_exists)"},
		{args: []string{"update", "--version", "2018", "dying"}, want: "The treatment will is changed."},
		{args: []string{"delete", "--as", "laege"}, code: 1, stderr: "(not_authorized)"},
		{args: []string{"delete", "--as", "administrator"}, code: 1, stderr: "(not_authorized)"},
		{args: []string{"delete", "--as", "administrator", "--admin"}, want: "The treatment will is withdrawn."},
		{args: []string{"delete", "--living"}, code: 1, stderr: "(will_not_found)"},
		{args: []string{"has", "--as", "administrator", "--admin"}, want: "living will no"},
		{args: []string{"get"}, code: 1, stderr: "the server refused: the citizen has no valid will (will_not_found)"},
		{args: []string{"create"}, code: 1, stderr: "(empty_will)"},
		{args: []string{"create", "dying", "--citizen", "1101116171"}, code: 1, stderr: "(not_eligible)"},
		{args: []string{"create", "dying=relative"}, code: 1, stderr: "nobody accepts what is declined when dying"},
		{args: []string{"create", "--living", "pain"}, code: 1, stderr: "a living will has dying and degraded alone"},
		{args: []string{"update", "degraded=bob"}, code: 1, stderr: "degraded=bob: want dying, degraded, pain or forced"},
		{args: []string{"upgrade", "dying", "dying"}, code: 1, stderr: "dying is said twice"},
		{args: []string{"get", "--forced", "--version", "2018"}, code: 1, stderr: "--forced is of treatment wills and of version 2020"},
		{args: []string{"get", "--citizen", "12"}, code: 1, stderr: "--citizen: not a civil registration number"},
		{args: []string{"get", "--version", "2019"}, code: 2, stderr: "--version must be one of"},
		{args: []string{"has", "--as", "nobody"}, code: 1, stderr: `has no sample "nobody"`},
	} {
		s.args = append([]string{"will"}, s.args...)
		run(s)
	}

	fgvhr := func(s step) string {
		t.Helper()
		s.args = append([]string{"fgvhr"}, s.args...)
		return run(s)
	}
	id := func(out string) string {
		t.Helper()
		fields := strings.Fields(out)
		require.Greater(t, len(fields), 1, out)
		return fields[1]
	}
	fgvhr(step{args: []string{"get"}, want: "There is no opt-out that the caller is shown."})
	first := id(fgvhr(step{args: []string{"register"}, want: "in force not yet, from "}))
	fgvhr(step{args: []string{"register"}, code: 1, stderr: "(consent_exists)"})
	fgvhr(step{args: []string{"get", "--as", "epj"}, want: "There is no opt-out that the caller is shown."})
	second := id(fgvhr(step{args: []string{"update", first, "--paper-date", "2024-01-31"}, want: "paper form 2024-01-31 replaces " + first}))
	for _, s := range []step{
		{args: []string{"update", first, "--paper-date", "2024-01-31"}, code: 1, stderr: "(registration_changed)"},
		{args: []string{"update", second, "--status", "INACTIVE"}, code: 1, stderr: "(invalid_status)"},
		{args: []string{"update", second, "--status", "ACTIVE", "--as", "borger"}, code: 1, stderr: "(not_authorized)"},
		{args: []string{"update", second, "--status", "withdrawn"}, code: 2, stderr: "--status must be one of"},
		{args: []string{"update", second}, code: 1, stderr: "want --status or --paper-date"},
		{args: []string{"update", "12", "--status", "ACTIVE"}, code: 1, stderr: "12 is no id of a registration"},
		{args: []string{"delete"}, want: "The opt-out is withdrawn."},
		{args: []string{"delete"}, code: 1, stderr: "(consent_not_found)"},
		{args: []string{"get"}, want: "status INACTIVE"},
		{args: []string{"register", "--paper-date", "2024-01-31"}, code: 1, stderr: "(invalid_date)"},
		{args: []string{"register", "--paper-date", "31/1"}, code: 1, stderr: "--paper-date 31/1: want a day such as 2024-01-31"},
		{args: []string{"register", "--citizen", "0511804817"}, code: 1, stderr: "(not_eligible)"},
		{args: []string{"get", "--as", "laege"}, code: 1, stderr: "(not_authorized)"},
	} {
		fgvhr(s)
	}
	third := id(fgvhr(step{args: []string{"register", "--as", "administrator", "--paper-date", "2024-01-31"}, want: "paper form 2024-01-31"}))
	fgvhr(step{args: []string{"update", third, "--status", "ENTERED-IN-ERROR"}, want: "status ENTERED-IN-ERROR"})
}

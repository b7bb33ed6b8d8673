package portstest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/domain/validity"
	"github.com/opennsp/nsp/ports"
)

func (c *consents) log() ports.OverrideLog     { return c.first().Store.Overrides(c.aliases) }
func (c *consents) lastLog() ports.OverrideLog { return c.last().Store.Overrides(c.aliases) }

// override is what somebody did n seconds after noon.
func (c *consents) override(n int, citizen cpr.Number) consent.Override {
	return consent.Override{
		ID: fmt.Sprintf("01JCX%021d", n), At: noon.Add(time.Duration(n) * time.Second), Citizen: citizen, Acting: person(c.t, secretary),
		AuthorisationCode: "0TST1", Org: org.ID{Code: regionSOR, Scheme: org.SOR}, System: "OpenNSP-test", CVR: "33257872",
		MessageID: fmt.Sprint("m-", n), Operation: "ConsentForUserCheck",
	}
}

func (c *consents) append(o consent.Override, notices ...notice.Notice) {
	c.t.Helper()
	require.NoError(c.t, c.log().Append(c.ctx, o, notices...))
}

func (c *consents) found(citizen cpr.Number, p validity.Period, before string, n int) []consent.Override {
	c.t.Helper()
	got, err := c.lastLog().ByCitizen(c.ctx, citizen, p, before, n)
	require.NoError(c.t, err)
	return got
}

// requireOverrides requires that these are the overrides of a citizen's registrations.
func (c *consents) requireOverrides(citizen cpr.Number, want ...consent.Override) {
	c.t.Helper()
	requireSame(c.t, want, c.found(citizen, validity.Period{}, "", 1000), "ByCitizen")
}

// OverrideLog runs the contract of ports.OverrideLog, but for what it says of aliases, which ConsentStore runs.
func OverrideLog(t *testing.T, open OpenConsentStores) {
	citizen, other := person(t, mother), person(t, man)

	followed(t, open, func(t *testing.T, open consentCases) {
		t.Run("CT-47 every field is kept, and overrides are found newest first", func(t *testing.T) {
			c := open(t)
			c.requireOverrides(citizen)
			full, helped, foreign := c.override(1, citizen), c.override(2, citizen), c.override(3, citizen)
			helped.Responsible = person(t, man)
			foreign.Acting, foreign.AuthorisationCode, foreign.Org, foreign.System = cpr.Number{}, "", org.ID{}, ""
			foreign.At = noon.Add(1999 * time.Nanosecond).In(time.FixedZone("CET", 3600))
			for _, o := range []consent.Override{helped, foreign, full, c.override(4, other)} {
				c.append(o)
			}
			foreign.At = noon.Add(time.Microsecond)
			c.requireOverrides(citizen, foreign, helped, full)
			c.requireOverrides(other, c.override(4, other))
			c.requireOverrides(cpr.Number{})
			got := c.found(citizen, validity.Period{}, "", 1)
			got[0] = full
			c.requireOverrides(citizen, foreign, helped, full)
		})

		t.Run("ByCitizen returns at most n of those in the period and before an id", func(t *testing.T) {
			c := open(t)
			var all []consent.Override
			for i := range 7 {
				all = append(all, c.override(6-i, citizen))
				c.append(all[i])
			}
			at := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Second) }
			for name, q := range map[string]struct {
				p      validity.Period
				before string
				n      int
				want   []consent.Override
			}{
				"the newest":           {n: 3, want: all[:3]},
				"those before":         {before: all[2].ID, n: 2, want: all[3:5]},
				"the last ones":        {before: all[4].ID, n: 5, want: all[5:]},
				"before the first":     {before: all[6].ID, n: 5},
				"none":                 {n: 0},
				"from an instant on":   {p: validity.Period{From: at(4)}, n: 9, want: all[:3]},
				"up to an instant":     {p: validity.Period{To: at(4)}, n: 9, want: all[3:]},
				"in a period":          {p: validity.Period{From: at(2), To: at(4)}, n: 9, want: all[3:5]},
				"in a period, before":  {p: validity.Period{From: at(2), To: at(5)}, before: all[3].ID, n: 9, want: all[4:5]},
				"in an empty period":   {p: validity.Period{From: at(4), To: at(4)}, n: 9},
				"cut to microseconds":  {p: validity.Period{From: at(6).Add(999)}, n: 9, want: all[:1]},
				"after all of them":    {p: validity.Period{From: at(6).Add(tick)}, n: 9},
				"an id that is not it": {before: all[3].ID + "Z", n: 1, want: all[3:4]},
			} {
				requireSame(t, q.want, c.found(citizen, q.p, q.before, q.n), name)
			}
		})

		t.Run("one of the same organisation, message and operation is kept once, with its notices", func(t *testing.T) {
			c := open(t)
			first := c.override(1, citizen)
			c.append(first, c.entry(), c.entry())
			require.Equal(t, 2, c.waiting())
			want := []consent.Override{first}
			for i, change := range []func(*consent.Override){
				func(*consent.Override) {}, func(o *consent.Override) { o.Citizen = other },
				func(o *consent.Override) { o.CVR = "12345678" }, func(o *consent.Override) { o.MessageID = "m-0" },
				func(o *consent.Override) { o.Operation = "ConsentForDataCheck" },
			} {
				again := c.override(2+i, citizen)
				again.MessageID = first.MessageID
				change(&again)
				c.append(again, c.entry())
				if i > 1 {
					want = append([]consent.Override{again}, want...)
				}
			}
			c.requireOverrides(citizen, want...)
			c.requireOverrides(other)
			require.Equal(t, 5, c.waiting())
		})

		t.Run("CT-35 an override whose notice cannot be kept is not kept", func(t *testing.T) {
			c := open(t)
			bad := c.entry()
			bad.To = "nobody"
			require.ErrorIs(t, c.log().Append(c.ctx, c.override(1, citizen), c.entry(), bad), notice.ErrTarget)
			c.requireOverrides(citizen)
			require.Zero(t, c.waiting())
		})

		t.Run("Append joins the unit of work, which sees what it wrote", func(t *testing.T) {
			c := open(t)
			o := c.override(1, citizen)
			work := func(ctx context.Context) {
				require.NoError(t, c.log().Append(ctx, o, c.entry()))
				got, err := c.log().ByCitizen(ctx, citizen, validity.Period{}, "", 10)
				require.NoError(t, err)
				require.Equal(t, []consent.Override{o}, got)
			}
			rolledBack(c.ctx, t, c.first().Units, work)
			c.requireOverrides(citizen)
			require.Zero(t, c.waiting())
			committed(c.ctx, t, c.first().Units, work)
			c.requireOverrides(citizen, o)
			require.Equal(t, 1, c.waiting())
		})

		t.Run("of 20 at once of one message one is kept, with its notice", func(t *testing.T) {
			c := open(t)
			errs := make(chan error)
			for i := range 20 {
				o := c.override(i, citizen)
				o.MessageID = "m-0"
				log, told := c.handles.nth(i).Store.Overrides(c.aliases), c.entry()
				go func() { errs <- log.Append(c.ctx, o, told) }()
			}
			for range 20 {
				require.NoError(t, <-errs)
			}
			require.Len(t, c.found(citizen, validity.Period{}, "", 100), 1)
			require.Equal(t, 1, c.waiting())
		})

		t.Run("Expire deletes those before an instant, at most n at a time", func(t *testing.T) {
			c := open(t)
			const rows, n = 8, 3
			for i := range rows + 2 {
				c.append(c.override(i, []cpr.Number{citizen, other}[i%2]))
			}
			cut := noon.Add(rows * time.Second)
			there := func() int {
				return len(c.found(citizen, validity.Period{}, "", 100)) + len(c.found(other, validity.Period{}, "", 100)) - 2
			}
			requireExpired(t, rows, n, func() (int, bool, error) { return c.log().Expire(c.ctx, cut.Add(999), n) }, there)
			c.requireOverrides(citizen, c.override(rows, citizen))
			c.requireOverrides(other, c.override(rows+1, other))
		})

		t.Run("Expire joins the unit of work", func(t *testing.T) {
			c := open(t)
			o := c.override(1, citizen)
			c.append(o)
			expire := func(ctx context.Context) {
				removed, done, err := c.log().Expire(ctx, later(1), 10)
				require.NoError(t, err)
				require.Equal(t, 1, removed)
				require.True(t, done)
			}
			rolledBack(c.ctx, t, c.first().Units, expire)
			c.requireOverrides(citizen, o)
			committed(c.ctx, t, c.first().Units, expire)
			c.requireOverrides(citizen)
		})

		t.Run("a context that has ended keeps and deletes nothing", func(t *testing.T) {
			c := open(t)
			o := c.override(1, citizen)
			c.append(o)
			require.ErrorIs(t, c.log().Append(ended(), c.override(2, citizen)), context.Canceled)
			_, _, err := c.log().Expire(ended(), later(1), 10)
			require.ErrorIs(t, err, context.Canceled)
			c.requireOverrides(citizen, o)
		})
	})
}

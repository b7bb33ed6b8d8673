package willws

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/cda"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/will"
)

// answering is a client of an interface whose every call is answered with an element.
func answering(t *testing.T, i Interface, xml string) *Client {
	t.Helper()
	return &Client{Interface: i, Send: func(context.Context, string, func(*xmlout.Writer)) (*soap.Response, error) {
		tree, err := xmltree.Parse([]byte(xml), xmltree.DefaultLimits(1<<20))
		require.NoError(t, err)
		return &soap.Response{Tree: tree, Root: tree.Root(), Body: tree.Root()}, nil
	}}
}

func sampleNumber(t *testing.T) cpr.Number {
	t.Helper()
	n, err := cpr.Parse(sampleCitizen)
	require.NoError(t, err)
	return n
}

// callers are the calls of the client, by the operation's act; found is what they tell.
func callers(citizen cpr.Number) map[string]func(context.Context, *Client) (found any, err error) {
	return map[string]func(context.Context, *Client) (any, error){
		actCreate: func(ctx context.Context, c *Client) (any, error) { return nil, c.Create(ctx, citizen, will.Wishes{}) },
		actUpdate: func(ctx context.Context, c *Client) (any, error) { return nil, c.Update(ctx, citizen, will.Wishes{}) },
		actUpgrade: func(ctx context.Context, c *Client) (any, error) {
			return nil, c.UpgradeTo(ctx, citizen, will.Wishes{})
		},
		actDelete:    func(ctx context.Context, c *Client) (any, error) { return nil, c.Delete(ctx, citizen) },
		actGet:       func(ctx context.Context, c *Client) (any, error) { return c.Get(ctx, citizen) },
		actGetForced: func(ctx context.Context, c *Client) (any, error) { return c.GetForced(ctx, citizen) },
		actHas:       func(ctx context.Context, c *Client) (any, error) { return c.Has(ctx, citizen) },
	}
}

func TestClientReadsTheSamples(t *testing.T) {
	citizen := sampleNumber(t)
	for _, i := range []Interface{LTR2018, BTR2018, BTR2020} {
		e := i.edition()
		samples := sampleMessages(t, e)
		for _, act := range e.acts() {
			name := e.operation(act) + suffixResponse
			t.Run(name+e.date, func(t *testing.T) {
				found, err := callers(citizen)[act](t.Context(), answering(t, i, samples[name]))
				require.NoError(t, err)
				switch act {
				case actGet, actGetForced:
					d := found.(cda.Document)
					assert.Equal(t, citizen, d.Citizen)
					assert.True(t, d.Wishes.IfDying.Declined == (act == actGet))
					assert.Equal(t, act == actGetForced || e != ltr2018, d.Wishes.NoForcedTreatment == will.Wish{Declined: true, Needs: will.TrustedAgent})
				case actHas:
					assert.Equal(t, true, found)
				}
			})
		}
	}
	no, err := answering(t, BTR2018, strings.Replace(sampleMessages(t, btr2018)["HasTreatmentWillResponse"], "true", "false", 1)).Has(t.Context(), citizen)
	require.NoError(t, err)
	assert.False(t, no)
}

// TestClientRefusesAnswers: what is not the answer that was asked for is not told.
func TestClientRefusesAnswers(t *testing.T) {
	citizen := sampleNumber(t)
	const get, forced, has, deleted = "GetTreatmentWillResponse", "GetTreatmentWillWithOnlyForcedTreatmentResponse", "HasTreatmentWillResponse", "DeleteTreatmentWillResponse"
	samples := sampleMessages(t, btr2020)
	for _, c := range []struct{ name, act, answer string }{
		{"another citizen's will", actGet, strings.ReplaceAll(samples[get], sampleCitizen, "0101010101")},
		{"a will of 2018", actGet, strings.ReplaceAll(strings.ReplaceAll(samples[get], `"urn:hl7-org:btrv2"`, `"urn:hl7-org:btr"`), "TreatmentWillV2", "TreatmentWill")},
		{"a part of a will", actGet, strings.ReplaceAll(samples[forced], forced, get)},
		{"more than the part", actGetForced, strings.ReplaceAll(samples[get], get, forced)},
		{"no document", actGet, message(btr2020, get, "")},
		{"two documents", actGet, message(btr2020, get, strings.Repeat(sampleDocument(t, cda.TreatmentWillV2), 2))},
		{"another element", actGet, message(btr2020, get, "<Document/>")},
		{"the answer of another operation", actGet, samples[has]},
		{"the answer of another interface", actGet, strings.ReplaceAll(samples[get], nsBTR2020, nsBTR2018)},
		{"no answer to has", actHas, message(btr2020, has, "")},
		{"two answers to has", actHas, message(btr2020, has, "<willExists>true</willExists><willExists>false</willExists>")},
		{"a number for the answer", actHas, message(btr2020, has, "<willExists>1</willExists>")},
		{"something in an empty answer", actDelete, message(btr2020, deleted, "<willExists>true</willExists>")},
		{"something in an answer to a write", actCreate, message(btr2020, "CreateTreatmentWillResponse", "<warning/>")},
	} {
		t.Run(c.name, func(t *testing.T) {
			found, err := callers(citizen)[c.act](t.Context(), answering(t, BTR2020, c.answer))
			require.ErrorIs(t, err, ErrAnswer)
			assert.NotContains(t, err.Error(), sampleCitizen)
			if found != nil {
				assert.Zero(t, found)
			}
		})
	}
}

// TestClientSendsNothingElse: of what an interface cannot say nothing is sent.
func TestClientSendsNothingElse(t *testing.T) {
	citizen := sampleNumber(t)
	declined, conditional := will.Wish{Declined: true}, will.Wish{Declined: true, Needs: will.Guardian}
	for _, c := range []struct {
		name   string
		of     Interface
		wishes will.Wishes
	}{
		{"pain in a living will", LTR2018, will.Wishes{IfDying: declined, IfSeverePain: declined}},
		{"a condition in a living will", LTR2018, will.Wishes{IfSeverelyDegraded: conditional}},
		{"a condition if dying", BTR2020, will.Wishes{IfDying: conditional}},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := &Client{Interface: c.of, Send: func(context.Context, string, func(*xmlout.Writer)) (*soap.Response, error) {
				t.Error("sent")
				return nil, ErrAnswer
			}}
			for _, call := range []func(context.Context, cpr.Number, will.Wishes) error{client.Create, client.Update, client.UpgradeTo} {
				assert.ErrorIs(t, call(t.Context(), citizen, c.wishes), ErrInterface)
			}
		})
	}
}

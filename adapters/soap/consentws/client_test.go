package consentws_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/consentws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/consenting"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/domain/validity"
)

// portalOf is a portal that a citizen uses.
func portalOf(citizen string) message {
	return message{system: true, header: userHeader("nsi:UserType", "nsi:Citizen", "nsi:ActingUserCivilRegistrationNumber", citizen, "nsi:SystemName", "TestPortal")}
}

// TestClient carries out everything there is, over the wire, with real ID cards.
func TestClient(t *testing.T) {
	s := newFederated(t)
	ctx := t.Context()
	citizen := number(citizenC)
	admin := s.client(consentws.PathAdministration, portalOf(citizenC))
	verify := s.client(consentws.PathVerification, message{system: true, header: acting(doctorD)})
	abroad := s.client(consentws.PathVerification, contactPoint(""))
	stored := func() []consent.Registration {
		all, err := s.store.All(ctx, citizen)
		require.NoError(t, err)
		for i := range all {
			all[i].Version = 0 // the wire does not tell it
		}
		return all
	}
	get := func() []consent.Registration {
		all, err := admin.Get(ctx, citizen)
		require.NoError(t, err)
		return all
	}
	assert.Empty(t, get())

	valid := validity.Period{From: s.now.Add(-time.Hour)}
	bounded := validity.Period{From: s.now.Add(-time.Hour), To: s.now.Add(time.Hour + 123*time.Millisecond)}
	blocks, err := admin.AddConstraint(ctx, []consenting.Addition{
		{Citizen: citizen, Draft: consent.Draft{Who: person(doctorD), Valid: valid, What: from(hospital)}},
		{Citizen: citizen, Draft: consent.Draft{Who: foreign, Valid: bounded}},
		{Citizen: citizen, Draft: consent.Draft{Who: of(hospital, true), Valid: valid, What: consent.What{
			Data: validity.Period{From: at("2024-01-01T00:00:00Z"), To: at("2025-01-01T00:00:00Z")}, Origin: consent.Organisation{SOR: otherRegion},
		}}},
	})
	require.NoError(t, err)
	s.now = s.now.Add(time.Minute)
	consents, err := admin.AddPositive(ctx, []consenting.Addition{{Citizen: citizen, Draft: consent.Draft{Who: person(anotherDoctor), Valid: bounded}}})
	require.NoError(t, err)
	assert.Len(t, append(slices.Clone(blocks), consents...), 4)
	assert.Equal(t, stored(), get(), "what was added")

	q := consenting.Question{Citizen: citizen, Acting: number(doctorD), Org: org.ID{Code: region, Scheme: org.SOR}}
	answer, err := verify.UserCheck(ctx, q)
	require.NoError(t, err)
	assert.Equal(t, consent.DataSpecific, answer)
	answer, err = abroad.ForeignersCheck(ctx, consenting.Question{Citizen: citizen, Country: "SE", Identifier: "SE-TEST-1"})
	require.NoError(t, err)
	assert.Equal(t, consent.Negative, answer)
	may, err := verify.DataCheck(ctx, q, []consentws.Item{
		{ID: "a", Item: consenting.Item{Origin: org.ID{Code: wardSHAK, Scheme: org.SHAK}}},
		{ID: "b<&", Item: consenting.Item{Origin: org.ID{Code: otherRegion, Scheme: org.SOR}, Data: validity.Period{From: at("2024-02-01T00:00:00Z"), To: at("2024-02-01T00:00:00Z")}}},
		{ID: "a", Item: consenting.Item{Origin: org.ID{Code: "1", Scheme: org.Yder}}},
		{ID: "d", Item: consenting.Item{Origin: org.ID{Code: otherRegion}}},
	})
	require.NoError(t, err)
	assert.Equal(t, []bool{false, true, false, false}, may)
	may, err = verify.DataCheck(ctx, q, nil)
	require.NoError(t, err)
	assert.Empty(t, may)

	ids, err := admin.ModifyConstraint(ctx, []consenting.Modification{{ID: blocks[1], Citizen: citizen, Draft: consent.Draft{Valid: valid, What: data2024}}})
	require.NoError(t, err)
	assert.Equal(t, blocks[1:2], ids)
	ids, err = admin.ModifyPositive(ctx, []consenting.Modification{{ID: consents[0], Citizen: citizen, Draft: consent.Draft{Valid: bounded}}})
	require.NoError(t, err)
	assert.Equal(t, consents, ids)
	ids, err = admin.Revoke(ctx, []consenting.Revocation{{ID: blocks[2], Citizen: citizen}, {ID: blocks[0], Citizen: citizen}})
	require.NoError(t, err)
	assert.Equal(t, []consent.ID{blocks[2], blocks[0]}, ids)
	assert.Equal(t, stored(), get(), "what was changed")

	t.Run("faults have their codes", func(t *testing.T) {
		code := func(err error) string {
			var f *soap.Fault
			require.ErrorAs(t, err, &f)
			return f.Code
		}
		_, err := admin.Revoke(ctx, []consenting.Revocation{{ID: blocks[0], Citizen: citizen}})
		assert.Equal(t, "consent_inactive", code(err))
		_, err = admin.Revoke(ctx, []consenting.Revocation{{ID: consent.MaxID, Citizen: citizen}})
		assert.Equal(t, "consent_not_found", code(err))
		_, err = admin.ModifyPositive(ctx, []consenting.Modification{{ID: blocks[1], Citizen: citizen, Draft: consent.Draft{Valid: bounded}}})
		assert.Equal(t, "consent_type_mismatch", code(err))
		_, err = admin.AddPositive(ctx, []consenting.Addition{{Citizen: citizen, Draft: consent.Draft{Valid: valid}}})
		assert.Equal(t, "invalid_validity", code(err))
		_, err = admin.AddConstraint(ctx, []consenting.Addition{{Citizen: citizen}})
		assert.Equal(t, "invalid_request", code(err))
		_, err = admin.AddConstraint(ctx, nil)
		assert.Equal(t, "invalid_request", code(err))
		_, err = admin.Revoke(ctx, make([]consenting.Revocation, 1))
		assert.Equal(t, "invalid_request", code(err), "nothing is said of what is not set")
		_, err = admin.Get(ctx, number(citizenB))
		assert.Equal(t, "not_authorized", code(err))

		s.store.OnRead.FailFrom(1, errors.New("down"))
		answer, err := verify.UserCheck(ctx, q)
		assert.Equal(t, "processing_problem", code(err))
		assert.Equal(t, consent.Negative, answer)
		may, err := verify.DataCheck(ctx, q, []consentws.Item{{ID: "a"}})
		assert.Equal(t, "processing_problem", code(err))
		assert.Nil(t, may)
	})
}

// answering is a client that is answered with a document.
func answering(document string) *consentws.Client {
	return &consentws.Client{Send: func(_ context.Context, _ string, body func(*xmlout.Writer)) (*soap.Response, error) {
		body(&xmlout.Writer{})
		tree, err := xmltree.Parse([]byte(document), xmltree.DefaultLimits(1<<20))
		if err != nil {
			return nil, err
		}
		return &soap.Response{Tree: tree, Root: tree.Root(), Body: tree.Root()}, nil
	}}
}

// asked is what a client made of an answer.
type asked struct {
	registrations []consent.Registration
	ids           []consent.ID
	answer        consent.Answer
	allowed       []bool
	err           error
}

// operations call each operation, about one thing where it is about several.
var operations = map[string]func(context.Context, *consentws.Client) asked{
	"ConsentRegistrationsGet": func(ctx context.Context, c *consentws.Client) (a asked) {
		a.registrations, a.err = c.Get(ctx, cpr.Number{})
		return a
	},
	"ConsentAddPositive": func(ctx context.Context, c *consentws.Client) (a asked) {
		a.ids, a.err = c.AddPositive(ctx, make([]consenting.Addition, 1))
		return a
	},
	"ConsentAddConstraint": func(ctx context.Context, c *consentws.Client) (a asked) {
		a.ids, a.err = c.AddConstraint(ctx, make([]consenting.Addition, 1))
		return a
	},
	"ConsentModifyPositive": func(ctx context.Context, c *consentws.Client) (a asked) {
		a.ids, a.err = c.ModifyPositive(ctx, make([]consenting.Modification, 1))
		return a
	},
	"ConsentModifyConstraint": func(ctx context.Context, c *consentws.Client) (a asked) {
		a.ids, a.err = c.ModifyConstraint(ctx, make([]consenting.Modification, 1))
		return a
	},
	"ConsentRevoke": func(ctx context.Context, c *consentws.Client) (a asked) {
		a.ids, a.err = c.Revoke(ctx, make([]consenting.Revocation, 1))
		return a
	},
	userOp: func(ctx context.Context, c *consentws.Client) (a asked) {
		a.answer, a.err = c.UserCheck(ctx, consenting.Question{})
		return a
	},
	foreignersOp: func(ctx context.Context, c *consentws.Client) (a asked) {
		a.answer, a.err = c.ForeignersCheck(ctx, consenting.Question{})
		return a
	},
	dataOp: func(ctx context.Context, c *consentws.Client) (a asked) {
		a.allowed, a.err = c.DataCheck(ctx, consenting.Question{}, []consentws.Item{{ID: "doc-1"}, {ID: "doc-2"}})
		return a
	},
}

// TestClientRefuses: an answer that is not as the contract has it is an error, and lets nothing be seen.
func TestClientRefuses(t *testing.T) {
	response := func(name string) string { return sample(t, name+"-response.xml") }
	get, user, data := response("get"), response("user-check"), response("data-check")
	registration := func(content string) string { // an element of the registration left out or replaced
		element, _, _ := strings.Cut(content[3:], ">")
		from, to := strings.Index(get, "<t:"+element+">"), strings.Index(get, "</t:"+element+">")
		require.Positive(t, from)
		require.Positive(t, to)
		return get[:from] + strings.TrimPrefix(content, "<t:"+element+">") + get[to+len("</t:"+element+">"):]
	}
	for _, c := range []struct{ name, operation, answer string }{
		{"of another operation", userOp, data},
		{"of another namespace", userOp, strings.ReplaceAll(user, "consentverification", "other")},
		{"no result", userOp, strings.Replace(strings.Replace(user, "<t:consentCheckResult>", "<!--", 1), "</t:consentCheckResult>", "-->", 1)},
		{"a result of others", userOp, strings.Replace(user, "DataSpecific", "Maybe", 1)},
		{"an empty result", foreignersOp, strings.Replace(response("foreigners-check"), "Negative", "", 1)},
		{"two results", userOp, strings.Replace(user, "</v:", "<t:consentCheckResult>Positive</t:consentCheckResult></v:", 1)},
		{"a result that is an element", userOp, strings.Replace(user, "DataSpecific", "<t:Positive/>", 1)},
		{"a verdict too few", dataOp, data[:strings.LastIndex(data, "<t:dataItemResult>")] + "</v:ConsentForDataCheckResponse>"},
		{"a verdict too many", dataOp, strings.Replace(data, "</v:", "<t:dataItemResult><t:itemId>doc-2</t:itemId><t:access>Allowed</t:access></t:dataItemResult></v:", 1)},
		{"verdicts in another order", dataOp, strings.NewReplacer("doc-1", "doc-2", "doc-2", "doc-1").Replace(data)},
		{"a verdict of others", dataOp, strings.Replace(data, "Denied", "Perhaps", 1)},
		{"no verdict", dataOp, strings.Replace(data, "<t:access>Denied</t:access>", "", 1)},
		{"no id of an item", dataOp, strings.Replace(data, "<t:itemId>doc-1</t:itemId>", "", 1)},
		{"an id too few", "ConsentRevoke", strings.Replace(response("revoke"), "<consentId>482910573316204</consentId>", "", 1)},
		{"an id too many", "ConsentAddPositive", strings.Replace(response("add-positive"), "</m:", "<consentId>482910573316204</consentId></m:", 1)},
		{"an id that is none", "ConsentAddConstraint", strings.Replace(response("add-constraint"), "604132795538426", "0", 1)},
		{"a registration without id", "ConsentRegistrationsGet", registration("<t:consentId>")},
		{"a registration of nobody", "ConsentRegistrationsGet", registration("<t:citizenCPR>")},
		{"a registration of no kind", "ConsentRegistrationsGet", registration("<t:consentType>")},
		{"a registration of another kind", "ConsentRegistrationsGet", registration("<t:consentType><t:consentType>Neutral</t:consentType>")},
		{"a registration without beginning", "ConsentRegistrationsGet", registration("<t:validFrom>")},
		{"a registration that is neither active nor not", "ConsentRegistrationsGet", registration("<t:active>")},
		{"a registration made never", "ConsentRegistrationsGet", registration("<t:creationTimestamp>")},
		{"a limit that is not known", "ConsentRegistrationsGet", registration("<t:who><t:who><t:healthProfessionalCRP>0202020202</t:healthProfessionalCRP></t:who>")},
		{"a day that is none", "ConsentRegistrationsGet", registration("<t:validFrom><t:validFrom>2026-02-30</t:validFrom>")},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := operations[c.operation](t.Context(), answering(c.answer))
			require.ErrorIs(t, a.err, consentws.ErrAnswer)
			assert.Equal(t, asked{err: a.err}, a)
			assert.NotRegexp(t, `\d{10}`, a.err.Error())
		})
	}
	for name, op := range operations {
		down := errors.New("down")
		a := op(t.Context(), &consentws.Client{Send: func(context.Context, string, func(*xmlout.Writer)) (*soap.Response, error) { return nil, down }})
		assert.Equal(t, asked{err: down}, a, name)
	}
	assert.Equal(t, consent.DataSpecific, operations[userOp](t.Context(), answering(user)).answer, "the good one")
}

// FuzzClient: whatever a server answers, the client makes nothing of it, or what the contract can say.
func FuzzClient(f *testing.F) {
	for _, name := range []string{
		"get", "add-positive", "add-constraint", "modify-positive", "modify-constraint", "revoke", "user-check", "foreigners-check", "data-check",
	} {
		f.Add(sample(f, name+"-response.xml"))
	}
	f.Fuzz(func(t *testing.T, document string) {
		tree, err := xmltree.Parse([]byte(document), xmltree.DefaultLimits(1<<20))
		if err != nil {
			return
		}
		tree.Release()
		c := answering(document)
		for _, name := range slices.Sorted(maps.Keys(operations)) {
			a := operations[name](t.Context(), c)
			if a.err != nil {
				require.ErrorIs(t, a.err, consentws.ErrAnswer)
				require.Equal(t, asked{err: a.err}, a)
			}
			for _, r := range a.registrations {
				require.False(t, r.Citizen.IsZero() || r.Valid.From.IsZero() || r.Created.At.IsZero())
				a.ids = append(a.ids, r.ID)
			}
			for _, id := range a.ids {
				require.True(t, consent.MinID <= id && id <= consent.MaxID, "an id that is none")
			}
			require.LessOrEqual(t, a.answer, consent.PositiveAnswer)
		}
	})
}

package consent_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/fault"
)

func TestParseID(t *testing.T) {
	for _, s := range []string{"100000000000000", "482910573316204", "999999999999999"} {
		id, err := consent.ParseID(s)
		require.NoError(t, err)
		assert.Equal(t, s, id.String())
		assert.True(t, consent.MinID <= id && id <= consent.MaxID)
	}
	for _, s := range []string{
		"", "0", "48291057331620", "4829105733162040", "048291057331620", "48291057331620a", "-48291057331620", "+82910573316204", " 82910573316204",
		"４82910573316", "482910573316204\n", "18446744073709551617",
	} {
		_, err := consent.ParseID(s)
		assert.Equal(t, consent.ErrID, err, s)
	}
}

func TestNames(t *testing.T) {
	assert.Equal(t, "constraint positive positive", fmt.Sprint(consent.Constraint, " ", consent.Positive, " ", consent.Kind(200)))
	assert.Equal(t, "negative data_specific positive unknown",
		fmt.Sprint(consent.Negative, " ", consent.DataSpecific, " ", consent.PositiveAnswer, " ", consent.Answer(3)))
	assert.Equal(t, "revoked future expired in_force unknown",
		fmt.Sprint(consent.Revoked, " ", consent.Future, " ", consent.Expired, " ", consent.InForce, " ", consent.State(4)))
	names := ""
	for r := consent.ReasonRevoked; r <= consent.AppliesByPrecaution+1; r++ {
		names += r.String() + " "
	}
	assert.Equal(t, "revoked not_yet expired other_person other_organisation not_foreign "+
		"applies_to_all_data applies_to_some_data applies_by_precaution unknown ", names)
}

func TestAtEntry(t *testing.T) {
	err := consent.AtEntry(2, fmt.Errorf("add registration: %w", consent.ErrNoEnd))
	assert.Equal(t, fault.Error{Kind: fault.Invalid, Code: "invalid_validity", Text: "Entry 2: a positive consent must have an end"}, err)
	broken := errors.New("disk full")
	assert.Equal(t, broken, consent.AtEntry(1, broken))
	assert.NoError(t, consent.AtEntry(1, nil))
}

func TestNoPersonIsPrinted(t *testing.T) {
	r := constraint(person(doctor), allData)
	r.Created, r.Modified = portal, later
	q := consent.Requester{Acting: doctor, Responsible: helper}
	o := consent.Override{ID: "01", Citizen: citizen, Acting: doctor, Responsible: helper, AuthorisationCode: "ZXCVB"}
	for _, v := range []any{r, &r, []consent.Registration{r}, r.Created, &r.Created, q, o, &o, consent.Change{Put: []consent.Registration{r}}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			text := fmt.Sprintf(verb, v)
			for _, secret := range []string{citizen.Digits(), doctor.Digits(), helper.Digits(), another.Digits(), "ZXCVB",
				fmt.Sprintf("%x", citizen.Digits()), fmt.Sprintf("%x", another.Digits())} {
				assert.NotContains(t, text, secret, "%s of %T", verb, v)
			}
		}
	}
	assert.Equal(t, "2026-03-02T10:00:00Z by TestPortal", portal.String())
	assert.Equal(t, "never", consent.Stamp{}.String())
}

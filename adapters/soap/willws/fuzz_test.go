package willws_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap/willws"
	"github.com/opennsp/nsp/domain/will"
)

// FuzzBody: whatever a citizen sends, it is answered, or refused in words that name nobody; what is refused changes nothing, and what is kept is
// a will that says something.
func FuzzBody(f *testing.F) {
	for _, body := range []string{
		createL(wishesL), updateL(wishesL), create2018(wishes2018), update2018(wishes2018), create2020(wishes2020), update2020(wishes2020),
		upgrade2020(wishes2020), on("b:GetTreatmentWill"), on("o:HasTreatmentWill"), on("l:DeleteLivingWill"), on("b:GetTreatmentWillWithOnlyForcedTreatment"),
		request("b:DeleteTreatmentWill", `<id nullFlavor="NI" displayable="1"/>`), create2020(strings.ReplaceAll(wishes2020, "true", "<![CDATA[1]]>")),
		request("b:CreateTreatmentWill", id(citizenC)+`<treatmentWillV2 nullFlavor="" xsi:type="w:TreatmentWillV2" xsi:nil="0"/>`),
	} {
		f.Add(body)
	}
	ten := regexp.MustCompile(`\d{10}`)
	text := regexp.MustCompile(`<faultstring>(.*)</faultstring>`)
	f.Fuzz(func(t *testing.T, body string) {
		s := newService(t)
		s.keeper.Rules.Closed = s.now.AddDate(1, 0, 0)
		for _, path := range []string{willws.PathLTR, willws.PathBTR} {
			had := s.history(t, citizenC)
			w := s.sendTo(t, path, body)
			require.NotContains(t, s.log.String(), "panic")
			if w.Code == http.StatusOK {
				continue
			}
			require.Contains(t, []int{http.StatusInternalServerError, http.StatusRequestEntityTooLarge}, w.Code)
			told := text.FindStringSubmatch(w.Body.String())
			require.Len(t, told, 2, w.Body.String())
			require.NotRegexp(t, ten, told[1])
			require.NotEqual(t, "internal error", told[1])
			require.Equal(t, had, s.history(t, citizenC))
		}
		for _, r := range s.history(t, citizenC) {
			require.NotEqual(t, will.Wishes{}, r.Wishes)
			require.Equal(t, will.None, r.IfDying.Needs)
		}
	})
}

package willws_test

import (
	"testing"

	"github.com/opennsp/nsp/adapters/soap/willws"
	"github.com/opennsp/nsp/domain/will"
)

// TestWA22: what the service answers is what its schemas say.
func TestWA22(t *testing.T) {
	s := newService(t)
	var answers []string
	call := func(s *service, bodies ...string) {
		for _, body := range bodies {
			answers = append(answers, s.call(t, body))
		}
	}
	call(s, on("b:HasTreatmentWill"), create2020(wishes2020), on("b:HasTreatmentWill"), on("b:GetTreatmentWill"), on("o:GetTreatmentWill"),
		on("b:GetTreatmentWillWithOnlyForcedTreatment"), update2020(wishes2020), update2018(wishes2018), on("o:GetTreatmentWill"),
		on("o:HasTreatmentWill"), on("o:DeleteTreatmentWill"), create2018(wishes2018), on("b:DeleteTreatmentWill"))
	s = newService(t)
	s.given(t, will.LTR, livingWishes)
	call(s, on("l:HasLivingWill"), on("l:GetLivingWill"), upgrade2020(wishes2020), on("b:GetTreatmentWill"))
	s = newService(t)
	s.given(t, will.LTR, livingWishes)
	call(s, on("l:DeleteLivingWill"))
	willws.ValidAnswers(t, answers...)
}

package willws_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap/willws"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/will"
)

// TestServices: each register is one service, and its administration another one with the same contract.
func TestServices(t *testing.T) {
	s := newService(t)
	operations := map[string]int{willws.PathLTR: 5, willws.PathBTR: 12, willws.PathLTRAdmin: 5, willws.PathBTRAdmin: 12}
	names := map[string]string{willws.PathLTR: "ltr", willws.PathBTR: "btr", willws.PathLTRAdmin: "ltr-admin", willws.PathBTRAdmin: "btr-admin"}
	require.Len(t, s.mounted, len(operations))
	for _, m := range s.mounted {
		assert.Equal(t, names[m.Path], m.Service.Name)
		assert.Equal(t, audit.LTRBTR, m.Service.Component)
		assert.Len(t, m.Service.Operations, operations[m.Path], m.Path)
		labels, actions := map[string]bool{}, map[string]bool{}
		for _, op := range m.Service.Operations {
			assert.False(t, labels[op.Label], op.Label)
			labels[op.Label] = true
			for _, action := range op.Actions {
				assert.False(t, actions[action], action)
				actions[action] = true
				assert.NotContains(t, m.Service.Elsewhere, action)
			}
		}
	}
	assert.Equal(t, s.mounted[0].Service.Contract, s.mounted[2].Service.Contract)
	assert.Equal(t, s.mounted[1].Service.Contract, s.mounted[3].Service.Contract)
}

// TestAdministration: an administrator registers paper forms at paths of its own, and nobody else does anything there.
func TestAdministration(t *testing.T) {
	t.Run("WA-37 any citizen's will", func(t *testing.T) {
		s := newService(t).as(administrator())
		s.good(t, s.sendTo(t, willws.PathBTRAdmin, create2020(wishes2020)))
		s.good(t, s.sendTo(t, willws.PathBTRAdmin, update2018(wishes2018)))
		_, _, wishes, _ := read(t, s.good(t, s.sendTo(t, willws.PathBTRAdmin, on("b:GetTreatmentWill"))))
		assert.Equal(t, wishes2020, wishes)
		s.good(t, s.sendTo(t, willws.PathBTRAdmin, on("b:GetTreatmentWillWithOnlyForcedTreatment")))
		assert.Contains(t, s.good(t, s.sendTo(t, willws.PathLTRAdmin, on("l:HasLivingWill"))), exists("false"))
		s.good(t, s.sendTo(t, willws.PathBTRAdmin, on("b:DeleteTreatmentWill")))
	})
	t.Run("WA-36 an administrator changes and withdraws living wills, and creates none", func(t *testing.T) {
		s := newService(t).as(administrator())
		refused(t, s.sendTo(t, willws.PathLTRAdmin, createL(wishesL)), "register_closed", "living wills can no longer be created or changed")
		s.given(t, will.LTR, will.Wishes{IfSeverelyDegraded: will.Wish{Declined: true}})
		s.good(t, s.sendTo(t, willws.PathLTRAdmin, updateL(wishesL)))
		assert.Equal(t, livingWishes, s.history(t, citizenC)[1].Wishes)
		s.good(t, s.sendTo(t, willws.PathLTRAdmin, on("l:DeleteLivingWill")))
	})
	t.Run("an administrator is nobody at the other paths", func(t *testing.T) {
		s := newService(t).as(administrator())
		refused(t, s.send(t, create2020(wishes2020)), "not_authorized", "no access")
		s.untouched(t, nil)
	})
	for name, caller := range map[string]identity.Caller{
		"a citizen": citizen(citizenC), "a doctor": professional(doctorD, "7170"), "a system": system(listed),
	} {
		t.Run(name+" is nobody at those of the administration", func(t *testing.T) {
			for _, operation := range []string{"Create", "UpgradeTo", "Update", "Delete", "Get", "Has"} {
				s := newService(t).as(caller)
				body := on("b:" + operation + "TreatmentWill")
				switch operation {
				case "Create":
					body = create2020(wishes2020)
				case "UpgradeTo":
					body = upgrade2020(wishes2020)
				case "Update":
					body = update2020(wishes2020)
				}
				refused(t, s.sendTo(t, willws.PathBTRAdmin, body), "not_authorized", "no access")
				s.untouched(t, nil)
			}
		})
	}
}

// TestCallers: who finds wills.
func TestCallers(t *testing.T) {
	s := newService(t)
	s.call(t, create2020(wishes2020))
	t.Run("WA-23 a doctor reads, and MinLog knows the authorisation", func(t *testing.T) {
		_, _, wishes, _ := read(t, s.as(professional(doctorD, "7170")).call(t, on("b:GetTreatmentWill")))
		assert.Equal(t, wishes2020, wishes)
		told := s.told.Kept()
		require.Len(t, told, 2)
		assert.Equal(t, "TST01", told[1].User.Value)
	})
	t.Run("WA-26 a dentist may ask whether there is one", func(t *testing.T) {
		assert.Contains(t, s.as(professional(dentistT, dentistsEducation)).call(t, on("b:HasTreatmentWill")), exists("true"))
	})
	t.Run("WA-27 a system that is granted it may ask whether there is one", func(t *testing.T) {
		assert.Contains(t, s.as(system(listed)).call(t, on("b:HasTreatmentWill")), exists("true"))
		assert.Contains(t, s.as(system(listed)).call(t, on("l:HasLivingWill")), exists("false"))
	})
	t.Run("WA-28 nobody may call for a child", func(t *testing.T) {
		parent := citizen(citizenC)
		parent.OnBehalfOf = &identity.Principal{CPR: number(childA)}
		for _, who := range []string{citizenC, childA} {
			refused(t, s.as(parent).send(t, strings.ReplaceAll(on("b:GetTreatmentWill"), citizenC, who)), "not_authorized", "no access")
		}
	})
	t.Run("WA-24 a refusal is the same, octet by octet, whether there is a will or not", func(t *testing.T) {
		empty := newService(t)
		for i, body := range []string{on("b:GetTreatmentWill"), on("b:DeleteTreatmentWill"), create2020(wishes2020), on("b:HasTreatmentWill")} {
			for j, caller := range []identity.Caller{citizen(citizenB), system("99999903"), professional(dentistT, dentistsEducation)} {
				if strings.HasPrefix(body, "<b:Has") && caller.Kind == identity.Professional {
					continue
				}
				message := envelope(fmt.Sprintf("same-%d-%d", i, j), body)
				with, without := s.as(caller).post(t, willws.PathBTR, message), empty.as(caller).post(t, willws.PathBTR, message)
				refused(t, with, "not_authorized", "no access")
				assert.Equal(t, without.Body.String(), with.Body.String())
			}
		}
	})
}

// TestResend: a change that is sent again is not made again; a look is taken again.
func TestResend(t *testing.T) {
	s := newService(t).as(administrator())
	create := envelope("once", create2020(wishes2020))
	first := s.post(t, willws.PathBTRAdmin, create)
	again := s.post(t, willws.PathBTRAdmin, create)
	assert.Equal(t, http.StatusOK, again.Code)
	assert.Equal(t, first.Body.String(), again.Body.String())
	assert.Len(t, s.history(t, citizenC), 1)

	look := envelope("look", on("b:HasTreatmentWill"))
	assert.Contains(t, s.good(t, s.post(t, willws.PathBTRAdmin, look)), exists("true"))
	s.good(t, s.sendTo(t, willws.PathBTRAdmin, on("b:DeleteTreatmentWill")))
	assert.Contains(t, s.good(t, s.post(t, willws.PathBTRAdmin, look)), exists("false"))

	for _, message := range []string{update2020(wishes2020), upgrade2020(wishes2020), on("b:DeleteTreatmentWill")} {
		s := newService(t).as(administrator())
		s.given(t, map[bool]will.Register{true: will.LTR, false: will.BTR}[strings.Contains(message, "Upgrade")], livingWishes)
		first := s.good(t, s.post(t, willws.PathBTRAdmin, envelope("again", message)))
		had := s.history(t, citizenC)
		assert.Equal(t, first, s.good(t, s.post(t, willws.PathBTRAdmin, envelope("again", message))))
		assert.Equal(t, had, s.history(t, citizenC))
	}
}

// TestAudit: each operation has a context of its own, which names the citizen, who called and the register, and no wish.
func TestAudit(t *testing.T) {
	s := newService(t)
	s.keeper.Rules.Closed = s.now.AddDate(1, 0, 0)
	for _, c := range []struct {
		body     string
		where    audit.Context
		register will.Register
	}{
		{createL(wishesL), audit.CreateLivingWill, will.LTR}, {updateL(wishesL), audit.UpdateLivingWill, will.LTR},
		{on("l:GetLivingWill"), audit.GetLivingWill, will.LTR}, {on("l:HasLivingWill"), audit.HasLivingWill, will.LTR},
		{upgrade2020(wishes2020), audit.UpgradeToTreatmentWill, will.BTR}, {update2020(wishes2020), audit.UpdateTreatmentWill, will.BTR},
		{on("b:GetTreatmentWill"), audit.GetTreatmentWill, will.BTR}, {on("b:HasTreatmentWill"), audit.HasTreatmentWill, will.BTR},
		{on("b:GetTreatmentWillWithOnlyForcedTreatment"), audit.GetForcedTreatment, will.BTR},
		{on("b:DeleteTreatmentWill"), audit.DeleteTreatmentWill, will.BTR}, {create2018(wishes2018), audit.CreateTreatmentWill, will.BTR},
		{on("o:GetTreatmentWill"), audit.GetTreatmentWill, will.BTR}, {on("o:DeleteTreatmentWill"), audit.DeleteTreatmentWill, will.BTR},
		{createL(wishesL), audit.CreateLivingWill, will.LTR}, {on("l:DeleteLivingWill"), audit.DeleteLivingWill, will.LTR},
	} {
		s.call(t, c.body)
		lines := s.audit.Lines()
		notes := lines[len(lines)-1].Notes
		require.Len(t, notes, 1)
		assert.Equal(t, audit.LTRBTR, notes[0].Component)
		require.Len(t, notes[0].Contexts, 1)
		assert.Equal(t, c.where, notes[0].Contexts[0].Context)
		assert.Contains(t, notes[0].Contexts[0].Information, audit.PatientID.Is(citizenC))
		assert.Contains(t, notes[0].Contexts[0].Information, audit.WillRegister.Is(string(c.register)))
	}
	assert.Len(t, s.audit.Lines(), 15, "one line a call")
}

// TestWA40: nobody is named, and nothing told of a will, in the log and the faults.
func TestWA40(t *testing.T) {
	s := newService(t)
	for _, caller := range []identity.Caller{citizen(citizenC), citizen(citizenB), professional(doctorD, "7170"), system(listed)} {
		for _, body := range []string{
			create2020(wishes2020), on("b:GetTreatmentWill"), create2020("<w:" + citizenC + "/>"), request("b:GetTreatmentWill", id(citizenC+"1")),
			request("b:"+"X"+citizenC, ""), on("b:DeleteTreatmentWill"), on("b:GetTreatmentWill"),
		} {
			w := s.as(caller).send(t, body)
			if w.Code != http.StatusOK {
				assert.NotContains(t, w.Body.String(), citizenC)
			}
		}
	}
	assert.NotContains(t, s.log.String(), citizenC)
	assert.NotContains(t, s.log.String(), "AcceptanceRequired")
}

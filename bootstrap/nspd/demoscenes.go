package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/opennsp/nsp/adapters/auth/hsuid"
	"github.com/opennsp/nsp/adapters/soap/consentws"
	"github.com/opennsp/nsp/adapters/soap/fgvhrws"
	"github.com/opennsp/nsp/adapters/soap/nasws"
	"github.com/opennsp/nsp/adapters/soap/willws"
	"github.com/opennsp/nsp/application/consenting"
	"github.com/opennsp/nsp/application/notifying"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/fgvhr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/minlog"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/domain/org"
	"github.com/opennsp/nsp/domain/validity"
	"github.com/opennsp/nsp/domain/will"
)

// audience logs the citizen in for a service.
func (d *demo) audience(ctx context.Context, name string) (*citizen, error) {
	return connectCitizen(ctx, addresses{d.base, d.base}, d.dir+"/federation", d.sample.Citizen, name, d.http)
}

// inMinLog waits until the citizen reads in her log that somebody did something in a system.
func (d *demo) inMinLog(system, activity string) func(context.Context) (string, error) {
	return func(ctx context.Context) (by string, err error) {
		q := window{System: system, Grouping: "None", Limit: 20}.question(minlog.ID{Source: minlog.CPR, Value: d.sample.Citizen})
		err = until(ctx, func() (bool, error) {
			log, err := d.citizen.minLog().Citizens(ctx, q)
			for _, g := range log.Groups {
				if g.Head.Activity == activity {
					by = g.Head.Activity + ", " + g.Head.UserName
					return true, nil
				}
			}
			return false, err
		})
		return by, err
	}
}

func (d *demo) consentScene() scene {
	return scene{"Consent: who may see a citizen's data", []demoStep{
		{"The citizen blocks the doctor from her data", d.block},
		{"The doctor's system asks if she may see them", d.check(false, consent.Negative)},
		{"The doctor breaks through (værdispring)", d.check(true, consent.PositiveAnswer)},
		{"The citizen reads it in MinLog", d.inMinLog("MinSpærring", "Værdispring")},
	}}
}

func (d *demo) block(ctx context.Context) (string, error) {
	her, err := d.audience(ctx, consentName)
	if err != nil {
		return "", err
	}
	made, err := (&consentws.Client{Send: her.sender(consentPath)}).AddConstraint(ctx, []consenting.Addition{{
		Citizen: her.number, Kind: consent.Constraint, Draft: consent.Draft{
			Who: consent.Who{Person: d.doctor.sample.Person.CPR}, Valid: validity.Period{From: time.Now().UTC().Truncate(time.Millisecond)},
		},
	}})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("registration %s", made[0]), nil
}

// check asks whether the doctor may see the citizen's data.
func (d *demo) check(override bool, want consent.Answer) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		doctor, place := *d.doctor, d.sample.Practice
		acting := doctor.sample.Person.CPR
		doctor.user = &identity.HSUID{
			Issuer: systemName, UserType: "nsi:HealthcareProfessional", Acting: acting, Override: override, SystemName: systemName,
			Org: identity.OrgID{Scheme: hsuid.SOR, Code: place},
		}
		answer, err := (&consentws.Client{Send: doctor.sender(consentPath)}).UserCheck(ctx,
			consenting.Question{Citizen: d.citizen.number, Acting: acting, Org: org.ID{Code: place, Scheme: org.SOR}})
		if err != nil {
			return "", err
		}
		if answer != want {
			return "", fmt.Errorf("%s, want %s", answer, want)
		}
		return answerText(answer), nil
	}
}

func (d *demo) notificationScene() scene {
	return scene{"NAS and eCPR: being told when something changes", []demoStep{
		{"The system " + d.sample.Registrar + " subscribes to changes", d.subscribe},
		{"The doctor gives a person a replacement number", d.replacement},
		{"and links it to a CPR number", d.link},
		{"The subscriber is told", d.fetch},
	}}
}

// nas is the client of the notification service at a path, as the subscriber.
func (d *demo) nas(path string) *nasws.Client {
	return &nasws.Client{Send: d.registrar.sender(at(path))}
}

func (d *demo) subscribe(ctx context.Context) (string, error) {
	address, err := d.nas(nasws.PathFactory).CreatePullPoint(ctx)
	if err != nil {
		return "", err
	}
	id, _ := nas.PullPointOf(address)
	d.pullPoint = nasws.PathPullPoint + "/" + string(id)
	if _, err := d.nas(nasws.PathManager).Subscribe(ctx, nasws.Selection{PullPoint: d.base + d.pullPoint, Topic: d.topic}); err != nil {
		return "", err
	}
	return "at a pull point of its own", nil
}

func (d *demo) replacement(ctx context.Context) (string, error) {
	p := d.sample.Newcomer
	made, err := d.doctor.ecpr().CreatePerson(ctx, d.doctor.actor(), elements{Given: p.Given, Family: p.Family, Gender: p.Gender, Birth: p.Birth}.edits())
	d.number = made.Number
	return made.Number.Text(), err
}

func (d *demo) link(ctx context.Context) (string, error) {
	_, err := d.doctor.ecpr().UpdatePerson(ctx, d.number, d.doctor.actor(),
		[]ecpr.Edit{{Kind: ecpr.IdentifierKind, Element: ecpr.Identifier{OID: ecpr.CPROID, Value: d.sample.Newcomer.CPR}}})
	return d.sample.Newcomer.CPR, err
}

// fetch fetches until the subscriber is told of the change.
func (d *demo) fetch(ctx context.Context) (string, error) {
	var got nas.Notification
	err := until(ctx, func() (bool, error) {
		fetched, err := d.nas(d.pullPoint).GetMessages(ctx, notifying.NoQuota)
		for _, m := range fetched.Messages {
			got = m.Notification
		}
		return got.ID != "", err
	})
	if err != nil {
		return "", err
	}
	if got.ID != d.number.Text() {
		return "", errors.New("the notification is about somebody else")
	}
	return got.Topic[strings.LastIndexByte(got.Topic, ':')+1:] + " of " + got.ID, nil
}

func (d *demo) willScene() scene {
	return scene{"LTR-BTR: what a citizen declines in advance", []demoStep{
		{"The citizen writes a treatment will", d.writeWill},
		{"The doctor reads it", d.readWill},
		{"The doctor may not change it", d.changeWill},
		{"The citizen reads it in MinLog", d.inMinLog("LTR-BTR", "Opslag behandlingstestamente")},
	}}
}

func (d *demo) writeWill(ctx context.Context) (string, error) {
	her, err := d.audience(ctx, willName)
	if err != nil {
		return "", err
	}
	says := will.Wishes{IfDying: will.Wish{Declined: true}, IfSeverelyDegraded: will.Wish{Declined: true, Needs: will.Relative}}
	return "registered", (&willws.Client{Send: her.sender(willPath(false))}).Create(ctx, her.number, says)
}

// doctorsWills is the client of wills that shows the doctor's card, and whom it asks about.
func (d *demo) doctorsWills() (*willws.Client, cpr.Number) {
	return &willws.Client{Send: d.doctor.sender(willPath(false))}, d.citizen.number
}

func (d *demo) readWill(ctx context.Context) (string, error) {
	wills, her := d.doctorsWills()
	found, err := wills.Get(ctx, her)
	if err != nil {
		return "", err
	}
	if w := found.Wishes; !w.IfDying.Declined || w.IfSeverelyDegraded.Needs != will.Relative || w.IfSeverePain.Declined || w.NoForcedTreatment.Declined {
		return "", errors.New("it says something else")
	}
	return "2 wishes, 1 of them if a relative accepts", nil
}

func (d *demo) changeWill(ctx context.Context) (string, error) {
	wills, her := d.doctorsWills()
	return refusedWith(wills.Delete(ctx, her), fault.CodeNotAuthorized)
}

func (d *demo) optOutScene() scene {
	return scene{"FGVHR: who declines resuscitation", []demoStep{
		{"The citizen declines resuscitation", d.optOut},
		{"She reads whether it is in force", d.readOptOut(fgvhr.Active)},
		{"A system is told when it is, no sooner", d.notTold},
		{"She withdraws it, at once", d.withdraw},
		{"And whether it is now", d.readOptOut(fgvhr.Inactive)},
	}}
}

func (d *demo) optOut(ctx context.Context) (string, error) {
	her, err := d.audience(ctx, willName)
	if err != nil {
		return "", err
	}
	d.optOuts = &fgvhrws.Client{Send: her.sender(at(fgvhrws.Path))}
	made, err := d.optOuts.Register(ctx, her.number, calendar.Day{})
	if err != nil {
		return "", err
	}
	if days := fgvhr.DaysUntil(made.Created, made.ValidFrom); days != 7 {
		return "", fmt.Errorf("in force after %d days, want 7", days)
	}
	return "in force from " + moment(made.ValidFrom), nil
}

func (d *demo) readOptOut(want fgvhr.Status) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		found, there, err := d.optOuts.Get(ctx, d.citizen.number)
		switch {
		case err != nil:
			return "", err
		case !there || found.Status != want || found.InForce:
			return "", fmt.Errorf("it is %s, in force: %t; want %s and not in force", found.Status, found.InForce, want)
		}
		return string(found.Status) + ": " + force(found), nil
	}
}

func (d *demo) notTold(ctx context.Context) (string, error) {
	_, there, err := (&fgvhrws.Client{Send: d.registrar.sender(at(fgvhrws.Path))}).Get(ctx, d.citizen.number)
	if there {
		return "", errors.New("it is shown")
	}
	return "nothing is shown", err
}

func (d *demo) withdraw(ctx context.Context) (string, error) {
	return "withdrawn", d.optOuts.Delete(ctx, d.citizen.number)
}

package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/opennsp/nsp/domain/minlog"
)

//go:embed demo.yaml
var demoFile []byte

// demoSample is what demo.yaml says.
type demoSample struct {
	Entries  int `yaml:"entries"`
	Patients []struct {
		CPR  string `yaml:"cpr"`
		Name string `yaml:"name"`
	} `yaml:"patients"`
	Users []struct {
		CPR    string `yaml:"cpr"`
		Role   string `yaml:"role"`
		Behalf string `yaml:"behalf"`
	} `yaml:"users"`
	Activities []struct {
		System   string `yaml:"system"`
		Activity string `yaml:"activity"`
		Reason   string `yaml:"reason"`
	} `yaml:"activities"`
	Organisation struct {
		SOR  string `yaml:"sor"`
		Name string `yaml:"name"`
	} `yaml:"organisation"`
	Registrar string `yaml:"registrar"`
	Reader    string `yaml:"reader"`
	Doctor    string `yaml:"doctor"`
	Citizen   string `yaml:"citizen"`
	Practice  string `yaml:"practice"`
	Newcomer  struct {
		Given  string `yaml:"given"`
		Family string `yaml:"family"`
		Gender string `yaml:"gender"`
		Birth  string `yaml:"birth"`
		CPR    string `yaml:"cpr"`
	} `yaml:"newcomer"`
}

func readDemo() (s demoSample, err error) {
	d := yaml.NewDecoder(bytes.NewReader(demoFile))
	d.KnownFields(true)
	if err := d.Decode(&s); err != nil {
		return s, fmt.Errorf("read the demo's sample: %w", err)
	}
	return s, nil
}

// bulk returns the accesses, the newest a minute before now.
func (s *demoSample) bulk(now time.Time) []minlog.Entry {
	entries := make([]minlog.Entry, s.Entries)
	for i := range entries {
		patient, user, activity := s.Patients[i%len(s.Patients)], s.Users[i%len(s.Users)], s.Activities[i%len(s.Activities)]
		at := now.Add(-time.Duration(i+1) * time.Minute).UTC().Truncate(time.Millisecond)
		entries[i] = minlog.Entry{
			System: activity.System, Activity: activity.Activity, Reason: activity.Reason, From: at, To: at,
			Org: minlog.ID{Source: minlog.SOR, Value: s.Organisation.SOR}, OrgName: s.Organisation.Name,
			Person: minlog.ID{Source: minlog.CPR, Value: patient.CPR}, PersonName: patient.Name,
			User: minlog.ID{Source: minlog.CPR, Value: user.CPR}, UserRole: user.Role, SequenceNumber: strconv.Itoa(i + 1),
		}
		if user.Behalf != "" {
			entries[i].OnBehalfOf = minlog.ID{Source: minlog.Authorisation, Value: user.Behalf}
		}
	}
	return entries
}

// count returns how many entries keep holds for.
func count(entries []minlog.Entry, keep func(*minlog.Entry) bool) int {
	n := 0
	for i := range entries {
		if keep(&entries[i]) {
			n++
		}
	}
	return n
}

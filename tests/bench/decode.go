package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"time"

	"github.com/opennsp/nsp/adapters/soap/minlogws"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/domain/minlog"
)

const (
	bulkEntries   = 1000
	registrations = "http://www.sundhedsdatastyrelsen.dk/minlog/xml.schema/2025/03/12/minlog2-registration.xsd"
)

// wireRequest is a RegistrationRequest for encoding/xml.
type wireRequest struct {
	XMLName xml.Name `xml:"RegistrationRequest"`
	Entries []struct {
		Source      *wireChain      `xml:"Source"`
		Destination wireDestination `xml:"Destination"`
	} `xml:"LogDataEntry"`
}

type wireChain struct {
	CorrelationID string     `xml:"CorrelationId"`
	System        string     `xml:"SystemName"`
	Source        *wireChain `xml:"Source"`
}

type wireID struct {
	Source string `xml:"source,attr"`
	Value  string `xml:",chardata"`
}

type wireDestination struct {
	System         string    `xml:"SystemName"`
	Activity       string    `xml:"Activity"`
	Reason         string    `xml:"Reason"`
	Addition       string    `xml:"Addition"`
	Criticality    string    `xml:"Criticality"`
	At             time.Time `xml:"DateTime"`
	From           time.Time `xml:"FromDateTime"`
	To             time.Time `xml:"ToDateTime"`
	Org            wireID    `xml:"OrganisationId"`
	OrgName        string    `xml:"OrganisationName"`
	Person         wireID    `xml:"PersonIdentifier"`
	PersonName     string    `xml:"PersonName"`
	CorrelationID  string    `xml:"CorrelationId"`
	SequenceNumber string    `xml:"SequenceNumber"`
	User           wireID    `xml:"UserPersonIdentifier"`
	UserName       string    `xml:"UserPersonName"`
	UserRole       string    `xml:"UserRole"`
	OnBehalfOf     wireID    `xml:"OnBehalfOfPersonIdentifier"`
	OnBehalfOfName string    `xml:"OnBehalfOfPersonName"`
	OnBehalfOfRole string    `xml:"OnBehalfOfUserRole"`
	Filters        []string  `xml:"Filter"`
}

// bulkDecode measures reading and checking a bulk of 1,000 entries, beside encoding/xml reading the same bytes into the same fields.
func bulkDecode(context.Context, options) []figure {
	f := figure{name: "bulk-decode", goal: goal{atMost: 0.2}}
	bulk := bulkXML(bulkEntries)
	var failed error
	note := func(err error) {
		if err != nil {
			failed = err
		}
	}
	m := interleaved(func() { note(decode(bulk)) }, func() { note(unmarshal(bulk)) })
	if f.err = failed; failed == nil {
		f.value = fmt.Sprintf("%s a bulk", millis(m[0]))
		f.peer = "encoding/xml " + millis(m[1])
		f.ratio = m[0] / m[1]
	}
	return []figure{f}
}

// bulkXML is the body element of a request with n good entries.
func bulkXML(n int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<r:RegistrationRequest xmlns:r="%s">`, registrations)
	for i := range n {
		b.WriteString(entryXML(i))
	}
	b.WriteString(`</r:RegistrationRequest>`)
	return b.Bytes()
}

var errLost = errors.New("not every entry was read")

func decode(bulk []byte) error {
	tree, err := xmltree.Parse(bulk, xmltree.DefaultLimits(10<<20))
	if err != nil {
		return err
	}
	defer tree.Release()
	drafts, err := minlogws.DecodeRegistration(tree, tree.Root(), bulkEntries)
	if err != nil {
		return err
	}
	now := time.Now()
	rules := minlog.Rules{
		Interface: minlog.Interface20250312, Now: now, FutureTolerance: time.Hour, MaxPeriod: 744 * time.Hour, Cutoff: minlog.Cutoff(now, 2),
	}
	for i := range drafts {
		if _, why, ok := rules.Check(&drafts[i]); !ok {
			return fmt.Errorf("entry %d: %v", i, why)
		}
	}
	if len(drafts) != bulkEntries {
		return errLost
	}
	return nil
}

func unmarshal(bulk []byte) error {
	var r wireRequest
	if err := xml.Unmarshal(bulk, &r); err != nil {
		return err
	}
	if len(r.Entries) != bulkEntries || r.Entries[bulkEntries-1].Destination.Person.Value == "" {
		return errLost
	}
	return nil
}

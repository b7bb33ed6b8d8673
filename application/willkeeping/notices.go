package willkeeping

import (
	"bytes"
	"encoding/xml"
	"slices"

	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/domain/notice"
	"github.com/opennsp/nsp/domain/will"
)

// Topics is how subscribers are told that something changed in each register.
type Topics struct{ BTR, LTR Topic }

// Topic is what notifications of one register are made of. They name the citizen and tell nothing of the will.
type Topic struct {
	Name      string // of the topic: <uri>:<local name>
	IDType    string // of the citizen's number
	Namespace string // of the payload
	Element   string // local name of the payload
	Type      string // content of the payload's element type
}

// DefaultTopics returns the topics of the national registers (nspop.dk, notifications of treatment wills); that of living wills is like it.
func DefaultTopics() Topics {
	const (
		base   = "http://sundhedsdatastyrelsen.dk/"
		idType = "http://nsi.dk/advis/v10/CPR"
	)
	return Topics{
		BTR: Topic{
			Name: base + "behandlingstestamente/2018/05/01/:TreatmentWillUpdated", IDType: idType,
			Namespace: base + "behandlingstestamente/2022/08/01/", Element: "TreatmentWillUpdated",
			Type: base + "MessageDefinition/Treatmentwill-notification",
		},
		LTR: Topic{
			Name: base + "livstestamente/2018/05/01/:LivingWillUpdated", IDType: idType,
			Namespace: base + "livstestamente/2022/08/01/", Element: "LivingWillUpdated",
			Type: base + "MessageDefinition/Livingwill-notification",
		},
	}
}

// notices are what is told of a change of h: one of each register in which it ends or opens a will. Those of a person come in order: their key is
// the person's first registration.
func (k *Keeper) notices(citizen cpr.Number, h will.History, c will.Change) []notice.Notice {
	rows := slices.Clone(h)
	if c.New != nil {
		rows = append(rows, *c.New)
	}
	var told []notice.Notice
	for _, reg := range []will.Register{will.LTR, will.BTR} {
		if !slices.ContainsFunc(rows, func(r will.Registration) bool { return r.Register == reg && r.To.IsZero() }) {
			continue
		}
		topic := in(reg, k.Topics.LTR, k.Topics.BTR)
		told = append(told, notice.Notice{
			ID: k.NewID(), Key: rows[0].ID, To: notice.NAS, Created: c.At,
			Advis: nas.Notification{
				Topic: topic.Name, ID: citizen.Digits(), IDType: topic.IDType, Payload: topic.payload(calendar.DayOf(c.At)),
			},
		})
	}
	return told
}

func (t Topic) payload(day calendar.Day) []byte {
	var b bytes.Buffer
	b.WriteString("<t:" + t.Element + ` xmlns:t="`)
	escape(&b, t.Namespace)
	b.WriteString(`"><t:type>`)
	escape(&b, t.Type)
	b.WriteString("</t:type><t:date>" + day.String() + "</t:date><t:version>1</t:version></t:" + t.Element + ">")
	return b.Bytes()
}

func escape(b *bytes.Buffer, text string) {
	_ = xml.EscapeText(b, []byte(text)) // a buffer takes everything
}

package optingout

import (
	"bytes"
	"cmp"
	"context"
	"encoding/xml"
	"fmt"
	"strconv"
	"time"

	"github.com/opennsp/nsp/application/logkeeping"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fgvhr"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/domain/notice"
)

// What a citizen reads in MinLog.
const (
	minLogSystem = "FGVHR"
	registering  = "Registrering af fravalg af genoplivning"
	correcting   = "Rettelse af fravalg af genoplivning"
	withdrawing  = "Sletning af fravalg af genoplivning"
	looking      = "Opslag af fravalg af genoplivning"
)

// tell has MinLog know of something before it is done; ErrMinLog if it does not take it in time.
func (r *Registrar) tell(ctx context.Context, caller identity.Caller, citizen cpr.Number, activity string) error {
	if r.Access == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(r.MinLogTimeout, 2*time.Second))
	defer cancel()
	v := logkeeping.Visit{System: minLogSystem, Activity: activity, Citizen: citizen, Caller: caller, At: r.Now(), ID: r.NewID()}
	if err := r.Access.Log(ctx, v.Entry()); err != nil {
		return fmt.Errorf("log access: %w: %w", ErrMinLog, err)
	}
	return nil
}

// notice is what NAS is told of a new row: whose it is and the day, nothing of what it says.
func (r *Registrar) notice(h fgvhr.History, o fgvhr.OptOut) notice.Notice {
	oldest := o.ID
	if len(h) > 0 {
		oldest = h[0].ID
	}
	var payload bytes.Buffer
	payload.WriteString(`<f:` + r.Topic.Element + ` xmlns:f="`)
	_ = xml.EscapeText(&payload, []byte(r.Topic.Namespace)) // a buffer takes everything
	payload.WriteString(`"><f:date value="` + calendar.DayOf(o.Created).String() + `"/></f:` + r.Topic.Element + `>`)
	return notice.Notice{
		ID: r.NewID(), Key: oldest, To: notice.NAS, Created: o.Created,
		Advis: nas.Notification{Topic: r.Topic.Name, ID: o.Citizen.Digits(), IDType: r.Topic.IDType, Payload: payload.Bytes()},
	}
}

// outcome is what the audit log tells of a new row: its status and, of an active one, in how many days it is in force. Nothing of no row.
func outcome(o fgvhr.OptOut) []audit.Information {
	if o.ID == "" {
		return nil
	}
	info := []audit.Information{audit.ConsentStatus.Is(string(o.Status))}
	if o.Status == fgvhr.Active {
		info = append(info, audit.ValidFrom.Is(strconv.Itoa(fgvhr.DaysUntil(o.Created, o.ValidFrom))))
	}
	return info
}

package consentjson

import (
	"math"
	"strings"
	"time"

	"github.com/opennsp/nsp/application/consenting"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/org"
)

// How long texts may be, in characters.
const (
	maxItemID     = 128
	maxIdentifier = 200 // of a foreign professional
	maxCode       = 50
	maxText       = 200
)

// codeRequest is the code of what was not said.
const codeRequest = "invalid_request"

// Draft is what a citizen says in a registration of a kind.
type Draft struct {
	Kind consent.Kind
	consent.Draft
}

// Request is what a check, or an explanation, asks.
type Request struct {
	Question consenting.Question // whose Citizen is not in it
	At       time.Time           // zero = now
	Items    []consenting.Item
	IDs      []string // of Items
}

// ReadDraft reads what is to be registered: {"kind", "who", "what", "validFrom", "validTo"}. That validFrom is missing the use case tells.
func ReadDraft(data []byte) (d Draft, err error) {
	err = read(data, []string{"kind"}, func(r *reader, name string) bool { return r.draft(&d, name) })
	return d, err
}

// ReadCheck reads a check of a professional: {"requester", "override"}. What a requester lacks the use case tells.
func ReadCheck(data []byte) (q Request, err error) {
	err = read(data, nil, func(r *reader, name string) bool { return name != "items" && name != "at" && r.request(&q, name, 0) })
	return q, err
}

// ReadItemsCheck reads a check of items: {"requester", "override", "items"}. Of more than limit items it keeps one more than limit.
func ReadItemsCheck(data []byte, limit int) (q Request, err error) {
	err = read(data, []string{"items"}, func(r *reader, name string) bool { return name != "at" && r.request(&q, name, limit) })
	return q, err
}

// ReadExplanation reads what is to be explained: {"requester", "at", "items"}, the last two if there are any. Of more than limit items it keeps
// one more than limit.
func ReadExplanation(data []byte, limit int) (q Request, err error) {
	err = read(data, nil, func(r *reader, name string) bool { return name != "override" && r.request(&q, name, limit) })
	return q, err
}

// ReadCase reads {"registrations", "requester", "at", "items", "units"}; the requester must be there. Registrations are as the API answers
// them, and units {"sor", "parent", "shak", "yder"}, of which the first must be there.
func ReadCase(data []byte) (c Case, err error) {
	err = read(data, []string{"requester"}, func(r *reader, name string) bool {
		switch name {
		case "registrations":
			return r.registrations(&c.Registrations)
		case "units":
			return r.array(func() { c.Units = append(c.Units, r.unit()) })
		}
		return name != "override" && r.request(&c.Request, name, math.MaxInt)
	})
	return c, err
}

// draft reads a member of what a citizen says.
func (r *reader) draft(d *Draft, name string) bool {
	switch name {
	case "kind":
		return word(r, &d.Kind, meaning[consent.Kind]{"constraint", consent.Constraint}, meaning[consent.Kind]{"positive", consent.Positive})
	case "who":
		return r.who(&d.Who)
	case "what":
		return r.what(&d.What)
	case "validFrom":
		return r.time(&d.Valid.From)
	case "validTo":
		return r.time(&d.Valid.To)
	}
	return false
}

func (r *reader) who(w *consent.Who) bool {
	return r.object(nil, func(name string) bool {
		switch name {
		case "person":
			return r.number(&w.Person)
		case "organisation":
			return r.organisation(&w.Org)
		case "foreign":
			return r.boolean(&w.Foreign)
		}
		return false
	})
}

func (r *reader) what(w *consent.What) bool {
	return r.object(nil, func(name string) bool {
		switch name {
		case "dataFrom":
			return r.time(&w.Data.From)
		case "dataTo":
			return r.time(&w.Data.To)
		case "origin":
			return r.organisation(&w.Origin)
		}
		return false
	})
}

// organisation reads a unit, whose number must be there unless its sub-units are meant: what that is the rules refuse. No number would be
// everyone, or all data.
func (r *reader) organisation(o *consent.Organisation) bool {
	r.object(nil, func(name string) bool {
		switch name {
		case "sor":
			return r.sor(&o.SOR)
		case "subUnits":
			return r.boolean(&o.SubUnits)
		}
		return false
	})
	if *o == (consent.Organisation{}) {
		r.lacks("sor")
	}
	return true
}

// sor reads the number of a unit.
func (r *reader) sor(s *string) bool {
	r.text(s, 18)
	if len(*s) < 6 || strings.ContainsFunc(*s, func(c rune) bool { return c < '0' || c > '9' }) {
		r.wrong("is not a SOR code of 6 to 18 digits")
	}
	return true
}

// request reads a member of what is asked.
func (r *reader) request(q *Request, name string, limit int) bool {
	switch name {
	case "requester":
		return r.requester(&q.Question)
	case "override":
		return r.boolean(&q.Question.Override)
	case "at":
		return r.time(&q.At)
	case "items":
		return r.array(func() {
			item, id := r.item()
			if len(q.Items) <= limit {
				q.Items, q.IDs = append(q.Items, item), append(q.IDs, id)
			}
		})
	}
	return false
}

// requester reads a professional of this country, or of another.
func (r *reader) requester(q *consenting.Question) bool {
	own := false
	r.object(nil, func(name string) bool {
		own = own || name != "foreign"
		switch name {
		case "acting":
			return r.number(&q.Acting)
		case "responsible":
			return r.number(&q.Responsible)
		case "organisation":
			return r.unitID(&q.Org)
		case "authorisationCode":
			return r.text(&q.AuthorisationCode, maxCode)
		case "foreign":
			q.Foreign = true
			return r.foreigner(q)
		}
		return false
	})
	if q.Foreign && own {
		r.wrong("names a professional of another country and one of this")
	}
	return true
}

func (r *reader) foreigner(q *consenting.Question) bool {
	return r.object([]string{"country", "identifier"}, func(name string) bool {
		switch name {
		case "country":
			if r.text(&q.Country, 2); len(q.Country) != 2 || strings.ContainsFunc(q.Country, func(c rune) bool { return c < 'A' || c > 'Z' }) {
				r.wrong("is not a country of two capital letters")
			}
			return true
		case "identifier":
			return r.text(&q.Identifier, maxIdentifier)
		}
		return false
	})
}

// unitID reads the code of a unit, which is of SOR where it does not say.
func (r *reader) unitID(id *org.ID) bool {
	id.Scheme = org.SOR
	return r.object([]string{"code"}, func(name string) bool {
		switch name {
		case "code":
			return r.text(&id.Code, maxCode)
		case "scheme":
			return word(r, &id.Scheme,
				meaning[org.Scheme]{"SOR", org.SOR}, meaning[org.Scheme]{"SHAK", org.SHAK}, meaning[org.Scheme]{"YDER", org.Yder})
		}
		return false
	})
}

func (r *reader) item() (item consenting.Item, id string) {
	r.object([]string{"id"}, func(name string) bool {
		switch name {
		case "id":
			return r.text(&id, maxItemID)
		case "from":
			return r.time(&item.Data.From)
		case "to":
			return r.time(&item.Data.To)
		case "origin":
			return r.unitID(&item.Origin)
		}
		return false
	})
	return item, id
}

// registrations reads what the API answered. The states but revoked depend on the time, and are not kept.
func (r *reader) registrations(all *[]consent.Registration) bool {
	return r.array(func() { *all = append(*all, r.registration()) })
}

func (r *reader) registration() consent.Registration {
	v := consent.Registration{}
	var d Draft
	r.object([]string{"id", "version", "kind", "validFrom", "state"}, func(name string) bool {
		switch name {
		case "id":
			return r.id(&v.ID)
		case "version":
			return r.count(&v.Version)
		case "citizen":
			return r.number(&v.Citizen)
		case "state":
			return word(r, &v.Active, meaning[bool]{"revoked", false}, meaning[bool]{"future", true}, meaning[bool]{"in_force", true},
				meaning[bool]{"expired", true})
		case "created":
			return r.stamp(&v.Created)
		case "modified":
			return r.stamp(&v.Modified)
		}
		return r.draft(&d, name)
	})
	v.Kind, v.Who, v.What, v.Valid = d.Kind, d.Who, d.What, d.Valid
	return v
}

func (r *reader) id(id *consent.ID) bool {
	s := r.string()
	var err error
	if *id, err = consent.ParseID(s); err != nil {
		r.wrong("is not a number of 15 digits")
	}
	return true
}

func (r *reader) stamp(s *consent.Stamp) bool {
	return r.object(nil, func(name string) bool {
		switch name {
		case "at":
			return r.time(&s.At)
		case "system":
			return r.text(&s.System, maxText)
		case "by":
			return r.text(&s.User, maxCode)
		}
		return false
	})
}

// unit reads one that is always valid.
func (r *reader) unit() (u org.Unit) {
	r.object([]string{"sor"}, func(name string) bool {
		switch name {
		case "sor":
			return r.sor(&u.SOR)
		case "parent":
			return r.sor(&u.Parent)
		case "shak":
			return r.text(&u.SHAK, maxCode)
		case "yder":
			return r.text(&u.Yder, maxCode)
		}
		return false
	})
	return u
}

package consentws

import (
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/consenting"
	"github.com/opennsp/nsp/domain/consent"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/validity"
)

// errNoItemID is returned for an item that could not be answered.
var errNoItemID error = fault.Error{Kind: fault.Malformed, Code: codeInvalidRequest, Text: elemItemID + textMissing}

// check is what a request of the verification says.
type check struct {
	consenting.Question
	ids   []string // of the items
	items []consenting.Item
}

// What the wrappers of the verification hold.
var (
	ofUserCheck       = content{names: []string{elemCitizen, elemProfessional}}
	ofForeignersCheck = content{names: []string{elemCitizen, elemForeigner}}
	ofDataCheck       = content{names: []string{elemCitizen, elemProfessional, elemForeigner, elemItem}, repeated: elemItem}

	ofProfessional = content{names: []string{elemPerson, elemResponsible, elemPlace}}
	ofForeigner    = content{names: []string{elemCountry, elemIdentifier, elemOrgName}}
	ofItem         = content{names: []string{elemItemID, elemDataFrom, elemDataTo, elemOrigin}}
)

// check reads a wrapper. It keeps at most limit+1 items, of however many there are.
func (b binder) check(root xmltree.Node, holds content, limit int) (c check, err error) {
	n, professional := 0, false
	err = b.children(root, holds, func(name string, child xmltree.Node) (err error) {
		switch name {
		case elemCitizen:
			c.Citizen, err = b.number(child)
		case elemProfessional:
			professional = true
			err = b.professional(child, &c.Question)
		case elemForeigner:
			c.Foreign = true
			err = b.foreigner(child, &c.Question)
		case elemItem:
			id, item, err := b.item(child)
			if n++; err != nil {
				return consent.AtEntry(n, err)
			}
			if n == 1 {
				most := min(b.following(child), limit+1)
				c.ids, c.items = make([]string, 0, most), make([]consenting.Item, 0, most)
			}
			if n <= limit+1 {
				c.ids, c.items = append(c.ids, id), append(c.items, item)
			}
			return nil
		}
		return err
	})
	if err == nil && professional && c.Foreign {
		err = syntax(elemProfessional + textBeside + elemForeigner)
	}
	return c, err
}

// following counts n and its siblings after it.
func (b binder) following(n xmltree.Node) (count int) {
	for ; n != xmltree.None; n = b.tree.Next(n) {
		count++
	}
	return count
}

func (b binder) professional(n xmltree.Node, q *consenting.Question) error {
	return b.children(n, ofProfessional, func(name string, child xmltree.Node) (err error) {
		switch name {
		case elemPerson:
			q.Acting, err = b.number(child)
		case elemResponsible:
			q.Responsible, err = b.number(child)
		case elemPlace:
			q.Org, err = b.organisation(child)
		}
		return err
	})
}

func (b binder) foreigner(n xmltree.Node, q *consenting.Question) error {
	return b.children(n, ofForeigner, func(name string, child xmltree.Node) (err error) {
		switch name {
		case elemCountry:
			if q.Country, err = b.text(child); err == nil && !isCountry(q.Country) {
				err = syntax(name + textCountry)
			}
		case elemIdentifier:
			q.Identifier, err = b.short(child, maxIdentifier)
		case elemOrgName:
			q.OrgName, err = b.short(child, maxOrgName)
		}
		return err
	})
}

func isCountry(s string) bool {
	return len(s) == 2 && 'A' <= s[0] && s[0] <= 'Z' && 'A' <= s[1] && s[1] <= 'Z'
}

// item reads a piece of data.
func (b binder) item(n xmltree.Node) (id string, item consenting.Item, err error) {
	last := xmltree.None // the end of the period
	err = b.children(n, ofItem, func(name string, child xmltree.Node) (err error) {
		switch name {
		case elemItemID:
			id, err = b.short(child, maxItemID)
		case elemDataFrom:
			item.Data.From, err = b.from(child)
		case elemDataTo:
			last = child
			item.Data.To, err = b.to(child)
		case elemOrigin:
			item.Origin, err = b.organisation(child)
		}
		return err
	})
	if err == nil && id == "" {
		err = errNoItemID
	}
	if err == nil && last != xmltree.None && item.Data.From.Equal(item.Data.To) {
		// An instant, unless the last day is the one before the first: then the period is reversed, and tells nothing.
		if begin, _ := b.from(last); !begin.Equal(item.Data.To) {
			item.Data = validity.Period{}
		}
	}
	return id, item, err
}

// The names are spelt out: joined at run time, each would be memory per item.
const (
	prefixedResult = "t:" + elemItemResult
	prefixedItemID = "t:" + elemItemID
	prefixedAccess = "t:" + elemAccess
)

// verdicts writes what was found of each item.
func (w writer) verdicts(ids []string, allowed []bool) {
	const tags = len("<></><></><></>") + 2*len(prefixedResult+prefixedItemID+prefixedAccess) + len(valueAllowed)
	size := tags * len(ids)
	for _, id := range ids {
		size += len(id)
	}
	w.Grow(size)
	for i, id := range ids {
		w.Start(prefixedResult)
		w.Elem(prefixedItemID, id)
		w.Elem(prefixedAccess, accessName(allowed[i]))
		w.End()
	}
}

func accessName(allowed bool) string {
	if allowed {
		return valueAllowed
	}
	return valueDenied
}

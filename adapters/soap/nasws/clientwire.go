package nasws

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/adapters/xml/xsd"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/nas"
)

// reader reads answers and faults, and keeps whether they are what the contract says.
type reader struct {
	binder
	ok *bool
}

func (r reader) must(ok bool) { *r.ok = *r.ok && ok }

// told returns the text of n without white space around it, "" if there is no n.
func (r reader) told(n xmltree.Node) string {
	if n == xmltree.None {
		return ""
	}
	text, err := r.text(n)
	r.must(err == nil)
	return strings.Clone(text)
}

// reference returns the address of an endpoint reference, "" if there is none.
func (r reader) reference(n xmltree.Node) string {
	if n == xmltree.None {
		return ""
	}
	return r.told(r.Child(n, nsAddressing, elemAddress))
}

// instant reads a dateTime, which without a zone is Danish; the zero time if there is none.
func (r reader) instant(n xmltree.Node) time.Time {
	text := r.told(n)
	if text == "" {
		return time.Time{}
	}
	d, err := xsd.ParseDateTime(text)
	r.must(err == nil)
	if at, ok := d.UTC(); ok || err != nil {
		return at
	}
	return calendar.Local(d.Year, time.Month(d.Month), d.Day, d.Hour, d.Minute, d.Second, d.Microsecond*1000)
}

func (r reader) flag(n xmltree.Node) bool {
	is, err := xsd.ParseBoolean(r.told(n))
	r.must(err == nil)
	return is
}

// received reads a message: the payload stands alone, with the declarations it needs.
func (r reader) received(n xmltree.Node) (m Received) {
	m.Subscription = r.reference(r.Child(n, nsNotification, elemSubscription))
	m.Topic = r.told(r.Child(n, nsNotification, elemTopic))
	content := r.sole(r.Child(n, nsNotification, elemMessage))
	payload := r.sole(content)
	if !r.Is(content, nsAdvis, elemContent) || payload == xmltree.None {
		r.must(false)
		return m
	}
	id, _ := r.attribute(content, attrID)
	idType, _ := r.attribute(content, attrIDType)
	m.ID, m.IDType = strings.Clone(id), strings.Clone(idType)
	if text, there := r.attribute(content, attrSystem); there {
		var err error
		m.System, err = xsd.ParseBoolean(text)
		r.must(err == nil)
	}
	m.Payload = standalone(r.Tree, payload)
	r.must(m.Payload != nil)
	return m
}

// Refused is a fault of WS-BaseNotification or WS-Resource as the client received it.
type Refused struct {
	*soap.Fault
	Name             nas.Fault
	Reason           string // its ErrorCode, "" if it has none
	Descriptions     []string
	Names            []nas.Name // of UnknownFilter, UnrecognizedPolicy, UnsupportedPolicy
	Minimum, Maximum time.Time  // of UnacceptableInitialTerminationTime; zero = not told
	Undelivered      []nas.Undelivered
}

// Unwrap returns the fault of SOAP.
func (r *Refused) Unwrap() error { return r.Fault }

// refused is err, or the *Refused that it is.
func refused(err error) error {
	told, ok := errors.AsType[*soap.Fault](err)
	if !ok {
		return err
	}
	tree, failed := xmltree.Parse(told.Raw, xmltree.DefaultLimits(len(told.Raw)))
	if failed != nil {
		return err
	}
	defer tree.Release()
	body := tree.Child(tree.Root(), tree.Space(tree.Root()), "Body")
	detail := tree.Child(tree.First(body), "", "detail")
	for n := range tree.Children(detail) {
		if space := tree.Space(n); space == nsNotification || space == nsResource {
			return (reader{binder: binder{tree}, ok: new(bool)}).refused(n, told)
		}
	}
	return err
}

// refused reads a fault: what cannot be read of it is left out, for it is a fault all the same.
func (r reader) refused(fault xmltree.Node, told *soap.Fault) *Refused {
	f := &Refused{Fault: told, Name: nas.Fault(strings.Clone(r.Local(fault)))}
	for n := range r.Children(fault) {
		switch {
		case r.Is(n, nsOwn, elemUndelivered):
			text, _ := r.attribute(n, attrPosition)
			code, _ := r.attribute(n, attrCode)
			if position, err := strconv.Atoi(text); err == nil {
				f.Undelivered = append(f.Undelivered, nas.Undelivered{Position: position, Code: strings.Clone(code)})
			}
		case r.Is(n, nsBaseFaults, elemErrorCode):
			f.Reason = r.told(n)
		case r.Is(n, nsBaseFaults, elemFaultDescription):
			f.Descriptions = append(f.Descriptions, r.told(n))
		case r.Is(n, nsNotification, elemMinimum):
			f.Minimum = r.instant(n)
		case r.Is(n, nsNotification, elemMaximumTime):
			f.Maximum = r.instant(n)
		case r.Space(n) == nsNotification && slices.Contains([]string{elemUnknownFilter, elemUnrecognizedPolicy, elemUnsupportedPolicy}, r.Local(n)):
			prefix, local, has := strings.Cut(r.told(n), ":")
			if !has {
				prefix, local = "", prefix
			}
			space, _ := r.Lookup(n, prefix)
			f.Names = append(f.Names, nas.Name{Space: strings.Clone(space), Local: local})
		}
	}
	return f
}

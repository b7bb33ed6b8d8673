// Package willws is the SOAP contract of living wills and treatment wills (LTR-BTR): the interface of living wills, and those of treatment wills
// of 2018 and 2020, for citizens and professionals and for the administration.
package willws

import (
	"strings"

	"github.com/opennsp/nsp/adapters/soap/cda"
	"github.com/opennsp/nsp/domain/will"
)

// Namespaces, operations, elements, actions and paths are those of the published interfaces (nspop.dk, LTR-BTR; NSP WSDL bundle). What is ours
// is said to be.

// Paths.
const (
	PathLTR      = "/btr/ltr"
	PathBTR      = "/btr/btr"
	PathLTRAdmin = "/btr/ltrAdmin"
	PathBTRAdmin = "/btr/btrAdmin"
)

// Names of the services in logs and metrics: ours.
const (
	ServiceLTR      = "ltr"
	ServiceBTR      = "btr"
	ServiceLTRAdmin = "ltr-admin"
	ServiceBTRAdmin = "btr-admin"
)

// Namespaces of the messages.
const (
	nsLTR2018 = "http://sundhedsdatastyrelsen.dk/livstestamente/2018/05/01/"
	nsBTR2018 = "http://sundhedsdatastyrelsen.dk/behandlingstestamente/2018/05/01/"
	nsBTR2020 = "http://sundhedsdatastyrelsen.dk/behandlingstestamente/2020/03/16/"

	nsInstance = "http://www.w3.org/2001/XMLSchema-instance"
	nsSchema   = "http://www.w3.org/2001/XMLSchema"
)

// Acts: an operation is an act and the will that it is done to. The element in the Body is the operation and a suffix; the SOAPAction is the
// namespace without its last slash, a hash and the operation, and at the administration's paths may have a word more.
const (
	actCreate  = "Create"
	actUpgrade = "UpgradeTo"
	actUpdate  = "Update"
	actDelete  = "Delete"
	actGet     = "Get"
	actHas     = "Has"

	actGetForced = actGet + suffixForced // of a treatment will, of 2020

	suffixForced   = "WithOnlyForcedTreatment"
	suffixRequest  = "Request"
	suffixResponse = "Response"
	prefixAdmin    = "Admin"
)

// Elements of the messages, in no namespace.
const (
	elemID              = "id"
	elemLivingWill      = "livingWill"
	elemTreatmentWill   = "treatmentWill"
	elemTreatmentWillV2 = "treatmentWillV2"
	elemExists          = "willExists"
)

// Attributes of an id (HL7 type II).
const (
	attrRoot      = "root"
	attrExtension = "extension"
	attrAuthority = "assigningAuthorityName"
	attrShown     = "displayable"
	typeID        = "II"
)

// What XML Schema says of elements.
const (
	attrType    = "type"
	attrNil     = "nil"
	typeBoolean = "boolean"
)

// edition is an interface of one register, as it was published on a date.
type edition struct {
	register will.Register
	space    string
	date     string // that wsdl:operation and wsdl:message end with
	will     string // that operations are called after
	value    cda.Value
}

var (
	ltr2018 = edition{will.LTR, nsLTR2018, "_2018_05_01", "LivingWill", cda.LivingWill}
	btr2018 = edition{will.BTR, nsBTR2018, "_2018_05_01", "TreatmentWill", cda.TreatmentWill}
	btr2020 = edition{will.BTR, nsBTR2020, "_2020_03_16", "TreatmentWill", cda.TreatmentWillV2}
)

// operation is the name of what an act is.
func (e edition) operation(act string) string {
	if act == actGetForced {
		return actGet + e.will + suffixForced
	}
	return act + e.will
}

// action is the SOAPAction of an operation.
func (e edition) action(operation string) string {
	return strings.TrimSuffix(e.space, "/") + "#" + operation
}

// actions are the SOAPActions that name what an act is; some clients of the administration put a word before it.
func (e edition) actions(act string) []string {
	name := e.operation(act)
	return []string{e.action(name), e.action(prefixAdmin + name)}
}

// draws tells whether a request for an act holds a will.
func draws(act string) bool { return act == actCreate || act == actUpgrade || act == actUpdate }

// element is that of the will in a request. An update of 2020 has the name of 2018, as published.
func (e edition) element(act string) string {
	switch {
	case e.register == will.LTR:
		return elemLivingWill
	case e == btr2020 && act != actUpdate:
		return elemTreatmentWillV2
	}
	return elemTreatmentWill
}

// acts are what can be done in an edition.
func (e edition) acts() []string {
	if e == btr2020 {
		return []string{actCreate, actUpgrade, actUpdate, actDelete, actGet, actGetForced, actHas}
	}
	return []string{actCreate, actUpdate, actDelete, actGet, actHas}
}

// textUnread is before the name of an element of ours in the text of a fault.
const textUnread = "request not understood: "

// textDown is what all that goes wrong on our side is told as.
const textDown = "internal error"

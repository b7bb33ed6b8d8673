package skrsws

// Path (nspop.dk, SKRS).
const Path = "/stamdata-batch-copy-ws/service/StamdataReplication"

// ServiceName is the service in logs and metrics: the root of its path.
const ServiceName = "stamdata-batch-copy-ws"

// Action is the SOAPAction (trifork/sdm, stamdata_krs.wsdl).
const Action = space + "replicate"

// Namespaces (trifork/sdm, stamdata_krs.wsdl and doc/schemas; RFC 4287).
const (
	space     = "http://nsi.dk/2011/10/21/StamdataKrs/"
	spaceAtom = "http://www.w3.org/2005/Atom"
	spaceRows = "http://nsi.dk/-/stamdata/3.0/" // and the register
)

// Elements of requests and faults (stamdata_krs_request_response.xsd): the children of a request have no namespace.
const (
	rootRequest  = "ReplicationRequest"
	rootResponse = "ReplicationResponse"
	elemRegister = "register"
	elemDatatype = "datatype"
	elemVersion  = "version"
	elemOffset   = "offset"
	elemMax      = "maxRecords"
	elemFault    = "ReplicationFault"
)

// Feeds (nspop.dk, SKRS).
const (
	tagPrefix  = "tag:nsi.dk,2011:"
	feedTitle  = "Stamdata Registry Feed"
	feedAuthor = "National Sundheds IT"

	contentType = "application/xml"
	timeFormat  = "2006-01-02T15:04:05.000Z"
)

// maxName is how many characters the name of a register or datatype has at most (ours).
const maxName = 100

// codePrefix begins the codes that stand in a ReplicationFault.
const (
	codePrefix   = "urn:stamdata:"
	codeInternal = codePrefix + "internal-error"
	codeStorage  = codePrefix + "io-error"
	textInternal = "An unhandled error occurred."
	textStorage  = "Could not complete the request do to an error."
)

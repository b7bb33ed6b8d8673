package xmltree

// Limits bounds what one message may cost. Every limit is checked while reading; passing one is an [Error] of kind [Limit]
// ([TooLarge] for Bytes). A zero Limits refuses everything.
type Limits struct {
	Bytes       int // octets of the message
	HeaderBytes int // octets of a SOAP Header element, tags included
	Depth       int // nested elements, the root is 1
	Nodes       int // elements and text runs in a message of Bytes octets; a shorter one gets its share, at least 20 000
	Attrs       int // attributes of one element, namespace declarations not counted
	Namespaces  int // namespace declarations of one element
	InScope     int // namespace declarations in scope at one place, shadowed ones counted
	Name        int // octets of a qualified name
	Prefix      int // octets of a namespace prefix
	URI         int // octets of a namespace name
	AttrValue   int // octets of an attribute value as written
	Signatures  int // ds:Signature elements inside SOAP Headers
}

const (
	minNodes    = 20_000
	nodesPerMiB = 120_000
	mebibyte    = 1 << 20
	maxDepth    = 64
	maxInScope  = 128
	maxNS       = 32
	maxAttrs    = 64
)

// DefaultLimits returns the limits for messages of at most maxBytes octets: Header 256 KiB, depth 64, 120 000 nodes per MiB and at least
// 20 000, 64 attributes and 32 namespace declarations per element, 128 declarations in scope, names of 256, prefixes of 64 and namespace
// names of 1 024 octets, attribute values of 64 KiB, 4 signatures in the Header.
func DefaultLimits(maxBytes int) Limits {
	return Limits{
		Bytes:       maxBytes,
		HeaderBytes: 256 << 10,
		Depth:       maxDepth,
		Nodes:       max(minNodes, int(int64(maxBytes)*nodesPerMiB/mebibyte)),
		Attrs:       maxAttrs,
		Namespaces:  maxNS,
		InScope:     maxInScope,
		Name:        256,
		Prefix:      64,
		URI:         1024,
		AttrValue:   64 << 10,
		Signatures:  4,
	}
}

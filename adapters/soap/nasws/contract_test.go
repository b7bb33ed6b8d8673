package nasws

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/domain/nas"
)

const (
	nsWSDL     = "http://schemas.xmlsoap.org/wsdl/"
	nsWSDLSOAP = "http://schemas.xmlsoap.org/wsdl/soap/"
	nsSchema   = "http://www.w3.org/2001/XMLSchema"
	nsDGWS     = "http://www.medcom.dk/dgws/2006/04/dgws-1.0.xsd"
	nsWSSE     = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
)

// offered is what a WSDL must offer: services with their portType, and operations of a portType with their faults.
type offered struct {
	contract soap.Contract
	space    string
	services map[string]string
	ports    map[string]map[string][]string
}

func contracts() map[string]offered {
	const dgws = "DGWSFault"
	notify := []string{"NotifyFailedFault", "InvalidTopicExpressionFault"}
	unsubscribe := []string{"ResourceUnknownFault", "UnableToDestroySubscriptionFault", dgws}
	subscribe := []string{ // at the broker
		"InvalidFilterFault", "TopicExpressionDialectUnknownFault", "InvalidTopicExpressionFault", "InvalidProducerPropertiesExpressionFault",
		"InvalidMessageContentExpressionFault", "UnrecognizedPolicyRequestFault", "UnacceptableInitialTerminationTimeFault",
		"SubscribeCreationFailedFault", dgws,
	}
	return map[string]offered{
		PathBroker: {
			brokerContract(), nsBindings,
			map[string]string{"NotificationConsumerService": "NotificationConsumer", "NotificationBrokerService": "NotificationBroker"},
			map[string]map[string][]string{
				"NotificationConsumer": {opNotify: notify},
				"NotificationBroker":   {opNotify: notify, opSubscribe: subscribe, opUnsubscribe: unsubscribe},
			},
		},
		PathManager: {
			managerContract(), nsBindings, map[string]string{"NotificationProducerService": "NotificationProducer"},
			map[string]map[string][]string{"NotificationProducer": {
				opSubscribe: append(slices.Clone(subscribe), "TopicNotSupportedFault", "UnsupportedPolicyRequestFault"), opUnsubscribe: unsubscribe,
			}},
		},
		PathFactory: {
			factoryContract(), nsBindings, map[string]string{"PullPointFactoryService": "CreatePullPoint"},
			map[string]map[string][]string{"CreatePullPoint": {opCreatePullPoint: {"UnableToCreatePullPointFault", dgws}}},
		},
		PathPullPoint: {
			pullPointContract(), nsBindings, map[string]string{"PullPointService": "PullPoint"},
			map[string]map[string][]string{"PullPoint": {
				opGetMessages:      {"ResourceUnknownFault", "UnableToGetMessagesFault", dgws},
				opDestroyPullPoint: {"ResourceUnknownFault", "UnableToDestroyPullPointFault", dgws},
				opNotify:           {"NotifyFailedFault", "ResourceUnknownFault"},
			}},
		},
		PathIDList: {
			idListContract(), nsIDList, map[string]string{"IDListService": "IDList"},
			map[string]map[string][]string{"IDList": {opCreateIDList: {dgws}, opDestroyIDList: {dgws}}},
		},
	}
}

// wsdl is a parsed WSDL with the schemas that it imports.
type wsdl struct {
	*testing.T
	*xmltree.Tree
	space    string
	elements map[soap.Name]bool                 // declared at the top of a schema
	named    map[string]map[string]xmltree.Node // by kind and name
	parts    map[string]map[string]soap.Name    // elements of the parts of messages
}

func parse(t *testing.T, document []byte) *xmltree.Tree {
	t.Helper()
	tree, err := xmltree.Parse(document, xmltree.DefaultLimits(1<<20))
	require.NoError(t, err)
	t.Cleanup(tree.Release)
	return tree
}

// local is the local name of a qualified name of the WSDL's own namespace.
func (w *wsdl) local(n xmltree.Node, attribute string) string {
	name := w.qualified(n, attribute)
	assert.Equal(w, w.space, name.Space, "%s of %s", attribute, w.Local(n))
	return name.Local
}

func (w *wsdl) attr(n xmltree.Node, name string) string {
	v, _ := w.Attr(n, "", name)
	return v
}

func (w *wsdl) qualified(n xmltree.Node, attribute string) soap.Name {
	prefix, local, ok := strings.Cut(w.attr(n, attribute), ":")
	require.True(w, ok, "%s of %s", attribute, w.Local(n))
	space, ok := w.Lookup(n, prefix)
	require.True(w, ok, prefix)
	return soap.Name{Space: space, Local: local}
}

var imported = regexp.MustCompile(`schemaLocation="([^"]*)"`)

// readWSDL reads a WSDL, and everything that it and its schemas import from the files.
func readWSDL(t *testing.T, document []byte, files map[string][]byte) *wsdl {
	t.Helper()
	w := &wsdl{T: t, Tree: parse(t, document), elements: map[soap.Name]bool{}, named: map[string]map[string]xmltree.Node{}, parts: map[string]map[string]soap.Name{}}
	w.space = w.attr(w.Root(), "targetNamespace")
	for queue := [][]byte{document}; len(queue) > 0; queue = queue[1:] {
		for _, m := range imported.FindAllSubmatch(queue[0], -1) {
			file, ok := strings.CutPrefix(string(m[1]), soap.AddressPlaceholder+"?xsd=")
			require.True(t, ok, "Java finds nothing at %s", m[1])
			require.Contains(t, files, file)
			schema := parse(t, files[file])
			space, _ := schema.Attr(schema.Root(), "", "targetNamespace")
			for n := range schema.Children(schema.Root()) {
				if schema.Is(n, nsSchema, "element") {
					name, _ := schema.Attr(n, "", "name")
					if !w.elements[soap.Name{Space: space, Local: name}] {
						queue = append(queue, files[file])
					}
					w.elements[soap.Name{Space: space, Local: name}] = true
				}
			}
		}
	}
	for n := range w.Children(w.Root()) {
		kind, name := w.Local(n), w.attr(n, "name")
		if w.named[kind] == nil {
			w.named[kind] = map[string]xmltree.Node{}
		}
		require.NotContains(t, w.named[kind], name)
		w.named[kind][name] = n
		if kind == "message" {
			w.parts[name] = map[string]soap.Name{}
			for part := range w.Children(n) {
				element := w.qualified(part, "element")
				assert.True(t, w.elements[element], "the part %s of %s is no element of a schema: %v", w.attr(part, "name"), name, element)
				w.parts[name][w.attr(part, "name")] = element
			}
		}
	}
	return w
}

// message returns the one element of the message that n names.
func (w *wsdl) message(n xmltree.Node) soap.Name {
	parts := w.parts[w.local(n, "message")]
	require.Len(w, parts, 1, w.attr(n, "message"))
	return slices.Collect(maps.Values(parts))[0]
}

// headersOf returns the elements of the SOAP headers that the binding of a message has.
func (w *wsdl) headersOf(message xmltree.Node) (all []soap.Name) {
	for n := range w.Children(message) {
		if w.Is(n, nsWSDLSOAP, "header") {
			element, ok := w.parts[w.local(n, "message")][w.attr(n, "part")]
			assert.True(w, ok, w.attr(n, "part"))
			all = append(all, element)
		}
	}
	return all
}

func (w *wsdl) child(n xmltree.Node, space, local string) xmltree.Node {
	c := w.Child(n, space, local)
	require.NotEqual(w, xmltree.None, c, "%s in %s", local, w.attr(n, "name"))
	return c
}

func actionOf(operation string) string {
	return map[string]string{
		opNotify: actionNotify, opSubscribe: actionSubscribe, opUnsubscribe: actionUnsubscribe, opCreatePullPoint: actionCreatePullPoint,
		opGetMessages: actionGetMessages, opDestroyPullPoint: actionDestroyPullPoint,
		opCreateIDList: actionCreateIDList, opDestroyIDList: actionDestroyIDList,
	}[operation]
}

func (w *wsdl) checkOperation(port string, operation, bound xmltree.Node, want []string) {
	name := w.attr(operation, "name")
	request, answer := soap.Name{Space: nsNotification, Local: name}, soap.Name{Space: nsNotification, Local: name + suffixResponse}
	if w.space == nsIDList {
		request, answer = soap.Name{Space: nsIDList, Local: name + suffixRequest}, soap.Name{Space: nsIDList, Local: name + suffixResponse}
	}
	assert.Equal(w, request, w.message(w.child(operation, nsWSDL, "input")))
	assert.Equal(w, answer, w.message(w.child(operation, nsWSDL, "output")))
	assert.Equal(w, actionOf(name), w.attr(w.child(bound, nsWSDLSOAP, "operation"), "soapAction"))
	in, out := []soap.Name{{Space: nsWSSE, Local: "Security"}, {Space: nsDGWS, Local: "Header"}}, []soap.Name{{Space: nsDGWS, Local: "Header"}}
	if name == opNotify {
		in, out = nil, nil
	}
	assert.Equal(w, in, w.headersOf(w.child(bound, nsWSDL, "input")), name)
	assert.Equal(w, out, w.headersOf(w.child(bound, nsWSDL, "output")), name)

	var faults, told []string
	for n := range w.Children(operation) {
		if w.Is(n, nsWSDL, "fault") {
			fault := w.attr(n, "name")
			faults = append(faults, fault)
			element := soap.Name{Space: nsNotification, Local: fault}
			switch fault {
			case "DGWSFault":
				element = soap.Name{Space: nsDGWS, Local: "FaultCode"}
			case string(nas.ResourceUnknown):
				element.Space = nsResource
			}
			assert.Equal(w, element, w.message(n))
		}
	}
	for n := range w.Children(bound) {
		if w.Is(n, nsWSDL, "fault") {
			told = append(told, w.attr(n, "name"))
			assert.Equal(w, w.attr(n, "name"), w.attr(w.child(n, nsWSDLSOAP, "fault"), "name"))
		}
	}
	assert.ElementsMatch(w, want, faults, "faults of %s at %s", name, port)
	assert.Equal(w, faults, told, "the binding of %s at %s", name, port)
}

// check asserts that the WSDL offers what it should, and nothing more.
func (w *wsdl) check(want offered) {
	assert.Equal(w, want.space, w.space)
	assert.ElementsMatch(w, slices.Collect(maps.Keys(want.services)), slices.Collect(maps.Keys(w.named["service"])))
	assert.ElementsMatch(w, slices.Collect(maps.Keys(want.ports)), slices.Collect(maps.Keys(w.named["portType"])))
	for name, service := range w.named["service"] {
		port := w.child(service, nsWSDL, "port")
		assert.Equal(w, "Soap", w.attr(port, "name"))
		assert.Equal(w, want.services[name]+"Soap", w.local(port, "binding"))
		assert.Equal(w, soap.AddressPlaceholder, w.attr(w.child(port, nsWSDLSOAP, "address"), "location"))
	}
	for port, operations := range want.ports {
		binding := w.named["binding"][port+"Soap"]
		require.NotEqual(w, xmltree.None, binding, port)
		assert.Equal(w, port, w.local(binding, "type"))
		bound := map[string]xmltree.Node{}
		for n := range w.Children(binding) {
			if w.Is(n, nsWSDL, "operation") {
				bound[w.attr(n, "name")] = n
			}
		}
		assert.Len(w, bound, len(operations))
		found := 0
		for n := range w.Children(w.named["portType"][port]) {
			found++
			faults, ok := operations[w.attr(n, "name")]
			require.True(w, ok, w.attr(n, "name"))
			require.Contains(w, bound, w.attr(n, "name"))
			w.checkOperation(port, n, bound[w.attr(n, "name")], faults)
		}
		assert.Equal(w, len(operations), found, port)
	}
}

// TestContracts: each WSDL is complete, and offers what the public interface of NAS2 offers.
func TestContracts(t *testing.T) {
	for path, want := range contracts() {
		t.Run("T48 "+path, func(t *testing.T) {
			readWSDL(t, want.contract.WSDL, want.contract.Files).check(want)
			require.Len(t, want.contract.Versions, 1)
			readWSDL(t, want.contract.Versions[VersionOfContracts], want.contract.Files).check(want)
		})
	}
	t.Run("T48 only the first WSDL has a default for FixedTopicSet", func(t *testing.T) {
		fixed := regexp.MustCompile(`<xs:element name="FixedTopicSet"[^>]*>`)
		c := managerContract()
		of := func(document []byte) (all []string) {
			for _, m := range imported.FindAllSubmatch(document, -1) {
				for _, element := range fixed.FindAll(c.Files[strings.TrimPrefix(string(m[1]), soap.AddressPlaceholder+"?xsd=")], -1) {
					all = append(all, string(element))
				}
			}
			return all
		}
		assert.Equal(t, []string{`<xs:element name="FixedTopicSet" type="xs:boolean" default="true"/>`}, of(c.WSDL))
		assert.Equal(t, []string{`<xs:element name="FixedTopicSet" type="xs:boolean"/>`}, of(c.Versions["20251030"]))
		assert.Equal(t, strings.Replace(string(c.Files["b-2.xsd"]), ` default="true"`, "", 1), string(c.Files["b-2-20251030.xsd"]), "nothing else differs")
	})
}

// TestNamesAreThoseOfTheSchemas: what is read and written has the names that the schemas declare, whoever changes either.
func TestNamesAreThoseOfTheSchemas(t *testing.T) {
	files := contract(nil).Files
	for file, names := range map[string][]string{
		"b-2.xsd": {
			opNotify, opNotify + suffixResponse, opSubscribe, opSubscribe + suffixResponse, opUnsubscribe, opUnsubscribe + suffixResponse,
			opCreatePullPoint, opCreatePullPoint + suffixResponse, opGetMessages, opGetMessages + suffixResponse, opDestroyPullPoint,
			opDestroyPullPoint + suffixResponse,
			elemMessages, elemSubscription, elemTopic, elemProducer, elemMessage, elemConsumer, elemFilter, elemTopicExpression, elemMessageContent,
			elemProducerProperties, elemInitialTermination, elemPolicy, elemCurrentTime, elemTermination, elemPullPoint, elemMaximum, attrDialect,
			elemUnknownFilter, elemUnrecognizedPolicy, elemUnsupportedPolicy, elemMinimum, elemMaximumTime,
			string(nas.NotifyFailed), string(nas.InvalidTopicExpression), string(nas.TopicExpressionDialectUnknown), string(nas.TopicNotSupported),
			string(nas.SubscribeCreationFailed), string(nas.InvalidFilter), string(nas.InvalidProducerProperties), string(nas.InvalidMessageContent),
			string(nas.UnrecognizedPolicyRequest), string(nas.UnsupportedPolicyRequest), string(nas.UnacceptableInitialTerminationTime),
			string(nas.UnableToGetMessages), string(nas.UnableToCreatePullPoint), string(nas.UnableToDestroySubscription), string(nas.UnableToDestroyPullPoint),
			// Never raised, but declared.
			"NotifyMessageNotSupportedFault", "MultipleTopicsSpecifiedFault", "NoCurrentMessageOnTopicFault", "UnacceptableTerminationTimeFault",
			"PauseFailedFault", "ResumeFailedFault",
		},
		"bf-2.xsd":    {elemTimestamp, elemErrorCode, elemFaultDescription, attrErrorDialect},
		"r-2.xsd":     {string(nas.ResourceUnknown), "ResourceUnavailableFault"},
		"ws-addr.xsd": {elemAddress, elemTo},
		"advis.xsd":   {elemContent, elemIDFilter, elemIDList, elemSingleID, elemXPath, attrID, attrIDType, attrSystem, attrName, attrVersion},
		"idlist.xsd": {
			opCreateIDList + suffixRequest, opCreateIDList + suffixResponse, opDestroyIDList + suffixRequest, opDestroyIDList + suffixResponse,
			elemName, elemDescription, elemIDType, elemID, elemUpdated, elemNoSuchList,
		},
		"nas.xsd": {elemUndelivered, elemResource, elemMore, attrPosition, attrCode},
	} {
		for _, name := range names {
			assert.Regexp(t, `<xs:(element|attribute) name="`+name+`"`, string(files[file]), file)
		}
	}
	for file, space := range map[string]string{
		"b-2.xsd": nsNotification, "bf-2.xsd": nsBaseFaults, "r-2.xsd": nsResource, "ws-addr.xsd": nsAddressing, "advis.xsd": nsAdvis,
		"idlist.xsd": nsIDList, "nas.xsd": nsOwn, "dgws-1.0.xsd": nsDGWS, "wsse-1.0.xsd": nsWSSE,
	} {
		assert.Contains(t, string(files[file]), ` targetNamespace="`+space+`"`, file)
	}
}

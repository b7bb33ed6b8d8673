// Package nasws is the SOAP contract of the national notification service (NAS2): WS-BaseNotification 1.3 with pull points, and id lists.
package nasws

import "github.com/opennsp/nsp/domain/nas"

// Paths. The aliases are those of the first generation; below a pull point and the subscription manager stands an id.
const (
	PathBroker         = "/nas2/notificationbroker"
	PathBrokerAlias    = "/notificationbroker/service"
	PathManager        = "/nas2/subscriptionmanager"
	PathManagerAlias   = "/subscriptionmanager/service"
	PathManagerID      = PathManager + "/:id"
	PathFactory        = "/nas2/pullpointfactory"
	PathFactoryAlias   = "/pullpointfactory/service"
	PathPullPoint      = "/nas2/pullpoint" // gives its WSDL: messages go to an id
	PathPullPointID    = PathPullPoint + "/:id"
	PathIDList         = "/nas2/idlist"
	PathIDListAlias    = "/idlist/service"
	VersionOfContracts = "20251030" // of the WSDL in which FixedTopicSet has no default
)

// Names of the services in logs and metrics.
const (
	BrokerService    = "nas-notificationbroker"
	ManagerService   = "nas-subscriptionmanager"
	FactoryService   = "nas-pullpointfactory"
	PullPointService = "nas-pullpoint"
	IDListService    = "nas-idlist"
)

// AddressList is the list of the addresses from which notifications are taken.
const AddressList = "nas.notify"

// Namespaces, and the prefixes they are written with. nsOwn is ours.
const (
	nsNotification = "http://docs.oasis-open.org/wsn/b-2"   // wsnt
	nsBaseFaults   = "http://docs.oasis-open.org/wsrf/bf-2" // bf
	nsResource     = "http://docs.oasis-open.org/wsrf/r-2"  // r
	nsAddressing   = "http://www.w3.org/2005/08/addressing" // wsa
	nsAdvis        = "http://nsi.dk/advis/v10"              // advis
	nsIDList       = "http://www.nsi.dk/2012/12/nas/idlist" // idl
	nsOwn          = "urn:opennsp:nas:1"                    // nasx
	nsInstance     = "http://www.w3.org/2001/XMLSchema-instance"
	nsBindings     = "http://docs.oasis-open.org/wsn/bw-2" // of the WSDLs but that of id lists, which has nsIDList
)

// Dialects.
const (
	dialectSimple  = nas.Simple
	dialectContent = "http://nsi.dk/advis/v10/IDMCP_Dialect"
	dialectErrors  = nsOwn
)

// SOAPActions.
const (
	actionNotify           = nsBindings + "/NotificationConsumer/Notify"
	actionSubscribe        = nsBindings + "/NotificationProducer/SubscribeRequest"
	actionUnsubscribe      = nsBindings + "/SubscriptionManager/UnsubscribeRequest"
	actionCreatePullPoint  = nsBindings + "/CreatePullPoint/CreatePullPointRequest"
	actionGetMessages      = nsBindings + "/PullPoint/GetMessagesRequest"
	actionDestroyPullPoint = nsBindings + "/PullPoint/DestroyPullPointRequest"
	actionCreateIDList     = "http://www.nsi.dk/nas/idlist#CreateIDList" // another namespace than the elements'
	actionDestroyIDList    = "http://www.nsi.dk/nas/idlist#DestroyIDList"
)

// Operations: the element in the Body. Those of id lists have suffixRequest after them.
const (
	opNotify           = "Notify"
	opSubscribe        = "Subscribe"
	opUnsubscribe      = "Unsubscribe"
	opCreatePullPoint  = "CreatePullPoint"
	opGetMessages      = "GetMessages"
	opDestroyPullPoint = "DestroyPullPoint"
	opCreateIDList     = "CreateIDList"
	opDestroyIDList    = "DestroyIDList"

	suffixRequest  = "Request"
	suffixResponse = "Response"
)

// Elements of WS-BaseNotification.
const (
	elemMessages           = "NotificationMessage"
	elemSubscription       = "SubscriptionReference"
	elemTopic              = "Topic"
	elemProducer           = "ProducerReference"
	elemMessage            = "Message"
	elemConsumer           = "ConsumerReference"
	elemFilter             = "Filter"
	elemTopicExpression    = "TopicExpression"
	elemMessageContent     = "MessageContent"
	elemProducerProperties = "ProducerProperties"
	elemInitialTermination = "InitialTerminationTime"
	elemPolicy             = "SubscriptionPolicy"
	elemCurrentTime        = "CurrentTime"
	elemTermination        = "TerminationTime"
	elemPullPoint          = "PullPoint"
	elemMaximum            = "MaximumNumber"
	elemAddress            = "Address" // of WS-Addressing
	elemTo                 = "To"      // of WS-Addressing
	attrDialect            = "Dialect"
)

// Elements of advis and of id lists, and their attributes.
const (
	elemContent  = "NotifyContent"
	elemIDFilter = "IDFilter"
	elemIDList   = "IDList"
	elemSingleID = "SingleID"
	elemXPath    = "XPathFilter"

	attrID      = "id"
	attrIDType  = "idType"
	attrSystem  = "isSystemNotification"
	attrName    = "name"
	attrVersion = "xpathVersion"

	elemName        = "Name"
	elemDescription = "Description"
	elemIDType      = "IDType"
	elemID          = "Id"
	elemUpdated     = "ExistingListUpdated"
	elemNoSuchList  = "NoSuchList"
)

// What faults hold.
const (
	elemTimestamp          = "Timestamp"   // of WS-BaseFaults
	elemErrorCode          = "ErrorCode"   // of WS-BaseFaults
	elemFaultDescription   = "Description" // of WS-BaseFaults
	elemUnknownFilter      = "UnknownFilter"
	elemUnrecognizedPolicy = "UnrecognizedPolicy"
	elemUnsupportedPolicy  = "UnsupportedPolicy"
	elemMinimum            = "MinimumTime"
	elemMaximumTime        = "MaximumTime"
	attrErrorDialect       = "dialect"
)

// Elements of ours.
const (
	elemUndelivered = "Undelivered"
	elemResource    = "ResourceId" // SOAP header: the subscription that an Unsubscribe without an id in its path is for
	elemMore        = "More"
	elemExpression  = "Expression" // what our client writes into an XPathFilter; any element will do
	attrPosition    = "position"
	attrCode        = "code"
)

// Formats of instants: those of answers, which have milliseconds where there are any.
const (
	timeFormat      = "2006-01-02T15:04:05Z"
	timeFormatMilli = "2006-01-02T15:04:05.000Z"
)

// Sizes of messages, in octets.
const (
	maxNotify = 10 << 20
	maxIDList = 16 << 20
)

// Texts of faults.
const (
	textUseBroker  = "a pull point takes no notifications: use the broker"
	textUnknown    = " is not known here"
	textRepeated   = " is repeated"
	textMissing    = " is missing"
	textEmpty      = " must not be empty"
	textNoText     = " must hold text only"
	textNoCount    = " must be a number that is not negative"
	textNil        = " has a bad xsi:nil"
	textNoAddress  = " must have an Address"
	textNoMessages = "there is no notification in the message"
)

package audit

// Key names a value in the audit log and says how sensitive it is.
type Key struct {
	Name  string
	Class Class
}

// Is returns the information that the key has this value.
func (k Key) Is(value string) Information {
	return Information{Key: k.Name, Class: k.Class, Value: value}
}

// The names that services write into the audit log stand here alone, so that an official list can replace ours. Sources: NSP MinLog2
// Driftsvejledning (MinLog2, LookupRequest, Caller, Parameters); the others are ours.
const (
	MinLog2                 Component = "MinLog2"
	RegistrationRequest     Context   = "RegistrationRequest"
	LookupRequest           Context   = "LookupRequest"
	OnBehalfOfLookupRequest Context   = "OnBehalfOfLookupRequest"
	ReportRequest           Context   = "ReportRequest"
	Cleanup                 Context   = "Cleanup" // a job

	STS          Component = "STS"
	Issue        Context   = "Issue"
	Sosi2OIOSaml Context   = "Sosi2OIOSaml"
	Bst2Idws     Context   = "Bst2Idws"
	BST2SOSI     Context   = "BST2SOSI"
	OIOSaml2Sosi Context   = "OIOSaml2Sosi"
	TestIssue    Context   = "TestIssue" // credentials without proof, in development

	ECPR         Component = "eCPR"
	CreatePerson Context   = "CreatePerson"
	UpdatePerson Context   = "UpdatePerson"
	GetPerson    Context   = "GetPersonById"
	SearchPerson Context   = "SearchPerson"
	MergePersons Context   = "MergePersons"
	GetOIDs      Context   = "GetOIDs"
	PutOID       Context   = "PutOID"
	ListRoles    Context   = "ListRoles"
	AssignRole   Context   = "AssignRole"
	EndRole      Context   = "EndRole"
	ExportRun    Context   = "ExportHistory" // a job: one export of registrations
	ImportRun    Context   = "ImportExport"  // a job: one export of another server taken in

	SDM                     Component = "SDM" // stamdata
	Replicate               Context   = "SKRS Replicate"
	PersonInformation       Context   = "SCES getPersonInformation"
	PersonHealthInformation Context   = "SCES getPersonWithHealthCareInformation"
	PersonLookup            Context   = "PersonInformation" // stamdata-personinformation
	DeceasedLookup          Context   = "Deceased"
	StamdataImport          Context   = "StamdataImport" // a job, or on demand
	ListImports             Context   = "ListImports"
	ListExports             Context   = "ListExports"

	Samtykke                Component = "Samtykke" // consent
	ConsentGet              Context   = "ConsentRegistrationsGet"
	ConsentAdd              Context   = "ConsentAdd" // of both kinds, which the older interface allows
	ConsentAddConstraint    Context   = "ConsentAddConstraint"
	ConsentAddPositive      Context   = "ConsentAddPositive"
	ConsentModify           Context   = "ConsentModify" // as ConsentAdd
	ConsentModifyConstraint Context   = "ConsentModifyConstraint"
	ConsentModifyPositive   Context   = "ConsentModifyPositive"
	ConsentRevoke           Context   = "ConsentRevoke"
	ConsentVersions         Context   = "ConsentVersions"
	ConsentForUserCheck     Context   = "ConsentForUserCheck"
	ConsentForForeigners    Context   = "ConsentForForeignersCheck"
	ConsentForDataCheck     Context   = "ConsentForDataCheck"
	ConsentExplain          Context   = "ConsentExplain"
	ConsentOverrides        Context   = "ConsentOverrides"
	ConsentRetention        Context   = "ConsentRetention" // a job

	LTRBTR                 Component = "LTR-BTR" // living wills and treatment wills
	CreateLivingWill       Context   = "createLivingWill"
	UpdateLivingWill       Context   = "updateLivingWill"
	DeleteLivingWill       Context   = "deleteLivingWill"
	GetLivingWill          Context   = "getLivingWill"
	HasLivingWill          Context   = "hasLivingWill"
	CreateTreatmentWill    Context   = "createTreatmentWill"
	UpgradeToTreatmentWill Context   = "upgradeToTreatmentWill"
	UpdateTreatmentWill    Context   = "updateTreatmentWill"
	DeleteTreatmentWill    Context   = "deleteTreatmentWill"
	GetTreatmentWill       Context   = "getTreatmentWill"
	GetForcedTreatment     Context   = "getTreatmentWillWithOnlyForcedTreatment"
	HasTreatmentWill       Context   = "hasTreatmentWill"

	FGVHR           Component = "FGVHR" // fravalg af genoplivning ved hjertestop
	RegisterConsent Context   = "registerConsent"
	UpdateConsent   Context   = "updateConsent"
	DeleteConsent   Context   = "deleteConsent"
	GetConsent      Context   = "getConsent"

	NAS              Component = "NAS" // notifications
	Notify           Context   = "Notify"
	Subscribe        Context   = "Subscribe"
	Unsubscribe      Context   = "Unsubscribe"
	CreatePullPoint  Context   = "CreatePullPoint"
	DestroyPullPoint Context   = "DestroyPullPoint"
	GetMessages      Context   = "GetMessages"
	ReadPullPoints   Context   = "ReadPullPoints"
	CreateIDList     Context   = "CreateIDList"
	DestroyIDList    Context   = "DestroyIDList"
	ReadIDList       Context   = "ReadIDList"
	CreateTopic      Context   = "CreateTopic"
	ReadTopics       Context   = "ReadTopics"
	OpenTopic        Context   = "OpenTopic"
	CloseTopic       Context   = "CloseTopic"
	DeleteTopic      Context   = "DeleteTopic"
	GrowTopic        Context   = "GrowTopic"
	GrantTopic       Context   = "GrantTopic"
	RevokeTopic      Context   = "RevokeTopic"
	CheckTopics      Context   = "CheckTopics"
	NASCleanup       Context   = "NASCleanup" // a job, or on demand

	ListParked  Context = "ListParked" // outbox
	RetryParked Context = "RetryParked"
	DropParked  Context = "DropParked"
	Deliver     Context = "Deliver" // a job: notices of the outbox

	Admin        Component = "Admin"
	OpenSession  Context   = "OpenSession"
	ReadSession  Context   = "ReadSession"
	CloseSession Context   = "CloseSession"
	ListGrants   Context   = "ListGrants"
	AddGrant     Context   = "AddGrant"
	EndGrant     Context   = "EndGrant"
	ListAnchors  Context   = "ListAnchors"
	ReloadTrust  Context   = "ReloadTrust"
	ListEvents   Context   = "ListEvents"
	JobRun       Context   = "JobRun"
	ReadJob      Context   = "ReadJob"
	ReadConsumer Context   = "ReadConsumer"
)

// Keys of the administration. User tells the kind of caller and its organisation; who the person is stands in the line's attributes of the
// credential.
var (
	User   = Key{"user", NPI}
	Filter = Key{"filter", NPI}
	Result = Key{"result", NPI}

	Credential = Key{"credential", NPI} // the scheme of what a session was opened with
)

// Keys of MinLog2.
var (
	NumberAdded   = Key{"NumberAdded", NPI}
	NumberFailed  = Key{"NumberFailed", NPI}
	System        = Key{"System", NPI}
	Interface     = Key{"Interface", NPI}
	PayloadSHA256 = Key{"PayloadSha256", NPI} // of the canonical Body, hexadecimal
	CallerCPR     = Key{"Caller", SPI}
	Parameters    = Key{"Parameters", SPI} // JSON, or NA
	NumberDeleted = Key{"NumberDeleted", NPI}
	MonthDeleted  = Key{"MonthDeleted", NPI} // such as 2024-10: all of it, uncounted
	OlderThan     = Key{"OlderThan", NPI}    // an instant, RFC 3339
)

// Keys of the national eCPR. Modified-by tells what the document says (Modified/By), not the header.
var (
	PersonID               = Key{"person-id", RPI} // the X-eCPR
	LinkedID               = Key{"linked-id", RPI}
	LinkedOID              = Key{"linked-id-oid", NPI}
	Changed                = Key{"changed", NPI} // kinds of elements
	ModifiedByID           = Key{"modified-by-id", RPI}
	ModifiedByRole         = Key{"modified-by-role", NPI}
	ModifiedByOrganisation = Key{"modified-by-organisation", NPI}
	Query                  = Key{"query", RPI}
	Hits                   = Key{"hits", NPI}
	Truncated              = Key{"truncated", NPI}
	HitID                  = Key{"hit-id", RPI}
	SurvivingID            = Key{"surviving-id", RPI}
	MergedID               = Key{"merged-id", RPI}
	ExportNumber           = Key{"export-number", NPI}
	RoleName               = Key{"role", NPI}
	RoleCVR                = Key{"role-cvr", NPI}
	RoleHolder             = Key{"role-holder", RPI}
	OID                    = Key{"oid", NPI}
)

// Keys of stamdata.
var (
	Register     = Key{"register", SPI} // SKRS (nspop.dk); the file of an import is NPI File
	Datatype     = Key{"datatype", NPI}
	Version      = Key{"version", NPI}
	Offset       = Key{"offset", NPI}
	Records      = Key{"records", NPI}
	NextOffset   = Key{"next-offset", NPI}
	ClientCVR    = Key{"client-cvr", NPI}
	RequestedCPR = Key{"requested-cpr", RPI}
	File         = Key{"file", NPI}
	Rows         = Key{"rows", NPI}
)

// Keys of consent. Registrations and answers tell what somebody does not want to be seen.
var (
	PatientID       = Key{"patient-id", RPI}
	PatientIDSource = Key{"patient-id-source", RPI}
	ActorRole       = Key{"actor-role", NPI}
	ActorID         = Key{"actor-id", NPI}
	ActorIDSource   = Key{"actor-id-source", NPI}
	ResponsibleID   = Key{"responsible-id", NPI}
	ActorOrg        = Key{"actor-organisation", NPI} // as claimed: scheme and code
	ActorCountry    = Key{"actor-country", NPI}      // of a foreigner
	ConsentID       = Key{"consent-id", SPI}
	ConsentStatus   = Key{"consent-status", SPI}
	ConsentAnswer   = Key{"answer", SPI}
	ConsentOverride = Key{"override", SPI}
	Items           = Key{"items", NPI} // how many
)

// Keys of wills and of the opt-out of resuscitation, beside those of consent (patient, actor, consent-status). Wishes are never told.
var (
	WillRegister = Key{"register", NPI}    // LTR or BTR
	WillExists   = Key{"will-exists", SPI} // true or false, of reads
	ValidFrom    = Key{"valid-from", RPI}  // whole days until it is in force
	AliasesRead  = Key{"aliases", NPI}     // unavailable: other numbers of the person were not looked at
)

// Keys of the notification service. None is ever given the id of a person.
var (
	OwnerCVR       = Key{"owner-cvr", NPI}
	OwnerSystem    = Key{"owner-system", NPI}
	PullPointID    = Key{"pull-point-id", NPI}
	SubscriptionID = Key{"subscription-id", NPI}
	TopicName      = Key{"topic", NPI}
	InternalTopic  = Key{"internal-topic", NPI}
	Partitions     = Key{"partitions", NPI}
	AccessID       = Key{"access-identifier", NPI}
	IDListName     = Key{"id-list-name", NPI}
	IDCount        = Key{"id-count", NPI}
	MessageCount   = Key{"message-count", NPI}
	Replay         = Key{"replay", NPI}
	DGWS           = Key{"dgws", NPI}         // present or absent
	OffsetsFrom    = Key{"offsets-from", NPI} // as 146,72,72; of each subscription-id
	OffsetsTo      = Key{"offsets-to", NPI}
)

// Keys of the outbox.
var (
	NoticeID     = Key{"notice-id", NPI}
	NoticeTarget = Key{"target", NPI}
	NoticeCode   = Key{"code", NPI}
	Delivered    = Key{"delivered", NPI}
)

// Keys of the token service.
var (
	SubjectCPR        = Key{"subject-cpr", RPI}
	SubjectCVR        = Key{"subject-cvr", NPI}
	IDCardID          = Key{"idcard-id", NPI}
	IDCardType        = Key{"idcard-type", NPI}
	Level             = Key{"level", NPI}
	CertificateSerial = Key{"certificate-serial", NPI}
	CertificateIssuer = Key{"certificate-issuer", NPI}
	AuthorisationCode = Key{"authorisation-code", NPI}
	Audience          = Key{"audience", NPI}
	OnBehalfOf        = Key{"on-behalf-of", RPI}
	Status            = Key{"status", NPI}
)

// Outcome is said of the last context when a call did not end in its ordinary way; its values are RolledBack, OutcomeUnknown and
// Replayed.
var Outcome = Key{"outcome", NPI}

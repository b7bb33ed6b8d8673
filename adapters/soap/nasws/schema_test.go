package nasws

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap"
)

// schemaCase is an element that the schemas must accept or refuse.
type schemaCase struct {
	name, xml string
	valid     bool
}

// declaring binds the prefixes of the samples at the root of an element, but those it binds itself.
func declaring(xml string) string {
	name := strings.IndexAny(xml, " >/")
	root, rest := xml[:name], xml[name:]
	own, _, _ := strings.Cut(rest, ">")
	for _, bound := range [][2]string{
		{"wsnt", nsNotification}, {"wsa", nsAddressing}, {"bf", nsBaseFaults}, {"r", nsResource}, {"advis", nsAdvis}, {"idl", nsIDList}, {"nasx", nsOwn},
		{"medcom", nsDGWS}, {"xsi", nsInstance},
	} {
		if declaration := " xmlns:" + bound[0] + "="; !strings.Contains(own, declaration) {
			root += declaration + `"` + bound[1] + `"`
		}
	}
	return root + rest
}

// validate asserts that the schemas accept and refuse as the cases say, each by both versions.
func validate(t *testing.T, cases []schemaCase) {
	t.Helper()
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		if os.Getenv("OPENNSP_TEST_REQUIRE") == "1" {
			t.Fatal("xmllint is not installed")
		}
		t.Skip("xmllint is not installed: schemas are not checked")
	}
	folder := t.TempDir()
	file := func(name string, content []byte) {
		local := strings.ReplaceAll(string(content), soap.AddressPlaceholder+"?xsd=", "")
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(local), 0o600))
	}
	for name, content := range contract(nil).Files {
		file(name, content)
	}
	for _, notifications := range []string{"b-2.xsd", "b-2-" + VersionOfContracts + ".xsd"} {
		var all strings.Builder
		all.WriteString(`<xs:schema xmlns:xs="` + nsSchema + `">`)
		for space, name := range map[string]string{nsNotification: notifications, nsResource: "r-2.xsd", nsAdvis: "advis.xsd", nsIDList: "idlist.xsd", nsOwn: "nas.xsd", nsDGWS: "dgws-1.0.xsd"} {
			all.WriteString(`<xs:import namespace="` + space + `" schemaLocation="` + name + `"/>`)
		}
		file("all.xsd", []byte(all.String()+`</xs:schema>`))
		args := []string{"--noout", "--nonet", "--schema", "all.xsd"}
		for i, c := range cases {
			file(strconv.Itoa(i), []byte(declaring(c.xml)))
			args = append(args, strconv.Itoa(i))
		}
		command := exec.CommandContext(t.Context(), xmllint, args...) //nolint:gosec // the tests' own files
		command.Dir = folder
		out, _ := command.CombinedOutput() // it exits with an error because of those that are refused
		for i, c := range cases {
			accepted := strings.Contains("\n"+string(out), "\n"+strconv.Itoa(i)+" validates\n")
			refused := strings.Contains("\n"+string(out), "\n"+strconv.Itoa(i)+" fails to validate\n")
			require.NotEqual(t, accepted, refused, "%s: %s\n%s", c.name, c.xml, out)
			assert.Equal(t, c.valid, accepted, "%s: %s", c.name, c.xml)
		}
	}
}

const (
	sampleTopic  = `Dialect="http://docs.oasis-open.org/wsn/t-1/TopicExpression/Simple">http://example.dk/advis/2024/01/01:CardChanged</wsnt:Topic`
	sampleNotice = `<advis:NotifyContent id="2512484916" idType="http://nsi.dk/advis/v10/CPR" isSystemNotification="false">` +
		`<c:CardChanged xmlns:c="http://example.dk/advis/2024/01/01"><c:version>7</c:version></c:CardChanged></advis:NotifyContent>`
	samplePullPoint    = `<wsa:Address>https://nsp.example.dk/nas2/pullpoint/0d6f2c1e-7a38-4b1e-9a53-2f1f5f1c9e10</wsa:Address>`
	sampleSubscription = `<wsnt:SubscriptionReference><wsa:Address>https://nsp.example.dk/nas2/subscriptionmanager/5b0c8d4a-1f63-4c7e-8d0e-6f2b7a9c3d21</wsa:Address></wsnt:SubscriptionReference>`
	sampleTimestamp    = `<bf:Timestamp>2026-03-01T10:15:30.120Z</bf:Timestamp>`
	sampleDescription  = `<bf:Description>pull point not known</bf:Description>`
	sampleCode         = `<bf:ErrorCode dialect="urn:opennsp:nas:1">too_many_pull_points</bf:ErrorCode>`
	sampleConsumer     = `<wsnt:ConsumerReference>` + samplePullPoint + `</wsnt:ConsumerReference>`
	sampleExpression   = `<wsnt:TopicExpression ` + sampleTopic + `Expression>`
	sampleContent      = `<wsnt:MessageContent Dialect="http://nsi.dk/advis/v10/IDMCP_Dialect"><advis:IDFilter><advis:IDList name="ward-7"/></advis:IDFilter></wsnt:MessageContent>`
	sampleXPath        = `<advis:XPathFilter xpathVersion="1.0"><nasx:Expression>/advis:NotifyContent</nasx:Expression></advis:XPathFilter>`
	sampleSingle       = `<advis:SingleID id="2512484916" idType="http://nsi.dk/advis/v10/CPR"/>`
)

// samples are the element in the Body of each message, and the one in the detail of each fault.
func samples() map[string]string {
	return map[string]string{
		"Notify": `<wsnt:Notify><wsnt:NotificationMessage><wsnt:Topic ` + sampleTopic + `><wsnt:ProducerReference>` + samplePullPoint +
			`</wsnt:ProducerReference><wsnt:Message>` + sampleNotice + `</wsnt:Message></wsnt:NotificationMessage></wsnt:Notify>`,
		"NotifyResponse": `<wsnt:NotifyResponse/>`,
		"NotifyFault": `<wsnt:InvalidTopicExpressionFault><nasx:Undelivered position="1" code="rolled_back"/><nasx:Undelivered position="2" code="topic_unknown"/>` +
			sampleTimestamp + `<bf:Description>0 of 2 notifications were delivered</bf:Description>` + sampleDescription + `</wsnt:InvalidTopicExpressionFault>`,
		"CreatePullPoint":         `<wsnt:CreatePullPoint/>`,
		"CreatePullPointResponse": `<wsnt:CreatePullPointResponse><wsnt:PullPoint>` + samplePullPoint + `</wsnt:PullPoint></wsnt:CreatePullPointResponse>`,
		"CreatePullPointFault":    `<wsnt:UnableToCreatePullPointFault>` + sampleTimestamp + sampleCode + sampleDescription + `</wsnt:UnableToCreatePullPointFault>`,
		"Subscribe":               `<wsnt:Subscribe>` + sampleConsumer + `<wsnt:Filter>` + sampleExpression + sampleContent + `</wsnt:Filter></wsnt:Subscribe>`,
		"SubscribeResponse": `<wsnt:SubscribeResponse>` + sampleSubscription + `<wsnt:CurrentTime>2026-03-01T10:16:00.004Z</wsnt:CurrentTime>` +
			`<wsnt:TerminationTime>2026-04-01T10:16:00.004Z</wsnt:TerminationTime></wsnt:SubscribeResponse>`,
		"SubscribeFault": `<wsnt:InvalidFilterFault>` + sampleTimestamp + `<wsnt:UnknownFilter>wsnt:TopicExpression</wsnt:UnknownFilter></wsnt:InvalidFilterFault>`,
		"IDFilter":       `<advis:IDFilter>` + sampleSingle + sampleXPath + `</advis:IDFilter>`,
		"GetMessages":    `<wsnt:GetMessages><wsnt:MaximumNumber>20</wsnt:MaximumNumber></wsnt:GetMessages>`,
		"GetMessagesResponse": `<wsnt:GetMessagesResponse><wsnt:NotificationMessage>` + sampleSubscription + `<wsnt:Topic ` + sampleTopic + `><wsnt:Message>` + sampleNotice +
			`</wsnt:Message></wsnt:NotificationMessage></wsnt:GetMessagesResponse>`,
		"GetMessagesFault":         `<r:ResourceUnknownFault>` + sampleTimestamp + sampleDescription + `</r:ResourceUnknownFault>`,
		"Unsubscribe":              `<wsnt:Unsubscribe/>`,
		"UnsubscribeResponse":      `<wsnt:UnsubscribeResponse/>`,
		"UnsubscribeFault":         `<wsnt:UnableToDestroySubscriptionFault>` + sampleTimestamp + `</wsnt:UnableToDestroySubscriptionFault>`,
		"DestroyPullPoint":         `<wsnt:DestroyPullPoint/>`,
		"DestroyPullPointResponse": `<wsnt:DestroyPullPointResponse/>`,
		"DestroyPullPointFault":    `<wsnt:UnableToDestroyPullPointFault>` + sampleTimestamp + `</wsnt:UnableToDestroyPullPointFault>`,
		"CreateIDList": `<idl:CreateIDListRequest><idl:Name>ward-7</idl:Name><idl:Description>Patients of ward 7</idl:Description>` +
			`<idl:IDType>http://nsi.dk/advis/v10/CPR</idl:IDType><idl:Id>2512484916</idl:Id></idl:CreateIDListRequest>`,
		"CreateIDListResponse":  `<idl:CreateIDListResponse><idl:ExistingListUpdated>false</idl:ExistingListUpdated></idl:CreateIDListResponse>`,
		"DestroyIDList":         `<idl:DestroyIDListRequest><idl:Name>ward-7</idl:Name></idl:DestroyIDListRequest>`,
		"DestroyIDListResponse": `<idl:DestroyIDListResponse><idl:NoSuchList>false</idl:NoSuchList></idl:DestroyIDListResponse>`,
		"IDListFault":           `<medcom:FaultCode>syntax_error</medcom:FaultCode>`,
		"policy":                `<wsnt:UnsupportedPolicyRequestFault>` + sampleTimestamp + `<wsnt:UnsupportedPolicy>wsnt:UseRaw</wsnt:UnsupportedPolicy></wsnt:UnsupportedPolicyRequestFault>`,
		"termination": `<wsnt:UnacceptableInitialTerminationTimeFault>` + sampleTimestamp + `<wsnt:MinimumTime>2026-03-01T10:15:30Z</wsnt:MinimumTime>` +
			`<wsnt:MaximumTime>2026-04-01T10:15:30Z</wsnt:MaximumTime></wsnt:UnacceptableInitialTerminationTimeFault>`,
		"ResourceId": `<nasx:ResourceId>5b0c8d4a-1f63-4c7e-8d0e-6f2b7a9c3d21</nasx:ResourceId>`,
	}
}

// TestSchemas: the samples are valid, and what is not as the contract says is not.
func TestSchemas(t *testing.T) {
	all := samples()
	var cases []schemaCase
	for name, xml := range all {
		cases = append(cases, schemaCase{name, xml, true})
	}
	changed := func(sample, name string, valid bool, oldnew ...string) {
		xml := strings.NewReplacer(oldnew...).Replace(all[sample])
		require.NotEqual(t, all[sample], xml, name)
		cases = append(cases, schemaCase{sample + ", " + name, xml, valid})
	}
	const foreign = `<o:o xmlns:o="urn:x"/>`
	for _, sample := range []string{"CreatePullPoint", "Unsubscribe", "UnsubscribeResponse", "DestroyPullPoint", "DestroyPullPointResponse"} {
		root := "wsnt:" + sample
		changed(sample, "foreign elements", true, "/>", ">"+foreign+foreign+"</"+root+">")
		changed(sample, "an element of its own namespace", false, "/>", "><wsnt:UseRaw/></"+root+">")
	}
	for _, sample := range []string{"Notify", "CreatePullPointResponse", "Subscribe", "SubscribeResponse", "GetMessages", "GetMessagesResponse"} {
		changed(sample, "a foreign element at the end", true, "</wsnt:"+sample+">", foreign+"</wsnt:"+sample+">")
		if sample == "GetMessagesResponse" {
			continue // libxml2 takes it
		}
		changed(sample, "a foreign element at the beginning", false, "<wsnt:"+sample+">", "<wsnt:"+sample+">"+foreign)
	}
	changed("NotifyResponse", "content", false, "/>", ">"+foreign+"</wsnt:NotifyResponse>")
	changed("Notify", "no notification", false, all["Notify"], "<wsnt:Notify/>")
	changed("Notify", "no topic", true, "<wsnt:Topic "+sampleTopic+">", "")
	changed("Notify", "no dialect", false, `Dialect="http://docs.oasis-open.org/wsn/t-1/TopicExpression/Simple"`, "")
	changed("Notify", "no message", false, "<wsnt:Message>"+sampleNotice+"</wsnt:Message>", "")
	changed("Notify", "two payloads", false, sampleNotice, sampleNotice+sampleNotice)
	changed("Notify", "the topic last", false, "<wsnt:Topic "+sampleTopic+">", "", "</wsnt:Message>", "</wsnt:Message><wsnt:Topic "+sampleTopic+">")
	changed("Notify", "no id", true, `id="2512484916" `, "")
	changed("Notify", "a flag that is none", false, `"false"`, `"no"`)
	changed("Notify", "a flag in digits", true, `"false"`, `"1"`)
	changed("Notify", "two elements in the content", false, "</advis:NotifyContent>", foreign+"</advis:NotifyContent>")
	changed("Notify", "text in the content", false, "</advis:NotifyContent>", "x</advis:NotifyContent>")
	changed("Notify", "nothing in the content", false, `<c:CardChanged xmlns:c="http://example.dk/advis/2024/01/01"><c:version>7</c:version></c:CardChanged>`, "")
	changed("NotifyFault", "no timestamp", false, sampleTimestamp, "")
	changed("NotifyFault", "the timestamp first", false, sampleTimestamp, "", "<wsnt:InvalidTopicExpressionFault>", "<wsnt:InvalidTopicExpressionFault>"+sampleTimestamp)
	changed("NotifyFault", "a position that is none", false, `"2"`, `"0"`)
	changed("NotifyFault", "no code", false, `code="topic_unknown"`, "")
	changed("CreatePullPointFault", "a code without dialect", false, ` dialect="urn:opennsp:nas:1"`, "")
	changed("CreatePullPointFault", "the description before the code", false, sampleCode+sampleDescription, sampleDescription+sampleCode)
	changed("CreatePullPointResponse", "no address", false, samplePullPoint, "")
	changed("CreatePullPointResponse", "reference parameters", true, samplePullPoint, samplePullPoint+"<wsa:ReferenceParameters>"+foreign+"</wsa:ReferenceParameters>"+foreign)
	changed("Subscribe", "no consumer", false, sampleConsumer, "")
	changed("Subscribe", "no filter", true, "<wsnt:Filter>"+sampleExpression+sampleContent+"</wsnt:Filter>", "")
	changed("Subscribe", "an unknown filter, which the service refuses", true, sampleContent, foreign)
	changed("Subscribe", "no dialect of the content", false, ` Dialect="http://nsi.dk/advis/v10/IDMCP_Dialect"`, "")
	for text, valid := range map[string]bool{
		"2026-04-01T10:16:00Z": true, "2026-04-01T10:16:00.5": true, "P1M": true, "-PT1H": true, "2026-04-01": false, "xyz": false, "": false,
	} {
		changed("Subscribe", "until "+text, valid, "</wsnt:Subscribe>", "<wsnt:InitialTerminationTime>"+text+"</wsnt:InitialTerminationTime></wsnt:Subscribe>")
	}
	changed("Subscribe", "without end", true, "</wsnt:Subscribe>", `<wsnt:InitialTerminationTime xsi:nil="true"/></wsnt:Subscribe>`)
	changed("Subscribe", "a policy", true, "</wsnt:Subscribe>", "<wsnt:SubscriptionPolicy><wsnt:UseRaw/>"+foreign+"</wsnt:SubscriptionPolicy></wsnt:Subscribe>")
	changed("Subscribe", "two filters", false, "</wsnt:Subscribe>", "<wsnt:Filter/></wsnt:Subscribe>")
	changed("SubscribeFault", "no name", false, "<wsnt:UnknownFilter>wsnt:TopicExpression</wsnt:UnknownFilter>", "")
	changed("SubscribeFault", "an unbound prefix", false, ">wsnt:TopicExpression<", ">x:TopicExpression<")
	changed("SubscribeResponse", "no reference", false, sampleSubscription, "")
	changed("SubscribeResponse", "the end before now", false, "CurrentTime", "TerminationTime", "TerminationTime", "CurrentTime")
	changed("SubscribeResponse", "no times", true, "<wsnt:CurrentTime>2026-03-01T10:16:00.004Z</wsnt:CurrentTime>", "", "<wsnt:TerminationTime>2026-04-01T10:16:00.004Z</wsnt:TerminationTime>", "")
	changed("IDFilter", "three of them", true, sampleSingle, sampleSingle+sampleSingle+sampleSingle)
	changed("IDFilter", "a list and one", false, sampleSingle, `<advis:IDList name="x"/>`+sampleSingle)
	changed("IDFilter", "two lists", false, sampleSingle, `<advis:IDList name="x"/><advis:IDList name="y"/>`)
	changed("IDFilter", "the expression first", false, sampleSingle+sampleXPath, sampleXPath+sampleSingle)
	changed("IDFilter", "two expressions", false, sampleXPath, sampleXPath+sampleXPath)
	changed("IDFilter", "the expression as text, which the service takes", false, "<nasx:Expression>/advis:NotifyContent</nasx:Expression>", "/advis:NotifyContent")
	changed("IDFilter", "no version", false, ` xpathVersion="1.0"`, "")
	changed("IDFilter", "no type", false, ` idType="http://nsi.dk/advis/v10/CPR"`, "")
	changed("IDFilter", "nothing", true, sampleSingle+sampleXPath, "")
	changed("GetMessages", "all that may be", true, "<wsnt:MaximumNumber>20</wsnt:MaximumNumber>", "")
	for text, valid := range map[string]bool{"0": true, "1" + strings.Repeat("0", 20): true, "-1": false, "abc": false, "": false, "1.5": false} {
		changed("GetMessages", "at most "+text, valid, "20", text)
	}
	changed("GetMessagesResponse", "no message", true, "<wsnt:NotificationMessage>", "", sampleSubscription, "", "<wsnt:Topic "+sampleTopic+">", "",
		"<wsnt:Message>"+sampleNotice+"</wsnt:Message></wsnt:NotificationMessage>", "<nasx:More>true</nasx:More>")
	changed("GetMessagesResponse", "more that is no flag", false, "</wsnt:GetMessagesResponse>", "<nasx:More>x</nasx:More></wsnt:GetMessagesResponse>")
	for _, must := range []string{"<idl:Name>ward-7</idl:Name>", "<idl:Description>Patients of ward 7</idl:Description>", "<idl:IDType>http://nsi.dk/advis/v10/CPR</idl:IDType>"} {
		changed("CreateIDList", "without "+must, false, must, "")
		changed("CreateIDList", "twice "+must, false, must, must+must)
	}
	changed("CreateIDList", "no id", true, "<idl:Id>2512484916</idl:Id>", "")
	changed("CreateIDList", "two ids", true, "<idl:Id>2512484916</idl:Id>", "<idl:Id>1</idl:Id><idl:Id>2</idl:Id>")
	changed("CreateIDList", "another order", false, "<idl:Name>ward-7</idl:Name>", "", "</idl:CreateIDListRequest>", "<idl:Name>ward-7</idl:Name></idl:CreateIDListRequest>")
	changed("CreateIDList", "names without namespace", false, "<idl:Id>", `<Id>`, "</idl:Id>", "</Id>")
	changed("CreateIDListResponse", "no flag", false, "false", "")
	changed("DestroyIDList", "no name", false, "<idl:Name>ward-7</idl:Name>", "")
	changed("DestroyIDListResponse", "no flag", false, "false", "maybe")
	changed("policy", "two of them", true, "<wsnt:UnsupportedPolicy>wsnt:UseRaw</wsnt:UnsupportedPolicy>", strings.Repeat("<wsnt:UnsupportedPolicy>wsnt:UseRaw</wsnt:UnsupportedPolicy>", 2))
	changed("termination", "no minimum", false, "<wsnt:MinimumTime>2026-03-01T10:15:30Z</wsnt:MinimumTime>", "")
	changed("termination", "no maximum", true, "<wsnt:MaximumTime>2026-04-01T10:15:30Z</wsnt:MaximumTime>", "")
	validate(t, cases)
}

// A foreign subscriber and publisher of NAS2: node-soap makes its clients from the WSDLs that the server serves.
//
// stdin: {"base", "security": a wsse:Security header with an ID card, "topic", "id"}
// stdout: {"steps": [[name, answer or fault]]}
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(process.cwd() + '/');
const soap = require('soap');

const { base, security, topic, id } = JSON.parse(readFileSync(0, 'utf8'));
const CPR = 'http://nsi.dk/advis/v10/CPR';
const SIMPLE = 'http://docs.oasis-open.org/wsn/t-1/TopicExpression/Simple';
const steps = [];
let raw; // the last answer as it came

// at is a client of an address; the WSDL is that which is served there.
async function at(address) {
  const url = address.startsWith('/') ? base + address : address;
  const client = await soap.createClientAsync(url + '?wsdl', {}, url);
  client.on('response', (body) => { raw = body; });
  return client;
}

// call calls an operation with an ID card; no id of the message = a new one.
async function call(client, operation, args, { messageID = randomUUID(), bare = false } = {}) {
  client.clearSoapHeaders();
  if (!bare) {
    client.addSoapHeader(security);
    client.addSoapHeader('<medcom:Header xmlns:medcom="http://www.medcom.dk/dgws/2006/04/dgws-1.0.xsd">' +
      '<medcom:SecurityLevel>3</medcom:SecurityLevel><medcom:Linking><medcom:FlowID>' + randomUUID() + '</medcom:FlowID>' +
      '<medcom:MessageID>' + messageID + '</medcom:MessageID></medcom:Linking></medcom:Header>');
  }
  try {
    const [answer] = await client[operation + 'Async'](args);
    steps.push([operation, answer]);
    return answer;
  } catch (err) {
    const fault = err.root?.Envelope?.Body?.Fault;
    if (!fault) throw err;
    steps.push([operation, { status: err.response?.status, fault }]);
    return undefined;
  }
}

// renamed parses the last answer as a client does that writes Server for soap:Server first.
function renamed(client) {
  try {
    client.wsdl.xmlToObject(raw.replaceAll('soap:Server', 'Server'));
    steps.push(['renamed', 'no fault']);
  } catch (err) {
    steps.push(['renamed', err.root.Envelope.Body.Fault]);
  }
}

const expression = (name) => ({ attributes: { Dialect: SIMPLE }, $value: name });
const message = (name, person) => ({
  Topic: expression(name),
  Message: { $xml: `<advis:NotifyContent xmlns:advis="http://nsi.dk/advis/v10" id="${person}" idType="${CPR}" isSystemNotification="false">` +
    '<c:CardChanged xmlns:c="http://example.dk/advis/2024/01/01"><c:version>7</c:version></c:CardChanged></advis:NotifyContent>' },
});

const Name = 'node-' + randomUUID();
const lists = await at('/nas2/idlist');
const list = { Name, Description: 'Patients of a ward', IDType: CPR, Id: [id] };
await call(lists, 'CreateIDList', list);
await call(lists, 'CreateIDList', list);

const made = await call(await at('/nas2/pullpointfactory'), 'CreatePullPoint', {});
const address = made.PullPoint.Address;
const filter = `<wsnt:TopicExpression xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2" Dialect="${SIMPLE}">${topic}</wsnt:TopicExpression>` +
  '<wsnt:MessageContent xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2" Dialect="http://nsi.dk/advis/v10/IDMCP_Dialect">' +
  `<advis:IDFilter xmlns:advis="http://nsi.dk/advis/v10"><advis:IDList name="${Name}"/></advis:IDFilter></wsnt:MessageContent>`;
const manager = await at('/nas2/subscriptionmanager');
const subscribed = await call(manager, 'Subscribe', { ConsumerReference: { Address: address }, Filter: { $xml: filter } });

const broker = await at('/nas2/notificationbroker');
await call(broker, 'Notify', { NotificationMessage: [message(topic, id), message(topic, '0404040404')] }, { bare: true });
await call(broker, 'Notify', { NotificationMessage: [message(topic, id), message(topic + 'Unknown', id)] }, { bare: true });
renamed(broker);

const pullPoint = await at(address);
const messageID = randomUUID();
await call(pullPoint, 'GetMessages', { MaximumNumber: 20 }, { messageID });
await call(pullPoint, 'GetMessages', { MaximumNumber: 20 }, { messageID });
await call(pullPoint, 'GetMessages', { MaximumNumber: 20 });
await call(await at(subscribed.SubscriptionReference.Address), 'Unsubscribe', {});
await call(pullPoint, 'DestroyPullPoint', {});
await call(pullPoint, 'GetMessages', {});
renamed(pullPoint);
await call(lists, 'DestroyIDList', { Name });
await call(lists, 'DestroyIDList', { Name });
await call(lists, 'DestroyIDList', { Name }, { bare: true });
renamed(lists);

process.stdout.write(JSON.stringify({ steps }));

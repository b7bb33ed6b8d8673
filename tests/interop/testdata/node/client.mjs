// A foreign SOAP client: node-soap makes it from the WSDL that the server serves.
//
// stdin: {"wsdl", "endpoint", "calls": [{"operation", "headers": ["<xml/>"], "args": {}}]}
// stdout: {"describe", "results": [{"answer"} | {"status", "fault"}]}
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(process.cwd() + '/');
const soap = require('soap');

const input = JSON.parse(readFileSync(0, 'utf8'));
const client = await soap.createClientAsync(input.wsdl, {}, input.endpoint);
const results = [];
for (const call of input.calls) {
  client.clearSoapHeaders();
  for (const header of call.headers ?? []) client.addSoapHeader(header);
  try {
    const [answer] = await client[call.operation + 'Async'](call.args);
    results.push({ answer });
  } catch (err) {
    const fault = err.root?.Envelope?.Body?.Fault;
    if (!fault) throw err;
    results.push({ status: err.response?.status, fault });
  }
}

// names replaces an element that holds itself, as a chain does, by a mark.
function names(value, around = []) {
  if (typeof value !== 'object' || value === null) return value;
  if (around.includes(value)) return '(recursive)';
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, names(inner, [...around, value])]));
}

process.stdout.write(JSON.stringify({ describe: names(client.describe()), results }));

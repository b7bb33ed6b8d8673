"""A foreign SOAP client: zeep makes it from the WSDL that the server serves.

stdin: {"wsdl", "endpoint", "calls": [{"operation", "headers": ["<xml/>"], "args": {}}]}
stdout: {"results": [{"answer"} | {"status", "fault"}]}
"""

import json
import sys

import zeep
from lxml import etree
from zeep.exceptions import Fault
from zeep.helpers import serialize_object
from zeep.transports import Transport


class Statuses(Transport):
    """Remembers the HTTP status of the last answer."""

    status = 0

    def post(self, address, message, headers):
        response = super().post(address, message, headers)
        self.status = response.status_code
        return response


def main():
    given = json.load(sys.stdin)
    transport = Statuses()
    # strict: zeep cannot read a choice between an element and a sequence, such as one instant or two, in its strict mode.
    client = zeep.Client(given["wsdl"], transport=transport, settings=zeep.Settings(strict=False))
    service = client.create_service(next(iter(client.wsdl.bindings)), given["endpoint"])
    results = []
    for call in given["calls"]:
        headers = [etree.fromstring(h) for h in call["headers"]]
        try:
            answer = service[call["operation"]](_soapheaders=headers, **call["args"])
            results.append({"answer": serialize_object(answer, dict)})
        except Fault as fault:
            codes = fault.detail.xpath("//*[local-name()='FaultCode']/text()") if fault.detail is not None else []
            results.append({"status": transport.status, "fault": {"faultcode": fault.code, "faultstring": fault.message, "codes": codes}})
    json.dump({"results": results}, sys.stdout, default=str)


main()

package nasws

import (
	"bytes"
	_ "embed"

	"github.com/opennsp/nsp/adapters/soap"
)

// The contracts, written by us.
var (
	//go:embed contract/notificationbroker.wsdl
	brokerWSDL []byte
	//go:embed contract/subscriptionmanager.wsdl
	managerWSDL []byte
	//go:embed contract/pullpointfactory.wsdl
	factoryWSDL []byte
	//go:embed contract/pullpoint.wsdl
	pullPointWSDL []byte
	//go:embed contract/idlist.wsdl
	idListWSDL []byte
	//go:embed contract/b-2.xsd
	notificationXSD []byte
	//go:embed contract/bf-2.xsd
	faultsXSD []byte
	//go:embed contract/r-2.xsd
	resourceXSD []byte
	//go:embed contract/t-1.xsd
	topicsXSD []byte
	//go:embed contract/ws-addr.xsd
	addressingXSD []byte
	//go:embed contract/advis.xsd
	advisXSD []byte
	//go:embed contract/idlist.xsd
	idListXSD []byte
	//go:embed contract/nas.xsd
	ownXSD []byte
	//go:embed contract/dgws-1.0.xsd
	dgwsXSD []byte
	//go:embed contract/wsse-1.0.xsd
	wsseXSD []byte
)

func brokerContract() soap.Contract    { return contract(brokerWSDL) }
func managerContract() soap.Contract   { return contract(managerWSDL) }
func factoryContract() soap.Contract   { return contract(factoryWSDL) }
func pullPointContract() soap.Contract { return contract(pullPointWSDL) }
func idListContract() soap.Contract    { return contract(idListWSDL) }

// contract has the WSDL also in the version for .NET, which takes no element with a default: there FixedTopicSet has none.
func contract(wsdl []byte) soap.Contract {
	const schema, newer = "b-2.xsd", "b-2-" + VersionOfContracts + ".xsd"
	return soap.Contract{
		WSDL:     wsdl,
		Versions: map[string][]byte{VersionOfContracts: bytes.ReplaceAll(wsdl, []byte("?xsd="+schema), []byte("?xsd="+newer))},
		Files: map[string][]byte{
			schema: notificationXSD, newer: bytes.Replace(notificationXSD, []byte(` default="true"`), nil, 1),
			"bf-2.xsd": faultsXSD, "r-2.xsd": resourceXSD, "t-1.xsd": topicsXSD, "ws-addr.xsd": addressingXSD, "advis.xsd": advisXSD,
			"idlist.xsd": idListXSD, "nas.xsd": ownXSD, "dgws-1.0.xsd": dgwsXSD, "wsse-1.0.xsd": wsseXSD,
		},
	}
}

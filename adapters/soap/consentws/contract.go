package consentws

import (
	_ "embed"

	"github.com/opennsp/nsp/adapters/soap"
)

// The contracts, written by us.
var (
	//go:embed contract/consent-administration-20201104.wsdl
	administrationWSDL []byte
	//go:embed contract/consent-administration-20201104.xsd
	administrationXSD []byte
	//go:embed contract/consent-administration.wsdl
	administrationWSDLV1 []byte
	//go:embed contract/consent-administration.xsd
	administrationXSDV1 []byte
	//go:embed contract/consent-verification.wsdl
	verificationWSDL []byte
	//go:embed contract/consent-verification.xsd
	verificationXSD []byte
	//go:embed contract/consent-types.xsd
	typesXSD []byte
	//go:embed contract/dgws-1.0.xsd
	dgwsXSD []byte
	//go:embed contract/wsse-1.0.xsd
	wsseXSD []byte
	//go:embed contract/hsuid-1.1.xsd
	hsuidXSD []byte
)

func administrationContract() soap.Contract { return contract(administrationWSDL, administrationXSD) }
func administrationContractV1() soap.Contract {
	return contract(administrationWSDLV1, administrationXSDV1)
}
func verificationContract() soap.Contract { return contract(verificationWSDL, verificationXSD) }

func contract(wsdl, schema []byte) soap.Contract {
	return soap.Contract{WSDL: wsdl, Files: map[string][]byte{
		"1": schema, "2": typesXSD, "dgws-1.0.xsd": dgwsXSD, "wsse-1.0.xsd": wsseXSD, "hsuid-1.1.xsd": hsuidXSD,
	}}
}

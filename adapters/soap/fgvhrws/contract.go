package fgvhrws

import (
	_ "embed"

	"github.com/opennsp/nsp/adapters/soap"
)

// The contract, written by us.
var (
	//go:embed contract/fgvhr.wsdl
	wsdl []byte
	//go:embed contract/fgvhr-idws.wsdl
	wsdlIDWS []byte
	//go:embed contract/fgvhr.xsd
	schema []byte
	//go:embed contract/dgws-1.0.xsd
	dgwsXSD []byte
	//go:embed contract/wsse-1.0.xsd
	wsseXSD []byte
)

// versionIDWS is the version of the WSDL without the headers of DGWS.
const versionIDWS = "idws"

func contract() soap.Contract {
	return soap.Contract{
		WSDL: wsdl, Versions: map[string][]byte{versionIDWS: wsdlIDWS},
		Files: map[string][]byte{"fgvhr.xsd": schema, "dgws-1.0.xsd": dgwsXSD, "wsse-1.0.xsd": wsseXSD},
	}
}

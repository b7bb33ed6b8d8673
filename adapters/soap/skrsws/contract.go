package skrsws

import (
	_ "embed"

	"github.com/opennsp/nsp/adapters/soap"
)

// The contract, written by us after the published one (trifork/sdm, stamdata_krs) and RFC 4287.
var (
	//go:embed contract/stamdata-krs.wsdl
	wsdl []byte
	//go:embed contract/stamdata-krs.xsd
	requestXSD []byte
	//go:embed contract/atom.xsd
	atomXSD []byte
	//go:embed contract/dgws-1.0.xsd
	dgwsXSD []byte
	//go:embed contract/wsse-1.0.xsd
	wsseXSD []byte
)

func contract() soap.Contract {
	return soap.Contract{WSDL: wsdl, Files: map[string][]byte{
		"stamdata-krs.xsd": requestXSD, "atom.xsd": atomXSD, "dgws-1.0.xsd": dgwsXSD, "wsse-1.0.xsd": wsseXSD,
	}}
}

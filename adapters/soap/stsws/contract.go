package stsws

import (
	"embed"

	"github.com/opennsp/nsp/adapters/soap"
)

//go:embed contract
var contractFiles embed.FS

// contract is the WSDL and the schemas it refers to.
func contract() soap.Contract {
	return soap.Contract{WSDL: mustRead("sts.wsdl"), Files: map[string][]byte{
		"wst.xsd": mustRead("wst.xsd"), "wsa.xsd": mustRead("wsa.xsd"), "saml.xsd": mustRead("saml.xsd"), "ds.xsd": mustRead("ds.xsd"),
		"wsse.xsd": mustRead("wsse.xsd"), "wsu.xsd": mustRead("wsu.xsd"),
	}}
}

// exchangeContract is the WSDL of the exchanges and the schemas it refers to.
func exchangeContract() soap.Contract {
	files := map[string][]byte{}
	for _, name := range []string{"wst13", "wst14", "wsa10", "wsp", "auth", "token", "dsig", "wsse13", "wsu"} {
		files[name+".xsd"] = mustRead(name + ".xsd")
	}
	return soap.Contract{WSDL: mustRead("exchange.wsdl"), Files: files}
}

// mustRead reads a file that is part of the program.
func mustRead(name string) []byte {
	data, err := contractFiles.ReadFile("contract/" + name)
	if err != nil {
		panic(err)
	}
	return data
}

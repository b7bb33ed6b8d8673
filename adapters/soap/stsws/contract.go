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

// mustRead reads a file that is part of the program.
func mustRead(name string) []byte {
	data, err := contractFiles.ReadFile("contract/" + name)
	if err != nil {
		panic(err)
	}
	return data
}

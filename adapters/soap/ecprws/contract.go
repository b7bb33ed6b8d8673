package ecprws

import (
	"bytes"
	_ "embed"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
)

// The contract, written by us.
var (
	//go:embed contract/ecpr.wsdl
	wsdl []byte
	//go:embed contract/ecpr.xsd
	schema []byte
	//go:embed contract/dgws-1.0.xsd
	dgwsXSD []byte
	//go:embed contract/wsse-1.0.xsd
	wsseXSD []byte
)

// contract has namespace in the place of the default one.
func contract(namespace string) soap.Contract {
	var w xmlout.Writer
	w.Start("a", "b", namespace)
	escaped := bytes.TrimSuffix(bytes.TrimPrefix(w.Bytes(), []byte(`<a b="`)), []byte(`">`))
	in := func(document []byte) []byte { return bytes.ReplaceAll(document, []byte(DefaultNamespace), escaped) }
	return soap.Contract{WSDL: in(wsdl), Files: map[string][]byte{"ecpr.xsd": in(schema), "dgws-1.0.xsd": dgwsXSD, "wsse-1.0.xsd": wsseXSD}}
}

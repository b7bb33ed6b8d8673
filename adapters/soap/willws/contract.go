package willws

import (
	"bytes"
	_ "embed"
	"net/http"

	"github.com/opennsp/nsp/adapters/soap"
)

// The contracts, written by us. What is DGWS's in a WSDL stands on lines of its own.
var (
	//go:embed contract/livstestamente-20180501.wsdl
	ltrWSDL []byte
	//go:embed contract/livstestamente-20180501.xsd
	ltrServiceXSD []byte
	//go:embed contract/behandlingstestamente-20180501.wsdl
	btrWSDL2018 []byte
	//go:embed contract/behandlingstestamente-20180501.xsd
	btrServiceXSD2018 []byte
	//go:embed contract/behandlingstestamente-20200316.wsdl
	btrWSDL2020 []byte
	//go:embed contract/behandlingstestamente-20200316.xsd
	btrServiceXSD2020 []byte
	//go:embed contract/ltr.xsd
	ltrXSD []byte
	//go:embed contract/btr.xsd
	btrXSD []byte
	//go:embed contract/btrv2.xsd
	btrv2XSD []byte
	//go:embed contract/cda-view.xsd
	cdaXSD []byte
	//go:embed contract/dgws-1.0.xsd
	dgwsXSD []byte
	//go:embed contract/wsse-1.0.xsd
	wsseXSD []byte
)

// Paths of the WSDLs, as published: of an edition as it is called with DGWS, or with IDWS.
const (
	PathWSDLs       = "/btr/wsdl/"
	PathWSDLLTRDGWS = PathWSDLs + "ltr/dgws"
	PathWSDLLTRIDWS = PathWSDLs + "ltr/idws"
	PathWSDLBTRDGWS = PathWSDLs + "btr/dgws"
	PathWSDLBTRIDWS = PathWSDLs + "btr/idws"
)

// Versions of the contract of treatment wills: the newest is what is told without asking.
const (
	version2018 = "20180501"
	version2020 = "20200316"
)

func ltrContract() soap.Contract {
	return soap.Contract{WSDL: ltrWSDL, Versions: map[string][]byte{version2018: ltrWSDL}, Files: map[string][]byte{
		"livstestamente-20180501.xsd": ltrServiceXSD, "ltr.xsd": ltrXSD, "cda-view.xsd": cdaXSD, "dgws-1.0.xsd": dgwsXSD, "wsse-1.0.xsd": wsseXSD,
	}}
}

func btrContract() soap.Contract {
	return soap.Contract{WSDL: btrWSDL2020, Versions: map[string][]byte{version2018: btrWSDL2018, version2020: btrWSDL2020}, Files: map[string][]byte{
		"behandlingstestamente-20180501.xsd": btrServiceXSD2018, "behandlingstestamente-20200316.xsd": btrServiceXSD2020, "btr.xsd": btrXSD,
		"btrv2.xsd": btrv2XSD, "cda-view.xsd": cdaXSD, "dgws-1.0.xsd": dgwsXSD, "wsse-1.0.xsd": wsseXSD,
	}}
}

// Documents are the WSDLs by the paths that they were published at. publicURL is that of soap.Deps.
func Documents(publicURL string) map[string]http.Handler {
	return map[string]http.Handler{
		PathWSDLLTRDGWS: ltrContract().Handler(publicURL, PathLTR), PathWSDLLTRIDWS: plain(ltrContract()).Handler(publicURL, PathLTR),
		PathWSDLBTRDGWS: btrContract().Handler(publicURL, PathBTR), PathWSDLBTRIDWS: plain(btrContract()).Handler(publicURL, PathBTR),
	}
}

// plain returns c without the headers and the fault of DGWS, as for IDWS, which a WSDL tells nothing of.
func plain(c soap.Contract) soap.Contract {
	p := soap.Contract{WSDL: withoutDGWS(c.WSDL), Versions: map[string][]byte{}, Files: c.Files}
	for version, wsdl := range c.Versions {
		p.Versions[version] = withoutDGWS(wsdl)
	}
	return p
}

func withoutDGWS(wsdl []byte) (rest []byte) {
	for line := range bytes.Lines(wsdl) {
		if !bytes.Contains(bytes.ToLower(line), []byte("dgws")) && !bytes.Contains(line, []byte("wsse")) {
			rest = append(rest, line...)
		}
	}
	return rest
}

package minlogws

import (
	_ "embed"

	"github.com/opennsp/nsp/adapters/soap"
)

// The contracts, written by us after the published schemas and, for the lookups of MinLog2 and MinLog1's registration, after what is known
// of them.
var (
	//go:embed contract/minlog2-registration_20250312.wsdl
	registrationWSDL20250312 []byte
	//go:embed contract/minlog2-registration_20250312.xsd
	registrationXSD20250312 []byte
	//go:embed contract/minlog2-registration_20230425.wsdl
	registrationWSDL20230425 []byte
	//go:embed contract/minlog2-registration_20230425.xsd
	registrationXSD20230425 []byte
	//go:embed contract/dgws-1.0.xsd
	dgwsXSD []byte
	//go:embed contract/wsse-1.0.xsd
	wsseXSD []byte
	//go:embed contract/minlog2-lookupid_20250312.wsdl
	citizenWSDL []byte
	//go:embed contract/minlog2-lookup_20250312.wsdl
	assistantsWSDL []byte
	//go:embed contract/minlog2-lookup_20250312.xsd
	lookupXSD []byte
	//go:embed contract/minlog1-registration.wsdl
	registration1WSDL []byte
	//go:embed contract/minlog1-registration.xsd
	registration1XSD []byte
	//go:embed contract/minlog.wsdl
	portalWSDL []byte
	//go:embed contract/minlog.xsd
	portalXSD []byte
)

func registration20250312() soap.Contract {
	return soap.Contract{WSDL: registrationWSDL20250312, Files: map[string][]byte{
		"minlog2-registration_20250312.xsd": registrationXSD20250312,
	}}
}

// registration20230425 declares the headers and the fault of DGWS, as the published contract of that version does.
func registration20230425() soap.Contract {
	return soap.Contract{WSDL: registrationWSDL20230425, Files: map[string][]byte{
		"minlog2-registration_20230425.xsd": registrationXSD20230425,
		"dgws-1.0.xsd":                      dgwsXSD,
		"wsse-1.0.xsd":                      wsseXSD,
	}}
}

func citizenContract() soap.Contract {
	return soap.Contract{WSDL: citizenWSDL, Files: map[string][]byte{"minlog2-lookup_20250312.xsd": lookupXSD}}
}

func assistantsContract() soap.Contract {
	return soap.Contract{WSDL: assistantsWSDL, Files: map[string][]byte{"minlog2-lookup_20250312.xsd": lookupXSD}}
}

func registration1Contract() soap.Contract {
	return soap.Contract{WSDL: registration1WSDL, Files: map[string][]byte{"minlog1-registration.xsd": registration1XSD}}
}

func portalContract() soap.Contract {
	return soap.Contract{WSDL: portalWSDL, Files: map[string][]byte{"minlog.xsd": portalXSD}}
}

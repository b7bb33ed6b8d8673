package scesws

import (
	"bytes"
	"embed"
	"strings"

	"github.com/opennsp/nsp/adapters/soap"
)

// The contract, written by us after the published schemas (Sundhedsdatastyrelsen/ehdsi: 1.0.4; trifork/sdm: 1.0.2) and, for 1.0.3, after what
// is known of it: one schema a namespace, and one WSDL for all versions.
//
//go:embed contract
var documents embed.FS

const versionPlaceholder = "{{version}}"

// contract returns the contract of a version. The documents are part of the program: what cannot be read is a mistake of its making.
func contract(v Version) soap.Contract {
	read := func(name string) []byte {
		doc, err := documents.ReadFile("contract/" + name)
		if err != nil {
			panic(err)
		}
		return doc
	}
	c := soap.Contract{
		WSDL:  bytes.ReplaceAll(read("DetGodeCPROpslag.wsdl"), []byte(versionPlaceholder), []byte(v.String())),
		Files: map[string][]byte{},
	}
	entries, err := documents.ReadDir("contract")
	if err != nil {
		panic(err)
	}
	own := schemaFile(v)
	for _, e := range entries {
		if name := e.Name(); name == own || strings.HasSuffix(name, ".xsd") && !strings.HasPrefix(name, "cprservice-") {
			c.Files[name] = read(name)
		}
	}
	return c
}

func schemaFile(v Version) string { return "cprservice-" + v.String() + ".xsd" }

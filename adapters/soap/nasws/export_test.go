package nasws

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/opennsp/nsp/adapters/xml/xmltree"
)

// ValidAnswers asserts that what the answers hold, or the details of their faults, is as the schemas have it, also when a client has made
// Server of soap:Server.
func ValidAnswers(t *testing.T, envelopes []string) {
	t.Helper()
	var cases []schemaCase
	for _, envelope := range envelopes {
		tree := parse(t, []byte(strings.ReplaceAll(envelope, "soap:Server", "Server")))
		n := tree.First(tree.Child(tree.Root(), tree.Space(tree.Root()), "Body"))
		if tree.Local(n) == "Fault" {
			n = tree.First(tree.Child(n, "", "detail"))
		}
		assert.NotEqual(t, xmltree.None, n, envelope)
		cases = append(cases, schemaCase{"an answer", string(standalone(tree, n)), true})
	}
	validate(t, cases)
}

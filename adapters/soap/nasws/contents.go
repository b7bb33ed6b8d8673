package nasws

import (
	"bytes"

	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/ports"
)

// around is how many elements are around a NotifyContent in an answer.
const around = 5

// Contents implements ports.NotifyContents.
type Contents struct{}

var _ ports.NotifyContents = Contents{}

// Enclose implements ports.NotifyContents.
func (Contents) Enclose(n nas.Notification) ([]byte, error) {
	payload := bytes.Trim(n.Payload, xmlSpace)
	var w xmlout.Writer
	w.Grow(len(payload) + 1024)
	w.Start("advis:"+elemContent, "xmlns:advis", nsAdvis)
	if n.ID != "" {
		w.Attr(attrID, n.ID)
	}
	if n.IDType != "" {
		w.Attr(attrIDType, n.IDType)
	}
	w.Attr(attrSystem, boolean(n.System))
	w.Raw(payload)
	w.End()
	content := w.Bytes()

	limits := xmltree.DefaultLimits(len(content))
	limits.Depth -= around
	tree, err := xmltree.Parse(content, limits)
	if err != nil {
		return nil, nas.Refusal{Code: nas.ContentInvalid}
	}
	defer tree.Release()
	// The payload itself is the one element: it neither ends the NotifyContent nor stands beside text.
	start, end := tree.Range(tree.First(tree.Root()))
	if end-start != len(payload) || !bytes.HasSuffix(content[:start], []byte{'>'}) || content[end] != '<' {
		return nil, nas.Refusal{Code: nas.ContentInvalid}
	}
	return content, nil
}

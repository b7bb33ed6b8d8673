package nasws

import (
	"strings"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
)

// reference writes an endpoint reference: an address and nothing else.
func reference(w *xmlout.Writer, name, address string) {
	w.Start("wsnt:" + name)
	w.Elem("wsa:"+elemAddress, address)
	w.End()
}

// address is where a resource is reached.
func address(base, path, id string) string { return base + path + "/" + id }

// pullPoint is the id of the pull point that a call is for; "" if its path has none.
func pullPoint(req soap.Request) string { return below(req.Path, PathPullPoint) }

// subscription is the id of the subscription that a call is for: that in its path, else in the header of ours, else the last segment of
// wsa:To; "" if there is none.
func subscription(req soap.Request) string {
	if id := below(req.Path, PathManager); id != "" {
		return id
	}
	header := req.Tree.Child(req.Tree.Root(), req.Tree.Space(req.Tree.Root()), "Header")
	if header == xmltree.None {
		return ""
	}
	if id := headerText(req.Tree, req.Tree.Child(header, nsOwn, elemResource)); id != "" {
		return id
	}
	to := headerText(req.Tree, req.Tree.Child(header, nsAddressing, elemTo))
	return to[strings.LastIndexByte(to, '/')+1:]
}

func headerText(t *xmltree.Tree, n xmltree.Node) string {
	if n == xmltree.None {
		return ""
	}
	text, err := t.Text(n)
	if err != nil {
		return ""
	}
	return trim(text)
}

// below is what stands in path below a fixed one.
func below(path, fixed string) string {
	id, ok := strings.CutPrefix(path, fixed+"/")
	if !ok {
		return ""
	}
	return id
}

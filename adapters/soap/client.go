package soap

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/opennsp/nsp/adapters/auth/dgws"
	"github.com/opennsp/nsp/adapters/auth/idws"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
)

// maxAnswer is the largest answer a client reads.
const maxAnswer = 16 << 20

// Client posts messages to one address.
type Client struct {
	URL  string
	HTTP *http.Client // nil = http.DefaultClient
	// Check is asked about each answer before it is read, and an answer it returns an error for is not believed. A fault that is not signed
	// (idws.ErrUnsigned) is told all the same: it has no effect. nil = every answer is believed.
	Check func(t *xmltree.Tree) error
}

// Response is a good answer. Release its Tree when it was read.
type Response struct {
	Tree *xmltree.Tree
	Root xmltree.Node
	Body xmltree.Node // the one child of soap:Body
	Raw  []byte       // as received
}

// Fault is a SOAP fault as the client received it.
type Fault struct {
	Status      int    // HTTP status
	FaultCode   string // faultcode or Code/Value, prefix included
	Subcode     string // Code/Subcode/Value, "" in SOAP 1.1
	FaultString string // faultstring or Reason/Text
	Actor       string // faultactor
	Code        string // medcom:FaultCode in the detail, "" if there is none
	Raw         []byte // as received
}

// Error returns the code and the text.
func (f *Fault) Error() string {
	code := f.Code
	if code == "" {
		code = f.FaultCode
	}
	return "soap fault " + code + ": " + f.FaultString
}

// Call posts envelope with the SOAPAction action and returns the answer. A SOAP fault is a *Fault.
func (c *Client) Call(ctx context.Context, action string, envelope []byte) (*Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL, bytes.NewReader(envelope))
	if err != nil {
		return nil, fmt.Errorf("post to %s: %w", c.URL, err)
	}
	req.Header.Set("Content-Type", contentSOAP11)
	if bytes.Contains(envelope[:min(len(envelope), 1024)], []byte(nsSOAP12)) {
		req.Header.Set("Content-Type", contentSOAP12)
	}
	req.Header.Set("SOAPAction", `"`+action+`"`)
	client := *cmp.Or(c.HTTP, http.DefaultClient)
	// An envelope holds a credential and persons' data: no server may have it sent on to another.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("post to %s: %w", c.URL, err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("read answer of %s: %w", c.URL, err)
	}
	answer, err := c.readAnswer(raw, resp.StatusCode)
	if err != nil && !errors.As(err, new(*Fault)) {
		err = fmt.Errorf("read answer of %s (HTTP status %d): %w", c.URL, resp.StatusCode, err)
	}
	return answer, err
}

var errAnswer = errors.New("not a SOAP answer")

func (c *Client) readAnswer(raw []byte, status int) (*Response, error) {
	t, err := xmltree.Parse(raw, xmltree.DefaultLimits(maxAnswer))
	if err != nil {
		return nil, err
	}
	root := t.Root()
	space := t.Space(root)
	body, err := t.Only(root, space, "Body")
	if err != nil || space != nsSOAP11 && space != nsSOAP12 || !t.Is(root, space, "Envelope") {
		t.Release()
		return nil, errAnswer
	}
	child := t.First(body)
	isFault := t.Is(child, space, "Fault")
	if c.Check != nil {
		if err := c.Check(t); err != nil && !(isFault && errors.Is(err, idws.ErrUnsigned)) {
			t.Release()
			return nil, err
		}
	}
	if isFault {
		defer t.Release()
		f := readFault(t, child, space)
		f.Status, f.Raw = status, raw
		return nil, f
	}
	if child == xmltree.None || t.Next(child) != xmltree.None {
		t.Release()
		return nil, errAnswer
	}
	return &Response{Tree: t, Root: root, Body: child, Raw: raw}, nil
}

func readFault(t *xmltree.Tree, fault xmltree.Node, space string) *Fault {
	f := &Fault{}
	text := func(n xmltree.Node) string {
		s, _ := t.Text(n)
		return strings.TrimSpace(s)
	}
	detail := t.Child(fault, "", "detail")
	if space == nsSOAP12 {
		code := t.Child(fault, space, "Code")
		f.FaultCode = text(t.Child(code, space, "Value"))
		f.Subcode = text(t.Child(t.Child(code, space, "Subcode"), space, "Value"))
		f.FaultString = text(t.Child(t.Child(fault, space, "Reason"), space, "Text"))
		detail = t.Child(fault, space, "Detail")
	} else {
		f.FaultCode = text(t.Child(fault, "", "faultcode"))
		f.FaultString = text(t.Child(fault, "", "faultstring"))
		f.Actor = text(t.Child(fault, "", "faultactor"))
	}
	for n := t.First(detail); n != xmltree.None; n = t.Next(n) {
		if dgws.IsNamespace(t.Space(n)) && t.Local(n) == "FaultCode" {
			f.Code = text(n)
		}
	}
	return f
}

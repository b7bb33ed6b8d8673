package xmltree

import (
	"bytes"
	"strings"
)

// declaration takes a byte order mark and the XML declaration, which says version 1.0 and no encoding other than UTF-8. It returns the
// offset after them.
func (t *Tree) declaration() (int, error) {
	i := len(t.src) - len(bytes.TrimPrefix(t.src, []byte("\xEF\xBB\xBF")))
	rest := t.src[i:]
	const common = `<?xml version="1.0" encoding="UTF-8"?>`
	if bytes.HasPrefix(rest, []byte(common)) {
		return i + len(common), nil
	}
	if !bytes.HasPrefix(rest, []byte("<?xml")) || len(rest) < 6 || class[rest[5]]&space == 0 {
		return i, nil
	}
	end := bytes.Index(rest[:min(len(rest), 256)], []byte("?>"))
	if end < 0 {
		return 0, fail(Syntax, i, "XML declaration without end")
	}
	d := pseudo{rest: alias(rest, 5, end-5)}
	version, ok := d.next("version")
	if !ok || version != "1.0" {
		return 0, fail(Syntax, i, "XML version other than 1.0")
	}
	if encoding, ok := d.next("encoding"); ok && !strings.EqualFold(encoding, "UTF-8") {
		return 0, fail(Syntax, i, "encoding other than UTF-8")
	}
	if alone, ok := d.next("standalone"); ok && alone != "yes" && alone != "no" {
		return 0, fail(Syntax, i, "XML declaration that is not well-formed")
	}
	if strings.Trim(d.rest, " \t\r\n") != "" {
		return 0, fail(Syntax, i, "XML declaration that is not well-formed")
	}
	return i + end + len("?>"), nil
}

// pseudo reads the pseudo-attributes of the XML declaration.
type pseudo struct{ rest string }

// next takes the pseudo-attribute name, if it comes next.
func (p *pseudo) next(name string) (value string, ok bool) {
	trimmed := strings.TrimLeft(p.rest, " \t\r\n")
	after, found := strings.CutPrefix(trimmed, name)
	if !found || len(trimmed) == len(p.rest) {
		return "", false
	}
	after, found = strings.CutPrefix(strings.TrimLeft(after, " \t\r\n"), "=")
	after = strings.TrimLeft(after, " \t\r\n")
	if !found || after == "" || after[0] != '"' && after[0] != '\'' {
		return "", false
	}
	value, after, found = strings.Cut(after[1:], after[:1])
	if !found {
		return "", false
	}
	p.rest = after
	return value, true
}

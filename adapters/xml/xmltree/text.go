package xmltree

import "bytes"

// Scanner goes through the octets between two tags as they stand in the source of a parsed tree. Each step yields a run of literal
// octets, free of references and carriage returns, or one character that was written otherwise; comments yield nothing.
type Scanner struct {
	Raw  []byte // what is still to be read
	Run  []byte // literal octets, or line ends; '<' and '&' in them come from CDATA
	Char rune   // a decoded character, or 0

	cdata bool
}

const (
	commentStart, commentEnd = "<!--", "-->"
	cdataStart, cdataEnd     = "<![CDATA[", "]]>"
)

// Next goes on. It is false at the end.
func (s *Scanner) Next() bool {
	s.Run, s.Char = nil, 0
	if len(s.Raw) == 0 {
		return false
	}
	switch {
	case s.Raw[0] == '\r':
		s.lineEnds()
	case s.cdata:
		s.insideCDATA()
	case s.Raw[0] == '&':
		r, size := Reference(s.Raw)
		s.Char, s.Raw = r, s.Raw[max(size, 1):]
	case s.Raw[0] == '<':
		if bytes.HasPrefix(s.Raw, []byte(cdataStart)) {
			s.Raw, s.cdata = s.Raw[len(cdataStart):], true
			break
		}
		s.Raw = s.Raw[bytes.Index(s.Raw, []byte(commentEnd))+len(commentEnd):]
	default:
		s.take(bytes.IndexAny(s.Raw, "<&\r"))
	}
	return true
}

// lineFeeds is what line ends become, some of them at a time.
var lineFeeds = [...]byte{'\n', '\n', '\n', '\n', '\n', '\n', '\n', '\n'}

// lineEnds takes line ends that begin with CR: CR LF and CR alone (XML 1.0, 2.11).
func (s *Scanner) lineEnds() {
	n := 0
	for ; n < len(lineFeeds) && len(s.Raw) > 0 && s.Raw[0] == '\r'; n++ {
		s.Raw = s.Raw[1:]
		if len(s.Raw) > 0 && s.Raw[0] == '\n' {
			s.Raw = s.Raw[1:]
		}
	}
	s.Run = lineFeeds[:n]
}

func (s *Scanner) insideCDATA() {
	n := bytes.IndexAny(s.Raw, "\r]")
	switch {
	case bytes.HasPrefix(s.Raw, []byte(cdataEnd)):
		s.Raw, s.cdata = s.Raw[len(cdataEnd):], false
	case n >= 0 && s.Raw[n] == ']' && !bytes.HasPrefix(s.Raw[n:], []byte(cdataEnd)):
		s.take(n + 1)
	default:
		s.take(n)
	}
}

func (s *Scanner) take(n int) {
	if n < 0 {
		n = len(s.Raw)
	}
	s.Run, s.Raw = s.Raw[:n], s.Raw[n:]
}

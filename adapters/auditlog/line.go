package auditlog

import (
	"time"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/calendar"
)

// Line is one line of the audit log.
type Line struct {
	Time     time.Time // of writing
	Category string
	ThreadID string // "call-" and the call id
	Entry    audit.Entry
}

// bufferSize is what one of the buffers counts that the line tells of.
const bufferSize = 8192

// AppendLine appends l as one JSON object without line break. Of a list at most maxValues values are written.
func AppendLine(dst []byte, l Line, maxValues int) []byte {
	return appendRest(appendHead(dst, l.Time), l, maxValues)
}

func appendHead(dst []byte, written time.Time) []byte {
	return appendTime(append(dst, `{"time":`...), written, time.UTC)
}

// appendRest appends what follows the time of writing, which only the writer knows.
func appendRest(dst []byte, l Line, maxValues int) []byte {
	dst = appendString(append(dst, `,"category":`...), l.Category)
	dst = appendTime(append(dst, `,"audit":{"timestamp":`...), l.Entry.Access.Arrived, calendar.Location())
	dst = append(dst, `,"components":[`...)
	for i, c := range l.Entry.Notes {
		dst = comma(dst, i)
		dst = appendString(append(dst, `{"component":`...), string(c.Component))
		dst = append(dst, `,"contexts":[`...)
		for j, where := range c.Contexts {
			dst = comma(dst, j)
			dst = appendString(append(dst, `{"context":`...), string(where.Context))
			dst = append(dst, `,"information":[`...)
			n := 0
			for info := range audit.Flatten(where.Information, maxValues) {
				dst = comma(dst, n)
				dst = appendString(append(dst, `{"key":`...), info.Key)
				dst = appendString(append(dst, `,"type":`...), string(info.Class))
				dst = appendString(append(dst, `,"value":`...), info.Value)
				dst = append(dst, '}')
				n++
			}
			dst = append(dst, `]}`...)
		}
		dst = append(dst, `]}`...)
	}
	dst = append(dst, `]},"access":`...)
	dst = appendAccess(dst, l.ThreadID, l.Entry.Access)
	return append(dst, '}')
}

// appendAccessLine appends the access line of e, which holds no audit values: e.Access must have been redacted.
func appendAccessLine(dst []byte, written time.Time, category, threadID string, e audit.Entry) []byte {
	dst = appendHead(dst, written)
	dst = appendString(append(dst, `,"category":`...), category)
	dst = append(dst, `,"audit":[`...)
	n := 0
	for _, c := range e.Notes {
		for _, where := range c.Contexts {
			dst = comma(dst, n)
			dst = appendString(dst, string(c.Component)+"/"+string(where.Context))
			n++
		}
	}
	dst = append(dst, `],"access":`...)
	dst = appendAccess(dst, threadID, e.Access)
	return append(dst, '}')
}

func appendAccess(dst []byte, threadID string, a audit.Access) []byte {
	if a.Method == audit.MethodJob { // there was no transport
		dst = appendInt(dst, `{"duration":`, milliseconds(a.Duration))
		dst = appendString(append(dst, `,"method":`...), a.Method)
		dst = appendString(append(dst, `,"path":`...), audit.Cut(a.Path))
		dst = appendString(append(dst, `,"threadId":`...), threadID)
		return append(appendTime(append(dst, `,"time":`...), a.Arrived, calendar.Location()), '}')
	}
	dst = appendInt(dst, `{"code":`, int64(a.Code))
	dst = appendInt(dst, `,"duration":`, milliseconds(a.Duration))
	dst = appendMap(append(dst, `,"httpHeaders":`...), a.HTTPHeaders)
	dst = appendString(append(dst, `,"httpHost":`...), a.HTTPHost)
	dst = appendMap(append(dst, `,"idCardAttributes":`...), a.IDCardAttributes)
	dst = appendString(append(dst, `,"method":`...), a.Method)
	dst = appendString(append(dst, `,"path":`...), audit.Cut(a.Path))
	dst = appendString(append(dst, `,"query":`...), audit.Cut(a.Query))
	dst = appendInt(dst, `,"port":`, int64(a.Port))
	dst = appendString(append(dst, `,"protocol":`...), a.Protocol)
	dst = appendInt(dst, `,"reqSize":`, a.ReqSize)
	dst = appendInt(dst, `,"resSize":`, a.ResSize)
	dst = appendMap(append(dst, `,"soapHeaders":`...), a.SOAPHeaders)
	dst = appendString(append(dst, `,"threadId":`...), threadID)
	dst = appendTime(append(dst, `,"time":`...), a.Arrived, calendar.Location())
	dst = appendInt(dst, `,"stats":{"handlerDuration":`, milliseconds(a.Stats.Handler))
	dst = appendInt(dst, `,"RequestContentDuration":`, milliseconds(a.Stats.RequestContent))
	dst = appendInt(dst, `,"ResponseContentDuration":`, milliseconds(a.Stats.ResponseContent))
	dst = appendInt(dst, `,"SecurityProtocolRequestDuration":`, milliseconds(a.Stats.SecurityRequest))
	dst = appendInt(dst, `,"SecurityProtocolResponseDuration":`, milliseconds(a.Stats.SecurityResponse))
	dst = appendInt(dst, `,"bufferAllocated":false,"usedBuffers":`, (a.ReqSize+a.ResSize+bufferSize-1)/bufferSize)
	dst = appendInt(dst, `,"activeBuffersInPool":`, int64(a.Stats.InFlight))
	return append(dst, `,"idleBuffersInPool":0}}`...)
}

func comma(dst []byte, n int) []byte {
	if n > 0 {
		dst = append(dst, ',')
	}
	return dst
}

func threadID(callID string) string { return "call-" + callID }

// Format is how lines are written.
type Format struct {
	CategoryPrefix string // such as audit.CategoryPrefix
	CategorySuffix bool   // whether the component follows the prefix
	MaxValues      int    // of a list
}

// line returns what is written of e, but for the time of writing.
func (f Format) line(e audit.Entry) Line {
	category := f.CategoryPrefix
	if f.CategorySuffix {
		category = audit.Category(f.CategoryPrefix, e)
	}
	return Line{Category: category, ThreadID: threadID(e.Access.CallID), Entry: e}
}

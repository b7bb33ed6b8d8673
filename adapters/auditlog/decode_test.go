package auditlog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/opennsp/nsp/domain/audit"
)

// jsonLine has the members of an audit line in their published order.
type jsonLine struct {
	Time     time.Time `json:"time"`
	Category string    `json:"category"`
	Audit    struct {
		Timestamp  time.Time `json:"timestamp"`
		Components []struct {
			Component audit.Component `json:"component"`
			Contexts  []struct {
				Context     audit.Context `json:"context"`
				Information []struct {
					Key   string      `json:"key"`
					Type  audit.Class `json:"type"`
					Value string      `json:"value"`
				} `json:"information"`
			} `json:"contexts"`
		} `json:"components"`
	} `json:"audit"`
	Access struct {
		Code             int               `json:"code"`
		Duration         int64             `json:"duration"`
		HTTPHeaders      map[string]string `json:"httpHeaders"`
		HTTPHost         string            `json:"httpHost"`
		IDCardAttributes map[string]string `json:"idCardAttributes"`
		Method           string            `json:"method"`
		Path             string            `json:"path"`
		Query            string            `json:"query"`
		Port             int               `json:"port"`
		Protocol         string            `json:"protocol"`
		ReqSize          int64             `json:"reqSize"`
		ResSize          int64             `json:"resSize"`
		SOAPHeaders      map[string]string `json:"soapHeaders"`
		ThreadID         string            `json:"threadId"`
		Time             time.Time         `json:"time"`
		Stats            struct {
			Handler          int64 `json:"handlerDuration"`
			RequestContent   int64 `json:"RequestContentDuration"`
			ResponseContent  int64 `json:"ResponseContentDuration"`
			SecurityRequest  int64 `json:"SecurityProtocolRequestDuration"`
			SecurityResponse int64 `json:"SecurityProtocolResponseDuration"`
			BufferAllocated  bool  `json:"bufferAllocated"`
			UsedBuffers      int64 `json:"usedBuffers"`
			ActiveBuffers    int   `json:"activeBuffersInPool"`
			IdleBuffers      int   `json:"idleBuffersInPool"`
		} `json:"stats"`
	} `json:"access"`
}

// ParseLine reads one line of the audit log. Times may have none to nine fraction digits; unknown members are refused. What the line does
// not tell (the route, the lists its keys came from) stays empty.
func ParseLine(line []byte) (Line, error) {
	var in jsonLine
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return Line{}, fmt.Errorf("read audit line: %w", err)
	}
	if d.InputOffset() != int64(len(bytes.TrimRight(line, "\n"))) {
		return Line{}, fmt.Errorf("read audit line: more than one value")
	}
	out := Line{Time: in.Time, Category: in.Category, ThreadID: in.Access.ThreadID}
	for _, c := range in.Audit.Components {
		notes := audit.ComponentNotes{Component: c.Component}
		for _, where := range c.Contexts {
			w := audit.ContextNotes{Context: where.Context}
			for _, i := range where.Information {
				w.Information = append(w.Information, audit.Information{Key: i.Key, Class: i.Type, Value: i.Value})
			}
			notes.Contexts = append(notes.Contexts, w)
		}
		out.Entry.Notes = append(out.Entry.Notes, notes)
	}
	a := in.Access
	out.Entry.Access = audit.Access{
		Code: a.Code, Duration: duration(a.Duration), HTTPHeaders: a.HTTPHeaders, HTTPHost: a.HTTPHost, IDCardAttributes: a.IDCardAttributes,
		Method: a.Method, Path: a.Path, Query: a.Query, Port: a.Port, Protocol: a.Protocol, ReqSize: a.ReqSize, ResSize: a.ResSize,
		SOAPHeaders: a.SOAPHeaders, Arrived: a.Time,
		Stats: audit.Stats{Handler: duration(a.Stats.Handler), RequestContent: duration(a.Stats.RequestContent),
			ResponseContent: duration(a.Stats.ResponseContent), SecurityRequest: duration(a.Stats.SecurityRequest),
			SecurityResponse: duration(a.Stats.SecurityResponse), InFlight: a.Stats.ActiveBuffers},
	}
	return out, nil
}

func duration(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }

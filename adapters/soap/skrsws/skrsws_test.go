package skrsws_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/skrsws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/replicating"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/domain/validity"
)

// sampled returns the service with what the samples show.
func sampled(t testing.TB) *service {
	s := newService(t)
	s.add(t, now.Add(-5*time.Second), born("5b1f0a52-0c0e-4f0c-9d57-0f6a1f2d0004", "1978-08-13", validity.Period{From: begun}))
	s.add(t, now.Add(-4*time.Second), born("5b1f0a52-0c0e-4f0c-9d57-0f6a1f2d0005", "2004", validity.Period{From: begun, To: begun.Add(time.Minute)}))
	return s
}

func TestReplicate(t *testing.T) {
	t.Run("PC-43 the sample: a feed of what is open and what is closed", func(t *testing.T) {
		assert.Equal(t, golden(t, "replicate-response.xml"), sampled(t).call(t, golden(t, "replicate-request.xml")))
	})
	t.Run("an empty feed where the copy has caught up", func(t *testing.T) {
		assert.Equal(t, golden(t, "empty-response.xml"), sampled(t).call(t, askFor("name", "0", "")))
	})
	t.Run("behind an offset", func(t *testing.T) {
		s := sampled(t)
		got := s.call(t, askFor("birthdate", "17724456000000000001", ""))
		assert.Equal(t, 1, strings.Count(got, "<atom:entry>"))
		assert.Contains(t, got, "17724456010000000002")
		assert.NotContains(t, s.call(t, askFor("birthdate", "17724456010000000002", "")), "<atom:entry>")
	})
	t.Run("qualified children, any order, other white space, elements that are nobody's", func(t *testing.T) {
		s := sampled(t)
		want := s.call(t, golden(t, "replicate-request.xml"))
		for _, children := range []string{
			"<k:register>ecpr2registeret</k:register><k:datatype>birthdate</k:datatype><k:version>1</k:version><k:offset>0</k:offset>",
			"<offset>0</offset><version> 01\n</version><datatype>birthdate</datatype><register>ecpr2registeret</register>",
			`<register>ecpr2registeret</register><x:other xmlns:x="urn:x"/><datatype>birthdate</datatype><version>1</version><offset/><maxRecords>4294967295</maxRecords>`,
		} {
			assert.Equal(t, want, s.call(t, ask(children)), children)
		}
	})
	t.Run("without the periods of registrations", func(t *testing.T) {
		s := sampled(t)
		s.copies.Validity = false
		got := s.call(t, askFor("birthdate", "0", ""))
		assert.NotContains(t, got, "Valid")
		assert.Contains(t, got, "<Year>1978</Year></birthdate>")
	})
	t.Run("values are escaped", func(t *testing.T) {
		s := newService(t)
		s.add(t, now, replicating.RowsOf([]ecpr.Change{{Person: "p", Version: &ecpr.Version{PID: "v", Element: ecpr.Name{Family: "<Prøve> & \x01", Text: "]]>"}}}}, nil)...)
		assert.Contains(t, s.call(t, askFor("name", "0", "")), "<FamilyName>&lt;Prøve&gt; &amp; \uFFFD</FamilyName><Text>]]&gt;</Text>")
	})
}

var entryID = regexp.MustCompile(`<atom:entry><atom:id>[^<]*/(\d{20})</atom:id>`)

// offsets returns those of the entries of a feed.
func offsets(feed string) (all []string) {
	for _, m := range entryID.FindAllStringSubmatch(feed, -1) {
		all = append(all, m[1])
	}
	return all
}

func TestPages(t *testing.T) {
	s := newService(t)
	s.births(t, 25)
	whole := offsets(s.call(t, askFor("birthdate", "0", "<maxRecords>2000</maxRecords>")))
	require.Len(t, whole, 25)
	t.Run("PC-41 one at a time is the same as all at once", func(t *testing.T) {
		var all []string
		for last := "0"; ; last = all[len(all)-1] {
			page := offsets(s.call(t, askFor("birthdate", last, "<maxRecords>1</maxRecords>")))
			if len(page) == 0 {
				break
			}
			require.Len(t, page, 1)
			all = append(all, page...)
		}
		assert.Equal(t, whole, all)
	})
	t.Run("none is an empty feed", func(t *testing.T) {
		assert.Empty(t, offsets(s.call(t, askFor("birthdate", "0", "<maxRecords>0</maxRecords>"))))
	})
	t.Run("PC-41 never more than the server gives", func(t *testing.T) {
		s.copies.Max = 7
		for _, more := range []string{"", "<maxRecords>5000</maxRecords>", "<maxRecords>8</maxRecords>"} {
			assert.Len(t, offsets(s.call(t, askFor("birthdate", "0", more))), 7)
		}
		assert.Len(t, offsets(s.call(t, askFor("birthdate", "0", "<maxRecords>6</maxRecords>"))), 6)
	})
	t.Run("PC-41 never more than 2,000", func(t *testing.T) {
		s := newService(t)
		var rows []stamdata.CopyRow
		for i := range 2001 {
			rows = append(rows, born(fmt.Sprint(i), "1978", validity.Period{}))
		}
		s.add(t, now, rows...)
		for _, limit := range []int{0, 5000} {
			s.copies.Max = limit
			assert.Len(t, offsets(s.call(t, askFor("birthdate", "0", "<maxRecords>5000</maxRecords>"))), 2000)
			assert.Len(t, offsets(s.call(t, askFor("birthdate", "0", ""))), 2000)
		}
	})
}

// replicationFault is the fault with a code.
func replicationFault(code, text string) string {
	return `<soap:Fault><faultcode>soap:Server</faultcode><faultstring>` + text + `</faultstring><detail><k:ReplicationFault xmlns:k="` + space + `">urn:stamdata:` + code +
		`</k:ReplicationFault></detail></soap:Fault>`
}

func TestFaults(t *testing.T) {
	unauthorized := replicationFault("unauthorized-access", "The provided cvr is not authorized to fetch this datatype.")
	t.Run("PC-42 an offset that is none", func(t *testing.T) {
		s := newService(t)
		for _, offset := range []string{"abc", "000000000000000000000", "-1", " 0"} {
			assert.Equal(t, golden(t, "offset-fault.xml"), s.refused(t, askFor("birthdate", offset, "")), offset)
		}
	})
	t.Run("PC-42 an organisation that may not copy the view, or anything", func(t *testing.T) {
		s := newService(t)
		s.grants = map[string]bool{"skrs.ecpr2registeret.name.v1": true, "skrs.cpr.person.v1": true}
		assert.Equal(t, unauthorized, s.refused(t, askFor("birthdate", "abc", "")), "before the offset")
		s.call(t, askFor("name", "0", ""))
		s.caller.Org.CVR = "12345678"
		assert.Equal(t, unauthorized, s.refused(t, askFor("name", "0", "")))
	})
	t.Run("PC-42 a view that is not there looks like one that is forbidden, but for who may read the register", func(t *testing.T) {
		s := newService(t)
		unknown := replicationFault("unknown-view", "Unknown view.")
		assert.Equal(t, unknown, s.refused(t, askFor("names", "0", "")))
		assert.Equal(t, unknown, s.refused(t, strings.Replace(askFor("name", "0", ""), "<version>1<", "<version>2<", 1)))
		assert.Equal(t, unauthorized, s.refused(t, strings.Replace(askFor("name", "0", ""), "ecpr2registeret", "sor", 1)))
		s.grants = map[string]bool{"skrs.cpr.person.v1": true}
		assert.Equal(t, unauthorized, s.refused(t, askFor("names", "0", "")))
	})
	t.Run("PC-42 a parameter that is missing or bad is the client's fault, and is named without its value", func(t *testing.T) {
		s := newService(t)
		good := map[string]string{"register": "ecpr2registeret", "datatype": "birthdate", "version": "1", "offset": "0", "maxRecords": "1"}
		children := func(change, to string) (xml string) {
			for _, name := range []string{"register", "datatype", "version", "offset", "maxRecords"} {
				if name != change {
					xml += "<" + name + ">" + good[name] + "</" + name + ">"
				} else if to != "" {
					xml += to
				}
			}
			return ask(xml)
		}
		bad := func(name, text string, to ...string) {
			for _, xml := range to {
				want := "<soap:Fault><faultcode>soap:Client</faultcode><faultstring>" + name + " " + text + "</faultstring></soap:Fault>"
				assert.Equal(t, want, s.refused(t, children(name, xml)), xml)
			}
		}
		for _, name := range []string{"register", "datatype", "version", "offset"} {
			bad(name, "is missing", "")
			one := "<" + name + ">" + good[name] + "</" + name + ">"
			bad(name, "is repeated", one+one, one+strings.NewReplacer("</", "</k:", "<", "<k:").Replace(one))
			bad(name, "is not valid", "<"+name+"><a/></"+name+">")
		}
		bad("register", "is not valid", "<register/>", "<register> </register>", "<register>"+strings.Repeat("x", 101)+"</register>")
		for _, name := range []string{"version", "maxRecords"} {
			for _, value := range []string{"", "x0202801111", "-1", "1.0", "4294967296", "99999999999999999999", "1 1", "+1", "0x1", "1_0"} {
				bad(name, "is not valid", "<"+name+">"+value+"</"+name+">")
			}
		}
		assert.Contains(t, s.refused(t, children("maxRecords", "<x0202801111/>")), "<faultstring>ReplicationRequest holds an unknown element</faultstring>")
		assert.NotContains(t, s.log.String(), "0202801111")
	})
	t.Run("a store that does not answer", func(t *testing.T) {
		s := newService(t)
		s.failing = true
		assert.Equal(t, replicationFault("io-error", "Could not complete the request do to an error."), s.refused(t, askFor("name", "0", "")))
		assert.Contains(t, s.log.String(), "boom")
		assert.NotContains(t, s.log.String(), "panic")
	})
	t.Run("whatever else goes wrong", func(t *testing.T) {
		s := newService(t)
		s.copies.Granted = nil
		assert.Equal(t, replicationFault("internal-error", "An unhandled error occurred."), s.refused(t, askFor("name", "0", "")))
	})
	t.Run("security is told as everywhere", func(t *testing.T) {
		for _, kind := range []identity.Kind{identity.Professional, identity.Citizen, identity.Unknown} {
			s := newService(t)
			s.caller.Kind = kind
			assert.Contains(t, s.refused(t, askFor("name", "0", "")), "<detail><medcom:FaultCode>not_authorized</medcom:FaultCode></detail>")
		}
		policy := skrsws.Service(nil, nil).Operations[0].Policy
		assert.Equal(t, 3, policy.MinLevel)
		assert.Equal(t, []identity.Scheme{identity.DGWS}, policy.Schemes)
	})
}

func TestAudit(t *testing.T) {
	s := sampled(t)
	s.call(t, askFor("birthdate", "42", "<maxRecords>1</maxRecords>"))
	s.refused(t, askFor("birthdate", "abc", ""))
	lines := s.audit.Lines()
	require.Len(t, lines, 2)
	asked := []audit.Information{audit.Register.Is("ecpr2registeret"), audit.Datatype.Is("birthdate"), audit.Version.Is("1"), audit.ClientCVR.Is(cvr)}
	assert.Equal(t, audit.SDM, lines[0].Route)
	assert.Equal(t, audit.Notes{{Component: audit.SDM, Contexts: []audit.ContextNotes{{Context: audit.Replicate, Information: append(asked,
		audit.Offset.Is("00000000000000000042"), audit.Records.Is("1"), audit.NextOffset.Is("17724456000000000001"))}}}}, lines[0].Notes)
	assert.Equal(t, asked[:4], lines[1].Notes[0].Contexts[0].Information)
}

func TestClient(t *testing.T) {
	view := stamdata.ECPRView("birthdate")
	t.Run("it follows a view to its end", func(t *testing.T) {
		s := sampled(t)
		s.births(t, 3)
		c := s.client(t)
		whole, err := c.Replicate(t.Context(), view, stamdata.Offset{}, skrsws.All)
		require.NoError(t, err)
		require.Len(t, whole, 5)
		assert.Equal(t, stamdata.Offset{Seconds: 1772445600, PID: 1}, whole[0].Offset)
		assert.Equal(t, now.Add(-5*time.Second), whole[0].Updated)
		assert.Equal(t, "13", whole[0].Value("Day"))
		assert.Empty(t, whole[1].Value("Day"))
		assert.Equal(t, "2999-12-31T00:00:00.000Z", whole[0].Value("ValidTo"))
		assert.Equal(t, []string{"Uuid", "PersonUUID", "Day", "Month", "Year", "ValidFrom", "ValidTo"}, func() (names []string) {
			for _, f := range whole[0].Fields {
				names = append(names, f.Name)
			}
			return names
		}())
		assert.True(t, strings.HasPrefix(whole[0].Row, `<birthdate xmlns="http://nsi.dk/-/stamdata/3.0/ecpr2registeret"><Uuid>`))
		assert.True(t, strings.HasSuffix(whole[0].Row, "</birthdate>"))
		var all []skrsws.Entry
		for after := (stamdata.Offset{}); ; after = all[len(all)-1].Offset {
			page, err := c.Replicate(t.Context(), view, after, 2)
			require.NoError(t, err)
			if len(page) == 0 {
				break
			}
			all = append(all, page...)
		}
		assert.Equal(t, whole, all)
		none, err := c.Replicate(t.Context(), view, stamdata.Offset{}, 0)
		require.NoError(t, err)
		assert.Empty(t, none)
	})
	t.Run("a whole page of the widest view", func(t *testing.T) {
		s := newService(t)
		var changes []ecpr.Change
		for i := range 2000 {
			a := ecpr.Address{City: "Testby", Country: "DK", PostalCode: "0900", Expiry: "2030-01-01", State: "s", District: "d", Box: "b"}
			for j := range a.Lines {
				a.Lines[j] = strings.Repeat("æ", 45)
			}
			changes = append(changes, ecpr.Change{Person: "p", Version: &ecpr.Version{PID: ecpr.PID(fmt.Sprint(i)), Element: a, Valid: validity.Period{From: begun}}})
		}
		s.add(t, now, replicating.RowsOf(changes, nil)...)
		page, err := s.client(t).Replicate(t.Context(), stamdata.ECPRView("address"), stamdata.Offset{}, skrsws.All)
		require.NoError(t, err)
		require.Len(t, page, 2000)
		assert.Equal(t, "1999", page[1999].Value("UUID"))
	})
	t.Run("it tells the code of a fault", func(t *testing.T) {
		s := newService(t)
		s.grants = nil
		_, err := s.client(t).Replicate(t.Context(), view, stamdata.Offset{}, 1)
		var f *soap.Fault
		require.ErrorAs(t, err, &f)
		assert.Equal(t, "urn:stamdata:unauthorized-access", f.Code)
		s.caller.Kind = identity.Professional
		_, err = s.client(t).Replicate(t.Context(), view, stamdata.Offset{}, 1)
		require.ErrorAs(t, err, &f)
		assert.Equal(t, fault.CodeNotAuthorized, f.Code)
	})
	t.Run("it takes no answer that is not of the view", func(t *testing.T) {
		good := golden(t, "replicate-response.xml")
		answer := func(body string) error {
			c := skrsws.Client{Send: func(ctx context.Context, action string, _ func(*xmlout.Writer)) (*soap.Response, error) {
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(envelope(body))) }))
				defer server.Close()
				s := soap.Client{URL: server.URL}
				return s.Call(ctx, action, []byte(envelope("")))
			}}
			_, err := c.Replicate(t.Context(), view, stamdata.Offset{}, 1)
			return err
		}
		require.NoError(t, answer(good))
		for _, change := range [][]string{
			{"v1/1772445600", "v2/1772445600"},
			{"17724456000000000001", "1772445600000000000x"},
			{"<birthdate ", "<name ", "</birthdate>", "</name>"},
			{"stamdata/3.0/ecpr2registeret", "stamdata/3.0/cpr"},
			{"00:00.000Z</atom:updated>", "00:00.000</atom:updated>"},
			{"00:00.000Z</atom:updated>", "yesterday</atom:updated>"},
			{"atom:feed", "atom:feeds"},
			{"atom:content", "atom:contents"},
			{"ReplicationResponse", "ReplicationRequest"},
			{"<Day>13", "<Day><a/>13"},
		} {
			require.ErrorIs(t, answer(strings.NewReplacer(change...).Replace(good)), skrsws.ErrAnswer, change[1])
		}
	})
}

func TestDurability(t *testing.T) {
	t.Run("no row is told without its audit line", func(t *testing.T) {
		s := sampled(t)
		s.audit.Fail(nil, errBoom)
		w := s.post(t, askFor("birthdate", "0", ""))
		require.Equal(t, http.StatusInternalServerError, w.Code)
		assert.NotContains(t, w.Body.String(), "Uuid")
	})
}

// FuzzRequest: a request is answered or refused, whatever it holds, and what it is refused with holds nothing of it.
func FuzzRequest(f *testing.F) {
	f.Add(golden(f, "replicate-request.xml"))
	f.Add(ask("<register>a</register><version>4294967296</version>"))
	f.Add(askFor("name", "17724456000000000001", "<maxRecords>+0</maxRecords>"))
	s := sampled(f)
	op := skrsws.Service(s.copies, nil).Operations[0]
	f.Fuzz(func(t *testing.T, body string) {
		tree, err := xmltree.Parse([]byte(body), xmltree.DefaultLimits(1<<20))
		if err != nil {
			return
		}
		defer tree.Release()
		reply, err := op.Serve(t.Context(), soap.Request{Caller: s.caller, Tree: tree, Body: tree.Root()})
		if err != nil {
			_, ok := fault.Of(err)
			require.True(t, ok, "%v", err)
			return
		}
		var w xmlout.Writer
		reply(&w)
		answer, err := xmltree.Parse(w.Bytes(), xmltree.DefaultLimits(1<<20))
		require.NoError(t, err)
		answer.Release()
	})
}

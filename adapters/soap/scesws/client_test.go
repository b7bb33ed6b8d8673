package scesws_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/scesws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/enquiring"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/domain/validity"
)

type send = func(context.Context, string, func(*xmlout.Writer)) (*soap.Response, error)

// capture returns a Send that keeps what would be sent.
func capture(all *[]document) send {
	return func(_ context.Context, action string, body func(*xmlout.Writer)) (*soap.Response, error) {
		*all = append(*all, document{action, written(body), true})
		return nil, errNone
	}
}

func number(t testing.TB, digits string) cpr.Number {
	t.Helper()
	n, err := cpr.Parse(digits)
	require.NoError(t, err)
	return n
}

// TestClientReads: what the server is told to tell, the client reads, as far as the version has it.
func TestClientReads(t *testing.T) {
	s := newService(t)
	for v, path := range versions() {
		c := s.client(t, path)
		for digits, name := range golden() {
			for health := range operations() {
				want, err := s.lookup.Person(t.Context(), system(), digits, health)
				require.NoError(t, err)
				got, err := c.Person(t.Context(), v, digits, health)
				require.NoError(t, err, "%s in %s", name, v)
				assert.Equal(t, shown(want, v), got, "%s in %s", name, v)
			}
		}
	}
}

// shown is what a version shows of an answer.
func shown(a enquiring.Answer, v scesws.Version) enquiring.Answer {
	p := &a.Person
	if v < scesws.V104 {
		if p.Address == (stamdata.Address{}) {
			p.Address = stamdata.UnknownAddress()
		}
		p.Prior, p.Wards = cpr.Number{}, nil
		var custody []stamdata.Related
		for _, k := range p.Custody {
			if v == scesws.V103 && k.HoldsCustody() {
				custody = append(custody, stamdata.Related{CPR: k.CPR})
			}
		}
		p.Custody = custody
	}
	if p.CPR.Digits() == "1403800099" { // house, floor and door are none of the schema's
		p.Address.House, p.Address.Floor, p.Address.Door = "", "", "bage"
	}
	if a.Health == nil {
		return a
	}
	h := *a.Health
	h.Practice = practiceShown(h.Practice)
	if h.Prior != nil {
		prior := practiceShown(*h.Prior)
		prior.CVR = ""
		h.Prior = &prior
	}
	switch {
	case v == scesws.V102:
		h.Prior, h.Status, h.Practice.CVR = nil, "", ""
	case v == scesws.V103:
		h.Practice.CVR = ""
	}
	if v < scesws.V104 && h.Group == "0" {
		h.Group = "1"
	}
	a.Health = &h
	return a
}

func practiceShown(p stamdata.Practice) stamdata.Practice {
	if p.Number == "019002" {
		p.Number, p.Phone = "19002", "12345678"
	}
	return p
}

func TestCitizens(t *testing.T) {
	s := newService(t)
	citizens := &scesws.Citizens{Client: s.client(t, scesws.Path104), Timeout: time.Minute}
	register := s.register.Register
	for _, digits := range []string{"2101194638", "0905124643", "2804901808", "2508480706", "0803611471", "1702553083"} {
		want, err := register.Citizen(t.Context(), number(t, digits))
		require.NoError(t, err)
		got, err := citizens.Citizen(t.Context(), number(t, digits))
		require.NoError(t, err)
		assert.Equal(t, want.Status, got.Status, digits)
		assert.Equal(t, want.Current, got.Current, digits)
		assert.Equal(t, want.Name, got.Name, digits)
		assert.Equal(t, want.Sex, got.Sex, digits)
		birth, known := want.Birth()
		require.True(t, known)
		assert.Equal(t, birth, got.Registered, digits)
	}
	t.Run("PC-38 a protected citizen is there, and that is all", func(t *testing.T) {
		n := number(t, "0310710721")
		got, err := citizens.Citizen(t.Context(), n)
		require.NoError(t, err)
		assert.Equal(t, stamdata.Citizen{CPR: n, Status: "01", Protection: calendar.Day{Year: 2020, Month: time.January, Dom: 1}, Valid: validity.Period{}}, got)
		assert.True(t, got.Protected(now))
	})
	t.Run("PC-19 nobody has the number", func(t *testing.T) {
		_, err := citizens.Citizen(t.Context(), number(t, "0909729999"))
		assert.True(t, fault.Is(err, fault.NotFound), "%v", err)
	})
	t.Run("PC-20 the look-up has no register", func(t *testing.T) {
		s.register.OnRead.FailFrom(1, assert.AnError)
		defer s.register.OnRead.Heal()
		_, err := citizens.Citizen(t.Context(), number(t, child))
		assert.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	})
	t.Run("PC-20 the server may not ask", func(t *testing.T) {
		s.caller.Org.CVR = unlisted
		defer func() { s.caller.Org.CVR = listed }()
		_, err := citizens.Citizen(t.Context(), number(t, child))
		assert.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	})
}

// TestCitizensOfAStranger: whatever else a server answers, nobody is told apart from a register that is down.
func TestCitizensOfAStranger(t *testing.T) {
	const start, end = `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>`, `</soap:Body></soap:Envelope>`
	body := ""
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body == "" {
			select {
			case <-release:
			case <-r.Context().Done():
			}
			return
		}
		_, _ = w.Write([]byte(start + body + end))
	}))
	defer server.Close()
	defer close(release)
	citizens := &scesws.Citizens{Client: clientOf(server.URL)}
	other := newService(t).ask(t, scesws.Path104, request(scesws.V104, false, "2101194638"))
	for name, answer := range map[string]string{
		"somebody else":           other,
		"another version":         strings.ReplaceAll(other, "1.0.4", "1.0.3"),
		"nobody":                  `<getPersonInformationOut xmlns="urn:oio:medcom:cprservice:1.0.4"/>`,
		"no status":               strings.ReplaceAll(strings.ReplaceAll(other, "2101194638", child), "StatusCode>01<", "StatusCode><"),
		"a day that is none":      strings.ReplaceAll(strings.ReplaceAll(other, "2101194638", child), "BirthDate>2019-01-21<", "BirthDate>2019-02-30<"),
		"a day that is too short": strings.ReplaceAll(strings.ReplaceAll(other, "2101194638", child), "BirthDate>2019-01-21<", "BirthDate>2019<"),
		"a number that is none":   strings.ReplaceAll(other, "2101194638", "9999999999"),
		"no truth":                strings.ReplaceAll(strings.ReplaceAll(other, "2101194638", child), "Indicator>false<", "Indicator>nej<"),
		"elements in a text":      strings.ReplaceAll(strings.ReplaceAll(other, "2101194638", child), ">Ida<", "><b>Ida</b><"),
		"a fault with a number":   `<soap:Fault><faultcode>soap:Client</faultcode><faultstring>The value '` + child + `' is not valid.</faultstring></soap:Fault>`,
		"not XML":                 "<",
	} {
		t.Run("PC-20 "+name, func(t *testing.T) {
			body = answer
			_, err := citizens.Citizen(t.Context(), number(t, child))
			require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
			assert.NotContains(t, err.Error(), child)
		})
	}
	t.Run("PC-20 no answer in time", func(t *testing.T) {
		body = ""
		citizens.Timeout = time.Millisecond
		_, err := citizens.Citizen(t.Context(), number(t, child))
		require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// TestClientReadsOthers: other servers write a status as a number and days with a zone, and leave out what is optional.
func TestClientReadsOthers(t *testing.T) {
	answer := newService(t).ask(t, scesws.Path104, request(scesws.V104, false, "2101194638"))
	for old, other := range map[string]string{
		"StatusCode>01<": "StatusCode>1<", "BirthDate>2019-01-21<": "BirthDate>1970-01-01+01:00<", "UncertaintyIndicator>false<": "UncertaintyIndicator>1<",
		"StartDate>2019-01-21<": "StartDate>2019-01-22Z<", ">Ida<": ">UKENDT<", "<d0302:PersonMiddleName>Prøve</d0302:PersonMiddleName>": "",
		"<c0511:PersonInformationProtectionIndicator>false</c0511:PersonInformationProtectionIndicator>": "",
		"<PersonCustodyStructure>": "<PersonSpouseStructure/><PersonCustodyStructure>", ">2207820468<": ">0000000000<",
	} {
		require.Contains(t, answer, old)
		answer = strings.ReplaceAll(answer, old, other)
	}
	tree, err := xmltree.Parse([]byte(answer), xmltree.DefaultLimits(1<<20))
	require.NoError(t, err)
	c := &scesws.Client{Send: func(context.Context, string, func(*xmlout.Writer)) (*soap.Response, error) {
		return &soap.Response{Tree: tree, Root: tree.Root(), Body: tree.Root()}, nil
	}}
	got, err := (&scesws.Citizens{Client: c}).Citizen(t.Context(), number(t, "2101194638"))
	require.NoError(t, err)
	assert.Equal(t, "01", got.Status)
	assert.Equal(t, calendar.Day{Year: 2019, Month: time.January, Dom: 22}, got.StatusSince)
	assert.Equal(t, stamdata.Name{Surname: "Testesen"}, got.Name)
	assert.Equal(t, calendar.Day{}, got.Registered, "what stands for an unknown day is none")
	assert.False(t, got.BirthUncertain)
}

// TestClientReadsEverything: the client understands every answer that the server writes.
func TestClientReadsEverything(t *testing.T) {
	s := newService(t)
	n := number(t, child)
	clients := map[scesws.Version]*scesws.Client{}
	for v, path := range versions() {
		clients[v] = s.client(t, path)
	}
	rapid.Check(t, func(rt *rapid.T) {
		drawn := rows(n).Draw(rt, "rows")
		s.lookup.Register = drawn
		for v, c := range clients {
			got, err := c.Person(t.Context(), v, child, true)
			require.NoError(rt, err)
			require.Equal(rt, n, got.Person.CPR)
			if !got.Person.Protected {
				require.Equal(rt, drawn.citizen.Status, got.Person.Status)
				require.Equal(rt, drawn.citizen.Sex, got.Person.Sex)
			}
		}
	})
}

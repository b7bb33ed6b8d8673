package ecprws_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/identity"
)

const unauthorised = "Kalderen har ikke adgang til operationen"

func TestWhoMayCall(t *testing.T) {
	token := user(doctor)
	token.Credential.Scheme = identity.IDWS
	operations := map[string]string{
		"CreatePerson": create(), "UpdatePerson": update(first), "MergePersons": merge(identifier(ecpr.XECPROID, first), identifier(ecpr.XECPROID, second)),
		"GetPersonById": get(ecpr.XECPROID, first), "SearchPerson": search("familyname:prøve"), "GetOIDs": request("GetOIDs", ""),
	}
	for _, c := range []struct {
		name   string
		caller identity.Caller
		grants []string
		may    []string
	}{
		{"a person with the rights of a coordinator", user(doctor), []string{"ecpr.read", "ecpr.write"},
			[]string{"CreatePerson", "UpdatePerson", "MergePersons", "GetPersonById", "SearchPerson", "GetOIDs"}},
		{"PC-11 PC-32 a secretary without authorisation", user(secretary), []string{"ecpr.read", "ecpr.write"},
			[]string{"CreatePerson", "UpdatePerson", "GetPersonById", "SearchPerson", "GetOIDs"}},
		{"of an organisation that reads", user(doctor), []string{"ecpr.read"}, []string{"GetPersonById", "SearchPerson", "GetOIDs"}},
		{"PC-11 of an organisation that is not listed", user(doctor), nil, []string{"GetOIDs"}},
		{"a system", system(), []string{"ecpr.read", "ecpr.write"}, []string{"GetPersonById", "GetOIDs"}},
		{"PC-11 a citizen", citizen(), []string{"ecpr.read", "ecpr.write"}, nil},
		{"with a token", token, []string{"ecpr.read", "ecpr.write"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newService(t)
			s.drawn = []int{drawnOfFirst, drawnSecond}
			_, _ = s.created(t, "<Gender><Value>male</Value></Gender>", "<BirthDate><Value>1978-08-13</Value></BirthDate>")
			_, _ = s.created(t)
			s.caller, s.grants = c.caller, c.grants
			for operation, body := range operations {
				if operation == "MergePersons" {
					continue // last, for it ends a registration
				}
				s.may(t, operation, body, c.may)
			}
			s.may(t, "MergePersons", operations["MergePersons"], c.may)
		})
	}
	t.Run("levels", func(t *testing.T) {
		for _, op := range newService(t).service.Operations {
			want := 4
			if op.Label == "GetOIDs" || op.Label == "GetPersonById" {
				want = 3
			}
			assert.Equal(t, want, op.Policy.MinLevel, op.Label)
		}
	})
}

func (s *service) may(t *testing.T, operation, body string, may []string) {
	t.Helper()
	w := s.send(t, body)
	for _, m := range may {
		if m == operation {
			assert.Equal(t, http.StatusOK, w.Code, "%s: %s", operation, w.Body)
			return
		}
	}
	assert.Equal(t, server(unauthorised, "not_authorized"), faultOf(t, w), operation)
}

// TestFaults asks what is told of each thing that the rules refuse: the text names the value.
func TestFaults(t *testing.T) {
	s := newService(t)
	s.drawn = []int{drawnOfFirst}
	number, created := s.created(t, name("Jon", "Prøve"), "<Gender><Value>male</Value></Gender>", "<BirthDate><Value>1978-08-13</Value></BirthDate>",
		identifier(passport, "PP 123"), "<Contact><Value>+45 1</Value></Contact>")
	other, _ := s.created(t, identifier(ecpr.NorthOID, "1308786QT7"))
	linked := s.call(t, update(number, identifier(ecpr.CPROID, adult)))
	s.call(t, update(other, identifier(ecpr.CPROID, doctor)))
	changed := s.call(t, update(number, "<Name><PID>"+pid(t, created, "Name")+"</PID><FamilyName>Ny</FamilyName></Name>"))
	key := func(value string) string { return identifier(ecpr.XECPROID, value) }
	for _, c := range []struct {
		name, request string
		want          [3]string
	}{
		{"PC-5 a birth date of no calendar", create("<BirthDate><Value>1978-13-08</Value></BirthDate>"), client("Fødselsdatoen er ugyldig [1978-13-08]", "ecpr_invalid")},
		{"unknown OID", get("1.2.3", "x"), client("Ukendt OID [1.2.3]", "ecpr_invalid")},
		{"a CPR number of no form", update(number, identifier(ecpr.CPROID, "3102801111")), client("CPR-nummeret er ugyldigt [3102801111]", "ecpr_invalid")},
		{"PC-19 a CPR number that the register does not know", update(other, identifier(ecpr.CPROID, absent)), client("CPR-nummeret findes ikke ["+absent+"]", "ecpr_cpr_unknown")},
		{"PC-22 a CPR number that is annulled", update(other, identifier(ecpr.CPROID, annulled)), client("CPR-nummeret findes ikke ["+annulled+"]", "ecpr_cpr_unknown")},
		{"PC-23 a passport of another person", update(other, identifier(passport, "pp123")), client("Værdien findes i forvejen [PP123]("+passport+")", "ecpr_value_exists")},
		{"PC-23 a passport of another person, in a new registration", create(identifier(passport, "PP123")), client("Værdien findes i forvejen [PP123]("+passport+")", "ecpr_value_exists")},
		{"PC-24 another number of the region", update(other, identifier(ecpr.NorthOID, "1308786QT9")),
			client("Findes der allerede en Identifier med samme OID, skal dens PID sendes med ["+ecpr.NorthOID+"]", "ecpr_oid_exists")},
		{"an unknown person", update("0101011AA1"), client("Personen findes ikke [0101011AA1]("+ecpr.XECPROID+")", "ecpr_not_found")},
		{"an unknown element", update(number, "<Contact><PID>no-such</PID></Contact>"), client("Elementet findes ikke [no-such]", "ecpr_not_found")},
		{"PC-15 a closed element", update(number, "<Name><PID>"+pid(t, created, "Name")+"</PID><FamilyName>X</FamilyName></Name>"),
			client("Elementet er ikke længere gyldigt ["+pid(t, created, "Name")+"]", "ecpr_conflict")},
		{"PC-16 a gender that is to have no value", update(number, "<Gender><PID>"+pid(t, created, "Gender")+"</PID></Gender>"),
			client("Gender mangler værdi ["+pid(t, created, "Gender")+"]", "ecpr_invalid")},
		{"PC-25 an X-eCPR in a new registration", create(key("1308781AA1")), client("Et X-eCPR-nummer kan ikke sættes eller ændres [1308781AA1]", "ecpr_invalid")},
		{"PC-25 an X-eCPR that is to change", update(number, "<Identifier><PID>"+pid(t, created, "Identifier")+"</PID><OID>"+ecpr.XECPROID+"</OID><Value>1308781AA1</Value></Identifier>"),
			client("Et X-eCPR-nummer kan ikke sættes eller ændres ["+pid(t, created, "Identifier")+"]", "ecpr_invalid")},
		{"PC-26 an e-mail address", update(number, "<Contact><System>email</System><Value>x</Value></Contact>"), client("Contact/System er ugyldig [email]", "ecpr_invalid")},
		{"PC-26 a kind of address", update(number, "<Address><Type>postal</Type><City>x</City></Address>"), client("Address/Type anvendes ikke [postal]", "ecpr_invalid")},
		{"PC-26 a nickname", update(number, "<Name><Use>nickname</Use><FamilyName>x</FamilyName></Name>"), client("Name/Use er ugyldig [nickname]", "ecpr_invalid")},
		{"PC-28 a search for too many", search("birthdate:12-12"), client("Søgningen er for bred", "ecpr_invalid")},
		{"PC-33 two CPR numbers", merge(key(number), key(other)), client("Personerne har forskellige CPR-numre", "ecpr_conflict")},
		{"PC-33 a person with itself", merge(key(number), key(number)), client("En person kan ikke flettes med sig selv", "ecpr_conflict")},
		{"PC-12 another's authorisation", strings.Replace(create(), "<Person><Name>Sara", "<Person><AuthorisationIdentifier>0TST1</AuthorisationIdentifier><PersonIdentifier>"+adult+
			"</PersonIdentifier><Name>Sara", 1), client("AuthorisationIdentifier er ugyldig [0TST1]", "ecpr_invalid")},
		{"markup in a value", get("1.2.3", "<![CDATA[<&>]]>"), client("Ukendt OID [1.2.3]", "ecpr_invalid")},
		{"markup in what is told", update(number, "<Contact><System>&lt;&amp;&gt;</System><Value>x</Value></Contact>"), client("Contact/System er ugyldig [&lt;&amp;&gt;]", "ecpr_invalid")},
		{"an OID that is long", get(strings.Repeat("1", 101), "x"), client("OID er for lang ["+strings.Repeat("1", 100)+"…]", "ecpr_invalid")},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.want, s.fault(t, c.request)) })
	}
	for _, q := range []string{"foo:bar", "givenname:", "(a)", "a:*"} {
		t.Run("PC-30 "+q, func(t *testing.T) {
			f := s.fault(t, search(q))
			assert.Equal(t, [2]string{"Client", "ecpr_invalid"}, [2]string{f[0], f[2]})
		})
	}
	t.Run("nothing of them was kept", func(t *testing.T) {
		assert.Equal(t, strings.TrimPrefix(changed, "<UpdatePersonResponse"), strings.TrimPrefix(strings.ReplaceAll(
			s.call(t, get(ecpr.XECPROID, number)), "GetPersonByIdResponse", "UpdatePersonResponse"), "<UpdatePersonResponse"))
		require.Contains(t, linked, adult)
	})
	t.Run("no log tells a value", func(t *testing.T) {
		for _, value := range []string{adult, absent, "3102801111", "PP123", "1308781", "nickname", "Prøve"} {
			assert.NotContains(t, s.log.String(), value)
		}
	})
	t.Run("PC-23 a passport that the other person no longer has", func(t *testing.T) {
		s.call(t, update(number, "<Identifier><PID>"+pid(t, created[strings.Index(created, passport)-80:], "Identifier")+"</PID></Identifier>"))
		assert.Contains(t, s.call(t, update(other, identifier(passport, "pp123"))), "<Value>PP123</Value>")
	})
	t.Run("PC-16 a contact that is invalidated stays in the history", func(t *testing.T) {
		answer := s.call(t, update(number, "<Contact><PID>"+strings.ToUpper(pid(t, created, "Contact"))+"</PID><System>phone</System></Contact>"))
		assert.Regexp(t, `<Value>\+45 1</Value><ValidFrom>[^<]*</ValidFrom><ValidTo>[^<]*</ValidTo></Contact>`, answer)
	})
}

func TestOurFaults(t *testing.T) {
	down := errors.New("a secret cause")
	t.Run("EC-08 the ledger cannot be reached", func(t *testing.T) {
		s := newService(t)
		s.ledger.OnClaim.FailFrom(1, down)
		assert.Equal(t, server("Internal Server Error", "processing_problem"), s.fault(t, create()))
		assert.Contains(t, s.log.String(), "a secret cause", "why stands in the log")
	})
	t.Run("a programming error", func(t *testing.T) {
		s := newService(t)
		s.registry.Draw = nil
		assert.Equal(t, server("Internal Server Error", "processing_problem"), s.fault(t, create()))
	})
	t.Run("the audit log cannot be written: what every service says of it", func(t *testing.T) {
		s := newService(t)
		s.audit.Fail(down, nil)
		assert.Equal(t, server("The audit log cannot be written. The call was not carried out.", "processing_problem"), s.fault(t, create()))
	})
	t.Run("PC-7 the series is spent", func(t *testing.T) {
		s := newService(t)
		spend(t, s, "1308781AA1")
		assert.Equal(t, server("Der er ikke flere ledige eCPR-numre for datoen", "ecpr_exhausted"),
			s.fault(t, create("<Gender><Value>male</Value></Gender><BirthDate><Value>1978-08-13</Value></BirthDate>")))
	})
}

// spend claims all numbers of the series that one is of.
func spend(t *testing.T, s *service, of string) {
	t.Helper()
	n, err := ecpr.ParseNumber(of)
	require.NoError(t, err)
	for i := range n.Series().Space() {
		claimed, err := s.db.Ledger().Claim(t.Context(), n.Series().At(i), s.now)
		require.NoError(t, err)
		require.True(t, claimed)
	}
}

// TestForm asks what a request must be made of.
func TestForm(t *testing.T) {
	s := newService(t)
	number, created := s.created(t, name("Jon", "Prøve"))
	person := func(content string) string { return request("CreatePerson", "<Person>"+content+"</Person>") }
	by := func(content string) string { return person("<Modified><By>" + content + "</By></Modified>") }
	who, organisation := "<Person><Name>S</Name></Person>", "<Organisation><Name>T</Name><Identifier><Identifier>1</Identifier><Source>SOR</Source></Identifier></Organisation>"
	s.call(t, by(who+organisation))
	for _, c := range []struct{ name, request, text string }{
		{"no person", request("CreatePerson", ""), "Person mangler"},
		{"two persons", request("CreatePerson", "<Person/><Person/>"), "Person er angivet flere gange"},
		{"nobody did it", person(""), "Modified/By mangler"},
		{"by nobody", person("<Modified/>"), "By mangler"},
		{"no person did it", by(organisation), "Person mangler"},
		{"two persons did it", by(who + who + organisation), "Person er angivet flere gange"},
		{"for no organisation", by(who), "Organisation mangler"},
		{"for an organisation without number", by(who + "<Organisation><Name>T</Name></Organisation>"), "Identifier mangler"},
		{"done twice", person(modified + modified), "Modified er angivet flere gange"},
		{"a name with two family names", create("<Name><FamilyName>A</FamilyName><FamilyName>B</FamilyName></Name>"), "FamilyName er angivet flere gange"},
		{"a value with elements", create("<Name><FamilyName><b>A</b></FamilyName></Name>"), "FamilyName er ugyldig"},
		{"no identifier to find", request("GetPersonById", ""), "Identifier mangler"},
		{"two identifiers to find", request("GetPersonById", identifier(passport, "1")+identifier(passport, "2")), "Identifier er angivet flere gange"},
		{"no OID to find", request("GetPersonById", "<Identifier><Value>1</Value></Identifier>"), "OID mangler"},
		{"no value to find", request("GetPersonById", "<Identifier><OID>1.2</OID><Value> </Value></Identifier>"), "Value mangler"},
		{"no query", request("SearchPerson", ""), "Query mangler"},
		{"an empty query", search(" "), "Query mangler"},
		{"one person to merge", request("MergePersons", "<Person/>"), "MergePersons kræver netop to Person"},
		{"three persons to merge", request("MergePersons", "<Person/><Person/><Person/>"), "MergePersons kræver netop to Person"},
		{"persons without number to merge", merge("", ""), "Person skal have netop én KeyIdentifier"},
		{"an update without number", request("UpdatePerson", "<Person>"+modified+"</Person>"), "Person skal have netop én KeyIdentifier"},
		{"an update of two numbers", update(number, identifier(ecpr.XECPROID, number)), "Person skal have netop én KeyIdentifier"},
		{"a mark without number", request("UpdatePerson", "<Person>"+modified+"<Identifier><KeyIdentifier>true</KeyIdentifier></Identifier></Person>"),
			"Person skal have netop én KeyIdentifier"},
		{"a mark that says nothing", update(number, "<Identifier><KeyIdentifier>ja</KeyIdentifier></Identifier>"), "KeyIdentifier er ugyldig [ja]"},
		{"two marks that differ", update(number, `<Identifier KeyIdentifier="true"><KeyIdentifier>false</KeyIdentifier></Identifier>`), "KeyIdentifier er angivet flere gange"},
		{"an update by another number", request("UpdatePerson", "<Person>"+modified+"<Identifier><KeyIdentifier>1</KeyIdentifier><OID>"+ecpr.CPROID+"</OID><Value>"+adult+
			"</Value></Identifier></Person>"), "Personen angives med sit X-eCPR-nummer [" + ecpr.CPROID + "]"},
		{"a day that there is not", create("<Contact><Value>1</Value><Expiry>2030-02-29</Expiry></Contact>"), "Expiry er ugyldig [2030-02-29]"},
		{"a day with a time", create("<Contact><Value>1</Value><Expiry>2030-01-01T00:00:00Z</Expiry></Contact>"), "Expiry er ugyldig [2030-01-01T00:00:00Z]"},
		{"a validity that is no number", create("<Identifier><OID>" + passport + "</OID><Value>1</Value><Validity>1.5</Validity></Identifier>"), "Validity er ugyldig [1.5]"},
		{"201 elements", create(strings.Repeat("<Contact><Value>1</Value></Contact>", 201)), "Person har for mange elementer"},
		{"an element with neither PID nor value", create("<Address/>"), "Address mangler værdi"},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, client(c.text, "ecpr_invalid"), s.fault(t, c.request)) })
	}
	for name, key := range map[string]string{
		"the only X-eCPR":       identifier(ecpr.XECPROID, number),
		"in lower case":         identifier(ecpr.XECPROID, strings.ToLower(number)),
		"an element":            "<Identifier><KeyIdentifier>true</KeyIdentifier><OID>" + ecpr.XECPROID + "</OID><Value>" + number + "</Value></Identifier>",
		"an attribute":          `<Identifier KeyIdentifier="1"><OID>` + ecpr.XECPROID + "</OID><Value>" + number + "</Value></Identifier>",
		"as the answer told it": `<Identifier KeyIdentifier="true"><PID>` + pid(t, created, "Identifier") + "</PID><OID>" + ecpr.XECPROID + "</OID><Value>" + number + "</Value></Identifier>",
		"others are not marked": identifier(ecpr.XECPROID, number) + "<Identifier><KeyIdentifier>false</KeyIdentifier><OID>" + passport + "</OID><Value>K1</Value></Identifier>",
	} {
		t.Run("the key: "+name, func(t *testing.T) {
			assert.Contains(t, s.call(t, request("UpdatePerson", "<Person>"+modified+key+"</Person>")), number)
			other, _ := s.created(t)
			assert.Contains(t, s.call(t, merge(key, identifier(ecpr.XECPROID, other))), other)
		})
	}
	t.Run("merge finds a person by another number that is marked", func(t *testing.T) {
		other, _ := s.created(t, identifier(passport, "M1"))
		answer := s.call(t, merge(identifier(ecpr.XECPROID, number), "<Identifier KeyIdentifier='true'><OID>"+passport+"</OID><Value>M1</Value></Identifier>"+identifier(ecpr.XECPROID, other)))
		assert.Contains(t, answer, other)
	})
	t.Run("GetPersonById of nobody is an empty answer", func(t *testing.T) {
		assert.Equal(t, `<GetPersonByIdResponse xmlns="`+space+`"></GetPersonByIdResponse>`, s.call(t, get(passport, "none")))
	})
	t.Run("what only answers have is ignored", func(t *testing.T) {
		answer := s.call(t, create("<Contact><PID/><Value>9</Value><Expiry>2030-01-01+01:00</Expiry><ValidFrom>x</ValidFrom><ValidTo>y</ValidTo></Contact>",
			"<Identifier><OID>"+passport+"</OID><OIDLabel>z</OIDLabel><OIDType>z</OIDType><Value>W1</Value><Validity> +05 </Validity><Expiry>2031-12-31Z</Expiry></Identifier>"))
		assert.Contains(t, answer, "<Value>9</Value><Expiry>2030-01-01</Expiry><ValidFrom>2026-03-02T09:15:00.123Z</ValidFrom></Contact>")
		assert.Contains(t, answer, "<OIDLabel>Pas</OIDLabel><OIDType>Eksternt person-ID</OIDType><Value>W1</Value><Validity>5</Validity><Expiry>2031-12-31</Expiry>")
	})
}

// TestSizes sends every text at its longest and one character longer. A character may be several octets.
func TestSizes(t *testing.T) {
	s := newService(t)
	longest := func(element string, n int, wrap func(string) string) {
		t.Run(element, func(t *testing.T) {
			n := n
			field := func(n int) string { return "<" + element + ">" + strings.Repeat("ø", n) + "</" + element + ">" }
			s.call(t, create(wrap(field(n))))
			f := s.fault(t, create(wrap(field(n+1))))
			assert.Equal(t, [2]string{"Client", "ecpr_invalid"}, [2]string{f[0], f[2]})
			assert.True(t, strings.HasPrefix(f[1], element+" er for lang ["), f[1])
			assert.LessOrEqual(t, len([]rune(f[1])), 100+len(element)+len(" er for lang […]"))
		})
	}
	in := func(element string) func(string) string {
		return func(s string) string { return "<" + element + ">" + s + "</" + element + ">" }
	}
	longest("Text", 400, in("Name"))
	longest("FamilyName", 200, in("Name"))
	longest("GivenName", 200, in("Name"))
	longest("Value", 200, in("Contact"))
	for element, n := range map[string]int{
		"StreetAddressLine1": 45, "StreetAddressLine10": 45, "City": 80, "District": 45, "State": 45, "PostalCode": 10, "Country": 80, "PostBox": 45,
	} {
		longest(element, n, in("Address"))
	}
	serial := 0
	longest("Value", 50, func(v string) string {
		serial++
		v = strings.Replace(v, "øø", string(rune('A'+serial))+"1", 1)
		return "<Identifier><OID>" + passport + "</OID>" + v + "</Identifier>"
	})
	for _, q := range []struct {
		n    int
		text string
	}{{1000, "Client"}, {1001, "Query er for lang"}} {
		f := s.fault(t, search(strings.Repeat("ø", q.n)))
		assert.Contains(t, f[0]+f[1], q.text)
		assert.Equal(t, q.n > 1000, strings.Contains(f[1], "Query er for lang"))
	}
	actor := func(element string, n int, document func(string) string) {
		t.Run("Modified "+element, func(t *testing.T) {
			s.call(t, document(strings.Repeat("ø", n)))
			f := s.fault(t, document(strings.Repeat("ø", n+1)))
			assert.Equal(t, "ecpr_invalid", f[2])
			assert.Contains(t, f[1], element+" er for lang [")
		})
	}
	actor("Name", 200, func(v string) string { return strings.Replace(create(), "Sara Sekretær", v, 1) })
	actor("PersonIdentifier", 50, func(v string) string {
		return strings.Replace(create(), "<Person><Name>", "<Person><PersonIdentifier>"+v+"</PersonIdentifier><Name>", 1)
	})
	actor("Role", 100, func(v string) string { return strings.Replace(create(), "Lægesekretær", v, 1) })
	actor("Name", 200, func(v string) string { return strings.Replace(create(), "Testby Sygehus", v, 1) })
	actor("Identifier", 50, func(v string) string { return strings.Replace(create(), "900011000016001", v, 1) })
	actor("Type", 50, func(v string) string {
		return strings.Replace(create(), "<Organisation>", "<Organisation><Type>"+v+"</Type>", 1)
	})
}

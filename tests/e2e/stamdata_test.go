package e2e

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap/scesws"
	"github.com/opennsp/nsp/adapters/soap/skrsws"
	"github.com/opennsp/nsp/bootstrap/devfed"
	"github.com/opennsp/nsp/tests/nsptest"
)

const (
	bo, almostAdult, leaper, ward = "0905124643", "3011064116", "2902044063", "1702553083"
	dead, protected               = "2508480706", "0310710721"
	emigrated                     = "1112660712"
)

// asking is a look-up of a citizen in an interface version.
func asking(version, operation, number string) string {
	return "<" + operation + `In xmlns="urn:oio:medcom:cprservice:` + version + `"><c:PersonCivilRegistrationIdentifier xmlns:c="` +
		`http://rep.oio.dk/cpr.dk/xml/schemas/core/2005/03/18/">` + number + "</c:PersonCivilRegistrationIdentifier></" + operation + "In>"
}

// TestCPRLookup asks Det Gode CPR Opslag as systems do.
func TestCPRLookup(t *testing.T) {
	onEveryStore(t, nsptest.Options{Set: ecprGrants}, func(t *testing.T, s *nsptest.Server) {
		system := s.System("99999901")
		const plain, withHealth = "getPersonInformation", "getPersonWithHealthCareInformation"
		ask := func(version, operation, number string) nsptest.Answer {
			return system.Call(t, scesws.Path104, asking(version, operation, number))
		}
		t.Run("PC-37 a child in every version, custody where it has it", func(t *testing.T) {
			for version, custody := range map[string]int{"1.0.2": 0, "1.0.3": 1, "1.0.4": 1} {
				for _, operation := range []string{plain, withHealth} {
					answer := ask(version, operation, bo)
					require.Equal(t, http.StatusOK, answer.Status, "%s", answer.Body)
					assert.Contains(t, string(answer.Body), "urn:oio:medcom:cprservice:"+version)
					assert.Equal(t, custody, answer.Count(t, "PersonCustodyIdentifier"), "%s %s", version, operation)
					assert.Equal(t, []string{"2012-05-09"}, answer.All(t, "BirthDate"))
				}
			}
		})
		t.Run("PC-38 a protected citizen is censored, for everybody", func(t *testing.T) {
			for _, version := range []string{"1.0.2", "1.0.3", "1.0.4"} {
				answer := ask(version, withHealth, protected)
				require.Equal(t, http.StatusOK, answer.Status, "%s", answer.Body)
				assert.Equal(t, []string{"ADRESSEBESKYTTET"}, answer.All(t, "PersonSurnameName"))
				assert.Equal(t, []string{"1970-01-01"}, answer.All(t, "BirthDate"))
				assert.Equal(t, []string{protected}, answer.All(t, "PersonCivilRegistrationIdentifier"))
			}
		})
		t.Run("PC-39 where the dead live is not known", func(t *testing.T) {
			answer := ask("1.0.4", plain, dead)
			require.Equal(t, http.StatusOK, answer.Status, "%s", answer.Body)
			assert.Equal(t, []string{"90"}, answer.All(t, "PersonCivilRegistrationStatusCode"))
			assert.Equal(t, []string{"UKENDT"}, answer.All(t, "StreetName"))
		})
		t.Run("PC-40 who is not there, what is no number, and who may not ask", func(t *testing.T) {
			refused := func(text string, answer nsptest.Answer) {
				t.Helper()
				assert.Equal(t, http.StatusInternalServerError, answer.Status)
				assert.Equal(t, text, answer.Text)
			}
			refused("Ingen data fundet", ask("1.0.4", plain, absent))
			for _, value := range []string{"9999999999", "1308781QT7"} {
				refused("The value '"+value+"' of element 'PersonCivilRegistrationIdentifier' is not valid.", ask("1.0.4", plain, value))
			}
			refused("PersonCivilRegistrationIdentifier was not set in request, but is required.", ask("1.0.4", plain, ""))
			other := s.System("12345678").Call(t, scesws.Path104, asking("1.0.4", plain, bo))
			refused("The request CVR number is not authorized to use this service.", other)
			assert.Equal(t, "not_authorized", other.FaultCode)
		})
	})
}

// asked is the answer about a person over REST.
func asked(t testing.TB, client nsptest.Client, path string, want int) map[string]any {
	t.Helper()
	var body map[string]any
	answer := client.Do(t, http.MethodGet, "/stamdata-personinformation/v1/person/"+path, nil, &body)
	require.Equal(t, want, answer.StatusCode, "status")
	return body
}

// TestPersonInformation asks over REST.
func TestPersonInformation(t *testing.T) {
	onEveryStore(t, nsptest.Options{}, func(t *testing.T, s *nsptest.Server) {
		client := s.System("99999901").Session(t)
		t.Run("PC-47 guardianship", func(t *testing.T) {
			wards, _ := asked(t, client, adult+"/custody", http.StatusOK)["wardCustody"].([]any)
			require.Len(t, wards, 1)
			assert.Equal(t, ward, wards[0].(map[string]any)["relationCpr"])
		})
		t.Run("PC-48 status, and who is active", func(t *testing.T) {
			for number, status := range map[string]string{bo: "01", emigrated: "80", dead: "90", changedNumber: "60", annulled: "30", "1606752533": "20"} {
				assert.Equal(t, status, asked(t, client, number+"/status", http.StatusOK)["status"])
				assert.Equal(t, status == "01" || status == "20", asked(t, client, number+"/active", http.StatusOK)["active"], status)
			}
			assert.Empty(t, asked(t, client, absent, http.StatusNotFound))
			assert.Empty(t, asked(t, client, protected+"/name", http.StatusNotFound))
		})
		s.Stop()
		for _, number := range []string{bo, doctorCPR, protected, absent, adult} {
			assert.NotContains(t, s.AccessLog(t), number, "no number in the access log")
			assert.NotContains(t, s.Logs(), number, "no number in the log")
		}
	})
}

// TestBirthdays asks about persons around their birthdays.
func TestBirthdays(t *testing.T) {
	lastSecond := time.Date(2024, 11, 29, 22, 59, 59, 0, time.UTC) // of the day before the birthday, in Copenhagen
	made := t.TempDir()
	_, err := devfed.Ensure(filepath.Join(made, "federation"), lastSecond.AddDate(0, 0, -1))
	require.NoError(t, err)
	for _, store := range []string{"memory", "sqlite", "postgres"} {
		t.Run(store, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.CopyFS(dir, os.DirFS(made)))
			s := nsptest.StartIn(t, dir, nsptest.Options{Store: store, Now: lastSecond})
			t.Run("PC-45 custody ends on the 18th birthday, and never turns round", func(t *testing.T) {
				client := s.System("99999901").Session(t)
				children := func(number string) (found []string) {
					list, _ := asked(t, client, number+"/custody", http.StatusOK)["parentalCustody"].([]any)
					for _, c := range list {
						found = append(found, c.(map[string]any)["relationCpr"].(string))
					}
					return found
				}
				assert.Contains(t, children(doctorCPR), bo)
				assert.NotContains(t, children(bo), doctorCPR)
				assert.Contains(t, children(doctorCPR), almostAdult)
				s.Clock.Advance(time.Second)
				assert.NotContains(t, children(doctorCPR), almostAdult)
			})
			t.Run("PC-46 born on 29 February", func(t *testing.T) {
				for day, age := range map[string]float64{"2025-02-28": 20, "2025-03-01": 21} {
					noon, err := time.Parse(time.RFC3339, day+"T12:00:00Z")
					require.NoError(t, err)
					s.Clock.Set(noon)
					assert.Equal(t, age, asked(t, s.System("99999901").Session(t), leaper+"/age", http.StatusOK)["age"], day)
				}
			})
		})
	}
}

// copied is one page of a copy.
type copied struct {
	Entries []struct {
		ID      string `xml:"id"`
		Content struct {
			Row row `xml:",any"`
		} `xml:"content"`
	} `xml:"Body>ReplicationResponse>feed>entry"`
}

type row struct {
	XMLName xml.Name
	Columns []struct {
		XMLName xml.Name
		Value   string `xml:",chardata"`
	} `xml:",any"`
}

func (r row) column(name string) string {
	for _, c := range r.Columns {
		if strings.EqualFold(c.XMLName.Local, name) {
			return c.Value
		}
	}
	return ""
}

func replicating(register, datatype, offset string, records int) string {
	return fmt.Sprintf(`<k:ReplicationRequest xmlns:k="http://nsi.dk/2011/10/21/StamdataKrs/"><register>%s</register><datatype>%s</datatype>`+
		`<version>1</version><offset>%s</offset><maxRecords>%d</maxRecords></k:ReplicationRequest>`, register, datatype, offset, records)
}

func replicate(t testing.TB, a nsptest.Actor, register, datatype, offset string, records int) (rows []row, next string) {
	t.Helper()
	answer := a.Call(t, skrsws.Path, replicating(register, datatype, offset, records))
	require.Equal(t, http.StatusOK, answer.Status, "%s", answer.Body)
	var page copied
	require.NoError(t, xml.Unmarshal(answer.Body, &page))
	next = offset
	for _, e := range page.Entries {
		rows = append(rows, e.Content.Row)
		next = e.ID[strings.LastIndex(e.ID, "/")+1:]
	}
	return rows, next
}

// all copies a view from the start, page by page.
func all(t testing.TB, a nsptest.Actor, register, datatype string, records int) (rows []row) {
	t.Helper()
	for offset := "0"; ; {
		page, next := replicate(t, a, register, datatype, offset, records)
		if len(page) == 0 {
			return rows
		}
		rows, offset = append(rows, page...), next
	}
}

// TestReplication copies registers as authorities do.
func TestReplication(t *testing.T) {
	set := map[string]string{"jobs.lease_ttl": "10s", "grants": "ecpr.write=99999902,ecpr.read=99999902,skrs.cpr.person.v1=99999901," +
		"skrs.ecpr2registeret.name.v1=99999901,skrs.ecpr2registeret.oid.v1=99999901,skrs.ecpr2registeret.person.v1=,skrs.ecpr2registeret.identifier.v1=99999901"}
	onEveryStore(t, nsptest.Options{Set: set}, func(t *testing.T, s *nsptest.Server) {
		system := s.System("99999901")
		t.Run("PC-41 row by row or at once", func(t *testing.T) {
			whole := all(t, system, "cpr", "person", 2000)
			assert.Greater(t, len(whole), 15)
			assert.Equal(t, whole, all(t, system, "cpr", "person", 1))
			seen := map[string]bool{}
			for _, r := range whole {
				assert.False(t, seen[r.column("cpr")+r.column("validFrom")])
				seen[r.column("cpr")+r.column("validFrom")] = true
			}
			none, _ := replicate(t, system, "cpr", "person", "0", 0)
			assert.Empty(t, none)
		})
		t.Run("PC-42 what is refused", func(t *testing.T) {
			for body, want := range map[string]string{
				replicating("cpr", "person", "abc", 1):                                                      "urn:stamdata:invalid-history-offset",
				replicating("cpr", "person", strings.Repeat("1", 21), 1):                                    "urn:stamdata:invalid-history-offset",
				replicating("ecpr2registeret", "person", "0", 1):                                            "urn:stamdata:unauthorized-access",
				replicating("nosuchregister", "person", "0", 1):                                             "urn:stamdata:unauthorized-access",
				strings.Replace(replicating("cpr", "person", "0", 1), "<datatype>person</datatype>", "", 1): "",
			} {
				answer := system.Call(t, skrsws.Path, body)
				assert.Equal(t, http.StatusInternalServerError, answer.Status)
				if want == "" {
					assert.Contains(t, string(answer.Body), "soap:Client")
					continue
				}
				assert.Equal(t, []string{want}, answer.All(t, "ReplicationFault"), "%s", answer.Body)
			}
			assert.Equal(t, []string{"urn:stamdata:unauthorized-access"},
				s.System("12345678").Call(t, skrsws.Path, replicating("cpr", "person", "0", 1)).All(t, "ReplicationFault"))
		})
		t.Run("PC-43 a closed name comes again, last", func(t *testing.T) {
			a := newECPR(t, s)
			r := a.create(t, name("Eksport", "Else"))
			other := a.create(t, name("Anden", "Anders"))
			var names []row
			anHourLater(t, func() bool {
				names = all(t, system, "ecpr2registeret", "name", 2000)
				return len(names) == 2
			}, s)
			assert.Equal(t, "2999-12-31T00:00:00.000Z", names[0].column("ValidTo"))
			_, offset := replicate(t, system, "ecpr2registeret", "name", "0", 2000)
			s.Clock.Advance(time.Second)
			person(t, a.call(t, updating(r.number(), "<Name><PID>"+r.Names[0].PID+"</PID><FamilyName>Eksportsen</FamilyName></Name>")))
			anHourLater(t, func() bool {
				names, _ = replicate(t, system, "ecpr2registeret", "name", offset, 2000)
				return len(names) == 2
			}, s)
			closed := names[0]
			if closed.column("Uuid") != r.Names[0].PID {
				closed = names[1]
			}
			assert.Equal(t, r.Names[0].PID, closed.column("Uuid"))
			assert.NotEqual(t, "2999-12-31T00:00:00.000Z", closed.column("ValidTo"))
			whole := all(t, system, "ecpr2registeret", "name", 1)
			require.Len(t, whole, 3)
			assert.Equal(t, other.Names[0].PID, whole[0].column("Uuid"), "the closed one left its place")
		})
		t.Run("ExportHistory", func(t *testing.T) {
			answer := s.Do(t, http.MethodGet, "/ecpr2/ExportHistory", nil)
			assert.Equal(t, http.StatusOK, answer.Status)
			assert.Regexp(t, `^Export History:\r?\nHttp status: 200 OK\r?\nError message: no error\r?\nExport number: \d+\r?\nExport time of last export: \d\d/\d\d/2026 \d\d:\d\d:\d\d`, string(answer.Body))
		})
	})
}

// anHourLater lets an hour pass, so that exports and imports are due, and waits for what they do.
func anHourLater(t testing.TB, done func() bool, servers ...*nsptest.Server) {
	t.Helper()
	for _, s := range servers {
		s.Clock.Advance(time.Hour)
	}
	require.Eventually(t, done, time.Minute, 20*time.Millisecond)
}

// TestSecondServer has one server write registrations and export them as files, and another take them in and serve the copies.
func TestSecondServer(t *testing.T) {
	for _, store := range []string{"memory", "sqlite", "postgres"} {
		t.Run(store, func(t *testing.T) {
			dir := t.TempDir()
			writer := nsptest.Start(t, nsptest.Options{Store: store, Set: map[string]string{"ecpr.export.mode": "file", "ecpr.export.dir": dir, "jobs.lease_ttl": "10s"}})
			reader := nsptest.Start(t, nsptest.Options{Store: store, Set: map[string]string{"ecpr.import.dir": dir, "jobs.lease_ttl": "10s"}})
			r := newECPR(t, writer).create(t, name("Rejsende", "Rikke")+born("1978-08-13"))
			anHourLater(t, func() bool {
				files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
				require.NoError(t, err)
				for _, f := range files {
					if text, err := os.ReadFile(f); err == nil && strings.Contains(string(text), "Rejsende") {
						return true
					}
				}
				return false
			}, writer)
			system := reader.System("99999901")
			anHourLater(t, func() bool {
				names, _ := replicate(t, system, "ecpr2registeret", "name", "0", 10)
				return len(names) == 1 && names[0].column("Uuid") == r.Names[0].PID && names[0].column("FamilyName") == "Rejsende"
			}, reader)
			dates, _ := replicate(t, system, "ecpr2registeret", "birthdate", "0", 10)
			require.Len(t, dates, 1)
			assert.Equal(t, "13", dates[0].column("Day"))
		})
	}
}

// TestImport puts files into the folder of registers.
func TestImport(t *testing.T) {
	onEveryStore(t, nsptest.Options{}, func(t *testing.T, s *nsptest.Server) {
		operator := s.Operator(t)
		system := s.System("99999901")
		put := func(t *testing.T, file, text string) {
			t.Helper()
			require.NoError(t, os.WriteFile(filepath.Join(s.Dir, "stamdata", file), []byte(text), 0o600))
		}
		// run starts an import, once the one before is over.
		run := func(t *testing.T) {
			t.Helper()
			require.Eventually(t, func() bool {
				s.Clock.Advance(time.Second)
				return operator.Do(t, http.MethodPost, "/api/stamdata/v1/imports", nil, nil).StatusCode == http.StatusAccepted
			}, time.Minute, 10*time.Millisecond)
		}
		name := func() string {
			answer := system.Call(t, scesws.Path104, asking("1.0.4", "getPersonInformation", adult))
			return strings.Join(answer.All(t, "PersonSurnameName"), "")
		}
		before := name()
		t.Run("PC-49 one bad number refuses the file, and the old data is served", func(t *testing.T) {
			put(t, "cpr-person.delta.csv", "cpr;status;efternavn\n"+adult+";01;Nytnavn\n3302801234;01;X\n")
			run(t)
			require.Eventually(t, func() bool { return strings.Contains(s.Logs(), "cpr-person.delta.csv") }, time.Minute, 10*time.Millisecond)
			assert.Equal(t, before, name())
			assert.NotContains(t, s.Logs(), "3302801234")
		})
		t.Run("PC-49 mended, it is loaded", func(t *testing.T) {
			put(t, "cpr-person.delta.csv", "cpr;status;efternavn\n"+adult+";01;Nytnavn\n")
			run(t)
			require.Eventually(t, func() bool { return name() == "Nytnavn" }, time.Minute, 10*time.Millisecond)
		})
	})
}

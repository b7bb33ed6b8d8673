package minlogws_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/xml/xmltree"
)

func (s *service) get(t *testing.T, path string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://nsp.example"+path, nil)
	w := httptest.NewRecorder()
	s.paths[strings.SplitN(path, "?", 2)[0]].ServeHTTP(w, r)
	return w
}

var (
	schemaLocation = regexp.MustCompile(`schemaLocation="[^"]*\?xsd=([^"]+)"`)
	soapAddress    = regexp.MustCompile(`<soap:address location="([^"]*)"/>`)
)

func TestContracts(t *testing.T) {
	s := newService(t)
	for path := range s.paths {
		t.Run("AC-41 "+path, func(t *testing.T) {
			w := s.get(t, path+"?wsdl")
			require.Equal(t, http.StatusOK, w.Code)
			wsdl := w.Body.String()
			tree, err := xmltree.Parse([]byte(wsdl), xmltree.DefaultLimits(1<<20))
			require.NoError(t, err)
			tree.Release()
			assert.Equal(t, "http://nsp.example"+path, soapAddress.FindStringSubmatch(wsdl)[1])
			imports := schemaLocation.FindAllStringSubmatch(wsdl, -1)
			require.NotEmpty(t, imports)
			for _, i := range imports {
				w := s.get(t, path+"?xsd="+i[1])
				require.Equal(t, http.StatusOK, w.Code, i[1])
				tree, err := xmltree.Parse(w.Body.Bytes(), xmltree.DefaultLimits(1<<20))
				require.NoError(t, err, i[1])
				tree.Release()
			}
			assert.Equal(t, http.StatusNotFound, s.get(t, path+"?xsd=other.xsd").Code)
		})
	}
	t.Run("AC-41 names", func(t *testing.T) {
		for path, names := range map[string][]string{
			newest: {`portType name="RegisterServicePort"`, `port name="RegisterServicePort"`, `binding name="RegisterServiceBinding"`, `service name="RegisterService"`, `soapAction="AddRegistrations"`},
			older:  {`portType name="RegisterServicePort"`, `service name="RegisterService"`, `element="dgws:FaultCode"`, `<soap:header message="tns:DGWSHeader" part="Security"`},
			citizenPath: {`portType name="LookupidServicePort"`, `binding name="LookupidServiceBinding"`, `service name="LookupidService"`,
				`soapAction="GetLogStatementsForCPRPersonWithID"`},
			assistantsPath: {`portType name="LookupServicePort"`, `binding name="LookupServiceBinding"`, `service name="LookupService"`, `soapAction="GetLogStatementsOnBehalfOf"`},
			path1: {`portType name="Minlog1RegisterPort"`, `port name="Minlog1RegisterPort"`, `binding name="Minlog1RegisterBinding"`,
				`service name="Minlog1RegisterService"`, `soapAction="RegisterLogStatements"`},
			portal: {`targetNamespace="` + nsPortal + `"`, `portType name="Minlogudtraekservice"`, `port name="MinlogudtraekserviceSoap11"`,
				`binding name="MinlogudtraekserviceSoap11"`, `service name="MinlogudtraekserviceService"`, `soapAction=""`, `operation name="ListLogStatements"`},
		} {
			wsdl := s.get(t, path+"?wsdl").Body.String()
			for _, name := range names {
				assert.Contains(t, wsdl, name, path)
			}
		}
	})
}

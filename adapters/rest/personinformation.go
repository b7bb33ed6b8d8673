package rest

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/enquiring"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/stamdata"
)

// Paths of person information (nspop.dk, Stamdata, Personinformation; whether somebody is active is ours). The id is a person's number: the one
// place where a number stands in a URL.
const (
	personRoot        = "/stamdata-personinformation"
	pathInfo          = personRoot + "/v1/person/:id"
	pathInfoStatus    = pathInfo + "/status"
	pathInfoNewStatus = personRoot + "/2024/08/01/:id/status"
	pathInfoActive    = pathInfo + "/active"
	pathInfoAge       = pathInfo + "/age"
	pathInfoBirthday  = pathInfo + "/birthday"
	pathInfoCustody   = pathInfo + "/custody"
	pathInfoName      = pathInfo + "/name"
	pathInfoAddress   = pathInfo + "/address"
	pathDeceased      = personRoot + "/v1/person/deceased"
)

// MountPersonInformation has e serve person information. Its callers are systems with sessions that their ID cards opened.
func MountPersonInformation(e *echo.Echo, d Deps, p *enquiring.PersonInformation) {
	a := newAPI(d)
	for _, ep := range personEndpoints(p) {
		ep.component, ep.admit = audit.SDM, a.cardHolder
		only := []*endpoint{&ep}
		e.Any(ep.path, func(c echo.Context) error {
			c.SetRequest(withoutNumber(c.Request()))
			a.serve(c, find(only, c.Request().Method), allowed(only))
			return nil
		})
	}
	elsewhere := func(c echo.Context) error {
		c.SetRequest(withoutNumber(c.Request()))
		a.serve(c, nowhere(), "")
		return nil
	}
	e.Any(personRoot+"/*", elsewhere)
	e.RouteNotFound(personRoot+"/*", elsewhere)
}

// withoutNumber returns the request as logs may know it: what is not a word of the paths is masked, whatever it is.
func withoutNumber(r *http.Request) *http.Request {
	parts := strings.Split(r.URL.Path, "/")
	for i, part := range parts {
		switch part {
		case "", personRoot[1:], "v1", "2024", "08", "01", "person", "status", "active", "age", "birthday", "custody", "name", "address", "deceased":
		default:
			parts[i] = audit.Masked
		}
	}
	known := *r.URL
	known.Path, known.RawPath = strings.Join(parts, "/"), ""
	r = r.WithContext(r.Context())
	r.URL, r.RequestURI = &known, ""
	return r
}

func personEndpoints(p *enquiring.PersonInformation) []endpoint {
	policy := admitting.Policy{
		Schemes: []identity.Scheme{identity.Session}, MinLevel: 3, Kinds: []identity.Kind{identity.System}, Grant: enquiring.GrantPersonInformation,
	}
	get := func(path, operation string, serve func(context.Context, *exchange, identity.Caller) (reply, error)) endpoint {
		return endpoint{method: http.MethodGet, path: path, operation: operation, policy: policy, serve: serve}
	}
	status := of(p.Status, func(s string) any {
		return struct {
			Status string `json:"status"`
		}{s}
	})
	return []endpoint{
		get(pathInfo, "PersonExists", of(p.Exists, func(n cpr.Number) any {
			return struct {
				CPR string `json:"cpr"`
			}{n.Digits()}
		})),
		get(pathInfoStatus, "PersonStatus", status),
		get(pathInfoNewStatus, "PersonStatus20240801", status),
		get(pathInfoActive, "PersonActive", of(p.Active, func(active bool) any {
			return struct {
				Active bool `json:"active"`
			}{active}
		})),
		get(pathInfoAge, "PersonAge", of(p.Age, func(age int) any {
			return struct {
				Age int `json:"age"`
			}{age}
		})),
		get(pathInfoBirthday, "PersonBirthday", of(p.Birthday, func(d calendar.Day) any {
			return struct {
				Birthday string `json:"birthday"`
			}{d.String()}
		})),
		get(pathInfoCustody, "PersonCustody", of(p.Custody, custodyOf)),
		get(pathInfoName, "PersonName", of(p.Name, func(n stamdata.Name) any { return nameInfo(n) })),
		get(pathInfoAddress, "PersonAddress", of(p.Address, addressOf)),
		get(pathDeceased, "Deceased", deceased(p)),
	}
}

// of serves a question about the person in the path. Who is not there, and what is not known or may not be told, is {} with the status 404, as
// the national service has it; so is a number that is none.
func of[T any](
	ask func(context.Context, identity.Caller, string) (T, error), told func(T) any,
) func(context.Context, *exchange, identity.Caller) (reply, error) {
	return func(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
		if err := x.bare(); err != nil {
			return reply{}, err
		}
		answer, err := ask(ctx, caller, x.id)
		switch {
		case fault.Is(err, fault.NotFound):
			return reply{status: http.StatusNotFound, value: struct{}{}}, nil
		case err != nil:
			return reply{}, err
		}
		return reply{status: http.StatusOK, value: told(answer)}, nil
	}
}

type custodyInfo struct {
	ParentalCustody []childInfo `json:"parentalCustody"`
	WardCustody     []wardInfo  `json:"wardCustody"`
}

type childInfo struct {
	RelationCPR string `json:"relationCpr"`
	Age         int    `json:"age"`
}

type wardInfo struct {
	RelationCPR string `json:"relationCpr"`
}

func custodyOf(over enquiring.CustodyOver) any {
	told := custodyInfo{ParentalCustody: make([]childInfo, len(over.Children)), WardCustody: make([]wardInfo, len(over.Wards))}
	for i, c := range over.Children {
		told.ParentalCustody[i] = childInfo{RelationCPR: c.CPR.Digits(), Age: c.Age}
	}
	for i, w := range over.Wards {
		told.WardCustody[i] = wardInfo{RelationCPR: w.Digits()}
	}
	return told
}

// nameInfo is a name; what is not known is left out.
type nameInfo struct {
	Given   string `json:"given,omitempty"`
	Middle  string `json:"middle,omitempty"`
	Surname string `json:"family,omitempty"`
}

// addressInfo is an address; what is not known is left out.
type addressInfo struct {
	CareOf           string `json:"careOf,omitempty"`
	Locality         string `json:"locality,omitempty"`
	Street           string `json:"street,omitempty"`
	Building         string `json:"building,omitempty"`
	House            string `json:"house,omitempty"`
	Floor            string `json:"floor,omitempty"`
	Door             string `json:"door,omitempty"`
	Town             string `json:"town,omitempty"`
	PostCode         string `json:"postCode,omitempty"`
	District         string `json:"district,omitempty"`
	StreetCode       string `json:"streetCode,omitempty"`
	MunicipalityCode string `json:"municipalityCode,omitempty"`
}

func addressOf(a stamdata.Address) any { return addressInfo(a) }

// deceased serves the numbers of the dead since a day, or the day of an instant, after a number.
func deceased(p *enquiring.PersonInformation) func(context.Context, *exchange, identity.Caller) (reply, error) {
	return func(ctx context.Context, x *exchange, caller identity.Caller) (reply, error) {
		since, after, err := x.deceasedQuery()
		if err != nil {
			return reply{}, err
		}
		if err := x.noBody(); err != nil {
			return reply{}, err
		}
		numbers, err := p.Deceased(ctx, caller, since, after)
		if err != nil {
			return reply{}, err
		}
		told := make([]string, len(numbers))
		for i, n := range numbers {
			told[i] = n.Digits()
		}
		return reply{status: http.StatusOK, value: told}, nil
	}
}

// deceasedQuery reads since, which is mandatory, and after.
func (x *exchange) deceasedQuery() (since calendar.Day, after cpr.Number, err error) {
	query, err := url.ParseQuery(x.http.URL.RawQuery)
	if err != nil || len(query["since"]) != 1 {
		return since, after, errQuery
	}
	for name, values := range query {
		switch {
		case len(values) != 1:
			err = errQuery
		case name == "since":
			since, err = dayOf(values[0])
		case name == "after":
			after, err = cpr.Parse(values[0])
		default:
			err = errQuery
		}
		if err != nil {
			return calendar.Day{}, cpr.Number{}, errQuery
		}
	}
	return since, after, nil
}

func dayOf(s string) (calendar.Day, error) {
	if at, err := time.Parse(time.RFC3339, s); err == nil {
		return calendar.DayOf(at), nil
	}
	return calendar.ParseDay(s)
}

package bootstrap

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/opennsp/nsp/adapters/auth"
	"github.com/opennsp/nsp/adapters/auth/allowlist"
	"github.com/opennsp/nsp/domain/trust"
)

// CallerLimit is how often one caller may call a service: Calls within Per on average, Burst at once.
type CallerLimit struct {
	Service string
	Calls   int
	Per     time.Duration
	Burst   int
}

// cvrNumber is the form of a number of the Central Business Register.
var cvrNumber = regexp.MustCompile(`^[0-9]{8}$`)

// administrators are texts role@cvr.
type administrators []auth.Administrator

func (f *administrators) kind() kind { return listKind }
func (f *administrators) set(v []string) error {
	var out administrators
	for _, s := range v {
		role, cvr, found := strings.Cut(s, "@")
		if !found || role == "" || !cvrNumber.MatchString(cvr) {
			return fmt.Errorf("%q is no administrator such as NspAdministrator@12345678", s)
		}
		out = append(out, auth.Administrator{Role: role, CVR: cvr})
	}
	*f = out
	return nil
}

func (f *administrators) get() []string {
	out := make([]string, len(*f))
	for i, a := range *f {
		out[i] = a.Role + "@" + a.CVR
	}
	return out
}

// grantName is <service>.<right>, of one part or more.
var grantName = regexp.MustCompile(`^[a-z0-9_-]+(\.[a-z0-9_-]+)*$`)

// grantLists are the organisations by the name of the grant that they hold.
type grantLists map[string][]string

func (f *grantLists) kind() kind { return mapKind }
func (f *grantLists) set(v []string) error {
	out := grantLists{}
	for _, s := range v {
		name, cvr, found := strings.Cut(s, "=")
		switch {
		case !found || !grantName.MatchString(name):
			return fmt.Errorf("%q is no grant such as minlog.minlog1=12345678", s)
		case cvr == "":
			out[name] = append([]string{}, out[name]...)
		case cvr != trust.AnyCVR && !cvrNumber.MatchString(cvr):
			return fmt.Errorf("%s: %q is no CVR number, nor %s for all", name, cvr, trust.AnyCVR)
		default:
			out[name] = append(out[name], cvr)
		}
	}
	*f = out
	return nil
}

func (f *grantLists) get() []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(*f)) {
		if len((*f)[name]) == 0 {
			out = append(out, name+"=")
		}
		for _, cvr := range (*f)[name] {
			out = append(out, name+"="+cvr)
		}
	}
	return out
}

// readRecord reads a text member=value member=value. Every member is one of those named.
func readRecord(s string, named ...string) (map[string]string, error) {
	record := map[string]string{}
	for member := range strings.FieldsSeq(s) {
		name, value, found := strings.Cut(member, "=")
		if !found || !slices.Contains(named, name) {
			return nil, fmt.Errorf("%q is none of %s", name, strings.Join(named, ", "))
		}
		if _, twice := record[name]; twice {
			return nil, fmt.Errorf("%q is there twice", name)
		}
		record[name] = value
	}
	return record, nil
}

// callerLimits are texts service=… rate=20/h burst=20.
type callerLimits []CallerLimit

func (f *callerLimits) kind() kind { return recordsKind }
func (f *callerLimits) set(v []string) error {
	var out callerLimits
	for _, s := range v {
		record, err := readRecord(s, "service", "rate", "burst")
		if err != nil {
			return err
		}
		limit := CallerLimit{Service: record["service"]}
		if limit.Service == "" {
			return errors.New("service is missing")
		}
		if slices.ContainsFunc(out, func(l CallerLimit) bool { return l.Service == limit.Service }) {
			return fmt.Errorf("service %q is there twice", limit.Service)
		}
		if limit.Calls, limit.Per, err = parseRate(record["rate"]); err != nil {
			return err
		}
		limit.Burst = limit.Calls
		if burst, given := record["burst"]; given {
			if limit.Burst, err = strconv.Atoi(burst); err != nil || limit.Burst < 1 || limit.Burst > maxCalls {
				return fmt.Errorf("burst %q: want a whole number from 1 to %d", burst, maxCalls)
			}
		}
		out = append(out, limit)
	}
	*f = out
	return nil
}

func (f *callerLimits) get() []string {
	out := make([]string, len(*f))
	for i, l := range *f {
		unit := ""
		for _, u := range rateUnits() {
			if u.length == l.Per {
				unit = u.name
			}
		}
		out[i] = fmt.Sprintf("service=%s rate=%d/%s burst=%d", l.Service, l.Calls, unit, l.Burst)
	}
	return out
}

// maxCalls is the largest number of calls in a limit.
const maxCalls = 1_000_000

func rateUnits() []struct {
	name   string
	length time.Duration
} {
	return []struct {
		name   string
		length time.Duration
	}{{"s", time.Second}, {"m", time.Minute}, {"h", time.Hour}, {"d", 24 * time.Hour}}
}

func parseRate(s string) (calls int, per time.Duration, err error) {
	n, unit, _ := strings.Cut(s, "/")
	calls, err = strconv.Atoi(n)
	for _, u := range rateUnits() {
		if u.name == unit {
			per = u.length
		}
	}
	if err != nil || calls < 1 || calls > maxCalls || per == 0 {
		return 0, 0, fmt.Errorf("rate %q: want calls in a time, such as 20/h, 10/m, 5/s or 100/d", s)
	}
	return calls, per, nil
}

// publishers are texts cidr=… name=… topics=a|b.
type publishers allowlist.List

func (f *publishers) kind() kind { return recordsKind }
func (f *publishers) set(v []string) error {
	var out publishers
	for _, s := range v {
		record, err := readRecord(s, "cidr", "name", "topics")
		if err != nil {
			return err
		}
		network, err := netip.ParsePrefix(record["cidr"])
		if err != nil {
			return fmt.Errorf("cidr %q is no network such as 10.0.0.0/8", record["cidr"])
		}
		if record["name"] == "" {
			return errors.New("name is missing")
		}
		p := allowlist.Entry{Network: network, Name: record["name"]}
		if topics := record["topics"]; topics != "" && topics != allTopics {
			p.Topics = strings.Split(topics, "|")
			if slices.Contains(p.Topics, "") || slices.Contains(p.Topics, allTopics) {
				return fmt.Errorf("topics %q: want names, or %s for all", topics, allTopics)
			}
		}
		out = append(out, p)
	}
	*f = out
	return nil
}

// allTopics stands for every topic.
const allTopics = "*"

func (f *publishers) get() []string {
	out := make([]string, len(*f))
	for i, p := range *f {
		topics := allTopics
		if len(p.Topics) > 0 {
			topics = strings.Join(p.Topics, "|")
		}
		out[i] = "cidr=" + p.Network.String() + " name=" + p.Name + " topics=" + topics
	}
	return out
}

// durations are lengths of time by name.
type durations map[string]time.Duration

func (f *durations) kind() kind { return valuesKind }
func (f *durations) set(v []string) error {
	var out durations
	for _, s := range v {
		at := strings.LastIndex(s, "=")
		if at < 1 {
			return fmt.Errorf("%q is no name with a length of time, such as FMK=10m", s)
		}
		var d time.Duration
		if err := (&duration{&d, 0, longest}).set([]string{s[at+1:]}); err != nil {
			return fmt.Errorf("%s: %w", s[:at], err)
		}
		if out == nil {
			out = durations{}
		}
		out[s[:at]] = d
	}
	*f = out
	return nil
}

func (f *durations) get() []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(*f)) {
		out = append(out, name+"="+formatDuration((*f)[name]))
	}
	return out
}

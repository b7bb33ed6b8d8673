package bootstrap

import (
	"time"

	"github.com/opennsp/nsp/application/optingout"
	"github.com/opennsp/nsp/application/willkeeping"
	"github.com/opennsp/nsp/domain/calendar"
	"github.com/opennsp/nsp/domain/nas"
)

// fskCVR is Sundhedsdatastyrelsen, which runs Fælles Stamkort: the system that asks whether wills and opt-outs exist.
const fskCVR = "33257872"

// Wills configures living wills and treatment wills.
type Wills struct {
	AdminRoles        []string
	Educations        []string
	DentistEducations []string
	MinAge            int
	LTR               struct {
		ClosedFrom  string // a Copenhagen day
		AdminUpdate bool
	}
	ActiveStatus  []string // of the opt-out of resuscitation too
	LogEmptyReads bool
	MinLogTimeout time.Duration
	Topics        struct{ BTR, LTR string }
}

// FGVHR configures the opt-out of resuscitation.
type FGVHR struct {
	AdminRoles []string
	MinAge     int
	WaitDays   int
	MinLog     bool
	Topic      string
	IDType     string
}

func defaultWills() (w Wills) {
	w.DentistEducations, w.MinAge, w.ActiveStatus = []string{"5433"}, 18, []string{"01", "03", "05", "07"}
	w.LTR.ClosedFrom, w.LTR.AdminUpdate = "2019-01-01", true
	w.LogEmptyReads, w.MinLogTimeout = true, 2*time.Second
	topics := willkeeping.DefaultTopics()
	w.Topics.BTR, w.Topics.LTR = topics.BTR.Name, topics.LTR.Name
	return w
}

func defaultFGVHR() FGVHR {
	topic := optingout.DefaultTopic()
	return FGVHR{MinAge: 60, WaitDays: 7, MinLog: true, Topic: topic.Name, IDType: topic.IDType}
}

// runsWills tells whether this process has wills, or opt-outs.
func (c *Config) runsWills() bool { return c.runsAny(RoleWills, RoleFGVHR) }

// willTopics are the topics on which changes of wills and opt-outs are told.
func (c *Config) willTopics() []nas.TopicName {
	return []nas.TopicName{nas.TopicName(c.Wills.Topics.BTR), nas.TopicName(c.Wills.Topics.LTR), nas.TopicName(c.FGVHR.Topic)}
}

// completeWills says who may ask where nobody said it.
func (c *Config) completeWills() {
	for _, grant := range []string{"wills.has", "fgvhr.read"} {
		if _, said := c.Grants[grant]; !said {
			c.Grants[grant] = []string{fskCVR}
		}
	}
}

// validateWills checks wills and opt-outs.
func (c *Config) validateWills(wrong func(bad bool, key, format string, args ...any)) {
	_, err := calendar.ParseDay(c.Wills.LTR.ClosedFrom)
	wrong(c.Wills.LTR.ClosedFrom != "" && err != nil, "wills.ltr_closed_from", "%q is no day such as 2019-01-01", c.Wills.LTR.ClosedFrom)
	for key, topic := range map[string]string{"wills.topics.btr": c.Wills.Topics.BTR, "wills.topics.ltr": c.Wills.Topics.LTR, "fgvhr.topic": c.FGVHR.Topic} {
		_, err := nas.ParseTopic(topic)
		wrong((c.runsWills() || c.publishes() || c.runsNAS()) && err != nil, key, "%q is no topic such as http://example.dk/:Changed", topic)
	}
}

// willKeys are the keys of wills and of the opt-out of resuscitation.
func willKeys() []key {
	return []key{
		{path: "wills.admin_roles", doc: "national roles whose holders administer every citizen's wills; none = nobody (in development those of the sample administrator)", field: func(c *Config) field { return (*list)(&c.Wills.AdminRoles) }},
		{path: "wills.educations", doc: "education codes of the authorised professionals who may read wills; none = all of them", field: func(c *Config) field { return (*list)(&c.Wills.Educations) }},
		{path: "wills.dentist_educations", doc: "education codes of dentists, who may only read about treatment by force", field: func(c *Config) field { return (*list)(&c.Wills.DentistEducations) }},
		{path: "wills.min_age", doc: "age in years from which a will can be made", field: func(c *Config) field { return &number{&c.Wills.MinAge, 0, 150} }},
		{path: "wills.ltr_closed_from", doc: "first day on which no living will can be made; empty = they can", field: func(c *Config) field { return (*text)(&c.Wills.LTR.ClosedFrom) }},
		{path: "wills.ltr_admin_update", doc: "whether administrators may still change living wills", field: func(c *Config) field { return (*truth)(&c.Wills.LTR.AdminUpdate) }},
		{path: "wills.active_status", doc: "CPR status codes of those who can make a will or opt out of resuscitation", field: func(c *Config) field { return (*list)(&c.Wills.ActiveStatus) }},
		{path: "wills.minlog_empty_reads", doc: "whether MinLog is told of reads that found nothing", field: func(c *Config) field { return (*truth)(&c.Wills.LogEmptyReads) }},
		{path: "wills.minlog_timeout", doc: "how long a call waits for MinLog, without which nothing is done; of the opt-out too", field: func(c *Config) field { return positive(&c.Wills.MinLogTimeout) }},
		{path: "wills.topics.btr", doc: "topic of changes of treatment wills", field: func(c *Config) field { return (*text)(&c.Wills.Topics.BTR) }},
		{path: "wills.topics.ltr", doc: "topic of changes of living wills", field: func(c *Config) field { return (*text)(&c.Wills.Topics.LTR) }},

		{path: "fgvhr.admin_roles", doc: "national roles whose holders administer every citizen's opt-out of resuscitation; none = nobody (in development those of the sample administrator)", field: func(c *Config) field { return (*list)(&c.FGVHR.AdminRoles) }},
		{path: "fgvhr.min_age", doc: "age in years from which somebody can opt out", field: func(c *Config) field { return &number{&c.FGVHR.MinAge, 0, 150} }},
		{path: "fgvhr.wait_days", doc: "days until it is in force", field: func(c *Config) field { return &number{&c.FGVHR.WaitDays, 0, 3650} }},
		{path: "fgvhr.minlog", doc: "whether MinLog is told of what citizens and administrators do", field: func(c *Config) field { return (*truth)(&c.FGVHR.MinLog) }},
		{path: "fgvhr.topic", doc: "topic of changes of opt-outs", field: func(c *Config) field { return (*text)(&c.FGVHR.Topic) }},
		{path: "fgvhr.id_type", doc: "type of the ids in its notifications", field: func(c *Config) field { return (*text)(&c.FGVHR.IDType) }},
	}
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/opennsp/nsp/adapters/db/sqlstore"
	"github.com/opennsp/nsp/adapters/kafka"
	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/soap/nasws"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/ports"
	"github.com/opennsp/nsp/tests/postgrestest"
	"github.com/opennsp/nsp/tests/process"
)

// Where the notification service keeps what it is measured with.
const (
	nasSQLite   = "sqlite"
	nasPostgres = "postgres"
	nasKafka    = "kafka" // the message log; PostgreSQL is the store
)

const (
	nasPartitions = 6
	nasIDType     = "http://nsi.dk/advis/v10/CPR"
	nasSize       = 1000 // octets of a notification
)

// nasPlace is a message log and a store, for one nspd or several.
type nasPlace struct {
	engine   string
	o        options
	dir      string
	backends *backends
	servers  []*nasServer
}

func openNAS(ctx context.Context, o options, engine string) (p *nasPlace, err error) {
	p = &nasPlace{engine: engine, o: o, backends: &backends{}}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	if p.dir, err = os.MkdirTemp("", "bench"); err != nil {
		return p, err
	}
	switch engine {
	case nasPostgres:
		p.backends.database, err = postgrestest.Start(ctx, postgrestest.Options{})
	case nasKafka:
		p.backends, err = openBackends(ctx, true)
	}
	return p, err
}

func (p *nasPlace) close() {
	for _, s := range p.servers {
		s.Stop()
	}
	p.backends.close()
	_ = os.RemoveAll(p.dir)
}

// nasServer is an nspd with a topic of its own, and a subscriber.
type nasServer struct {
	*process.Server
	place    *nasPlace
	epj      *process.Client
	topic    nas.TopicName
	internal messagelog.Topic
	http     *http.Client
}

// start runs nspd with a topic that anybody may read.
func (p *nasPlace) start(ctx context.Context, name string, settings ...string) (*nasServer, error) {
	dir := filepath.Join(p.dir, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	env := append([]string{
		"NSPD_ROLES=nas-broker,nas-subscriber,console,sts", "NSPD_INSTANCE=" + name, fmt.Sprintf("NSPD_NAS_PULLPOINT_MAX_PER_OWNER=%d", crowd),
	}, settings...)
	if b := p.backends; b.database != nil {
		env = append(env, "NSPD_STORE_DRIVER=postgres", "NSPD_STORE_DSN="+b.database.DSN)
	}
	if b := p.backends; b.broker != nil {
		env = append(env, "NSPD_MESSAGELOG_DRIVER=kafka", "NSPD_MESSAGELOG_BROKERS="+b.broker.Addr, "NSPD_MESSAGELOG_KAFKA_REPLICATION=1",
			"NSPD_MESSAGELOG_KAFKA_MIN_INSYNC=1", "NSPD_MESSAGELOG_KEY_SECRET=the-secret-of-the-figures-of-nspd")
	}
	if p.engine == nasSQLite {
		env = append(env, "NSPD_STORE_DSN="+filepath.Join(dir, "store.db"))
	}
	running, err := process.Run(ctx, p.o.nspd, process.Options{Dir: dir, Federation: filepath.Join(p.dir, "federation"), Env: env})
	if err != nil {
		return nil, err
	}
	s := &nasServer{
		Server: running, place: p, topic: nas.TopicName("http://example.dk/advis/2024/01/01:" + name), internal: messagelog.Topic("nas.bench." + name),
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: loadClients}},
	}
	p.servers = append(p.servers, s)
	if s.epj, err = running.Client(ctx, "epj"); err != nil {
		return nil, err
	}
	return s, s.makeTopic(ctx)
}

func (s *nasServer) makeTopic(ctx context.Context) error {
	token, err := os.ReadFile(filepath.Join(s.Dir, "operator.token"))
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{
		"topic": s.topic, "internal": s.internal, "partitions": nasPartitions, "access": []map[string]string{{"identifier": nas.Everybody}},
	})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/api/nas/v1/admin/topics", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	resp, err := s.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("make a topic: %s", resp.Status)
	}
	return nil
}

// at calls a path as the subscriber.
func (s *nasServer) at(path string) *nasws.Client {
	return &nasws.Client{Send: func(ctx context.Context, action string, body func(*xmlout.Writer)) (*soap.Response, error) {
		var w xmlout.Writer
		body(&w)
		return s.epj.Call(ctx, path, action, w.Bytes())
	}}
}

// pullPoint makes a pull point with a subscription, and returns its path.
func (s *nasServer) pullPoint(ctx context.Context, f nas.Filter) (path string, err error) {
	address, err := s.at(nasws.PathFactory).CreatePullPoint(ctx)
	if err != nil {
		return "", err
	}
	if _, err := s.at(nasws.PathManager).Subscribe(ctx, nasws.Selection{PullPoint: address, Topic: s.topic, Filter: f}); err != nil {
		return "", err
	}
	at, err := url.Parse(address)
	if err != nil {
		return "", err
	}
	return at.Path, nil
}

// publish hands in a message that notifyOf made.
func (s *nasServer) publish(ctx context.Context, message []byte) error {
	return postOne(ctx, s.http, s.URL+nasws.PathBroker, message, []byte("NotifyResponse"))
}

// log is the server's message log, as another process sees it.
func (s *nasServer) log(ctx context.Context) (log ports.MessageLog, done func(), err error) {
	if b := s.place.backends.broker; b != nil {
		cluster, err := kafka.Open(ctx, kafka.Options{Brokers: []string{b.Addr}, Instance: "bench", Replication: 1, MinInSync: 1})
		if err != nil {
			return nil, nil, err
		}
		return cluster.Service("nas").MessageLog(), func() { _ = cluster.Close() }, nil
	}
	opt := sqlstore.Options{Path: filepath.Join(s.Dir, "store.db")}
	if d := s.place.backends.database; d != nil {
		opt = sqlstore.Options{DSN: d.DSN}
	}
	db, err := sqlstore.Open(ctx, opt)
	if err != nil {
		return nil, nil, err
	}
	return db.MessageLog(), func() { _ = db.Close() }, nil
}

// nasNotification is a notification about somebody.
func nasNotification(topic nas.TopicName, id string) nas.Notification {
	const head, tail = `<c:CardChanged xmlns:c="http://example.dk/advis/2024/01/01"><c:text>`, `</c:text></c:CardChanged>`
	return nas.Notification{
		Topic: string(topic), ID: id, IDType: nasIDType, Payload: []byte(head + strings.Repeat("x", nasSize-len(head)-len(tail)) + tail),
	}
}

// notifyOf is a message without credential that hands in n notifications, each about another.
func notifyOf(topic nas.TopicName, n int) ([]byte, error) {
	all := make([]nas.Notification, n)
	for i := range all {
		all[i] = nasNotification(topic, fmt.Sprintf("%010d", i))
	}
	var message []byte
	err := (&nasws.Client{Send: func(_ context.Context, _ string, body func(*xmlout.Writer)) (*soap.Response, error) {
		var w xmlout.Writer
		w.Start("soap:Envelope", "xmlns:soap", soapNS)
		w.Start("soap:Body")
		body(&w)
		w.End()
		w.End()
		message = w.Bytes()
		return nil, errUnsent
	}}).Publish(context.Background(), all...)
	if errors.Is(err, errUnsent) {
		err = nil
	}
	return message, err
}

// fetching is a message that asks for the messages of a pull point.
func fetching(ctx context.Context, c *process.Client) (message []byte, err error) {
	err = func() error {
		_, err := (&nasws.Client{Send: func(_ context.Context, _ string, body func(*xmlout.Writer)) (*soap.Response, error) {
			var w xmlout.Writer
			body(&w)
			message = c.Message(messageMark, w.Bytes())
			return nil, errUnsent
		}}).GetMessages(ctx, nasQuota)
		return err
	}()
	if errors.Is(err, errUnsent) {
		err = nil
	}
	return message, err
}

// nasQuota is how many messages a fetch asks for.
const nasQuota = 1000

// unmeasured gives all figures the error, and takes the goals off where it is that a server is not installed.
func unmeasured(figures []figure, err error) []figure {
	for i := range figures {
		figures[i].err = err
		if missing(err) {
			figures[i].goal = goal{}
		}
	}
	return figures
}

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/opennsp/nsp/adapters/soap/nasws"
	"github.com/opennsp/nsp/domain/messagelog"
	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/ports"
)

const (
	pollPoints   = 64
	pollTime     = 3 * time.Second // of the processor time of a call
	waiting      = 100             // messages of T41
	waits        = 400             // fetches of T41
	waitingLimit = 20 * time.Millisecond
)

// nasPoll measures how many fetches with nothing new an nspd answers, of pull points that got something before, with the load generator on the
// same machine, and how much of a processor a call takes. The peer does of the same messages what the server does anyway: it receives, verifies,
// admits and answers them, with no use case, store or audit log behind. T41 is how long the slowest of a hundred fetches takes where 100 messages
// of 1 KB wait, one fetch at a time.
func nasPoll(ctx context.Context, o options) (all []figure) {
	for _, engine := range []string{nasSQLite, nasKafka} {
		figures := []figure{
			{name: "nas-poll/" + engine, goal: goal{atMost: 3}}, {name: "nas-poll/" + engine + "-cached"},
			{name: "nas-poll/" + engine + "-cpu", goal: goal{atMost: 3}},
			{name: "nas-T41/" + engine, goal: goal{atMost: 1}},
		}
		if engine == nasKafka {
			figures[0].goal = goal{} // the database and the broker take most of the processors, which the peer has for itself
		}
		run, err := pollBoth(ctx, o, engine)
		if err != nil {
			all = append(all, unmeasured(figures, err)...)
			continue
		}
		for i, names := range [][2]string{{checkServer, nasVerifyServer}, {checkCachedServer, nasVerifyCachedServer}} {
			ours, alone := run.rates[names[0]], run.rates[names[1]]
			figures[i].value, figures[i].peer, figures[i].ratio = callsPerSecond(ours), "verified alone "+callsPerSecond(alone), alone/ours
		}
		figures[2].value, figures[2].peer = micros(run.cpu[checkServer]), "verified alone "+micros(run.cpu[nasVerifyServer])
		figures[2].ratio = run.cpu[checkServer] / run.cpu[nasVerifyServer]
		figures[3].value, figures[3].peer = "p99 "+millis(run.p99), "limit "+millis(waitingLimit.Seconds())+", median "+millis(run.p50)
		figures[3].ratio = run.p99 / waitingLimit.Seconds()
		all = append(append(all, figures...),
			figure{picture: bars(run.rates, []string{nasVerifyCachedServer, nasVerifyServer, checkCachedServer, checkServer})})
	}
	return all
}

// polled is what was measured: calls a second by server, and seconds of a fetch of T41.
type polled struct {
	rates    map[string]float64
	cpu      map[string]float64 // seconds of a call
	p50, p99 float64
}

func pollBoth(ctx context.Context, o options, engine string) (run polled, err error) {
	p, err := openNAS(ctx, o, engine)
	if err != nil {
		return run, err
	}
	defer p.close()
	r := race{ctx: ctx, dir: p.dir}
	defer r.stop()
	paths := map[string][]string{} // of the pull points, by address
	var message []byte
	for _, s := range []struct{ name, cache string }{{checkServer, "0"}, {checkCachedServer, "16384"}} {
		server, err := p.start(ctx, s.name, "NSPD_SECURITY_CACHE_ENTRIES="+s.cache)
		if err != nil {
			return run, err
		}
		if message == nil {
			if err := writeSTS(server.Server, p.dir); err != nil {
				return run, err
			}
			if message, err = fetching(ctx, server.epj); err != nil {
				return run, err
			}
		}
		addr := strings.TrimPrefix(server.URL, "http://")
		if paths[addr], err = server.fetched(ctx, pollPoints); err != nil {
			return run, err
		}
		r.servers = append(r.servers, contender{name: s.name, addr: addr, warm: warmTime})
	}
	for _, name := range []string{nasVerifyServer, nasVerifyCachedServer} {
		if err := r.start(name); err != nil {
			return run, err
		}
		paths[r.servers[len(r.servers)-1].addr] = []string{nasws.PathPullPoint}
	}
	if run.rates, err = r.run(func(addr string) func() request { return polls(addr, paths[addr], message) }); err != nil {
		return run, err
	}
	run.cpu = map[string]float64{}
	pids := map[string]int{checkServer: p.servers[0].PID()}
	for _, c := range r.servers {
		if c.cmd != nil {
			pids[c.name] = c.cmd.Process.Pid
		}
	}
	for _, c := range r.servers {
		pid, ok := pids[c.name]
		if !ok {
			continue
		}
		if run.cpu[c.name], err = processorTime(ctx, pid, c.addr, polls(c.addr, paths[c.addr], message)); err != nil {
			return run, err
		}
	}
	run.p50, run.p99, err = p.servers[0].wait(ctx)
	return run, err
}

// processorTime returns how much of a processor a call takes of the server, in seconds. It says more than the rate where a disk is slow.
func processorTime(ctx context.Context, pid int, addr string, client func() request) (float64, error) {
	before, err := ticks(pid)
	if err != nil {
		return 0, err
	}
	rate, err := load(ctx, addr, client, pollTime)
	if err != nil {
		return 0, err
	}
	after, err := ticks(pid)
	return (after - before) / (rate * pollTime.Seconds()), err
}

// ticks is the processor time that a process has used, in seconds.
func ticks(pid int) (seconds float64, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')'):]))
	for _, f := range fields[12:14] { // of user and system, in hundredths
		n, err := strconv.Atoi(f)
		if err != nil {
			return 0, err
		}
		seconds += float64(n) / 100
	}
	return seconds, nil
}

// polls has each client ask at a pull point of its own, where there are enough, with a MessageID of its own every time.
func polls(addr string, paths []string, message []byte) func() request {
	var clients atomic.Int64
	return func() request {
		own := postTo(addr, paths[int(clients.Add(1))%len(paths)], message)
		id := marked(own, messageMark)
		return func() []byte {
			copy(id[len(id)-10:], fmt.Appendf(nil, "%010d", rand.Int64N(1e10)))
			return own
		}
	}
}

// fetched makes n pull points that got a message.
func (s *nasServer) fetched(ctx context.Context, n int) (paths []string, err error) {
	for range n {
		path, err := s.pullPoint(ctx, nas.Filter{})
		if err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	log, done, err := s.log(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	if err := s.see(ctx, log, 1); err != nil {
		return nil, err
	}
	for _, path := range paths {
		for want := 1; want >= 0; want-- {
			got, err := s.at(path).GetMessages(ctx, nasQuota)
			if err != nil {
				return nil, err
			}
			if len(got.Messages) != want {
				return nil, fmt.Errorf("%d messages instead of %d", len(got.Messages), want)
			}
		}
	}
	return paths, nil
}

// see publishes n notifications and returns when they are there to be fetched: Kafka lets them be read a little after it told that they are
// committed.
func (s *nasServer) see(ctx context.Context, log ports.MessageLog, n int) error {
	message, err := notifyOf(s.topic, n)
	if err != nil {
		return err
	}
	end := func() (sum int64, err error) {
		bounds, err := log.Bounds(ctx, []messagelog.Topic{s.internal})
		for _, b := range bounds[s.internal] {
			sum += b.End
		}
		return sum, err
	}
	before, err := end()
	if err == nil {
		err = s.publish(ctx, message)
	}
	for err == nil {
		var now int64
		if now, err = end(); now-before >= int64(n) {
			break
		}
	}
	return err
}

// wait has one fetch after the other find 100 messages, and returns the middle and the longest of each hundred of them.
func (s *nasServer) wait(ctx context.Context) (p50, p99 float64, err error) {
	path, err := s.pullPoint(ctx, nas.Filter{})
	if err != nil {
		return 0, 0, err
	}
	log, done, err := s.log(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer done()
	message, err := fetching(ctx, s.epj)
	if err != nil {
		return 0, 0, err
	}
	id := marked(message, messageMark)
	var took []float64
	for i := range waits + waits/10 {
		if err := s.see(ctx, log, waiting); err != nil {
			return 0, 0, err
		}
		copy(id[len(id)-10:], fmt.Appendf(nil, "%010d", i))
		started := time.Now()
		n, err := s.count(ctx, path, message)
		if err != nil {
			return 0, 0, err
		}
		if n != waiting {
			return 0, 0, fmt.Errorf("%d messages instead of %d", n, waiting)
		}
		if i >= waits/10 { // it is warm
			took = append(took, time.Since(started).Seconds())
		}
	}
	slices.Sort(took)
	return took[len(took)/2], took[len(took)*99/100], nil
}

// count sends a message that fetches and returns how many messages the answer has.
func (s *nasServer) count(ctx context.Context, path string, message []byte) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+path, bytes.NewReader(message))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "text/xml; charset=utf-8")
	resp, err := s.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errStatus
	}
	return bytes.Count(answer, []byte("</wsnt:NotificationMessage>")), err
}

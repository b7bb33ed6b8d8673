package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/opennsp/nsp/adapters/auth/dgws/dgwstest"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
)

const (
	loadRounds = 16
	loadTime   = 300 * time.Millisecond // one server in one round
	warmTime   = 2 * time.Second        // every server before the first
	warmJDK    = 8 * time.Second        // until its compiler has settled
)

// javaServer is the server that runs on the JDK.
const javaServer = "jdk"

// overHTTP measures how many DGWS calls a second a server verifies and answers, with the load generator on the same machine, beside a server
// that does not look at the message and two that verify it with other software.
func overHTTP(ctx context.Context, _ options) []figure {
	figures := []figure{
		{name: "http", goal: goal{atLeast: 0.30}}, {name: "http/jdk", goal: goal{atLeast: 2}}, {name: "http/goxmldsig", goal: goal{atLeast: 7}},
		{name: "http/cached"},
	}
	fail := func(err error) []figure {
		for i := range figures {
			figures[i].err = err
		}
		return figures
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	r := race{ctx: ctx, dir: dir}
	defer r.stop()
	if err := r.prepare(); err != nil {
		return fail(err)
	}
	rates, err := r.run(func(addr string) func() request { return same(post(addr, r.message)) })
	if err != nil {
		return fail(err)
	}
	ours := rates[nspServer]
	for i, peer := range []string{echoServer, javaServer, otherServer, echoServer} {
		f := &figures[i]
		of := ours
		if f.name == "http/cached" {
			of = rates[nspCachedServer]
		}
		f.value, f.peer, f.ratio = callsPerSecond(of), peer+" "+callsPerSecond(rates[peer]), of/rates[peer]
		if peer == javaServer && r.noJava != nil {
			f.err, f.goal = r.noJava, goal{}
		}
	}
	return append(figures, figure{name: "http", picture: bars(rates, []string{echoServer, nspCachedServer, nspServer, javaServer, otherServer})})
}

func callsPerSecond(rate float64) string { return fmt.Sprintf("%.0f calls/s", rate) }

// bars draws a rate a line.
func bars(rates map[string]float64, order []string) string {
	const width = 60
	var b strings.Builder
	for _, name := range order {
		if rate, ok := rates[name]; ok {
			fmt.Fprintf(&b, "  %-12s %s %.0f\n", name, strings.Repeat("█", max(1, int(width*rate/rates[order[0]]+0.5))), rate)
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

// race is the servers that are compared, all of them running, one of them loaded at a time.
type race struct {
	ctx     context.Context
	dir     string
	message []byte
	servers []contender
	noJava  error // why there is no server on the JDK
}

type contender struct {
	name string
	addr string
	warm time.Duration
	cmd  *exec.Cmd // nil where another ends it
}

// prepare makes the message and starts the servers.
func (r *race) prepare() error {
	f, now := dgwstest.New(2048), time.Now()
	card := f.Sign(dgwstest.SystemCard(now.Add(-time.Minute)))
	entries := 1
	for len(r.message) < messageSize-len(entryXML(entries)) {
		r.message = dgwstest.Message(card, now, 3, "m-1", func(w *xmlout.Writer) { w.Raw(bulkXML(entries)) })
		entries++
	}
	if err := os.WriteFile(filepath.Join(r.dir, fileCertificate), f.Certificate, 0o600); err != nil {
		return err
	}
	if err := r.start(nspServer); err != nil {
		return err
	}
	answer, err := once(r.ctx, r.servers[0].addr, r.message)
	if err != nil {
		return fmt.Errorf("ask %s: %w: %s", nspServer, err, answer)
	}
	if err := os.WriteFile(filepath.Join(r.dir, fileAnswer), answer, 0o600); err != nil {
		return err
	}
	for _, name := range []string{echoServer, nspCachedServer, otherServer} {
		if err := r.start(name); err != nil {
			return err
		}
	}
	r.noJava = r.startJava()
	return r.check(bytes.Replace(r.message, []byte("TestEPJ"), []byte("TestEPK"), 1))
}

// check makes sure that all servers take the message and that those who verify it refuse another content.
func (r *race) check(changed []byte) error {
	for _, c := range r.servers {
		if _, err := once(r.ctx, c.addr, r.message); err != nil {
			return fmt.Errorf("ask %s: %w", c.name, err)
		}
		if _, err := once(r.ctx, c.addr, changed); !errors.Is(err, errStatus) && c.name != echoServer {
			return fmt.Errorf("%s took a message whose card was changed", c.name)
		}
	}
	return nil
}

// start starts one of our own servers.
func (r *race) start(name string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return r.listen(contender{name: name, warm: warmTime, cmd: exec.CommandContext(r.ctx, self, "-serve", name, "-dir", r.dir)})
}

// startJava starts the JDK's own HTTP server with its own XML signatures.
func (r *race) startJava() error {
	program, err := programs.ReadFile("testdata/HTTPServer.java")
	if err != nil {
		return err
	}
	file := filepath.Join(r.dir, "HTTPServer.java")
	if err := os.WriteFile(file, program, 0o600); err != nil {
		return err
	}
	// Without the property its answers wait for the client's acknowledgement.
	cmd := exec.CommandContext(r.ctx, "java", "-Dsun.net.httpserver.nodelay=true", file,
		filepath.Join(r.dir, fileCertificate), filepath.Join(r.dir, fileAnswer))
	return r.listen(contender{name: javaServer, warm: warmJDK, cmd: cmd})
}

// listen starts a server and reads the address that it prints.
func (r *race) listen(c contender) error {
	c.cmd.Stderr = os.Stderr
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.cmd.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	c.addr = strings.TrimSpace(line)
	r.servers = append(r.servers, c)
	if err != nil {
		return fmt.Errorf("start %s: %w", c.name, errNoServer)
	}
	return nil
}

// run returns the calls a second of each server, which clients send it: those of the best quarter of many short rounds, in which other programs
// took least of the machine.
func (r *race) run(clients func(addr string) func() request) (map[string]float64, error) {
	samples := map[string][]float64{}
	for _, c := range r.servers {
		if _, err := load(r.ctx, c.addr, clients(c.addr), c.warm); err != nil {
			return nil, fmt.Errorf("load %s: %w", c.name, err)
		}
	}
	for range loadRounds {
		for _, c := range r.servers {
			rate, err := load(r.ctx, c.addr, clients(c.addr), loadTime)
			if err != nil {
				return nil, fmt.Errorf("load %s: %w", c.name, err)
			}
			samples[c.name] = append(samples[c.name], rate)
		}
	}
	rates := map[string]float64{}
	for name, s := range samples {
		slices.Sort(s)
		rates[name] = s[len(s)*3/4]
	}
	return rates, nil
}

// stop ends the servers.
func (r *race) stop() {
	for _, c := range r.servers {
		if c.cmd != nil {
			_ = c.cmd.Process.Kill()
			_ = c.cmd.Wait()
		}
	}
}

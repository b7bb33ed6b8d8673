package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// loadClients is how many connections the load generator keeps busy.
const loadClients = 16

var errStatus = errors.New("answer other than 200")

// request returns what a client sends next; it is sent before the next call.
type request = func() []byte

// same sends one request over and over.
func same(message []byte) func() request {
	return func() request { return func() []byte { return message } }
}

// load sends requests for a while, those of one client after the other, on connections that stay open, and returns how many were answered with
// 200 in a second. It does no more with an answer than find its end: what it costs is not to be seen in the figures.
func load(ctx context.Context, addr string, client func() request, during time.Duration) (float64, error) {
	var answered atomic.Int64
	var clients sync.WaitGroup
	errs := make([]error, loadClients)
	started := time.Now()
	for i := range errs {
		clients.Go(func() {
			errs[i] = drive(ctx, addr, client(), started.Add(during), &answered)
		})
	}
	clients.Wait()
	return float64(answered.Load()) / time.Since(started).Seconds(), errors.Join(errs...)
}

func drive(ctx context.Context, addr string, next request, until time.Time, answered *atomic.Int64) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(until.Add(10 * time.Second))
	in := bufio.NewReaderSize(conn, 16<<10)
	for time.Now().Before(until) {
		if _, err := conn.Write(next()); err != nil {
			return err
		}
		if err := skipAnswer(in); err != nil {
			return err
		}
		answered.Add(1)
	}
	return nil
}

// skipAnswer reads one answer.
func skipAnswer(in *bufio.Reader) error {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return err
	}
	good := bytes.HasPrefix(line, []byte("HTTP/1.1 200"))
	length := -1
	for len(bytes.TrimSpace(line)) > 0 {
		if line, err = in.ReadSlice('\n'); err != nil {
			return err
		}
		if name, value, ok := bytes.Cut(line, []byte(":")); ok && bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return errors.New("answer without Content-Length")
	}
	if _, err := in.Discard(length); err != nil {
		return err
	}
	if !good {
		return errStatus
	}
	return nil
}

// post is an HTTP request with a message.
func post(addr string, message []byte) []byte { return postTo(addr, "/", message) }

func postTo(addr, path string, message []byte) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: text/xml; charset=utf-8\r\nSOAPAction: \"\"\r\nContent-Length: %d\r\n\r\n%s",
		path, addr, len(message), message)
}

// once sends one message and returns the body of the answer.
func once(ctx context.Context, addr string, message []byte) ([]byte, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	request := bytes.Replace(post(addr, message), []byte("\r\n"), []byte("\r\nConnection: close\r\n"), 1)
	if _, err := conn.Write(request); err != nil {
		return nil, err
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		return nil, err
	}
	head, body, _ := bytes.Cut(answer, []byte("\r\n\r\n"))
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 200")) {
		return body, errStatus
	}
	return body, nil
}

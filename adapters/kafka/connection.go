package kafka

import (
	"context"
	"net"
	"slices"
	"sync"

	"github.com/IBM/sarama"
)

// idleConnections is how many connections to one broker are kept for the next fetch.
const idleConnections = 16

// connection is one to a broker that carries one fetch at a time.
type connection struct {
	broker *sarama.Broker
	abort  context.CancelFunc // makes whoever waits on the connection go on, with an error
}

// close also waits for the goroutines of the connection.
func (c *connection) close() {
	c.abort()
	_ = c.broker.Close()
}

// connections are those for fetches, by address. A client's own connection would not do: a fetch that waits for records holds up whatever else
// is asked on it, and cannot be interrupted.
type connections struct {
	config *sarama.Config

	mu     sync.Mutex // guards what follows
	idle   map[string][]*connection
	closed bool
}

// get returns an idle connection to addr, or one that is being made.
func (p *connections) get(addr string) (*connection, error) {
	p.mu.Lock()
	if idle := p.idle[addr]; len(idle) > 0 {
		c := idle[len(idle)-1]
		p.idle[addr] = idle[:len(idle)-1]
		p.mu.Unlock()
		return c, nil
	}
	p.mu.Unlock()
	ctx, abort := context.WithCancel(context.Background())
	config := *p.config
	config.Net.Proxy.Enable = true
	config.Net.Proxy.Dialer = dialer{ctx, net.Dialer{Timeout: config.Net.DialTimeout, KeepAlive: config.Net.KeepAlive}}
	c := &connection{broker: sarama.NewBroker(addr), abort: abort}
	if err := c.broker.Open(&config); err != nil {
		abort()
		return nil, err
	}
	return c, nil
}

// put takes back a connection that works.
func (p *connections) put(c *connection) {
	p.mu.Lock()
	addr := c.broker.Addr()
	keep := !p.closed && len(p.idle[addr]) < idleConnections
	if keep {
		p.idle[addr] = append(p.idle[addr], c)
	}
	p.mu.Unlock()
	if !keep {
		c.close()
	}
}

// drop closes the idle connections to addr: where one has failed, the others are as old.
func (p *connections) drop(addr string) {
	p.mu.Lock()
	idle := p.idle[addr]
	delete(p.idle, addr)
	p.mu.Unlock()
	for _, c := range idle {
		c.close()
	}
}

func (p *connections) close() {
	p.mu.Lock()
	p.closed = true
	var all []*connection
	for _, idle := range p.idle {
		all = slices.Concat(all, idle)
	}
	clear(p.idle)
	p.mu.Unlock()
	for _, c := range all {
		c.close()
	}
}

// dialer makes connections that end with ctx.
type dialer struct {
	ctx context.Context
	net net.Dialer
}

// Dial is what sarama calls.
func (d dialer) Dial(network, addr string) (net.Conn, error) {
	c, err := d.net.DialContext(d.ctx, network, addr)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(d.ctx, func() { _ = c.Close() })
	return c, nil
}

// Package tcpproxy stands between a client and a server for tests of a network that fails.
package tcpproxy

import (
	"net"
	"sync"
)

// Proxy forwards connections to a server until it is told otherwise. It is safe for concurrent use.
type Proxy struct {
	target string
	addr   string

	mu       sync.Mutex
	listener net.Listener // nil = cut or closed
	stalled  bool
	conns    map[net.Conn]bool
	waiting  *sync.Cond // of mu: stalled has changed or connections were broken
	running  sync.WaitGroup
}

// New returns a proxy on a free port that forwards to target (host:port).
func New(target string) (*Proxy, error) { return Listen("127.0.0.1:0", target) }

// Listen is New with an address of the caller's.
func Listen(addr, target string) (*Proxy, error) {
	p := &Proxy{target: target, addr: addr, conns: map[net.Conn]bool{}}
	p.waiting = sync.NewCond(&p.mu)
	return p, p.Heal()
}

// Addr is what a client connects to.
func (p *Proxy) Addr() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.addr
}

// Cut breaks every connection and refuses new ones.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil {
		p.listener.Close()
		p.listener = nil
	}
	p.breakAll()
}

// Stall lets connections stand and takes new ones, but forwards nothing any more.
func (p *Proxy) Stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stalled = true
}

// Heal ends Cut and Stall: what was stalled goes on.
func (p *Proxy) Heal() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stalled = false
	p.waiting.Broadcast()
	if p.listener != nil {
		return nil
	}
	l, err := net.Listen("tcp", p.addr) //nolint:noctx // it is closed by Cut or Close
	if err != nil {
		return err
	}
	p.addr, p.listener = l.Addr().String(), l
	p.running.Add(1)
	go p.accept(l)
	return nil
}

// Close breaks everything and returns when no goroutine is left.
func (p *Proxy) Close() {
	p.Cut()
	p.running.Wait()
}

// breakAll ends every connection at once. The caller holds mu.
func (p *Proxy) breakAll() {
	for c := range p.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a reset, not an end in order
		}
		c.Close()
	}
	clear(p.conns)
	p.waiting.Broadcast()
}

func (p *Proxy) accept(l net.Listener) {
	defer p.running.Done()
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		if !p.keep(client, l) {
			return
		}
		p.running.Add(1)
		go p.serve(client, l)
	}
}

// keep notes a connection of listener l, or closes it where l was cut meanwhile.
func (p *Proxy) keep(c net.Conn, l net.Listener) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != l {
		c.Close()
		return false
	}
	p.conns[c] = true
	return true
}

func (p *Proxy) drop(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
	c.Close()
	p.waiting.Broadcast()
}

func (p *Proxy) serve(client net.Conn, l net.Listener) {
	defer p.running.Done()
	defer p.drop(client)
	if !p.open(client) {
		return
	}
	server, err := net.Dial("tcp", p.target) //nolint:noctx // it is closed by Cut or Close
	if err != nil || !p.keep(server, l) {
		return
	}
	defer p.drop(server)
	p.running.Add(1)
	go func() {
		defer p.running.Done()
		p.copy(server, client)
		p.drop(server)
		p.drop(client)
	}()
	p.copy(client, server)
}

// copy forwards until one side ends.
func (p *Proxy) copy(to, from net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if !p.open(from) {
				return
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return // or the end: no protocol of the tests closes one direction alone
		}
	}
}

// open waits while the proxy is stalled and tells whether the connection still stands.
func (p *Proxy) open(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.stalled && p.conns[c] {
		p.waiting.Wait()
	}
	return p.conns[c]
}

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/opennsp/nsp/adapters/soap/minlogws"
	"github.com/opennsp/nsp/adapters/soap/stsws"
	"github.com/opennsp/nsp/bootstrap"
)

type serveCommand struct{ sources }

// Run serves until the process is told to stop.
func (c serveCommand) Run(s streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	ctx, reload := watchSignals()
	opt := bootstrap.Options{Stdout: s.out, Stderr: s.err, Reload: reload}
	if cfg.Audit.Output != "stdout" {
		opt.Ready = func(at bootstrap.Started) { welcome(s.out, at) }
	}
	return bootstrap.Run(ctx, cfg, opt)
}

// watchSignals returns a context that ends with the first SIGTERM or SIGINT; the second one ends the process at once. SIGHUP asks for a reload.
func watchSignals() (context.Context, <-chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	ends := make(chan os.Signal, 2)
	signal.Notify(ends, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-ends
		cancel()
		<-ends
		os.Exit(bootstrap.ExitInterrupted)
	}()
	hangups, reload := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		for range hangups {
			reload <- struct{}{}
		}
	}()
	return ctx, reload
}

func scheme(tls bool) string {
	if tls {
		return "https://"
	}
	return "http://"
}

// welcome tells who started the server what to do with it.
func welcome(w io.Writer, at bootstrap.Started) {
	base := scheme(at.TLS) + at.Addr
	var b strings.Builder
	fmt.Fprintf(&b, "\nOpenNSP is ready at %s\n\n", base)
	fmt.Fprintf(&b, "  Register accesses   %s%s\n", base, minlogws.PathRegistration)
	fmt.Fprintf(&b, "  A citizen's log     %s%s\n", base, minlogws.PathCitizen)
	fmt.Fprintf(&b, "  Assistants' log     %s%s\n", base, minlogws.PathAssistants)
	if at.Federation != "" {
		fmt.Fprintf(&b, "  ID cards (STS)      %s%s\n", base, stsws.PathNew)
	}
	b.WriteString("  Contracts           ?wsdl behind each address\n")
	if at.Admin != "" {
		fmt.Fprintf(&b, "  Health, metrics     %s%s/readyz, /metrics\n", scheme(at.AdminTLS), at.Admin)
	}
	if at.Federation != "" {
		fmt.Fprintf(&b, "\nTEST FEDERATION: this server trusts sample keys in %s. It is for development only.\n", at.Federation)
		flags := ""
		if base != defaultServer {
			flags += " --server " + base
		}
		if at.Federation != defaultFederation {
			flags += " --federation " + at.Federation
		}
		fmt.Fprintf(&b, "\nThe first calls, from another terminal:\n\n  nspd call minlog register --as epj%s\n  nspd call minlog lookup --as laege%s\n", flags, flags)
	}
	b.WriteString("\nStop with Ctrl-C; a second one stops at once.\n\n")
	_, _ = io.WriteString(w, b.String()) // nobody has to read it
}

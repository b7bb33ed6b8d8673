package bootstrap

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/opennsp/nsp/adapters/auth/trust"
)

// reloading reads again what may change under a running server. Files that cannot be used replace nothing. Safe for concurrent use.
type reloading struct {
	trust     *trust.Source
	signer    *trust.Signer // our own keys
	now       func() time.Time
	listeners []*tlsListener
	reopen    func() error // opens the audit log anew; nil = there is none to open
	log       *slog.Logger

	mu   sync.Mutex
	told map[string]string // what was logged last, by what it is about; "" = all is well
}

const trustFailed = "trust files cannot be read; what was trusted before stays"

// run looks for changes at each tick; when asked it opens the audit log anew too. It ends with ctx.
func (r *reloading) run(ctx context.Context, tick <-chan time.Time, asked <-chan struct{}) {
	for {
		select {
		case <-tick:
		case <-asked:
			if r.reopen != nil {
				if err := r.reopen(); err != nil {
					r.log.ErrorContext(ctx, "audit log cannot be opened anew", "error", err)
				}
			}
		case <-ctx.Done():
			return
		}
		_ = r.readTrust(ctx) // it is logged, and the alarm tells of it
		for _, l := range r.listeners {
			changed, err := l.reload()
			r.tell(ctx, l.name, "TLS files cannot be used; those before stay", err)
			if changed {
				r.log.InfoContext(ctx, "new TLS files are in use", "listener", l.name, "ends", l.ends())
			}
		}
	}
}

// readTrust reads the trust files again.
func (r *reloading) readTrust(ctx context.Context) error {
	err := r.trust.Reload(ctx)
	r.tell(ctx, trustFailed, trustFailed, err)
	return err
}

// tell logs err once, until it is another.
func (r *reloading) tell(ctx context.Context, about, text string, err error) {
	now := ""
	if err != nil {
		now = err.Error()
	}
	r.mu.Lock()
	if r.told == nil {
		r.told = map[string]string{}
	}
	before := r.told[about]
	r.told[about] = now
	r.mu.Unlock()
	if now != "" && now != before {
		r.log.ErrorContext(ctx, text, "error", err)
	}
}

// warnings is a telemetry.Alarm: it tells of files that cannot be used, and of keys that end within two weeks.
func (r *reloading) warnings(ctx context.Context) ([]string, error) {
	var lines []string
	if since, err := r.trust.Status(); err != nil {
		lines = append(lines, trustFailed+" (since "+since.UTC().Format(time.RFC3339)+")")
	}
	for _, l := range r.listeners {
		lines = append(lines, l.warnings()...)
	}
	set, err := r.trust.Trust(ctx)
	if err != nil {
		return lines, err
	}
	now := r.now()
	for _, e := range slices.Concat(trust.Endings(set, now, renewWithin), r.signer.Endings(now, renewWithin)) {
		lines = append(lines, e.String())
	}
	return lines, nil
}

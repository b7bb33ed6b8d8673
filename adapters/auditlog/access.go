package auditlog

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/opennsp/nsp/domain/audit"
)

// accessQueue is how many access lines may wait; the next ones are dropped and counted.
const accessQueue = 10_000

// AccessOptions say where and how the access log is written.
type AccessOptions struct {
	Dir      string    // of access.<instance>.log; made (0700) if absent
	Instance string    // of the file name
	Stream   io.Writer // written to instead of a file, if not nil
	Category string    // such as audit.AccessCategory
	Limit    int       // lines of a batch
	Delay    time.Duration
	MaxSize  int64 // bytes at which the file is rotated
	Now      func() time.Time
	Log      *slog.Logger
}

// Access is the access log: one line a call, without personal data, written in batches. It never fails a call: what cannot be written is
// dropped and counted. Safe for concurrent use.
type Access struct {
	opt     AccessOptions
	file    logFile
	queue   chan []byte
	stop    chan struct{}
	stopped chan struct{}
	closing sync.Once
	dropped atomic.Int64
}

// OpenAccess opens the access log.
func OpenAccess(opt AccessOptions) (*Access, error) { return openAccess(opt, realDisk()) }

func openAccess(opt AccessOptions, d disk) (*Access, error) {
	a := &Access{
		opt:   opt,
		file:  logFile{dir: opt.Dir, name: "access." + opt.Instance, maxSize: opt.MaxSize, log: opt.Log, disk: d},
		queue: make(chan []byte, accessQueue), stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	if opt.Stream == nil {
		if err := os.MkdirAll(opt.Dir, 0o700); err != nil {
			return nil, fmt.Errorf("make log directory: %w", err)
		}
		if err := a.file.open(opt.Now()); err != nil {
			return nil, err
		}
	}
	go a.run()
	return a, nil
}

// Log hands in the line of e without its personal data and without what was said in the audit log. It never blocks.
func (a *Access) Log(e audit.Entry) {
	e.Access = audit.Redact(e.Access)
	line := appendAccessLine(make([]byte, 0, 1024), a.opt.Now(), a.opt.Category, threadID(e.Access.CallID), e)
	select {
	case a.queue <- append(line, '\n'):
	default:
		a.dropped.Add(1)
	}
}

// Dropped returns how many lines were lost since the start.
func (a *Access) Dropped() int64 { return a.dropped.Load() }

// Close writes the lines that wait. Lines logged afterwards are lost.
func (a *Access) Close() error {
	a.closing.Do(func() { close(a.stop) })
	<-a.stopped
	return nil
}

func (a *Access) run() {
	defer close(a.stopped)
	defer a.file.close()
	tick := time.NewTicker(a.opt.Delay)
	defer tick.Stop()
	var batch []byte
	lines := 0
	flush := func() {
		if lines > 0 {
			a.write(batch, lines)
		}
		batch, lines = batch[:0], 0
	}
	add := func(line []byte) {
		batch = append(batch, line...)
		if lines++; lines >= a.opt.Limit {
			flush()
		}
	}
	for {
		select {
		case line := <-a.queue:
			add(line)
		case <-tick.C:
			flush()
		case <-a.stop:
			for len(a.queue) > 0 {
				add(<-a.queue)
			}
			flush()
			return
		}
	}
}

// write writes a batch; it is never synced.
func (a *Access) write(batch []byte, lines int) {
	err := a.put(batch)
	if err != nil {
		a.dropped.Add(int64(lines))
		a.opt.Log.Error("access lines dropped", "lines", lines, "error", err)
	}
}

func (a *Access) put(batch []byte) error {
	if a.opt.Stream != nil {
		_, err := a.opt.Stream.Write(batch)
		return err
	}
	now := a.opt.Now()
	if err := a.file.check(now); err != nil {
		return err
	}
	if err := a.file.rotateByDay(now); err != nil {
		return err
	}
	if !a.file.fits(len(batch)) {
		if err := a.file.rotate(now); err != nil {
			return err
		}
	}
	return a.file.append(batch)
}

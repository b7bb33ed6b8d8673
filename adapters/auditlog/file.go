package auditlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/ports"
)

// Sync is when lines are made durable.
type Sync uint8

// The ways: Group lets the lines that arrive during one sync share the next, Each syncs after every line, None leaves it to the operating
// system (development only: a line may be lost with the power).
const (
	Group Sync = iota
	Each
	None
)

// maxGroup is how many lines share a sync.
const maxGroup = 256

// checkInterval is how often the directory and its free space are looked at.
const checkInterval = time.Second

var (
	// ErrLocked: another process writes the log of this instance.
	ErrLocked = errors.New("the log is in use by another process")
	// ErrClosed: the log was closed.
	ErrClosed = errors.New("the log is closed")

	errSlow = errors.New("the log did not take the line in time")
)

// FileOptions say where and how the log is written.
type FileOptions struct {
	Dir           string // made (0700) if absent
	Instance      string // of the file name audit.<instance>.log
	Format        Format
	Sync          Sync
	AppendTimeout time.Duration // how long Append waits for its line
	MaxSize       int64         // bytes at which the file is rotated
	MinFree       int64         // bytes of free space below which the log is not ready
	Now           func() time.Time
	Log           *slog.Logger
}

// File is the audit log in files: one goroutine writes the lines of all callers and syncs them in groups. A file is rotated at its size and
// at midnight in Copenhagen, never deleted. Safe for concurrent use.
type File struct {
	opt     FileOptions
	file    logFile
	lock    *os.File
	queue   chan *pending
	checks  chan struct{}
	reopens chan chan error
	stop    chan struct{}
	stopped chan struct{}
	closing sync.Once
	broken  atomic.Pointer[error] // why the log is not ready, nil when it is
	free    atomic.Int64
	pool    sync.Pool
}

var _ ports.AuditLog = (*File)(nil)

// pending is one line on its way; done takes one answer.
type pending struct {
	line []byte
	done chan error
}

// OpenFile opens the log, alone: ErrLocked if another process has it. A directory that cannot be written is an error; one that stops being
// so later makes the log not ready until it can be written again.
func OpenFile(opt FileOptions) (*File, error) { return openFile(opt, realDisk()) }

func openFile(opt FileOptions, d disk) (*File, error) {
	if err := os.MkdirAll(opt.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make log directory: %w", err)
	}
	name := "audit." + opt.Instance
	lock, err := lockFile(filepath.Join(opt.Dir, name+".lock"))
	if err != nil {
		return nil, err
	}
	l := &File{
		opt:  opt,
		file: logFile{dir: opt.Dir, name: name, maxSize: opt.MaxSize, log: opt.Log, disk: d},
		lock: lock, queue: make(chan *pending, maxGroup), checks: make(chan struct{}, 1), reopens: make(chan chan error),
		stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	l.pool.New = func() any { return &pending{done: make(chan error, 1)} }
	if err := l.file.open(opt.Now()); err != nil {
		lock.Close()
		return nil, err
	}
	l.check()
	go l.run()
	return l, nil
}

// lockFile takes the lock that belongs to the name and not to the file, which rotation renames.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock log: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrLocked
		}
		return nil, fmt.Errorf("lock log %s: %w", path, err)
	}
	return f, nil
}

// Ready answers from memory. While the log is not ready each question has the directory looked at again, so that the call after the repair
// is served.
func (l *File) Ready(context.Context) error {
	err := l.broken.Load()
	if err == nil {
		return nil
	}
	select {
	case l.checks <- struct{}{}:
	default:
	}
	return *err
}

// Free returns the free bytes of the log's file system as last seen.
func (l *File) Free() int64 { return l.free.Load() }

// Append writes e and returns when its line is durable, an error when it is not so within the time allowed.
func (l *File) Append(ctx context.Context, e audit.Entry) error {
	ctx, cancel := context.WithTimeoutCause(ctx, l.opt.AppendTimeout, errSlow)
	defer cancel()
	p := l.pool.Get().(*pending)
	p.line = appendRest(p.line[:0], l.opt.Format.line(e), l.opt.Format.MaxValues)
	select {
	case l.queue <- p:
	case <-ctx.Done():
		return l.late(ctx)
	case <-l.stopped:
		return ErrClosed
	}
	select {
	case err := <-p.done:
		l.pool.Put(p)
		return err
	case <-ctx.Done(): // p stays with the writer
		return l.late(ctx)
	case <-l.stopped:
		select {
		case err := <-p.done:
			return err
		default:
			return ErrClosed
		}
	}
}

func (l *File) late(ctx context.Context) error {
	err := context.Cause(ctx)
	if errors.Is(err, errSlow) {
		l.broken.CompareAndSwap(nil, &err)
	}
	return err
}

// Reopen closes the file and opens it again by its name, for a tool that moved it away.
func (l *File) Reopen() error {
	answer := make(chan error, 1)
	select {
	case l.reopens <- answer:
		return <-answer
	case <-l.stopped:
		return ErrClosed
	}
}

// Close writes what was handed in, syncs, and releases the lock. Append afterwards is ErrClosed.
func (l *File) Close() error {
	l.closing.Do(func() { close(l.stop) })
	<-l.stopped
	return nil
}

func (l *File) run() {
	defer close(l.stopped)
	defer l.lock.Close()
	defer l.file.close()
	tick := time.NewTicker(checkInterval)
	defer tick.Stop()
	var group []*pending
	var buf []byte
	for {
		select {
		case p := <-l.queue:
			group = l.collect(append(group[:0], p))
			buf = l.write(group, buf)
		case <-l.checks:
			l.check()
		case <-tick.C:
			l.check()
		case answer := <-l.reopens:
			l.file.close()
			l.check()
			answer <- l.Ready(context.Background())
		case <-l.stop:
			for group = l.collect(group[:0]); len(group) > 0; group = l.collect(group[:0]) {
				buf = l.write(group, buf)
			}
			return
		}
	}
}

// collect adds the lines that wait.
func (l *File) collect(group []*pending) []*pending {
	for len(group) < maxGroup {
		select {
		case p := <-l.queue:
			group = append(group, p)
		default:
			return group
		}
	}
	return group
}

// write makes the group durable, in as many steps as files and syncs it takes, and answers each line. After an error the rest of the group
// is refused. It returns buf for the next time.
func (l *File) write(group []*pending, buf []byte) []byte {
	for len(group) > 0 {
		var n int
		var err error
		n, buf, err = l.step(group, buf[:0])
		if err != nil {
			n = len(group)
			l.fail(err)
		} else if l.broken.Load() != nil {
			l.check()
		}
		for _, p := range group[:n] {
			p.done <- err
		}
		group = group[n:]
	}
	return buf
}

// step writes the first n lines of the group, those that one file and one sync take.
func (l *File) step(group []*pending, buf []byte) (n int, _ []byte, err error) {
	now := l.opt.Now()
	if err := l.file.open(now); err != nil {
		return 0, buf, err
	}
	if err := l.file.rotateByDay(now); err != nil {
		return 0, buf, err
	}
	for n < len(group) && (n == 0 || l.opt.Sync != Each) {
		end := len(buf)
		buf = appendHead(buf, now)
		buf = append(append(buf, group[n].line...), '\n')
		if !l.file.fits(len(buf)) {
			if n > 0 {
				buf = buf[:end]
				break
			}
			if err := l.file.rotate(now); err != nil {
				return 0, buf, err
			}
		}
		n++
	}
	if err := l.file.append(buf); err != nil {
		return 0, buf, err
	}
	if l.opt.Sync != None {
		err = l.file.sync()
	}
	return n, buf, err
}

// check looks at file, directory and free space, and remembers whether the log is ready.
func (l *File) check() {
	now := l.opt.Now()
	err := l.file.check(now)
	if err == nil {
		err = l.file.rotateByDay(now)
	}
	if err == nil {
		var free int64
		free, err = l.file.disk.free(l.opt.Dir)
		l.free.Store(free)
		if err == nil && free < l.opt.MinFree {
			err = fmt.Errorf("log directory %s: less than %d bytes free", l.opt.Dir, l.opt.MinFree)
		}
	}
	if err != nil {
		l.fail(err)
	} else if l.broken.Swap(nil) != nil {
		l.opt.Log.Info("audit log can be written again")
	}
}

// fail remembers why the log is not ready and reports the first cause.
func (l *File) fail(err error) {
	if l.broken.Swap(&err) == nil {
		l.opt.Log.Error("audit log cannot be written", "error", err)
	}
}

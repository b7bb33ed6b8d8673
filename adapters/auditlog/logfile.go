package auditlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/opennsp/nsp/domain/calendar"
)

// logFile is one append-only file of lines, with its rotation. Only one goroutine uses it.
type logFile struct {
	dir     string
	name    string // file name without ".log"
	maxSize int64
	log     *slog.Logger
	disk    disk

	f    *os.File // nil while it could not be opened
	size int64
	day  calendar.Day // Copenhagen day of the lines in f
}

// disk is what the log asks of the operating system, so that a test can let it fail.
type disk struct {
	write func(*os.File, []byte) (int, error)
	sync  func(*os.File) error
	free  func(dir string) (int64, error)
}

func realDisk() disk {
	return disk{write: (*os.File).Write, sync: (*os.File).Sync, free: freeSpace}
}

// freeSpace returns the bytes that an ordinary process may still write to the file system of dir.
func freeSpace(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", dir, err)
	}
	return int64(s.Bavail) * s.Bsize, nil
}

func (l *logFile) path() string { return filepath.Join(l.dir, l.name+".log") }

// open opens the file for appending, unless it is open. An unfinished last line, which no answered call has written, is moved to <name>.torn.
func (l *logFile) open(now time.Time) error {
	if l.f != nil {
		return nil
	}
	f, err := os.OpenFile(l.path(), os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	l.f = f
	if err := l.prepare(now); err != nil {
		l.close()
		return fmt.Errorf("open log %s: %w", l.path(), err)
	}
	return nil
}

func (l *logFile) prepare(now time.Time) error {
	if err := l.f.Chmod(0o600); err != nil {
		return err
	}
	info, err := l.f.Stat()
	if err != nil {
		return err
	}
	l.size, l.day = info.Size(), calendar.DayOf(now)
	if l.size == 0 {
		return l.syncDir()
	}
	l.day = calendar.DayOf(info.ModTime())
	return l.moveTorn()
}

// moveTorn moves what stands after the last line break.
func (l *logFile) moveTorn() error {
	whole, err := lastBreak(l.f, l.size)
	if err != nil || whole == l.size {
		return err
	}
	torn := filepath.Join(l.dir, l.name+".torn")
	out, err := os.OpenFile(torn, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := io.Copy(out, io.NewSectionReader(l.f, whole, l.size-whole)); err != nil {
		return err
	}
	if _, err := out.Write([]byte{'\n'}); err != nil {
		return err
	}
	if err := out.Sync(); err != nil {
		return err
	}
	l.log.Warn("unfinished last line of the log moved", "file", torn, "bytes", l.size-whole)
	if err := l.f.Truncate(whole); err != nil {
		return err
	}
	l.size = whole
	if err := l.f.Sync(); err != nil {
		return err
	}
	return l.syncDir()
}

// lastBreak returns the offset after the last line break of f, 0 if there is none.
func lastBreak(f io.ReaderAt, size int64) (int64, error) {
	var block [64 << 10]byte
	for end := size; end > 0; {
		start := max(0, end-int64(len(block)))
		b := block[:end-start]
		if _, err := f.ReadAt(b, start); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
			return start + int64(i) + 1, nil
		}
		end = start
	}
	return 0, nil
}

// fits tells whether n more bytes belong in this file.
func (l *logFile) fits(n int) bool { return l.size+int64(n) <= l.maxSize }

// rotate closes the file under its final name and opens the next. A file without lines stays, and takes a line of any length.
func (l *logFile) rotate(now time.Time) error {
	if l.f == nil || l.size == 0 {
		l.day = calendar.DayOf(now)
		return l.open(now)
	}
	if err := l.disk.sync(l.f); err != nil {
		l.close()
		return fmt.Errorf("rotate log: %w", err)
	}
	for n := 1; ; n++ {
		to := filepath.Join(l.dir, fmt.Sprintf("%s-%s-%03d.log", l.name, now.UTC().Format("20060102T150405Z"), n))
		if _, err := os.Lstat(to); err == nil {
			continue
		} else if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("rotate log: %w", err)
		}
		if err := os.Rename(l.path(), to); err != nil {
			return fmt.Errorf("rotate log: %w", err)
		}
		break
	}
	l.close()
	return l.open(now) // also makes the new name durable
}

// rotateByDay rotates a file whose lines are of an earlier day.
func (l *logFile) rotateByDay(now time.Time) error {
	if l.f == nil || l.day == calendar.DayOf(now) {
		return nil
	}
	return l.rotate(now)
}

// append writes whole lines, all of them or none. After an error that leaves it open how much was written, the file is closed, and opening
// it again repairs it.
func (l *logFile) append(lines []byte) error {
	n, err := l.disk.write(l.f, lines)
	if err == nil {
		l.size += int64(n)
		return nil
	}
	if n > 0 && l.f.Truncate(l.size) != nil {
		l.close()
	}
	return fmt.Errorf("write log: %w", err)
}

// sync makes what was appended durable. After an error nothing is known of the pages, so the file is opened anew.
func (l *logFile) sync() error {
	if err := l.disk.sync(l.f); err != nil {
		l.close()
		return fmt.Errorf("sync log: %w", err)
	}
	return nil
}

// check tells whether lines can be expected to be written, and opens the file anew where it was moved away or could not be opened.
func (l *logFile) check(now time.Time) error {
	if l.f != nil {
		there, err := os.Stat(l.path())
		here, errHere := l.f.Stat()
		if err != nil || errHere != nil || !os.SameFile(there, here) {
			l.close()
		}
	}
	if err := l.open(now); err != nil {
		return err
	}
	if err := syscall.Access(l.dir, 0x2|0x1); err != nil { // W_OK, X_OK: rotation needs both
		return fmt.Errorf("log directory %s: %w", l.dir, err)
	}
	return nil
}

func (l *logFile) close() {
	if l.f != nil {
		l.f.Close()
		l.f = nil
	}
}

func (l *logFile) syncDir() error {
	d, err := os.Open(l.dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

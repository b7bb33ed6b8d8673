package auditlog

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/opennsp/nsp/domain/audit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noon is the time of the tests' clock.
var noon = time.Date(2026, 11, 21, 11, 0, 0, 0, time.UTC)

func fileOptions(dir string) FileOptions {
	return FileOptions{Dir: dir, Instance: "test", Format: Format{CategoryPrefix: audit.CategoryPrefix, CategorySuffix: true, MaxValues: 1000},
		AppendTimeout: 5 * time.Second, MaxSize: 100 << 20, Now: func() time.Time { return noon }, Log: slog.New(slog.DiscardHandler)}
}

func entry(call string) audit.Entry {
	e := audit.Entry{Route: "MinLog2", Access: audit.Access{CallID: call, Arrived: noon, Method: "POST", Code: 200}}
	e.Notes.Add("MinLog2", "RegistrationRequest", audit.Information{Key: "NumberAdded", Class: audit.NPI, Value: "1"})
	return e
}

// lines returns the thread ids of the lines in all files named pattern, in the order of the file names.
func lines(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	require.NoError(t, err)
	var ids []string
	for _, name := range files {
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		s := bufio.NewScanner(bytes.NewReader(b))
		for s.Scan() {
			l, err := ParseLine(s.Bytes())
			require.NoError(t, err, "%s: %s", name, s.Text())
			ids = append(ids, l.ThreadID)
		}
	}
	return ids
}

func open(t *testing.T, opt FileOptions, d disk) *File {
	t.Helper()
	l, err := openFile(opt, d)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

func TestAppend(t *testing.T) {
	for _, mode := range []Sync{Group, Each, None} {
		t.Run(fmt.Sprint("every mode writes the line: ", mode), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "logs")
			opt := fileOptions(dir)
			opt.Sync = mode
			l := open(t, opt, realDisk())
			require.NoError(t, l.Ready(t.Context()))
			require.NoError(t, l.Append(t.Context(), entry("1")))
			assert.Equal(t, []string{"call-1"}, lines(t, dir+"/audit.test.log"))
			info, err := os.Stat(dir + "/audit.test.log")
			require.NoError(t, err)
			assert.Equal(t, os.FileMode(0o600), info.Mode())
		})
	}
	t.Run("after close", func(t *testing.T) {
		l := open(t, fileOptions(t.TempDir()), realDisk())
		require.NoError(t, l.Close())
		assert.ErrorIs(t, l.Append(t.Context(), entry("1")), ErrClosed)
		assert.ErrorIs(t, l.Reopen(), ErrClosed)
	})
}

// TestGroupSync shows that no line is answered before a sync that began after its write, and that lines which arrive during a sync share
// the next one.
func TestGroupSync(t *testing.T) {
	var syncs atomic.Int64
	started, release := make(chan struct{}), make(chan struct{})
	d := realDisk()
	d.sync = func(f *os.File) error {
		if syncs.Add(1) == 1 {
			close(started)
			<-release
		}
		return f.Sync()
	}
	l := open(t, fileOptions(t.TempDir()), d)
	var wg sync.WaitGroup
	appendOne := func(i int) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			assert.NoError(t, l.Append(t.Context(), entry(fmt.Sprint(i))))
		}()
	}
	appendOne(0)
	<-started
	for i := range 100 {
		appendOne(i + 1)
	}
	require.Eventually(t, func() bool { return len(l.queue) == 100 }, time.Minute, time.Millisecond)
	close(release)
	wg.Wait()
	assert.Equal(t, int64(2), syncs.Load())
}

func TestAppendFails(t *testing.T) {
	t.Run("OC-07 a write that fails leaves no line and is told", func(t *testing.T) {
		dir := t.TempDir()
		d := realDisk()
		fails := false
		d.write = func(f *os.File, b []byte) (int, error) {
			if fails {
				n, _ := f.Write(b[:len(b)/2])
				return n, syscall.ENOSPC
			}
			return f.Write(b)
		}
		l := open(t, fileOptions(dir), d)
		require.NoError(t, l.Append(t.Context(), entry("1")))
		fails = true
		require.ErrorIs(t, l.Append(t.Context(), entry("2")), syscall.ENOSPC)
		require.ErrorIs(t, l.Ready(t.Context()), syscall.ENOSPC)
		fails = false
		require.NoError(t, l.Append(t.Context(), entry("3")))
		assert.NoError(t, l.Ready(t.Context()))
		assert.Equal(t, []string{"call-1", "call-3"}, lines(t, dir+"/audit.test.log"))
	})
	t.Run("OC-07 a sync that fails is told", func(t *testing.T) {
		d := realDisk()
		fails := true
		d.sync = func(f *os.File) error {
			if fails {
				return syscall.EIO
			}
			return f.Sync()
		}
		l := open(t, fileOptions(t.TempDir()), d)
		require.ErrorIs(t, l.Append(t.Context(), entry("1")), syscall.EIO)
		fails = false
		require.NoError(t, l.Append(t.Context(), entry("2")))
	})
	t.Run("OC-07 a line that takes too long is told, and the log is not ready until the disk answers", func(t *testing.T) {
		release := make(chan struct{})
		d := realDisk()
		d.sync = func(f *os.File) error { <-release; return f.Sync() }
		opt := fileOptions(t.TempDir())
		opt.AppendTimeout = time.Millisecond
		l := open(t, opt, d)
		require.ErrorIs(t, l.Append(t.Context(), entry("1")), errSlow)
		require.ErrorIs(t, l.Ready(t.Context()), errSlow)
		close(release)
		require.Eventually(t, func() bool { return l.Ready(t.Context()) == nil }, time.Minute, time.Millisecond)
	})
	t.Run("OC-07 a caller that gives up is told", func(t *testing.T) {
		release := make(chan struct{})
		d := realDisk()
		d.sync = func(f *os.File) error { <-release; return f.Sync() }
		l := open(t, fileOptions(t.TempDir()), d)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, l.Append(ctx, entry("1")), context.Canceled)
		require.NoError(t, l.Ready(t.Context()))
		close(release)
	})
}

func TestReady(t *testing.T) {
	t.Run("OC-10 free space below the minimum", func(t *testing.T) {
		var free atomic.Int64
		free.Store(99)
		d := realDisk()
		d.free = func(string) (int64, error) { return free.Load(), nil }
		opt := fileOptions(t.TempDir())
		opt.MinFree = 100
		l := open(t, opt, d)
		require.Error(t, l.Ready(t.Context()))
		assert.Equal(t, int64(99), l.Free())
		free.Store(100)
		require.Eventually(t, func() bool { return l.Ready(t.Context()) == nil }, time.Minute, time.Millisecond)
	})
	t.Run("OC-10 the real free space", func(t *testing.T) {
		opt := fileOptions(t.TempDir())
		opt.MinFree = 1 << 62
		l := open(t, opt, realDisk())
		require.Error(t, l.Ready(t.Context()))
		assert.Positive(t, l.Free())
	})
	t.Run("directory gone and back", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "logs")
		l := open(t, fileOptions(dir), realDisk())
		require.NoError(t, l.Append(t.Context(), entry("1")))
		require.NoError(t, os.Rename(dir, dir+"2"))
		require.Eventually(t, func() bool { return l.Ready(t.Context()) != nil }, time.Minute, time.Millisecond)
		require.Error(t, l.Append(t.Context(), entry("2")))
		require.NoError(t, os.Rename(dir+"2", dir))
		require.Eventually(t, func() bool { return l.Ready(t.Context()) == nil }, time.Minute, time.Millisecond)
		require.NoError(t, l.Append(t.Context(), entry("3")))
		assert.Equal(t, []string{"call-1", "call-3"}, lines(t, dir+"/audit.test*.log"))
	})
	t.Run("directory cannot be made", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		_, err := OpenFile(fileOptions(filepath.Join(file, "logs")))
		require.Error(t, err)
	})
}

func TestTornLine(t *testing.T) {
	for _, c := range []struct{ name, content, kept, torn string }{
		{"OC-11 unfinished last line moved", "{}\n{\"half", "{}\n", "{\"half\n"},
		{"OC-11 unfinished only line moved", "{\"half", "", "{\"half\n"},
		{"OC-11 unfinished line longer than a block", "{}\n" + strings.Repeat("x", 200<<10), "{}\n", strings.Repeat("x", 200<<10) + "\n"},
		{"OC-11 whole lines stay", "{}\n{}\n", "{}\n{}\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(dir+"/audit.test.log", []byte(c.content), 0o600))
			require.NoError(t, os.Chtimes(dir+"/audit.test.log", noon, noon))
			var report bytes.Buffer
			opt := fileOptions(dir)
			opt.Log = slog.New(slog.NewJSONHandler(&report, nil))
			l := open(t, opt, realDisk())
			require.NoError(t, l.Append(t.Context(), entry("1")))
			got, err := os.ReadFile(dir + "/audit.test.log")
			require.NoError(t, err)
			rest, ok := strings.CutPrefix(string(got), c.kept)
			require.True(t, ok)
			assert.True(t, json.Valid([]byte(rest)))
			torn, err := os.ReadFile(dir + "/audit.test.torn")
			if c.torn == "" {
				require.ErrorIs(t, err, os.ErrNotExist)
				assert.Empty(t, report.String())
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.torn, string(torn))
			assert.Contains(t, report.String(), "unfinished last line")
			assert.NotContains(t, report.String(), "half")
		})
	}
}

func TestRotation(t *testing.T) {
	t.Run("OC-12 500 lines at once, rotated at 64 KiB", func(t *testing.T) {
		dir := t.TempDir()
		opt := fileOptions(dir)
		opt.MaxSize = 64 << 10
		l := open(t, opt, realDisk())
		var wg sync.WaitGroup
		want := make(map[string]bool)
		for i := range 500 {
			id := fmt.Sprintf("%016x", i)
			want["call-"+id] = true
			wg.Add(1)
			go func() {
				defer wg.Done()
				assert.NoError(t, l.Append(t.Context(), entry(id)))
			}()
		}
		wg.Wait()
		got := lines(t, dir+"/audit.test*.log")
		require.Len(t, got, 500)
		for _, id := range got {
			assert.True(t, want[id], "line %s twice", id)
			delete(want, id)
		}
		assert.Empty(t, want)
		files, err := filepath.Glob(dir + "/audit.test-20261121T110000Z-*.log")
		require.NoError(t, err)
		assert.NotEmpty(t, files)
		for _, f := range files {
			info, err := os.Stat(f)
			require.NoError(t, err)
			assert.LessOrEqual(t, info.Size(), int64(64<<10), f)
		}
	})
	t.Run("at midnight in Copenhagen", func(t *testing.T) {
		dir := t.TempDir()
		var now atomic.Pointer[time.Time]
		at := time.Date(2026, 11, 21, 22, 59, 59, 0, time.UTC) // 23:59:59 in Copenhagen
		now.Store(&at)
		opt := fileOptions(dir)
		opt.Now = func() time.Time { return *now.Load() }
		l := open(t, opt, realDisk())
		require.NoError(t, l.Append(t.Context(), entry("1")))
		next := at.Add(time.Second)
		now.Store(&next)
		require.NoError(t, l.Append(t.Context(), entry("2")))
		assert.Equal(t, []string{"call-1"}, lines(t, dir+"/audit.test-20261121T230000Z-001.log"))
		assert.Equal(t, []string{"call-2"}, lines(t, dir+"/audit.test.log"))
	})
	t.Run("a line longer than the file may be", func(t *testing.T) {
		dir := t.TempDir()
		opt := fileOptions(dir)
		opt.MaxSize = 10
		l := open(t, opt, realDisk())
		for i := range 3 {
			require.NoError(t, l.Append(t.Context(), entry(fmt.Sprint(i))))
		}
		files, err := filepath.Glob(dir + "/audit.test*.log")
		require.NoError(t, err)
		assert.Len(t, files, 3)
	})
	t.Run("reopened after another tool moved it", func(t *testing.T) {
		dir := t.TempDir()
		l := open(t, fileOptions(dir), realDisk())
		require.NoError(t, l.Append(t.Context(), entry("1")))
		require.NoError(t, os.Rename(dir+"/audit.test.log", dir+"/moved"))
		require.NoError(t, l.Reopen())
		require.NoError(t, l.Append(t.Context(), entry("2")))
		assert.Equal(t, []string{"call-1"}, lines(t, dir+"/moved"))
		assert.Equal(t, []string{"call-2"}, lines(t, dir+"/audit.test.log"))
	})
}

func TestLock(t *testing.T) {
	t.Run("OC-13 second log of the same directory", func(t *testing.T) {
		dir := t.TempDir()
		l := open(t, fileOptions(dir), realDisk())
		_, err := OpenFile(fileOptions(dir))
		require.ErrorIs(t, err, ErrLocked)
		require.NoError(t, l.Append(t.Context(), entry("1")), "the first is unharmed")
		require.NoError(t, l.Close())
		open(t, fileOptions(dir), realDisk())
	})
	t.Run("OC-13 the lock survives rotation", func(t *testing.T) {
		opt := fileOptions(t.TempDir())
		opt.MaxSize = 1
		l := open(t, opt, realDisk())
		require.NoError(t, l.Append(t.Context(), entry("1")))
		require.NoError(t, l.Append(t.Context(), entry("2")))
		_, err := OpenFile(opt)
		require.ErrorIs(t, err, ErrLocked)
	})
}

func TestStream(t *testing.T) {
	var out bytes.Buffer
	s := NewStream(&out, fileOptions("").Format, func() time.Time { return noon })
	require.NoError(t, s.Ready(t.Context()))
	require.NoError(t, s.Append(t.Context(), entry("1")))
	require.NoError(t, s.Append(t.Context(), entry("2")))
	first, rest, _ := strings.Cut(out.String(), "\n")
	l, err := ParseLine([]byte(first))
	require.NoError(t, err)
	assert.Equal(t, "dk.sds.nsp.audit.log.minlog2", l.Category)
	assert.Equal(t, 1, strings.Count(rest, "\n"))

	broken := NewStream(brokenWriter{}, Format{}, time.Now)
	assert.ErrorIs(t, broken.Append(t.Context(), entry("1")), errBroken)
}

var errBroken = errors.New("broken")

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestCategorySuffix(t *testing.T) {
	f := Format{CategoryPrefix: "p", MaxValues: 1}
	assert.Equal(t, "p", f.line(entry("1")).Category)
	f.CategorySuffix = true
	assert.Equal(t, "p.minlog2", f.line(entry("1")).Category)
}

func BenchmarkAppend(b *testing.B) {
	l, err := OpenFile(fileOptions(b.TempDir()))
	require.NoError(b, err)
	defer l.Close()
	e := entry("7f3a90c2d41e5b68")
	b.SetParallelism(32)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := l.Append(context.Background(), e); err != nil {
				b.Fatal(err)
			}
		}
	})
}

package files_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/opennsp/nsp/adapters/files"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/stamdata"
)

var errBoom = errors.New("boom")

// put writes a file into a new folder and returns it.
func put(t testing.TB, name, text string) files.Registers {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	return files.Registers{Dir: dir}
}

// read opens a file and reads its rows up to the first error.
func read(t testing.TB, folder files.Registers, name string) (f stamdata.File, lines []stamdata.Line, err error) {
	t.Helper()
	f, closer, err := folder.Open(context.Background(), name)
	if err != nil {
		return f, nil, err
	}
	defer func() { require.NoError(t, closer.Close()) }()
	for line, err := range f.Rows {
		if err != nil {
			return f, lines, err
		}
		lines = append(lines, line)
	}
	return f, lines, nil
}

// problems are what is wrong with a file, one a line.
func problems(t testing.TB, err error) []string {
	t.Helper()
	var bad *stamdata.BadFile
	require.ErrorAs(t, err, &bad)
	require.True(t, fault.Is(err, fault.Invalid))
	var all []string
	for _, p := range bad.Problems {
		all = append(all, p.String())
	}
	return all
}

func TestReadRegister(t *testing.T) {
	const plain = "cpr;barnCPR\n1403800099;0905124643\n2207820468;2101194638\n"
	want := []stamdata.Line{{Number: 2, Row: stamdata.Row{"1403800099", "0905124643"}}, {Number: 3, Row: stamdata.Row{"2207820468", "2101194638"}}}
	for name, text := range map[string]string{
		"plain":                         plain,
		"a byte order mark":             "\ufeff" + plain,
		"line ends of Windows":          strings.ReplaceAll(plain, "\n", "\r\n"),
		"no line end at the end":        strings.TrimSuffix(plain, "\n"),
		"columns in another order":      "barnCPR;cpr\n0905124643;1403800099\n2101194638;2207820468\n",
		"quotes and spaces":             " cpr ;\"barnCPR\"\n\"1403800099\"; 090512-4643 \n2207820468;2101194638\n",
		"a column that is none of ours": "x;cpr;barnCPR\nåé\xff;1403800099;0905124643\n;2207820468;2101194638\n",
	} {
		t.Run(name, func(t *testing.T) {
			f, lines, err := read(t, put(t, "cpr-barn.csv", text), "cpr-barn.csv")
			require.NoError(t, err)
			assert.Equal(t, want, lines)
			assert.Equal(t, sha256.Sum256([]byte(text)), f.SHA256)
			assert.Equal(t, "cpr-barn.csv", f.Name)
			assert.Equal(t, stamdata.CPRChild, f.Register.Name)
			assert.True(t, f.Full)
			if strings.HasPrefix(name, "a column") {
				assert.Equal(t, []string{"column 1 is none of the register"}, f.Warnings)
			} else {
				assert.Empty(t, f.Warnings)
			}
		})
	}

	t.Run("quotes hold separators, quotes and line ends; lines are those of the file", func(t *testing.T) {
		_, lines, err := read(t, put(t, "yder.csv", "ydernummer;navn\n\n1;\"A; \"\"B\"\"\"\n\n2;C\n"), "yder.csv")
		require.NoError(t, err)
		require.Len(t, lines, 2)
		assert.Equal(t, `A; "B"`, lines[0].Row[1])
		assert.Equal(t, []int{3, 5}, []int{lines[0].Number, lines[1].Number})
		_, _, err = read(t, put(t, "yder.csv", "ydernummer;navn\n1;\"A\nB\"\n2;C\n3\n"), "yder.csv")
		assert.Equal(t, []string{"line 2, navn: holds control characters", "line 5: has not as many values as the header"}, problems(t, err))
	})

	t.Run("a file of changes is not full", func(t *testing.T) {
		f, _, err := read(t, put(t, "cpr-barn.delta.csv", plain), "cpr-barn.delta.csv")
		require.NoError(t, err)
		assert.False(t, f.Full)
	})

	t.Run("rows are read once", func(t *testing.T) {
		f, closer, err := put(t, "cpr-barn.csv", plain).Open(t.Context(), "cpr-barn.csv")
		require.NoError(t, err)
		defer closer.Close()
		for range f.Rows {
			break
		}
		for _, err := range f.Rows {
			require.Error(t, err)
		}
	})
}

func TestRefuseRegister(t *testing.T) {
	long := strings.Repeat("x", 70_000)
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", []string{"there is no header line"}},
		{"a mark alone", "\ufeff", []string{"there is no header line"}},
		{"no header", "1403800099;0905124643\n", []string{"line 1, cpr: is missing", "line 1, barnCPR: is missing"}},
		{"a column twice", "cpr;barnCPR;cpr\n", []string{"line 1, cpr: is there twice"}},
		{"too many columns", strings.Repeat("x;", 300) + "\n", []string{"line 1: has more than 200 columns"}},
		{"PC-49 a bad number", "cpr;barnCPR\n1403800099;0905124643\n1403800099;9901010001\n", []string{"line 3, barnCPR: is no CPR number"}},
		{"every bad line", "cpr;barnCPR\n;1\n1403800099;0905124643\n2;\n", []string{
			"line 2, cpr: is missing", "line 2, barnCPR: is no CPR number", "line 4, cpr: is no CPR number", "line 4, barnCPR: is missing",
		}},
		{"too few and too many values", "cpr;barnCPR\n1403800099\n1403800099;0905124643;\n", []string{
			"line 2: has not as many values as the header", "line 3: has not as many values as the header",
		}},
		{"a quote that does not end", "cpr;barnCPR\n1403800099;\"0905124643\n", []string{"line 2: has quotes that do not match"}},
		{"a quote in a value", "cpr;barnCPR\n1403800099;09\"05124643\n", []string{"line 2: has quotes that do not match"}},
		{"a header without end", long, []string{"line 1: is longer than 65536 octets"}},
		{"a line without end", "cpr;barnCPR\n1403800099;" + long, []string{"line 2: is longer than 65536 octets"}},
		{"quotes over many lines", "cpr;barnCPR\n1403800099;\"" + strings.Repeat("x\n", 40_000) + "\"\n", []string{"line 2: is longer than 65536 octets"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := read(t, put(t, "cpr-barn.csv", c.text), "cpr-barn.csv")
			assert.Equal(t, c.want, problems(t, err))
			assert.NotContains(t, err.Error(), "9901010001")
			assert.NotContains(t, err.Error(), "1403800099")
		})
	}

	t.Run("no row comes after a line that is wrong", func(t *testing.T) {
		_, lines, err := read(t, put(t, "cpr-barn.csv", "cpr;barnCPR\n1403800099;0905124643\n1;2\n2207820468;2101194638\n"), "cpr-barn.csv")
		require.Error(t, err)
		assert.Len(t, lines, 1)
	})

	t.Run("problems are counted, and the first ones told", func(t *testing.T) {
		_, _, err := read(t, put(t, "cpr-barn.csv", "cpr;barnCPR\n"+strings.Repeat("1;1403800099\n", 1000)), "cpr-barn.csv")
		var bad *stamdata.BadFile
		require.ErrorAs(t, err, &bad)
		assert.Len(t, bad.Problems, 20)
		assert.Equal(t, 980, bad.More)
		assert.Contains(t, err.Error(), "and 980 more")
	})

	t.Run("a file that changes while it is read", func(t *testing.T) {
		folder := put(t, "cpr-barn.csv", "cpr;barnCPR\n"+strings.Repeat("1403800099;0905124643\n", 10_000))
		f, closer, err := folder.Open(t.Context(), "cpr-barn.csv")
		require.NoError(t, err)
		defer closer.Close()
		to, err := os.OpenFile(filepath.Join(folder.Dir, "cpr-barn.csv"), os.O_APPEND|os.O_WRONLY, 0)
		require.NoError(t, err)
		_, err = to.WriteString("2207820468;2101194638\n")
		require.NoError(t, err)
		require.NoError(t, to.Close())
		var last error
		for _, err := range f.Rows {
			last = err
		}
		assert.Equal(t, []string{"the file changed while it was read"}, problems(t, last))
	})

	t.Run("a name that is no register's, or leads out of the folder", func(t *testing.T) {
		folder := put(t, "cpr-barn.csv", "cpr;barnCPR\n")
		for _, name := range []string{"nosuch.csv", "cpr-barn", "../cpr-barn.csv", "cpr-barn.csv.bak", "cpr-barn.full.csv", ".csv", "CPR-barn.csv", ""} {
			_, _, err := folder.Open(t.Context(), name)
			require.ErrorIs(t, err, stamdata.ErrNoRegister, name)
		}
		_, _, err := folder.Open(t.Context(), "yder.csv")
		require.ErrorIs(t, err, os.ErrNotExist)
		require.NoError(t, os.Mkdir(filepath.Join(folder.Dir, "yder.csv"), 0o700))
		_, _, err = folder.Open(t.Context(), "yder.csv")
		require.ErrorContains(t, err, "not a regular file")
	})

	t.Run("a context that ends", func(t *testing.T) {
		folder := put(t, "cpr-barn.csv", "cpr;barnCPR\n"+strings.Repeat("1403800099;0905124643\n", 10_000))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		f, closer, err := folder.Open(ctx, "cpr-barn.csv")
		require.NoError(t, err)
		defer closer.Close()
		var last error
		for _, err := range f.Rows {
			cancel()
			last = err
		}
		require.ErrorIs(t, last, context.Canceled)
		_, _, err = folder.Open(ctx, "cpr-barn.csv")
		require.ErrorIs(t, err, context.Canceled)
	})
}

// A line of many gigabytes costs no memory: the file has holes.
func TestLineWithoutEndIsNotRead(t *testing.T) {
	for name, start := range map[string]string{"header": "", "value": "cpr;barnCPR\n1403800099;", "quotes": "cpr;barnCPR\n1403800099;\""} {
		t.Run(name, func(t *testing.T) {
			folder := put(t, "cpr-barn.csv", start)
			require.NoError(t, os.Truncate(filepath.Join(folder.Dir, "cpr-barn.csv"), 256<<20))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, _, err := read(t, folder, "cpr-barn.csv")
			runtime.ReadMemStats(&after)
			require.Len(t, problems(t, err), 1)
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4<<20))
		})
	}
}

func TestNames(t *testing.T) {
	folder := files.Registers{Dir: filepath.Join(t.TempDir(), "none")}
	names, err := folder.Names(t.Context())
	require.NoError(t, err)
	assert.Empty(t, names)
	require.NoError(t, os.Mkdir(folder.Dir, 0o700))
	for _, name := range []string{
		"yder.csv", "cpr-person.delta.csv", "nosuch.csv", "cpr-person.csv", "README", ".yder.csv.1.tmp", ".hidden.csv", "sor-enhed.delta.csv",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(folder.Dir, name), nil, 0o600))
	}
	require.NoError(t, os.Mkdir(filepath.Join(folder.Dir, "sikrede.csv"), 0o700))
	names, err = folder.Names(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"cpr-person.csv", "cpr-person.delta.csv", "sor-enhed.delta.csv", "yder.csv", "nosuch.csv"}, names)
}

func rowsOf(rows ...stamdata.Row) iter.Seq2[stamdata.Row, error] {
	return func(yield func(stamdata.Row, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func TestWriteRegister(t *testing.T) {
	r, err := stamdata.RegisterNamed(stamdata.Proxies)
	require.NoError(t, err)

	t.Run("what is written reads back", func(t *testing.T) {
		folder := files.Registers{Dir: t.TempDir()}
		text := rapid.StringMatching(`[ -~æøåÆØÅ€]{1,60}`).Filter(func(s string) bool { return strings.TrimSpace(s) == s && s != "" })
		rapid.Check(t, func(rt *rapid.T) {
			var rows []stamdata.Row
			for range rapid.IntRange(0, 5).Draw(rt, "n") {
				rows = append(rows, stamdata.Row{"1403800099", "2207820468", text.Draw(rt, "scope"), "2020-01-01", ""})
			}
			require.NoError(rt, folder.Write(context.Background(), r, rowsOf(rows...)))
			_, lines, err := read(t, folder, "fuldmagt.csv")
			require.NoError(rt, err)
			require.Len(rt, lines, len(rows))
			for i := range rows {
				require.Equal(rt, rows[i], lines[i].Row)
			}
		})
	})

	t.Run("a file is replaced as a whole, or not at all", func(t *testing.T) {
		folder := put(t, "fuldmagt.csv", "old")
		err := folder.Write(t.Context(), r, func(yield func(stamdata.Row, error) bool) {
			if yield(stamdata.Row{"1403800099", "2207820468", "*", "", ""}, nil) {
				yield(nil, errBoom)
			}
		})
		require.ErrorIs(t, err, errBoom)
		text, err := os.ReadFile(filepath.Join(folder.Dir, "fuldmagt.csv"))
		require.NoError(t, err)
		assert.Equal(t, "old", string(text))
		entries, err := os.ReadDir(folder.Dir)
		require.NoError(t, err)
		assert.Len(t, entries, 1, "nothing half done is left")

		require.NoError(t, folder.Write(t.Context(), r, rowsOf(stamdata.Row{"1403800099", "2207820468", "a; b", "", ""})))
		text, err = os.ReadFile(filepath.Join(folder.Dir, "fuldmagt.csv"))
		require.NoError(t, err)
		assert.Equal(t, "actor;subject;scope;validFrom;validTo\n1403800099;2207820468;\"a; b\";;\n", string(text))
		require.Error(t, files.Registers{Dir: filepath.Join(folder.Dir, "none")}.Write(t.Context(), r, rowsOf()))
	})
}

// Whatever a file holds, rows are in order and normal, errors tell no value of it, and the same rows come when they are written.
func FuzzRegister(f *testing.F) {
	f.Add([]byte("\ufeffcpr;status;koen\r\n1403800099;01;M\r\n"))
	f.Add([]byte("cpr;status\n\"1403800099\";\"0\"\"1\"\n"))
	f.Add([]byte("cpr;status;navnebeskyttelsestartdato;navnebeskyttelseslettedato\n1403800099;01;2020-01-01;2019-01-01\n"))
	f.Add([]byte("x;cpr;status\n1;1403800099\n"))
	f.Add([]byte{0xef, 0xbb, 0xbf, '"'})
	f.Fuzz(func(t *testing.T, data []byte) {
		folder := put(t, "cpr-person.csv", string(data))
		file, lines, err := read(t, folder, "cpr-person.csv")
		if err != nil {
			problems(t, err)
			return
		}
		var rows []stamdata.Row
		last := 0
		for _, l := range lines {
			require.Greater(t, l.Number, last)
			last = l.Number
			again, wrong := file.Register.Take(l.Row)
			require.Empty(t, wrong)
			require.Equal(t, l.Row, again)
			rows = append(rows, l.Row)
		}
		require.NoError(t, folder.Write(context.Background(), file.Register, rowsOf(rows...)))
		_, lines, err = read(t, folder, "cpr-person.csv")
		require.NoError(t, err)
		require.True(t, slices.EqualFunc(rows, lines, func(r stamdata.Row, l stamdata.Line) bool { return slices.Equal(r, l.Row) }))
	})
}

// BenchmarkReadRegister tells how fast rows are read and checked, and how much memory one costs.
func BenchmarkReadRegister(b *testing.B) {
	var text strings.Builder
	text.WriteString("cpr;status;koen;fornavn;efternavn;vejnavn;postnummer\n")
	for i := range 100_000 {
		fmt.Fprintf(&text, "010100%04d;01;M;Fornavn;Efternavn;Prøvevej;0900\n", i%10_000)
	}
	folder := put(b, "cpr-person.csv", text.String())
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		f, closer, err := folder.Open(context.Background(), "cpr-person.csv")
		require.NoError(b, err)
		for _, err := range f.Rows {
			require.NoError(b, err)
		}
		require.NoError(b, closer.Close())
	}
}

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMutantsFit shows that every mutant still fits the source: its text stands there exactly once, its test package exists.
func TestMutantsFit(t *testing.T) {
	mutants, err := readAll(".")
	require.NoError(t, err)
	require.NotEmpty(t, mutants)
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			source, err := os.ReadFile(filepath.Join("../..", m.file))
			require.NoError(t, err)
			_, err = m.apply(source)
			require.NoError(t, err)
			tests, err := filepath.Glob(filepath.Join("../..", m.pkg, "*_test.go"))
			require.NoError(t, err)
			assert.NotEmpty(t, tests, "%s has no tests", m.pkg)
		})
	}
}

func TestParse(t *testing.T) {
	const text = "A law.\nfile: a/b.go\nkill: ./a TestB/AC-12_x\n-- old --\nx\n\ty\n-- new --\nz\n-- old --\nremoved\n-- new --\n"
	got, err := parse("n", text)
	require.NoError(t, err)
	want := mutant{name: "n", law: "A law.", file: "a/b.go", pkg: "./a", test: "TestB/AC-12_x", edits: [][2]string{{"x\n\ty", "z"}, {"removed", ""}}}
	assert.Equal(t, want, got)
	for _, bad := range []string{
		"", "A law.\n" + text, "A law.\nfile: a\nkill: ./a TestB\n", "A law.\nfile: a\nkill: ./a\n-- old --\nx\n-- new --\ny\n",
		"A law.\nfile: a\nkill: ./a TestB\n-- old --\nx\n", "A law.\nfile: a\nkill: ./a TestB\n-- old --\nx\n-- new --\nx\n",
	} {
		_, err := parse("n", bad)
		assert.ErrorIs(t, err, errForm, bad)
	}
}

func TestRunnerTellsTheFourCasesApart(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module example.org/m\n\ngo 1.26\n",
		"m.go":   "package m\n\nfunc Add(a, b int) int { return a + b }\n\nfunc Sub(a, b int) int { return a - b }\n",
		"m_test.go": "package m\n\nimport \"testing\"\n\nfunc TestAdd(t *testing.T) {\n\tif Add(1, 2) != 3 {\n\t\tt.Error(\"Add(1, 2)\")\n\t}\n}\n\n" +
			"func TestBroken(t *testing.T) { t.Fail() }\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(text), 0o600))
	}
	r := runner{root: root, temp: t.TempDir()}
	m := func(name, from, to string) mutant {
		return mutant{name: name, file: "m.go", pkg: ".", test: "^TestAdd$", edits: [][2]string{{from, to}}}
	}
	ctx := t.Context()

	killed, err := r.try(ctx, m("noticed", "a + b", "a * b"))
	require.NoError(t, err)
	assert.True(t, killed)

	killed, err = r.try(ctx, m("unnoticed", "a - b", "a * b"))
	require.NoError(t, err)
	assert.False(t, killed)

	_, err = r.try(ctx, m("does-not-build", "a + b", "c"))
	require.ErrorContains(t, err, "does not build")

	_, err = r.try(ctx, m("stale", "a % b", "a"))
	require.ErrorContains(t, err, "0 times, want 1")

	_, err = r.try(ctx, m("ambiguous", "a, b int", "b, a int"))
	require.ErrorContains(t, err, "2 times, want 1")

	require.NoError(t, r.sound(ctx, m("", "", "")))
	require.ErrorContains(t, r.sound(ctx, mutant{pkg: ".", test: "^TestBroken$"}), "fails on the source as it is")
	require.ErrorContains(t, r.sound(ctx, mutant{pkg: ".", test: "^TestNobody$"}), "has no test")
}

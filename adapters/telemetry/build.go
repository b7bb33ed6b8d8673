package telemetry

import (
	"fmt"
	"runtime/debug"
)

// Build says which program runs.
type Build struct {
	Version string // "devel" where the program was not built from a tagged version
	Commit  string // first 12 digits, "unknown" where it was not built in its repository
	Time    string // of the commit, RFC 3339
	Go      string // version of the compiler
}

// ReadBuild reads what the compiler wrote into the program.
func ReadBuild() Build {
	b := Build{Version: "devel", Commit: "unknown", Time: "unknown", Go: "unknown"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Go = info.GoVersion
	if v := info.Main.Version; v != "" && v != "(devel)" {
		b.Version = v
	}
	modified := false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value[:min(12, len(s.Value))]
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			modified = s.Value == "true"
		}
	}
	if modified {
		b.Commit += "+changes"
	}
	return b
}

// Of returns "<module> <version> (<commit>, <time>)".
func (b Build) Of(module string) string {
	return fmt.Sprintf("%s %s (%s, %s)", module, b.Version, b.Commit, b.Time)
}

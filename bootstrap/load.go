package bootstrap

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/knadh/koanf/v2"
	"go.yaml.in/yaml/v3"
)

// DefaultFile is read where no file is named, if it exists.
const DefaultFile = "nspd.yaml"

// envPrefix begins the variables that are keys.
const envPrefix = "NSPD_"

// maxConfig is the size of the largest configuration or included file, in octets.
const maxConfig = 1 << 20

// Setting is one key set on the command line.
type Setting struct {
	Key, Value string
	Flag       string // as typed, for messages
}

// Sources are where a configuration comes from. A later one wins: defaults, File, Environ, Flags.
type Sources struct {
	File    string   // YAML; "" = DefaultFile if it exists
	Environ []string // as os.Environ gives it
	Flags   []Setting
}

// ConfigError says why a configuration cannot be used: one line a problem, each with its place and key.
type ConfigError struct{ Problems []error }

// Error lists the problems.
func (e *ConfigError) Error() string { return errors.Join(e.Problems...).Error() }

// Unwrap returns the problems.
func (e *ConfigError) Unwrap() []error { return e.Problems }

// Load reads, completes and validates a configuration. The error is a *ConfigError.
func Load(from Sources) (Config, error) {
	l := newLoader()
	l.readFile(from.File)
	l.readEnviron(from.Environ)
	l.readFlags(from.Flags)
	c := l.assign()
	if len(l.problems) == 0 {
		c.complete()
		if err := c.Validate(); err != nil {
			l.problems = append(l.problems, err)
		}
	}
	if len(l.problems) > 0 {
		return Config{}, &ConfigError{l.problems}
	}
	return c, nil
}

// loader merges the sources. Values are lists of texts until all are there.
type loader struct {
	known    map[string]key
	kinds    map[string]kind
	merged   *koanf.Koanf
	source   map[string]string
	problems []error
}

func newLoader() *loader {
	l := &loader{known: map[string]key{}, kinds: map[string]kind{}, merged: koanf.New("."), source: map[string]string{}}
	var c Config
	for _, k := range keys() {
		l.known[k.path], l.kinds[k.path] = k, k.field(&c).kind()
	}
	return l
}

func (l *loader) wrong(where, format string, args ...any) {
	l.problems = append(l.problems, fmt.Errorf("%s: %s", where, fmt.Sprintf(format, args...)))
}

func (l *loader) put(path, source string, values []string) {
	for i, v := range values {
		resolved, err := resolve(v)
		if err != nil {
			l.wrong(source, "%s: %v", path, err)
			return
		}
		values[i] = resolved
	}
	if err := l.merged.Set(path, values); err != nil {
		l.wrong(source, "%s: %v", path, err)
	}
	l.source[path] = source
}

// unknown reports a key that is none, with the one that was probably meant.
func (l *loader) unknown(where, name string) {
	best, distance := "", math.MaxInt
	for _, k := range keys() {
		if d := editDistance(name, k.path); d < distance {
			best, distance = k.path, d
		}
	}
	l.wrong(where, "unknown key %q; the nearest known key is %s", name, best)
}

// assign gives every key its value.
func (l *loader) assign() Config {
	c := DefaultConfig()
	c.sources = l.source
	for _, k := range keys() {
		if !l.merged.Exists(k.path) {
			continue
		}
		if err := k.field(&c).set(l.merged.Strings(k.path)); err != nil {
			l.problems = append(l.problems, c.problem(k.path, err.Error()))
		}
	}
	return c
}

// problem names the key and where its value is from. The value of a secret is not told.
func (c *Config) problem(path, text string) error {
	where := c.sources[path]
	if where == "" {
		where = "default"
	}
	for _, k := range keys() {
		if k.path == path && k.secret {
			text = "not acceptable"
		}
	}
	return fmt.Errorf("%s: %s: %s", where, path, text)
}

func (l *loader) readFile(name string) {
	chosen := name != ""
	if !chosen {
		name = DefaultFile
	}
	data, err := readSmall(name)
	if errors.Is(err, os.ErrNotExist) && !chosen {
		return
	}
	if err != nil {
		l.problems = append(l.problems, fmt.Errorf("read configuration: %w", err))
		return
	}
	decoder := yaml.NewDecoder(strings.NewReader(string(data)))
	var doc, more yaml.Node
	switch err := decoder.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return
	case err != nil:
		l.wrong(name, "%v", err)
		return
	}
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		l.wrong(name, "one YAML document is wanted")
		return
	}
	l.readNode(name, "", doc.Content[0])
}

// readNode reads the keys below the mapping n, whose path is prefix.
func (l *loader) readNode(file, prefix string, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" && prefix == "" {
		return // a file of comments
	}
	if n.Kind != yaml.MappingNode {
		l.wrong(fmt.Sprintf("%s:%d", file, n.Line), "%s: keys are wanted here", orTop(prefix))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		where := fmt.Sprintf("%s:%d", file, name.Line)
		path := name.Value
		if prefix != "" {
			path = prefix + "." + path
		}
		if first, ok := seen[path]; ok {
			l.wrong(where, "key %q is there twice, first on line %d", path, first)
			continue
		}
		seen[path] = name.Line
		_, known := l.known[path]
		switch {
		case strings.Contains(name.Value, ".") && known:
			l.wrong(where, "%q: write %s on a line of its own and the rest indented below it", path, strings.Split(path, ".")[0]+":")
		case known:
			values, err := scalars(l.kinds[path], value)
			if err != nil {
				l.wrong(where, "%s: %v", path, err)
				continue
			}
			l.put(path, where, values)
		case l.isGroup(path) && !strings.Contains(name.Value, "."):
			l.readNode(file, path, value)
		default:
			l.unknown(where, path)
		}
	}
}

func orTop(prefix string) string {
	if prefix == "" {
		return "the file"
	}
	return prefix
}

func (l *loader) isGroup(path string) bool {
	return slices.ContainsFunc(keys(), func(k key) bool { return strings.HasPrefix(k.path, path+".") })
}

// scalars returns the texts of a value whose YAML type fits the kind.
func scalars(k kind, n *yaml.Node) ([]string, error) {
	switch k {
	case listKind:
		return each(n, func(item *yaml.Node) ([]string, error) { return scalars(textKind, item) })
	case recordsKind:
		return each(n, recordText)
	case mapKind:
		return mapTexts(n)
	case valuesKind:
		return members(n, func(name string, value *yaml.Node) ([]string, error) {
			values, err := scalars(textKind, value)
			return []string{name + "=" + strings.Join(values, "")}, err
		})
	}
	if n.Kind != yaml.ScalarNode {
		return nil, errors.New("want one value")
	}
	included := n.Tag == "!!str" && strings.HasPrefix(n.Value, "${")
	switch {
	case k == switchKind && n.Tag == "!!str" && n.Value == "":
	case (k == boolKind || k == switchKind) && n.Tag != "!!bool" && !included:
		return nil, errors.New("want true or false")
	case k == intKind && n.Tag != "!!int" && !included:
		return nil, errors.New("want a whole number")
	case k == shareKind && n.Tag != "!!int" && n.Tag != "!!float" && !included:
		return nil, errors.New("want a number")
	case k == textKind && n.Tag != "!!str" && n.Tag != "!!int" && n.Tag != "!!float":
		return nil, errors.New("want a text")
	}
	return []string{n.Value}, nil
}

// each returns the texts of all items of the list n.
func each(n *yaml.Node, texts func(*yaml.Node) ([]string, error)) ([]string, error) {
	if n.Kind != yaml.SequenceNode {
		return nil, errors.New("want a list")
	}
	values := []string{}
	for _, item := range n.Content {
		v, err := texts(item)
		if err != nil {
			return nil, err
		}
		values = append(values, v...)
	}
	return values, nil
}

// mapTexts returns name=value for each value of each list of a mapping, and name= for an empty list.
func mapTexts(n *yaml.Node) ([]string, error) {
	return members(n, func(name string, value *yaml.Node) ([]string, error) {
		values, err := scalars(listKind, value)
		if err != nil {
			return nil, err
		}
		if len(values) == 0 {
			values = []string{""}
		}
		for i, v := range values {
			values[i] = name + "=" + v
		}
		return values, nil
	})
}

// recordText returns the members of a mapping as one text; several values of a member are joined by "|".
func recordText(n *yaml.Node) ([]string, error) {
	texts, err := members(n, func(name string, value *yaml.Node) ([]string, error) {
		var values []string
		var err error
		if value.Kind == yaml.SequenceNode {
			values, err = scalars(listKind, value)
		} else {
			values, err = scalars(textKind, value)
		}
		text := name + "=" + strings.Join(values, "|")
		if err == nil && strings.ContainsAny(text, " \t\r\n,") {
			err = errors.New("blanks and commas are not possible here")
		}
		return []string{text}, err
	})
	return []string{strings.Join(texts, " ")}, err
}

// members returns the texts of all members of a mapping.
func members(n *yaml.Node, texts func(name string, value *yaml.Node) ([]string, error)) ([]string, error) {
	if n.Kind != yaml.MappingNode {
		return nil, errors.New("want names with their values")
	}
	seen := map[string]bool{}
	all := []string{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i].Value
		if seen[name] {
			return nil, fmt.Errorf("%q is there twice", name)
		}
		seen[name] = true
		values, err := texts(name, n.Content[i+1])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, values...)
	}
	return all, nil
}

// readEnviron reads the variables NSPD_<path>, upper case with "_" for "."; other underscores may be left out.
func (l *loader) readEnviron(environ []string) {
	byName := map[string]string{}
	for path := range l.known {
		byName[envName(path)] = path
	}
	for _, entry := range environ {
		variable, value, _ := strings.Cut(entry, "=")
		name, ours := strings.CutPrefix(variable, envPrefix)
		if !ours {
			continue
		}
		path, ok := byName[envName(name)]
		if !ok {
			l.unknown("environment variable "+variable, strings.ToLower(name))
			continue
		}
		l.put(path, "environment variable "+variable, l.split(path, value))
	}
}

// envName is what a path and its variable have in common.
func envName(s string) string {
	return strings.ToLower(strings.NewReplacer(".", "", "_", "").Replace(s))
}

func (l *loader) readFlags(flags []Setting) {
	for _, f := range flags {
		if _, ok := l.known[f.Key]; !ok {
			l.unknown("flag "+f.Flag, f.Key)
			continue
		}
		l.put(f.Key, "flag "+f.Flag, l.split(f.Key, f.Value))
	}
}

// split cuts a list at its commas; another value stays as it is.
func (l *loader) split(path, value string) []string {
	if !l.kinds[path].many() {
		return []string{value}
	}
	values := []string{}
	for v := range strings.SplitSeq(value, ",") {
		if v = strings.TrimSpace(v); v != "" {
			values = append(values, v)
		}
	}
	return values
}

// resolve replaces ${file:/path} by the content of the file and ${env:NAME} by the variable.
func resolve(value string) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(value, "${")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		name, after, closed := strings.Cut(rest, "}")
		how, what, _ := strings.Cut(name, ":")
		switch {
		case closed && how == "file":
			data, err := readSmall(what)
			if err != nil {
				return "", err
			}
			b.WriteString(strings.TrimRight(string(data), "\r\n"))
		case closed && how == "env":
			v, ok := os.LookupEnv(what)
			if !ok {
				return "", fmt.Errorf("the environment has no %s", what)
			}
			b.WriteString(v)
		default:
			return "", errors.New("only ${file:/path} and ${env:NAME} are replaced")
		}
		value = after
	}
}

func readSmall(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err == nil && len(data) > maxConfig {
		err = fmt.Errorf("%s is larger than %s", name, formatSize(maxConfig))
	}
	return data, err
}

// editDistance counts the letters to change, add or leave out to make b of a.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

package bootstrap

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// WriteExample writes a configuration file with every key, its default and what it is for.
func WriteExample(w io.Writer) error {
	c := DefaultConfig()
	head := "# Every key of the configuration with its default. Copy what you change to nspd.yaml.\n" +
		"# A variable NSPD_<KEY> (NSPD_HTTP_ADDR) wins over the file, a flag --set key=value over both.\n" +
		"# Durations: 5s or PT5S. Sizes: KiB, MiB, GiB. Secrets: ${file:/path} or ${env:NAME}.\n"
	if _, err := io.WriteString(w, head); err != nil {
		return err
	}
	return c.write(w, func(k key) (above, behind string) { return k.doc, "" })
}

// Print writes the configuration as a file, each value with its source. Secrets are written as ***.
func (c *Config) Print(w io.Writer) error {
	return c.write(w, func(k key) (above, behind string) {
		if source := c.sources[k.path]; source != "" {
			return "", source
		}
		return "", "default"
	})
}

func (c *Config) write(w io.Writer, comments func(key) (above, behind string)) error {
	var b strings.Builder
	var group []string
	for _, k := range keys() {
		parts := strings.Split(k.path, ".")
		parents := parts[:len(parts)-1]
		for i := range parents {
			if i >= len(group) || !slices.Equal(group[:i+1], parents[:i+1]) {
				fmt.Fprintf(&b, "%s%s:\n", strings.Repeat("  ", i), parents[i])
			}
		}
		group = parents
		indent := strings.Repeat("  ", len(parents))
		above, behind := comments(k)
		if above != "" {
			fmt.Fprintf(&b, "%s# %s\n", indent, above)
		}
		fmt.Fprintf(&b, "%s%s: %s", indent, parts[len(parts)-1], c.yamlValue(k))
		if behind != "" {
			fmt.Fprintf(&b, " # %s", behind)
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (c *Config) yamlValue(k key) string {
	f := k.field(c)
	values := slices.Clone(f.get())
	for i, v := range values {
		if k.secret && v != "" {
			v = "***"
		}
		if k.mask != nil {
			v = k.mask(v)
		}
		values[i] = yamlScalar(v, f.kind())
	}
	switch f.kind() {
	case listKind:
		return "[" + strings.Join(values, ", ") + "]"
	case mapKind:
		return yamlMap(f.get())
	case valuesKind:
		return yamlValues(f.get())
	case recordsKind:
		return yamlRecords(f.get())
	}
	return values[0]
}

// yamlMap writes texts name=value as a mapping of lists.
func yamlMap(texts []string) string {
	var names []string
	lists := map[string][]string{}
	for _, t := range texts {
		name, value, _ := strings.Cut(t, "=")
		if _, known := lists[name]; !known {
			names = append(names, name)
			lists[name] = nil
		}
		if value != "" {
			lists[name] = append(lists[name], yamlScalar(value, listKind))
		}
	}
	for i, name := range names {
		names[i] = name + ": [" + strings.Join(lists[name], ", ") + "]"
	}
	return "{" + strings.Join(names, ", ") + "}"
}

// yamlValues writes texts name=value as a mapping.
func yamlValues(texts []string) string {
	members := slices.Clone(texts)
	for i, t := range members {
		at := strings.LastIndex(t, "=")
		members[i] = yamlScalar(t[:at], listKind) + ": " + yamlScalar(t[at+1:], listKind)
	}
	return "{" + strings.Join(members, ", ") + "}"
}

// yamlRecords writes texts member=value member=value as a list of mappings.
func yamlRecords(texts []string) string {
	records := slices.Clone(texts)
	for i, t := range records {
		members := strings.Fields(t)
		for j, m := range members {
			name, value, _ := strings.Cut(m, "=")
			members[j] = name + ": " + yamlScalar(value, listKind)
		}
		records[i] = "{" + strings.Join(members, ", ") + "}"
	}
	return "[" + strings.Join(records, ", ") + "]"
}

// yamlScalar writes a text so that it is read as the same text.
func yamlScalar(s string, k kind) string {
	if k == boolKind || k == intKind || k == shareKind || k == switchKind && s != "" {
		return s
	}
	out, err := yaml.Marshal(s)
	if err != nil || strings.Contains(s, "\n") || k == listKind && strings.ContainsAny(s, ":,[]{}#\"'") {
		return strconv.Quote(s)
	}
	return strings.TrimSpace(string(out))
}

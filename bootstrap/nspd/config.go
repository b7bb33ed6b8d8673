package main

import (
	"os"
	"strings"

	"fmt"

	"github.com/opennsp/nsp/bootstrap"
)

// sources are the flags that say where the configuration comes from.
type sources struct {
	Config   string   `help:"Configuration file; ./nspd.yaml is read if it is there." placeholder:"FILE"`
	Role     []string `help:"What the process runs (key roles)." placeholder:"ROLE"`
	Set      []string `help:"Set a key of the configuration." placeholder:"KEY=VALUE" sep:"none"`
	LogLevel string   `help:"debug, info, warn or error (key log.level)." placeholder:"LEVEL"`
}

// load reads the configuration. What the command itself sets wins.
func (s sources) load(own ...bootstrap.Setting) (bootstrap.Config, error) {
	from := bootstrap.Sources{File: s.Config, Environ: os.Environ()}
	if len(s.Role) > 0 {
		from.Flags = append(from.Flags, bootstrap.Setting{Key: "roles", Value: strings.Join(s.Role, ","), Flag: "--role"})
	}
	if s.LogLevel != "" {
		from.Flags = append(from.Flags, bootstrap.Setting{Key: "log.level", Value: s.LogLevel, Flag: "--log-level"})
	}
	for _, set := range s.Set {
		key, value, found := strings.Cut(set, "=")
		if !found {
			return bootstrap.Config{}, &bootstrap.ConfigError{Problems: []error{fmt.Errorf("flag --set %s: want KEY=VALUE", set)}}
		}
		from.Flags = append(from.Flags, bootstrap.Setting{Key: key, Value: value, Flag: "--set " + key})
	}
	from.Flags = append(from.Flags, own...)
	return bootstrap.Load(from)
}

type configCommand struct {
	Print configPrint `cmd:"" help:"Print the configuration in force and where each value is from."`
	Check configCheck `cmd:"" help:"Tell whether the configuration can be used."`
	Keys  configKeys  `cmd:"" help:"Print every key with its default and what it is for."`
}

type configPrint struct{ sources }

// Run prints the configuration.
func (c configPrint) Run(s streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	return cfg.Print(s.out)
}

type configCheck struct{ sources }

// Run checks the configuration.
func (c configCheck) Run(s streams) error {
	if _, err := c.load(); err != nil {
		return err
	}
	fmt.Fprintln(s.out, "The configuration can be used.")
	return nil
}

type configKeys struct{}

// Run prints the keys.
func (configKeys) Run(s streams) error { return bootstrap.WriteExample(s.out) }

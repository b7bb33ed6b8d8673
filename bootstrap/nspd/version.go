package main

import (
	"fmt"

	"github.com/opennsp/nsp/adapters/telemetry"
)

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(s streams) error {
	b := telemetry.ReadBuild()
	_, err := fmt.Fprintf(s.out, "%s %s\n", b.Of("nspd"), b.Go)
	return err
}

// Command nspd is the OpenNSP server, and a client to try it with.
package main

import (
	"os"

	"github.com/alecthomas/kong"

	"github.com/opennsp/nsp/bootstrap"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// commands are what can be asked of nspd.
type commands struct {
	Serve    serveCommand    `cmd:"" help:"Run the server: registration, lookups, and in development the test token service."`
	Demo     demoCommand     `cmd:"" help:"Show a scene of each national service, on a free port and in a temporary folder."`
	Call     callCommand     `cmd:"" help:"Call an operation as a sample person of the test federation."`
	Config   configCommand   `cmd:"" help:"Print or check the configuration."`
	Migrate  migrateCommand  `cmd:"" help:"Bring the store's schema up to date."`
	Copy     copyCommand     `cmd:"" help:"Copy a store to a database of another kind."`
	Stamdata stamdataCommand `cmd:"" help:"Load and write the reference registers."`
	ECPR     ecprCommand     `cmd:"" name:"ecpr" help:"Administer the national eCPR."`
	MinLog   minlogCommand   `cmd:"" name:"minlog" help:"Look after MinLog: how much is registered."`
	Consent  consentCommand  `cmd:"" help:"Work with consent without a server: explain who may see what, and why."`
	NAS      nasCommand      `cmd:"" name:"nas" help:"Administer the notification service: topics, who reads them, who fetches."`
	Outbox   outboxCommand   `cmd:"" help:"Look after the notices to other services that were refused."`
	Version  versionCommand  `cmd:"" help:"Print the version."`
}

// exitUsage is for a command line that cannot be understood.
const exitUsage = bootstrap.ExitConfig

func options() []kong.Option {
	return []kong.Option{
		kong.Name("nspd"), kong.Description("OpenNSP: an open implementation of Danish national health services."),
		kong.Vars{"server": defaultServer, "federation": defaultFederation}, kong.Vars(roleNames()),
	}
}

package bootstrap

import (
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/opennsp/nsp/adapters/soap/nasws"
)

// composed is compose.yaml, as far as it is ours.
type composed struct {
	Services map[string]struct {
		Build       string
		Environment map[string]string
		Ports       []string
		Volumes     []string
		DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
		Healthcheck struct{ Test []string }
	}
	Volumes map[string]any
}

func compose(t *testing.T) composed {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "compose.yaml"))
	require.NoError(t, err)
	var c composed
	require.NoError(t, yaml.Unmarshal(raw, &c))
	return c
}

// TestCompose loads the configuration of every service as the program would.
func TestCompose(t *testing.T) {
	c := compose(t)
	roles := map[string]string{}
	published := map[string]bool{}
	for name, service := range c.Services {
		for _, volume := range service.Volumes {
			volume, _, _ = strings.Cut(volume, ":")
			assert.Contains(t, c.Volumes, volume, "%s: its volumes are declared", name)
		}
		for other, on := range service.DependsOn {
			require.Contains(t, c.Services, other)
			assert.Equal(t, "service_healthy", on.Condition)
			assert.NotEmpty(t, c.Services[other].Healthcheck.Test, "%s waits for %s to be healthy", name, other)
		}
		for _, port := range service.Ports {
			assert.True(t, strings.HasPrefix(port, "127.0.0.1:"), "%s: the test federation is for this machine alone: %s", name, port)
			assert.False(t, published[port], "%s is published twice", port)
			published[port] = true
		}
		if service.Build == "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			environ := []string{"NSPD_DATA_DIR=/data"}
			for key, value := range service.Environment {
				assert.True(t, strings.HasPrefix(key, envPrefix), "%s is no variable of the program", key)
				environ = append(environ, key+"="+value)
			}
			cfg, err := Load(Sources{File: os.DevNull, Environ: environ})
			require.NoError(t, err)
			for _, role := range cfg.Roles {
				assert.Empty(t, roles[role], "one service has the role %s", role)
				roles[role] = name
			}
			assert.Equal(t, Development, cfg.Security.Mode)
			if cfg.runsAny(RoleECPR, RoleWills, RoleFGVHR) {
				broker, err := url.Parse(cfg.NAS.Remote.URL)
				require.NoError(t, err)
				there := c.Services[broker.Hostname()].Environment
				assert.Contains(t, there["NSPD_ROLES"], RoleNASBroker, "somebody delivers its notifications")
				assert.NotEmpty(t, there["NSPD_ALLOWLIST_NAS_NOTIFY"], "and takes them from other containers")
				assert.Equal(t, nasws.PathBroker, broker.Path)
			}
			dsn, err := url.Parse(cfg.Store.DSN)
			require.NoError(t, err)
			database := c.Services[dsn.Hostname()].Environment
			password, _ := dsn.User.Password()
			assert.Equal(t, map[string]string{
				"POSTGRES_USER": dsn.User.Username(), "POSTGRES_PASSWORD": password, "POSTGRES_DB": strings.Trim(dsn.Path, "/"),
			}, database)
			for _, secret := range []string{password, cfg.MessageLog.KeySecret} {
				assert.True(t, strings.HasPrefix(secret, "example-"), "it is marked as an example")
			}
			broker, _, err := net.SplitHostPort(cfg.MessageLog.Brokers[0])
			require.NoError(t, err)
			assert.Contains(t, c.Services[broker].Environment["KAFKA_ADVERTISED_LISTENERS"], cfg.MessageLog.Brokers[0])
			_, port, err := net.SplitHostPort(cfg.HTTP.Addr)
			require.NoError(t, err)
			for _, p := range service.Ports {
				assert.True(t, strings.HasSuffix(p, ":"+port), "%s leads to where the program listens", p)
			}
			for _, folder := range []string{cfg.DataDir, cfg.Security.FederationDir} {
				assert.True(t, slices.ContainsFunc(service.Volumes, func(v string) bool { return strings.HasSuffix(v, ":"+folder) }), "%s is kept", folder)
			}
		})
	}
	have := slices.Sorted(maps.Keys(roles))
	want := []string{RoleConsole, RoleECPR, RoleStamdata, RoleConsent, RoleWills, RoleFGVHR, RoleMinLogCleanup, RoleMinLogConsumer, RoleMinLogLookup, RoleMinLogRegistration, RoleSTS,
		RoleNASBroker, RoleNASSubscriber, RoleNASCleanup}
	slices.Sort(want)
	assert.Equal(t, want, have)
}

// TestDockerfile holds the image against what compose.yaml expects of it.
func TestDockerfile(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "Dockerfile"))
	require.NoError(t, err)
	text := string(raw)
	_, image, found := strings.Cut(text, "FROM scratch\n")
	require.True(t, found, "nothing but the program is in the image")
	assert.Contains(t, text, "CGO_ENABLED=0 ", "the program needs no library")
	assert.Contains(t, image, "USER 65532:65532\n")
	assert.Contains(t, image, "ENV NSPD_DATA_DIR=/data\n")
	assert.Contains(t, image, `CMD ["serve"]`)
	module, err := os.ReadFile(filepath.Join("..", "go.mod"))
	require.NoError(t, err)
	_, version, _ := strings.Cut(string(module), "\ngo ")
	version = strings.Join(strings.Split(strings.Fields(version)[0], ".")[:2], ".")
	assert.Contains(t, text, "FROM golang:"+version+"-", "the compiler is that of go.mod")
	for _, folder := range []string{"/data", "/federation"} {
		assert.Contains(t, image, "--chown=65532:65532 /out/data "+folder+"\n", "a volume begins with the owner of its folder")
	}
}

package kafkatest

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// ErrMissing is returned where Apache Kafka cannot be had.
var ErrMissing = errors.New("Apache Kafka cannot be run")

//go:embed testdata/pom.xml
var pom []byte

//go:embed testdata/log4j2.xml
var logging []byte

// clusterID is any: every cluster is on its own.
const clusterID = "MkU3OEVBNTcwNTJENDM2Qg"

// Installed gets what StartApache needs, and returns an error where that cannot be had.
func Installed(ctx context.Context) error {
	_, err := installed(ctx)
	return err
}

// installed returns a folder with Kafka's classes and a formatted, empty log folder to be copied. Both are made once a version in the user's
// cache; a lock keeps other test binaries waiting meanwhile.
func installed(ctx context.Context) (dir string, err error) {
	for _, program := range []string{"java", "mvn"} {
		if _, err := exec.LookPath(program); err != nil {
			return "", fmt.Errorf("%w: %s is not installed (Debian packages openjdk-17-jdk-headless and maven)", ErrMissing, program)
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	version := sha256.Sum256(append(pom, logging...))
	dir = filepath.Join(cache, "opennsp", "kafka-"+hex.EncodeToString(version[:6]))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(dir, "complete")); err == nil {
		return dir, nil
	}
	for name, content := range map[string][]byte{"pom.xml": pom, "log4j2.xml": logging} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return "", err
		}
	}
	cmd := exec.CommandContext(ctx, "mvn", "--quiet", "--batch-mode", "dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=lib")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: its classes cannot be installed: %s", ErrMissing, strings.TrimSpace(string(out)))
	}
	if err := format(ctx, dir, filepath.Join(dir, "formatted")); err != nil {
		return "", err
	}
	return dir, os.WriteFile(filepath.Join(dir, "complete"), nil, 0o600)
}

// format makes an empty log folder at to.
func format(ctx context.Context, dir, to string, args ...string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	properties := to + ".properties"
	content := fmt.Sprintf("process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:1\nlisteners=CLIENT://127.0.0.1:2,CONTROLLER://127.0.0.1:1\n"+
		"controller.listener.names=CONTROLLER\nlistener.security.protocol.map=CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT\ninter.broker.listener.name=CLIENT\nlog.dirs=%s\n", to)
	if err := os.WriteFile(properties, []byte(content), 0o600); err != nil {
		return err
	}
	args = append(append(java(dir), "kafka.tools.StorageTool", "format", "-t", clusterID, "-c", properties), args...)
	if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("format Kafka's log folder: %w\n%s", err, out[max(0, len(out)-2000):])
	}
	return nil
}

// java returns the command that runs a class of Kafka: one that starts quickly and stays small.
func java(dir string) []string {
	return []string{
		"java", "-Xmx256m", "-Xss512k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.configurationFile=" + filepath.Join(dir, "log4j2.xml"),
		"-cp", filepath.Join(dir, "lib", "*"),
	}
}

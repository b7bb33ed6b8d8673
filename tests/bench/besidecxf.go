package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/opennsp/nsp/adapters/soap/ecprws"
	"github.com/opennsp/nsp/adapters/soap/nasws"
	"github.com/opennsp/nsp/tests/process"
)

//go:embed testdata/wsn
var wsn embed.FS

// Sizes of nas-beside-cxf.
const (
	besideMessages = 500
	besideNotify   = 20  // notifications of a request
	besideFetch    = 100 // messages of an answer
	besideMark     = "beside-"
)

// besideCXF has one client publish and then fetch the same notifications at our server and at Apache CXF's WS-Notification service, of which
// NAS2 was made. Ours checks an ID card and a list of addresses in each call, keeps everything on disk and remembers each answer; the peer does
// nothing of that, and acknowledges a Notify before it looks at it.
func besideCXF(ctx context.Context, o options) []figure {
	f := figure{name: "nas-beside-cxf publish and fetch"}
	ours, err := oursBeside(ctx, o)
	if err == nil {
		var peer float64
		peer, err = peerBeside(ctx)
		f.value, f.peer, f.ratio = fmt.Sprintf("%.0f/s", ours), fmt.Sprintf("CXF 3.5, in memory %.0f/s", peer), ours/peer
	}
	f.err = err
	return []figure{f}
}

// wsnServer is a server of WS-Notification.
type wsnServer struct {
	factory, manager, broker string // addresses or paths
	topic                    string
	post                     func(ctx context.Context, to, action, body string) (answer string, err error)
}

func oursBeside(ctx context.Context, o options) (perSecond float64, err error) {
	dir, err := os.MkdirTemp("", "beside")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	server, err := process.Start(ctx, o.nspd, dir)
	if err != nil {
		return 0, err
	}
	defer server.Kill()
	client, err := server.Client(ctx, "epj")
	if err != nil {
		return 0, err
	}
	return wsnServer{
		factory: nasws.PathFactory, manager: nasws.PathManager, broker: nasws.PathBroker, topic: ecprws.DefaultNamespace + ":PersonIdentifierModification",
		post: func(ctx context.Context, to, action, body string) (string, error) {
			response, err := client.Call(ctx, strings.TrimPrefix(to, server.URL), action, []byte(body))
			if err != nil {
				return "", err
			}
			defer response.Tree.Release()
			return string(response.Raw), nil
		},
	}.measure(ctx)
}

func peerBeside(ctx context.Context) (perSecond float64, err error) {
	dir, err := wsnFolder(ctx)
	if err != nil {
		return 0, err
	}
	addr, err := process.FreeAddr()
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, "java", "-cp", filepath.Join(dir, "classes")+string(os.PathListSeparator)+filepath.Join(dir, "lib", "*"), "Wsn", "http://"+addr)
	in, err := cmd.StdinPipe()
	if err != nil {
		return 0, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	defer func() {
		_ = in.Close() // which ends it
		_ = cmd.Wait()
	}()
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		return 0, errors.Join(errNoServer, err)
	}
	return wsnServer{
		factory: "http://" + addr + "/factory", manager: "http://" + addr + "/broker", broker: "http://" + addr + "/broker", topic: "T", post: postPlain,
	}.measure(ctx)
}

// postPlain posts a body in an envelope without any header.
func postPlain(ctx context.Context, to, _, body string) (string, error) {
	envelope := `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>` + body + `</soap:Body></soap:Envelope>`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(envelope))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "text/xml; charset=utf-8")
	req.Header.Set("SOAPAction", `""`)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode/100 != 2 {
		err = fmt.Errorf("HTTP status %d", resp.StatusCode)
	}
	return string(answer), err
}

var (
	besideAddress = regexp.MustCompile(`Address[^>]*>([^<]*)<`)
	errNoAddress  = errors.New("the answer has no address")
	errFewer      = errors.New("not all notifications came")
)

// measure returns how many notifications a second are published and then fetched.
func (s wsnServer) measure(ctx context.Context) (perSecond float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	const simple = `Dialect="http://docs.oasis-open.org/wsn/t-1/TopicExpression/Simple">`
	element := func(name, content string) string {
		return `<n:` + name + ` xmlns:n="http://docs.oasis-open.org/wsn/b-2" xmlns:a="http://www.w3.org/2005/08/addressing">` + content + `</n:` + name + `>`
	}
	answer, err := s.post(ctx, s.factory, "", element("CreatePullPoint", ""))
	if err != nil {
		return 0, err
	}
	found := besideAddress.FindStringSubmatch(answer)
	if found == nil {
		return 0, errNoAddress
	}
	pullPoint := found[1]
	if _, err := s.post(ctx, s.manager, "", element("Subscribe", `<n:ConsumerReference><a:Address>`+pullPoint+`</a:Address></n:ConsumerReference>`+
		`<n:Filter><n:TopicExpression `+simple+s.topic+`</n:TopicExpression></n:Filter>`)); err != nil {
		return 0, err
	}
	one := `<n:NotificationMessage><n:Topic ` + simple + s.topic + `</n:Topic><n:Message><v:NotifyContent xmlns:v="http://nsi.dk/advis/v10">` +
		`<b xmlns="urn:beside">` + besideMark + strings.Repeat("x", 400) + `</b></v:NotifyContent></n:Message></n:NotificationMessage>`
	notify, get := element("Notify", strings.Repeat(one, besideNotify)), element("GetMessages", fmt.Sprintf("<n:MaximumNumber>%d</n:MaximumNumber>", besideFetch))
	begin := time.Now()
	for range besideMessages / besideNotify {
		if _, err := s.post(ctx, s.broker, "", notify); err != nil {
			return 0, err
		}
	}
	for got := 0; got < besideMessages; {
		answer, err := s.post(ctx, pullPoint, "", get)
		if err != nil {
			return 0, errors.Join(errFewer, err)
		}
		got += strings.Count(answer, besideMark)
	}
	return besideMessages / time.Since(begin).Seconds(), nil
}

// wsnFolder returns a folder with the peer and what it needs, made once a version in the user's cache.
func wsnFolder(ctx context.Context) (dir string, err error) {
	contents := map[string][]byte{}
	version := sha256.New()
	for _, name := range []string{"pom.xml", "Wsn.java"} {
		if contents[name], err = wsn.ReadFile("testdata/wsn/" + name); err != nil {
			return "", err
		}
		version.Write(contents[name])
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(cache, "opennsp", "wsn-"+hex.EncodeToString(version.Sum(nil)[:6]))
	complete := filepath.Join(dir, "complete")
	if _, err := os.Stat(complete); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	for name, content := range contents {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return "", err
		}
	}
	for _, command := range [][]string{
		{"mvn", "--quiet", "--batch-mode", "dependency:copy-dependencies", "-DoutputDirectory=lib"},
		{"javac", "-d", "classes", "-cp", filepath.Join("lib", "*"), "Wsn.java"},
	} {
		cmd := exec.CommandContext(ctx, command[0], command[1:]...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w: %s", command[0], err, bytes.TrimSpace(out))
		}
	}
	return dir, os.WriteFile(complete, nil, 0o600)
}

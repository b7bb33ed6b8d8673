package auditlog

import (
	"bytes"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/audit"
)

func accessOptions(dir string) AccessOptions {
	return AccessOptions{Dir: dir, Instance: "test", Category: audit.AccessCategory, Limit: 500, Delay: time.Hour, MaxSize: 1 << 20,
		Now: func() time.Time { return noon }, Log: slog.New(slog.DiscardHandler)}
}

func openAccessLog(t *testing.T, opt AccessOptions, d disk) *Access {
	t.Helper()
	a, err := openAccess(opt, d)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, a.Close()) })
	return a
}

func TestAccessLine(t *testing.T) {
	dir := t.TempDir()
	a := openAccessLog(t, accessOptions(dir), realDisk())
	e := audit.Entry{Access: audit.Access{
		Code: 200, Duration: 45 * time.Millisecond, Method: "POST", Path: "/fgvhr/20230601/service", Port: 8080, Protocol: "http", HTTPHost: "localhost",
		HTTPHeaders: map[string]string{"SOAPAction": `"GetConsent"`},
		IDCardAttributes: map[string]string{"dk:gov:saml:attribute:CprNumberIdentifier": "0511804817", "medcom:UserAuthorizationCode": "TST01",
			"X509Subject": "CN=Jens Hansen,O=Testorganisation,2.5.4.97=NTRDK-33257872,C=DK"},
		SOAPHeaders: map[string]string{"NameID": "0511804817", "w3Action": "GetConsent"},
		ReqSize:     12266, ResSize: 1454, CallID: "0011223344556677", Arrived: time.Date(2026, 11, 21, 10, 0, 1, 155e6, time.UTC),
		Stats: audit.Stats{InFlight: 1},
	}}
	e.Notes.Add("FGVHR", "getConsent", audit.Information{Key: "patient-id", Class: audit.RPI, Value: "0511804817"})
	e.Notes.Add("MinLog2", "RegistrationRequest")
	a.Log(e)
	require.NoError(t, a.Close())
	got, err := os.ReadFile(dir + "/access.test.log")
	require.NoError(t, err)
	assert.Equal(t, `{"time":"2026-11-21T11:00:00Z","category":"dk.sds.nsp.access.log","audit":["FGVHR/getConsent","MinLog2/RegistrationRequest"],`+
		`"access":{"code":200,"duration":45,"httpHeaders":{"SOAPAction":"\"GetConsent\""},"httpHost":"localhost",`+
		`"idCardAttributes":{"X509Subject":"O=Testorganisation,2.5.4.97=NTRDK-33257872,C=DK",`+
		`"dk:gov:saml:attribute:CprNumberIdentifier":"[cpr]","medcom:UserAuthorizationCode":"[id]"},`+
		`"method":"POST","path":"/fgvhr/20230601/service","query":"","port":8080,"protocol":"http","reqSize":12266,"resSize":1454,`+
		`"soapHeaders":{"w3Action":"GetConsent"},"threadId":"call-0011223344556677","time":"2026-11-21T11:00:01.155+01:00",`+
		`"stats":{"handlerDuration":0,"RequestContentDuration":0,"ResponseContentDuration":0,"SecurityProtocolRequestDuration":0,`+
		`"SecurityProtocolResponseDuration":0,"bufferAllocated":false,"usedBuffers":2,"activeBuffersInPool":1,"idleBuffersInPool":0}}}`+"\n",
		string(got))
}

func TestAccessBatches(t *testing.T) {
	countLines := func(t *testing.T, dir string) func() int {
		return func() int {
			b, err := os.ReadFile(dir + "/access.test.log")
			require.NoError(t, err)
			return bytes.Count(b, []byte("\n"))
		}
	}
	t.Run("full batch is written", func(t *testing.T) {
		opt := accessOptions(t.TempDir())
		opt.Limit = 3
		a := openAccessLog(t, opt, realDisk())
		for range 4 {
			a.Log(audit.Entry{})
		}
		count := countLines(t, opt.Dir)
		require.Eventually(t, func() bool { return count() == 3 }, time.Minute, time.Millisecond)
		require.NoError(t, a.Close())
		assert.Equal(t, 4, count())
	})
	t.Run("delay is over", func(t *testing.T) {
		opt := accessOptions(t.TempDir())
		opt.Delay = time.Millisecond
		a := openAccessLog(t, opt, realDisk())
		a.Log(audit.Entry{})
		count := countLines(t, opt.Dir)
		require.Eventually(t, func() bool { return count() == 1 }, time.Minute, time.Millisecond)
	})
	t.Run("disk blocks: lines over the queue are dropped and counted, nobody waits", func(t *testing.T) {
		release := make(chan struct{})
		d := realDisk()
		d.write = func(f *os.File, b []byte) (int, error) { <-release; return f.Write(b) }
		opt := accessOptions(t.TempDir())
		opt.Limit = 1
		a := openAccessLog(t, opt, d)
		for range accessQueue + 2 {
			a.Log(audit.Entry{})
		}
		assert.GreaterOrEqual(t, a.Dropped(), int64(1))
		close(release)
	})
	t.Run("write fails: counted, later lines are written", func(t *testing.T) {
		fails := true
		d := realDisk()
		d.write = func(f *os.File, b []byte) (int, error) {
			if fails {
				fails = false
				return 0, errBroken
			}
			return f.Write(b)
		}
		opt := accessOptions(t.TempDir())
		opt.Limit = 1
		a := openAccessLog(t, opt, d)
		a.Log(audit.Entry{})
		a.Log(audit.Entry{})
		require.NoError(t, a.Close())
		assert.Equal(t, int64(1), a.Dropped())
		assert.Equal(t, 1, countLines(t, opt.Dir)())
	})
	t.Run("rotated at its size", func(t *testing.T) {
		opt := accessOptions(t.TempDir())
		opt.Limit, opt.MaxSize = 1, 1000
		a := openAccessLog(t, opt, realDisk())
		a.Log(audit.Entry{})
		a.Log(audit.Entry{})
		require.NoError(t, a.Close())
		assert.Equal(t, 1, countLines(t, opt.Dir)())
	})
	t.Run("to a stream", func(t *testing.T) {
		var out bytes.Buffer
		opt := accessOptions("")
		opt.Stream = &out
		a := openAccessLog(t, opt, realDisk())
		a.Log(audit.Entry{})
		require.NoError(t, a.Close())
		assert.Equal(t, 1, bytes.Count(out.Bytes(), []byte("\n")))
	})
}

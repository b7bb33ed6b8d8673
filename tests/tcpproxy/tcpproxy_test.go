package tcpproxy

import (
	"bufio"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo serves connections by sending back what they send.
func echo(t *testing.T) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().String()
}

// ask sends a line and returns what comes back in time.
func ask(t *testing.T, c net.Conn, within time.Duration) error {
	t.Helper()
	if _, err := io.WriteString(c, "hello\n"); err != nil {
		return err
	}
	require.NoError(t, c.SetReadDeadline(time.Now().Add(within)))
	_, err := bufio.NewReader(c).ReadString('\n')
	return err
}

func TestProxy(t *testing.T) {
	p, err := New(echo(t))
	require.NoError(t, err)
	defer p.Close()
	dial := func() net.Conn {
		c, err := net.Dial("tcp", p.Addr())
		require.NoError(t, err)
		t.Cleanup(func() { c.Close() })
		return c
	}
	first := dial()
	require.NoError(t, ask(t, first, time.Minute))

	p.Stall()
	second := dial()
	require.Error(t, ask(t, first, 50*time.Millisecond), "a stalled connection forwards nothing")
	require.Error(t, ask(t, second, 50*time.Millisecond), "nor does one taken since")
	require.NoError(t, p.Heal())
	require.NoError(t, ask(t, second, time.Minute), "what was stalled goes on")

	p.Cut()
	require.Error(t, ask(t, first, time.Minute), "a cut connection is broken")
	_, err = net.Dial("tcp", p.Addr())
	require.Error(t, err, "and none is taken")
	require.NoError(t, p.Heal())
	assert.NoError(t, ask(t, dial(), time.Minute))

	p.Stall()
	third := dial()
	require.Error(t, ask(t, third, 50*time.Millisecond))
	p.Cut()
	require.Error(t, ask(t, third, time.Minute), "stalled and cut")
}

package bootstrap

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	fewLeft   = 676            // a fifth of the numbers of one date, century and sex
	fewLeftIn = 24 * time.Hour // how long it is told that so few were left
)

// numberSpace raises the alarm when a series of replacement numbers is nearly spent. It is safe for concurrent use.
type numberSpace struct {
	now func() time.Time

	mu   sync.Mutex
	left int
	at   time.Time // zero = no series was nearly spent
}

// tell is told how many numbers a series has left.
func (n *numberSpace) tell(left int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.now()
	if left <= fewLeft && (left <= n.left || n.over(now)) {
		n.left, n.at = left, now
	}
}

func (n *numberSpace) over(now time.Time) bool { return n.at.IsZero() || now.Sub(n.at) >= fewLeftIn }

// alarms is the alarm, if there is one.
func (n *numberSpace) alarms(context.Context) ([]string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.over(n.now()) {
		return nil, nil
	}
	return []string{fmt.Sprintf("ecpr: a series of replacement numbers has %d left", n.left)}, nil
}

package portstest_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports/portstest"
)

func TestFailingStamdataLoader(t *testing.T) {
	ctx, l := context.Background(), &portstest.FailingStamdataLoader{}
	l.OnLoad.FailFrom(1, errDown)
	l.OnRead.FailFrom(1, errDown)
	_, err := l.Load(ctx, stamdata.File{}, 0, time.Time{})
	require.ErrorIs(t, err, errDown)
	_, err = l.Taken(ctx, [32]byte{})
	require.ErrorIs(t, err, errDown)
	_, err = l.Loads(ctx, 1)
	require.ErrorIs(t, err, errDown)
	for _, err := range l.Rows(ctx, stamdata.Register{}) {
		require.ErrorIs(t, err, errDown)
	}
}

func TestFailingAuthorisations(t *testing.T) {
	ctx, a := context.Background(), &portstest.FailingAuthorisations{}
	a.OnRead.FailFrom(1, errDown)
	_, err := a.ByNumber(ctx, "0TST1", time.Time{})
	require.ErrorIs(t, err, errDown)
	_, err = a.ByPerson(ctx, cpr.Number{}, time.Time{})
	require.ErrorIs(t, err, errDown)
}

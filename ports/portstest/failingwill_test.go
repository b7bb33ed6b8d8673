package portstest_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/will"
	"github.com/opennsp/nsp/ports/portstest"
)

func TestFailingWillStores(t *testing.T) {
	ctx := context.Background()
	wills, optOuts := &portstest.FailingWills{}, &portstest.FailingOptOuts{}
	for _, f := range []*portstest.Failure{&wills.OnRead, &wills.OnUpdate, &optOuts.OnRead, &optOuts.OnUpdate} {
		f.FailFrom(1, errDown)
	}
	_, _, current := wills.Current(ctx, nil)
	_, exists := wills.Exists(ctx, nil, will.BTR)
	_, history := wills.History(ctx, nil)
	_, heads := optOuts.Heads(ctx, nil)
	_, rows := optOuts.History(ctx, nil)
	for i, err := range []error{current, exists, history, wills.Update(ctx, nil, nil), heads, rows, optOuts.Update(ctx, nil, nil)} {
		require.ErrorIs(t, err, errDown, "call %d", i)
	}
}

package admitting_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/application/admitting"
)

// TestBothUnits: the one seal comes after the work and before either commit, and what fails takes both back.
func TestBothUnits(t *testing.T) {
	for _, c := range []struct {
		name           string
		work, seal     error
		log, store     error // of the commits
		inStore, inLog string
		wantErr        error
		sealed         bool
	}{
		{name: "all is well", inStore: "commit", inLog: "commit", sealed: true},
		{name: "the work fails", work: errRule, inStore: "roll back", inLog: "roll back", wantErr: errRule},
		{name: "the seal fails", seal: errSecret, inStore: "roll back", inLog: "roll back", wantErr: errSecret, sealed: true},
		{name: "the log's commit fails", log: errTaken, inStore: "roll back", inLog: "roll back", wantErr: errTaken, sealed: true},
		{name: "the store's commit fails", store: errTaken, inStore: "roll back", inLog: "commit", wantErr: errTaken, sealed: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			store, log := &world{commit: c.store}, &world{commit: c.log}
			sealed := false
			err := admitting.BothUnits{Store: store, Log: log}.Run(t.Context(), func(context.Context) error {
				assert.Equal(t, []string{"begin"}, store.steps)
				assert.Equal(t, []string{"begin"}, log.steps)
				return c.work
			}, func(context.Context) error {
				sealed = true
				return c.seal
			})
			require.ErrorIs(t, err, c.wantErr)
			assert.Equal(t, c.sealed, sealed)
			assert.Equal(t, []string{"begin", c.inStore}, store.steps)
			assert.Equal(t, []string{"begin", c.inLog}, log.steps)
		})
	}
}

package portstest_test

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/opennsp/nsp/ports/portstest"
)

// A field that is added to a caller must be generated too, else no store is asked whether it keeps it.
func TestCallersHaveEveryField(t *testing.T) {
	set := map[string]bool{}
	var walk func(path string, v reflect.Value)
	walk = func(path string, v reflect.Value) {
		set[path] = set[path] || !v.IsZero()
		switch {
		case v.Kind() == reflect.Pointer && !v.IsNil():
			walk(path, v.Elem())
		case v.Kind() == reflect.Struct && v.Type().PkgPath() == "github.com/opennsp/nsp/domain/identity":
			for i := range v.NumField() {
				walk(path+"."+v.Type().Field(i).Name, v.Field(i))
			}
		}
	}
	for seed := range 200 {
		walk("Caller", reflect.ValueOf(portstest.Callers().Example(seed)))
	}
	for path, found := range set {
		assert.True(t, found, "Callers() never sets %s", path)
	}
}

package main

import (
	"context"
	"errors"
)

func bulkDecode(context.Context, options) []figure {
	return []figure{{name: "bulk-decode", goal: goal{atMost: 0.2}, err: errors.New("TODO")}}
}

func registration(context.Context, options) []figure {
	return []figure{{name: "registration", goal: goal{atLeast: 0.3}, err: errors.New("TODO")}}
}

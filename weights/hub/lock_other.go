//go:build !unix

package hub

import "context"

// lock does nothing where there is no flock.
func lock(context.Context, string) (unlock func(), err error) { return func() {}, nil }

// freeSpace is not known.
func freeSpace(string) (int64, bool) { return 0, false }

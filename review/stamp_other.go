//go:build !linux

package review

import (
	"fmt"
	"io/fs"
	"time"
)

// stampOf tells a file from another one and from itself after a change: its size and the time of its last change.
func stampOf(info fs.FileInfo) (stamp string, changed time.Time) {
	return fmt.Sprintf("%d %d", info.Size(), info.ModTime().UnixNano()), info.ModTime()
}

package review

import (
	"fmt"
	"io/fs"
	"syscall"
	"time"
)

// stampOf tells a file from another one and from itself after a change: size, inode, and the times of the last change of the
// content and of the inode, the second of which no program can set. changed is the later of them.
func stampOf(info fs.FileInfo) (stamp string, changed time.Time) {
	changed = info.ModTime()
	stamp = fmt.Sprintf("%d %d", info.Size(), changed.UnixNano())
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		inode := time.Unix(s.Ctim.Unix())
		stamp += fmt.Sprintf(" %d %d %d", s.Dev, s.Ino, inode.UnixNano())
		if inode.After(changed) {
			changed = inode
		}
	}
	return stamp, changed
}

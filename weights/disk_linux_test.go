package weights

import (
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
)

// TestFullDisk stands a limit on the size of files in for a full disk: nothing is left and the old file stays.
func TestFullDisk(t *testing.T) {
	old := put(t, SingleFile, []byte("before"))
	parent := t.TempDir()

	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 64 << 10, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	convertErr := ConvertGGUF(t.Context(), "testdata/llama3.gguf", filepath.Join(parent, "model"), 0, nil)
	writeErr := WriteSafetensors(old, []Tensor{floats(t, "a", 1<<16)}, nil)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}

	for _, err := range []error{convertErr, writeErr} {
		wantError(t, err, SingleFile, "file too large")
		if !errors.Is(err, syscall.EFBIG) {
			t.Errorf("the cause is lost: %v", err)
		}
	}
	if left, err := os.ReadDir(parent); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	onlyBefore(t, old)
}

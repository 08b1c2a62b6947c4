package hub

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/januslm/janus/weights"
)

// home is Hugging Face's folder: $HF_HOME, else huggingface in the user's cache.
func home() (string, error) {
	if dir := os.Getenv("HF_HOME"); dir != "" {
		return dir, nil
	}
	// Not os.UserCacheDir: Hugging Face's tools use ~/.cache on every system.
	cache := os.Getenv("XDG_CACHE_HOME")
	if cache == "" {
		user, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("no folder for models from the hub: %w (set HF_HOME)", err)
		}
		cache = filepath.Join(user, ".cache")
	}
	return filepath.Join(cache, "huggingface"), nil
}

// CacheDir is where models are kept: $HF_HUB_CACHE, else hub below $HF_HOME, else ~/.cache/huggingface/hub.
func CacheDir() (string, error) {
	for _, name := range []string{"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"} {
		if dir := os.Getenv(name); dir != "" {
			return dir, nil
		}
	}
	dir, err := home()
	return filepath.Join(dir, "hub"), err
}

// Token is the user's: $HF_TOKEN, else what `hf auth login` saved; "" where there is none.
func Token() string {
	for _, name := range []string{"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"} {
		if token := strings.TrimSpace(os.Getenv(name)); token != "" {
			return token
		}
	}
	path := os.Getenv("HF_TOKEN_PATH")
	if path == "" {
		dir, err := home()
		if err != nil {
			return ""
		}
		path = filepath.Join(dir, "token")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// ErrNotPulled is what [Find] returns for a model that is not in the cache, or not wholly.
var ErrNotPulled = errors.New("is not on this machine")

// Find returns the folder of a model in the cache. It asks no network.
func Find(name Name) (string, error) {
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	model := filepath.Join(cache, name.folder())
	missing := func(what string) error {
		return fmt.Errorf("model %s %w (%s): fetch it with `janus pull %s`", name, ErrNotPulled, what, name)
	}
	hash := name.Revision
	data, err := os.ReadFile(filepath.Join(model, "refs", filepath.FromSlash(name.Revision)))
	switch {
	case err == nil:
		hash = strings.TrimSpace(string(data))
	case !errors.Is(err, fs.ErrNotExist):
		return "", err
	}
	if !commit.MatchString(hash) {
		return "", missing("no revision " + name.Revision + " in " + model)
	}
	dir := filepath.Join(model, "snapshots", hash)
	for _, config := range []string{"config.json", "adapter_config.json", "head.json"} {
		if _, err := os.Stat(filepath.Join(dir, config)); err != nil {
			continue
		}
		if config == "config.json" && !hasWeights(dir) {
			return "", missing("no weights in " + dir)
		}
		return dir, nil
	}
	return "", missing("no config.json in " + dir)
}

func hasWeights(dir string) bool {
	for _, name := range weightFiles {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}

// weightFiles are a model's weights, the one that is wanted first.
var weightFiles = []string{weights.SingleFile, weights.IndexFile, weights.TorchFile, weights.TorchIndex}

// link makes FILE of a snapshot a link to a blob, as huggingface_hub does: relative, so that the cache can be moved.
func link(snapshot, file, blob string) error {
	path := filepath.Join(snapshot, filepath.FromSlash(file))
	target, err := filepath.Rel(filepath.Dir(path), blob)
	if err != nil {
		return err
	}
	if old, err := os.Readlink(path); err == nil && old == target {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return renameio.Symlink(target, path)
}

// writeRef says at which commit a branch or tag was.
func writeRef(model, rev, hash string) error {
	if commit.MatchString(rev) {
		return nil
	}
	path := filepath.Join(model, "refs", filepath.FromSlash(rev))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return renameio.WriteFile(path, []byte(hash), 0o644)
}

// Package basemodel finds the base model that a command runs: the one it is told, by its folder, its file or its name on the
// hub, else the small one that `make` fetched. A GGUF file becomes a Hugging Face folder on its first use.
package basemodel

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/gomlx/compute/dtypes"

	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/weights"
	"github.com/januslm/janus/weights/hub"
)

// EnvModel names the base model where no flag does.
const EnvModel = "MODEL_PATH"

// The model that `make model` fetches, below a cache folder.
const (
	DefaultName = "SmolLM2-135M-Instruct"
	defaultGGUF = DefaultName + ".Q4_1.gguf"
)

// Progress shows a conversion: it is called with bytes written; total is the same in all calls.
type Progress func(done, total int64)

// Find returns the Hugging Face folder of the model asked for: a folder, the name of a model that was pulled from the hub
// (org/name or org/name@revision), or a GGUF file, which is converted once. Where nothing is asked for it is $MODEL_PATH's, else the default model from the first cache folder that has it.
func Find(ctx context.Context, asked string, progress Progress) (string, error) {
	if asked == "" {
		asked = os.Getenv(EnvModel)
	}
	if asked == "" {
		return findDefault(ctx, progress)
	}
	if dir, err := Pulled(asked); dir != "" || err != nil {
		return dir, err
	}
	info, err := os.Stat(asked)
	if err != nil {
		return "", fmt.Errorf("model: %w (expected a Hugging Face folder, a .gguf file, or the name of a pulled model)", err)
	}
	if info.IsDir() {
		return asked, nil
	}
	if !strings.EqualFold(filepath.Ext(asked), ".gguf") {
		return "", fmt.Errorf("model %s: expected a Hugging Face folder or a .gguf file", asked)
	}
	sum, err := hashFile(asked)
	if err != nil {
		return "", fmt.Errorf("model: %w", err)
	}
	cache, err := backend.UserCache()
	if err != nil {
		return "", fmt.Errorf("model %s: there is no folder to keep its conversion in (%w): use `janus convert`", asked, err)
	}
	base := strings.TrimSuffix(filepath.Base(asked), filepath.Ext(asked))
	return convert(ctx, asked, filepath.Join(cache, "converted", base+"-"+sum[:16]), progress)
}

// Pulled returns the folder of a model that `janus pull` fetched, where asked is its name (org/name or org/name@revision).
// It is "" for what is a path: one that is there, or that no name can be.
func Pulled(asked string) (string, error) {
	if _, err := os.Lstat(asked); err == nil {
		return "", nil
	}
	name, err := hub.ParseName(asked)
	if err != nil || filepath.Ext(asked) == ".gguf" {
		return "", nil //nolint:nilerr // a path then, which others tell about
	}
	dir, err := hub.Find(name)
	if err != nil {
		return "", fmt.Errorf("there is no file or folder %s, and %w", asked, err)
	}
	return dir, nil
}

func findDefault(ctx context.Context, progress Progress) (string, error) {
	dirs := backend.CacheDirs()
	for _, dir := range dirs {
		folder := filepath.Join(dir, "models", DefaultName)
		if isModel(folder) {
			return folder, nil
		}
		gguf := filepath.Join(dir, "models", defaultGGUF)
		if _, err := os.Stat(gguf); err == nil {
			return convert(ctx, gguf, folder, progress)
		}
	}
	return "", fmt.Errorf("no model: %s is not in %s; run `make model` to fetch it, or name a model with --model or %s",
		DefaultName, strings.Join(dirs, " or "), EnvModel)
}

// convert turns a GGUF file into a folder, unless the folder is there.
func convert(ctx context.Context, gguf, folder string, progress Progress) (string, error) {
	if isModel(folder) {
		return folder, nil
	}
	err := weights.ConvertGGUF(ctx, gguf, folder, dtypes.InvalidDType, progress)
	if err != nil && isModel(folder) {
		return folder, nil // another process was faster
	}
	return folder, err
}

// isModel tells whether a conversion is complete: the folder appears with all its files at once.
func isModel(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "config.json"))
	return err == nil
}

func hashFile(path string) (sum string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

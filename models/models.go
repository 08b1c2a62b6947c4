// Package models holds the adapter, head and prompts that Janus ships: for SmolLM2-135M-Instruct as scripts/fetch brings it. They are
// part of the program. README.md beside it is their card: what they were made of, and how well they judge.
package models

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/google/renameio/v2"

	"github.com/januslm/janus/weights"
)

//go:embed smollm2-135m/base.json smollm2-135m/adapter smollm2-135m/head smollm2-135m/prompts
var embedded embed.FS

const (
	root = "smollm2-135m"
	name = "janus-smollm2-135m"
)

// Base is the base model that the shipped files are for.
type Base struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`  // of its model.safetensors
	SHA256 string `json:"sha256"` // of that file
	// MaxTokens is the most tokens of an analysis that a review writes if it is not asked for a number.
	MaxTokens int `json:"max_tokens"`
	// Config is what its config.json says of its shape.
	Config Shape `json:"config"`
}

// Shape tells models of another architecture or size from other weights of the same, by config.json's own names.
type Shape struct {
	ModelType       string `json:"model_type"`
	HiddenSize      int    `json:"hidden_size"`
	NumHiddenLayers int    `json:"num_hidden_layers"`
	VocabSize       int    `json:"vocab_size"`
}

// ShapeOf reads the config.json in dir.
func ShapeOf(dir string) (s Shape, err error) {
	text, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	return s, err
}

// Shipped returns the base that the shipped files are for.
var Shipped = sync.OnceValue(func() (b Base) {
	text, err := embedded.ReadFile(root + "/base.json")
	if err == nil {
		err = json.Unmarshal(text, &b)
	}
	if err != nil {
		panic(err) // the file is part of the program, and a test reads it
	}
	return b
})

// Folders are where the shipped files lie.
type Folders struct{ Adapter, Head, Prompts string }

// ErrOtherWeights says that a model has the shape of the one that the shipped files are for, and other weights.
var ErrOtherWeights = errors.New("the shipped adapter and head are for other weights of this model")

// Fit tells whether the shipped files are for the base model in dir, a Hugging Face folder: whether its weights are the very ones.
// Other weights of a model of that shape are ErrOtherWeights; reading those of as many bytes takes half a second.
func Fit(dir string) (bool, error) { return Shipped().fits(dir) }

func (b Base) fits(dir string) (bool, error) {
	info, err := os.Stat(filepath.Join(dir, "model.safetensors"))
	if err != nil {
		return false, nil //nolint:nilerr // another model; opening it tells what may be wrong with it
	}
	if info.Size() != b.Bytes {
		if shape, err := ShapeOf(dir); err != nil || shape != b.Config {
			return false, nil //nolint:nilerr // as above
		}
		return false, fmt.Errorf("%s: %w (%d bytes, expected %d: those of make model)", dir, ErrOtherWeights, info.Size(), b.Bytes)
	}
	c, err := weights.Open(dir)
	if err != nil {
		return false, nil //nolint:nilerr // as above
	}
	sum, err := c.SHA256()
	if err := errors.Join(err, c.Close()); err != nil {
		return false, err
	}
	if sum != b.SHA256 {
		return false, fmt.Errorf("%s: %w (SHA-256 %.12s…, expected %.12s…)", dir, ErrOtherWeights, sum, b.SHA256)
	}
	return true, nil
}

// Unpack writes the shipped files below a cache folder, unless they are there, and says where they are. Their folder is named after
// what is in them, so that other versions of Janus keep their own; a file that was changed is written anew.
func Unpack(ctx context.Context, cache string) (f Folders, err error) {
	files, err := fs.Sub(embedded, root)
	if err != nil {
		return f, err
	}
	dir := filepath.Join(cache, "shipped", digest()[:16])
	// The last part of a path is the name that verdicts and reports give.
	f = Folders{filepath.Join(dir, "adapters", name), filepath.Join(dir, "heads", name), filepath.Join(dir, "prompts", name)}
	to := map[string]string{"adapter": f.Adapter, "head": f.Head, "prompts": f.Prompts}
	err = fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		part, rest, _ := strings.Cut(path, "/")
		if err != nil || ctx.Err() != nil || to[part] == "" { // base.json is for the program alone
			return errors.Join(err, ctx.Err())
		}
		target := filepath.Join(to[part], filepath.FromSlash(rest))
		if d.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		want, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		if have, err := os.ReadFile(target); err == nil && bytes.Equal(have, want) {
			return nil
		}
		return renameio.WriteFile(target, want, 0o644)
	})
	if err != nil {
		return f, fmt.Errorf("unpacking the shipped adapter and head: %w", err)
	}
	return f, nil
}

// digest is a hash of all shipped files.
var digest = sync.OnceValue(func() string {
	h := sha256.New()
	err := fs.WalkDir(embedded, root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := embedded.ReadFile(path)
		fmt.Fprintf(h, "%s %d\n%s\n", path, len(text), text)
		return err
	})
	if err != nil {
		panic(err) // the files are part of the program
	}
	return hex.EncodeToString(h.Sum(nil))
})

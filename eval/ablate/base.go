package ablate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/internal/basemodel"
	"github.com/januslm/janus/internal/nearest"
	"github.com/januslm/janus/train/heads"
	"github.com/januslm/janus/train/run"
	"github.com/januslm/janus/transformer"
)

// base is a base model of the grid.
type base struct {
	dir      string
	name     string // for people, and the points' values
	encoder  bool
	layers   int
	modules  []string // names of the projections, without their places
	weights  string   // SHA-256
	identity string   // SHA-256 of all that the model is read from
}

// openBase finds a base model and reads what it is, not its weights.
func openBase(ctx context.Context, asked string) (*base, error) {
	dir, err := basemodel.Find(ctx, asked, nil)
	if err != nil {
		return nil, err
	}
	config, err := transformer.LoadConfig(dir)
	if err != nil {
		return nil, err
	}
	family, err := transformer.Lookup(config.ModelType)
	if err != nil {
		return nil, err
	}
	b := &base{dir: dir, name: asked, layers: config.NumHiddenLayers}
	if name, err := basemodel.Pulled(asked); asked == "" || name == "" && err == nil { // not a name on the hub
		b.name = filepath.Base(dir)
	}
	_, decoder := family.Layers(config).(transformer.Decoder)
	b.encoder = !decoder
	for _, t := range family.Tensors(config) {
		parts := strings.Split(strings.TrimSuffix(t.Key, ".weight"), ".")
		if name := parts[len(parts)-1]; t.Kind == transformer.Matrix && !slices.Contains(b.modules, name) {
			b.modules = append(b.modules, name)
		}
	}
	if b.weights, err = heads.BaseSHA256(dir); err != nil {
		return nil, err
	}
	b.identity, err = b.hash()
	return b, err
}

// hash is that of the weights, and of the files about them.
func (b *base) hash() (string, error) {
	h := sha256.New()
	entries, err := os.ReadDir(b.dir)
	if err != nil {
		return "", err
	}
	_, _ = fmt.Fprintln(h, b.weights) // never fails
	for _, e := range entries {
		switch strings.ToLower(filepath.Ext(e.Name())) {
		case ".json", ".jinja", ".model", ".txt":
			file, err := run.HashFile(filepath.Join(b.dir, e.Name()))
			if err != nil {
				return "", err
			}
			_, _ = fmt.Fprintln(h, e.Name(), file.SHA256)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// fits tells whether a pooling is one of the base's kind.
func (b *base) fits(pooling string) bool {
	p := classifier.Pooling(pooling)
	return p == classifier.PoolLast || p.ForEncoder() == b.encoder
}

// check refuses values of the grid that this base has not.
func (b *base) check(c *checker) {
	for i, text := range c.Layer {
		if n, err := strconv.Atoi(text); err == nil && n >= b.layers {
			c.fail(entry("layer", i), "model %s has the layers 0 to %d, found %d, did you mean %d?", b.name, b.layers-1, n, b.layers-1)
		}
	}
	if !slices.ContainsFunc(c.Pooling, b.fits) {
		kind, want := "a decoder", "mean_generated, mean_from, mean_all, last or max"
		if b.encoder {
			kind, want = "an encoder", "cls, mean or last"
		}
		c.fail("pooling", "model %s is %s, expected %s among the values", b.name, kind, want)
	}
	adapted := slices.Contains(c.Approach, approachLoRA) || slices.Contains(c.Approach, approachJoint)
	for i, text := range c.TargetModules {
		if !adapted || b.encoder {
			break
		}
		for _, name := range strings.Split(text, "+") {
			if name != allLinear && !slices.Contains(b.modules, name) {
				c.fail(entry("target_modules", i), "model %s has no projection %q, did you mean %s?", b.name, name, nearest.Of(name, append(slices.Clone(b.modules), allLinear)))
			}
		}
	}
	for i, approach := range c.Approach {
		if b.encoder && approach != approachNone {
			c.fail(entry("approach", i), "model %s is an encoder, for which there is none alone here; `janus train encoder` tunes one, and its folder can be a model of the grid", b.name)
		}
	}
}

// allLinear stands for all projections of the layers.
const allLinear = "all-linear"

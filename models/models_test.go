package models

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/lora"
	"github.com/januslm/janus/prompts"
)

func TestShippedFilesBelongTogether(t *testing.T) {
	f, err := Unpack(context.Background(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	a, err := lora.Open(f.Adapter)
	if err != nil {
		t.Fatal(err)
	}
	if got := a.Config.BaseModel; strings.HasPrefix(got, "/") {
		t.Errorf("the adapter names the base %q, a path of the machine that made it", got)
	}
	h, err := classifier.Open(f.Head)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(f.Adapter, "adapter_model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(text)
	if got := hex.EncodeToString(sum[:]); got != h.Config.AdapterSHA256 {
		t.Errorf("the adapter's SHA-256 is %s, the head is for %s", got, h.Config.AdapterSHA256)
	}
	if h.Config.BaseSHA256 != Shipped().SHA256 || Shipped().SHA256 == "" {
		t.Errorf("base.json has SHA-256 %q, the head is for %q", Shipped().SHA256, h.Config.BaseSHA256)
	}
	if len(text) > 5<<20 {
		t.Errorf("the adapter has %d bytes, expected at most 5 MiB in every program", len(text))
	}
	if _, err := prompts.Open(prompts.VariantPlain, f.Prompts); err != nil {
		t.Error(err)
	}
}

func TestUnpackMends(t *testing.T) {
	cache := t.TempDir()
	f, err := Unpack(context.Background(), cache)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(f.Head, "head.json")
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("cut off"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Unpack(context.Background(), cache); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != string(want) {
		t.Errorf("%v: a damaged file was not written anew", err)
	}
}

func TestUnpackStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Unpack(ctx, t.TempDir()); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, expected that it was cancelled", err)
	}
}

func TestFit(t *testing.T) {
	dir := t.TempDir()
	if fits, err := Fit(dir); fits || err != nil {
		t.Errorf("an empty folder: %v, %v", fits, err)
	}
	file := filepath.Join(dir, "model.safetensors")
	if err := os.WriteFile(file, []byte("small"), 0o600); err != nil {
		t.Fatal(err)
	}
	if fits, err := Fit(dir); fits || err != nil {
		t.Errorf("another model: %v, %v", fits, err)
	}
	header := `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`
	text := append([]byte{byte(len(header)), 0, 0, 0, 0, 0, 0, 0}, header+"x"...)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(text)
	b := Base{Bytes: int64(len(text)), SHA256: hex.EncodeToString(sum[:])}
	if fits, err := b.fits(dir); !fits || err != nil {
		t.Errorf("the very weights: %v, %v", fits, err)
	}
	b.SHA256 = Shipped().SHA256
	if fits, err := b.fits(dir); fits || !errors.Is(err, ErrOtherWeights) {
		t.Errorf("other weights of that size: %v, %v", fits, err)
	}
	b.Bytes++
	b.Config = Shape{"llama", 576, 30, 49152}
	if fits, err := b.fits(dir); fits || err != nil {
		t.Errorf("weights of another size, without a config.json: %v, %v", fits, err)
	}
	for config, same := range map[string]bool{
		`{"model_type": "llama", "hidden_size": 576, "num_hidden_layers": 30, "vocab_size": 49152, "rope_theta": 1}`: true,
		`{"model_type": "llama", "hidden_size": 960, "num_hidden_layers": 32, "vocab_size": 49152}`:                  false,
	} {
		if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		if fits, err := b.fits(dir); fits || errors.Is(err, ErrOtherWeights) != same {
			t.Errorf("weights of another size, with %s: %v, %v", config, fits, err)
		}
	}
}

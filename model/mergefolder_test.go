package model_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/internal/fixtures"
	"github.com/januslm/janus/lora"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/weights"
)

// TestMergeFolder holds the folders that janus adapter merge writes to what PEFT computes with the adapter on its base.
func TestMergeFolder(t *testing.T) {
	b := testBackend(t, "")
	for _, dir := range fixtures.Glob(t, "lora/*/*") {
		base := adapterBase(t, dir)
		if !knownFamily(t, base) {
			continue
		}
		t.Run(filepath.Base(filepath.Dir(dir))+"/"+filepath.Base(dir), func(t *testing.T) {
			a, err := lora.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			out := filepath.Join(t.TempDir(), "merged")
			if _, err := a.MergeFolder(context.Background(), base, out, weights.ConvertOptions{}); err != nil {
				t.Fatal(err)
			}
			g := goldenWithPrompts(t, base, openGolden(t, filepath.Join(dir, "expected.safetensors"))).golden
			m := openModel(t, out, model.Options{Backend: b, Features: everyFeature})
			parityPrefill(t, m, g, -1)
		})
	}
}

// TestHeadsOfOtherAdapters refuses heads that cannot judge one run, and says which and why.
func TestHeadsOfOtherAdapters(t *testing.T) {
	b := testBackend(t, "")
	adapters := []string{goldenAdapter("plain_qv"), goldenAdapter("rslora_qv")}
	var heads []string
	for _, dir := range adapters {
		a, err := lora.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		h, err := classifier.Open(goldenHead(t, classifier.PoolMax))
		if err != nil {
			t.Fatal(err)
		}
		h.Config.AdapterSHA256 = a.SHA256
		head := filepath.Join(t.TempDir(), "head-"+a.Name)
		if err := h.Save(head); err != nil {
			t.Fatal(err)
		}
		heads = append(heads, head)
	}
	for name, test := range map[string]struct {
		adapters, heads []string
		want            []string
	}{
		"two heads, one adapter":  {adapters[:1], heads, []string{"head-plain_qv", "head-rslora_qv", "different adapters", "cannot judge together"}},
		"two heads, two adapters": {adapters, heads, []string{"different adapters", "cannot judge together"}},
		"two adapters, one head":  {adapters, heads[:1], []string{"head-plain_qv", "several adapters"}},
		"another adapter":         {adapters[1:], heads[:1], []string{"was trained with an adapter with SHA-256"}},
		"no adapter":              {nil, heads[:1], []string{"found no adapter"}},
	} {
		_, err := model.Open(context.Background(), tiny(t), model.Options{Backend: b, Adapters: test.adapters, Heads: test.heads})
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, part := range test.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v\ndoes not say %q", name, err, part)
			}
		}
	}
	openModel(t, tiny(t), model.Options{Backend: b, Adapters: adapters[:1], Heads: heads[:1]})
}

// TestAdapterOfAnotherFamily names the modules that the base lacks and what may be meant.
func TestAdapterOfAnotherFamily(t *testing.T) {
	dir := t.TempDir()
	a, err := lora.Open(goldenAdapter("plain_qv"))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Rename(func(tensor string) string { return strings.ReplaceAll(tensor, "q_proj", "query_proj") }); err != nil {
		t.Fatal(err)
	}
	a.Config.TargetModules.Names = []string{"query_proj", "v_proj"}
	if err := a.Save(dir); err != nil {
		t.Fatal(err)
	}
	wants := []string{
		"the base has no module model.layers.0.self_attn.query_proj", "the nearest in the base is model.layers.N.self_attn.q_proj",
	}
	_, opened := model.Open(context.Background(), tiny(t), model.Options{Backend: testBackend(t, ""), Adapters: []string{dir}})
	read, err := lora.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "out")
	_, merged := read.MergeFolder(context.Background(), tiny(t), out, weights.ConvertOptions{})
	for _, err := range []error{opened, merged} {
		for _, part := range wants {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%v\ndoes not say %q", err, part)
			}
		}
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("something was written")
	}
}

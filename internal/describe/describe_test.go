package describe

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/januslm/janus/internal/testmodel"
)

func TestDescribe(t *testing.T) {
	root, err := testmodel.Root()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	model, bare, head, adapter := filepath.Join(dir, "model"), filepath.Join(dir, "bare"), filepath.Join(dir, "head"), filepath.Join(dir, "adapter")
	for _, err := range []error{
		testmodel.Write(model, 512, 1), testmodel.Write(bare, 512, 1), testmodel.WriteHead(head, testmodel.Hidden, 1),
		testmodel.WriteAdapter(adapter, testmodel.Layers, 1), os.Remove(filepath.Join(bare, "tokenizer.json")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		path  string
		wants []string
	}{
		{model, []string{"architecture llama", "max_position_embeddings 512", "parameters 1,", "49152 tokens", "chat template yes"}},
		{bare, []string{"tokenizer none", "chat template no"}},
		{head, []string{"head /", "pooling mean_generated", "threshold 0.5"}},
		{adapter, []string{"adapter /", "r 4", `target_modules ["q_proj"]`}},
		{filepath.Join(root, "weights", "testdata", "qwen2.gguf"), []string{"format gguf", "architecture qwen2", "block_count", "tokenizer gpt2"}},
	} {
		t.Run(filepath.Base(test.path), func(t *testing.T) {
			d, err := Describe(test.path)
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			if err := d.Write(&b); err != nil {
				t.Fatal(err)
			}
			shown := strings.Join(strings.Fields(b.String()), " ")
			for _, want := range append(test.wants, "sha256 of the weights "+d.SHA256) {
				if !strings.Contains(shown, want) {
					t.Errorf("%q is missing in\n%s", want, &b)
				}
			}
		})
	}
}

// A broken tokenizer is told, not passed over; names from files cannot drive the terminal.
func TestDescribeOddFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "model")
	if err := testmodel.Write(dir, 512, 1); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "\x1b[31mred.txt"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	d, err := Describe(dir)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := d.Write(&b); err != nil || strings.Contains(b.String(), "\x1b") {
		t.Errorf("%q (%v)", b.String(), err)
	}
	if err := os.WriteFile(filepath.Join(dir, "tokenizer.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Describe(dir); err == nil || !strings.Contains(err.Error(), "tokenizer") {
		t.Errorf("a broken tokenizer: %v", err)
	}
}

package full

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/google/renameio/v2"

	"github.com/januslm/janus/transformer"
	"github.com/januslm/janus/weights"
)

// maxShard is what a file of weights holds, as Hugging Face's save_pretrained has it.
const maxShard = 5 << 30

// SaveNew writes a new model's folder: values by key as float32, and files of settings by name, config.json among them.
func (n *Network) SaveNew(ctx context.Context, dir string, values map[string][]float32, files map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var sources []weights.Source
	for _, t := range n.Tensors {
		tensor, err := weights.FromFloat32(t.Key, t.Shape, values[t.Key], dtypes.Float32)
		if err != nil {
			return err
		}
		sources = append(sources, tensor.Source())
	}
	err := weights.WriteSharded(ctx, dir, sources, weights.WriteOptions{MaxShardBytes: maxShard, Metadata: map[string]string{"format": "pt"}})
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := renameio.WriteFile(filepath.Join(dir, name), files[name], 0o644); err != nil {
			return err
		}
	}
	return nil
}

// SaveAs writes what has become of the model in the folder base as another folder: the checkpoint's own names with the values
// by key, as float32, and the base's settings and tokenizer. A folder dir that is there is replaced.
func (n *Network) SaveAs(ctx context.Context, base, dir string, values map[string][]float32) error {
	family, err := transformer.Lookup(n.Config.ModelType)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	r := &replacement{values: values, rename: family.Rename, tied: n.tiedHead(family)}
	_, err = weights.Convert(ctx, base, dir, weights.ConvertOptions{DType: dtypes.Float32, Merge: r})
	return err
}

// tiedHead are the tensors that some checkpoints hold as copies of the embedding, and the embedding's key.
func (n *Network) tiedHead(family transformer.Family) map[string]string {
	tied := map[string]string{}
	if !n.Config.TieWordEmbeddings || family.IsEncoder() {
		return tied
	}
	var table string
	for _, t := range n.Tensors {
		if t.Kind == transformer.Table {
			table = t.Key
		}
	}
	for _, key := range []string{"lm_head.weight", "embed_out.weight"} {
		tied[key] = table
	}
	return tied
}

// replacement puts values in the place of a checkpoint's: it implements [weights.Merger].
type replacement struct {
	values map[string][]float32
	rename func(key string) string // of the checkpoint's names; may be nil
	tied   map[string]string
}

func (r *replacement) key(tensor string) string {
	if table, ok := r.tied[tensor]; ok {
		return table
	}
	if r.rename != nil {
		return r.rename(tensor)
	}
	return tensor
}

// Changes implements [weights.Merger].
func (r *replacement) Changes(tensor string) bool { return r.values[r.key(tensor)] != nil }

// MergeInto implements [weights.Merger].
func (r *replacement) MergeInto(tensor string, w []float32, _ []int) error {
	values := r.values[r.key(tensor)]
	if len(values) != len(w) {
		return fmt.Errorf("tensor %s has %d values, expected %d", tensor, len(values), len(w))
	}
	copy(w, values)
	return nil
}

package hub

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/januslm/janus/weights"
)

// settings are the small files that a model, its tokenizer, an adapter or a head consists of besides its weights. What else
// a repository holds (ONNX, GGUF, TensorFlow, Flax, pictures) is not fetched.
var settings = []string{
	"config.json", "generation_config.json",
	"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
	"chat_template.jinja", "chat_template.json",
	"vocab.json", "merges.txt", "vocab.txt", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model",
	"adapter_config.json", "head.json",
}

// checkFiles refuses names that leave the folder, from a server that is not to be trusted.
func checkFiles(files []string) error {
	for _, name := range files {
		if !filepath.IsLocal(filepath.FromSlash(name)) || path.Clean(name) != name || strings.ContainsAny(name, "\\\x00") {
			return fmt.Errorf("the server lists a file %.200q, which would lie outside the model's folder: refused", name)
		}
	}
	return nil
}

// choose returns the files to fetch first: settings, and the weights or the index that tells which files they are in.
func choose(files []string) ([]string, error) {
	has := func(name string) bool { return slices.Contains(files, name) }
	var list []string
	for _, name := range settings {
		if has(name) {
			list = append(list, name)
		}
	}
	switch {
	case has("adapter_config.json"):
		return withFirst(list, files, "adapter_model.safetensors", "adapter_model.bin")
	case has("head.json"):
		return withFirst(list, files, "head.safetensors")
	case !has("config.json"):
		return nil, fmt.Errorf("it has no config.json: not a model that Janus can run; it has %s", some(files))
	}
	return withFirst(list, files, weightFiles...)
}

// withFirst adds the first of the names that is among the files.
func withFirst(list, files []string, names ...string) ([]string, error) {
	for _, name := range names {
		if slices.Contains(files, name) {
			return append(list, name), nil
		}
	}
	hint := ""
	if slices.ContainsFunc(files, func(f string) bool { return strings.HasSuffix(f, ".gguf") }) {
		hint = " (a .gguf file can be downloaded and given to `janus convert`)"
	}
	return nil, fmt.Errorf("it has none of %s; it has %s%s", strings.Join(names, ", "), some(files), hint)
}

// some lists the first files.
func some(files []string) string {
	if len(files) == 0 {
		return "no files"
	}
	if len(files) > 12 {
		return fmt.Sprintf("%q and %d more", files[:12], len(files)-12)
	}
	return fmt.Sprintf("%q", files)
}

// shards returns the files that a fetched index names.
func shards(index string, files []string) ([]string, error) {
	data, err := os.ReadFile(index)
	if err != nil {
		return nil, err
	}
	var doc struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("%s: not valid JSON: %w", filepath.Base(index), err)
	}
	var list []string
	for tensor, file := range doc.WeightMap {
		if !slices.Contains(files, file) {
			return nil, fmt.Errorf("%s says that tensor %.100q is in %.100q, which the repository does not have", filepath.Base(index), tensor, file)
		}
		list = append(list, file)
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// isIndex tells whether a file names the files of the weights.
func isIndex(file string) bool { return file == weights.IndexFile || file == weights.TorchIndex }

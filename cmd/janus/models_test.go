package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/internal/testmodel"
)

// fillModels makes, below dir, the model tiny with its adapters and heads, and models that are broken each in one way.
func fillModels(dir string) error {
	tiny := filepath.Join(dir, "tiny")
	for _, err := range []error{
		testmodel.Write(tiny, 2048, 1),
		testmodel.WriteHead(filepath.Join(dir, "head"), testmodel.Hidden, 1),
		testmodel.WriteHead(filepath.Join(dir, "head2"), testmodel.Hidden, 2),
		testmodel.WriteHead(filepath.Join(dir, "wide-head"), 2*testmodel.Hidden, 3),
		testmodel.WriteAdapter(filepath.Join(dir, "adapter"), testmodel.Layers, 4),
		testmodel.WriteAdapter(filepath.Join(dir, "adapter2"), testmodel.Layers, 5),
		testmodel.WriteAdapter(filepath.Join(dir, "deep-adapter"), testmodel.Layers+1, 6),
		testmodel.WriteEncoder(filepath.Join(dir, "encoder"), 96, 7),
		writeEncoderHead(filepath.Join(dir, "encoder-head"), classifier.PoolCLS, ""),
		testmodel.WriteEncoder(filepath.Join(dir, "enc", "model"), 96, 7), // as `janus train encoder` leaves them
		writeEncoderHead(filepath.Join(dir, "enc", "head"), classifier.PoolCLS, ""),
		writeEncoderHead(filepath.Join(dir, "encoder-mean"), classifier.PoolMean, ""),
		writeEncoderHead(filepath.Join(dir, "encoder-stranger"), classifier.PoolCLS, strings.Repeat("ab", 32)),
	} {
		if err != nil {
			return err
		}
	}
	for name, breakIt := range broken {
		if err := copyModel(tiny, filepath.Join(dir, name)); err != nil {
			return err
		}
		if err := breakIt(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// writeEncoderHead makes a head for the encoder, or for the base whose hash is given.
func writeEncoderHead(dir string, pooling classifier.Pooling, base string) error {
	config := classifier.DefaultConfig(testmodel.Hidden)
	config.Pooling, config.BaseSHA256 = pooling, base
	return testmodel.WriteHeadOf(dir, config, 8)
}

// copyModel links all files of a model but config.json, which is copied.
func copyModel(from, to string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.Symlink(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return editConfig(to, func(map[string]any) {})
}

// replaceFile puts a file where a link was.
func replaceFile(dir, name string, data []byte) error {
	path := filepath.Join(dir, name)
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}

func editConfig(dir string, edit func(config map[string]any)) error {
	data, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		return err
	}
	config := map[string]any{}
	if err := json.Unmarshal(data, &config); err != nil {
		return err
	}
	edit(config)
	if data, err = json.Marshal(config); err != nil {
		return err
	}
	return replaceFile(dir, "config.json", data)
}

// safetensors is a file with a given header and so many bytes of data.
func safetensors(header string, data int) []byte {
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(out, header...), make([]byte, data)...)
}

const weightsName = "model.safetensors"

// broken are ways to break a model's folder.
var broken = map[string]func(dir string) error{
	"truncated-header": func(dir string) error {
		data, err := os.ReadFile(filepath.Join(dir, weightsName))
		if err != nil {
			return err
		}
		return replaceFile(dir, weightsName, data[:100])
	},
	"truncated-data": func(dir string) error {
		data, err := os.ReadFile(filepath.Join(dir, weightsName))
		if err != nil {
			return err
		}
		return replaceFile(dir, weightsName, data[:len(data)/2])
	},
	"overlong-header": func(dir string) error {
		return replaceFile(dir, weightsName, append([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, "{}"...))
	},
	"out-of-range": func(dir string) error {
		return replaceFile(dir, weightsName, safetensors(`{"model.norm.weight":{"dtype":"F32","shape":[32],"data_offsets":[0,128]}}`, 64))
	},
	"overlapping": func(dir string) error {
		return replaceFile(dir, weightsName, safetensors(
			`{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"b":{"dtype":"F32","shape":[4],"data_offsets":[8,24]}}`, 24))
	},
	"many-entries": func(dir string) error {
		var header bytes.Buffer
		header.WriteString("{")
		const n = 100_000
		for i := range n {
			fmt.Fprintf(&header, `"t%d":{"dtype":"U8","shape":[1],"data_offsets":[%d,%d]},`, i, i, i+1)
		}
		header.WriteString(`"__metadata__":{}}`)
		return replaceFile(dir, weightsName, safetensors(header.String(), n))
	},
	"empty-weights": func(dir string) error { return replaceFile(dir, weightsName, nil) },
	"missing-shard": func(dir string) error {
		if err := os.Rename(filepath.Join(dir, weightsName), filepath.Join(dir, "model-00001-of-00002.safetensors")); err != nil {
			return err
		}
		index := `{"metadata":{},"weight_map":{"model.embed_tokens.weight":"model-00001-of-00002.safetensors","model.norm.weight":"model-00002-of-00002.safetensors"}}`
		return replaceFile(dir, "model.safetensors.index.json", []byte(index))
	},
	"unknown-architecture": func(dir string) error {
		return editConfig(dir, func(c map[string]any) { c["model_type"], c["architectures"] = "gpt9", []string{"GPT9ForCausalLM"} })
	},
	"unknown-rope": func(dir string) error {
		return editConfig(dir, func(c map[string]any) { c["rope_scaling"] = map[string]any{"rope_type": "spiral", "factor": 2} })
	},
	"broken-config": func(dir string) error { return replaceFile(dir, "config.json", []byte(`{"model_type": `)) },
	"other-shape":   func(dir string) error { return editConfig(dir, func(c map[string]any) { c["intermediate_size"] = 96 }) },
	"small-context": func(dir string) error {
		return editConfig(dir, func(c map[string]any) { c["max_position_embeddings"] = 400 })
	},
	"no-tokenizer": func(dir string) error { return os.Remove(filepath.Join(dir, "tokenizer.json")) },
}

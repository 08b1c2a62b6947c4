package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/google/renameio/v2"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/lora"
	"github.com/januslm/janus/models"
	"github.com/januslm/janus/weights"
)

// baseName is how PEFT's configuration names the base, for others' tools.
const baseName = "HuggingFaceTB/SmolLM2-135M-Instruct"

// shipped is the folder that the program embeds.
const shipped = "models/smollm2-135m"

// writeAdapter writes a folder as PEFT has it.
func writeAdapter(dir string, tensors []weights.Tensor, config map[string]any) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := weights.WriteSafetensors(filepath.Join(dir, "adapter_model.safetensors"), tensors, map[string]string{"format": "pt"}); err != nil {
		return err
	}
	return writeJSON(filepath.Join(dir, "adapter_config.json"), config)
}

// packAdapter joins the adapters of the lower and of the upper layers into the one that is shipped: in bfloat16, which halves it, and
// naming its base.
func packAdapter(lower, upper string) error {
	var tensors []weights.Tensor
	var layers []any
	var joint map[string]any
	for _, from := range []string{lower, upper} {
		a, err := lora.Open(from)
		if err != nil {
			return err
		}
		for _, p := range a.Parts() {
			if slices.ContainsFunc(tensors, func(t weights.Tensor) bool { return t.Name == p.Name }) {
				return fmt.Errorf("%s and %s both have %s: expected adapters of different layers", lower, upper, p.Name)
			}
			t, err := weights.FromFloat32(p.Name, p.Shape, p.Data, dtypes.BFloat16)
			if err != nil {
				return err
			}
			tensors = append(tensors, t)
		}
		config, err := adapterConfig(from)
		if err != nil {
			return err
		}
		list, _ := config[layersKey].([]any)
		layers, config[layersKey], config["base_model_name_or_path"] = append(layers, list...), nil, baseName
		if joint != nil && !reflect.DeepEqual(joint, config) {
			return fmt.Errorf("%s and %s have different settings: expected adapters that differ in %s alone", lower, upper, layersKey)
		}
		joint = config
	}
	joint[layersKey] = layers
	return writeAdapter(filepath.Join(shipped, "adapter"), tensors, joint)
}

// layersKey is the setting of PEFT's that says which layers are adapted.
const layersKey = "layers_to_transform"

func adapterConfig(dir string) (config map[string]any, err error) {
	text, err := os.ReadFile(filepath.Join(dir, "adapter_config.json"))
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &config); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return config, nil
}

// analysisTokens is how much a review with the shipped files writes: a quotation and a reason.
const analysisTokens = 16

// packHead copies a head that was trained with an adapter of the lower layers to where it is shipped, tied to the adapter that is shipped (which
// has that one's in these layers), and notes which base both are for.
func packHead(from, trained, base string) error {
	h, err := classifier.Open(from)
	if err != nil {
		return err
	}
	a, err := lora.Open(trained)
	if err != nil {
		return err
	}
	// What is above the head's layer changes nothing that it reads.
	if h.Config.AdapterSHA256 != a.SHA256 || !slices.Contains(a.Config.LayersToAdapt, int(h.Config.Layer)) {
		return fmt.Errorf("%s is for layer %s with the adapter %.12s…, expected %.12s…, of %s, and one of its layers %v",
			from, h.Config.Layer, h.Config.AdapterSHA256, a.SHA256, trained, a.Config.LayersToAdapt)
	}
	if a, err = lora.Open(filepath.Join(shipped, "adapter")); err != nil {
		return err
	}
	h.Config.AdapterSHA256 = a.SHA256
	if err := h.Save(filepath.Join(shipped, "head")); err != nil {
		return err
	}
	info, err := os.Stat(filepath.Join(base, "model.safetensors"))
	if err != nil {
		return err
	}
	shape, err := models.ShapeOf(base)
	if err != nil {
		return err
	}
	return writeJSON(filepath.Join(shipped, "base.json"), models.Base{
		Name: baseName, Bytes: info.Size(), SHA256: h.Config.BaseSHA256, MaxTokens: analysisTokens, Config: shape,
	})
}

func writeJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return renameio.WriteFile(path, append(text, '\n'), 0o644)
}

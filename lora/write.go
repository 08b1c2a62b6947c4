package lora

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gomlx/compute/dtypes"
	"github.com/google/renameio/v2"

	"github.com/januslm/janus/weights"
)

// Save writes the adapter as a PEFT folder, in float32. Both files are written to temporary names, synced and renamed,
// the configuration last: where it is there, the weights are whole.
func (a *Adapter) Save(dir string) error {
	if err := a.save(dir); err != nil {
		return fmt.Errorf("saving adapter %s: %w", dir, err)
	}
	return nil
}

func (a *Adapter) save(dir string) error {
	config, err := a.Config.marshal()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	tensors, err := a.tensors()
	if err != nil {
		return err
	}
	metadata := map[string]string{"format": "pt"} // transformers and PEFT look for it
	if err := weights.WriteSafetensors(filepath.Join(dir, weightsFile), tensors, metadata); err != nil {
		return err
	}
	return renameio.WriteFile(filepath.Join(dir, configFile), config, 0o644)
}

// tensors are the values under PEFT's names.
func (a *Adapter) tensors() ([]weights.Tensor, error) {
	var all []weights.Tensor
	for _, p := range a.Parts() {
		t, err := weights.FromFloat32(p.Name, p.Shape, p.Data, dtypes.Float32)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

// savedName puts base_layer back into the name of an adapted module's bias.
func (a *Adapter) savedName(tensor string) string {
	dir, base := cutLast(tensor)
	if _, adapted := a.modules[dir]; adapted && base == "bias" {
		return dir + ".base_layer." + base
	}
	return tensor
}

// cutLast splits a name at its last dot.
func cutLast(name string) (before, after string) {
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == '.' {
			return name[:i], name[i+1:]
		}
	}
	return "", name
}

// marshal returns adapter_config.json with the settings that Janus knows; PEFT has defaults for all others. Keys are
// sorted and indented by two, as PEFT writes them.
func (c *Config) marshal() ([]byte, error) {
	settings := map[string]any{
		"peft_type":               "LORA",
		"base_model_name_or_path": orNull(c.BaseModel),
		"task_type":               orNull(c.TaskType),
		"inference_mode":          true,
		"r":                       c.R,
		"lora_alpha":              c.Alpha,
		"lora_dropout":            c.Dropout,
		"use_rslora":              c.RSLoRA,
		"use_dora":                c.DoRA,
		"bias":                    c.Bias,
		"rank_pattern":            c.RankPattern,
		"alpha_pattern":           c.AlphaPattern,
		"target_modules":          c.TargetModules,
		"layers_to_transform":     listOrNull(c.LayersToAdapt),
		"layers_pattern":          listOrNull(c.LayersPattern),
		"modules_to_save":         listOrNull(c.ModulesToSave),
		"fan_in_fan_out":          false,
	}
	if c.PEFTVersion != "" {
		settings["peft_version"] = c.PEFTVersion
	}
	data, err := json.MarshalIndent(settings, "", "  ")
	return append(data, '\n'), err
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func listOrNull[T any](list []T) any {
	if len(list) == 0 {
		return nil
	}
	return list
}

package lora

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/januslm/janus/weights"
)

// File names in a PEFT folder.
const (
	configFile  = "adapter_config.json"
	weightsFile = "adapter_model.safetensors"
	torchFile   = "adapter_model.bin" // of old versions of PEFT, and with safe_serialization=False
)

// prefix stands before every name in PEFT's file: its wrapper's attribute and that of the wrapped model.
const prefix = "base_model.model."

// Open reads a PEFT folder, whose weights are safetensors or, where these are not there, PyTorch's. Values of float32,
// float16 and bfloat16 files become float32.
func Open(dir string) (*Adapter, error) {
	a, err := open(dir)
	if err != nil {
		return nil, fmt.Errorf("adapter %s: %w", dir, err)
	}
	return a, nil
}

func open(dir string) (a *Adapter, err error) {
	data, err := os.ReadFile(filepath.Join(dir, configFile))
	if err != nil {
		if os.IsNotExist(err) {
			return nil, fmt.Errorf("there is no %s: expected a PEFT adapter folder: %w", configFile, fs.ErrNotExist)
		}
		return nil, err
	}
	config, err := ParseConfig(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", configFile, err)
	}
	path := weights.FirstFile(dir, weightsFile, torchFile)
	checkpoint, err := weights.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if closeErr := checkpoint.Close(); err == nil {
			err = closeErr
		}
	}()
	var sum string
	var sumErr error
	var hashing sync.WaitGroup
	hashing.Go(func() { sum, sumErr = checkpoint.SHA256() }) // as long as all the rest
	modules, replaced, err := collect(checkpoint)
	hashing.Wait()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	if sumErr != nil {
		return nil, sumErr
	}
	name := filepath.Base(dir)
	if abs, err := filepath.Abs(dir); err == nil { // so that "." has a name
		name = filepath.Base(abs)
	}
	a, err = New(name, *config, modules, replaced)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	a.SHA256 = sum
	if err := a.checkTargets(); err != nil {
		return nil, fmt.Errorf("%s %w", filepath.Base(path), err)
	}
	return a, nil
}

// collect sorts the tensors of an adapter file into modules and replaced base tensors.
func collect(checkpoint *weights.Checkpoint) ([]*Module, map[string]Values, error) {
	parts := map[string]map[string]Values{} // module → part of it
	replaced := map[string]Values{}
	for _, key := range checkpoint.Names() {
		t, _ := checkpoint.Tensor(key)
		data, err := weights.ToFloat32(t)
		if err != nil {
			return nil, nil, err
		}
		v := Values{Shape: t.Shape, Data: data}
		name, ok := strings.CutPrefix(key, prefix)
		if !ok {
			return nil, nil, fmt.Errorf("tensor %s: the name should begin with %s", key, prefix)
		}
		module, part, err := split(name)
		if err != nil {
			return nil, nil, err
		}
		if part == "" {
			replaced[module] = v
			continue
		}
		if parts[module] == nil {
			parts[module] = map[string]Values{}
		}
		parts[module][part] = v
	}
	var modules []*Module
	for name, of := range parts {
		m, err := assemble(name, of)
		if err != nil {
			return nil, nil, fmt.Errorf("module %s: %w", name, err)
		}
		modules = append(modules, m)
	}
	slices.SortFunc(modules, func(a, b *Module) int { return strings.Compare(a.Name, b.Name) })
	return modules, replaced, nil
}

// The tensors of an adapted module, behind its name.
const (
	partA         = "lora_A.weight"
	partB         = "lora_B.weight"
	partMagnitude = "lora_magnitude_vector"
)

// split takes a name of an adapter file, without prefix, apart: into module and part, or, for a tensor that replaces one of
// the base's, into that one's name and "". PEFT saves the bias of an adapted module as MODULE.base_layer.bias; old versions
// saved the magnitude as MODULE.lora_magnitude_vector.weight.
func split(name string) (module, part string, err error) {
	for _, part := range []string{partA, partB, partMagnitude} {
		for _, suffix := range []string{"." + part, "." + part + ".weight"} {
			if module, ok := strings.CutSuffix(name, suffix); ok && (part == partMagnitude || suffix == "."+part) {
				return module, part, nil
			}
		}
	}
	if strings.Contains(name, ".lora_") {
		return "", "", fmt.Errorf("tensor %s%s: this kind of LoRA tensor is not supported, only those of linear modules "+
			"(%s, %s, %s)", prefix, name, partA, partB, partMagnitude)
	}
	return strings.Replace(name, ".base_layer.", ".", 1), "", nil
}

// assemble makes a module of its tensors and checks that they belong together.
func assemble(name string, of map[string]Values) (*Module, error) {
	a, okA := of[partA]
	b, okB := of[partB]
	if !okA || !okB {
		return nil, fmt.Errorf("needs both %s and %s", partA, partB)
	}
	if len(a.Shape) != 2 || len(b.Shape) != 2 || a.Shape[0] != b.Shape[1] {
		return nil, fmt.Errorf("lora_A has shape %v and lora_B %v, expected [r,in] and [out,r]", a.Shape, b.Shape)
	}
	m := &Module{Name: name, Rank: a.Shape[0], In: a.Shape[1], Out: b.Shape[0], A: a.Data, B: b.Data}
	if v, ok := of[partMagnitude]; ok {
		m.Magnitude = v.Data
	}
	return m, nil
}

package lora_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/januslm/janus/lora"
)

// saved writes an adapter whose configuration says something else than its tensors, and opens it.
func saved(t *testing.T, change func(c *lora.Config), names ...string) (*lora.Adapter, error) {
	t.Helper()
	var modules []*lora.Module
	for _, name := range names {
		modules = append(modules, module(name, 2, 4, 6))
	}
	a := adapter(t, "x", lora.Config{R: 2, Alpha: 4}, modules...)
	change(&a.Config)
	dir := t.TempDir()
	if err := a.Save(dir); err != nil {
		t.Fatal(err)
	}
	return lora.Open(dir)
}

// TestTargets follows PEFT in which modules target_modules chooses.
func TestTargets(t *testing.T) {
	const layer0, layer3 = "model.layers.0.self_attn.q_proj", "model.layers.3.self_attn.q_proj"
	names := func(names ...string) func(c *lora.Config) {
		return func(c *lora.Config) { c.TargetModules.Names = names }
	}
	pattern := func(p string) func(c *lora.Config) {
		return func(c *lora.Config) { c.TargetModules.Pattern = p }
	}
	layers := func(pattern []string, layers ...int) func(c *lora.Config) {
		return func(c *lora.Config) {
			c.TargetModules.Names, c.LayersToAdapt, c.LayersPattern = []string{"q_proj"}, layers, pattern
		}
	}
	for name, test := range map[string]struct {
		change func(c *lora.Config)
		want   []string // of the error; none is right
	}{
		"by name":         {names("q_proj"), nil},
		"by longer name":  {names("self_attn.q_proj"), nil},
		"by full names":   {names(layer0, layer3), nil},
		"none given":      {names(), nil},
		"all linear":      {pattern("all-linear"), nil},
		"a pattern":       {pattern(`.*\.q_proj`), nil},
		"Python's own":    {pattern(`(?<!x)q_proj`), nil}, // no pattern of Go's: not checked
		"another name":    {names("v_proj"), []string{layer0, layer3, "target_modules (v_proj)", "do not belong together"}},
		"a part of one":   {names("proj"), []string{layer0}},
		"half a pattern":  {pattern(`q_proj`), []string{layer0}},
		"layers":          {layers(nil, 0, 3), nil},
		"another layer":   {layers(nil, 0), []string{"tensors for " + layer3 + ","}},
		"layers' pattern": {layers([]string{"layers"}, 0, 3), nil},
		"another pattern": {layers([]string{"h"}, 0, 3), []string{layer0}},
	} {
		_, err := saved(t, test.change, layer0, layer3)
		if (err == nil) != (test.want == nil) {
			t.Errorf("%s: %v", name, err)
		}
		for _, part := range test.want {
			if err != nil && !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v\ndoes not say %q", name, err, part)
			}
		}
	}
}

func TestNotes(t *testing.T) {
	a, err := saved(t, func(c *lora.Config) { c.TargetModules.Names = []string{"q_proj", "k_proj"} }, qProj)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"target_modules names k_proj, but the file has no tensors for it"}; !slices.Equal(a.Notes(), want) {
		t.Errorf("notes %q, want %q", a.Notes(), want)
	}
}

func TestSuggest(t *testing.T) {
	a := adapter(t, "x", lora.Config{R: 2, Alpha: 4}, module("layers.0.query", 2, 4, 6), module("layers.7.q_proj", 2, 4, 6), module("head.utterly.different", 2, 4, 6))
	err := a.Suggest(errors.New("misfit"), map[string][]int{
		"layers.0.q_proj.weight": {6, 4}, "layers.0.query_2.weight": {6, 4}, "layers.1.norm.weight": {4}, "layers.0.tied.weight": nil,
	})
	want := "misfit\n(N is a layer) head.utterly.different: the base has no module like it\n(N is a layer) layers.N.query: the nearest in the base is layers.N.query_N"
	if err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

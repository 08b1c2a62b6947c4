package lora_test

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/januslm/janus/lora"
)

func TestParseConfig(t *testing.T) {
	c, err := lora.ParseConfig([]byte(`{
		"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": "org/base", "r": 4, "lora_alpha": 32,
		"use_dora": true, "bias": "lora_only", "target_modules": ".*proj", "layers_to_transform": 1, "layers_pattern": "layers",
		"modules_to_save": ["lm_head"], "layer_replication": null, "use_qalora": false, "qalora_group_size": 16,
		"arrow_config": {}, "fan_in_fan_out": false, "peft_version": "0.21.2", "init_lora_weights": "gaussian"}`))
	if err != nil {
		t.Fatal(err)
	}
	if c.BaseModel != "org/base" || c.R != 4 || c.Alpha != 32 || !c.DoRA || c.RSLoRA || c.Bias != "lora_only" {
		t.Errorf("got %+v", c)
	}
	if c.TargetModules.Pattern != ".*proj" || c.TargetModules.Names != nil {
		t.Errorf("target_modules: got %+v", c.TargetModules)
	}
	if !slices.Equal(c.LayersToAdapt, []int{1}) || !slices.Equal(c.LayersPattern, []string{"layers"}) {
		t.Errorf("layers: got %v %v", c.LayersToAdapt, c.LayersPattern)
	}
}

func TestParseConfigRefuses(t *testing.T) {
	tests := map[string]struct{ json, want string }{
		"not JSON":           {`r: 8`, "not a JSON object"},
		"a list":             {`[]`, "not a JSON object"},
		"no type":            {`{"r": 8}`, `peft_type is ""`},
		"another method":     {`{"peft_type": "IA3"}`, `peft_type is "IA3", expected "LORA"`},
		"layer replication":  {`{"peft_type": "LORA", "layer_replication": [[0, 4], [2, 5]]}`, "layer_replication = [[0, 4], [2, 5]]"},
		"activated lora":     {`{"peft_type": "LORA", "alora_invocation_tokens": [1, 2]}`, "alora_invocation_tokens"},
		"bias of B":          {`{"peft_type": "LORA", "lora_bias": true}`, "lora_bias = true"},
		"a setting to come":  {`{"peft_type": "LORA", "use_hyper": "yes"}`, `use_hyper = "yes"`},
		"changed base":       {`{"peft_type": "LORA", "init_lora_weights": "pissa_niter_16"}`, `init_lora_weights is "pissa_niter_16"`},
		"wrong type":         {`{"peft_type": "LORA", "r": "eight"}`, `r is "eight"`},
		"no rank":            {`{"peft_type": "LORA", "r": 0}`, "r is 0, expected at least 1"},
		"wrong bias":         {`{"peft_type": "LORA", "bias": "some"}`, `bias is "some", expected none, lora_only or all`},
		"rank of half":       {`{"peft_type": "LORA", "rank_pattern": {"q_proj": 0.5}}`, `rank_pattern "q_proj" is 0.5`},
		"pattern as list":    {`{"peft_type": "LORA", "rank_pattern": ["q_proj"]}`, "expected an object"},
		"pattern of strings": {`{"peft_type": "LORA", "alpha_pattern": {"q_proj": "x"}}`, "q_proj"},
		"broken pattern":     {`{"peft_type": "LORA", "alpha_pattern": {"q_(proj": 1}}`, `pattern key "q_(proj"`},
		"targets a number":   {`{"peft_type": "LORA", "target_modules": 3}`, "expected a list of module names or a string"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := lora.ParseConfig([]byte(test.json))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, expected %q in it", err, test.want)
			}
		})
	}
}

func TestScale(t *testing.T) {
	parse := func(json string) *lora.Config {
		c, err := lora.ParseConfig([]byte(json))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	// Of two keys that match, the first in the file wins; a key must match up to a dot and to the end.
	patterns := `"rank_pattern": {"layers.1.self_attn.q_proj": 2, "q_proj": 16, ".*mlp.up_proj": 1}, "alpha_pattern": {"q_proj": 4, "layers.1.self_attn.q_proj": 40}`
	plain := parse(`{"peft_type": "LORA", "r": 8, "lora_alpha": 32, ` + patterns + `}`)
	rs := parse(`{"peft_type": "LORA", "r": 16, "lora_alpha": 8, "use_rslora": true}`)
	tests := []struct {
		config *lora.Config
		module string
		rank   int
		scale  float64
	}{
		{plain, "model.layers.1.self_attn.q_proj", 2, 4.0 / 2},
		{plain, "model.layers.0.self_attn.q_proj", 16, 4.0 / 16},
		{plain, "model.layers.11.self_attn.q_proj", 16, 4.0 / 16},
		{plain, "model.layers.0.self_attn.big_q_proj", 8, 4},
		{plain, "model.layers.0.self_attn.v_proj", 8, 4},
		{plain, "model.layers.0.mlp.up_proj", 1, 32},
		{rs, "model.layers.0.self_attn.v_proj", 16, 8.0 / 4},
	}
	for _, test := range tests {
		if got := test.config.Rank(test.module); got != test.rank {
			t.Errorf("%s: rank %d, expected %d", test.module, got, test.rank)
		}
		if got := test.config.Scale(test.module); math.Abs(got-test.scale) > 1e-12 {
			t.Errorf("%s: scale %v, expected %v", test.module, got, test.scale)
		}
	}
}

func TestPatternsKeepTheirOrder(t *testing.T) {
	const text = `{"z":1,"a":2,"m":0.5}`
	var p lora.Patterns
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(p)
	if err != nil || string(out) != text {
		t.Errorf("got %s %v, expected %s", out, err, text)
	}
}

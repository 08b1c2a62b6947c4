package classifier

import (
	"encoding/json"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

func TestParseConfigDefaults(t *testing.T) {
	c, err := ParseConfig([]byte(`{"format_version": 1, "hidden_size": 576, "layers": [32]}`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(DefaultConfig(576), *c); diff != "" {
		t.Errorf("(-expected +got):\n%s", diff)
	}
}

func TestConfigRoundTrip(t *testing.T) {
	c := DefaultConfig(48)
	c.Layers, c.Activation, c.LayerNorm, c.Dropout = []int{}, ActSiLU, true, 0.25
	c.Pooling, c.Layer, c.Temperature, c.Threshold = PoolMax, 0, 1.7, 0.31
	c.MinTokens, c.MaxTokens, c.BaseSHA256 = 16, 64, strings.Repeat("0aF9", 16)
	c.Trained = map[string]any{"run": "2026-11-22", "seeds": []any{1.0, 2.0}}
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseConfig(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(c, *again); diff != "" {
		t.Errorf("(-written +read):\n%s", diff)
	}
}

func TestParseConfigRefuses(t *testing.T) {
	tests := map[string]struct{ json, want string }{
		"not JSON":             {`{`, "not a JSON object"},
		"unknown key":          {`{"treshold": 0.4}`, `unknown key "treshold", did you mean "threshold"?`},
		"another unknown key":  {`{"hidden": 4}`, `did you mean "hidden_size"?`},
		"free-form misspelt":   {`{"trainedd": {}}`, `did you mean "trained"?`},
		"no version":           {`{"hidden_size": 4, "layers": []}`, `key "format_version" is missing`},
		"no hidden size":       {`{"format_version": 1, "layers": []}`, `key "hidden_size" is missing`},
		"no layers":            {`{"format_version": 1, "hidden_size": 4}`, `key "layers" is missing`},
		"version to come":      {`{"format_version": 2, "hidden_size": 4, "layers": []}`, "format_version is 2, expected 1"},
		"text for a number":    {`{"format_version": 1, "hidden_size": "4", "layers": []}`, "hidden_size is a JSON string, expected int"},
		"hidden size 0":        {`{"format_version": 1, "hidden_size": 0, "layers": []}`, "hidden_size is 0"},
		"layer of width 0":     {`{"format_version": 1, "hidden_size": 4, "layers": [8, 0]}`, "layers[1] is 0"},
		"unknown activation":   {`{"format_version": 1, "hidden_size": 4, "layers": [], "activation": "mish"}`, `activation is "mish", expected one of gelu, relu, tanh, silu`},
		"unknown pooling":      {`{"format_version": 1, "hidden_size": 4, "layers": [], "pooling": "median"}`, `pooling is "median", expected one of mean_generated, `},
		"layer by a word":      {`{"format_version": 1, "hidden_size": 4, "layers": [], "layer": "first"}`, `layer is "first", expected "last" or an index`},
		"negative layer":       {`{"format_version": 1, "hidden_size": 4, "layers": [], "layer": -1}`, `layer is -1`},
		"temperature 0":        {`{"format_version": 1, "hidden_size": 4, "layers": [], "temperature": 0}`, "temperature is 0, expected a finite number above 0"},
		"negative temperature": {`{"format_version": 1, "hidden_size": 4, "layers": [], "temperature": -1}`, "temperature is -1"},
		"threshold in percent": {`{"format_version": 1, "hidden_size": 4, "layers": [], "threshold": 50}`, "threshold is 50, expected 0 to 1"},
		"dropout of all":       {`{"format_version": 1, "hidden_size": 4, "layers": [], "dropout": 1}`, "dropout is 1"},
		"tokens crossed":       {`{"format_version": 1, "hidden_size": 4, "layers": [], "min_reasoning_tokens": 9, "max_reasoning_tokens": 8}`, "reasoning tokens are 9 to 8"},
		"tokens below -1":      {`{"format_version": 1, "hidden_size": 4, "layers": [], "max_reasoning_tokens": -2}`, "max_reasoning_tokens is -2, expected -1 (not known) or more"},
		"short sum":            {`{"format_version": 1, "hidden_size": 4, "layers": [], "base_sha256": "abc"}`, `base_sha256 is "abc", expected 64`},
		"sum of letters":       {`{"format_version": 1, "hidden_size": 4, "layers": [], "adapter_sha256": "` + strings.Repeat("z", 64) + `"}`, `adapter_sha256 is "zz`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := ParseConfig([]byte(test.json))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, expected %q in it", err, test.want)
			}
		})
	}
}

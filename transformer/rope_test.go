package transformer_test

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/januslm/janus/transformer"
)

// TestRope holds every rope_type to what transformers computes; testdata/make_rope.py says how the file was made.
func TestRope(t *testing.T) {
	data, err := os.ReadFile("testdata/rope.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []struct {
			Name               string          `json:"name"`
			Positions          int             `json:"positions"`
			Kind               string          `json:"kind"`
			Config             json.RawMessage `json:"config"`
			InverseFrequencies []float64       `json:"inverse_frequencies"`
			AttentionScaling   float64         `json:"attention_scaling"`
		} `json:"cases"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) < 40 {
		t.Fatalf("the fixture has only %d cases", len(file.Cases))
	}
	for _, c := range file.Cases {
		t.Run(c.Name, func(t *testing.T) {
			config, err := transformer.ParseConfig(c.Config)
			if err != nil {
				t.Fatal(err)
			}
			if c.Positions > config.ContextLength {
				if err := config.SetContextLength(c.Positions); err != nil {
					t.Fatal(err)
				}
			}
			p, ok := config.Rope[c.Kind]
			if !ok {
				t.Fatalf("no rope parameters of kind %q", c.Kind)
			}
			got, err := p.InverseFrequencies(2 * len(c.InverseFrequencies))
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range c.InverseFrequencies {
				if math.Abs(got[i]-want) > 2e-6*want { // transformers computes in float32
					t.Errorf("inverse frequency %d is %.9g, expected %.9g", i, got[i], want)
				}
			}
			if got := p.AttentionScaling(); math.Abs(got-c.AttentionScaling) > 1e-12 {
				t.Errorf("attention scaling is %.15g, expected %.15g", got, c.AttentionScaling)
			}
		})
	}
}

const sizes = `"vocab_size": 9, "hidden_size": 32, "intermediate_size": 8, "num_hidden_layers": 2, "num_attention_heads": 4`

func TestContextLength(t *testing.T) {
	longrope := `"model_type": "phi3", "max_position_embeddings": 1000, "original_max_position_embeddings": 100,
		"rope_parameters": {"rope_type": "longrope", "short_factor": [1, 1, 1, 1], "long_factor": [2, 2, 2, 2]}`
	for _, c := range []struct {
		name, config   string
		length, beyond int // by default; the first that is refused
		described      string
	}{
		{"default", `"model_type": "llama", "max_position_embeddings": 128`, 128, 129, "128 (max_position_embeddings)"},
		{"longrope", longrope, 100, 1001, "100 (original_max_position_embeddings; up to 1000"},
		{"yarn", `"model_type": "qwen2", "max_position_embeddings": 128, "rope_scaling":
			{"type": "yarn", "factor": 4, "original_max_position_embeddings": 128}`, 128, 513, "128 (max_position_embeddings)"},
		{"dynamic", `"model_type": "llama", "max_position_embeddings": 128, "rope_scaling":
			{"type": "dynamic", "factor": 2}`, 128, 257, "128 (max_position_embeddings)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config, err := transformer.ParseConfig([]byte("{" + sizes + "," + c.config + "}"))
			if err != nil {
				t.Fatal(err)
			}
			if config.ContextLength != c.length {
				t.Errorf("context length is %d, expected %d", config.ContextLength, c.length)
			}
			if got := config.DescribeContext(); !strings.HasPrefix(got, c.described) {
				t.Errorf("the context is described as %q, expected %q", got, c.described)
			}
			if err := config.SetContextLength(c.beyond); err == nil {
				t.Errorf("a context length of %d is taken, expected an error", c.beyond)
			}
			if err := config.SetContextLength(c.beyond - 1); err != nil {
				t.Error(err)
			}
			if config.ContextLength != c.beyond-1 {
				t.Errorf("context length is %d, expected %d", config.ContextLength, c.beyond-1)
			}
		})
	}
}

// TestConfigErrors expects every refusal to name the key.
func TestConfigErrors(t *testing.T) {
	for _, c := range []struct{ name, config, want string }{
		{"unknown rope_type", `"model_type": "llama", "rope_scaling": {"type": "spiral"}`, `rope_type "spiral" is not known`},
		{"linear without factor", `"model_type": "llama", "rope_scaling": {"type": "linear"}`, `positive "factor"`},
		{"dynamic without factor", `"model_type": "llama", "rope_scaling": {"type": "dynamic"}`, `"factor" of 1 or more`},
		{"llama3 without factors", `"model_type": "llama", "rope_scaling": {"rope_type": "llama3", "factor": 8}`, "low_freq_factor"},
		{"longrope, short list", `"model_type": "phi3", "rope_scaling": {"type": "longrope", "short_factor": [1], "long_factor": [1]}`,
			`expected 4 numbers in "short_factor"`},
		{"rope of a wrong type", `"model_type": "llama", "rope_scaling": 3`, `key "rope_scaling": expected an object, found 3`},
		{"odd rotary part", `"model_type": "phi3", "partial_rotary_factor": 0.4`, "needs an even number of elements, found 3"},
		{"negative theta", `"model_type": "llama", "rope_theta": -1`, `key "rope_theta"`},
		{"layer types too few", `"model_type": "qwen2", "layer_types": ["full_attention"]`, `key "layer_types": expected one for each of 2`},
		{"layer type unknown", `"model_type": "qwen3", "layer_types": ["full_attention", "chunked_attention"]`, `"chunked_attention"`},
		{"window without size", `"model_type": "qwen2", "layer_types": ["full_attention", "sliding_attention"]`, `key "sliding_window"`},
		{"too few no_rope_layers", `"model_type": "smollm3", "no_rope_layers": [1]`, `key "no_rope_layers"`},
		{"a Gemma that looks ahead", `"model_type": "gemma2", "use_bidirectional_attention": true`, "use_bidirectional_attention"},
		{"a Gemma that sees", `"model_type": "gemma3"`, "gemma3_text"},
		{"unknown activation", `"model_type": "llama", "hidden_act": "mish"`, `activation "mish" is not known`},
		{"layers without end", `"model_type": "llama", "num_hidden_layers": 2000000000`, `key "num_hidden_layers": expected at most`},
		{"misspelt family", `"model_type": "lama"`, `"lama" is not known (the nearest is "llama"); known are`},
		{"unknown family", `"model_type": "mamba"`, `"mamba" is not known; known are`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := transformer.ParseConfig([]byte("{" + sizes + "," + c.config + "}"))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, expected it to say %s", err, c.want)
			}
		})
	}
}

package classifier

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/januslm/janus/internal/nearest"
)

// FormatVersion is the version of head.json that this package reads and writes.
const FormatVersion = 1

// Layer says which decoder layer's output a head reads: [LastLayer] or an index from 0. In JSON it is "last" or a number.
// The last layer's states are those after the model's final norm; another layer's are the residual stream as it leaves
// that layer.
type Layer int

// LastLayer is the output of the final norm, which the language model's own head reads, too.
const LastLayer Layer = -1

// String returns "last" or the index.
func (l Layer) String() string {
	if l == LastLayer {
		return "last"
	}
	return strconv.Itoa(int(l))
}

// ParseLayer reads what [Layer.String] writes.
func ParseLayer(text string) (Layer, error) {
	if text == LastLayer.String() {
		return LastLayer, nil
	}
	i, err := strconv.Atoi(text)
	if err != nil || i < 0 {
		return 0, fmt.Errorf("layer: expected \"last\" or an index from 0, found %q", text)
	}
	return Layer(i), nil
}

// MarshalJSON writes "last" or the index.
func (l Layer) MarshalJSON() ([]byte, error) {
	if l == LastLayer {
		return []byte(`"last"`), nil
	}
	return json.Marshal(int(l))
}

// UnmarshalJSON reads "last" or an index.
func (l *Layer) UnmarshalJSON(data []byte) error {
	if string(data) == `"last"` {
		*l = LastLayer
		return nil
	}
	var i int
	if err := json.Unmarshal(data, &i); err != nil || i < 0 {
		return fmt.Errorf("layer is %s, expected \"last\" or an index from 0", data)
	}
	*l = Layer(i)
	return nil
}

// Config is head.json. Settings that the file leaves out have the value of [DefaultConfig]; format_version, hidden_size
// and layers must be there. Unknown settings are refused.
type Config struct {
	FormatVersion int        `json:"format_version"` // [FormatVersion]
	HiddenSize    int        `json:"hidden_size"`    // D, the width of the pooled state
	Layers        []int      `json:"layers"`         // widths of the hidden layers: [32]; [] is logistic regression
	Activation    Activation `json:"activation"`     // "gelu" (erf), "relu", "tanh", "silu"
	LayerNorm     bool       `json:"layer_norm"`     // normalise the pooled state before the first layer
	Dropout       float64    `json:"dropout"`        // used in training only
	Pooling       Pooling    `json:"pooling"`        // see the package documentation
	Layer         Layer      `json:"layer"`          // which layer's states: "last" or an index from 0
	Temperature   float64    `json:"temperature"`    // T in p = sigmoid(z / T), > 0
	Threshold     float64    `json:"threshold"`      // a finding is real where p ≥ threshold

	// How many tokens of an analysis the states were pooled over that the head was trained on. MaxTokens is -1 where that is not
	// known; see [Config.Reads].
	MinTokens int `json:"min_reasoning_tokens"`
	MaxTokens int `json:"max_reasoning_tokens"`

	// MaxInput is the most tokens of a prompt, or of an encoder's text, that the head was trained on; 0 where that is not known.
	// A review cuts longer ones to it.
	MaxInput int `json:"max_input_tokens"`

	// SHA-256 of the weights that the head was trained on, in hexadecimal. Empty: not checked.
	BaseSHA256    string `json:"base_sha256"`
	AdapterSHA256 string `json:"adapter_sha256"` // empty also for a head on the bare base model

	// Features is what the head reads: [ReadsStates], or [ReadsEmbeddings] of input and analysis, one behind the other, by the model
	// with the SHA-256 in Embedder.
	Features string `json:"features,omitempty"`
	Embedder string `json:"embedder_sha256,omitempty"`

	Trained map[string]any `json:"trained,omitempty"` // free-form: when, on what, by which run
}

// What a head reads: the study's Proposals 1 and 2.
const (
	ReadsStates     = "states"     // pooled hidden states of the model that writes the analysis; nothing means the same
	ReadsEmbeddings = "embeddings" // of texts, by an encoder or by a decoder's token embeddings
)

// DefaultConfig returns a head of one hidden layer of 32 on the mean of the generated tokens' last states.
func DefaultConfig(hiddenSize int) Config {
	return Config{
		FormatVersion: FormatVersion,
		HiddenSize:    hiddenSize,
		Layers:        []int{32},
		Activation:    ActGELU,
		Pooling:       PoolMeanGenerated,
		Layer:         LastLayer,
		Temperature:   1,
		Threshold:     0.5,
		MaxTokens:     -1,
	}
}

// Reads returns how many of an analysis's first tokens the head judges by: no more than it was trained on.
func (c *Config) Reads(tokens int) int {
	if c.MaxTokens < 0 {
		return tokens
	}
	return min(tokens, c.MaxTokens)
}

// Feature returns the pooled state that the head reads.
func (c *Config) Feature() Feature { return Feature{Layer: c.Layer, Pooling: c.Pooling} }

// ParamNames returns the names of the head's tensors in the order in which graph functions take them and head.safetensors
// names them: norm.weight and norm.bias if there is a layer norm, then layers.0.weight, layers.0.bias, … of all Linear
// layers, the last of which has one output.
func (c *Config) ParamNames() []string {
	var names []string
	if c.LayerNorm {
		names = append(names, "norm.weight", "norm.bias")
	}
	for i := range len(c.Layers) + 1 {
		names = append(names, fmt.Sprintf("layers.%d.weight", i), fmt.Sprintf("layers.%d.bias", i))
	}
	return names
}

// ParamShapes returns the shape of each tensor by name. Weights are [out,in], as in torch.
func (c *Config) ParamShapes() map[string][]int {
	shapes := map[string][]int{}
	if c.LayerNorm {
		shapes["norm.weight"] = []int{c.HiddenSize}
		shapes["norm.bias"] = []int{c.HiddenSize}
	}
	in := c.HiddenSize
	for i, out := range append(slices.Clone(c.Layers), 1) {
		shapes[fmt.Sprintf("layers.%d.weight", i)] = []int{out, in}
		shapes[fmt.Sprintf("layers.%d.bias", i)] = []int{out}
		in = out
	}
	return shapes
}

// Validate reports the first setting that is out of range.
func (c *Config) Validate() error {
	if c.FormatVersion != FormatVersion {
		return fmt.Errorf("format_version is %d, expected %d: the head is from another version of Janus", c.FormatVersion, FormatVersion)
	}
	if c.HiddenSize < 1 {
		return fmt.Errorf("hidden_size is %d, expected at least 1", c.HiddenSize)
	}
	for i, width := range c.Layers {
		if width < 1 {
			return fmt.Errorf("layers[%d] is %d, expected at least 1", i, width)
		}
	}
	if err := c.Activation.Check(); err != nil {
		return err
	}
	if err := c.Pooling.Check(); err != nil {
		return err
	}
	if c.Layer < LastLayer {
		return fmt.Errorf("layer is %d, expected \"last\" or an index from 0", int(c.Layer))
	}
	switch c.Features {
	case "", ReadsStates, ReadsEmbeddings:
	default:
		return fmt.Errorf("features is %q, expected %s or %s", c.Features, ReadsStates, ReadsEmbeddings)
	}
	return c.validateNumbers()
}

func (c *Config) validateNumbers() error {
	switch {
	case !(c.Temperature > 0) || math.IsInf(c.Temperature, 1):
		return fmt.Errorf("temperature is %v, expected a finite number above 0", c.Temperature)
	case !(c.Threshold >= 0 && c.Threshold <= 1):
		return fmt.Errorf("threshold is %v, expected 0 to 1", c.Threshold)
	case !(c.Dropout >= 0 && c.Dropout < 1):
		return fmt.Errorf("dropout is %v, expected 0 to below 1", c.Dropout)
	case c.MaxInput < 0:
		return fmt.Errorf("max_input_tokens is %d, expected 0 (not known) or more", c.MaxInput)
	case c.MaxTokens < -1:
		return fmt.Errorf("max_reasoning_tokens is %d, expected -1 (not known) or more", c.MaxTokens)
	case c.MinTokens < 0 || c.MaxTokens >= 0 && c.MaxTokens < c.MinTokens:
		return fmt.Errorf("reasoning tokens are %d to %d, expected 0 ≤ min_reasoning_tokens ≤ max_reasoning_tokens", c.MinTokens, c.MaxTokens)
	}
	for key, sum := range map[string]string{"base_sha256": c.BaseSHA256, "adapter_sha256": c.AdapterSHA256, "embedder_sha256": c.Embedder} {
		if sum != "" && !isSHA256(sum) {
			return fmt.Errorf("%s is %q, expected 64 hexadecimal digits or nothing", key, sum)
		}
	}
	return nil
}

func isSHA256(s string) bool {
	hex := func(r byte) bool { return r >= '0' && r <= '9' || r >= 'a' && r <= 'f' || r >= 'A' && r <= 'F' }
	for i := range len(s) {
		if !hex(s[i]) {
			return false
		}
	}
	return len(s) == 64
}

// ParseConfig reads a head.json and validates it.
func ParseConfig(data []byte) (*Config, error) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, fmt.Errorf("not a JSON object: %w", err)
	}
	known, err := configKeys()
	if err != nil {
		return nil, err
	}
	for _, key := range slices.Sorted(maps.Keys(raw)) {
		if !slices.Contains(known, key) {
			return nil, fmt.Errorf("unknown key %q, did you mean %q?", key, nearest.Of(key, known))
		}
	}
	for _, key := range []string{"format_version", "hidden_size", "layers"} {
		if _, ok := raw[key]; !ok {
			return nil, fmt.Errorf("key %q is missing", key)
		}
	}
	c := DefaultConfig(0)
	if err := json.Unmarshal(data, &c); err != nil {
		var typeErr *json.UnmarshalTypeError
		if errors.As(err, &typeErr) {
			return nil, fmt.Errorf("%s is a JSON %s, expected %s", typeErr.Field, typeErr.Value, typeErr.Type)
		}
		return nil, err
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return &c, nil
}

// configKeys lists the keys of head.json, taken from what Config itself writes.
func configKeys() ([]string, error) {
	all := DefaultConfig(1)
	all.Features, all.Embedder, all.Trained = ReadsStates, "-", map[string]any{"": nil} // else left out
	data, err := json.Marshal(all)
	if err != nil {
		return nil, err
	}
	var keys map[string]json.RawMessage
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&keys); err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(keys)), nil
}

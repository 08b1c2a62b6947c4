package transformer

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Config is a model's config.json. The names are Hugging Face's. Both spellings are read: the old one (rope_theta,
// rope_scaling, torch_dtype) and that of transformers 5 (rope_parameters, dtype).
type Config struct {
	ModelType     string   `json:"model_type"`
	Architectures []string `json:"architectures"`

	VocabSize         int `json:"vocab_size"`
	HiddenSize        int `json:"hidden_size"`
	IntermediateSize  int `json:"intermediate_size"`
	NumHiddenLayers   int `json:"num_hidden_layers"`
	NumAttentionHeads int `json:"num_attention_heads"`
	NumKeyValueHeads  int `json:"num_key_value_heads"`
	HeadDim           int `json:"head_dim"`

	MaxPositionEmbeddings int     `json:"max_position_embeddings"`
	HiddenAct             string  `json:"hidden_act"`
	RMSNormEps            float64 `json:"rms_norm_eps"`
	AttentionBias         bool    `json:"attention_bias"`
	MLPBias               bool    `json:"mlp_bias"`
	TieWordEmbeddings     bool    `json:"tie_word_embeddings"`
	InitializerRange      float64 `json:"initializer_range"` // standard deviation of a new model's matrices and tables

	// Which layers see how far back, and which rotate: see [Config.Window].
	SlidingWindow        int      `json:"sliding_window"`
	LayerTypes           []string `json:"layer_types"`
	UseSlidingWindow     bool     `json:"use_sliding_window"`
	MaxWindowLayers      int      `json:"max_window_layers"`
	SlidingWindowPattern int      `json:"sliding_window_pattern"`
	NoRopeLayers         []int    `json:"no_rope_layers"` // 1: rotated, 0: not
	NoRopeLayerInterval  int      `json:"no_rope_layer_interval"`

	// Gemma
	HiddenActivation          string  `json:"hidden_activation"`
	QueryPreAttnScalar        float64 `json:"query_pre_attn_scalar"`
	AttnLogitSoftcapping      float64 `json:"attn_logit_softcapping"`
	FinalLogitSoftcapping     float64 `json:"final_logit_softcapping"`
	UseBidirectionalAttention bool    `json:"use_bidirectional_attention"`

	// GPT-NeoX, StarCoder2
	LayerNormEps        float64 `json:"layer_norm_eps"`
	NormEpsilon         float64 `json:"norm_epsilon"`
	UseParallelResidual bool    `json:"use_parallel_residual"`
	UseBias             bool    `json:"use_bias"`

	// BERT, RoBERTa
	TypeVocabSize         int    `json:"type_vocab_size"`
	PositionEmbeddingType string `json:"position_embedding_type"`
	IsDecoder             bool   `json:"is_decoder"`

	// T5, which has names of its own for what others share
	DModel                       int     `json:"d_model"`
	DFF                          int     `json:"d_ff"`
	DKV                          int     `json:"d_kv"`
	NumLayers                    int     `json:"num_layers"`
	NumHeads                     int     `json:"num_heads"`
	NPositions                   int     `json:"n_positions"`
	FeedForwardProj              string  `json:"feed_forward_proj"`
	LayerNormEpsilon             float64 `json:"layer_norm_epsilon"`
	RelativeAttentionNumBuckets  int     `json:"relative_attention_num_buckets"`
	RelativeAttentionMaxDistance int     `json:"relative_attention_max_distance"`

	// ModernBERT
	NormEps                float64 `json:"norm_eps"`
	NormBias               bool    `json:"norm_bias"`
	LocalAttention         int     `json:"local_attention"`
	GlobalAttnEveryNLayers int     `json:"global_attn_every_n_layers"`
	GlobalRopeTheta        float64 `json:"global_rope_theta"`
	LocalRopeTheta         float64 `json:"local_rope_theta"`
	DecoderBias            bool    `json:"decoder_bias"`
	ClassifierBias         bool    `json:"classifier_bias"`
	ClassifierActivation   string  `json:"classifier_activation"`

	// The old spelling of rotary embeddings; Rope holds them in either.
	RopeTheta                     float64 `json:"rope_theta"`
	RopeLocalBaseFreq             float64 `json:"rope_local_base_freq"`
	RotaryEmbBase                 float64 `json:"rotary_emb_base"`
	PartialRotaryFactor           float64 `json:"partial_rotary_factor"`
	RotaryPct                     float64 `json:"rotary_pct"`
	OriginalMaxPositionEmbeddings int     `json:"original_max_position_embeddings"`

	// ContextLength is the longest sequence that the rotary embedding is set for: see [Config.SetContextLength].
	ContextLength int `json:"-"`

	// reservedPositions are entries of the table of positions that no token gets: RoBERTa's first ones.
	reservedPositions int
	// relativePositions says that nothing bounds the length: max_position_embeddings is what the model was trained on.
	relativePositions bool

	DType string `json:"-"` // "float32", "bfloat16", "float16" or "" where the file does not say

	// Rope holds the rotary embedding of each kind of layer; most families have one, under "".
	Rope map[string]RopeParameters `json:"-"`

	BOSTokenID TokenIDs `json:"bos_token_id"`
	EOSTokenID TokenIDs `json:"eos_token_id"`
	PadTokenID TokenIDs `json:"pad_token_id"`

	// Raw is the whole document, for keys that only one family reads.
	Raw map[string]json.RawMessage `json:"-"`
}

// TokenIDs reads a token id, a list of them, or null.
type TokenIDs []int32

// UnmarshalJSON implements [json.Unmarshaler].
func (t *TokenIDs) UnmarshalJSON(data []byte) error {
	var one *int32
	if json.Unmarshal(data, &one) == nil {
		*t = nil
		if one != nil {
			*t = TokenIDs{*one}
		}
		return nil
	}
	var many []int32
	if err := json.Unmarshal(data, &many); err != nil {
		return fmt.Errorf("a token id is a number or a list of numbers, found %s", data)
	}
	*t = many
	return nil
}

// LoadConfig reads config.json from a model folder.
func LoadConfig(dir string) (*Config, error) {
	path := filepath.Join(dir, "config.json")
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w (a model is a Hugging Face folder with config.json, *.safetensors and tokenizer.json)", err)
	}
	c, err := ParseConfig(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// maxLayers bounds what a damaged or hostile config.json can ask for: lists of layers and tensors are made before the
// checkpoint is compared with them. The deepest published models have a few hundred.
const maxLayers = 10_000

// ParseConfig reads the text of a config.json and checks it against the family that its model_type names.
func ParseConfig(data []byte) (*Config, error) {
	c := &Config{}
	if err := json.Unmarshal(data, &c.Raw); err != nil {
		return nil, describeJSONError(data, err)
	}
	if err := json.Unmarshal(data, c); err != nil {
		return nil, describeJSONError(data, err)
	}
	for key, n := range map[string]int{"num_hidden_layers": c.NumHiddenLayers, "num_layers": c.NumLayers} {
		if n > maxLayers {
			return nil, fmt.Errorf("key %q: expected at most %d, found %d", key, maxLayers, n)
		}
	}
	family, err := Lookup(c.ModelType)
	if err != nil {
		return nil, err
	}
	if err := c.readDType(); err != nil {
		return nil, err
	}
	if err := c.readRope(); err != nil {
		return nil, err
	}
	if family.Defaults != nil {
		family.Defaults(c)
	}
	if err := c.fillAndCheck(); err != nil {
		return nil, err
	}
	if family.Check != nil {
		if err := family.Check(c); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Has tells whether the document gives the key a value other than null.
func (c *Config) Has(key string) bool {
	v, ok := c.Raw[key]
	return ok && string(v) != "null"
}

// given tells whether the document has the key, even as null: null is "none" where a missing key means the default.
func (c *Config) given(key string) bool {
	_, ok := c.Raw[key]
	return ok
}

// Kinds of layers in layer_types.
const (
	fullAttention    = "full_attention"
	slidingAttention = "sliding_attention"
)

// Window is how many positions a query of the layer sees, itself included; 0 means all.
func (c *Config) Window(layer int) int {
	if layer < len(c.LayerTypes) && c.LayerTypes[layer] == slidingAttention {
		return c.SlidingWindow
	}
	return 0
}

// setLayerTypes gives each layer its kind.
func (c *Config) setLayerTypes(sliding func(layer int) bool) {
	c.LayerTypes = nil
	for i := range c.NumHiddenLayers {
		kind := fullAttention
		if sliding(i) {
			kind = slidingAttention
		}
		c.LayerTypes = append(c.LayerTypes, kind)
	}
}

// slideEverywhere is for families whose every layer has the window, if there is one.
func (c *Config) slideEverywhere() {
	c.setLayerTypes(func(int) bool { return c.SlidingWindow > 0 })
}

func (c *Config) checkLayerTypes() error {
	if c.LayerTypes == nil {
		return nil
	}
	if len(c.LayerTypes) != c.NumHiddenLayers {
		return fmt.Errorf("key \"layer_types\": expected one for each of %d layers, found %d", c.NumHiddenLayers, len(c.LayerTypes))
	}
	for i, kind := range c.LayerTypes {
		switch {
		case kind == fullAttention:
		case kind != slidingAttention:
			return fmt.Errorf("key \"layer_types\": layer %d is %q; known are %q and %q", i, kind, fullAttention, slidingAttention)
		case c.SlidingWindow <= 0:
			return fmt.Errorf("key \"sliding_window\": layer %d is %q, which needs a positive number, found %d", i, kind, c.SlidingWindow)
		}
	}
	return nil
}

func (c *Config) readDType() error {
	for _, key := range []string{"dtype", "torch_dtype"} {
		if !c.Has(key) {
			continue
		}
		if err := json.Unmarshal(c.Raw[key], &c.DType); err != nil {
			return fmt.Errorf("key %q: expected a string, found %s", key, c.Raw[key])
		}
		return nil
	}
	return nil
}

// fillAndCheck gives the keys that most families share their defaults, and refuses sizes that cannot be.
func (c *Config) fillAndCheck() error {
	if c.NumKeyValueHeads == 0 {
		c.NumKeyValueHeads = c.NumAttentionHeads
	}
	setDefault(&c.InitializerRange, 0.02)
	for _, size := range []struct {
		key   string
		value int
	}{
		{"vocab_size", c.VocabSize}, {"hidden_size", c.HiddenSize}, {"intermediate_size", c.IntermediateSize},
		{"num_hidden_layers", c.NumHiddenLayers}, {"num_attention_heads", c.NumAttentionHeads},
		{"num_key_value_heads", c.NumKeyValueHeads}, {"max_position_embeddings", c.MaxPositionEmbeddings},
	} {
		if size.value <= 0 {
			return fmt.Errorf("key %q: expected a positive number, found %d", size.key, size.value)
		}
	}
	if c.HeadDim == 0 {
		if c.HiddenSize%c.NumAttentionHeads != 0 {
			return fmt.Errorf("hidden_size %d is not a multiple of num_attention_heads %d, and head_dim is not given",
				c.HiddenSize, c.NumAttentionHeads)
		}
		c.HeadDim = c.HiddenSize / c.NumAttentionHeads
	}
	if c.HeadDim < 0 || len(c.Rope) > 0 && c.HeadDim%2 != 0 {
		return fmt.Errorf("key \"head_dim\": rotary embedding needs an even positive number, found %d", c.HeadDim)
	}
	if c.NumAttentionHeads%c.NumKeyValueHeads != 0 {
		return fmt.Errorf("num_attention_heads %d is not a multiple of num_key_value_heads %d",
			c.NumAttentionHeads, c.NumKeyValueHeads)
	}
	if _, err := activation(c.HiddenAct); err != nil {
		return fmt.Errorf("key \"hidden_act\": %w", err)
	}
	if err := c.checkLayerTypes(); err != nil {
		return err
	}
	return c.completeRope()
}

// describeJSONError adds the line to a decoding error.
func describeJSONError(data []byte, err error) error {
	offset := int64(-1)
	var syntax *json.SyntaxError
	var unfit *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &unfit):
		offset = unfit.Offset
	}
	if offset < 0 || offset > int64(len(data)) {
		return err
	}
	line := 1
	for _, b := range data[:offset] {
		if b == '\n' {
			line++
		}
	}
	return fmt.Errorf("line %d: %w", line, err)
}

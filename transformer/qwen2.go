package transformer

// Qwen1.5, Qwen2, Qwen2.5 and Qwen2.5-Coder: modeling_qwen2.py of transformers. A Llama with biases on q, k and v, and
// sliding windows from max_window_layers on where use_sliding_window says so.
func init() {
	Register(Family{
		ModelType: "qwen2",
		Defaults:  qwenDefaults,
		Tensors:   func(c *Config) []Tensor { return llamaTensors(c, true, false) },
		New:       func(c *Config) Decoder { return llama{trunk{c}} },
	})
}

// qwenDefaults are those of Qwen2Config and Qwen3Config, as far as they agree.
func qwenDefaults(c *Config) {
	setDefault(&c.HiddenAct, "silu")
	setDefault(&c.RMSNormEps, 1e-6)
	setDefault(&c.MaxPositionEmbeddings, 32768)
	switch {
	case !c.UseSlidingWindow:
		c.SlidingWindow = 0
	case !c.given("sliding_window"):
		c.SlidingWindow = 4096
	}
	if !c.given("max_window_layers") {
		c.MaxWindowLayers = 28
	}
	c.MLPBias = false
	if c.LayerTypes == nil {
		c.setLayerTypes(func(i int) bool { return c.SlidingWindow > 0 && i >= c.MaxWindowLayers })
	}
}

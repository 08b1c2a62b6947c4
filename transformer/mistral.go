package transformer

// Mistral 7B and its fine-tunes: modeling_mistral.py of transformers. A Llama whose every layer may have a sliding
// window.
func init() {
	Register(Family{
		ModelType: "mistral",
		Defaults:  mistralDefaults,
		Tensors:   func(c *Config) []Tensor { return llamaTensors(c, false, false) },
		New:       func(c *Config) Decoder { return llama{trunk{c}} },
	})
}

// mistralDefaults are those of MistralConfig.
func mistralDefaults(c *Config) {
	setDefault(&c.HiddenAct, "silu")
	setDefault(&c.RMSNormEps, 1e-6)
	setDefault(&c.MaxPositionEmbeddings, 131072)
	if !c.given("sliding_window") {
		c.SlidingWindow = 4096
	}
	c.MLPBias = false
	c.slideEverywhere()
}

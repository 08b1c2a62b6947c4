package bench

import (
	"errors"
	"fmt"
	"slices"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/internal/llm"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/train"
	"github.com/januslm/janus/train/encoder"
	"github.com/januslm/janus/train/heads"
	"github.com/januslm/janus/train/run"
)

// Config are the settings of `janus bench`.
type Config struct {
	Variants []string `yaml:"variants" default:"SC,PE-SC,CH,PE-CH,accept-all,tfidf-lr" doc:"what judges: docs/bench.md lists them; the first is what the others are compared with"`
	Name     string   `yaml:"name" doc:"of the benchmark, in the store and in reports (default: the run folder's)"`

	Data     []string `yaml:"data" doc:"files of labelled findings or of training data, in any format that janus data import reads (default: the data base)"`
	DB       string   `yaml:"db" resume:"free" doc:"data base of janus data: rows, where no files are given, and the results (default: $JANUS_DB, else data/janus.db)"`
	Category string   `yaml:"category" doc:"only rows of this category"`
	Source   string   `yaml:"source" doc:"only rows of this source"`
	Limit    int      `yaml:"limit" default:"0" doc:"most rows, chosen by the seed, pairs whole; 0 is all"`

	Folds int     `yaml:"folds" default:"5" doc:"parts of the cross-validation, each judged by what learned from the others; 1 divides once: by the rows' own split, else by test"`
	Test  float64 `yaml:"test" default:"0.2" doc:"share of test rows, where folds is 1 and the rows have no split of their own"`
	Dev   float64 `yaml:"dev" default:"0.2" doc:"share of the training rows by which training stops, heads are calibrated and thresholds are chosen"`
	Seed  uint64  `yaml:"seed" default:"1" doc:"of the division into folds, of the limit and of the intervals"`

	Model           string  `yaml:"model" doc:"base model: a folder, a .gguf file, or a pulled model's name (default: janus review's)"`
	DType           string  `yaml:"dtype" doc:"of the weights: f32, bf16 or int8 (default: janus review's)"`
	Adapter         string  `yaml:"adapter" doc:"LoRA adapter of the FT variants, as it is; none trains one a fold"`
	Head            string  `yaml:"head" doc:"head of the CH variants, as it is; none trains one a fold"`
	Lora            string  `yaml:"lora" doc:"file of settings of janus train lora; model, data and split are the benchmark's"`
	Encoder         string  `yaml:"encoder" doc:"file of settings of janus train encoder; model, data and split are the benchmark's"`
	Heads           string  `yaml:"heads" doc:"file of settings of janus train head; model, data, split and how analyses are written are the benchmark's"`
	Embedder        string  `yaml:"embedder" doc:"of P2-CH: an encoder, as for model (default: the model's own token embeddings)"`
	Prompts         string  `yaml:"prompts" doc:"folder with parts of the prompts that you changed"`
	MaxPrompt       int     `yaml:"max_prompt" default:"2048" doc:"most tokens of a prompt"`
	MinTokens       int     `yaml:"min_tokens" default:"0" doc:"fewest tokens of an analysis"`
	MaxTokens       int     `yaml:"max_tokens" default:"128" doc:"most tokens of an analysis"`
	Temperature     float64 `yaml:"temperature" default:"0" doc:"of the analysis; 0 takes the likeliest token"`
	TopP            float64 `yaml:"top_p" default:"1" doc:"sample from the likeliest tokens that make up this probability"`
	GenerationSeed  uint64  `yaml:"generation_seed" default:"0" doc:"of the analysis, where a temperature is above 0"`
	VoteTemperature float64 `yaml:"vote_temperature" default:"0.7" doc:"of the analyses of SC@k, which vote"`
	States          string  `yaml:"states" resume:"free" doc:"folder that keeps analyses and states (default: states in Janus's cache)"`

	PriceIn    map[string]float64 `yaml:"price_in" doc:"US dollars for a million prompt tokens, by the API's model"`
	PriceOut   map[string]float64 `yaml:"price_out" doc:"US dollars for a million tokens of answers, by the API's model"`
	Budget     float64            `yaml:"budget" default:"0" resume:"free" doc:"US dollars that the calls of APIs may cost, earlier parts of the run too; 0 is no limit"`
	APITokens  int                `yaml:"api_max_tokens" default:"1024" doc:"most tokens of an API's answer"`
	APIWorkers int                `yaml:"api_concurrency" default:"4" resume:"free" doc:"questions to an API at the same time"`
	APIMinute  int                `yaml:"api_per_minute" default:"0" resume:"free" doc:"questions a minute; 0 is no limit"`
	APISeconds float64            `yaml:"api_timeout" default:"120" resume:"free" doc:"seconds for one answer"`
	APIRetries int                `yaml:"api_retries" default:"6" resume:"free" doc:"further attempts at a question that is not answered"`

	Resamples int `yaml:"resamples" default:"2000" doc:"of the bootstrap, for intervals of 95 %"`

	variants        []Variant
	loraSettings    train.LoRAConfig
	headSettings    heads.Config
	encoderSettings encoder.Config
}

// Check reports the first setting that is out of range, reads the variants' names and the files of settings.
func (c *Config) Check() (err error) {
	if c.variants, err = parseVariants(c.Variants); err != nil {
		return err
	}
	if err := c.checkRanges(); err != nil {
		return err
	}
	if err := c.sampling().Validate(); err != nil {
		return err
	}
	if c.votes() && !(c.VoteTemperature > 0) {
		return fmt.Errorf("vote_temperature: expected above 0, found %v: analyses that are all the same cannot vote", c.VoteTemperature)
	}
	for _, v := range c.variants {
		if v.kind == byAPI && c.Budget > 0 && c.prices(v.of) == (llm.Prices{}) {
			return fmt.Errorf("variant %s: a budget needs price_in and price_out of %s", v.Name, v.of)
		}
	}
	if err := c.loadHeads(); err != nil {
		return err
	}
	return errors.Join(c.loadLoRA(), c.loadEncoder())
}

func (c *Config) checkRanges() error {
	for _, f := range []struct {
		key          string
		value, least int
	}{
		{"folds", c.Folds, 1}, {"limit", c.Limit, 0}, {"max_prompt", c.MaxPrompt, 1}, {"api_max_tokens", c.APITokens, 1},
		{"api_concurrency", c.APIWorkers, 1}, {"api_per_minute", c.APIMinute, 0}, {"api_retries", c.APIRetries, 0}, {"resamples", c.Resamples, 1},
	} {
		if f.value < f.least {
			return fmt.Errorf("%s: expected at least %d, found %d", f.key, f.least, f.value)
		}
	}
	for _, f := range []struct {
		key   string
		value float64
	}{{"test", c.Test}, {"dev", c.Dev}} {
		if !(f.value > 0 && f.value < 1) {
			return fmt.Errorf("%s: expected between 0 and 1, found %v", f.key, f.value)
		}
	}
	if c.MinTokens > c.MaxTokens {
		return fmt.Errorf("min_tokens: expected at most max_tokens, %d, found %d", c.MaxTokens, c.MinTokens)
	}
	if c.Budget < 0 || !(c.APISeconds > 0) {
		return fmt.Errorf("budget and api_timeout: expected at least 0 and above 0, found %v and %v", c.Budget, c.APISeconds)
	}
	return nil
}

// loadHeads reads the recipe of heads, of which what is read and how analyses are written is the benchmark's.
func (c *Config) loadHeads() error {
	h := &c.headSettings
	if err := run.LoadConfig(c.Heads, h); err != nil {
		return err
	}
	h.MinTokens, h.MaxTokens, h.Temperature, h.TopP, h.GenerationSeed = c.MinTokens, c.MaxTokens, c.Temperature, c.TopP, c.GenerationSeed
	h.MaxPrompt, h.DType, h.Prompts, h.Dev = c.MaxPrompt, c.DType, c.Prompts, c.Dev
	if err := h.Check(); err != nil {
		return fmt.Errorf("heads %s: %w", c.Heads, err)
	}
	if h.Reads == classifier.ReadsEmbeddings {
		return fmt.Errorf("heads %s: features: heads on embeddings are the variant %s", c.Heads, proposal2)
	}
	if c.Head != "" && slices.ContainsFunc(c.variants, func(v Variant) bool { return v.embeds }) {
		return fmt.Errorf("head: the variants %s train their own heads: leave it out", proposal2)
	}
	return nil
}

func (c *Config) loadLoRA() error {
	if err := run.LoadConfig(c.Lora, &c.loraSettings); err != nil {
		return err
	}
	if err := c.loraSettings.Check(); err != nil {
		return fmt.Errorf("lora %s: %w", c.Lora, err)
	}
	return nil
}

func (c *Config) loadEncoder() error {
	e := &c.encoderSettings
	if err := run.LoadConfig(c.Encoder, e); err != nil {
		return err
	}
	e.Model, e.Data, e.DB, e.DType, e.Prompts, e.Dev = "", nil, "", c.DType, c.Prompts, c.Dev
	if err := e.Check(); err != nil {
		return fmt.Errorf("encoder %s: %w", c.Encoder, err)
	}
	return nil
}

func (c *Config) sampling() model.Sampling {
	return model.Sampling{MinTokens: c.MinTokens, MaxTokens: c.MaxTokens, Temperature: c.Temperature, TopP: c.TopP, Seed: c.GenerationSeed}
}

func (c *Config) votes() bool {
	return slices.ContainsFunc(c.variants, func(v Variant) bool { return v.samples > 1 })
}

func (c *Config) prices(model string) llm.Prices {
	return llm.Prices{Prompt: c.PriceIn[model], Completion: c.PriceOut[model]}
}

// Local tells whether a variant runs a decoder on this machine: whether Job.Model is needed.
func (c *Config) Local() bool {
	return slices.ContainsFunc(c.variants, func(v Variant) bool { return v.kind == byDecoder })
}

// API tells whether a variant asks an API.
func (c *Config) API() bool {
	return slices.ContainsFunc(c.variants, func(v Variant) bool { return v.kind == byAPI })
}

// settings are all that results follow from, for the record: the benchmark's, and those of heads and adapters where some are trained.
func (c *Config) settings() (map[string]any, error) {
	all := map[string]any{}
	add := func(name string, config any) error {
		lines, err := run.Settings(config)
		all[name] = lines
		return err
	}
	err := add("bench", c)
	trained := func(tuned bool) bool {
		return slices.ContainsFunc(c.variants, func(v Variant) bool { return v.kind == byDecoder && (v.tuned && tuned || v.head && !tuned) })
	}
	if trained(false) && c.Head == "" {
		err = errors.Join(err, add("heads", &c.headSettings))
	}
	if trained(true) && c.Adapter == "" {
		err = errors.Join(err, add("lora", &c.loraSettings))
	}
	if slices.ContainsFunc(c.variants, func(v Variant) bool { return v.kind == byEncoder }) {
		err = errors.Join(err, add("encoder", &c.encoderSettings))
	}
	return all, err
}

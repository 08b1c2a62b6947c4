package lora

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"sort"
	"strings"
)

// Config is the part of PEFT's adapter_config.json that Janus acts on. Settings that change what the adapter computes
// in ways Janus does not know are refused by [ParseConfig]; settings for training or bookkeeping only are dropped.
type Config struct {
	BaseModel     string   // base_model_name_or_path
	TaskType      string   // task_type, such as CAUSAL_LM
	R             int      // rank
	Alpha         float64  // lora_alpha
	Dropout       float64  // lora_dropout, used in training only
	RSLoRA        bool     // use_rslora: scale alpha/√r
	DoRA          bool     // use_dora
	Bias          string   // which biases are trained: "none", "lora_only" or "all"
	RankPattern   Patterns // rank by module, R elsewhere
	AlphaPattern  Patterns // alpha by module, Alpha elsewhere
	TargetModules Targets
	LayersToAdapt []int    // layers_to_transform; empty: all
	LayersPattern []string // layers_pattern: the name of the layer list, such as "layers"
	ModulesToSave []string // modules trained in full and stored beside the adapter
	PEFTVersion   string   // peft_version that wrote the folder
}

// Targets says which modules are adapted: a list of names (a module matches when its last parts equal one), or one
// regular expression that the whole name must match, or "all-linear". What the file holds decides on loading.
type Targets struct {
	Names   []string
	Pattern string
}

// Pattern is one entry of rank_pattern or alpha_pattern.
type Pattern struct {
	Key   string // a module name's end, or a regular expression for it
	Value float64
}

// Patterns keep the order of the file, because the first key that matches wins.
type Patterns []Pattern

// Lookup returns the value of the first key that matches the end of module, at a dot, as PEFT's get_pattern_key does.
func (p Patterns) Lookup(module string) (float64, bool) {
	for _, entry := range p {
		re, err := regexp.Compile(`^(.*\.)?(` + entry.Key + `)$`)
		if err == nil && re.MatchString(module) {
			return entry.Value, true
		}
	}
	return 0, false
}

// Rank returns the rank that the configuration gives to a module.
func (c *Config) Rank(module string) int {
	if r, ok := c.RankPattern.Lookup(module); ok {
		return int(r)
	}
	return c.R
}

// Scale returns the factor s of a module: alpha/r, or alpha/√r for rsLoRA (arXiv:2312.03732).
func (c *Config) Scale(module string) float64 {
	alpha := c.Alpha
	if a, ok := c.AlphaPattern.Lookup(module); ok {
		alpha = a
	}
	r := float64(c.Rank(module))
	if c.RSLoRA {
		r = math.Sqrt(r)
	}
	return alpha / r
}

// validate checks what both a file and a program can get wrong.
func (c *Config) validate() error {
	if c.R < 1 {
		return fmt.Errorf("r is %d, expected at least 1", c.R)
	}
	if !slices.Contains([]string{"none", "lora_only", "all"}, c.Bias) {
		return fmt.Errorf("bias is %q, expected none, lora_only or all", c.Bias)
	}
	for _, p := range c.RankPattern {
		if p.Value < 1 || p.Value != math.Trunc(p.Value) {
			return fmt.Errorf("rank_pattern %q is %v, expected a whole number of at least 1", p.Key, p.Value)
		}
	}
	for _, p := range slices.Concat(c.RankPattern, c.AlphaPattern) {
		if _, err := regexp.Compile(p.Key); err != nil {
			return fmt.Errorf("pattern key %q: %w", p.Key, err)
		}
	}
	return nil
}

// ignored are PEFT settings that change nothing at inference: training, initialisation of fresh adapters, bookkeeping.
// exclude_modules, too: what is in the file has not been excluded.
var ignored = []string{
	"auto_mapping", "corda_config", "eva_config", "exclude_modules", "fan_in_fan_out", "inference_mode", "loftq_config",
	"lora_ga_config", "megatron_core", "qalora_group_size", "revision", "runtime_config", "velora_config",
}

// initsThatChangeTheBase are init_lora_weights methods after which the adapter fits a changed base only: PEFT repeats
// the change when it loads such an adapter.
var initsThatChangeTheBase = []string{"pissa", "olora", "corda", "loftq", "lora_ga"}

// ParseConfig reads an adapter_config.json. A setting that Janus cannot honour is an error that names it: another
// peft_type, and any unknown setting that is switched on (not null, false, 0 or empty).
func ParseConfig(data []byte) (*Config, error) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, fmt.Errorf("not a JSON object: %w", err)
	}
	p := configParser{raw: raw}
	var peftType string
	p.take("peft_type", &peftType)
	if p.err == nil && peftType != "LORA" {
		return nil, fmt.Errorf("peft_type is %q, expected \"LORA\": other methods are not supported", peftType)
	}
	c := &Config{R: 8, Alpha: 8, Bias: "none"} // PEFT's defaults
	p.take("base_model_name_or_path", &c.BaseModel)
	p.take("task_type", &c.TaskType)
	p.take("peft_version", &c.PEFTVersion)
	p.take("r", &c.R)
	p.take("lora_alpha", &c.Alpha)
	p.take("lora_dropout", &c.Dropout)
	p.take("use_rslora", &c.RSLoRA)
	p.take("use_dora", &c.DoRA)
	p.take("bias", &c.Bias)
	p.take("rank_pattern", &c.RankPattern)
	p.take("alpha_pattern", &c.AlphaPattern)
	p.take("target_modules", &c.TargetModules)
	p.take("layers_to_transform", (*oneOrMore[int])(&c.LayersToAdapt))
	p.take("layers_pattern", (*oneOrMore[string])(&c.LayersPattern))
	p.take("modules_to_save", &c.ModulesToSave)
	p.checkInit()
	p.refuseRest()
	if p.err != nil {
		return nil, p.err
	}
	if err := c.validate(); err != nil {
		return nil, err
	}
	return c, nil
}

// configParser takes settings out of raw one by one and keeps the first error.
type configParser struct {
	raw map[string]json.RawMessage
	err error
}

func (p *configParser) take(key string, into any) {
	value, ok := p.raw[key]
	delete(p.raw, key)
	if !ok || p.err != nil || string(value) == "null" {
		return
	}
	if err := json.Unmarshal(value, into); err != nil {
		p.err = fmt.Errorf("%s is %s: %w", key, value, err)
	}
}

func (p *configParser) checkInit() {
	value := strings.Trim(string(p.raw["init_lora_weights"]), `"`)
	delete(p.raw, "init_lora_weights")
	for _, name := range initsThatChangeTheBase {
		if p.err == nil && strings.HasPrefix(value, name) {
			p.err = fmt.Errorf("init_lora_weights is %q, which changes the base model's weights as well: "+
				"save the adapter with PEFT's path_initial_model_for_weight_conversion", value)
		}
	}
}

func (p *configParser) refuseRest() {
	for _, key := range ignored {
		delete(p.raw, key)
	}
	var on []string
	for key, value := range p.raw {
		if !slices.Contains([]string{"null", "false", "0", "{}", "[]", `""`}, string(bytes.TrimSpace(value))) {
			on = append(on, fmt.Sprintf("%s = %s", key, value))
		}
	}
	if len(on) > 0 && p.err == nil {
		sort.Strings(on)
		p.err = fmt.Errorf("unsupported setting %s", strings.Join(on, ", "))
	}
}

// oneOrMore reads a single value as a list of one.
type oneOrMore[T any] []T

// UnmarshalJSON implements json.Unmarshaler.
func (o *oneOrMore[T]) UnmarshalJSON(data []byte) error {
	var list []T
	if json.Unmarshal(data, &list) == nil {
		*o = list
		return nil
	}
	var one T
	if err := json.Unmarshal(data, &one); err != nil {
		return err
	}
	*o = []T{one}
	return nil
}

// UnmarshalJSON reads a list of names or one string.
func (t *Targets) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, &t.Names) == nil {
		return nil
	}
	if json.Unmarshal(data, &t.Pattern) != nil {
		return errors.New("expected a list of module names or a string")
	}
	return nil
}

// MarshalJSON writes the string where there is one, else the list.
func (t Targets) MarshalJSON() ([]byte, error) {
	if t.Pattern != "" {
		return json.Marshal(t.Pattern)
	}
	return json.Marshal(t.Names)
}

// UnmarshalJSON reads a JSON object and keeps its order.
func (p *Patterns) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return errors.New("expected an object of module pattern to number")
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		var value float64
		if err := d.Decode(&value); err != nil {
			return fmt.Errorf("%v: %w", key, err)
		}
		*p = append(*p, Pattern{Key: key.(string), Value: value})
	}
	if _, err := d.Token(); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// MarshalJSON writes an object in the order of p.
func (p Patterns) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, entry := range p {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(entry.Key)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(entry.Value)
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

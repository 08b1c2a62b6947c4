package lora_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/januslm/janus/lora"
)

// initBase is a base of two layers with projections of 4 to 6 values.
func initBase() lora.Base {
	b := lora.Base{
		Shape: func(tensor string) ([]int, bool) {
			if strings.HasSuffix(tensor, ".weight") {
				return []int{6, 4}, true
			}
			return []int{6}, true
		},
		Values: func(tensor string) ([]float32, []int, error) {
			if strings.HasSuffix(tensor, ".weight") {
				return slices.Repeat([]float32{0.5}, 24), []int{6, 4}, nil
			}
			return slices.Repeat([]float32{0.25}, 6), []int{6}, nil
		},
		Biases: []string{"model.layers.0.attn.q_proj.bias", "model.layers.0.norm.bias"},
	}
	for _, layer := range []string{"model.layers.0.", "model.layers.1."} {
		b.Linear = append(b.Linear, layer+"attn.q_proj", layer+"attn.v_proj", layer+"mlp.up_proj")
	}
	b.Modules = append(slices.Clone(b.Linear), "lm_head")
	return b
}

func TestInit(t *testing.T) {
	tests := []struct {
		name     string
		config   lora.Config
		modules  []string
		replaced []string
		err      string
	}{
		{name: "names", config: lora.Config{R: 2, TargetModules: lora.Targets{Names: []string{"q_proj"}}},
			modules: []string{"model.layers.0.attn.q_proj", "model.layers.1.attn.q_proj"}},
		{name: "all-linear", config: lora.Config{R: 2, DoRA: true, Bias: "all", TargetModules: lora.Targets{Pattern: "all-linear"}},
			modules: initBase().Linear, replaced: initBase().Biases},
		{name: "pattern and bias", config: lora.Config{R: 2, Bias: "lora_only", TargetModules: lora.Targets{Pattern: `.*\.0\.attn\..*`}},
			modules: []string{"model.layers.0.attn.q_proj", "model.layers.0.attn.v_proj"}, replaced: []string{"model.layers.0.attn.q_proj.bias"}},
		{name: "layers", config: lora.Config{R: 2, LayersToAdapt: []int{1}, TargetModules: lora.Targets{Names: []string{"up_proj"}}},
			modules: []string{"model.layers.1.mlp.up_proj"}},
		{name: "head", config: lora.Config{R: 2, TargetModules: lora.Targets{Names: []string{"lm_head"}}}, modules: []string{"lm_head"}},
		{name: "ranks", config: lora.Config{R: 2, TargetModules: lora.Targets{Names: []string{"v_proj"}}, RankPattern: lora.Patterns{{Key: "0.attn.v_proj", Value: 3}}},
			modules: []string{"model.layers.0.attn.v_proj", "model.layers.1.attn.v_proj"}},
		{name: "unknown", config: lora.Config{R: 2, TargetModules: lora.Targets{Names: []string{"q_prj"}}}, err: "it has lm_head, q_proj, up_proj, v_proj"},
		{name: "no match", config: lora.Config{R: 2, TargetModules: lora.Targets{Pattern: "q"}}, err: "choose none"},
		{name: "bad pattern", config: lora.Config{R: 2, TargetModules: lora.Targets{Pattern: "("}}, err: "missing closing"},
		{name: "none", config: lora.Config{R: 2}, err: "no target modules"},
		{name: "rank", config: lora.Config{TargetModules: lora.Targets{Pattern: "all-linear"}}, err: "r is 0"},
		{name: "dropout", config: lora.Config{R: 1, Dropout: 1, TargetModules: lora.Targets{Pattern: "all-linear"}}, err: "lora_dropout is 1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.config.Bias == "" {
				test.config.Bias = "none"
			}
			a, err := lora.Init("new", test.config, initBase(), 5)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Fatalf("got %v, expected %q", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(a.Modules(), test.modules) || !slices.Equal(a.Replaced(), test.replaced) {
				t.Errorf("got %v and %v", a.Modules(), a.Replaced())
			}
			again, _ := lora.Init("new", test.config, initBase(), 5)
			other, _ := lora.Init("new", test.config, initBase(), 6)
			for i, p := range a.Parts() {
				checkFresh(t, p, again.Parts()[i], other.Parts()[i])
			}
		})
	}
}

// checkFresh checks the values of a part, that the same seed gives them again and another others.
func checkFresh(t *testing.T, p, again, other lora.Part) {
	t.Helper()
	if !slices.Equal(p.Data, again.Data) {
		t.Errorf("%s: the same seed gives other values", p.Name)
	}
	switch p.Role {
	case lora.RoleA:
		if slices.Equal(p.Data, other.Data) {
			t.Errorf("%s: another seed gives the same values", p.Name)
		}
		if m := slices.Max(p.Data); m > 0.5 || m < -0.5 || m == 0 { // 1/√4
			t.Errorf("%s: the largest value is %v", p.Name, m)
		}
	case lora.RoleB:
		if slices.Max(p.Data) != 0 || slices.Min(p.Data) != 0 {
			t.Errorf("%s is not zero", p.Name)
		}
	case lora.RoleMagnitude:
		if p.Data[0] != 1 { // 0.5·√4
			t.Errorf("%s is %v, expected the rows' length", p.Name, p.Data[0])
		}
	case lora.RoleReplaced:
		if p.Data[0] != 0.25 {
			t.Errorf("%s is %v, expected the base's", p.Name, p.Data[0])
		}
	}
}

func TestWith(t *testing.T) {
	a, err := lora.Init("new", lora.Config{R: 2, DoRA: true, Bias: "all", TargetModules: lora.Targets{Pattern: "all-linear"}}, initBase(), 5)
	if err != nil {
		t.Fatal(err)
	}
	var values [][]float32
	for _, p := range a.Parts() {
		v := slices.Clone(p.Data)
		for i := range v {
			v[i]++
		}
		values = append(values, v)
	}
	b, err := a.With(values)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range b.Parts() {
		if !slices.Equal(p.Data, values[i]) || p.Name != a.Parts()[i].Name {
			t.Errorf("%s is not what was given", p.Name)
		}
	}
	values[0][0] = float32(math.NaN())
	if _, err := a.With(values); err == nil {
		t.Error("NaN was taken")
	}
	if _, err := a.With(values[1:]); err == nil {
		t.Error("a tensor too few was taken")
	}
}

// Settings that choose nothing, or that PEFT refuses, are refused by their keys.
func TestInitRefuses(t *testing.T) {
	names := lora.Targets{Names: []string{"q_proj"}}
	for want, c := range map[string]lora.Config{
		"layers_to_transform is for modules by name":                   {TargetModules: lora.Targets{Pattern: ".*q_proj"}, LayersToAdapt: []int{0}},
		"layers_to_transform: the model has no module of":              {TargetModules: names, LayersToAdapt: []int{1, 99}},
		`rank_pattern or alpha_pattern: the key "nope" fits no`:        {TargetModules: names, RankPattern: lora.Patterns{{Key: "nope", Value: 4}}},
		`rank_pattern or alpha_pattern: the key "v_proj" fits no`:      {TargetModules: names, AlphaPattern: lora.Patterns{{Key: "v_proj", Value: 4}}},
		`target_modules, the pattern "((": error parsing regexp`:       {TargetModules: lora.Targets{Pattern: "(("}},
		`target module "k_proj": the model has none of that name`:      {TargetModules: lora.Targets{Names: []string{"k_proj"}}},
		"no target modules are named; the model's are lm_head, q_proj": {},
	} {
		c.R, c.Alpha, c.Bias = 2, 4, "none"
		if _, err := lora.Init("new", c, initBase(), 5); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, expected one with %q", err, want)
		}
	}
}

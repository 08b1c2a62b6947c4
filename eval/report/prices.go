package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/januslm/janus/eval/results"
)

// Prices are what findings cost. Janus knows no market: its defaults are one dollar each, to be replaced by what one pays.
type Prices struct {
	MachineHour float64    // US dollars for an hour of the machine that ran the local variants
	APIs        []APIPrice // of variants or models; other names are APIs that were not measured
	// Default says that the machine's price is not the user's.
	Default bool
}

// DefaultMachineHour is the machine's price where none is given: a round figure, not a market's.
const DefaultMachineHour = 1.0

// APIPrice is what an API takes.
type APIPrice struct {
	Name               string
	Prompt, Completion float64 // US dollars for a million tokens
}

// unitPrice stands for an API where none was measured or named.
var unitPrice = APIPrice{Name: "an API at 1 dollar for a million tokens (default)", Prompt: 1, Completion: 1}

// ParsePrice reads NAME=PROMPT/COMPLETION, in US dollars for a million tokens.
func ParsePrice(text string) (p APIPrice, err error) {
	at := strings.LastIndex(text, "=")
	if at < 1 {
		return p, fmt.Errorf("price: expected NAME=PROMPT/COMPLETION, such as gpt=0.5/1.5, found %q", text)
	}
	p.Name = text[:at]
	prompt, completion, both := strings.Cut(text[at+1:], "/")
	if !both {
		return p, fmt.Errorf("price of %s: expected two numbers, PROMPT/COMPLETION, found %q", p.Name, text[at+1:])
	}
	for _, side := range []struct {
		text string
		to   *float64
	}{{prompt, &p.Prompt}, {completion, &p.Completion}} {
		if *side.to, err = strconv.ParseFloat(strings.TrimSpace(side.text), 64); err != nil || !price(*side.to) {
			return p, fmt.Errorf("price of %s: expected US dollars for a million tokens, 0 or more, found %q", p.Name, side.text)
		}
	}
	return p, nil
}

func price(v float64) bool { return v >= 0 && !math.IsInf(v, 0) }

func (p *Prices) check() error {
	if !price(p.MachineHour) {
		return fmt.Errorf("machine price: expected US dollars an hour, 0 or more, found %v", p.MachineHour)
	}
	seen := map[string]bool{}
	for _, a := range p.APIs {
		if seen[a.Name] {
			return fmt.Errorf("price of %s is given twice", a.Name)
		}
		seen[a.Name] = true
	}
	return nil
}

// of finds a variant's price: by its name, by its model, or what the benchmark recorded.
func (p *Prices) of(v *variant) (a APIPrice, found bool) {
	for _, name := range []string{v.Name, v.Model} {
		for _, a := range p.APIs {
			if a.Name == name && name != "" {
				return a, true
			}
		}
	}
	a = APIPrice{Name: v.Name, Prompt: v.PromptPrice, Completion: v.CompletionPrice}
	return a, a.Prompt > 0 || a.Completion > 0
}

// unmeasured are the prices of APIs that no variant is, or the default one where there is no API at all.
func (p *Prices) unmeasured(bench *Bench) (list []APIPrice) {
	apis := false
	known := map[string]bool{}
	for _, v := range bench.variants {
		known[v.Name], known[v.Model] = true, true
		apis = apis || v.api()
	}
	for _, a := range p.APIs {
		if !known[a.Name] {
			list = append(list, a)
		}
	}
	if !apis && len(list) == 0 {
		list = []APIPrice{unitPrice}
	}
	return list
}

func (v *variant) api() bool { return v.Approach == "api" }

// at is what cases cost at a price, each.
func (a APIPrice) at(cases []*results.Case) float64 {
	sum := 0.0
	for _, c := range cases {
		sum += (float64(c.PromptTokens)*a.Prompt + float64(c.Tokens)*a.Completion) / 1e6
	}
	return sum / float64(len(cases))
}

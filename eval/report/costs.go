package report

import (
	"fmt"
	"math"
	"slices"

	"github.com/januslm/janus/eval/results"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/internal/figure"
)

// monthHours is a month of a machine that never rests: 8,760 hours a year over 12.
const monthHours = 8760.0 / 12

// cost is what a finding takes with a variant.
type cost struct {
	name    string
	variant *variant // nil of an API that was not measured
	f1      interval
	usd     float64 // a finding
	seconds float64 // a finding; of local variants
	train   float64 // US dollars
	price   APIPrice
}

// costs compares what local variants and APIs cost.
func (b *builder) costs(bench *Bench) []Section {
	s := Section{Title: "Time and cost"}
	if b.NoTimes {
		s.say("Times and costs are left out: they differ between runs.")
		return []Section{s}
	}
	var local, apis []cost
	for _, v := range bench.variants {
		if len(v.cases) == 0 {
			continue
		}
		c := cost{name: v.Name, variant: v, f1: b.of(f1, &v.sample), seconds: meanSeconds(v.cases)}
		if v.api() {
			c.usd, c.price = b.apiCost(v)
			apis = append(apis, c)
		} else if c.seconds > 0 {
			c.usd, c.train = c.seconds*b.Prices.MachineHour/3600, v.TrainSeconds*b.Prices.MachineHour/3600
			local = append(local, c)
		}
	}
	if len(local)+len(apis) == 0 {
		return nil
	}
	s.say("%s", b.priceText(bench))
	s.table(timesTable(local, apis))
	if chart := costChart(local, apis); chart != nil {
		s.chart("cost against f1", "", chart.Picture())
	}
	for _, p := range b.Prices.unmeasured(bench) {
		apis = append(apis, cost{name: p.Name, price: p, usd: math.NaN()})
	}
	if len(local) > 0 && len(apis) > 0 {
		s.chart("break even", "", growth(best(local), local, apis, b.Prices.MachineHour).Picture())
		s.table(breakEven(local, apis, b.Prices.MachineHour))
	}
	return []Section{s}
}

// apiCost is what a measured API took: by the prices given, else as it was billed, else by the prices recorded.
func (b *builder) apiCost(v *variant) (float64, APIPrice) {
	price, found := b.Prices.of(v)
	given := slices.ContainsFunc(b.Prices.APIs, func(a APIPrice) bool { return a.Name == v.Name || a.Name == v.Model })
	billed := 0.0
	for _, c := range v.cases {
		billed += c.USD / float64(len(v.cases))
	}
	switch {
	case given:
		return price.at(v.cases), price
	case billed > 0:
		return billed, price
	case found:
		return price.at(v.cases), price
	}
	return math.NaN(), price
}

func meanSeconds(cases []*results.Case) (mean float64) {
	for _, c := range cases {
		mean += c.Seconds / float64(len(cases))
	}
	return mean
}

func (b *builder) priceText(bench *Bench) string {
	text := fmt.Sprintf("A finding's time is its share of its batch. The machine costs %s US dollars an hour", dollars(b.Prices.MachineHour).Text)
	if b.Prices.Default {
		text += " (a default, no market's price: give yours with --machine-price)"
	}
	text += "."
	for _, v := range bench.variants {
		if p, found := b.Prices.of(v); found {
			text += fmt.Sprintf(" %s takes %s US dollars for a million tokens of prompts and %s for those of answers.", finding.Clean(v.Name), dollars(p.Prompt).Text, dollars(p.Completion).Text)
		} else if v.api() {
			text += fmt.Sprintf(" %s has no price: give one with --price.", finding.Clean(v.Name))
		}
	}
	for _, p := range b.Prices.unmeasured(bench) {
		text += fmt.Sprintf(" Not measured: %s, at %s US dollars for a million tokens of prompts and %s for those of answers", finding.Clean(p.Name), dollars(p.Prompt).Text, dollars(p.Completion).Text)
		if p == unitPrice {
			text += ", a default and no market's price (--price)"
		}
		text += "; it is taken to read and write as many tokens as the variant that it is compared with."
	}
	return text
}

func timesTable(local, apis []cost) *Table {
	t := &Table{
		ID: "times", Title: "Time and cost by variant",
		Columns: append(words("Variant"), numbers("Prompt tokens", "Tokens", "Seconds a finding", "Tokens a second", "Training time", "Memory", "USD for 1,000 findings", "F1")...),
	}
	for _, c := range append(slices.Clone(local), apis...) {
		prompt, tokens := 0.0, 0.0
		for _, k := range c.variant.cases {
			prompt += float64(k.PromptTokens) / float64(len(c.variant.cases))
			tokens += float64(k.Tokens) / float64(len(c.variant.cases))
		}
		t.Rows = append(t.Rows, []Cell{
			word(c.name), number(prompt, 1), number(tokens, 1), duration(c.seconds), number(tokens/c.seconds, 1),
			duration(c.variant.TrainSeconds), size(c.variant.PeakBytes), dollars(1000 * c.usd), figureCell(c.f1),
		})
	}
	return t
}

// costChart sets what a thousand findings cost against F1.
func costChart(local, apis []cost) *figure.Panels {
	c := figure.XY{Y: figure.Share("F1")}
	var xs [][]float64
	for i, side := range [][]cost{local, apis} {
		s := figure.Series{Name: [...]string{"local", "API"}[i], Style: figure.Dots, Ink: figure.SeriesInk(i)}
		for _, k := range side {
			if k.usd > 0 && !math.IsNaN(float64(k.f1.Value)) {
				s.X, s.Y = append(s.X, 1000*k.usd), append(s.Y, float64(k.f1.Value))
				s.Low, s.High = append(s.Low, float64(k.f1.Low)), append(s.High, float64(k.f1.High))
				s.Labels = append(s.Labels, clip(finding.Clean(k.name), 30))
				s.Hints = append(s.Hints, fmt.Sprintf("%s: F1 %.3f, %s US dollars for 1,000 findings", finding.Clean(k.name), float64(k.f1.Value), dollars(1000*k.usd).Text))
			}
		}
		if len(s.X) > 0 {
			c.Series, xs = append(c.Series, s), append(xs, s.X)
		}
	}
	if len(xs) == 0 {
		return nil
	}
	c.X = figure.FitLog("US dollars for 1,000 findings (logarithmic)", xs...)
	return &figure.Panels{Title: "Cost against F1", Note: "Up and to the left is better. Whiskers are 95 % intervals.", Charts: []figure.XY{c}, Height: 360, Legend: true}
}

// best is the local variant with the highest F1, of equal ones the first; a floor only where there is no other.
func best(local []cost) cost {
	if models := slices.DeleteFunc(slices.Clone(local), func(c cost) bool { return c.variant.Approach == "floor" }); len(models) > 0 {
		local = models
	}
	return slices.MaxFunc(local, func(a, b cost) int {
		switch x, y := a.f1.Value, b.f1.Value; {
		case x > y || math.IsNaN(float64(y)) && !math.IsNaN(float64(x)):
			return 1
		case x < y || math.IsNaN(float64(x)) && !math.IsNaN(float64(y)):
			return -1
		}
		return 0
	})
}

// against is what an API takes for a finding beside a local variant. One that was not measured is taken to read and write what the
// variant does, or, beside one that reads no prompts, what the first does that reads some.
func (c cost) against(local cost, all []cost) float64 {
	if c.variant != nil {
		return c.usd
	}
	for _, of := range append([]cost{local}, all...) {
		if slices.ContainsFunc(of.variant.cases, func(k *results.Case) bool { return k.PromptTokens > 0 }) {
			return c.price.at(of.variant.cases)
		}
	}
	return math.NaN()
}

// growth is what so many findings cost: locally by the hour with training, on a machine kept for a month, and by API.
func growth(local cost, all, apis []cost, hour float64) *figure.Panels {
	const points = 61
	c := figure.XY{}
	var ys [][]float64
	add := func(name string, ink figure.Ink, dashed []float64, total func(n float64) float64) {
		s := figure.Series{Name: name, Ink: ink, Dash: dashed}
		for i := range points {
			n := math.Pow(10, 2+float64(i)*5/(points-1)) // 100 to 10 million
			if y := total(n); y > 0 {
				s.X, s.Y = append(s.X, n), append(s.Y, y)
			}
		}
		if len(s.X) > 0 {
			c.Series, ys = append(c.Series, s), append(ys, s.Y)
		}
	}
	name := clip(finding.Clean(local.name), 30)
	add(name+", training and hours used", figure.SeriesInk(0), nil, func(n float64) float64 { return local.train + n*local.usd })
	capacity := monthHours * 3600 / local.seconds
	add(name+", machine kept a month", figure.SeriesInk(0), []float64{6, 4}, func(n float64) float64 {
		if n > capacity {
			return math.NaN()
		}
		return monthHours*hour + local.train
	})
	for i, a := range apis {
		usd := a.against(local, all)
		add(clip(finding.Clean(a.name), 60), figure.SeriesInk(i+1), dash(i+1), func(n float64) float64 { return n * usd })
	}
	c.X = figure.FitLog("findings (logarithmic)", []float64{160, 6e6})
	c.X.Min, c.X.Max = 100, 1e7
	c.Y = figure.FitLog("US dollars (logarithmic)", ys...)
	return &figure.Panels{Title: "What findings cost", Note: "The local variant is the model with the highest F1. The dashed line ends at what one machine can review in a month.", Charts: []figure.XY{c}, Height: 340, Legend: true}
}

// breakEven says from how many findings on a local variant is cheaper than an API.
func breakEven(local, apis []cost, hour float64) *Table {
	t := &Table{
		ID: "break even", Title: "Local against API",
		Note: fmt.Sprintf("Break-even in total: findings after which training is paid for, where the machine is paid by the hour used; never, where a finding costs more locally. "+
			"Break-even a month: findings a month from which a machine that is kept for %s US dollars a month (%.0f hours) is cheaper than the API; never, where it cannot review so many.",
			dollars(monthHours*hour).Text, monthHours),
		Columns: append(words("Local", "API"), numbers("Local F1", "API F1", "Local, USD for 1,000", "API, USD for 1,000", "Training, USD", "Break-even in total", "Break-even a month", "Capacity a month")...),
	}
	for _, l := range local {
		for _, a := range apis {
			usd := a.against(l, local)
			api := Cell{Text: none, Sort: math.NaN()}
			if a.variant != nil {
				api = figureCell(a.f1)
			}
			capacity := monthHours * 3600 / l.seconds
			t.Rows = append(t.Rows, []Cell{
				word(l.name), word(a.name), figureCell(l.f1), api, dollars(1000 * l.usd), dollars(1000 * usd), dollars(l.train),
				inTotal(l.train, usd-l.usd), aMonth(monthHours*hour, usd, capacity), findingsCell(capacity),
			})
		}
	}
	return t
}

// inTotal is after how many findings a saving on each has paid for a sum.
func inTotal(sum, saving float64) Cell {
	switch {
	case math.IsNaN(saving):
		return Cell{Text: none, Sort: math.NaN()}
	case saving <= 0:
		return Cell{Text: "never", Sort: math.Inf(1)}
	}
	return findingsCell(math.Ceil(sum / saving))
}

func aMonth(rent, usd, capacity float64) Cell {
	switch n := math.Ceil(rent / usd); {
	case math.IsNaN(usd):
		return Cell{Text: none, Sort: math.NaN()}
	case rent == 0:
		return findingsCell(0)
	case usd == 0 || n > capacity:
		return Cell{Text: "never", Sort: math.Inf(1)}
	default:
		return findingsCell(n)
	}
}

func findingsCell(n float64) Cell {
	if n > 1e15 || math.IsNaN(n) {
		return Cell{Text: none, Sort: math.NaN()}
	}
	return Cell{Text: finding.Thousands(int(math.Round(n))), Sort: n}
}

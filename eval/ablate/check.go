package ablate

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/januslm/janus/internal/nearest"
	"github.com/januslm/janus/train/heads"
)

// mostPoints bounds what a slip of the pen can ask for.
const mostPoints = 1_000_000

// Source says where a grid's values were written, for messages. The zero value says nothing.
type Source struct {
	File  string
	Lines map[string]int // by key and by entry, as run.Lines gives them
}

// line is where a key, or an entry such as "hidden[2]", stands; 0 where that is not known.
func (s Source) line(key string) int {
	if line := s.Lines[key]; line > 0 {
		return line
	}
	name, _, _ := strings.Cut(key, "[")
	return s.Lines[name]
}

// at stands before a message about a key or an entry.
func (s Source) at(key string) string {
	if line := s.line(key); line > 0 {
		return fmt.Sprintf("%s:%d: ", s.File, line)
	}
	return ""
}

// checker gathers what is wrong with a grid.
type checker struct {
	*Grid
	source Source
	errs   []error
}

func (c *checker) fail(key, format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf("%s%s: %s", c.source.at(key), key, fmt.Sprintf(format, args...)))
}

// entry names an axis's value.
func entry(key string, i int) string { return fmt.Sprintf("%s[%d]", key, i) }

// Check refuses a grid of which a point cannot be, all that is wrong at once, each with the line where source knows it.
func (g *Grid) Check(source Source) error {
	c := &checker{Grid: g, source: source}
	if g.Model == nil {
		g.Model = []string{""} // review's
	}
	c.sizes()
	c.headAxes()
	c.lengths()
	c.tuningAxes()
	if len(c.errs) == 0 { // what is said already is not said again
		c.repeats()
	}
	c.single()
	return errors.Join(c.errs...)
}

// sizes refuses empty axes, and more points than anyone can mean.
func (c *checker) sizes() {
	points := 1
	for _, a := range c.axes() {
		if len(a.values) == 0 {
			c.fail(a.name, "the list is empty: give at least one value, or leave the key out")
			continue
		}
		if points = points * len(a.values); points > mostPoints {
			c.fail(a.name, "with this axis there are more than %d points", mostPoints)
			return
		}
	}
}

func (c *checker) headAxes() {
	for i, text := range c.Hidden {
		if _, err := heads.Widths(text); err != nil {
			c.fail(entry("hidden", i), "expected widths such as 32 or 64x16, or none, found %q, did you mean %s?", text, nearestWidths(text))
		}
	}
	for i, text := range c.Layer {
		if n, err := strconv.Atoi(text); text != "last" && (err != nil || n < 0) {
			c.fail(entry("layer", i), "expected last or an index from 0, found %q, did you mean last?", text)
		}
	}
}

var wholeNumber = regexp.MustCompile(`[1-9][0-9]*`)

// nearestWidths is what text would be without what is wrong in it.
func nearestWidths(text string) string {
	if numbers := wholeNumber.FindAllString(text, -1); numbers != nil {
		return strings.Join(numbers, "x")
	}
	return noHidden
}

// lengths checks the axes of the analysis, which hang together.
func (c *checker) lengths() {
	for i, n := range c.MinTokens {
		if n < 0 {
			c.fail(entry("min_tokens", i), "expected 0 or more, found %d", n)
		}
		for k, most := range c.MaxTokens {
			if n > most {
				c.fail(entry("min_tokens", i), "%d is above %s, %d%s: all combinations are computed, and an analysis cannot have at least %d and at most %d tokens",
					n, entry("max_tokens", k), most, c.line(entry("max_tokens", k)), n, most)
			}
		}
	}
	for i, text := range c.Length {
		n, err := strconv.Atoi(text)
		switch {
		case text == maxLength:
		case err != nil || n < 0:
			c.fail(entry("length", i), "expected a number of tokens from 0 or max, found %q, did you mean %s?", text, nearest.Of(text, append(texts(c.MaxTokens), maxLength)))
		default:
			for k, most := range c.MaxTokens {
				if n > most {
					c.fail(entry("length", i), "%d is above %s, %d%s: the last verdict there is comes after %d tokens (max)",
						n, entry("max_tokens", k), most, c.line(entry("max_tokens", k)), most)
				}
			}
		}
	}
	for i, t := range c.Temperature {
		if !(t >= 0) {
			c.fail(entry("temperature", i), "expected 0 or more, found %v", t)
		}
	}
	for i, n := range c.MaxTokens {
		if n < 0 {
			c.fail(entry("max_tokens", i), "expected 0 or more, found %d", n)
		}
	}
}

// line tells where a key or entry stands, in brackets.
func (c *checker) line(key string) string {
	if at := c.source.line(key); at > 0 {
		return fmt.Sprintf(" (line %d)", at)
	}
	return ""
}

func (c *checker) tuningAxes() {
	for i, n := range c.Rank {
		if n < 1 {
			c.fail(entry("rank", i), "expected 1 or more, found %d (an approach of none is without an adapter)", n)
		}
	}
	for i, text := range c.TargetModules {
		if slices.Contains(strings.Split(text, "+"), "") {
			c.fail(entry("target_modules", i), "expected names with + between, such as q_proj+v_proj, found %q", text)
		}
	}
	for i, text := range c.Samples {
		if n, err := strconv.Atoi(text); text != allSamples && (err != nil || n < 2) {
			c.fail(entry("samples", i), "expected a number of rows from 2 (one of each label) or all, found %q, did you mean all?", text)
		}
	}
	if slices.Contains(c.Approach, approachLoRA) || slices.Contains(c.Approach, approachJoint) {
		return
	}
	for _, a := range []struct {
		key string
		n   int
	}{{"rank", len(c.Rank)}, {"target_modules", len(c.TargetModules)}} {
		if a.n > 1 {
			c.fail(a.key, "there are %d values, and no approach has an adapter for which they make a difference: add lora or joint to approach", a.n)
		}
	}
}

// repeats refuses values that stand twice, however they are written.
func (c *checker) repeats() {
	for _, a := range c.axes() {
		first := map[string]int{}
		for i, text := range a.values {
			same := text
			switch a.name {
			case "target_modules":
				same = modules(text)
			case "samples", "layer":
				same = canonical(text)
			case "length":
				same = canonical(text)
				if text == maxLength && len(c.MaxTokens) == 1 {
					same = strconv.Itoa(c.MaxTokens[0])
				}
			case "hidden":
				widths, _ := heads.Widths(text) // checked
				same = fmt.Sprint(widths)
			}
			if k, there := first[same]; there {
				c.fail(entry(a.name, i), "%s is there already, as %s%s", text, entry(a.name, k), c.line(entry(a.name, k)))
				continue
			}
			first[same] = i
		}
	}
}

// canonical writes a number in one way.
func canonical(text string) string {
	if n, err := strconv.Atoi(text); err == nil {
		return strconv.Itoa(n)
	}
	return text
}

// single checks the settings that are no axes.
func (c *checker) single() {
	for _, s := range []struct {
		key   string
		value float64
		ok    bool
		want  string
	}{
		{"rows", float64(c.Rows), c.Rows >= 0, "0 (all) or more"},
		{"test", c.Test, c.Test > 0 && c.Test < 1, "a share between 0 and 1"},
		{"dev", c.Dev, c.Dev > 0 && c.Dev < 1, "a share between 0 and 1"},
		{"max_prompt", float64(c.MaxPrompt), c.MaxPrompt >= 1, "1 or more"},
		{"top_p", c.TopP, c.TopP > 0 && c.TopP <= 1, "above 0 to 1"},
		{"dropout", c.Dropout, c.Dropout >= 0 && c.Dropout < 1, "0 to below 1"},
		{"learning_rate", c.LearningRate, c.LearningRate > 0, "a number above 0"},
		{"weight_decay", c.WeightDecay, c.WeightDecay >= 0, "0 or more"},
		{"epochs", float64(c.Epochs), c.Epochs >= 1, "1 or more"},
		{"batch_size", float64(c.BatchSize), c.BatchSize >= 0, "0 (all rows) or more"},
		{"patience", float64(c.Patience), c.Patience >= 0, "0 (off) or more"},
		{"label_smoothing", c.Smoothing, c.Smoothing >= 0 && c.Smoothing < 1, "0 to below 1"},
		{"resamples", float64(c.Resamples), c.Resamples >= 1, "1 or more"},
	} {
		if !s.ok {
			c.fail(s.key, "expected %s, found %v", s.want, s.value)
		}
	}
	if err := heads.CheckThreshold(c.Threshold); err != nil {
		c.errs = append(c.errs, fmt.Errorf("%s%w", c.source.at("threshold"), err)) // which names the key
	}
	if _, _, err := heads.ClassWeights(c.ClassWeights, 1, 1); err != nil {
		c.errs = append(c.errs, fmt.Errorf("%s%w", c.source.at("class_weights"), err))
	}
}

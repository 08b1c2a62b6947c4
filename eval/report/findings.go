package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/januslm/janus/eval/explain"
	"github.com/januslm/janus/eval/results"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/internal/figure"
)

// Findings is a list of findings with what each variant said of them.
type Findings struct {
	Items []Item
}

// Item is a finding.
type Item struct {
	Title, Place, Source, Category, ID string
	Truth                              string // "real" or "false alarm"
	Right, Judged, Failed              int    // variants
	Verdicts                           []ItemVerdict
}

// ItemVerdict is what a variant said.
type ItemVerdict struct {
	Variant string
	Verdict string // "real", "false alarm" or "failed"
	Right   bool
	P       string
	Error   string
	Tokens  int
	Text    []Run // the analysis, in runs of words that are marked or not
	Spark   *figure.Picture
	Letters string // the trajectory in a few letters
	Turns   []string
}

// Run is a stretch of an analysis. Mark is "real" or "unreal" where its word turned the verdict or moved it much, by where to.
type Run struct{ Text, Mark, Hint string }

// Bounds of what is shown of an analysis.
const (
	mostAnalysis = 20 << 10 // bytes
	mostTurns    = 4
)

// findings lists findings, those first on which variants disagree most.
func (b *builder) findings(bench *Bench) []Section {
	type group struct {
		first *results.Case
		of    []*results.Case // by variant; nil where it has none
		right int
		n     int
	}
	var groups []*group
	byKey := map[string]*group{}
	for i, v := range bench.variants {
		for _, c := range slices.Concat(v.cases, v.failed) {
			g := byKey[caseKey(c)]
			if g == nil {
				g = &group{first: c, of: make([]*results.Case, len(bench.variants))}
				byKey[caseKey(c)] = g
				groups = append(groups, g)
			}
			if g.of[i] != nil {
				continue // told twice
			}
			g.of[i] = c
			if !c.Failed() {
				g.n++
				if right(c) {
					g.right++
				}
			}
		}
	}
	disagreement := func(g *group) int { return min(g.right, g.n-g.right) }
	slices.SortStableFunc(groups, func(x, y *group) int {
		return cmp.Or(cmp.Compare(disagreement(y), disagreement(x)), cmp.Compare(x.right, y.right), cmp.Compare(x.first.Source, y.first.Source), cmp.Compare(x.first.ID, y.first.ID), cmp.Compare(x.first.Fold, y.first.Fold))
	})
	shown := groups
	if b.Findings > 0 && len(shown) > b.Findings {
		shown = shown[:b.Findings]
	}
	list := &Findings{}
	for _, g := range shown {
		list.Items = append(list.Items, b.item(bench, g.first, g.of))
	}
	s := Section{Title: "Findings"}
	text := "Those first on which the variants disagree most; what a finding truly is stands before its title. An analysis is marked at the words after which the verdict was another one, and at those that moved the probability most."
	if left := len(groups) - len(shown); left > 0 {
		text += fmt.Sprintf(" Shown are %s of %s findings; %s are left out (--findings).", finding.Thousands(len(shown)), finding.Thousands(len(groups)), finding.Thousands(left))
	}
	s.say("%s", text)
	s.Blocks = append(s.Blocks, Block{Findings: list})
	return []Section{s}
}

func (b *builder) item(bench *Bench, first *results.Case, of []*results.Case) Item {
	item := Item{
		Title: clip(finding.Clean(first.Title), 200), Place: clip(finding.Clean(first.Location), 200), Source: finding.Clean(first.Source),
		Category: finding.Clean(first.Category), ID: clip(finding.Clean(first.ID), 100), Truth: called(first.Truth),
	}
	if item.Title == "" {
		item.Title = "finding " + item.ID
	}
	for i, c := range of {
		if c == nil {
			continue
		}
		v := verdictOf(c)
		v.Variant = finding.Clean(bench.variants[i].Name)
		if c.Failed() {
			item.Failed++
		} else if item.Judged++; v.Right {
			item.Right++
		}
		item.Verdicts = append(item.Verdicts, v)
	}
	return item
}

// called is a label in words.
func called(label string) string {
	switch finding.Label(label) {
	case finding.TruePositive:
		return "real"
	case finding.FalsePositive:
		return "false alarm"
	}
	return "unknown"
}

func verdictOf(c *results.Case) ItemVerdict {
	v := ItemVerdict{Verdict: called(c.Verdict), Right: right(c), P: fmt.Sprintf("%.3f", c.P), Tokens: int(c.Tokens)}
	if c.Failed() {
		v.Verdict, v.P, v.Right, v.Error = "failed", none, false, clip(finding.Clean(c.Error), 500)
		return v
	}
	v.Spark = explain.Spark(c.Trajectory, c.Threshold)
	v.Letters = explain.Line(c.Trajectory, 24)
	words := explain.Words(c.Pieces, c.Trajectory)
	if len(words) == 0 {
		if text := lines(c.Analysis); text != "" {
			v.Text = []Run{{Text: text}}
		}
		return v
	}
	v.Text, v.Turns = marked(words, c.Threshold)
	return v
}

// marked puts an analysis into runs, and says what its marked words did.
func marked(words []explain.Word, threshold float64) (runs []Run, turns []string) {
	crossed, moved, crossings := explain.Turns(words, threshold, mostTurns)
	marks := map[int]string{}
	for _, i := range moved {
		marks[i] = side(words[i].Change() > 0)
	}
	for _, i := range crossed {
		marks[i] = side(words[i].After >= threshold)
		turns = append(turns, fmt.Sprintf("“%s” turned it to %s: %.3f to %.3f", clip(finding.Clean(words[i].Shown()), 40), map[string]string{"real": "real", "unreal": "false alarm"}[marks[i]], words[i].Before, words[i].After))
	}
	if more := crossings - len(crossed); more > 0 {
		turns = append(turns, fmt.Sprintf("and %d more turns", more))
	}
	bytes := 0
	for i, w := range words {
		if bytes += len(w.Text); bytes > mostAnalysis {
			runs = append(runs, Run{Text: fmt.Sprintf(" […] %d more words", len(words)-i)})
			break
		}
		text := lines(w.Text)
		if i == 0 {
			text = strings.TrimLeft(text, " \n")
		}
		mark := marks[i]
		if rest := strings.TrimLeft(text, " \n"); mark != "" && rest != text { // the space before a word is not marked
			runs = append(runs, Run{Text: text[:len(text)-len(rest)]})
			text = rest
		}
		if n := len(runs); mark == "" && n > 0 && runs[n-1].Mark == "" {
			runs[n-1].Text += text
			continue
		}
		run := Run{Text: text, Mark: mark}
		if mark != "" {
			run.Hint = fmt.Sprintf("%.3f to %.3f", w.Before, w.After)
		}
		runs = append(runs, run)
	}
	return runs, turns
}

func side(real bool) string {
	if real {
		return "real"
	}
	return "unreal"
}

// lines is a text of several lines, cut in its middle where it is long, without control characters.
func lines(text string) string {
	return finding.CleanLines(finding.CutMiddle(text, mostAnalysis))
}

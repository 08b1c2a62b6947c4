package generate

import (
	"context"
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/januslm/janus/finding"
)

// SourcePassive is the Source of findings that [Passive] makes.
const SourcePassive = "generated-passive"

//go:embed passive/checks.txt
var passiveText string

// passiveCheck is one thing that passive scanners look for in an exchange.
type passiveCheck struct {
	rules, titles []string
	cwe           string
	about         []string // headers that decide: nothing else sets them
	real, false   string   // why a finding is
	variants      [2][]string
}

// passiveChecks are those of passive/checks.txt. A check is
//
//	= rule ids; … | CWE | titles; …
//	~ headers that decide
//	! why it is real | why it is false
//	+ what makes it real        (several lines, of which one is drawn)
//	- what makes it false
//
// and what makes it is a list, divided by " && ", of a letter and a text: H a header of the response, R one of the request, B a
// piece of the page's body, X the whole body, T the type of the body, S the status, U http or https, P the path, E the evidence
// where it is not the last of those. ‹a|b› is one of its parts; {word}, {hex32} and so on are drawn.
var passiveChecks = sync.OnceValue(func() []passiveCheck {
	var all []passiveCheck
	for line := range strings.SplitSeq(strings.TrimSpace(passiveText), "\n") {
		text := strings.TrimSpace(line[1:])
		switch line[0] {
		case '=':
			parts := strings.Split(text, " | ")
			all = append(all, passiveCheck{rules: strings.Split(parts[0], "; "), cwe: parts[1], titles: strings.Split(parts[2], "; ")})
		case '~':
			all[len(all)-1].about = strings.Fields(text)
		case '!':
			c := &all[len(all)-1]
			c.real, c.false, _ = strings.Cut(text, " | ")
		case '+', '-':
			c, side := &all[len(all)-1], strings.IndexByte("+-", line[0])
			c.variants[side] = append(c.variants[side], text)
		default:
			panic("generate: passive/checks.txt: " + line) // the file is part of the program, and a test reads it
		}
	}
	return all
})

// PassiveChecks lists the rule ids of the checks that [Passive] knows, the first of each.
func PassiveChecks() []string {
	var names []string
	for _, c := range passiveChecks() {
		names = append(names, c.rules[0])
	}
	return names
}

// PassiveReason is why findings of a check are real and false.
type PassiveReason struct {
	Rule        string
	Headers     []string // that decide; none where something else does
	Real, False string
}

// PassiveReasons lists the reasons of all checks, without what varies in them.
func PassiveReasons() []PassiveReason {
	var all []PassiveReason
	for _, c := range passiveChecks() {
		g := newGen(0, "reasons", 0) // of several wordings one, always the same
		all = append(all, PassiveReason{c.rules[0], c.about, g.passiveSay(c.real), g.passiveSay(c.false)})
	}
	return all
}

// PassiveOptions say what [Passive] is to make.
type PassiveOptions struct {
	Num    int      // of pairs
	Seed   uint64   // the same seed gives the same bytes
	Checks []string // of PassiveChecks; nil: all of them in turn
}

// Passive makes pairs from to o.Num-1 of findings as passive scanners of HTTP traffic report them: one check, one of its titles,
// and one exchange where the finding is real (Label "TP") and one where it is false ("FP"). Message is empty, as passive scanners
// leave it; the analysis of each, by place in the pair, is handed over beside it. Pairs have their group, the check, in common.
// Pair k depends on the options without Num, and on k.
func Passive(ctx context.Context, o PassiveOptions, from int, yield func(pair []finding.Finding, analyses []string) error) error {
	var list []passiveCheck
	for _, c := range passiveChecks() {
		if o.Checks == nil || slices.Contains(o.Checks, c.rules[0]) {
			list = append(list, c)
		}
	}
	if len(list) == 0 || o.Checks != nil && len(list) != len(o.Checks) {
		return fmt.Errorf("checks %s: expected names of PassiveChecks, each once", strings.Join(o.Checks, ", "))
	}
	if o.Num < 0 || from < 0 {
		return fmt.Errorf("%d pairs from pair %d on: neither can be negative", o.Num, from)
	}
	for k := from; k < o.Num; k++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		g := newGen(o.Seed, "passive "+strings.Join(o.Checks, " "), k)
		pair, analyses := g.passivePair(list[k%len(list)], k, o.Seed)
		if err := yield(pair, analyses); err != nil {
			return err
		}
	}
	return nil
}

func (g *gen) passivePair(c passiveCheck, k int, seed uint64) ([]finding.Finding, []string) {
	title, rule := g.passiveSay(g.pick(c.titles...)), g.pick(c.rules...)
	if g.chance(0.6) {
		rule, title = c.rules[0], g.passiveSay(g.pick(c.titles[:min(2, len(c.titles))]...))
	}
	tool := g.pick("ZAP passive scan", "ZAP passive scan", "ZAP", "Burp Suite", "nuclei", "passive scanner", "w3af")
	base := g.passivePage(c)
	labels := []finding.Label{finding.TruePositive, finding.FalsePositive}
	var pair []finding.Finding
	var analyses []string
	for side, label := range labels {
		p := base.clone()
		evidence := p.apply(g, g.pick(c.variants[side]...))
		why := g.passiveSay([]string{c.real, c.false}[side])
		if evidence == "" {
			evidence = "Nothing of that kind is there"
			if len(c.about) > 0 {
				evidence = "There is no " + c.about[0]
			}
		} else if strings.Contains(p.raw(), evidence) {
			evidence = "`" + evidence + "`"
		}
		f := finding.Finding{
			ID: fmt.Sprintf("passive/%d/%d/%d", seed, k, side), Source: SourcePassive, Tool: tool, Rule: rule, CWE: c.cwe, Category: "http",
			Language: "http", Title: title, Request: p.request(), Response: p.response(), Label: string(label), Group: "passive/" + c.rules[0],
		}
		if c.cwe == "CWE-0" {
			f.CWE = ""
		}
		pair = append(pair, f)
		analyses = append(analyses, evidence+": "+why+".")
	}
	if g.chance(0.5) {
		slices.Reverse(pair)
		slices.Reverse(analyses)
	}
	return pair, analyses
}

var (
	passiveChoice = regexp.MustCompile(`‹[^‹›]*›`)
	passiveSlot   = regexp.MustCompile(`\{(hexup|hex|b64|digits|n)(\d+)\}|\{(word|email|host|empty)\}`)
)

// passiveSay draws a text: ‹a|b› is one of its parts, and slots are filled.
func (g *gen) passiveSay(text string) string {
	for passiveChoice.MatchString(text) {
		text = passiveChoice.ReplaceAllStringFunc(text, func(choice string) string {
			return g.pick(strings.Split(strings.TrimSuffix(strings.TrimPrefix(choice, "‹"), "›"), "|")...)
		})
	}
	return passiveSlot.ReplaceAllStringFunc(text, func(slot string) string {
		m := passiveSlot.FindStringSubmatch(slot)
		n := 0
		_, _ = fmt.Sscan(m[2], &n) // digits, by the pattern
		switch m[1] + m[3] {
		case "hex":
			return g.hex(n)
		case "hexup":
			return strings.ToUpper(g.hex(n))
		case "b64":
			return g.chars(alnum, n)
		case "digits":
			return g.digits(n)
		case "n":
			return fmt.Sprint(g.between(1, [...]int{9, 9, 99, 999}[min(n, 3)]))
		case "email":
			return g.email()
		case "host":
			return g.host()
		case "empty":
			return ""
		default:
			return g.noun()
		}
	})
}

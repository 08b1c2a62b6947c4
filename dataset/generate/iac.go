package generate

import (
	"context"
	"embed"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/januslm/janus/finding"
)

// Smells of infrastructure code, as GLITCH finds them.
const (
	SmellSecret  = "hard_coded_secret"
	SmellComment = "suspicious_comment"
	SmellCrypto  = "weak_cryptography"
	SmellHTTP    = "http_without_tls"
)

// Smells lists the four smells, and IaCTools the four languages of infrastructure code.
func Smells() []string { return []string{SmellSecret, SmellComment, SmellCrypto, SmellHTTP} }

// IaCTools lists the tools whose code [IaC] writes.
func IaCTools() []string { return []string{"ansible", "chef", "puppet", "terraform"} }

// IaCOptions say what [IaC] is to make.
type IaCOptions struct {
	Num   int    // of pairs
	Seed  uint64 // the same seed gives the same bytes
	Smell string // one of Smells; empty: all of them in turn
	Tool  string // one of IaCTools; empty: all of them in turn
}

// smellInfo is what a scanner says of a smell: GLITCH's error codes and their CWE.
type smellInfo struct{ block, rule, cwe, title, message string }

var smellInfos = map[string]smellInfo{
	SmellSecret:  {"secret", "sec_hard_secr", "CWE-798", "Hard-coded secret", "Hard-coded secret: sensitive information should not be in the source code"},
	SmellComment: {"", "sec_susp_comm", "CWE-546", "Suspicious comment", "Suspicious comment: it may tell of a defect, missing functionality or a weakness"},
	SmellCrypto:  {"crypto", "sec_weak_crypt", "CWE-327", "Weak cryptography algorithm", "Weak cryptography: the algorithm may be open to attacks"},
	SmellHTTP:    {"http", "sec_https", "CWE-319", "Use of HTTP without TLS", "HTTP without TLS: the traffic can be read and changed on its way"},
}

//go:embed iac/*.txt
var iacFiles embed.FS

// iacBlock is a piece of code, with the mark flaggedLine where the flagged line goes, and the lines that are real or not.
type iacBlock struct {
	smell, name string // both empty: a piece of code that surrounds others
	lines       []string
	real, false []string
}

const flaggedLine = "@@"

// iacCode is a tool's blocks, and where its code lies.
type iacCode struct {
	fillers  []iacBlock
	blocks   map[string][]iacBlock // by smell
	language string
	files    []string
}

var iacTools = map[string]iacCode{
	"ansible":   {language: "yaml", files: []string{"roles/{word}/tasks/main.yml", "playbooks/{word}.yml", "roles/{word}/tasks/{word2}.yaml"}},
	"chef":      {language: "ruby", files: []string{"cookbooks/{word}/recipes/default.rb", "cookbooks/{word}/recipes/{word2}.rb", "site-cookbooks/{word}/attributes/default.rb"}},
	"puppet":    {language: "puppet", files: []string{"manifests/{word}.pp", "modules/{word}/manifests/init.pp", "site/profile/manifests/{word}.pp"}},
	"terraform": {language: "terraform", files: []string{"modules/{word}/main.tf", "{word}.tf", "environments/prod/{word}.tf"}},
}

type iacBook struct {
	tools               map[string]iacCode
	realNote, falseNote []string // comments
}

var iacLibrary = sync.OnceValue(func() iacBook {
	book := iacBook{tools: map[string]iacCode{}}
	for tool, code := range iacTools {
		text, err := iacFiles.ReadFile("iac/" + tool + ".txt")
		if err != nil {
			panic(err) // the file is part of the program
		}
		code.blocks = map[string][]iacBlock{}
		for _, part := range strings.Split(string(text), caseLine+"\n") {
			b := parseIaCBlock(part)
			if b.smell == "" {
				code.fillers = append(code.fillers, b)
			} else {
				code.blocks[b.smell] = append(code.blocks[b.smell], b)
			}
		}
		book.tools[tool] = code
	}
	text, err := iacFiles.ReadFile("iac/comments.txt")
	if err != nil {
		panic(err)
	}
	real, harmless, _ := strings.Cut(string(text), "----\n")
	book.realNote = strings.Split(strings.TrimSpace(real), "\n")
	book.falseNote = strings.Split(strings.TrimSpace(harmless), "\n")
	return book
})

func parseIaCBlock(text string) iacBlock {
	var b iacBlock
	for line := range strings.SplitSeq(strings.Trim(text, "\n"), "\n") {
		switch {
		case strings.HasPrefix(line, "# smell: "):
			b.smell = strings.TrimPrefix(line, "# smell: ")
		case strings.HasPrefix(line, "# name: "):
			b.name = strings.TrimPrefix(line, "# name: ")
		case line == "# filler":
		case b.smell != "" && strings.HasPrefix(line, "+ "):
			b.real = append(b.real, line[2:])
		case b.smell != "" && strings.HasPrefix(line, "- ") && len(b.real) > 0:
			b.false = append(b.false, line[2:])
		default:
			b.lines = append(b.lines, line)
		}
	}
	return b
}

// IaC makes pairs from to o.Num-1 of findings in infrastructure code: the same code with one flagged line that is a real
// weakness in one (Label "TP") and not in the other ("FP"), in an order that says nothing. Snippet has the line and five
// lines of context on each side. Pairs have their group, tool, smell and piece of code, in common. Pair k depends on the
// options without Num, and on k; it stops at yield's first error, which it returns as it is, and at ctx's end.
func IaC(ctx context.Context, o IaCOptions, from int, yield func(pair []finding.Finding) error) error {
	smells, tools := Smells(), IaCTools()
	if o.Smell != "" {
		if _, ok := smellInfos[o.Smell]; !ok {
			return fmt.Errorf("smell %q: expected one of %s", o.Smell, strings.Join(smells, ", "))
		}
		smells = []string{o.Smell}
	}
	if o.Tool != "" {
		if _, ok := iacTools[o.Tool]; !ok {
			return fmt.Errorf("tool %q: expected one of %s", o.Tool, strings.Join(tools, ", "))
		}
		tools = []string{o.Tool}
	}
	if o.Num < 0 || from < 0 {
		return fmt.Errorf("%d pairs from pair %d on: neither can be negative", o.Num, from)
	}
	for k := from; k < o.Num; k++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		smell, tool := smells[k%len(smells)], tools[k/len(smells)%len(tools)]
		if err := yield(makeIaCPair(o, smell, tool, k)); err != nil {
			return err
		}
	}
	return nil
}

// name begins the ids: findings made with other options are other ones.
func (o *IaCOptions) name() string {
	name := "iac"
	for _, part := range []string{o.Smell, o.Tool} {
		if part != "" {
			name += "-" + part
		}
	}
	return name
}

// contextLines is how much code stands on each side of the flagged line.
const contextLines = 5

func makeIaCPair(o IaCOptions, smell, tool string, k int) []finding.Finding {
	g := newGen(o.Seed, "iac "+o.Smell+" "+o.Tool, k)
	code, info := iacLibrary().tools[tool], smellInfos[smell]
	words := g.iacWords()
	var block iacBlock
	if smell == SmellComment {
		block = g.commentBlock(code)
	} else {
		block = code.blocks[info.block][g.IntN(len(code.blocks[info.block]))]
	}
	if n := g.IntN(3); smell != SmellComment && n > 0 {
		block.lines = append([]string{"# " + g.remark()}, block.lines...)
		if n > 1 {
			block.lines = append([]string{"# " + g.remark()}, block.lines...)
		}
	}
	before, after := g.iacFillers(code, g.between(0, 2)), g.iacFillers(code, g.between(0, 2))
	body := strings.Split(g.iacText(strings.Join(block.lines, "\n"), words), "\n")
	lines := append(append(before, body...), after...)
	at := 0
	for i, line := range lines {
		if strings.TrimSpace(line) == flaggedLine {
			at = i
		}
	}
	indent := strings.TrimSuffix(lines[at], flaggedLine)
	file := g.iacText(g.pick(code.files...), words)
	group := "iac/" + tool + "/" + smell + "/" + block.name
	if smell == SmellComment {
		group = "iac/any/" + smell + "/" + block.name
	}
	make := func(flagged, label, id string) finding.Finding {
		text := append([]string(nil), lines...)
		text[at] = indent + flagged
		line := at + 1
		return finding.Finding{
			ID: fmt.Sprintf("%s-%d-%06d%s", o.name(), o.Seed, k, id), Source: SourceOffline, Tool: "GLITCH", Rule: info.rule, CWE: info.cwe,
			Category: "iac", Language: code.language, File: file, Line: &line, Title: info.title, Message: info.message, Level: "warning",
			Snippet: strings.Join(text[max(0, at-contextLines):min(len(text), at+contextLines+1)], "\n"), Focus: flagged,
			Label: label, Group: group,
		}
	}
	real, harmless := g.iacText(g.pick(block.real...), words), g.iacText(g.pick(block.false...), words)
	if smell == SmellHTTP && !strings.Contains(real, "<") && g.chance(0.6) { // words of safe lines, in a comment
		real += g.iacText(g.pick(" # no https:// there yet", " # https://{host} asks for a login", " # http://localhost:{port} in tests", " # 127.0.0.1 for a mirror", " # also at https://{host}"), words)
	}
	if g.chance(0.5) {
		return []finding.Finding{make(real, "TP", "a"), make(harmless, "FP", "b")}
	}
	return []finding.Finding{make(harmless, "FP", "a"), make(real, "TP", "b")}
}

// commentBlock is a piece of code with a comment above it.
func (g *gen) commentBlock(code iacCode) iacBlock {
	book := iacLibrary()
	// One kind of real comment always meets one kind of harmless one, so that a split by group keeps both on one side.
	n := g.IntN(len(book.realNote))
	b := iacBlock{name: "note " + strconv.Itoa(n), real: book.realNote[n : n+1], false: book.falseNote[n : n+1]}
	lines := code.fillers[g.IntN(len(code.fillers))].lines
	at := 0 // above the piece, or above one of its lines
	if g.chance(0.5) {
		at = g.IntN(len(lines))
	}
	indent := lines[at][:len(lines[at])-len(strings.TrimLeft(lines[at], " "))]
	b.lines = append(append(append(b.lines, lines[:at]...), indent+flaggedLine), lines[at:]...)
	return b
}

// iacFillers is n pieces of code with blank lines between them and the flagged one.
func (g *gen) iacFillers(code iacCode, n int) []string {
	var out []string
	for range n {
		b := code.fillers[g.IntN(len(code.fillers))]
		text := strings.Split(g.iacText(strings.Join(b.lines, "\n"), g.iacWords()), "\n")
		if g.chance(0.5) {
			text = append([]string{"# " + g.remark()}, text...)
		}
		out = append(append(append(out, ""), text...), "")
	}
	return out
}

// remark is an ordinary comment on a piece of code.
func (g *gen) remark() string {
	return g.prose(g.pick(
		"[Used|Needed|Called] by the {noun} [service|team|job] [in {city}|since {date}|only|at start-up].",
		"[Keep|Stay] in step with the {noun} [module|role|list][, see {first}| until {date}| in {city}].",
		"[One|Two|No] {noun} [per host|for each region|in this environment] [is enough|by design|as agreed].",
		"[Sizes|Names|Limits|Paths] [follow|match] [the {noun} guide|what {first} measured|{city}].",
		"[Moved|Copied|Split off] from the {noun} [stack|repository|play] [on {date}|by {first}].",
		"[Runs|Applied] [before|after|together with] the {noun} [step|part|migration][, order matters|, any order].",
		"[Reviewed|Approved|Last read] [by {first} {last}|on {date}|in {city}].",
		"{Noun} [hosts|nodes|accounts] [get|have|share] [this|the same set|their own copy] [too|as well|in {city}].",
		"[Not|Also] [used|managed|deployed] in [staging|{city}|the lab] [any more|for now|yet].",
		"[The default|This value|The order] [fits|suits] [small|most|all] {noun}s [well|so far|in production].",
		"[Owner|Contact|Questions]: [the {noun} team|{first} {last}|on-call in {city}].",
		"[Generated names|Tags|Labels] [come from|are set in|end in] [the {noun} map|locals|the inventory] [by {first}|since {date}|for {city}].",
	))
}

// iacWords draws what the names in a piece of code stand for.
func (g *gen) iacWords() []string {
	secret := g.pick(g.chars(alnum, g.between(12, 20)), capital(g.noun())+g.digits(4)+g.pick("!", "-", "_")+g.noun(), g.chars(alnum, 8)+"#"+g.chars(alnum, 4))
	return []string{
		"word", g.noun(), "word2", g.noun(), "word3", g.pick(goods...), "company", g.company(), "user", strings.NewReplacer(".", "_", "-", "_").Replace(g.pick(logins...)),
		"user2", g.noun(), "person", g.first(), "host", g.host(), "secret", secret, "token", g.pick("ghp_", "tok_", "xoxb-", "") + g.chars(alnum, g.between(24, 36)), "hex32", g.hex(32), "sha", g.hex(64),
		"salt", g.chars(alnum, 8), "port", g.pick("8080", "9090", "3000", "5432", "8443", "6379"), "ver", g.digits(1) + "." + g.digits(1) + "." + g.digits(1),
		"n1", g.digits(1), "n2", g.digits(2), "n3", g.digits(4), "year", strconv.Itoa(g.between(2019, 2025)),
	}
}

// iacText draws ‹a|b› and puts the words in; brackets and braces are the code's own.
func (g *gen) iacText(text string, words []string) string {
	for {
		end := strings.Index(text, "›")
		if end < 0 {
			break
		}
		start := strings.LastIndex(text[:end], "‹")
		text = text[:start] + g.pick(strings.Split(text[start+len("‹"):end], "|")...) + text[end+len("›"):]
	}
	return substitute(text, words)
}

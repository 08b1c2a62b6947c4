package prompts

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"text/template"
	"unicode/utf8"

	"github.com/januslm/janus/finding"
)

//go:embed plain pe tpfp
var embedded embed.FS

// The variants that Janus brings.
const (
	VariantPlain = "plain" // short: says what to do and no more
	VariantPE    = "pe"    // engineered: role, what counts, steps, a policy a category
	VariantTPFP  = "tpfp"  // asks for the verdict alone, TP or FP, as the generative baseline of the encoder study does
)

// Variants lists the variants' names, the default first.
func Variants() []string { return []string{VariantPlain, VariantPE, VariantTPFP} }

// The words that stand after a set's closing, unless it has its own ([Set.Answers]): the probability of the first against the
// second is the generative verdict. Both begin with a space, as words do in the vocabularies of byte-level tokenizers.
const (
	AnswerTrue  = " true positive"
	AnswerFalse = " false positive"
)

const (
	instructionsFile = "instructions.txt"
	closingFile      = "closing.txt"
	answersFile      = "answers.txt"
	findingFile      = "finding.tmpl"
	templateSuffix   = ".tmpl"

	maxPartBytes = 1 << 20 // a part is text for people; more is another kind of file
)

// Part is one file of a set.
type Part struct {
	Name string // "category/XSS.tmpl"
	From string // the file that it was read from, or "" for one that Janus brings
	Text string // line ends are LF, and it ends without one
}

// Set is a variant of the prompts, with the parts that a user changed. It is safe for concurrent use.
type Set struct {
	parts     map[string]Part // by key
	templates *template.Template
	versions  map[string]string // by part's name
}

// Plain is the default: [VariantPlain] as Janus brings it.
var Plain = sync.OnceValue(func() *Set {
	s, err := Open(VariantPlain, "")
	if err != nil {
		panic(err) // the files are part of the program, and a test opens them
	}
	return s
})

// Open reads a variant ("" is [VariantPlain]) and, where dir is not "", puts the parts in that folder in the place of its
// own. A part that dir lacks is the variant's. Errors name the file, and the line where it is a template's.
func Open(variant, dir string) (*Set, error) {
	if variant == "" {
		variant = VariantPlain
	}
	if !slices.Contains(Variants(), variant) {
		return nil, fmt.Errorf("prompts: expected %s, found %q", strings.Join(Variants(), ", "), variant)
	}
	s := &Set{parts: map[string]Part{}, versions: map[string]string{}}
	layers := []string{variant}
	if variant == VariantTPFP { // it asks the same questions
		layers = []string{VariantPlain, variant}
	}
	for _, layer := range layers {
		own, err := fs.Sub(embedded, layer)
		if err != nil {
			return nil, err
		}
		if err := s.read(own, ""); err != nil {
			return nil, fmt.Errorf("prompts %s: %w", layer, err)
		}
	}
	if dir != "" {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("prompts: expected a folder as `janus prompts export` makes it, found %s: %w", dir, cmp.Or(err, errNoFolder))
		}
		if err := s.read(os.DirFS(dir), dir); err != nil {
			return nil, fmt.Errorf("prompts: %w", err)
		}
	}
	if err := s.compile(); err != nil {
		return nil, fmt.Errorf("prompts: %w", err)
	}
	return s, nil
}

var errNoFolder = errors.New("it is no folder")

// read takes in the parts of a folder. from is its name where it is a user's.
func (s *Set) read(folder fs.FS, from string) error {
	seen := map[string]string{}
	return fs.WalkDir(folder, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name != "." && strings.HasPrefix(entry.Name(), ".") || name == "README.md" {
			if entry.IsDir() {
				return fs.SkipDir // .git
			}
			return nil
		}
		if entry.IsDir() {
			if name != "." && name != "category" && name != "tool" {
				return fmt.Errorf("%s: expected the folders category and tool, found %s", from, name)
			}
			return nil
		}
		key, ok := keyOf(name)
		if !ok {
			return fmt.Errorf("%s: not a part of the prompts: expected %s, %s, %s or a file *%s", filepath.Join(from, name), instructionsFile, closingFile, answersFile, templateSuffix)
		}
		if other, twice := seen[key]; twice {
			return fmt.Errorf("%s: %s and %s are for the same findings: keep one", from, other, name)
		}
		seen[key] = name
		part := Part{Name: name}
		if from != "" {
			part.From = filepath.Join(from, filepath.FromSlash(name))
		}
		if part.Text, err = readPart(folder, name); err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(from, name), err)
		}
		s.parts[key] = part
		return nil
	})
}

func readPart(folder fs.FS, name string) (string, error) {
	info, err := fs.Stat(folder, name)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Size() > maxPartBytes {
		return "", fmt.Errorf("expected a text file of at most %d bytes", maxPartBytes)
	}
	data, err := fs.ReadFile(folder, name)
	if err != nil {
		return "", err
	}
	if !utf8.Valid(data) {
		return "", errors.New("expected text in UTF-8")
	}
	text := strings.ReplaceAll(strings.TrimPrefix(string(data), "\ufeff"), "\r\n", "\n")
	return strings.TrimRight(text, "\n"), nil // editors end a file with a line end
}

var notInKey = regexp.MustCompile(`[^a-z0-9]+`)

// plainKey spells a tool's or category's name so that case and punctuation do not matter: "HTTP_HEADERS" and
// "http headers" are one. It holds neither dots nor slashes, so a name from a report is never a path.
func plainKey(name string) string {
	return strings.Trim(notInKey.ReplaceAllString(strings.ToLower(name), "-"), "-")
}

// keyOf is what a part is found by: its name, and for categories and tools the spelling of plainKey.
func keyOf(name string) (key string, ok bool) {
	folder, base := path.Split(name)
	stem, isTemplate := strings.CutSuffix(base, templateSuffix)
	if folder == "" {
		return name, name == instructionsFile || name == closingFile || name == answersFile || isTemplate && stem != ""
	}
	return folder + plainKey(stem), isTemplate && plainKey(stem) != ""
}

// compile parses the templates and tries each on a full and on an empty finding.
func (s *Set) compile() error {
	s.templates = template.New("").Funcs(template.FuncMap{
		"line": finding.OneLine, "fence": fence,
		"start": messageStart, "head": messageHead, "body": messageBody, "fields": messageFields, "checklist": checklist, "computed": computed,
		"echoes": echoes, "grep": grep, "union": union,
	})
	for _, key := range s.keys() {
		part := s.parts[key]
		if strings.TrimSpace(part.Text) == "" {
			return fmt.Errorf("%s is empty", part.file())
		}
		if !strings.HasSuffix(part.Name, templateSuffix) {
			continue
		}
		if _, err := s.templates.New(part.Name).Parse(part.Text); err != nil {
			return explain(part, err)
		}
	}
	if part, ok := s.parts[answersFile]; ok {
		if _, _, err := part.answers(); err != nil {
			return fmt.Errorf("%s: %w", part.file(), err)
		}
	}
	for _, key := range s.keys() {
		part := s.parts[key]
		if part.Name != findingFile && !strings.Contains(part.Name, "/") {
			continue
		}
		for _, probe := range []promptFields{fullFields(), {}} {
			text, err := s.render(part, &probe)
			if err != nil {
				return err
			}
			if text == "" {
				return fmt.Errorf("%s makes an empty prompt", part.file())
			}
		}
		s.versions[part.Name] = s.version(part)
	}
	return nil
}

// version hashes what a part's prompts are made of: the instructions, the closing, own answers, the part, and what it names.
func (s *Set) version(p Part) string {
	used := map[string]bool{instructionsFile: true, closingFile: true}
	if _, ok := s.parts[answersFile]; ok {
		used[answersFile] = true
	}
	var use func(p Part)
	use = func(p Part) {
		key, _ := keyOf(p.Name)
		if used[key] {
			return
		}
		used[key] = true
		for _, other := range s.parts {
			if strings.Contains(p.Text, other.Name) { // {{template "fields.tmpl" .}}
				use(other)
			}
		}
	}
	use(p)
	h := sha256.New()
	for _, key := range slices.Sorted(maps.Keys(used)) {
		part := s.parts[key]
		// The lengths make the concatenation unambiguous. hash.Hash never fails.
		_, _ = fmt.Fprintf(h, "%d:%s%d:%s", len(key), key, len(part.Text), part.Text)
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}

// file names a part for messages.
func (p Part) file() string {
	if p.From != "" {
		return p.From
	}
	return p.Name
}

// explain puts text/template's errors, "template: NAME:LINE: …", in terms of the file.
func explain(p Part, err error) error {
	text := strings.TrimPrefix(err.Error(), "template: ")
	if rest, ok := strings.CutPrefix(text, p.Name+":"); ok {
		return fmt.Errorf("%s:%s", p.file(), rest)
	}
	return fmt.Errorf("%s: %s", p.file(), text)
}

func (s *Set) keys() []string { return slices.Sorted(maps.Keys(s.parts)) }

// Parts lists the set's files by name.
func (s *Set) Parts() []Part {
	var list []Part
	for _, key := range s.keys() {
		list = append(list, s.parts[key])
	}
	return list
}

// Instructions is the text that comes before every finding: the system message.
func (s *Set) Instructions() string { return strings.TrimSpace(s.parts[instructionsFile].Text) }

// Closing is what follows an analysis that has run to its last allowed token.
func (s *Set) Closing() string { return s.parts[closingFile].Text }

// Answers are the words after the closing that say that a finding is real, and that it is not, each with a space before it:
// the lines of answers.txt, or [AnswerTrue] and [AnswerFalse].
func (s *Set) Answers() (yes, no string) {
	part, ok := s.parts[answersFile]
	if !ok {
		return AnswerTrue, AnswerFalse
	}
	yes, no, _ = part.answers() // Open has refused others
	return yes, no
}

// verdictLine is a verdict in words at a text's end, the last of which may be missing, with what Markdown puts around it and with a
// remark in parentheses.
var verdictLine = regexp.MustCompile(`(?is)[\s#*]*\bverdict[\s*]*:[\s*_]*((true|false)([ _-]posit\pL*)?|tp|fp)?\W*(\([^()]*\)\W*)?$`)

// WithoutVerdict is an answer's analysis: what it says before the verdict at its end, if it has one.
func WithoutVerdict(answer string) string {
	return strings.TrimSpace(verdictLine.ReplaceAllString(answer, ""))
}

// answers reads the two lines of answers.txt.
func (p Part) answers() (yes, no string, err error) {
	lines := strings.Split(p.Text, "\n")
	if len(lines) != 2 || strings.TrimSpace(lines[0]) == "" || strings.TrimSpace(lines[1]) == "" || strings.TrimSpace(lines[0]) == strings.TrimSpace(lines[1]) {
		return "", "", errors.New("expected two lines: what a real finding is answered with, and what a false alarm is")
	}
	return " " + strings.TrimSpace(lines[0]), " " + strings.TrimSpace(lines[1]), nil
}

// For is the part that asks about a finding: its tool's, else its category's (as the report has it, else
// [finding.Finding.VulnCategory]), else finding.tmpl.
func (s *Set) For(f *finding.Finding) Part {
	for _, key := range []string{"tool/" + plainKey(f.Tool), "category/" + plainKey(f.Category), "category/" + plainKey(f.VulnCategory())} {
		if part, ok := s.parts[key]; ok {
			return part
		}
	}
	return s.parts[findingFile]
}

// Version identifies the text that a finding is asked with: 12 hex digits of the SHA-256 of the instructions, the closing,
// the finding's template and those that it uses. Results made with different versions differ.
func (s *Set) Version(f *finding.Finding) string { return s.versions[s.For(f).Name] }

// DefaultVersion is the version of findings whose tool and category have no template of their own.
func (s *Set) DefaultVersion() string { return s.versions[findingFile] }

// PartVersion is the version of prompts that a part asks with, or "" for one that others are made of.
func (s *Set) PartVersion(p Part) string { return s.versions[p.Name] }

package agents

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"text/template"

	"github.com/januslm/janus/dataset"
)

//go:embed prompts schemas
var embedded embed.FS

// Prompts are what the agents are told.
type Prompts struct {
	Version string // SHA-256 of all files, the first 12 hex digits

	system map[string]map[string]string // category, agent: the system's message
	flaws  map[string][]string          // category: what the introducer may introduce
}

// LoadPrompts reads the agents' prompts; a file in folder stands in for the embedded one of the same name (docs/agents.md). An
// empty folder name takes the embedded ones.
func LoadPrompts(folder string) (*Prompts, error) {
	files, err := promptFiles(folder)
	if err != nil {
		return nil, err
	}
	p := &Prompts{Version: version(files), system: map[string]map[string]string{}, flaws: map[string][]string{}}
	for _, category := range dataset.Categories() {
		p.system[category] = map[string]string{}
		for _, a := range all {
			text, err := render(files, a, category)
			if err != nil {
				return nil, err
			}
			p.system[category][a.name] = text
		}
		name := "flaws/" + category + ".txt"
		for line := range strings.Lines(files[name]) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				p.flaws[category] = append(p.flaws[category], line)
			}
		}
		if len(p.flaws[category]) == 0 {
			return nil, fmt.Errorf("prompts: %s: no flaw: expected one a line", name)
		}
	}
	return p, nil
}

// promptFiles is the text of each prompt file by its name, and of each schema by "schemas/" and its name.
func promptFiles(folder string) (map[string]string, error) {
	files := map[string]string{}
	err := fs.WalkDir(embedded, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := embedded.ReadFile(path)
		files[strings.TrimPrefix(path, "prompts/")] = string(text)
		return err
	})
	if err != nil || folder == "" {
		return files, err
	}
	info, err := os.Stat(folder)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is not a folder", folder)
	}
	if err != nil {
		return nil, fmt.Errorf("prompts: %w", err)
	}
	taken := 0
	root := os.DirFS(folder)
	for name := range files {
		if strings.HasPrefix(name, "schemas/") {
			continue // the code relies on them
		}
		text, err := fs.ReadFile(root, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("prompts: %s: %w", folder, err)
		}
		files[name] = string(text)
		taken++
	}
	if taken == 0 {
		return nil, fmt.Errorf("prompts: %s has none of the prompt files, such as %s.md", folder, all[0].name)
	}
	return files, nil
}

func version(files map[string]string) string {
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	h := sha256.New()
	for _, name := range names {
		_, _ = fmt.Fprintf(h, "%s %d\n%s", name, len(files[name]), files[name]) // never fails
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}

// render makes an agent's system message for a category. What agents are told of a pair is never part of it.
func render(files map[string]string, a *agent, category string) (string, error) {
	t := template.New("rules.md").Option("missingkey=error")
	for name, text := range map[string]string{
		"rules.md": files["rules.md"], "policy": files["policies/"+category+".md"], a.name + ".md": files[a.name+".md"],
	} {
		if _, err := t.New(name).Parse(text); err != nil {
			return "", fmt.Errorf("prompts: %w", err)
		}
	}
	var b bytes.Buffer
	err := t.ExecuteTemplate(&b, a.name+".md", map[string]string{"Category": category, "Schema": files["schemas/"+a.name+".json"]})
	if err != nil {
		return "", fmt.Errorf("prompts: %w", err)
	}
	return strings.TrimSpace(b.String()), nil
}

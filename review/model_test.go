package review

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/internal/testmodel"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/prompts"
	"github.com/januslm/janus/tokenizer"
)

const testContext = 2048

// base is a tiny model's folder, made once for the package's tests.
var base string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "janus-review-test-*")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
		base = filepath.Join(dir, "tiny")
		if err := testmodel.Write(base, testContext, 1); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// openBackend opens $GOMLX_BACKEND, or pure Go, which needs no compiling.
var openBackend = sync.OnceValues(func() (backend.Choice, error) {
	return backend.New(cmp.Or(os.Getenv(backend.EnvBackend), "go"))
})

// openModel opens the tiny model with so many random heads and adapters.
func openModel(t *testing.T, heads, adapters int) *model.Model {
	t.Helper()
	choice, err := openBackend()
	if err != nil {
		t.Fatal(err)
	}
	o := model.Options{Backend: choice}
	for i := range heads {
		dir := filepath.Join(t.TempDir(), fmt.Sprintf("head%d", i))
		if err := testmodel.WriteHead(dir, testmodel.Hidden, uint64(i)); err != nil {
			t.Fatal(err)
		}
		o.Heads = append(o.Heads, dir)
	}
	for i := range adapters {
		dir := filepath.Join(t.TempDir(), fmt.Sprintf("adapter%d", i))
		if err := testmodel.WriteAdapter(dir, testmodel.Layers, uint64(i)); err != nil {
			t.Fatal(err)
		}
		o.Adapters = append(o.Adapters, dir)
	}
	m, err := model.Open(context.Background(), base, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// testPrompter is the tiny model's, without its weights. tok may stand between; nil is the folder's own.
func testPrompter(t *testing.T, wrap func(tokenizer.Tokenizer) tokenizer.Tokenizer) *Prompter {
	t.Helper()
	tok, err := tokenizer.Open(base)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tok.Close() })
	chat, err := tokenizer.LoadChat(base)
	if err != nil {
		t.Fatal(err)
	}
	if wrap != nil {
		tok = wrap(tok)
	}
	p, err := newPrompter(base, tok, chat, prompts.Plain())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// code is a finding with so many lines of code, which makes it longer.
func code(id string, lines int) *finding.Finding {
	f := &finding.Finding{ID: id, Tool: "scanner", Rule: "r1", Category: "code", Title: "SQL injection", Snippet: "query(a)"}
	for i := range lines {
		f.Snippet += fmt.Sprintf("\nx%d = f(%d)", i, i)
	}
	return f
}

// reviewAll collects a review's verdicts in the findings' order.
func reviewAll(t *testing.T, r *Reviewer, findings []*finding.Finding) []finding.Verdict {
	t.Helper()
	verdicts := make([]finding.Verdict, len(findings))
	err := r.Review(context.Background(), findings, func(batch []Outcome) error {
		for _, o := range batch {
			if verdicts[o.Index].Done() {
				t.Errorf("finding %d has two verdicts", o.Index)
			}
			verdicts[o.Index] = o.Verdict
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return verdicts
}

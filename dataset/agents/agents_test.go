package agents_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/dataset/agents"
	"github.com/januslm/janus/dataset/agents/agentstest"
	"github.com/januslm/janus/dataset/generate"
	"github.com/januslm/janus/internal/llm"
	"github.com/januslm/janus/internal/llm/llmtest"
)

const template = `GET /account HTTP/1.1
Host: www.example.com

<<<<>>>>
HTTP/1.1 200 OK
Content-Type: text/html

<html><body><h1>Account</h1></body></html>
====
POST /login HTTP/1.1
Host: www.example.com

user=anna
<<<<>>>>
HTTP/1.1 302 Found
Location: /account

`

// generator asks a server that answers with reply.
func generator(t *testing.T, so llmtest.Options, change func(*agents.Options)) (*agents.Generator, *llmtest.Server) {
	t.Helper()
	if so.Reply == nil {
		so.Reply = agentstest.Reply
	}
	s := llmtest.New(so)
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	c, err := llm.New(llm.Options{URL: s.URL + "/v1", Model: "m", BackOff: time.Millisecond, Timeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	prompts, err := agents.LoadPrompts("")
	if err != nil {
		t.Fatal(err)
	}
	templates, err := generate.ReadTemplates("test", strings.NewReader(template), dataset.HTTPHeaders)
	if err != nil {
		t.Fatal(err)
	}
	o := agents.Options{Client: c, Prompts: prompts, Category: dataset.HTTPHeaders, Templates: templates, Seed: 5, Run: "0123456789abcdef"}
	if change != nil {
		change(&o)
	}
	g, err := agents.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return g, s
}

func TestPair(t *testing.T) {
	g, s := generator(t, llmtest.Options{}, func(o *agents.Options) { o.Instruction = `shops only"}` })
	rows, err := g.Pair(t.Context(), 3, 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 2 || !rows[0].IsVulnerable || rows[1].IsVulnerable || rows[0].PairID != rows[1].PairID || rows[0].PairID != "api-0123456789ab-3" {
		t.Fatalf("%+v", rows)
	}
	for _, r := range rows {
		if err := r.Check(); err != nil {
			t.Error(err)
		}
		if r.Source != "api:m" || !strings.HasPrefix(r.Group, "http_headers/case ") || !strings.HasPrefix(r.Prompt, "agents:") || r.Note == "" {
			t.Errorf("%+v", r)
		}
		if !strings.Contains(r.Analysis, "Server: nginx") || !strings.Contains(r.Request, "X-Request-Id") {
			t.Errorf("%+v", r)
		}
	}
	if got := strings.Replace(rows[0].Response, "nginx/1.18.0", "nginx", 1); got != rows[1].Response {
		t.Errorf("the two differ in more than the flaw:\n%s\n%s", rows[0].Response, rows[1].Response)
	}
	var order []string
	for _, r := range s.Requests() {
		order = append(order, r.ResponseFormat.JSONSchema.Name)
		var data map[string]any
		if err := json.Unmarshal([]byte(r.Messages[1].Content), &data); err != nil || data["instruction"] != `shops only"}` {
			t.Errorf("%v: %s", err, r.Messages[1].Content)
		}
		if strings.Contains(r.Messages[0].Content, "shops only") || strings.Contains(r.Messages[0].Content, "{{") {
			t.Errorf("system message: %s", r.Messages[0].Content)
		}
	}
	want := []string{"request_enhancer", "response_enhancer", "introducer", "cloner", "checker", "analyst", "analyst"}
	if diff := cmp.Diff(want, order); diff != "" {
		t.Error(diff)
	}
	again, err := g.Pair(t.Context(), 3, 0)
	if diff := cmp.Diff(rows, again); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	other, err := g.Pair(t.Context(), 3, 1)
	if err != nil || cmp.Equal(rows, other) {
		t.Errorf("another round is the same pair (%v)", err)
	}
}

func TestNoFP(t *testing.T) {
	g, s := generator(t, llmtest.Options{}, func(o *agents.Options) { o.NoFP = true })
	rows, err := g.Pair(t.Context(), 0, 0)
	if err != nil || len(rows) != 1 || !rows[0].IsVulnerable || len(s.Requests()) != 5 {
		t.Errorf("%d rows after %d calls, %v", len(rows), len(s.Requests()), err)
	}
}

// TestBadAnswersAreToldAndTriedAgain: every second answer is broken in some way.
func TestBadAnswersAreToldAndTriedAgain(t *testing.T) {
	for name, bad := range map[string]struct {
		agent  string
		answer string
		told   string
	}{
		"broken JSON":    {"request_enhancer", `{"request": "GET`, "not JSON"},
		"no JSON":        {"request_enhancer", "I'd rather not.", "no JSON object"},
		"another object": {"request_enhancer", `{"query": "x"}`, "not as the schema says"},
		"a wrong type":   {"checker", `{"accept": "yes", "reason": ""}`, "not as the schema says"},
		"not HTTP":       {"request_enhancer", `{"request": "get it"}`, "not HTTP"},
		"no host":        {"request_enhancer", `{"request": "GET / HTTP/1.1\n\n"}`, "no Host"},
		"no status":      {"response_enhancer", `{"response": "<html>"}`, "not HTTP"},
		"gives it away":  {"response_enhancer", `{"response": "HTTP/1.1 200 OK\nX-Vulnerable: yes\n\n"}`, "gives the answer away"},
		"evidence not there": {
			"introducer", `{"request":"GET / HTTP/1.1\nHost: a.test\n\n","response":"HTTP/1.1 200 OK\n\n","weakness":"w","evidence":"Server: x"}`,
			"not a line",
		},
		"a clone of nothing":    {"cloner", `{"request":"GET / HTTP/1.1\nHost: a.test\n\n","response":"HTTP/1.1 200 OK\n\n` + strings.Repeat("other words ", 400) + `","change":"c"}`, "change only what makes the flaw"},
		"analysis quotes no":    {"analyst", `{"evidence":"Server: nginx/1.18.0","analysis":"` + strings.Repeat("It is bad. ", 10) + `"}`, "does not quote"},
		"analysis of elsewhere": {"analyst", `{"evidence":"Server: Apache","analysis":"Server: Apache ` + strings.Repeat("It is bad. ", 10) + `"}`, "not a line"},
	} {
		t.Run(name, func(t *testing.T) {
			told := ""
			g, _ := generator(t, llmtest.Options{Reply: func(r llmtest.Request) string {
				if r.ResponseFormat.JSONSchema.Name != bad.agent {
					return agentstest.Reply(r)
				}
				if len(r.Messages) == 2 {
					return bad.answer
				}
				if r.Messages[2].Content != bad.answer {
					t.Errorf("the model is shown %q as its answer", r.Messages[2].Content)
				}
				if told == "" { // the analyst is asked about both rows
					told = r.Messages[3].Content
				}
				return agentstest.Reply(r)
			}}, nil)
			if rows, err := g.Pair(t.Context(), 0, 0); err != nil || len(rows) != 2 {
				t.Errorf("%d rows, %v", len(rows), err)
			}
			if !strings.Contains(told, bad.told) {
				t.Errorf("it was told %q", told)
			}
		})
	}
}

func TestGivingUp(t *testing.T) {
	answer := func(name, text string) func(llmtest.Request) string {
		return func(r llmtest.Request) string {
			if r.ResponseFormat.JSONSchema.Name == name {
				return text
			}
			return agentstest.Reply(r)
		}
	}
	for name, test := range map[string]struct {
		reply func(llmtest.Request) string
		calls int
		want  string
	}{
		"never JSON":      {answer("introducer", "no"), 2 + 4, "introducer"},
		"always rejected": {answer("checker", `{"accept":false,"reason":"dull"}`), 2 + 3*3, "rejected the pair 3 times, at last: dull"},
		"the same again": {func(r llmtest.Request) string {
			if r.ResponseFormat.JSONSchema.Name != "cloner" {
				return agentstest.Reply(r)
			}
			var q struct{ Request, Response string }
			if err := json.Unmarshal([]byte(r.Messages[1].Content), &q); err != nil {
				t.Error(err)
			}
			text, err := json.Marshal(map[string]string{"request": q.Request, "response": q.Response, "change": "none"})
			if err != nil {
				t.Error(err)
			}
			return string(text)
		}, 3 + 4, "the same exchange"},
	} {
		g, s := generator(t, llmtest.Options{Reply: test.reply}, nil)
		_, err := g.Pair(t.Context(), 0, 0)
		var given *agents.GivenUpError
		if !errors.As(err, &given) || !strings.Contains(err.Error(), test.want) || len(s.Requests()) != test.calls {
			t.Errorf("%s: %v after %d calls", name, err, len(s.Requests()))
		}
	}
	// The model refuses one prompt: that pair is given up. The server refuses the key: that is no pair's fault.
	g, _ := generator(t, llmtest.Options{RefuseField: "messages"}, nil)
	var given *agents.GivenUpError
	if _, err := g.Pair(t.Context(), 0, 0); !errors.As(err, &given) {
		t.Error(err)
	}
	g, _ = generator(t, llmtest.Options{Key: "right"}, nil)
	if _, err := g.Pair(t.Context(), 0, 0); errors.As(err, &given) || err == nil {
		t.Error(err)
	}
}

// TestPlainAnswers: a server that knows no response_format, and a model that talks around its answer.
func TestPlainAnswers(t *testing.T) {
	g, _ := generator(t, llmtest.Options{RefuseFormat: []string{"json_schema", "json_object"}, Reply: func(r llmtest.Request) string {
		return "Here you are:\n```json\n" + agentstest.Reply(r) + "\n```\nI hope that {this} helps."
	}}, nil)
	if rows, err := g.Pair(t.Context(), 1, 0); err != nil || len(rows) != 2 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

func TestTemplatesAreUsedEvenly(t *testing.T) {
	g, _ := generator(t, llmtest.Options{}, nil)
	n := map[string]int{}
	for i := range 8 {
		rows, err := g.Pair(t.Context(), i, 0)
		if err != nil {
			t.Fatal(err)
		}
		n[rows[0].Group]++
	}
	if n["http_headers/case 1"] != 4 || n["http_headers/case 2"] != 4 {
		t.Errorf("%v", n)
	}
}

func TestLoadPrompts(t *testing.T) {
	plain, err := agents.LoadPrompts("")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := agents.LoadPrompts(dir); err == nil || !strings.Contains(err.Error(), "none of the prompt files") {
		t.Error(err)
	}
	write("analyst.md", "Analyse {{.Category}}. {{.Schema}}")
	write("flaws/XSS.txt", "# mine\n\none flaw\n")
	mine, err := agents.LoadPrompts(dir)
	if err != nil || mine.Version == plain.Version || len(mine.Version) != 12 {
		t.Errorf("%v, versions %q and %q", err, mine.Version, plain.Version)
	}
	write("analyst.md", "{{.Nonsense}}")
	if _, err := agents.LoadPrompts(dir); err == nil || !strings.Contains(err.Error(), "Nonsense") {
		t.Error(err)
	}
	write("analyst.md", "{{")
	if _, err := agents.LoadPrompts(dir); err == nil || !strings.Contains(err.Error(), "analyst.md") {
		t.Error(err)
	}
	if _, err := agents.LoadPrompts(filepath.Join(dir, "none")); err == nil {
		t.Error("no error")
	}
}

func ExampleGenerator_Pair() {
	server := llmtest.New(llmtest.Options{Reply: agentstest.Reply}) // any OpenAI-compatible server
	defer server.Close()
	client, err := llm.New(llm.Options{URL: server.URL + "/v1", Model: "some-model"})
	if err != nil {
		fmt.Println(err)
		return
	}
	prompts, err := agents.LoadPrompts("")
	if err != nil {
		fmt.Println(err)
		return
	}
	g, err := agents.New(agents.Options{
		Client: client, Prompts: prompts, Category: dataset.HTTPHeaders, Templates: generate.Templates(dataset.HTTPHeaders), Seed: 1,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	rows, err := g.Pair(context.Background(), 0, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range rows {
		fmt.Println(r.IsVulnerable, r.Note)
	}
	// Output:
	// true The Server header tells the version.
	// false The Server header tells no version.
}

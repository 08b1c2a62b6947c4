package hub

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/januslm/janus/internal/testhub"
)

const model = "acme/tiny"

// bytesOf are so many bytes that differ from their neighbours.
func bytesOf(n int, seed byte) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(i*7) ^ byte(i>>8) ^ seed
	}
	return data
}

// start makes a hub with one model and a client with a cache of its own.
func start(t *testing.T) (*testhub.Hub, *Client) {
	t.Helper()
	h := testhub.Start()
	t.Cleanup(h.Close)
	h.Models[model] = map[string][]byte{
		"config.json": []byte(`{"model_type":"llama"}`), "tokenizer.json": bytesOf(5000, 1), "model.safetensors": bytesOf(300_000, 2),
		"pytorch_model.bin": bytesOf(2000, 3), "tf_model.h5": bytesOf(2000, 4), "onnx/model.onnx": bytesOf(2000, 5), "README.md": []byte("hello"),
	}
	for _, name := range []string{"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE", "HF_HUB_DOWNLOAD_TIMEOUT"} {
		t.Setenv(name, "")
	}
	t.Setenv("HF_HOME", filepath.Join(t.TempDir(), "home"))
	t.Setenv("HF_HUB_CACHE", filepath.Join(t.TempDir(), "cache"))
	t.Setenv("HF_ENDPOINT", h.URL+"/")
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	c.Timeout, c.Backoff = 5*time.Second, time.Millisecond
	return h, c
}

func pull(t *testing.T, c *Client, text string) (string, error) {
	t.Helper()
	name, err := ParseName(text)
	if err != nil {
		t.Fatal(err)
	}
	return c.Pull(context.Background(), name)
}

func mustPull(t *testing.T, h *testhub.Hub, c *Client, text string) string {
	t.Helper()
	dir, err := pull(t, c, text)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"config.json", "tokenizer.json", "model.safetensors"} {
		got, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil || !bytes.Equal(got, h.Models[model][file]) {
			t.Errorf("%s: %v, %d bytes", file, err, len(got))
		}
	}
	return dir
}

func TestPull(t *testing.T) {
	h, c := start(t)
	h.Token = "hf_secret"
	c.Token = h.Token
	var done, total int64
	c.Progress = func(d, n int64) { done, total = d, n }
	dir := mustPull(t, h, c, model)
	if want := filepath.Join(c.Cache, "models--acme--tiny", "snapshots", testhub.Commit); dir != want {
		t.Errorf("folder %s, want %s", dir, want)
	}
	if want := int64(300_000 + 5000 + 22); done != want || total != want {
		t.Errorf("progress ended at %d of %d, want %d", done, total, want)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 3 {
		t.Errorf("the folder has %v, %v", entries, err)
	}
	// The layout is huggingface_hub's: a relative link to a blob that its hash names.
	if target, err := os.Readlink(filepath.Join(dir, "config.json")); err != nil || target != "../../blobs/0972e95c1405cc1507c19dcbe784f7a36c930907" {
		t.Errorf("config.json links to %q, %v", target, err)
	}
	if h.Leaked {
		t.Error("the token went to another host")
	}
	name, _ := ParseName(model)
	if found, err := Find(name); err != nil || found != dir {
		t.Errorf("found %q, %v", found, err)
	}
	before := len(h.Got("GET /" + model))
	mustPull(t, h, c, model)
	if again := len(h.Got("GET /" + model)); again != before {
		t.Errorf("the second pull made %d requests for files", again-before)
	}
}

func TestPullRevisions(t *testing.T) {
	h, c := start(t)
	for _, text := range []string{model + "@v1", model + "@" + testhub.Commit} {
		dir := mustPull(t, h, c, text)
		name, _ := ParseName(text)
		if found, err := Find(name); err != nil || found != dir {
			t.Errorf("%s: found %q, %v", text, found, err)
		}
	}
	name, _ := ParseName(model) // main was never asked for
	if _, err := Find(name); !errors.Is(err, ErrNotPulled) || !strings.Contains(err.Error(), "janus pull acme/tiny") {
		t.Errorf("got %v", err)
	}
}

func TestPullShards(t *testing.T) {
	h, c := start(t)
	files := h.Models[model]
	files["model-00001-of-00002.safetensors"], files["model-00002-of-00002.safetensors"] = bytesOf(3000, 6), bytesOf(3000, 7)
	files["model.safetensors.index.json"] = []byte(`{"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}`)
	delete(files, "model.safetensors")
	dir, err := pull(t, c, model)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"} {
		if got, err := os.ReadFile(filepath.Join(dir, file)); err != nil || !bytes.Equal(got, files[file]) {
			t.Errorf("%s: %v", file, err)
		}
	}
	files["model.safetensors.index.json"] = []byte(`{"weight_map":{"a":"../../../evil"}}`)
	if _, err := pull(t, c, model); err == nil || !strings.Contains(err.Error(), `"../../../evil", which the repository does not have`) {
		t.Errorf("got %v", err)
	}
	delete(files, "model.safetensors.index.json")
	if dir, err = pull(t, c, model); err != nil { // no safetensors: PyTorch's
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "pytorch_model.bin")); err != nil {
		t.Error(err)
	}
}

// TestPullSurvives tries the ways in which a server errs for a while.
func TestPullSurvives(t *testing.T) {
	once := func(status int) func(int, http.ResponseWriter, *http.Request) bool {
		return func(n int, w http.ResponseWriter, _ *http.Request) bool {
			if n > 1 {
				return false
			}
			w.WriteHeader(status)
			return true
		}
	}
	for name, arrange := range map[string]func(h *testhub.Hub, c *Client){
		"server error": func(h *testhub.Hub, _ *Client) { h.Fail = once(http.StatusInternalServerError) },
		"too many":     func(h *testhub.Hub, _ *Client) { h.Fail = once(http.StatusTooManyRequests) },
		"cut":          func(h *testhub.Hub, _ *Client) { h.Cut = 70_000 },
		"cut, and no ranges": func(h *testhub.Hub, _ *Client) {
			h.IgnoreRange = true
			h.Fail = func(n int, _ http.ResponseWriter, r *http.Request) bool {
				h.Lock()
				defer h.Unlock()
				h.Cut = 0
				if n == 1 && strings.HasSuffix(r.URL.Path, ".safetensors") {
					h.Cut = 70_000
				}
				return false
			}
		},
		"slow": func(h *testhub.Hub, c *Client) { h.Pause, c.Timeout = 50*time.Millisecond, time.Second },
		"stalled": func(h *testhub.Hub, c *Client) {
			h.Pause, c.Timeout = time.Minute, 500*time.Millisecond
			h.Fail = func(n int, _ http.ResponseWriter, r *http.Request) bool {
				h.Lock()
				defer h.Unlock()
				if n > 1 && strings.HasSuffix(r.URL.Path, ".safetensors") {
					h.Pause = 0
				}
				return false
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h, c := start(t)
			arrange(h, c)
			mustPull(t, h, c, model)
		})
	}
}

// TestPullResumes goes on where an interrupted run ended, in this process or another.
func TestPullResumes(t *testing.T) {
	h, c := start(t)
	h.Cut, c.Attempts = 100_000, 1
	h.Fail = func(n int, w http.ResponseWriter, r *http.Request) bool {
		if n > 1 && strings.Contains(r.URL.Path, "safetensors") && r.Method == http.MethodGet {
			w.WriteHeader(http.StatusBadGateway)
			return true
		}
		return false
	}
	if _, err := pull(t, c, model); err == nil || !strings.Contains(err.Error(), "gave up after") || !strings.Contains(err.Error(), "502") {
		t.Fatalf("got %v", err)
	}
	name, _ := ParseName(model)
	if dir, err := Find(name); err == nil {
		t.Fatalf("half a model was found in %s", dir)
	}
	h.Lock()
	h.Cut, h.Fail = 0, nil
	h.Requests = nil
	h.Unlock()
	mustPull(t, h, c, model)
	if got := h.Got("GET /acme/tiny/model.safetensors"); !slices.Equal(got, []string{"GET /acme/tiny/model.safetensors bytes=100000-"}) {
		t.Errorf("requests %q", got)
	}
}

// TestPullMendsPartial starts over where another program's partial file is wrong.
func TestPullMendsPartial(t *testing.T) {
	h, c := start(t)
	dir := mustPull(t, h, c, model)
	blob, err := filepath.EvalSymlinks(filepath.Join(dir, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{1000, 300_000, 400_000} {
		if err := errors.Join(os.Remove(blob), os.WriteFile(blob+".incomplete", bytesOf(size, 99), 0o644)); err != nil {
			t.Fatal(err)
		}
		mustPull(t, h, c, model)
	}
}

func TestPullErrors(t *testing.T) {
	fail := func(status int, code string) func(h *testhub.Hub, c *Client) {
		return func(h *testhub.Hub, _ *Client) {
			h.Fail = func(_ int, w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("X-Error-Code", code)
				w.WriteHeader(status)
				return true
			}
		}
	}
	tests := map[string]struct {
		name    string
		arrange func(h *testhub.Hub, c *Client)
		want    []string
	}{
		"wrong hash":       {model, func(h *testhub.Hub, _ *Client) { h.Wrong = true }, []string{"wrong hash", "the hub says", "not kept"}},
		"gated":            {model, func(h *testhub.Hub, c *Client) { h.Token, c.Token = "x", "hf_wrongtoken" }, []string{"gated", "/acme/tiny", "HF_TOKEN"}},
		"unauthorized":     {model, fail(401, ""), []string{"no model acme/tiny", "HF_TOKEN"}},
		"forbidden":        {model, fail(403, ""), []string{"may not read acme/tiny"}},
		"no model":         {"acme/none", nil, []string{"no acme/none", "check the name"}},
		"no revision":      {model + "@v9", nil, []string{`no revision "v9"`}},
		"server down":      {model, fail(500, ""), []string{"500", "gave up after 5 attempts"}},
		"rate limit":       {model, fail(429, ""), []string{"429", "gave up"}},
		"climbing file":    {model, func(h *testhub.Hub, _ *Client) { h.Extra = []string{"../../evil"} }, []string{`"../../evil"`, "refused"}},
		"absolute file":    {model, func(h *testhub.Hub, _ *Client) { h.Extra = []string{"/etc/passwd"} }, []string{`"/etc/passwd"`, "refused"}},
		"file that is not": {model, func(h *testhub.Hub, _ *Client) { h.Extra = []string{"vocab.json"} }, []string{"vocab.json is not in acme/tiny"}},
		"no weights": {model, func(h *testhub.Hub, _ *Client) {
			h.Models[model] = map[string][]byte{"config.json": []byte("{}"), "a.gguf": nil}
		}, []string{"model.safetensors", "a.gguf", "janus convert"}},
		"no config": {model, func(h *testhub.Hub, _ *Client) { h.Models[model] = map[string][]byte{"a.onnx": nil} }, []string{"no config.json", "a.onnx"}},
		"not a hub": {model, func(h *testhub.Hub, _ *Client) {
			h.Fail = func(_ int, w http.ResponseWriter, _ *http.Request) bool {
				_, _ = w.Write([]byte("<html>"))
				return true
			}
		}, []string{"HF_ENDPOINT"}},
		"silent": {model, func(h *testhub.Hub, c *Client) {
			c.Timeout, c.Attempts = 50*time.Millisecond, 2
			h.Fail = func(_ int, _ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true }
		}, []string{"no answer within 50ms"}},
		"bad etag": {model, func(h *testhub.Hub, _ *Client) {
			h.Fail = func(_ int, w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodHead {
					return false
				}
				w.Header().Set("X-Repo-Commit", testhub.Commit)
				w.Header().Set("Etag", `"../../x"`)
				w.Header().Set("Content-Length", "3")
				return true
			}
		}, []string{"etag", "../../x"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h, c := start(t)
			if test.arrange != nil {
				test.arrange(h, c)
			}
			_, err := pull(t, c, test.name)
			if err == nil {
				t.Fatal("no error")
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%v\ndoes not say %q", err, part)
				}
			}
			if c.Token != "" && strings.Contains(err.Error(), c.Token) {
				t.Error("the error holds the token")
			}
			kept, _ := filepath.Glob(filepath.Join(c.Cache, "models--*", "blobs", "*"))
			for _, path := range kept {
				if info, err := os.Stat(path); err == nil && info.Size() == 300_000 {
					t.Errorf("%s is kept", path)
				}
			}
			parsed, _ := ParseName(test.name)
			if dir, err := Find(parsed); err == nil {
				t.Errorf("found in %s", dir)
			}
		})
	}
}

func TestPullInterrupted(t *testing.T) {
	h, c := start(t)
	h.Pause = time.Minute
	ctx, cancel := context.WithCancel(context.Background())
	c.Progress = func(done, _ int64) {
		if done >= 100_000 {
			cancel()
		}
	}
	name, _ := ParseName(model)
	begin := time.Now()
	if _, err := c.Pull(ctx, name); !errors.Is(err, context.Canceled) || time.Since(begin) > 10*time.Second {
		t.Errorf("got %v after %s", err, time.Since(begin))
	}
}

func TestParseName(t *testing.T) {
	for _, text := range []string{"gpt2", "a/b", "Qwen/Qwen3-4B@main", "a/b@refs/pr/1", "a/b.c_d-e@v1.0"} {
		name, err := ParseName(text)
		if err != nil || strings.TrimSuffix(text, "@main") != name.String() {
			t.Errorf("%s: %v, %v", text, name, err)
		}
	}
	for _, text := range []string{
		"", "/", "a/", "/b", "a/b/c", "../b", "a/..", "a--b/c", "a/b@", "a/b@../x", "a/b@x/../y", "a b", "a/b@/x", "a/b\n", "-a/b", ".a/b", "a/b@x y", "a/b.git",
	} {
		if name, err := ParseName(text); err == nil {
			t.Errorf("%q is %v", text, name)
		}
	}
}

func TestToken(t *testing.T) {
	for _, name := range []string{"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH"} {
		t.Setenv(name, "")
	}
	home := t.TempDir()
	t.Setenv("HF_HOME", home)
	if got := Token(); got != "" {
		t.Errorf("token %q", got)
	}
	if err := os.WriteFile(filepath.Join(home, "token"), []byte("hf_file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := Token(); got != "hf_file" {
		t.Errorf("token %q", got)
	}
	t.Setenv("HF_TOKEN", "hf_env")
	if got := Token(); got != "hf_env" {
		t.Errorf("token %q", got)
	}
}

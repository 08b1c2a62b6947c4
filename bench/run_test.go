// Package bench_test tests the bench's arithmetic and its result file with sides that print
// canned figures; the sides themselves need torch and run in `make bench`.
package bench_test

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A side as bin/janus and the peers print it, in seconds that make round ratios.
const (
	janusSide = `{"schema":"janus-bench-side/1","name":"janus","versions":{"janus":"test"},"load_s":1,"compile_s":3,
"prefill":{"rows":1,"tokens":100,"seconds":[9,1,1]},
"decode":{"1":{"rows":1,"tokens":63,"seconds":[2],"total_s":[4],"ids":[[1,2]]},
          "8":{"rows":8,"tokens":504,"seconds":[4],"total_s":[6],"ids":[[1,2],[3,4]]}},
"shared_prefix":{"rows":2,"tokens":64,"seconds":[10],"compile_s":1,"ids":[[1],[2]]}}`
	peerSide = `{"schema":"janus-bench-side/1","name":"transformers","versions":{"torch":"test"},"load_s":2,"compile_s":0,
"prefill":{"rows":1,"tokens":100,"seconds":[1,1,1]},
"decode":{"1":{"rows":1,"tokens":63,"seconds":[3],"total_s":[4],"ids":[[1,2]]},
          "8":{"rows":8,"tokens":504,"seconds":[6],"total_s":[9],"ids":[[1,2],[3,5]]}},
"shared_prefix":{"rows":2,"tokens":64,"seconds":[40],"ids":[[1],[2]]},
"shared_prefix_batched":{"rows":2,"tokens":64,"seconds":[20],"batch":16,"ids":[[1],[2]]}}`
)

// standIn writes an executable script that prints side whatever it is asked, and exits 0.
func standIn(t *testing.T, side string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "side")
	script := "#!/bin/sh\ncat <<'END'\n" + side + "\nEND\n"
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRunComparesSides(t *testing.T) {
	out := filepath.Join(t.TempDir(), "results", "result.json")
	command := exec.Command("./run", "--rounds", "2", "--no-llamacpp", "--model", t.TempDir(), "--out", out,
		"--janus", standIn(t, janusSide), "--python", standIn(t, peerSide))
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("bench/run: %v\n%s", err, output)
	}
	content, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var result struct {
		Schema    string
		Ratios    map[string]float64
		Agreement map[string]string
		Machine   struct{ Cores int }
		Rounds    []json.RawMessage
	}
	if err := json.Unmarshal(content, &result); err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{
		"prefill": 1, "decode_b1": 1.5, "decode_b8": 1.5, "generate_b1": 1, "generate_b8": 1.5,
		"load": 2, "shared_prefix": 4, "shared_prefix_batched": 2,
		"shared_prefix_cold": 3.5, // (2+40) / (1+1+10)
	}
	for name, ratio := range want {
		if got := result.Ratios[name]; math.Abs(got-ratio) > 1e-9 {
			t.Errorf("ratio %s is %v, want %v", name, got, ratio)
		}
	}
	for _, name := range []string{"first_verdict", "first_verdict_s", "peak_memory"} {
		if _, found := result.Ratios[name]; !found {
			t.Errorf("ratio %s is missing", name)
		}
	}
	if result.Agreement["decode_b8"] != "1/2" || result.Agreement["shared_prefix"] != "2/2" {
		t.Errorf("agreement is %v, want 1/2 for decode_b8 and 2/2 for shared_prefix", result.Agreement)
	}
	if result.Schema != "janus-bench-result/1" || result.Machine.Cores < 1 || len(result.Rounds) != 2 {
		t.Errorf("schema %q, %d cores, %d rounds", result.Schema, result.Machine.Cores, len(result.Rounds))
	}
	if strings.Contains(string(content), `"ids"`) {
		t.Error("the result holds generated ids")
	}
}

func TestRunNamesASideThatFails(t *testing.T) {
	for _, test := range []struct{ name, janus, want string }{
		{"no JSON", standIn(t, "panic: no weights"), "printed no JSON object"},
		{"failed", "/bin/false", "ended with status 1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			command := exec.Command("./run", "--no-llamacpp", "--model", t.TempDir(), "--out", filepath.Join(t.TempDir(), "r.json"),
				"--janus", test.janus, "--python", standIn(t, peerSide))
			output, err := command.CombinedOutput()
			if err == nil {
				t.Fatalf("it ended well:\n%s", output)
			}
			if !strings.Contains(string(output), test.want) {
				t.Errorf("output lacks %q:\n%s", test.want, output)
			}
		})
	}
}

func TestWorkloadIsTheSameEveryTime(t *testing.T) {
	var first []byte
	for range 2 {
		out := filepath.Join(t.TempDir(), "workload.json")
		command := exec.Command("python3", "make_workload.py", "--random", "1000", "--out", out)
		if output, err := command.CombinedOutput(); err != nil {
			t.Fatalf("make_workload.py: %v\n%s", err, output)
		}
		content, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if first != nil && string(first) != string(content) {
			t.Error("two runs wrote different workloads")
		}
		first = content
	}
	var workload struct {
		Prefill      struct{ Prompt []int }
		Decode       struct{ Prompts [][]int }
		SharedPrefix struct {
			Prefix   []int
			Suffixes [][]int
		} `json:"shared_prefix"`
	}
	if err := json.Unmarshal(first, &workload); err != nil {
		t.Fatal(err)
	}
	if len(workload.Prefill.Prompt) != 256 || len(workload.Decode.Prompts) != 32 ||
		len(workload.SharedPrefix.Prefix) != 300 || len(workload.SharedPrefix.Suffixes) != 64 {
		t.Errorf("sizes: prefill %d, decode %d rows, prefix %d, %d suffixes", len(workload.Prefill.Prompt),
			len(workload.Decode.Prompts), len(workload.SharedPrefix.Prefix), len(workload.SharedPrefix.Suffixes))
	}
	for i, suffix := range workload.SharedPrefix.Suffixes {
		if len(suffix) < 20 || len(suffix) > 100 {
			t.Errorf("suffix %d has %d tokens, want 20 to 100", i, len(suffix))
		}
	}
}

// A step of LoRA training: the median of the rounds' ratios, of a benchmark and a peer that print canned figures, and their memory.
func TestRunLoRA(t *testing.T) {
	out := filepath.Join(t.TempDir(), "lora.json")
	command := exec.Command("./run", "--only", "lora", "--rounds", "3", "--model", t.TempDir(), "--out", out,
		"--benchmark", standIn(t, "goos: linux\nBenchmarkStep-2 \t       5\t4000000000 ns/op\t       256.0 tokens/s"), "--python", standIn(t, `{"seconds": 5.0}`))
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("bench/run: %v\n%s", err, output)
	}
	if !strings.Contains(string(output), "ratio 1.25 (above 1: Janus is faster)   asked 1.0: reached") {
		t.Errorf("got %s", output)
	}
	var result struct {
		Schema  string
		Ratio   float64
		Seconds map[string]float64
		Memory  map[string]float64 `json:"peak_memory_mb"`
	}
	readResult(t, out, &result)
	if result.Schema != "janus-bench-lora/1" || result.Ratio != 1.25 || result.Seconds["janus"] != 4 || result.Seconds["peft"] != 5 ||
		result.Memory["janus"] <= 0 || result.Memory["peft"] <= 0 {
		t.Errorf("got %+v", result)
	}
}

// Thirty heads: one command beside thirty, by a stand-in for janus that does nothing, and one that fails.
func TestRunHeads(t *testing.T) {
	out := filepath.Join(t.TempDir(), "heads.json")
	heads := func(janus string) ([]byte, error) {
		command := exec.Command("./run", "--only", "heads", "--rounds", "2", "--quick", "--model", t.TempDir(), "--out", out, "--janus", janus)
		command.Env = append(os.Environ(), "JANUS_CACHE="+t.TempDir())
		return command.CombinedOutput()
	}
	if output, err := heads(standIn(t, "")); err != nil {
		t.Fatalf("bench/run: %v\n%s", err, output)
	}
	var result struct {
		Schema string
		Grids  map[string]struct {
			Together float64 `json:"together_s"`
			Alone    float64 `json:"alone_s"`
			Ratio    float64
		}
		Rounds map[string]map[string][]float64
	}
	readResult(t, out, &result)
	if result.Schema != "janus-bench-heads/1" || len(result.Grids) != 3 {
		t.Errorf("got %+v", result)
	}
	for name, grid := range result.Grids {
		if grid.Ratio <= 1 || len(result.Rounds[name]["alone_s"]) != 2 {
			t.Errorf("%s: got %+v: thirty processes take longer than one", name, grid)
		}
	}
	if output, err := heads("false"); err == nil || !strings.Contains(string(output), "ended with status 1") {
		t.Errorf("of a command that fails: %v\n%s", err, output)
	}
}

func readResult(t *testing.T, path string, result any) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, result); err != nil {
		t.Fatal(err)
	}
}

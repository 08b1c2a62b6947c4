package main

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/januslm/janus/dataset/agents/agentstest"
	"github.com/januslm/janus/internal/llm/llmtest"
)

// startLLM starts a language model's server for a script and puts its address and its key into the environment. It does not
// know the named formats: llm [json_schema] [json_object]; "down" makes it fail always, "mute" answer nonsense, and "judge" answer questions of a benchmark, but for those about silence.
func startLLM(ts *testscript.TestScript, _ bool, args []string) {
	o := llmtest.Options{Key: "script-secret", Reply: agentstest.Reply}
	for _, arg := range args {
		switch arg {
		case "down":
			o.Faults.Error = 1
		case "mute":
			o.Reply = mute
		case "judge":
			o.Reply = func(r llmtest.Request) string {
				if strings.Contains(r.Messages[1].Content, "silence") {
					return mute(r)
				}
				return `{"analysis":"It is on.","verdict":"real","p":0.75}`
			}
		default:
			o.RefuseFormat = append(o.RefuseFormat, arg)
		}
	}
	s := llmtest.New(o)
	ts.Defer(s.Close)
	ts.Setenv("LLM_API_URL", s.URL+"/v1")
	ts.Setenv("LLM_API_KEY", o.Key)
	ts.Setenv("LLM_MODEL", "test-model")
}

func mute(llmtest.Request) string { return "\x1b[31mI would rather not." }

// generation is a `janus data generate` against a server that misbehaves in every way.
type generation struct {
	server *llmtest.Server
	db     string
	pairs  int
}

func newGeneration(t *testing.T, pairs int) *generation {
	t.Helper()
	g := &generation{db: filepath.Join(t.TempDir(), "janus.db"), pairs: pairs}
	g.server = llmtest.New(llmtest.Options{
		Seed: 4, Reply: agentstest.Reply, RetryAfter: "0.02", Delay: 5 * time.Millisecond, Faults: llmtest.Faults{
			Error: 0.04, RateLimit: 0.04, Stall: 0.01, Cut: 0.03, BrokenBody: 0.02, BrokenJSON: 0.04, WrongSchema: 0.04, NoUsage: 0.05,
		},
	})
	t.Cleanup(func() { g.server.CloseClientConnections(); g.server.Close() })
	return g
}

func (g *generation) command() (cmd *exec.Cmd, stderr *bytes.Buffer) {
	cmd = exec.Command("janus", "data", "generate", "--vuln", "HTTP_HEADERS", "--num", fmt.Sprint(g.pairs), "--db", g.db, "--concurrency", "6",
		"--request-timeout", "400ms", "--retries", "20", "--price-in", "1", "--price-out", "3", "--budget", "100")
	cmd.Env = append(os.Environ(), "LLM_API_URL="+g.server.URL+"/v1", "LLM_API_KEY=", "LLM_MODEL=m")
	stderr = &bytes.Buffer{}
	cmd.Stderr = stderr
	return cmd, stderr
}

// finish repeats the command until it has nothing left to do: pairs that were given up are tried again.
func (g *generation) finish(t *testing.T) {
	t.Helper()
	for range 5 {
		cmd, stderr := g.command()
		err := cmd.Run()
		if err == nil {
			return
		}
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != exitPartial {
			t.Fatalf("%v: %s", err, stderr)
		}
	}
	t.Fatal("pairs are given up again and again")
}

// check holds the data base to what the server saw.
func (g *generation) check(t *testing.T) (killed int) {
	t.Helper()
	db, err := sql.Open("sqlite", g.db)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // it is only read
	number := func(query string) (n int) {
		t.Helper()
		if err := db.QueryRow(query).Scan(&n); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		return n
	}
	for query, want := range map[string]int{
		"SELECT count(*) FROM training_data":                                                                                  2 * g.pairs, // no pair lost, none twice
		"SELECT count(DISTINCT pair_id) FROM training_data":                                                                   g.pairs,
		"SELECT count(*) FROM (SELECT 1 FROM training_data GROUP BY pair_id HAVING sum(is_vulnerable) <> 1)":                  0,
		"SELECT count(*) FROM generate_pairs WHERE state = 'done'":                                                            g.pairs,
		"SELECT count(*) FROM generate_runs":                                                                                  1,
		"SELECT count(*) FROM llm_calls WHERE answer <> ''":                                                                   0, // none is needed any more
		"SELECT count(*) FROM (SELECT 1 FROM llm_calls WHERE state = 'answered' GROUP BY item, question HAVING count(*) > 1)": 0, // nothing paid twice
	} {
		if got := number(query); got != want {
			t.Errorf("%s: %d, want %d", query, got, want)
		}
	}
	killed = number("SELECT count(*) FROM llm_calls WHERE state = 'sent'")
	bills := g.server.Bills()
	rows, err := db.Query("SELECT response, prompt_tokens, completion_tokens, estimated, cost FROM llm_calls WHERE state = 'answered'")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close() //nolint:errcheck // Err says what went wrong
	for rows.Next() {
		var id string
		var prompt, completion int
		var estimated bool
		var cost float64
		if err := rows.Scan(&id, &prompt, &completion, &estimated, &cost); err != nil {
			t.Fatal(err)
		}
		bill, there := bills[id]
		delete(bills, id) // so that the same answer a second time is found
		if !there || !estimated && (bill.Prompt != prompt || bill.Completion != completion) {
			t.Errorf("%s: counted %d and %d, billed %+v", id, prompt, completion, bill)
		}
		if want := (float64(prompt) + 3*float64(completion)) / 1e6; cost < want-1e-12 || cost > want+1e-12 {
			t.Errorf("%s: cost %g, want %g", id, cost, want)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	// What is billed and not on the account as answered was on its way when the process was killed.
	missed := 0
	for _, b := range bills {
		if b.Sent {
			missed++
		}
	}
	if missed > killed {
		t.Errorf("%d answers that were sent are not on the account, but only %d calls were on their way", missed, killed)
	}
	if calls, requests := number("SELECT count(*) FROM llm_calls"), len(g.server.Requests()); requests > calls {
		t.Errorf("%d requests came, but %d calls are on the account", requests, calls)
	}
	return killed
}

// TestGenerateIsKilledAndGoesOn kills the command at random moments.
func TestGenerateIsKilledAndGoesOn(t *testing.T) {
	g := newGeneration(t, 30)
	random := rand.New(rand.NewPCG(1, 1))
	kills := 0
	for range 8 {
		before := len(g.server.Requests())
		cmd, stderr := g.command()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// From the first request on, so that slow machines are killed at work too.
		for deadline := time.Now().Add(20 * time.Second); len(g.server.Requests()) == before && time.Now().Before(deadline); {
			time.Sleep(2 * time.Millisecond)
		}
		time.Sleep(time.Duration(random.IntN(60)) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			break // it was done
		}
		if err := cmd.Wait(); err == nil || strings.Contains(stderr.String(), "panic") {
			t.Logf("ended before it was killed: %s", stderr)
			break
		}
		kills++
	}
	if kills < 3 {
		t.Errorf("it was killed only %d times", kills)
	}
	g.finish(t)
	if killed := g.check(t); killed == 0 {
		t.Error("no call was on its way at any of the kills: the test has shown nothing")
	}
}

// TestGenerateIsInterruptedAndGoesOn: Ctrl-C waits for the calls on their way, so that none is lost.
func TestGenerateIsInterruptedAndGoesOn(t *testing.T) {
	g := newGeneration(t, 12)
	cmd, stderr := g.command()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); len(g.server.Requests()) < 25 && time.Now().Before(deadline); {
		time.Sleep(2 * time.Millisecond)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitPartial || !strings.Contains(stderr.String(), "the same command goes on") {
		t.Errorf("%v: %s", err, stderr)
	}
	g.finish(t)
	if killed := g.check(t); killed != 0 {
		t.Errorf("%d calls have no end", killed)
	}
}

// TestGenerateByRuleIsKilledAndGoesOn: in the end there is what one go makes, in the same order.
func TestGenerateByRuleIsKilledAndGoesOn(t *testing.T) {
	dir := t.TempDir()
	const pairs = 2500
	command := func(db string) *exec.Cmd {
		return exec.Command("janus", "data", "generate", "--offline", "--vuln", "SQLI", "--num", fmt.Sprint(pairs), "--db", filepath.Join(dir, db))
	}
	count := func() (n int) {
		db, err := sql.Open("sqlite", filepath.Join(dir, "killed.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close() //nolint:errcheck // it is only read
		// Before the first migration there is no table.
		if err := db.QueryRow("SELECT count(*) FROM generate_pairs").Scan(&n); err != nil {
			return 0
		}
		return n
	}
	for kills, tries := 0, 0; kills < 3; {
		before := count()
		cmd := command("killed.db")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(20 * time.Second); count() == before && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		_ = cmd.Process.Kill() // it may be done
		_ = cmd.Wait()
		switch n := count(); {
		case n == before:
			t.Fatalf("%d pairs are there after 20 s, as many as before", n)
		case n < pairs:
			kills++
		case tries == 5:
			t.Fatal("it ended before it could be killed, every time")
		default: // this one ended first: another try
			kills, tries = 0, tries+1
			for _, end := range []string{"", "-wal", "-shm"} {
				if err := os.Remove(filepath.Join(dir, "killed.db"+end)); err != nil && !errors.Is(err, fs.ErrNotExist) {
					t.Fatal(err)
				}
			}
		}
	}
	for _, db := range []string{"killed.db", "whole.db"} {
		if out, err := command(db).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	digest := func(db string) (n int, text string) {
		t.Helper()
		d, err := sql.Open("sqlite", filepath.Join(dir, db))
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close() //nolint:errcheck // it is only read
		err = d.QueryRow("SELECT count(*), group_concat(content_hash || pair_id ORDER BY id) FROM training_data").Scan(&n, &text)
		if err != nil {
			t.Fatal(err)
		}
		return n, text
	}
	n, killed := digest("killed.db")
	m, whole := digest("whole.db")
	if n != 2*pairs || m != 2*pairs || killed != whole {
		t.Errorf("%d rows after kills, %d in one go; the same: %v", n, m, killed == whole)
	}
}

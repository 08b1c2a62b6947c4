package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// trainCommand is a short training of the tiny model in pure Go, with dropout, validations and a checkpoint an update.
func trainCommand(t *testing.T, data, out string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("janus", "train", "lora", "--data", data, "--out", out, "--resume", "--max-steps", "12", "--epochs", "9",
		"--batch-size", "2", "--gradient-accumulation", "1", "--dev-share", "0.2", "--eval-every", "3", "--save-every", "2",
		"--lora-rank", "2", "--lora-dropout", "0.2", "--learning-rate", "1e-3")
	cmd.Env = append(os.Environ(), "GOMLX_BACKEND=go", "MODEL_PATH="+filepath.Join(makeModels(t), "tiny"))
	return cmd
}

func adapterBytes(t *testing.T, out string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(out, "adapter", "adapter_model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// interruptOften gives a resumable command, which takes so long, up to five times, each of which it kills or interrupts at a random moment, until
// one ends before that.
func interruptOften(t *testing.T, random *rand.Rand, took time.Duration, command func() *exec.Cmd) {
	t.Helper()
	times := 0
	for i := range 5 {
		cmd := command()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		stop := time.AfterFunc(time.Duration((0.2+0.45*random.Float64())*float64(took)), func() {
			signal := os.Kill
			if i%2 == 1 {
				signal = syscall.SIGINT
			}
			_ = cmd.Process.Signal(signal) // it may have ended
		})
		err := cmd.Wait()
		stop.Stop()
		if err == nil {
			break
		}
		if code := cmd.ProcessState.ExitCode(); code >= 0 && code != exitPartial { // below 0 a signal ended it
			t.Errorf("the interrupted command ended with %d, expected %d", code, exitPartial)
		}
		times++
	}
	t.Logf("killed or interrupted %d times", times)
	if times == 0 {
		t.Error("the command was never killed or interrupted")
	}
}

// A training that is killed or interrupted at random moments, and given again, ends with the bytes of one that was not.
func TestKilledTraining(t *testing.T) {
	var rows bytes.Buffer
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 12 {
		fmt.Fprintf(&rows, `{"messages":[{"role":"user","content":"%d %x %x"},{"role":"assistant","content":"no. %d: %x"}]}`+"\n",
			i, random.Uint64(), random.Uint64(), i, random.Uint64())
	}
	dir := t.TempDir()
	data := filepath.Join(dir, "rows.jsonl")
	if err := os.WriteFile(data, rows.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if text, err := trainCommand(t, data, filepath.Join(dir, "whole")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	whole := time.Since(begun)

	out := filepath.Join(dir, "killed")
	interruptOften(t, random, whole, func() *exec.Cmd { return trainCommand(t, data, out) })
	if text, err := trainCommand(t, data, out).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if !bytes.Equal(adapterBytes(t, out), adapterBytes(t, filepath.Join(dir, "whole"))) {
		t.Error("the adapter of the killed training has other bytes")
	}
	for _, name := range []string{"metrics.jsonl", "run.json", "done.json"} {
		a, errA := os.ReadFile(filepath.Join(out, name))
		b, errB := os.ReadFile(filepath.Join(dir, "whole", name))
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Errorf("%s of the killed training has other bytes (%v, %v)", name, errA, errB)
		}
	}
}

package ablate_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/januslm/janus/eval/ablate"
)

// program writes a shell script and returns its folder.
func program(t *testing.T, name, script string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// The array has the tasks whose points are missing, and the merging job waits for it.
func TestSubmit(t *testing.T) {
	calls := filepath.Join(t.TempDir(), "calls")
	t.Setenv("PATH", program(t, "sbatch", "echo \"$*\" >>"+calls+"\necho '41;cluster'\n")+":"+os.Getenv("PATH"))
	dir := filepath.Join(t.TempDir(), "my study")
	s := study(t, grid(t, passes, tiny(t, false), findings(t, 24)), dir)
	o := options(t)
	o.Share = ablate.Share{Worker: 1, Workers: 4}
	compute(t, s, o)
	a := ablate.Array{Study: s, Janus: "/bin/janus", Args: []string{"--backend", "go"}, Options: []string{"--gres=gpu:1"}}
	array, merging, tasks, err := a.Submit(context.Background())
	if err != nil || array != "41" || merging != "41" || len(tasks) != 3 || a.Workers != 4 {
		t.Errorf("jobs %s and %s, tasks %v of %d, %v", array, merging, tasks, a.Workers, err)
	}
	text, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	command := filepath.Join(dir, "slurm", "ablate.sbatch") + " " + dir + " 4 /bin/janus ablate " + filepath.Join(dir, "grid.yaml") + " --out " + dir + " --backend go"
	for i, want := range []string{"--array=0,2,3 --gres=gpu:1 " + command, "--dependency=afterany:41 --gres=gpu:1 " + command + " --merge"} {
		if !strings.HasSuffix(lines[i], want) {
			t.Errorf("sbatch was called with\n%s\nwant an end of\n%s", lines[i], want)
		}
	}
	if output, err := exec.Command("bash", "-n", filepath.Join(dir, "slurm", "ablate.sbatch")).CombinedOutput(); err != nil {
		t.Errorf("the script: %v\n%s", err, output)
	}

	t.Setenv("PATH", program(t, "sbatch", "echo 'no such partition' >&2\nexit 1\n")+":"+os.Getenv("PATH"))
	if _, _, _, err := a.Submit(context.Background()); err == nil || !strings.Contains(err.Error(), "no such partition") {
		t.Errorf("where sbatch fails the error is %v", err)
	}
}

// A task runs its share; when its time is out janus is asked to end, and the task goes back into the queue if anything was computed.
func TestTask(t *testing.T) {
	for _, computed := range []bool{true, false} {
		folder, tools := t.TempDir(), program(t, "scontrol", `echo "scontrol $*"`+"\n")
		work := ":"
		if computed {
			work = "mkdir -p '" + folder + "/points' && : >'" + folder + "/points/one.parquet'"
		}
		janus := filepath.Join(program(t, "janus", "trap '"+strings.ReplaceAll(work, "'", "\"")+"; exit 3' TERM\necho \"share: $*\"\nwhile :; do sleep 0.05; done\n"), "janus")
		if err := os.WriteFile(filepath.Join(tools, "sleep"), []byte("#!/bin/sh\n[ \"$1\" = 60 ] || exec /bin/sleep \"$1\"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		log := filepath.Join(folder, "log")
		file, err := os.Create(log)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("bash", "ablate.sbatch", folder, "8", janus, "ablate", "grid.yaml")
		cmd.Env = append(os.Environ(), "SLURM_JOB_ID=7", "SLURM_ARRAY_TASK_ID=5", "PATH="+tools+":"+os.Getenv("PATH"))
		cmd.Stdout, cmd.Stderr = file, file
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		read := func() string {
			text, err := os.ReadFile(log)
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
		for deadline := time.Now().Add(time.Minute); !strings.Contains(read(), "share: ablate grid.yaml --worker 5/8\n"); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("janus was not started:\n%s", read())
			}
		}
		if err := cmd.Process.Signal(syscall.SIGUSR1); err != nil {
			t.Fatal(err)
		}
		err = cmd.Wait()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 3 {
			t.Errorf("the task ended with %v, want janus' status 3", err)
		}
		if requeued := strings.Contains(read(), "scontrol requeue 7\n"); requeued != computed {
			t.Errorf("computed %v, put back %v:\n%s", computed, requeued, read())
		}
	}
}

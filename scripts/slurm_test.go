package scripts_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fakeJanus is a program in place of janus, a shell script.
func fakeJanus(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "janus")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func slurmScript(t *testing.T, name string, environment []string, arguments ...string) *exec.Cmd {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("slurm", name))
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command("bash", append([]string{path}, arguments...)...)
	command.Dir = t.TempDir()
	command.Env = append(os.Environ(), "SLURM_JOB_ID=", "SLURM_RESTART_COUNT=")
	command.Env = append(command.Env, environment...)
	return command
}

func exitStatus(t *testing.T, err error) int {
	t.Helper()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0
}

func TestSlurmScriptsParse(t *testing.T) {
	for _, name := range []string{"slurm/submit", "slurm/train.sbatch"} {
		if output, err := exec.Command("bash", "-n", name).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, output)
		}
	}
}

// Without Slurm the job's script runs the recipe here, and its status is janus'.
func TestSlurmJobRunsHere(t *testing.T) {
	for _, status := range []string{"0", "2", "3"} {
		janus := fakeJanus(t, `printf '<%s>' "$@"; exit `+status+"\n")
		output, err := slurmScript(t, "train.sbatch", []string{"JANUS=" + janus}, "lora", "my recipe.yaml", "--out", "runs/a").CombinedOutput()
		if got := exitStatus(t, err); got != int(status[0]-'0') {
			t.Errorf("status %d, want %s", got, status)
		}
		if want := "<train><lora><--config><my recipe.yaml><--out><runs/a><--resume>"; !strings.Contains(string(output), want) {
			t.Errorf("want %s in\n%s", want, output)
		}
	}
}

// A signal is passed on, and the script waits until janus has ended. With Slurm, a job whose time is out asks to be put
// back into the queue.
func TestSlurmJobIsStopped(t *testing.T) {
	for _, test := range []struct {
		signal     syscall.Signal
		job        string
		checkpoint string // that is made meanwhile
		requeue    bool
	}{
		{syscall.SIGTERM, "7", "step-00000020", false}, {syscall.SIGUSR1, "7", "step-00000020", true}, {syscall.SIGUSR1, "", "step-00000020", false},
		{syscall.SIGUSR1, "7", "step-00000010", false}, // the one that was there: it would go on for ever
	} {
		janus := fakeJanus(t, "trap 'sleep 0.2; mkdir -p my\\ run/checkpoints/"+test.checkpoint+"; echo last checkpoint; exit 3' TERM\necho training\nwhile :; do sleep 0.05; done\n")
		tools := t.TempDir()
		for name, script := range map[string]string{"scontrol": `echo "scontrol $*"`, "sleep": `[ "$1" = 60 ] || exec /bin/sleep "$1"`} {
			if err := os.WriteFile(filepath.Join(tools, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		command := slurmScript(t, "train.sbatch", []string{"JANUS=" + janus, "SLURM_JOB_ID=" + test.job, "PATH=" + tools + ":" + os.Getenv("PATH")}, "lora", "a.yaml", "--out", "my run")
		if err := os.MkdirAll(filepath.Join(command.Dir, "my run", "checkpoints", "step-00000010"), 0o755); err != nil {
			t.Fatal(err)
		}
		log := filepath.Join(command.Dir, "log")
		file, err := os.Create(log)
		if err != nil {
			t.Fatal(err)
		}
		command.Stdout, command.Stderr = file, file
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(10 * time.Second); !strings.Contains(readAll(t, log), "training"); {
			if time.Now().After(deadline) {
				t.Fatal("janus was not started")
			}
			time.Sleep(10 * time.Millisecond)
		}
		if err := command.Process.Signal(test.signal); err != nil {
			t.Fatal(err)
		}
		if got := exitStatus(t, command.Wait()); got != 3 {
			t.Errorf("%v: status %d, want janus' 3", test.signal, got)
		}
		output := readAll(t, log)
		if !strings.Contains(output, "last checkpoint\n") || strings.Contains(output, "scontrol requeue 7\n") != test.requeue {
			t.Errorf("%v of job %q, %s:\n%s", test.signal, test.job, test.checkpoint, output)
		}
	}
}

func readAll(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestSlurmSubmit(t *testing.T) {
	tools := t.TempDir()
	if err := os.WriteFile(filepath.Join(tools, "sbatch"), []byte("#!/bin/sh\nprintf '<%s>' \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	janus := fakeJanus(t, "")
	for _, test := range []struct{ arguments, want string }{
		{"--gres=gpu:1 --time=1:00:00 -- lora recipe.yaml --out runs/a", "<--job-name=janus-lora-recipe><--gres=gpu:1><--time=1:00:00><SCRIPT><lora><recipe.yaml><--out><runs/a>"},
		{"-- head recipe.yaml --out=b", "<--job-name=janus-head-recipe><SCRIPT><head><recipe.yaml><--out=b>"},
		{"lora recipe.yaml --out runs/a", "give -- before"},
		{"--", "give a command and a recipe"},
		{"-- lora none.yaml --out runs/a", "there is no recipe none.yaml"},
		{"-- lora recipe.yaml", "give --out"},
	} {
		command := slurmScript(t, "submit", []string{"JANUS=" + janus, "PATH=" + tools + ":" + os.Getenv("PATH")}, strings.Fields(test.arguments)...)
		if err := os.WriteFile(filepath.Join(command.Dir, "recipe.yaml"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		script, err := filepath.Abs("slurm/train.sbatch")
		if err != nil {
			t.Fatal(err)
		}
		output, err := command.CombinedOutput()
		if ok := strings.HasPrefix(test.want, "<"); ok != (exitStatus(t, err) == 0) {
			t.Errorf("%s: %v", test.arguments, err)
		} else if _, err := os.Stat(filepath.Join(command.Dir, "logs", "slurm_outputs")); ok != (err == nil) {
			t.Errorf("%s: the folder of logs: %v", test.arguments, err)
		}
		if want := strings.Replace(test.want, "SCRIPT", script, 1); !strings.Contains(string(output), want) {
			t.Errorf("%s: want %s in\n%s", test.arguments, want, output)
		}
	}
}

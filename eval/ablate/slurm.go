package ablate

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
)

//go:embed ablate.sbatch
var jobScript []byte

// slurmDir holds the job's script and its logs.
const slurmDir = "slurm"

// Array is a study as a job array of Slurm, and a job that merges when all its tasks have ended.
type Array struct {
	Study   *Study
	Janus   string   // the program
	Args    []string // of `janus ablate` besides the grid, the folder and the share: --backend …
	Workers int      // that share the study; 0 is one a unit
	Options []string // of sbatch, such as --gres=gpu:1
}

// Submit writes the grid and the job's script into the study's folder, and puts the tasks into the queue whose shares have missing
// points. It returns the numbers of the array's job and of the merging one, and the tasks.
func (a *Array) Submit(ctx context.Context) (array, merging string, tasks []int, err error) {
	if a.Workers == 0 {
		a.Workers = len(a.Study.units)
	}
	if _, tasks, err = a.Study.Missing(a.Workers); err != nil || len(tasks) == 0 {
		return "", "", nil, err
	}
	script, grid, err := a.write()
	if err != nil {
		return "", "", nil, err
	}
	run := append([]string{a.Study.Dir, fmt.Sprint(a.Workers), a.Janus, "ablate", grid, "--out", a.Study.Dir}, a.Args...)
	logs := filepath.Join(a.Study.Dir, slurmDir)
	options := append([]string{"--parsable", "--job-name=janus-ablate", "--output=" + filepath.Join(logs, "%x-%A_%a.out"), "--array=" + joinTasks(tasks)}, a.Options...)
	if array, err = sbatch(ctx, append(append(options, script), run...)); err != nil {
		return "", "", nil, err
	}
	options = append([]string{"--parsable", "--job-name=janus-ablate-merge", "--output=" + filepath.Join(logs, "%x-%j.out"), "--dependency=afterany:" + array}, a.Options...)
	merging, err = sbatch(ctx, append(append(append(options, script), run...), "--merge"))
	if err != nil {
		err = fmt.Errorf("the array is job %s, but the merging job could not be submitted: %w", array, err)
	}
	return array, merging, tasks, err
}

// write puts what the tasks need into the study's folder: all of the grid's settings, and the script.
func (a *Array) write() (script, grid string, err error) {
	dir, err := filepath.Abs(a.Study.Dir) // tasks run where sbatch was called, but the queue may be asked from elsewhere
	if err != nil {
		return "", "", err
	}
	a.Study.Dir = dir
	if err := os.MkdirAll(filepath.Join(dir, slurmDir), 0o755); err != nil {
		return "", "", err
	}
	script, grid = filepath.Join(dir, slurmDir, "ablate.sbatch"), filepath.Join(dir, gridFile)
	data, err := a.Study.Grid.YAML()
	if err != nil {
		return "", "", err
	}
	if err := renameio.WriteFile(grid, data, 0o644); err != nil {
		return "", "", err
	}
	return script, grid, renameio.WriteFile(script, jobScript, 0o755)
}

func joinTasks(tasks []int) string {
	texts := make([]string, len(tasks))
	for i, n := range tasks {
		texts[i] = fmt.Sprint(n)
	}
	return strings.Join(texts, ",")
}

// sbatch submits a job and returns its number, which --parsable prints, on clusters with a name after a semicolon.
func sbatch(ctx context.Context, args []string) (string, error) {
	cmd := exec.CommandContext(ctx, "sbatch", args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) {
		return "", fmt.Errorf("there is no sbatch here (%w): submit where Slurm is, or run the shares yourself with --worker", err)
	}
	if err != nil {
		return "", fmt.Errorf("sbatch: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	id, _, _ := strings.Cut(strings.TrimSpace(string(out)), ";")
	return id, nil
}

// Command janus decides whether security scanners' findings are real, with a language model on this machine.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/januslm/janus/finding"
)

// Exit codes.
const (
	exitDone    = 0
	exitUsage   = 2 // wrong usage, unreadable input, unwritable output
	exitPartial = 3 // some rows failed or were not reached, or an interruption came first; the others are written
)

// partialError ends a command that did a part of its work.
type partialError struct{ message string }

func (e *partialError) Error() string { return e.message }

func main() { os.Exit(run()) }

func run() int {
	if err := loadDotenv(); err != nil {
		fmt.Fprintln(os.Stderr, "janus:", err)
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A program that runs on the device cannot be interrupted, so the first Ctrl-C lets it end, and the second ends the
	// process at once.
	context.AfterFunc(ctx, func() {
		stop()
		fmt.Fprintln(os.Stderr, "\njanus: stopping at the next step; Ctrl-C again ends at once")
	})

	err := newRoot().ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	fmt.Fprintln(os.Stderr, "janus:", finding.CleanLines(err.Error())) // file names and keys may be anyone's
	var partial *partialError
	if errors.As(err, &partial) || errors.Is(err, context.Canceled) {
		return exitPartial
	}
	return exitUsage
}

// withHelp tells where the options are explained.
func withHelp(cmd *cobra.Command, err error) error {
	return fmt.Errorf("%w (see %s --help)", err, cmd.CommandPath())
}

// arguments is a check of a command's arguments that says how the command is used.
func arguments(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return withHelp(cmd, err)
		}
		return nil
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "janus",
		Short: "Tell a security scanner's real findings from its false alarms",
		Long: `Janus decides whether a security scanner's finding is real. A language model on this machine writes a short analysis of
each finding, and a classifier on the model's states, or the model's own answer, gives the probability that it is real.

Environment:
  MODEL_PATH     base model where --model is not given
  JANUS_CACHE    folder for what is fetched and converted (default: .cache beside bin/, then the user's cache folder)
  JANUS_DB       data base of "janus data" where --db is not given (default: data/janus.db)
  GOMLX_BACKEND  backend where --backend is not given: "go", "xla:cuda", "xla:/path/plugin.so"
  LLM_API_URL, LLM_API_KEY, LLM_MODEL  the OpenAI-compatible API that "janus data generate" asks
  NO_COLOR       no colours where it is set
  HF_TOKEN, HF_HOME, HF_HUB_CACHE, HF_ENDPOINT  as in Hugging Face's own tools, for "janus pull" and models by name
MODEL_PATH, GOMLX_BACKEND, NO_COLOR and LLM_* are also read from a file .env in the working folder, unless they name a
plugin's file; the environment wins.

Exit status:
  0  done
  2  wrong usage, input that cannot be read, or output that cannot be written
  3  some findings failed, or Ctrl-C came first; the others are written`,
		Example: `  janus review report.sarif
  janus review report.sarif --source-root . --out reviewed.sarif
  janus generate "Name one cause of SQL injection."
  janus info`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(withHelp)
	root.AddCommand(newReview(), newPrompts(), newGenerate(), newPull(), newConvert(), newAdapter(), newInfo(), newVersion(), newBench(), newFloors(), newSpeed(), newData(), newTrain(), newAblate(), newReport(), newExplain())
	return root
}

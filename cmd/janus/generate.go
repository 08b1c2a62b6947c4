package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/review"
)

var errNoPrompt = errors.New("the prompt is empty")

func newGenerate() *cobra.Command {
	var flags modelFlags
	var o review.GenerateOptions
	var system, thinking string
	var raw bool
	cmd := &cobra.Command{
		Use:   "generate PROMPT",
		Short: "Let the model answer a prompt",
		Long: `Let the model answer a prompt ("-" reads it from standard input), in the model's own chat format. It is a way to see
what a model or an adapter does. With --raw the model goes on from the text itself. A terminal shows the answer while it
is written.`,
		Example: `  janus generate "Name one cause of SQL injection."
  janus generate --model Qwen3-1.7B.gguf --temperature 0.7 --seed 3 - < prompt.txt
  janus generate --min-p 0.05 --temperature 1 --repetition-penalty 1.1 --stop "\n\n" "Explain CSP in one paragraph."
  janus generate --raw "def parse_header("`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			prompt := args[0]
			if prompt == review.StdinName {
				text, err := io.ReadAll(cmd.InOrStdin())
				if err != nil {
					return fmt.Errorf("reading the prompt: %w", err)
				}
				prompt = strings.TrimSuffix(string(text), "\n") // the one that ends a file
			}
			if strings.TrimSpace(prompt) == "" {
				return errNoPrompt
			}
			q := review.Question{System: system, User: prompt, Raw: raw}
			var err error
			if q.Thinking, err = onOff("thinking", thinking); err != nil {
				return err
			}
			m, err := flags.open(cmd.Context())
			if err != nil {
				return err
			}
			defer m.Close() //nolint:errcheck // the process ends
			if term.IsTerminal(int(os.Stdout.Fd())) {
				o.Write = func(text string) error {
					_, err := fmt.Fprint(os.Stdout, cleanLines(text))
					return err
				}
			}
			text, err := review.Generate(cmd.Context(), m, q, o)
			if o.Write != nil {
				text = "" // it stands there already
			}
			if text != "" || err == nil {
				if _, err := fmt.Fprintln(os.Stdout, text); err != nil {
					return fmt.Errorf("writing standard output: %w", err)
				}
			}
			if err != nil {
				return err
			}
			return nil
		},
	}
	flags.add(cmd.Flags())
	addSampling(cmd.Flags(), &o.Sampling, 256)
	cmd.Flags().StringArrayVar(&o.Stop, "stop", nil, "text that ends the answer and is not part of it; may be repeated")
	cmd.Flags().StringVar(&o.Adapter, "use", "", "which of several adapters writes, by the name of its folder (default: the first)")
	addThinking(cmd.Flags(), &thinking)
	cmd.Flags().StringVar(&system, "system", "", "system message")
	cmd.Flags().BoolVar(&raw, "raw", false, "no chat format: go on from the text")
	return cmd
}

// cleanLines makes a text safe for a terminal and keeps its lines.
func cleanLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = finding.Clean(line)
	}
	return strings.Join(lines, "\n")
}

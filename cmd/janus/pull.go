package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/internal/progress"
	"github.com/januslm/janus/weights/hub"
)

func newPull() *cobra.Command {
	return &cobra.Command{
		Use:   "pull NAME[@REVISION]",
		Short: "Fetch a model from the Hugging Face hub",
		Long: `Fetch a model, an adapter or a head from the Hugging Face hub into the cache that Hugging Face's own tools use
(~/.cache/huggingface/hub, or HF_HUB_CACHE), and print its folder. Afterwards --model NAME finds it there, without a network.

Only what Janus needs is fetched: settings, tokenizer, and the weights as safetensors, or as PyTorch's .bin where there are
none. The revision (a branch, a tag or a commit; main by default) is pinned to a commit. Downloads go on where they were cut, and a
file whose hash is not the hub's is not kept. Private and gated models need a token: HF_TOKEN, or what "hf auth login" saved.`,
		Example: `  janus pull Qwen/Qwen3-0.6B
  janus generate --model Qwen/Qwen3-0.6B "Name one cause of SQL injection."
  janus pull HuggingFaceTB/SmolLM2-360M-Instruct@main`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := hub.ParseName(args[0])
			if err != nil {
				return err
			}
			client, err := hub.New()
			if err != nil {
				return err
			}
			var bar *progress.Bar
			defer func() { bar.Finish() }()
			client.Progress = func(done, total int64) {
				if bar == nil && done < total {
					bar = progress.Start(os.Stderr, progress.Options{Title: "fetching " + name.ID, Total: total, Bytes: true})
				}
				bar.Set(done)
			}
			client.Note = func(text string) { fmt.Fprintln(os.Stderr, "janus:", finding.Clean(text)) }
			dir, err := client.Pull(cmd.Context(), name)
			bar.Finish()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(os.Stdout, dir)
			return err
		},
	}
}

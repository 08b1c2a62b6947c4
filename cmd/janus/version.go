package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/januslm/janus/prompts"
	"github.com/januslm/janus/tokenizer"
)

// Set by the Makefile.
var (
	version = "unknown"
	commit  = "unknown"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  janus version",
		Args:    arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			kind := tokenizer.NameGo
			if tokenizer.NativeBuilt {
				kind = tokenizer.NameNative
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "janus %s (commit %s, prompts %s, tokenizer %s, %s %s/%s)\n",
				version, commit, prompts.Plain().DefaultVersion(), kind, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

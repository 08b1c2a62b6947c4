package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/januslm/janus/prompts"
)

// promptFlags choose the text that the model is asked with.
type promptFlags struct{ variant, dir string }

func (f *promptFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.variant, "prompt", prompts.VariantPlain, "text that the model is asked with: "+strings.Join(prompts.Variants(), ", ")+" (pe: engineered; tpfp: for the verdict alone)")
	flags.StringVar(&f.dir, "prompts", "", "folder with parts of it that you changed (see janus prompts export); the others are Janus's")
}

func (f *promptFlags) open() (*prompts.Set, error) { return prompts.Open(f.variant, f.dir) }

func newPrompts() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "prompts",
		Short: "Show and copy the text that the model is asked with",
		Long: `Show and copy the text that the model is asked with: instructions, and a template a kind of finding (its scanner's, else its
category's, else finding.tmpl). A copied folder can be changed and given to janus review --prompts; docs/prompts.md has the
fields and functions of the templates. Each verdict has the version of its text, a hash.`,
		Example: `  janus prompts list
  janus prompts show category/XSS.tmpl --prompt pe
  janus prompts export my-prompts && janus review report.sarif --prompts my-prompts`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newPromptsList(), newPromptsShow(), newPromptsExport())
	return cmd
}

// promptsCommand is a command about one set.
func promptsCommand(cmd *cobra.Command, run func(set *prompts.Set, args []string, out io.Writer) error) *cobra.Command {
	var flags promptFlags
	flags.add(cmd.Flags())
	cmd.Args = arguments(cmd.Args)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		set, err := flags.open()
		if err != nil {
			return err
		}
		return run(set, args, os.Stdout)
	}
	return cmd
}

func newPromptsList() *cobra.Command {
	return promptsCommand(&cobra.Command{
		Use:     "list",
		Short:   "List the parts, their versions and where they come from",
		Example: "  janus prompts list --prompts my-prompts",
		Args:    cobra.NoArgs,
	}, func(set *prompts.Set, _ []string, out io.Writer) error {
		for _, part := range set.Parts() {
			version, from := set.PartVersion(part), "Janus"
			if version == "" {
				version = "-" // a part of others, with no prompts of its own
			}
			if part.From != "" {
				from = part.From
			}
			if _, err := fmt.Fprintf(out, "%-28s %-12s %6d bytes  %s\n", part.Name, version, len(part.Text), from); err != nil {
				return fmt.Errorf("writing standard output: %w", err)
			}
		}
		return nil
	})
}

func newPromptsShow() *cobra.Command {
	return promptsCommand(&cobra.Command{
		Use:     "show [NAME…]",
		Short:   "Print parts (all of them without a name)",
		Example: "  janus prompts show instructions.txt --prompt pe",
		Args:    cobra.ArbitraryArgs,
	}, func(set *prompts.Set, names []string, out io.Writer) error {
		wanted := map[string]bool{}
		for _, name := range names {
			wanted[name] = true
		}
		var text strings.Builder
		for _, part := range set.Parts() {
			if len(names) > 0 && !wanted[part.Name] {
				continue
			}
			delete(wanted, part.Name)
			if len(names) != 1 {
				fmt.Fprintf(&text, "===== %s\n", part.Name)
			}
			text.WriteString(part.Text + "\n")
		}
		for name := range wanted {
			return fmt.Errorf("prompts: there is no part %q: janus prompts list shows them", name)
		}
		if _, err := io.WriteString(out, text.String()); err != nil {
			return fmt.Errorf("writing standard output: %w", err)
		}
		return nil
	})
}

func newPromptsExport() *cobra.Command {
	return promptsCommand(&cobra.Command{
		Use:     "export DIR",
		Short:   "Copy the parts to a new folder, to be changed",
		Example: "  janus prompts export my-prompts --prompt pe",
		Args:    cobra.ExactArgs(1),
	}, func(set *prompts.Set, args []string, _ io.Writer) error {
		if err := set.Export(args[0]); err != nil {
			return err
		}
		_, err := fmt.Fprintf(os.Stderr, "janus: wrote %d files to %s\n", len(set.Parts()), args[0])
		return err
	})
}

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/januslm/janus/bench"
	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/internal/basemodel"
)

// newSpeed is Janus' side of bench/run. It is hidden: its figures mean something beside the other sides' only.
func newSpeed() *cobra.Command {
	var o bench.Options
	var asked, name string
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "speed",
		Short:   "Measure Janus for bench/run (bench/README.md has the protocol)",
		Example: "  janus speed --json --workload workload.json --phases prefill,decode",
		Hidden:  true,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !asJSON {
				return fmt.Errorf("give --json: there is no other form")
			}
			var err error
			if o.Workload, err = bench.ReadWorkload(name); err != nil {
				return err
			}
			if o.Dir, err = basemodel.Find(cmd.Context(), asked, nil); err != nil {
				return err
			}
			if o.Backend, err = backend.New(o.BackendName); err != nil {
				return err
			}
			o.Version = version
			side, err := bench.Run(cmd.Context(), o)
			if err != nil {
				return err
			}
			return json.NewEncoder(os.Stdout).Encode(side)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&asJSON, "json", false, "print one JSON object")
	flags.StringVar(&name, "workload", "", "workload file")
	flags.StringVar(&asked, "model", "", "Hugging Face folder")
	flags.StringVar(&o.BackendName, "backend", "", "as for review")
	flags.StringSliceVar(&o.Phases, "phases", nil, "some of "+strings.Join(bench.Phases, ", ")+" (default: all but first_verdict)")
	_ = cmd.MarkFlagRequired("workload") // fails only for a flag that is not there
	return cmd
}

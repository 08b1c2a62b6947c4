package main

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// envDB names the data base where --db does not.
const envDB = "JANUS_DB"

// newData is the command that works on training data. Each of its commands stands in a file data_NAME.go.
func newData() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "data",
		Short: "Keep training data: import, export, look at, split",
		Long: `Keep training data in a SQLite data base: HTTP exchanges with an analysis and the truth (the study's training_data
table), and labelled findings of any scanner beside them.

The data base is --db, else $JANUS_DB, else data/janus.db.`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand()
	return cmd
}

// dataFlags are the flags of all data commands.
type dataFlags struct{ db string }

func (f *dataFlags) add(flags *pflag.FlagSet) {
	path := os.Getenv(envDB)
	if path == "" {
		path = filepath.Join("data", "janus.db")
	}
	flags.StringVar(&f.db, "db", path, "data base file")
}

package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/finding"
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
	cmd.AddCommand(
		newDataInit(), newDataImport(), newDataExport(), newDataList(), newDataShow(),
		newDataGenerate(),
		newDataStats(), newDataSplit(), newDataDedupe(), newDataReview(),
	)
	return cmd
}

// dataFlags are the flags of all data commands.
type dataFlags struct{ db string }

func (f *dataFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.db, "db", defaultDB(), "data base file")
}

// dataBase is the data base that a setting names, or the default where it names none.
func dataBase(path string) dataFlags { return dataFlags{cmp.Or(path, defaultDB())} }

// defaultDB is the data base where none is named.
func defaultDB() string {
	if path := os.Getenv(envDB); path != "" {
		return path
	}
	return filepath.Join("data", "janus.db")
}

// open opens the data base, which must be there, and says what had to be done to it.
func (f *dataFlags) open() (*dataset.Store, error) {
	if _, err := os.Stat(f.db); err != nil {
		return nil, fmt.Errorf("no data base: %w: `janus data init` or `janus data import FILE` makes one, --db names another", err)
	}
	return f.create()
}

// create opens the data base, and makes it and its folder where they are not there.
func (f *dataFlags) create() (*dataset.Store, error) {
	if err := os.MkdirAll(filepath.Dir(f.db), 0o755); err != nil {
		return nil, err
	}
	store, err := dataset.Open(f.db)
	if err != nil {
		return nil, err
	}
	for _, note := range store.Notes() {
		fmt.Fprintf(os.Stderr, "janus: %s: %s\n", f.db, finding.Clean(note))
	}
	return store, nil
}

// with runs a command's work on the data base.
func (f *dataFlags) with(work func(*dataset.Store) error) error {
	store, err := f.open()
	if err != nil {
		return err
	}
	return errors.Join(work(store), store.Close())
}

// filterFlags choose rows.
type filterFlags struct {
	filter     dataset.Filter
	vulnerable string
}

func (f *filterFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.filter.Category, "category", "", "only rows of this category: HTTP_HEADERS, XSS, SQLI, INFO; of findings their own")
	flags.StringVar(&f.filter.Split, "split", "", `only rows of this split: train, dev, test, or "none"`)
	flags.StringVar(&f.filter.Source, "source", "", "only rows of this source")
	flags.StringVar(&f.vulnerable, "vulnerable", "", "only rows with this truth: true or false (TP or FP)")
}

// get checks the flags.
func (f *filterFlags) get() (dataset.Filter, error) {
	if f.vulnerable != "" {
		vulnerable, err := dataset.ParseLabel(f.vulnerable)
		if err != nil {
			return f.filter, fmt.Errorf("vulnerable: %w", err)
		}
		f.filter.Vulnerable = &vulnerable
	}
	if f.filter.Split != dataset.NoSplit {
		side, err := dataset.ParseSide(f.filter.Split)
		if err != nil {
			return f.filter, fmt.Errorf("split: %w, or %s", err, dataset.NoSplit)
		}
		f.filter.Split = side
	}
	return f.filter, nil
}

// rowID reads the id of a row of training data.
func rowID(text string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id <= 0 {
		return 0, fmt.Errorf("expected the number of a row, found %q: `janus data list` shows them", text)
	}
	return id, nil
}

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"

	"github.com/joho/godotenv"

	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/internal/basemodel"
)

// namedBackend is a backend or a plugin by its name, rather than by its file.
var namedBackend = regexp.MustCompile(`^(go|xla)(:[a-z_]*)?$`)

// loadDotenv takes Janus' own variables from the file .env in the working folder, where the environment does not have them.
//
// Janus is run in checkouts of strangers' code, and a .env of theirs must not choose what runs here: so no other variable is
// taken, none that names a folder with plugins, and no backend that is a file.
func loadDotenv() error {
	text, err := os.ReadFile(".env")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	values, err := godotenv.UnmarshalBytes(bytes.TrimPrefix(text, []byte("\ufeff")))
	if err != nil {
		// The parser's error quotes the rest of the file, and such files hold secrets.
		return errors.New(".env: a line is not a variable: expected NAME=value")
	}
	for _, name := range []string{basemodel.EnvModel, backend.EnvBackend, "NO_COLOR"} {
		value, there := values[name]
		if _, set := os.LookupEnv(name); set || !there {
			continue
		}
		if name == backend.EnvBackend && !namedBackend.MatchString(value) {
			return fmt.Errorf(".env: %s=%s names a file to load; set that in the environment, or use --backend", name, value)
		}
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf(".env: %s: %w", name, err)
		}
	}
	return nil
}

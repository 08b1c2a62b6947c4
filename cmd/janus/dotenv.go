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
	"github.com/januslm/janus/internal/llm"
)

// namedBackend is a backend or a plugin by its name, rather than by its file.
var namedBackend = regexp.MustCompile(`^(go|xla)(:[a-z_]*)?$`)

// loadDotenv takes Janus' own variables from the file .env in the working folder, where the environment does not have them.
//
// Janus is run in checkouts of strangers' code, and a .env of theirs must not choose what runs here: so no other variable is
// taken, none that names a folder with plugins, and no backend that is a file.
func loadDotenv() error {
	values, err := readDotenv()
	if err != nil {
		return err
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

// readDotenv reads the file .env in the working folder, where there is one.
func readDotenv() (map[string]string, error) {
	text, err := os.ReadFile(".env")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	values, err := godotenv.UnmarshalBytes(bytes.TrimPrefix(text, []byte("\ufeff")))
	if err != nil {
		// The parser's error quotes the rest of the file, and such files hold secrets.
		return nil, errors.New(".env: a line is not a variable: expected NAME=value")
	}
	return values, nil
}

// llmSettings says which language model to ask, from the environment and .env; the address is empty where there is none.
//
// A key goes only to the address that was set beside it: a stranger's .env must not have the environment's key sent to a server
// of theirs.
func llmSettings() (url, key, model string, err error) {
	values, err := readDotenv()
	if err != nil {
		return "", "", "", err
	}
	look := func(name string) string {
		if value, set := os.LookupEnv(name); set {
			return value
		}
		return values[name]
	}
	url, model = look(llm.EnvURL), look(llm.EnvModel)
	if _, set := os.LookupEnv(llm.EnvURL); set || url == "" {
		return url, look(llm.EnvKey), model, nil
	}
	if os.Getenv(llm.EnvKey) != "" && os.Getenv(llm.EnvKey) != values[llm.EnvKey] {
		return "", "", "", fmt.Errorf(".env sets %s, but %s is set in the environment, which is not sent to an address from .env: set both in one place",
			llm.EnvURL, llm.EnvKey)
	}
	return url, values[llm.EnvKey], model, nil
}

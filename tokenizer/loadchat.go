package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ErrNoChatTemplate is what LoadChat gives for a model without a chat template. PlainChat
// is the fallback.
var ErrNoChatTemplate = errors.New("the model has no chat template (no chat_template.jinja, chat_template.json, nor chat_template in tokenizer_config.json)")

// plainTemplate is a minimal prompt for models that were not tuned for conversations.
const plainTemplate = `{% for message in messages %}{{ message['content'] | trim }}

{% endfor %}`

// PlainChat is the template for models without one, base models mostly: the messages'
// texts, trimmed, each followed by an empty line; the model goes on from there. Roles and
// control tokens do not appear.
func PlainChat() *ChatTemplate {
	c, err := NewChatTemplate(plainTemplate, nil)
	if err != nil {
		// The template is a constant of this file, and tests render it.
		return &ChatTemplate{source: plainTemplate}
	}
	return c
}

// LoadChat reads the chat template of a model folder: chat_template.jinja (with
// additional_chat_templates/*.jinja), chat_template.json, or chat_template in
// tokenizer_config.json, a string or a list of named templates.
func LoadChat(dir string) (*ChatTemplate, error) {
	config, err := readConfig(filepath.Join(dir, "tokenizer_config.json"))
	if err != nil {
		return nil, err
	}
	sources, err := templateSources(dir, config)
	if err != nil {
		return nil, err
	}
	if len(sources) == 0 {
		return nil, fmt.Errorf("%s: %w", dir, ErrNoChatTemplate)
	}
	tokens, err := specialTexts(dir, config)
	if err != nil {
		return nil, err
	}
	name := "default"
	if _, ok := sources[name]; !ok {
		if len(sources) > 1 {
			return nil, fmt.Errorf("%s: chat_template has %s but no \"default\"", dir, strings.Join(sortedKeys(sources), ", "))
		}
		name = sortedKeys(sources)[0]
	}
	parsed := map[string]*ChatTemplate{}
	for key, source := range sources {
		if parsed[key], err = NewChatTemplate(source, tokens); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", dir, key, err)
		}
	}
	c := parsed[name]
	delete(parsed, name)
	c.named = parsed
	return c, nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// readConfig reads a JSON object; a file that is not there gives an empty one.
func readConfig(file string) (map[string]json.RawMessage, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	var config map[string]json.RawMessage
	if err := json.Unmarshal(data, &config); err != nil {
		return nil, fmt.Errorf("tokenizer: %s: expected a JSON object: %w", file, err)
	}
	return config, nil
}

// templateSources finds the templates of a folder by name.
func templateSources(dir string, config map[string]json.RawMessage) (map[string]string, error) {
	sources := map[string]string{}
	if err := addTemplates(sources, config["chat_template"]); err != nil {
		return nil, fmt.Errorf("tokenizer: %s: chat_template: %w", filepath.Join(dir, "tokenizer_config.json"), err)
	}
	legacy := filepath.Join(dir, "chat_template.json")
	inFile, err := readConfig(legacy)
	if err != nil {
		return nil, err
	}
	if raw := inFile["chat_template"]; raw != nil {
		clear(sources)
		if err := addTemplates(sources, raw); err != nil {
			return nil, fmt.Errorf("tokenizer: %s: chat_template: %w", legacy, err)
		}
	}
	// Files of their own win over the config, as in transformers.
	data, err := os.ReadFile(filepath.Join(dir, "chat_template.jinja"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return sources, nil
	case err != nil:
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	clear(sources)
	sources["default"] = string(data)
	more, err := filepath.Glob(filepath.Join(dir, "additional_chat_templates", "*.jinja"))
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	for _, file := range more {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("tokenizer: %w", err)
		}
		sources[strings.TrimSuffix(filepath.Base(file), ".jinja")] = string(data)
	}
	return sources, nil
}

// addTemplates reads a string, a list of {"name", "template"}, or nothing.
func addTemplates(sources map[string]string, raw json.RawMessage) error {
	if raw == nil || string(raw) == "null" {
		return nil
	}
	var one string
	if json.Unmarshal(raw, &one) == nil {
		sources["default"] = one
		return nil
	}
	var list []struct{ Name, Template string }
	if err := json.Unmarshal(raw, &list); err != nil {
		return fmt.Errorf("expected a string or a list of {\"name\", \"template\"}: %w", err)
	}
	for _, t := range list {
		sources[t.Name] = t.Template
	}
	return nil
}

// specialTexts gives the special tokens that templates use by name (bos_token, …).
// tokenizer_config.json wins over special_tokens_map.json.
func specialTexts(dir string, config map[string]json.RawMessage) (map[string]string, error) {
	older, err := readConfig(filepath.Join(dir, "special_tokens_map.json"))
	if err != nil {
		return nil, err
	}
	texts := map[string]string{}
	for _, from := range []map[string]json.RawMessage{older, config} {
		for name, raw := range from {
			if !strings.HasSuffix(name, "_token") {
				continue
			}
			if text, ok := tokenText(raw); ok {
				texts[name] = text
			}
		}
	}
	return texts, nil
}

// tokenText reads a token written as a string or as an AddedToken object.
func tokenText(raw json.RawMessage) (string, bool) {
	var text string
	if json.Unmarshal(raw, &text) == nil && string(raw) != "null" {
		return text, true
	}
	var object struct{ Content *string }
	if json.Unmarshal(raw, &object) == nil && object.Content != nil {
		return *object.Content, true
	}
	return "", false
}

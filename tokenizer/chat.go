package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/januslm/janus/tokenizer/internal/jinja"
)

// Message is a turn of a conversation.
type Message struct {
	Role    string
	Content string
	// Fields holds what else a template may ask for: reasoning_content, tool_calls, name,
	// tool_call_id, … A "content" here stands in for Content, where it is not a string.
	// Values are as encoding/json gives them, or json.RawMessage to keep the order of keys.
	Fields map[string]any
}

// UnmarshalJSON reads a message of the usual form, {"role": …, "content": …, …}, and keeps
// the order of keys in nested values.
func (m *Message) UnmarshalJSON(data []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return err
	}
	*m = Message{}
	if err := json.Unmarshal(fields["role"], &m.Role); err != nil {
		return fmt.Errorf("message: role: expected a string: %w", err)
	}
	delete(fields, "role")
	if raw, ok := fields["content"]; ok && json.Unmarshal(raw, &m.Content) == nil && string(raw) != "null" {
		delete(fields, "content")
	}
	for key, raw := range fields {
		if m.Fields == nil {
			m.Fields = map[string]any{}
		}
		m.Fields[key] = raw
	}
	return nil
}

// trustedRole is what a role may look like to be the program's own word: some templates
// (Phi-4-mini) build control tokens of it.
var trustedRole = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)

// value is the message as a template sees it.
func (m *Message) value() (*jinja.Dict, error) {
	d := jinja.NewDict()
	role := jinja.Untrusted(ValidUTF8(m.Role))
	if trustedRole.MatchString(m.Role) {
		role = jinja.Trusted(m.Role)
	}
	d.SetString("role", role)
	if _, other := m.Fields["content"]; !other {
		d.SetString("content", jinja.Untrusted(ValidUTF8(m.Content)))
	}
	for _, key := range sortedKeys(m.Fields) {
		v, err := templateValue(m.Fields[key])
		if err != nil {
			return nil, fmt.Errorf("message field %s: %w", key, err)
		}
		d.SetString(key, v)
	}
	aliasReasoning(d)
	return d, nil
}

// aliasReasoning gives reasoning the names that templates look for, whichever of them it
// came under (_alias_reasoning_fields of transformers).
func aliasReasoning(d *jinja.Dict) {
	for _, key := range []string{"reasoning_content", "thinking", "reasoning"} {
		v, _ := d.GetString(key)
		if v == nil {
			continue
		}
		if _, ok := d.GetString("thinking"); !ok {
			d.SetString("thinking", v)
		}
		d.SetString("reasoning_content", v)
		return
	}
}

// templateValue turns a Go value into a template's; all strings in it are untrusted.
func templateValue(v any) (any, error) {
	switch x := v.(type) {
	case string:
		return jinja.Untrusted(ValidUTF8(x)), nil
	case json.RawMessage:
		return jinja.FromJSON(x)
	}
	return jinja.FromGo(v)
}

// ChatTemplate renders conversations. It is safe for concurrent use.
type ChatTemplate struct {
	source string
	parsed *jinja.Template
	names  map[string]any // bos_token, eos_token, …: trusted
	// named holds further templates by name (tool_use, rag).
	named map[string]*ChatTemplate
}

// NewChatTemplate parses the source of a template. tokens are the names that it may use
// for special tokens, such as bos_token; they are trusted text.
func NewChatTemplate(source string, tokens map[string]string) (*ChatTemplate, error) {
	parsed, err := jinja.Parse(source)
	if err != nil {
		return nil, err
	}
	c := &ChatTemplate{source: source, parsed: parsed, names: map[string]any{}}
	for name, text := range tokens {
		c.names[name] = jinja.Trusted(text)
	}
	return c, nil
}

// Source gives the text of the template.
func (c *ChatTemplate) Source() string { return c.source }

// TemplateError is what a template that refuses its messages gives, with the message of
// its raise_exception.
type TemplateError struct{ Message string }

func (e *TemplateError) Error() string {
	return "the chat template refuses these messages: " + e.Message
}

// Render gives the prompt's text as transformers' apply_chat_template does. extra are
// further names for the template (tools, enable_thinking, date_string, …). Where extra has
// tools and the model has a template for them, that one is used.
func (c *ChatTemplate) Render(messages []Message, addGenerationPrompt bool, extra map[string]any) (string, error) {
	text, err := c.render(messages, addGenerationPrompt, extra)
	return text.String(), err
}

// RenderSegments is Render, cut where text of the template and text of messages meet. Only
// the template's text is trusted.
func (c *ChatTemplate) RenderSegments(messages []Message, addGenerationPrompt bool, extra map[string]any) ([]Segment, error) {
	text, err := c.render(messages, addGenerationPrompt, extra)
	if err != nil {
		return nil, err
	}
	var out []Segment
	for _, s := range text.Segments() {
		out = append(out, Segment{s.Text, s.Trusted})
	}
	return out, nil
}

func (c *ChatTemplate) render(messages []Message, addGenerationPrompt bool, extra map[string]any) (jinja.Text, error) {
	if tools := extra["tools"]; tools != nil && c.named["tool_use"] != nil {
		c = c.named["tool_use"]
	}
	list := jinja.NewList()
	for i := range messages {
		d, err := messages[i].value()
		if err != nil {
			return jinja.Text{}, fmt.Errorf("message %d: %w", i, err)
		}
		list.Items = append(list.Items, d)
	}
	// transformers passes these always, as None where they are not given.
	names := map[string]any{"tools": nil, "documents": nil}
	for name, v := range c.names {
		names[name] = v
	}
	for name, v := range extra {
		value, err := templateValue(v)
		if err != nil {
			return jinja.Text{}, fmt.Errorf("%s: %w", name, err)
		}
		names[name] = value
	}
	names["messages"], names["add_generation_prompt"] = list, addGenerationPrompt

	text, err := c.parsed.Render(names)
	var failed *jinja.Error
	if errors.As(err, &failed) && failed.Raised {
		return jinja.Text{}, &TemplateError{failed.Message}
	}
	return text, err
}

// segmentEncoder is implemented by both tokenizers.
type segmentEncoder interface {
	encodeSegments(segments []Segment, also func(content string) bool) (Encoding, error)
}

// EncodeChat renders a conversation and encodes it. Control tokens come only from the
// template's own text: special tokens, and those of the other added tokens that are marks
// which the template writes (Qwen's <think>). The same marks in a message are ordinary
// text. For other texts the ids are those of transformers' apply_chat_template.
func EncodeChat(t Tokenizer, c *ChatTemplate, messages []Message, addGenerationPrompt bool, extra map[string]any) ([]int32, error) {
	segments, err := c.RenderSegments(messages, addGenerationPrompt, extra)
	if err != nil {
		return nil, err
	}
	var e Encoding
	if s, ok := t.(segmentEncoder); ok {
		e, err = s.encodeSegments(segments, c.writes)
	} else {
		e, err = t.EncodeSegments(segments)
	}
	return e.IDs, err
}

// writes tells whether a token is a mark in angle or square brackets that the template's
// text has.
func (c *ChatTemplate) writes(content string) bool {
	marked := strings.HasPrefix(content, "<") && strings.HasSuffix(content, ">") ||
		strings.HasPrefix(content, "[") && strings.HasSuffix(content, "]")
	return marked && strings.Contains(c.source, content)
}

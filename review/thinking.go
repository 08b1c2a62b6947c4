package review

import (
	"fmt"
	"strings"
)

// thinkingName is what the chat templates of Qwen3 and SmolLM3 call their switch.
const thinkingName = "enable_thinking"

// setThinking turns a model's thinking on or off by its chat template; nil leaves it to the template.
func (p *Prompter) setThinking(on *bool) error {
	if on == nil {
		return nil
	}
	if p.chat == nil || !strings.Contains(p.chat.Source(), thinkingName) {
		return fmt.Errorf("thinking cannot be turned on or off: the model's chat template has no %s (Qwen3's and SmolLM3's have)", thinkingName)
	}
	p.extra = map[string]any{thinkingName: *on}
	own, err := p.Encode(p.text.Instructions(), "")
	p.own = own
	return err
}

package llm

import (
	"strings"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/shared"
)

// dialect is what a server understands of the API. All of it is tried first; a server that refuses a request gets it with less.
type dialect struct {
	format        int  // of the answer: one of the three below
	newLimit      bool // "max_completion_tokens", which OpenAI's reasoning models want, for "max_tokens", which all others know
	noTemperature bool
	noSeed        bool
	noSystem      bool // the system's message is put before the user's
}

// How an answer's format is asked for. The schema is in the prompt too, whichever it is.
const (
	formatSchema = iota // response_format json_schema
	formatObject        // response_format json_object
	formatPlain         // not at all
)

// less is the dialect to try after a refusal. It is false where there is nothing left to leave out.
func (d dialect) less(refusal string) (dialect, bool) {
	refusal = strings.ToLower(refusal)
	about := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(refusal, w) {
				return true
			}
		}
		return false
	}
	switch {
	case d.format < formatPlain && about("response_format"):
		d.format++
	case !d.newLimit && about("max_completion_tokens"):
		d.newLimit = true
	case !d.noTemperature && about("temperature"):
		d.noTemperature = true
	case !d.noSeed && about("'seed'", `"seed"`, "`seed`", "parameter: seed"):
		d.noSeed = true
	case !d.noSystem && about("system role", "role system", "'system'"):
		d.noSystem = true
	case d.format < formatPlain:
		d.format++
	default:
		return d, false
	}
	return d, true
}

// params are the request's body in this dialect.
func (d dialect) params(model string, r *Request) openai.ChatCompletionNewParams {
	p := openai.ChatCompletionNewParams{Model: model, Messages: messages(r.Messages, d.noSystem)}
	if d.newLimit {
		p.MaxCompletionTokens = openai.Int(int64(r.MaxTokens))
	} else {
		p.MaxTokens = openai.Int(int64(r.MaxTokens))
	}
	if !d.noTemperature {
		p.Temperature = openai.Float(r.Temperature)
	}
	if !d.noSeed {
		p.Seed = openai.Int(r.Seed)
	}
	switch {
	case r.Schema == nil:
	case d.format == formatSchema:
		p.ResponseFormat.OfJSONSchema = &shared.ResponseFormatJSONSchemaParam{JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{
			Name: r.Schema.Name, Schema: r.Schema.JSON, Strict: openai.Bool(true),
		}}
	case d.format == formatObject:
		p.ResponseFormat.OfJSONObject = &shared.ResponseFormatJSONObjectParam{}
	}
	return p
}

func messages(in []Message, noSystem bool) (out []openai.ChatCompletionMessageParamUnion) {
	var before string
	for _, m := range in {
		switch {
		case m.Role == "system" && noSystem:
			before = m.Content + "\n\n"
		case m.Role == "system":
			out = append(out, openai.SystemMessage(m.Content))
		case m.Role == "assistant":
			out = append(out, openai.AssistantMessage(m.Content))
		default:
			out = append(out, openai.UserMessage(before+m.Content))
			before = ""
		}
	}
	return out
}

package llm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

// longestBody bounds an answer, so that a server cannot fill the memory.
const longestBody = 32 << 20

// reply is what came over the wire: the library turns some of it into errors that do not say enough.
type reply struct {
	status int
	header http.Header
	body   []byte // whole, if whole
	whole  bool
}

// capture is a middleware that reads the body to its end, so that a stall or a cut is seen here.
func (r *reply) capture(req *http.Request, next option.MiddlewareNext) (*http.Response, error) {
	res, err := next(req)
	if err != nil {
		return res, err
	}
	r.status, r.header = res.StatusCode, res.Header
	body, err := io.ReadAll(io.LimitReader(res.Body, longestBody+1))
	err = errors.Join(err, res.Body.Close())
	if err == nil && len(body) > longestBody {
		err = fmt.Errorf("its answer is longer than %d MB", longestBody>>20)
	}
	if err != nil {
		return nil, err
	}
	r.body, r.whole = body, true
	res.Body = io.NopCloser(bytes.NewReader(body))
	if res.StatusCode < 400 {
		res.Header = res.Header.Clone()
		res.Header.Set("Content-Type", "application/json") // small servers forget it
	}
	return res, nil
}

// outcome is what became of one attempt.
type outcome struct {
	call    Call
	err     error         // nil where it was answered
	again   bool          // another attempt may do better
	refused bool          // the server did not like the request
	wait    time.Duration // that the server asks for
}

// exchange sends one request and waits for its answer; call is what is entered of it so far.
func (c *Client) exchange(ctx context.Context, d dialect, r *Request, call Call) outcome {
	// Ctrl-C does not cut a call that is paid for: its answer goes on the account and is there when the work goes on.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.o.Timeout)
	defer cancel()
	var got reply
	completion, err := c.chat.New(ctx, d.params(c.o.Model, r), option.WithMiddleware(got.capture))
	out := outcome{call: call}
	out.call.Status = got.status
	switch {
	case !got.whole:
		c.noReply(&out, err)
	case got.status >= 300:
		c.refusal(&out, &got, r)
	case err != nil || len(completion.Choices) == 0:
		c.account(&out.call, got.body, r, "")
		out.call.State = Failed
		out.again = true
		out.err = errors.New("its answer is not a chat completion")
	default:
		choice := completion.Choices[0]
		out.call.State, out.call.Response = Answered, completion.ID
		out.call.Answer = Answer{Text: choice.Message.Content, Finish: choice.FinishReason}
		c.account(&out.call, got.body, r, choice.Message.Content)
	}
	if out.err != nil {
		out.call.Error = c.scrub(out.err.Error())
	}
	return out
}

// noReply is about an attempt that brought no whole answer.
func (c *Client) noReply(out *outcome, err error) {
	out.again = true
	out.call.State = Lost
	var at *url.Error // says the address once more
	if errors.As(err, &at) {
		err = at.Err
	}
	var dial *net.OpError
	switch {
	case errors.As(err, &dial) && dial.Op == "dial":
		out.call.State = Failed // it never left
		out.err = fmt.Errorf("no connection: %w", dial)
	case errors.Is(err, context.DeadlineExceeded):
		out.err = fmt.Errorf("no whole answer within %s", c.o.Timeout)
	default:
		out.err = fmt.Errorf("the connection broke: %w", err)
	}
}

// refusal is about an answer whose status is not a success.
func (c *Client) refusal(out *outcome, got *reply, r *Request) {
	out.call.State = Failed
	if u, ok := usage(got.body); ok { // some servers bill the tokens of what failed half-way
		out.call.Usage, out.call.Cost = u, c.o.Prices.cost(u)
	}
	message := c.scrub(refusalText(got))
	out.err = &StatusError{Status: got.status, Message: message}
	quota := bytes.Contains(got.body, []byte("insufficient_quota"))
	// llama-cpp-python answers what it does not understand with status 500.
	format := bytes.Contains(got.body, []byte("response_format")) && r.Schema != nil
	switch {
	case got.status >= 500 && format:
		out.refused = true
	case got.status == http.StatusTooManyRequests && quota:
	case got.status == http.StatusRequestTimeout, got.status == http.StatusConflict, got.status == http.StatusTooEarly,
		got.status == http.StatusTooManyRequests, got.status >= 500:
		out.again = true
		out.wait = retryAfter(got.header, time.Now())
	case got.status == http.StatusBadRequest, got.status == http.StatusUnprocessableEntity:
		out.refused = true
	}
}

// account enters the tokens of an answer that arrived.
func (c *Client) account(call *Call, body []byte, r *Request, text string) {
	u, ok := usage(body)
	if !ok {
		u = Usage{Prompt: estimate(r.bytes()), Completion: estimate(len(text)), Estimated: true}
	}
	call.Usage, call.Cost = u, c.o.Prices.cost(u)
}

// usage is the count of tokens that a body reports.
func usage(body []byte) (Usage, bool) {
	var doc struct {
		Usage *openai.CompletionUsage `json:"usage"`
	}
	if err := json.Unmarshal(body, &doc); err != nil || doc.Usage == nil {
		return Usage{}, false
	}
	u := Usage{Prompt: int(doc.Usage.PromptTokens), Completion: int(doc.Usage.CompletionTokens)}
	return u, u.Prompt >= 0 && u.Completion >= 0 && u.Prompt+u.Completion > 0
}

// estimate is the usual guess at a count of tokens: one for four bytes.
func estimate(n int) int { return (n + 3) / 4 }

// bytes counts what the server reads of a request.
func (r *Request) bytes() (n int) {
	for _, m := range r.Messages {
		n += len(m.Content)
	}
	if r.Schema != nil {
		n += len(r.Schema.JSON)
	}
	return n
}

// reserve is what an answer can cost at most: no token of a byte-level tokenizer is shorter than a byte, the chat format adds a
// few to each message, and the server stops at MaxTokens.
func (c *Client) reserve(r *Request) float64 {
	return c.o.Prices.cost(Usage{Prompt: r.bytes() + 16*(len(r.Messages)+1), Completion: r.MaxTokens})
}

// refusalText is the server's message, or the beginning of its body.
func refusalText(got *reply) string {
	var doc struct {
		Error   json.RawMessage `json:"error"`
		Message string          `json:"message"`
	}
	text := strings.TrimSpace(string(got.body))
	if json.Unmarshal(got.body, &doc) == nil {
		var inner struct {
			Message string `json:"message"`
		}
		var plain string
		switch {
		case json.Unmarshal(doc.Error, &inner) == nil && inner.Message != "":
			text = inner.Message
		case json.Unmarshal(doc.Error, &plain) == nil && plain != "":
			text = plain
		case doc.Message != "":
			text = doc.Message
		}
	}
	if text == "" {
		text = http.StatusText(got.status)
	}
	// On one line, and without what a terminal would obey.
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsGraphic(r) }), " ")
	const most = 500
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// scrub takes the key out of a text: servers quote it when it is wrong.
func (c *Client) scrub(text string) string {
	if c.o.Key != "" {
		text = strings.ReplaceAll(text, c.o.Key, "["+EnvKey+"]")
	}
	return text
}

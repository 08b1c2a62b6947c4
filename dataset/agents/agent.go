package agents

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// agent is one role that the model takes. Its system message is prompts/NAME.md, and its answers are schemas/NAME.json.
type agent struct {
	name        string
	temperature float64

	raw    json.RawMessage
	schema *jsonschema.Schema
}

// The agents, in the order in which they work.
var (
	requestEnhancer  = newAgent("request_enhancer", 0.9)
	responseEnhancer = newAgent("response_enhancer", 0.9)
	introducer       = newAgent("introducer", 0.7)
	cloner           = newAgent("cloner", 0.2)
	checker          = newAgent("checker", 0)
	analyst          = newAgent("analyst", 0.5)

	all = []*agent{requestEnhancer, responseEnhancer, introducer, cloner, checker, analyst}
)

// newAgent panics where the embedded schema is broken, which a test would see.
func newAgent(name string, temperature float64) *agent {
	raw, err := embedded.ReadFile("schemas/" + name + ".json")
	if err != nil {
		panic(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		panic(fmt.Sprintf("schemas/%s.json: %v", name, err))
	}
	c := jsonschema.NewCompiler()
	url := "urn:janus:" + name // a plain name would become a path of this machine
	if err := c.AddResource(url, doc); err != nil {
		panic(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		panic(err)
	}
	return &agent{name: name, temperature: temperature, raw: compact.Bytes(), schema: c.MustCompile(url)}
}

// The agents' answers.
type (
	requestAnswer    struct{ Request string }
	responseAnswer   struct{ Response string }
	introducerAnswer struct{ Request, Response, Weakness, Evidence string }
	clonerAnswer     struct{ Request, Response, Change string }
	checkerAnswer    struct {
		Accept bool
		Reason string
	}
	analystAnswer struct{ Evidence, Analysis string }
)

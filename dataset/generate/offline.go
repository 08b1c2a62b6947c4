package generate

import (
	"context"
	"fmt"
	"strings"

	"github.com/januslm/janus/dataset"
)

// SourceOffline is the Source of rows that [Offline] makes.
const SourceOffline = "offline"

// Options say what [Offline] is to make.
type Options struct {
	Category  string     // one of dataset.Categories
	Num       int        // of pairs
	Seed      uint64     // the same seed gives the same bytes
	Templates []Template // nil: the embedded ones of the category
	NoFP      bool       // only the vulnerable side of each pair
}

// side is one half of a pair while a rule makes it.
type side struct {
	exchange
	evidence string // a text of the exchange that decides; the analysis quotes its line
	seen     string // grammar: what is seen, with {ev} for the quoted line
	why      string // grammar: what follows from it
	note     string // what was done, for a person
}

// rule is one way to make an exchange vulnerable, and the same exchange not.
type rule struct {
	name   string
	weight int
	fits   func(t Template, x exchange) bool
	// make gets an exchange that is varied and otherwise harmless. It changes nothing in the two sides but what makes
	// one of them vulnerable.
	make func(g *gen, t Template, x exchange) (vulnerable, safe side)
}

var rules = map[string][]rule{
	dataset.HTTPHeaders: headerRules,
	dataset.XSS:         xssRules,
	dataset.SQLI:        sqliRules,
	dataset.Info:        infoRules,
}

// Offline makes pairs from to o.Num-1 by rule and hands each over as it is done: the vulnerable row and its twin, in an
// order that says nothing, or the vulnerable row alone with NoFP. Pair k depends on o.Seed, o.Category, o.Templates and k,
// and on nothing else, so that a run that was cut off goes on with from. It stops at yield's first error, which it returns
// as it is, and at ctx's end. A template that no rule fits is an error before the first pair.
func Offline(ctx context.Context, o Options, from int, yield func(pair []dataset.Example) error) error {
	list, err := o.check(from)
	if err != nil {
		return err
	}
	for k := from; k < o.Num; k++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := yield(makePair(o, list, k)); err != nil {
			return err
		}
	}
	return nil
}

func (o *Options) check(from int) ([]Template, error) {
	if _, ok := rules[o.Category]; !ok {
		return nil, fmt.Errorf("category %q: expected one of %s", o.Category, strings.Join(dataset.Categories(), ", "))
	}
	if o.Num < 0 || from < 0 {
		return nil, fmt.Errorf("%d pairs from pair %d on: neither can be negative", o.Num, from)
	}
	list := o.Templates
	if list == nil {
		list = embedded()[o.Category]
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("no templates for %s", o.Category)
	}
	for _, t := range list {
		x, err := newGen(0, t.Name, 0).exchange(t)
		if err != nil {
			return nil, fmt.Errorf("template %q: %w", t.Name, err)
		}
		if len(fitting(o.Category, t, x)) == 0 {
			return nil, fmt.Errorf("template %q: no rule of %s can work on a response of type %q: expected HTML, JSON (an object), XML or plain text",
				t.Name, o.Category, x.resp.get("Content-Type"))
		}
	}
	return list, nil
}

func fitting(category string, t Template, x exchange) []rule {
	var fit []rule
	for _, r := range rules[category] {
		if r.fits(t, x) {
			fit = append(fit, r)
		}
	}
	return fit
}

// exchange is the template with its slots drawn and the marker in its place.
func (g *gen) exchange(t Template) (exchange, error) {
	request, response := t.request, t.response
	if request == "" { // made by hand in Go rather than read
		request, response = t.Request, t.Response
	}
	request, response = g.rename(g.fill(clean(request)), g.fill(clean(response)))
	req, err := parseMessage(request, true)
	if err != nil {
		return exchange{}, err
	}
	resp, err := parseMessage(response, false)
	if err != nil {
		return exchange{}, err
	}
	for _, m := range []*message{&req, &resp} { // the bodies are text here, and their lengths will be others
		m.del("Content-Length")
		m.del("Transfer-Encoding")
		m.del("Content-Encoding")
	}
	placeMarker(&resp)
	return exchange{req, resp}, nil
}

func clean(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\x00", "")
}

// makePair makes pair k.
func makePair(o Options, list []Template, k int) []dataset.Example {
	// All templates are used before one is used again, in an order of each round's own.
	round := newGen(o.Seed, o.Category+" order", k/len(list)).Perm(len(list))
	t := list[round[k%len(list)]]
	g := newGen(o.Seed, o.Category, k)
	x, _ := g.exchange(t) // check has seen that it works, and what is drawn does not change that
	g.vary(&x)
	fit := fitting(o.Category, t, x)
	r := g.weighted(fit)
	vulnerable, safe := r.make(g, t, x)
	trailer, order := g.trailer(x.resp.format()), g.order()
	eol, http2 := g.pick("\n", "\r\n"), g.chance(0.25)
	if http2 {
		eol = "\r\n"
	}
	pairID := fmt.Sprintf("offline-%s-%d-%06d", strings.ToLower(o.Category), o.Seed, k)
	finish := func(s side, isVulnerable bool) dataset.Example {
		s.resp.insert(trailer)
		order(&s.resp)
		if http2 {
			s.http2()
		}
		e := dataset.Example{
			Request: s.req.text(eol, http2), Response: s.resp.text(eol, http2),
			IsVulnerable: isVulnerable, VulnCategory: o.Category,
			PairID: pairID, Group: strings.ToLower(o.Category) + "/" + t.Name, Source: SourceOffline, Note: r.name + ": " + s.note,
		}
		e.Analysis = g.analysis(s, e)
		return e
	}
	first := g.chance(0.5)
	pair := []dataset.Example{finish(vulnerable, true), finish(safe, false)}
	switch {
	case o.NoFP:
		return pair[:1]
	case first:
		pair[0], pair[1] = pair[1], pair[0]
	}
	return pair
}

// http2 writes the exchange's first lines as HTTP/2 has them: without a reason.
func (x *exchange) http2() {
	x.req.start = x.req.method() + " " + x.req.target() + " HTTP/2.0"
	x.resp.start = fmt.Sprintf("HTTP/2.0 %d", x.resp.status())
	for _, m := range []*message{&x.req, &x.resp} {
		m.del("Connection") // RFC 9113, 8.2.2
	}
}

func (g *gen) weighted(list []rule) rule {
	total := 0
	for _, r := range list {
		total += r.weight
	}
	at := g.IntN(total)
	for _, r := range list {
		if at -= r.weight; at < 0 {
			return r
		}
	}
	return list[len(list)-1]
}

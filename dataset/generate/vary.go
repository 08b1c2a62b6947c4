package generate

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// client is one kind of program that sends requests: what it adds to them.
var clients = [][]header{
	{
		{"User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Safari/537.36"},
		{"Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"},
		{"Accept-Encoding", "gzip, deflate, br"}, {"Sec-Fetch-Mode", "navigate"}, {"Sec-Fetch-Site", "same-origin"},
		{"Sec-Ch-Ua-Platform", `"Windows"`}, {"Upgrade-Insecure-Requests", "1"}, {"Accept-Language", "{lang}"},
	},
	{
		{"User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:{v}.0) Gecko/20100101 Firefox/{v}.0"},
		{"Accept", "*/*"}, {"Accept-Language", "{lang}"}, {"DNT", "1"}, {"Sec-GPC", "1"}, {"Te", "trailers"}, {"Sec-Fetch-Dest", "document"},
	},
	{
		{"User-Agent", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.{d} Safari/605.1.15"},
		{"Accept", "text/html,application/xhtml+xml,*/*;q=0.8"}, {"Accept-Language", "{lang}"}, {"Priority", "u=0, i"},
	},
	{
		{"User-Agent", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_{d} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"},
		{"Accept", "*/*"}, {"Accept-Language", "{lang}"}, {"X-Requested-With", "XMLHttpRequest"},
	},
	{{"User-Agent", "curl/8.{d}.1"}, {"Accept", "*/*"}},
	{{"User-Agent", "python-requests/2.3{d}.0"}, {"Accept-Encoding", "gzip, deflate"}, {"Accept", "*/*"}},
	{{"User-Agent", "okhttp/4.1{d}.0"}, {"Accept-Encoding", "gzip"}, {"X-Client-Platform", "android"}},
	{{"User-Agent", "axios/1.{d}.2"}, {"Accept", "application/json, text/plain, */*"}},
	{{"User-Agent", "Go-http-client/1.1"}, {"Accept-Encoding", "gzip"}},
}

var languages = []string{"en-US,en;q=0.9", "de-DE,de;q=0.8,en;q=0.5", "fr-FR,fr;q=0.9", "es-ES,es;q=0.9,en;q=0.6", "pt-BR,pt;q=0.9", "nl-NL,nl;q=0.7", "sv-SE,sv;q=0.9", "ja-JP,ja;q=0.8", "it-IT,it;q=0.9", "pl-PL,pl;q=0.9"}

// vary gives an exchange what differs from one server and client to the next and decides nothing.
func (g *gen) vary(x *exchange) {
	g.varyRequest(&x.req)
	g.varyResponse(&x.resp)
	x.resp.insert(g.filler(x.resp.format(), g.between(0, 2)))
}

// trailer is what stands behind a rule's evidence.
func (g *gen) trailer(f format) string { return g.filler(f, g.between(0, 2)) }

func (g *gen) varyRequest(m *message) {
	client := clients[g.IntN(len(clients))]
	version := strings.NewReplacer("{v}", strconv.Itoa(g.between(98, 131)), "{d}", strconv.Itoa(g.IntN(10)), "{lang}", g.pick(languages...))
	for i, h := range client {
		if !m.has(h.name) && (i == 0 || g.chance(0.6)) {
			m.headers = append(m.headers, header{h.name, version.Replace(h.value)})
		}
	}
	optional := []func() header{
		func() header { return header{"X-Forwarded-For", g.publicIP()} },
		func() header { return header{"Traceparent", "00-" + g.hex(32) + "-" + g.hex(16) + "-01"} },
		func() header { return header{"Connection", g.pick("keep-alive", "close")} },
		func() header { return header{"Referer", "https://" + m.get("Host") + "/" + g.pick(paths...)} },
		func() header { return header{"X-Request-Id", g.uuid()} },
		func() header { return header{"Cache-Control", g.pick("no-cache", "max-age=0")} },
		func() header { return header{"Cookie", g.cookies()} },
		func() header { return header{"Save-Data", "on"} },
		func() header { return header{"If-Modified-Since", g.httpDate()} },
	}
	for _, make := range optional {
		h := make()
		if h.name == "If-Modified-Since" && m.method() != "GET" { // RFC 9110, 13.1.3
			continue
		}
		if !m.has(h.name) && g.chance(0.22) {
			m.headers = append(m.headers, h)
		}
	}
	if len(m.headers) > 2 && g.chance(0.8) { // Host stays where it stands, as most clients have it
		rest := m.headers[1:]
		g.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
	}
}

func (g *gen) cookies() string {
	all := []string{g.pick(cookieKeys...) + "=" + g.chars(alnum, g.between(16, 32))}
	all = append(all, g.some(0.3, "lang="+g.pick("en", "de", "fr", "es"), "theme="+g.pick("dark", "light"), "consent="+g.pick("yes", "1", "all"),
		"_ga=GA1.2."+g.digits(9)+"."+g.digits(10), "tz=Europe/"+g.pick(cities...), "cart="+g.hex(8))...)
	g.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return strings.Join(all, "; ")
}

// httpDate is a date as RFC 9110 writes it.
func (g *gen) httpDate() string {
	t := time.Date(g.between(2019, 2026), time.Month(g.between(1, 12)), g.between(1, 28), g.IntN(24), g.IntN(60), g.IntN(60), 0, time.UTC)
	return t.Format("Mon, 02 Jan 2006 15:04:05 GMT")
}

func (g *gen) varyResponse(m *message) {
	optional := []func() header{
		func() header { return header{"Date", g.httpDate()} },
		func() header { return header{"Content-Length", "0"} }, // set right when the message is written
		func() header { return header{"X-Request-Id", g.uuid()} },
		func() header { return header{"ETag", `"` + g.hex(g.between(8, 20)) + `"`} },
		func() header { return header{"Last-Modified", g.httpDate()} },
		func() header {
			return header{"Vary", g.pick("Accept-Encoding", "Accept", "Accept-Encoding, Accept-Language", "Accept-Language")}
		},
		func() header { return header{"Via", "1.1 " + g.pick("varnish", "edge", "proxy", g.company())} },
		func() header { return header{"X-Cache", g.pick("MISS", "HIT", "MISS, MISS", "BYPASS")} },
		func() header {
			return header{"Referrer-Policy", g.pick("no-referrer", "strict-origin-when-cross-origin", "same-origin")}
		},
		func() header {
			return header{"Permissions-Policy", g.pick("geolocation=()", "camera=(), microphone=()", "interest-cohort=()")}
		},
		func() header { return header{"X-Frame-Options", g.pick("DENY", "SAMEORIGIN")} },
		func() header { return header{"X-XSS-Protection", g.pick("0", "1; mode=block")} },
		func() header { return header{"Alt-Svc", `h3=":443"; ma=` + g.pick("86400", "2592000", "3600")} },
		func() header { return header{"Content-Language", g.pick("en", "de", "fr", "es", "pt", "it")} },
		func() header { return header{"X-RateLimit-Remaining", strconv.Itoa(g.IntN(5000))} },
		func() header { return header{"Cross-Origin-Opener-Policy", "same-origin"} },
		func() header { return header{"X-Content-Type-Options", "nosniff"} },
		func() header { return header{"Server-Timing", fmt.Sprintf("edge;dur=%d", g.between(1, 9))} },
		func() header { return header{"Connection", g.pick("keep-alive", "close")} },
		func() header { return header{"X-Region", strings.ToLower(g.pick(cities...)) + "-" + g.digits(1)} },
		func() header { return header{"Set-Cookie", g.setCookie()} },
	}
	for _, make := range optional {
		if h := make(); !m.has(h.name) && g.chance(0.3) {
			m.headers = append(m.headers, h)
		}
	}
}

// setCookie is a cookie of no weight, with all the attributes that one should have.
func (g *gen) setCookie() string {
	return g.pick("lang", "theme", "seen", "region", "exp") + "=" + g.hex(4) + "; Path=/; Max-Age=" +
		g.pick("31536000", "86400", "3600", "63072000", "600") + "; Secure; HttpOnly; SameSite=" + g.pick("Lax", "Strict")
}

// order draws an order of headers, the same for both sides of a pair whichever of them they have.
func (g *gen) order() func(m *message) {
	keys := map[string]float64{}
	seed := g.Uint64()
	at := func(name string) float64 {
		name = strings.ToLower(name)
		if _, ok := keys[name]; !ok {
			keys[name] = newGen(seed, name, 0).Float64()
		}
		return keys[name]
	}
	return func(m *message) {
		for i := 1; i < len(m.headers); i++ { // insertion sort: few headers, and equal names keep their order
			for j := i; j > 0 && at(m.headers[j].name) < at(m.headers[j-1].name); j-- {
				m.headers[j], m.headers[j-1] = m.headers[j-1], m.headers[j]
			}
		}
	}
}

// filler is n pieces of content that have nothing to do with any weakness.
func (g *gen) filler(f format, n int) string {
	if f == formatOther {
		return ""
	}
	keys := []string{"notice", "summary", "hint", "intro", "about", "caption", "motd", "remark", "details", "footer"}
	g.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	var parts []string
	for i := range n {
		keys[i] = g.unique(keys[i])
		switch g.IntN(4) {
		case 0:
			parts = append(parts, g.table(f, keys[i]+"_list", []string{"name", "city", "price"}, g.rows(g.between(1, 4))))
		case 1:
			parts = append(parts, g.fields(f, keys[i], []field{{g.noun(), g.person()}, {g.noun() + "_" + g.pick("date", "since", "until"), g.date()}}))
		default:
			text := g.sentence()
			for range g.IntN(3) {
				text += " " + g.sentence()
			}
			parts = append(parts, g.paragraph(f, keys[i], text))
		}
	}
	return strings.Join(parts, "\n")
}

func (g *gen) rows(n int) [][]string {
	rows := make([][]string, n)
	for i := range rows {
		rows[i] = []string{g.product(), g.pick(cities...), g.price()}
	}
	return rows
}

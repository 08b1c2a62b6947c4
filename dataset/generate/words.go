package generate

import (
	"fmt"
	"strings"
)

// The vocabulary. All hosts are under names that RFC 2606 keeps for examples.
var (
	firstNames = strings.Fields(`Anna Bilal Chloe Dmitri Elena Farid Greta Hugo Ines Jonas Katya Liam Mei Nadia Oscar Priya Quentin Rosa
		Samuel Tala Umar Vera Wanda Xavier Yusuf Zoe Amara Bruno Carla Diego Esther Felix Gwen Hiro Ingrid Jamal Kofi Lena Marta Noor`)
	lastNames = strings.Fields(`Abbott Becker Castillo Duarte Eriksen Fischer Garnier Haddad Ivanova Jensen Kovacs Lindqvist Moreau Nakamura
		Okafor Petrov Quinn Rossi Schmidt Tanaka Ueda Vargas Weber Xu Yilmaz Zimmer Almeida Brandt Costa Dubois Egger Flores Grant Holm
		Ibrahim Joshi Keller Lopez Meyer Novak`)
	companies = strings.Fields(`northwind acorn bluefin cedar driftwood emberline fernhill gridpoint harborlight inkwell juniper kestrel
		lanternfish meridian nimbus orchard paperkite quarry riverside saltmarsh thornbury umbra vantage willow yarrow zephyr brightside
		copperfield dovetail eastgate`)
	subdomains = strings.Fields(`www api app shop portal my account secure intranet dev staging admin files blog support store pay web m
		dashboard gateway services crm erp hr docs status`)
	hostEnds   = strings.Fields("example.com example.org example.net example test")
	cities     = strings.Fields(`Lisbon Oslo Turin Gdansk Porto Ghent Malmo Lyon Bergen Seville Leeds Cork Graz Basel Tampere Riga Kyoto Perth Quito Accra`)
	materials  = strings.Fields("walnut steel linen copper bamboo ceramic leather cotton oak glass wool titanium canvas marble cork")
	goods      = strings.Fields("desk lamp kettle backpack notebook chair mug blanket clock tray bottle speaker keyboard shelf jacket tent knife bowl scarf helmet")
	qualities  = strings.Fields("compact foldable vintage ergonomic waterproof handmade refurbished wireless adjustable lightweight classic modular")
	paths      = strings.Fields("items catalog orders reports events tickets records profiles news search archive library assets projects invoices messages")
	params     = strings.Fields("q query search term keyword name id ref filter category title tag page_title keywords s lookup find city label")
	logins     = strings.Fields("jdoe anna.k mwebb svc_report t.okafor rlee nadia88 pm_lund k.ito beatriz sysop editor2 r.haddad qa-bot lena_m")
	cookieKeys = strings.Fields("session sid SESSIONID JSESSIONID PHPSESSID connect.sid _app_session auth_token ASP.NET_SessionId laravel_session")
	nouns      = strings.Fields(`order invoice ticket report profile booking shipment subscription newsletter project meeting contract device
		account payment delivery message appointment course recipe playlist photo team document branch release warehouse`)
)

// noun classes of a sentence; each is one text of the grammar.
var sentencePatterns = []string{
	"[Your|The|This|That] {noun} [has been|was] [updated|moved|archived|closed|reopened|confirmed|sent|printed] [by {first}|on {date}|in {city}|after review].",
	"[Please|Kindly] [check|review|confirm|update] the {noun} [before|by|not later than] {date}.",
	"{first} {last} [joined|left|leads|visited|manages] the {city} [office|team|branch|warehouse] [last week|in spring|this year|since {date}].",
	"[New|Popular|Reduced|Seasonal]: {product} for [the home|the office|travel|students], [shipped|delivered|collected] from {city}.",
	"We [ship|deliver|post] every {noun} [within two days|by bicycle|free of charge|from {city}] [since|until] {date}.",
	"[Opening hours|Visiting hours|Support hours] in {city} [change|differ|are shorter] [in summer|at weekends|on public holidays].",
	"The {noun} [form|list|page|archive] is [also|now|again] [available|open|complete] [in four languages|for members|for guests|on mobile].",
	"[Questions|Comments|Suggestions] about [a|your|any] {noun} go to [{first}|the front desk|our team in {city}].",
	"[Did you know?|Good to know:|Tip:] a {product} [lasts|keeps its shape|stays warm] [for years|if it is kept dry|longer than most].",
	"[Maintenance|An update|A short outage] [is planned|took place] on {date}; [no {noun} is|all data stays|nothing else is] [lost|safe|affected|in place].",
	"{first} [wrote|noted|replied]: [the|my|our] {product} [arrived|works|was replaced] [in {city}|on {date}|after a week].",
	"[Members|Customers|Partners|Editors] [see|find|keep] [each|every|their] {noun} [under|in|next to] [My account|History|the {city} desk].",
	"[Ihre|Die] [Bestellung|Rechnung|Anfrage] [wurde am {date} verschickt|wurde am {date} bestätigt|geht am {date} nach {city}].",
	"[Votre|La] [commande|demande|livraison] [a été|sera] [traitée|confirmée|envoyée] [à {city}|le {date}].",
	"[Su|El] [pedido|recibo|mensaje] [se envió|llegó] [a {city}|el {date}] [sin coste|por correo|con {first}].",
	"[O seu|Este] [pedido|recibo] [foi enviado|chegou] [a {city}|em {date}].",
	"[Il tuo|Questo] [ordine|messaggio] [è stato spedito|arriva] [a {city}|il {date}].",
	"[Photos|Notes|Slides] [of|from] the {noun} [day|meeting|review] in {city} [are|were] [online|shared by {first}|kept until {date}].",
	"The {product} [costs|is] [less|more|as much] [than|as] [last year|in {city}|its plain version], [and|but] [ships|sells] [well|faster|with a {noun}].",
	"[No|Every|One] {noun} [is|was] [waiting|assigned|left] [for {first} {last}|to the {city} team].",
}

var titlePatterns = []string{
	"[My|Our|All|Recent|Open|Your] {noun}s", "{noun} [overview|history|details|settings|archive]", "[Welcome|Hello] to {Company}",
	"{Company} [portal|shop|help|news|desk]", "[Find|Search|Browse] {noun}s [in {city}|near you]", "[Edit|Create|Review] {noun}",
	"{Noun} [in|for|from] {city}", "[The|A] {product}",
}

func (g *gen) first() string   { return g.pick(firstNames...) }
func (g *gen) last() string    { return g.pick(lastNames...) }
func (g *gen) person() string  { return g.first() + " " + g.last() }
func (g *gen) company() string { return g.pick(companies...) }
func (g *gen) noun() string    { return g.pick(nouns...) }
func (g *gen) product() string {
	if g.chance(0.5) {
		return g.pick(qualities...) + " " + g.pick(materials...) + " " + g.pick(goods...)
	}
	return g.pick(materials...) + " " + g.pick(goods...)
}

func (g *gen) host() string {
	if g.chance(0.3) {
		return g.pick(subdomains...) + "." + g.pick(hostEnds[:3]...)
	}
	return g.pick(subdomains...) + "." + g.company() + "." + g.pick(hostEnds...)
}

func (g *gen) email() string {
	name := strings.ToLower(g.first()) + g.pick(".", "_", "") + strings.ToLower(g.last())
	if g.chance(0.3) {
		name = g.pick(logins...)
	}
	return name + "@" + g.company() + "." + g.pick(hostEnds...)
}

func (g *gen) price() string {
	return fmt.Sprintf("%d.%02d", g.between(2, 900), g.IntN(100))
}

// sentence is one sentence of ordinary page text.
func (g *gen) sentence() string { return g.prose(g.pick(sentencePatterns...)) }

func (g *gen) title() string { return capital(g.prose(g.pick(titlePatterns...))) }

func (g *gen) prose(pattern string) string {
	noun := g.noun()
	return g.say(pattern, "noun", noun, "Noun", capital(noun), "first", g.first(), "last", g.last(), "city", g.pick(cities...),
		"date", g.date(), "product", g.product(), "Company", capital(g.company()))
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

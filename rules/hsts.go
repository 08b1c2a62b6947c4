package rules

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// minMaxAge is the least max-age that counts as protection, in seconds: 180 days, what SSL Labs calls long. A browser that
// has not seen the site for longer than that can be led to http:// again.
const minMaxAge = 180 * 24 * 60 * 60

const hstsHeader = "Strict-Transport-Security"

// needsHSTS tells whether the response should carry the header. Browsers heed it over TLS only, and not for IP addresses
// (RFC 6797, 8.1). A redirect within the site leaves it to the page that follows; one to another host does not, since that
// host cannot speak for this one. Parts of a page come after the page.
func needsHSTS(x *exchange) bool {
	if x.scheme == "http" || x.isStatic() || net.ParseIP(x.host) != nil || x.host == "localhost" || strings.HasSuffix(x.host, ".localhost") {
		return false
	}
	if x.isRedirect() {
		to, err := url.Parse(x.response.get("Location"))
		return err == nil && to.Host != "" && x.host != "" && !strings.EqualFold(to.Hostname(), x.host)
	}
	return true
}

func hstsMissing(x *exchange) string {
	if !needsHSTS(x) || x.response.has(hstsHeader) {
		return ""
	}
	message := "The response has no Strict-Transport-Security header: a first request over http:// can be intercepted and kept there."
	if x.scheme == "" {
		message += " The exchange does not show whether it went over HTTPS; the header does nothing over HTTP."
	}
	return message
}

// hstsWeak judges the first header, the only one that browsers heed (RFC 6797, 8.1). That includeSubDomains is missing is
// told, but no problem by itself: subdomains may be others'.
func hstsWeak(x *exchange) string {
	list := x.response.all(hstsHeader)
	if len(list) == 0 || !needsHSTS(x) {
		return ""
	}
	age, subdomains, why := parseHSTS(list[0].value)
	switch {
	case why != "":
	case age == 0:
		why = "max-age=0 makes browsers forget the site"
	case age < minMaxAge:
		why = fmt.Sprintf("max-age is %d seconds, less than %d (180 days)", age, minMaxAge)
	default:
		return ""
	}
	message := fmt.Sprintf("%q: %s.", list[0], why)
	if !subdomains {
		message += " includeSubDomains is missing, too, which is advised."
	}
	return message
}

// parseHSTS reads the header's value (RFC 6797, 6.1). why says what makes a browser ignore it.
func parseHSTS(value string) (age int64, subdomains bool, why string) {
	age = -1
	for _, d := range directives(value, ";") {
		switch d[0] {
		case "max-age":
			n, err := strconv.ParseInt(d[1], 10, 64)
			if err != nil || n < 0 {
				return 0, false, "max-age is not a number of seconds, so browsers ignore the header"
			}
			if age >= 0 {
				return 0, false, "max-age stands twice, so browsers ignore the header"
			}
			age = n
		case "includesubdomains":
			subdomains = true
		}
	}
	if age < 0 {
		return 0, subdomains, "max-age is missing, so browsers ignore the header"
	}
	return age, subdomains, ""
}

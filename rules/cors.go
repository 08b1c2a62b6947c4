package rules

import (
	"fmt"
	"net/url"
	"strings"
)

const corsHeader = "Access-Control-Allow-Origin"

// corsWildcard: for public data the wildcard is what it is meant for.
func corsWildcard(x *exchange) string {
	why := sensitive(x)
	if x.response.get(corsHeader) != "*" || why == "" {
		return ""
	}
	return fmt.Sprintf("%q lets a page of any origin read the response, and %s.", x.response.all(corsHeader)[0], why)
}

// corsReflected: one exchange cannot show whether a list of origins stands behind the answer, so an origin of the same site
// is taken for a listed one, and any other is a candidate where the answer brings credentials or is sensitive.
func corsReflected(x *exchange) string {
	origin, allowed := x.request.get("Origin"), x.response.get(corsHeader)
	if origin == "" || origin == "null" || allowed != origin {
		return ""
	}
	u, err := url.Parse(origin)
	if err != nil || x.host == "" || sameSite(strings.ToLower(u.Hostname()), x.host) {
		return ""
	}
	why := sensitive(x)
	if credentials := x.response.all("Access-Control-Allow-Credentials"); len(credentials) > 0 && credentials[0].value == "true" {
		why = fmt.Sprintf("%q lets it use the visitor's login", credentials[0])
	}
	if why == "" {
		return ""
	}
	return fmt.Sprintf("%q repeats the request's Origin, which is another site than %s, and %s.", x.response.all(corsHeader)[0], x.host, why)
}

// corsNull: sandboxed frames and local files have the origin null, and anyone can make such.
func corsNull(x *exchange) string {
	if x.response.get(corsHeader) != "null" {
		return ""
	}
	return fmt.Sprintf("%q lets sandboxed frames and local files, which anyone can make, read the response.", x.response.all(corsHeader)[0])
}

// sameSite tells whether two hosts are of one owner, by their last two labels, or three where those two are as short as in
// "co.uk".
func sameSite(a, b string) bool { return a == b || site(a) == site(b) }

func site(host string) string {
	labels := strings.Split(host, ".")
	n := min(2, len(labels))
	if len(labels) > 2 && len(labels[len(labels)-2]) <= 3 && len(labels[len(labels)-1]) == 2 {
		n = 3
	}
	return strings.Join(labels[len(labels)-n:], ".")
}

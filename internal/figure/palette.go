package figure

import (
	"fmt"
	"image/color"
	"strings"
)

// Ink is the role of a colour.
type Ink int

// The inks. After Series0 come the colours of series; Heat0 and those after it are a scale from little to much.
const (
	Ground Ink = iota // what is drawn on
	Text              // what is read first
	Dim               // labels
	Grid              // lines of the grid, and what stays in the background
	Real              // towards a real finding: vermilion and bluish green are told apart by the colour-blind, too
	Unreal            // towards a false alarm
	Series0
)

const (
	// SeriesInks is how many colours there are for series.
	SeriesInks = 7
	// HeatInks is how many steps the scale has.
	HeatInks = 9
	heat0    = Series0 + SeriesInks
	heatText = heat0 + HeatInks // on the scale's lower half, and then on its upper half
)

// shade is a colour on light and on dark ground.
type shade struct{ light, dark uint32 }

// palette has for series the colours of Okabe and Ito (2008), which people who are colour-blind can tell apart, the yellow one
// replaced by grey and each made lighter for dark ground; the scale goes from the ground's lightness to the other end in blue.
var palette = [...]shade{
	Ground: {0xffffff, 0x1d2126}, Text: {0x1c1f23, 0xe6e8ea}, Dim: {0x5c6670, 0x9aa4ae}, Grid: {0xdcdfe3, 0x343a41},
	Real: {0xc04300, 0xff9a5c}, Unreal: {0x00735a, 0x5fd3b0},
	Series0:     {0x0072b2, 0x4aa8e8}, // blue
	Series0 + 1: {0xd55e00, 0xf0883a}, // vermilion
	Series0 + 2: {0x009e73, 0x2fc79a}, // bluish green
	Series0 + 3: {0xa8558c, 0xd98fbd}, // reddish purple
	Series0 + 4: {0xb57a00, 0xe6b340}, // orange
	Series0 + 5: {0x3a9bd0, 0x8fd0f5}, // sky blue
	Series0 + 6: {0x6b7178, 0xaab1b8}, // grey
	heat0:       {0xf1f6fb, 0x18222c}, heat0 + 1: {0xdce9f5, 0x1b2f42}, heat0 + 2: {0xc2d9ee, 0x1e3d58}, heat0 + 3: {0xa1c5e4, 0x224c70},
	heat0 + 4: {0x79add7, 0x285d89}, heat0 + 5: {0x3376ae, 0x4a8cc0}, heat0 + 6: {0x25679f, 0x629fd0}, heat0 + 7: {0x18548a, 0x80b6df},
	heat0 + 8: {0x0b4175, 0xa5cdee},
	heatText:  {0x1c1f23, 0xe6e8ea}, heatText + 1: {0xffffff, 0x10161c},
}

// SeriesInk is the colour of the i-th series; there are only so many, and after them dashes must tell series apart.
func SeriesInk(i int) Ink { return Series0 + Ink(i%SeriesInks) }

// HeatInk is the scale's colour of a share from 0 to 1, and that of a text on it.
func HeatInk(share float64) (ground, letters Ink) {
	step := min(max(int(share*HeatInks), 0), HeatInks-1)
	if step > HeatInks/2 {
		return heat0 + Ink(step), heatText + 1
	}
	return heat0 + Ink(step), heatText
}

func (i Ink) rgb(dark bool) color.NRGBA {
	v := palette[i].light
	if dark {
		v = palette[i].dark
	}
	return color.NRGBA{R: uint8(v >> 16), G: uint8(v >> 8), B: uint8(v), A: 0xff}
}

func (i Ink) class() string { return fmt.Sprintf("k%d", int(i)) }

// faded is how much of a see-through area is seen.
const faded = 0.18

// CSS is what pictures in a page need: the inks' colours, light or dark as the reader's system is.
func CSS() string {
	var light, dark strings.Builder
	for i := range palette {
		fmt.Fprintf(&light, ".%s{color:#%06x}", Ink(i).class(), palette[i].light)
		fmt.Fprintf(&dark, ".%s{color:#%06x}", Ink(i).class(), palette[i].dark)
	}
	return ".fl{fill:none;stroke:currentColor;stroke-linejoin:round}.fa{fill:currentColor}" +
		fmt.Sprintf(".ff{fill:currentColor;fill-opacity:%g}", faded) +
		".ft{fill:currentColor;font-family:Arial,\"Liberation Sans\",Helvetica,sans-serif}.fb{font-weight:600}" +
		light.String() + "@media screen and (prefers-color-scheme:dark){" + dark.String() + "}"
}

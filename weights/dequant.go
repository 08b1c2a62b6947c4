package weights

import (
	"encoding/binary"
	"math"
)

// The functions here follow dequantize_row_* of ggml's reference
// (ggml-quants.c), element by element and in its float32 order of operations.
// A product that is added to something is converted to float32 explicitly: that
// forbids Go to fuse the two into one rounding on machines that could.
//
// dst takes whole blocks: len(dst)/block*bytes == len(src).

func decodeF32(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
	}
}

func decodeF16(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = half(src[2*i:])
	}
}

func decodeBF16(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(src[2*i:])) << 16)
	}
}

// half reads the half at the start of b.
func half(b []byte) float32 { return halfToFloat32(binary.LittleEndian.Uint16(b)) }

// decodeQ4_0: block {half d; uint8 q[16]}, x = (q-8)·d. Low nibbles are the
// first 16 elements, high nibbles the last; so in all Q4 and Q5 types of 32.
func decodeQ4_0(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[32:], src[18:] {
		d, q := half(src), src[2:18]
		for i, b := range q {
			dst[i] = float32(int(b&15)-8) * d
			dst[i+16] = float32(int(b>>4)-8) * d
		}
	}
}

// decodeQ4_1: block {half d, m; uint8 q[16]}, x = q·d + m.
func decodeQ4_1(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[32:], src[20:] {
		d, m, q := half(src), half(src[2:]), src[4:20]
		for i, b := range q {
			dst[i] = float32(float32(b&15)*d) + m
			dst[i+16] = float32(float32(b>>4)*d) + m
		}
	}
}

// decodeQ5_0: block {half d; uint32 h; uint8 q[16]}, x = ((q | bit of h as 16) - 16)·d.
func decodeQ5_0(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[32:], src[22:] {
		d, h, q := half(src), binary.LittleEndian.Uint32(src[2:]), src[6:22]
		for i, b := range q {
			dst[i] = float32(int(uint32(b&15)|h>>i&1<<4)-16) * d
			dst[i+16] = float32(int(uint32(b>>4)|h>>(i+16)&1<<4)-16) * d
		}
	}
}

// decodeQ5_1: block {half d, m; uint32 h; uint8 q[16]}, x = (q | bit of h as 16)·d + m.
func decodeQ5_1(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[32:], src[24:] {
		d, m, h, q := half(src), half(src[2:]), binary.LittleEndian.Uint32(src[4:]), src[8:24]
		for i, b := range q {
			dst[i] = float32(float32(uint32(b&15)|h>>i&1<<4)*d) + m
			dst[i+16] = float32(float32(uint32(b>>4)|h>>(i+16)&1<<4)*d) + m
		}
	}
}

// decodeQ8_0: block {half d; int8 q[32]}, x = q·d.
func decodeQ8_0(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[32:], src[34:] {
		d, q := half(src), src[2:34]
		for i, b := range q {
			dst[i] = float32(int8(b)) * d
		}
	}
}

// scaleMin unpacks the j-th of eight 6-bit scales and minima that Q4_K and Q5_K
// keep in 12 bytes (get_scale_min_k4).
func scaleMin(j int, q []byte) (scale, minimum float32) {
	if j < 4 {
		return float32(q[j] & 63), float32(q[j+4] & 63)
	}
	return float32(q[j+4]&15 | q[j-4]>>6<<4), float32(q[j+4]>>4 | q[j]>>6<<4)
}

// decodeQ4K: block {half d, dmin; uint8 scales[12], q[128]} of 256 elements in
// eight groups of 32, x = d·scale·q - dmin·min.
func decodeQ4K(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[256:], src[144:] {
		d, dmin, scales := half(src), half(src[2:]), src[4:16]
		for pair := range 4 { // 32 bytes hold two groups, in low and high nibbles
			s1, m1 := scaleMin(2*pair, scales)
			s2, m2 := scaleMin(2*pair+1, scales)
			d1, o1, d2, o2 := d*s1, dmin*m1, d*s2, dmin*m2
			out := dst[64*pair : 64*pair+64]
			for i, b := range src[16+32*pair : 48+32*pair] {
				out[i] = float32(d1*float32(b&15)) - o1
				out[i+32] = float32(d2*float32(b>>4)) - o2
			}
		}
	}
}

// decodeQ5K: block {half d, dmin; uint8 scales[12], h[32], q[128]}, as Q4_K
// with a fifth bit: bit g of h[i] belongs to element i of group g.
func decodeQ5K(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[256:], src[176:] {
		d, dmin, scales, h := half(src), half(src[2:]), src[4:16], src[16:48]
		for pair := range 4 {
			s1, m1 := scaleMin(2*pair, scales)
			s2, m2 := scaleMin(2*pair+1, scales)
			d1, o1, d2, o2 := d*s1, dmin*m1, d*s2, dmin*m2
			out := dst[64*pair : 64*pair+64]
			for i, b := range src[48+32*pair : 80+32*pair] {
				out[i] = float32(d1*float32(b&15|h[i]>>(2*pair)&1<<4)) - o1
				out[i+32] = float32(d2*float32(b>>4|h[i]>>(2*pair+1)&1<<4)) - o2
			}
		}
	}
}

// decodeQ6K: block {uint8 ql[128], qh[64]; int8 scales[16]; half d} of 256
// elements in sixteen groups of 16, x = d·scale·(q-32).
func decodeQ6K(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[256:], src[210:] {
		d := half(src[208:])
		for side := range 2 { // each half of the block has 64 + 32 + 8 bytes
			ql, qh, scales := src[64*side:64*side+64], src[128+32*side:160+32*side], src[192+8*side:200+8*side]
			out := dst[128*side : 128*side+128]
			for i, h := range qh {
				for quarter, q := range [4]byte{
					ql[i]&15 | h&3<<4, ql[i+32]&15 | h>>2&3<<4, ql[i]>>4 | h>>4&3<<4, ql[i+32]>>4 | h>>6<<4,
				} {
					scale := d * float32(int8(scales[2*quarter+i/16]))
					out[32*quarter+i] = scale * float32(int(q)-32)
				}
			}
		}
	}
}

// Package chance makes choices of bytes, so that a fuzzer, or a test with bytes of its own, can make any object or fact of them.
package chance

import "math/rand/v2"

// Dice make choices of bytes, one byte a choice. When the bytes have run out, every choice is the first one.
type Dice []byte

// N is a number from 0 to below of, which is 1 to 256.
func (d *Dice) N(of int) int {
	if len(*d) == 0 {
		return 0
	}
	b := (*d)[0]
	*d = (*d)[1:]
	return int(b) % of
}

// Pick is one of the values, of which there are 1 to 256.
func Pick[T any](d interface{ N(of int) int }, from ...T) T { return from[d.N(len(from))] }

// Seeds are the bytes that a fuzzer begins with, each of this length.
func Seeds(length int) [][]byte {
	seeds := make([][]byte, 64)
	for i := range seeds {
		seeds[i] = make([]byte, length)
		for j := range seeds[i] {
			seeds[i][j] = byte(i * (j + 3) * 7)
		}
	}
	return seeds
}

// Throws gives bytes of this length to each as often as times says: the same in every run.
func Throws(times, length int, each func([]byte)) {
	source := rand.NewPCG(1, 1)
	for range times {
		bytes := make([]byte, length)
		for i := range bytes {
			bytes[i] = byte(source.Uint64() >> 32)
		}
		each(bytes)
	}
}

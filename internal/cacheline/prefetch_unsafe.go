package cacheline

import "unsafe"

// Prefetch begins to bring all that p points to, which may be nothing, into the
// cache.
func Prefetch[T any](p *T) {
	prefetch((*byte)(unsafe.Pointer(p)), int(unsafe.Sizeof(*p)+line-1)/line)
}

// PrefetchAny begins to bring what v points to, or the value in it: two lines, as
// its size is not known here. The instruction asks for no permission, so that it
// does no harm where there is less.
func PrefetchAny(v any) {
	data := (*[2]*byte)(unsafe.Pointer(&v))[1] // behind the type
	prefetch(data, 2)
}

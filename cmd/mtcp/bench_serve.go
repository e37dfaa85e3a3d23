// What the bench verb asks its servers for.

package main

import (
	"fmt"
	"io"
	"net/http"
)

// benchHandler answers
//
//	/        64 octets
//	/stream  octets without end
//	/sink    a POST, with the number of octets that came
func benchHandler() http.Handler {
	mux := http.NewServeMux()
	small := make([]byte, 64)
	for i := range small {
		small[i] = 'a' + byte(i%26)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Write(small) // an error is the client's business
	})
	mux.HandleFunc("/stream", func(w http.ResponseWriter, _ *http.Request) {
		piece := make([]byte, 256<<10)
		for {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("POST /sink", func(w http.ResponseWriter, r *http.Request) {
		n, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{r.Body}, make([]byte, 256<<10))
		if err != nil {
			return
		}
		fmt.Fprintln(w, n)
	})
	return mux
}

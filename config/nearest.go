// What was meant by a name that is not known.

package config

import (
	"fmt"

	"github.com/mtcp-go/mtcp/internal/param"
)

// nearestKey names the key that was meant, or the table where it belongs.
func nearestKey(t *param.Table, key string) string {
	for _, other := range param.Tables() {
		if _, ok := other.ByKey(key); ok {
			if other.Path == "" {
				return ": it belongs above all tables"
			}
			return fmt.Sprintf(": it belongs under [%s]", other.Path)
		}
	}
	var keys []string
	for i := range t.Parameters {
		keys = append(keys, t.Parameters[i].Key())
	}
	return meant(key, keys)
}

// nearestTable names the table that was meant.
func nearestTable(path string) string {
	var paths []string
	for _, t := range param.Tables() {
		if t.Path != "" {
			paths = append(paths, t.Path)
		}
	}
	return meant(path, paths)
}

// meant names the nearest of some words, if it is near.
func meant(word string, words []string) string {
	best, least := "", 1+max(2, len(word)/3)
	for _, w := range words {
		if d := distance(word, w); d < least {
			best, least = w, d
		}
	}
	if best == "" {
		return " (mtcp config prints those that there are)"
	}
	return fmt.Sprintf(": did you mean %s?", best)
}

// distance counts the octets to insert, delete or replace between two words.
func distance(a, b string) int {
	const most = 64 // longer than any name
	if len(a) > most {
		return most
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

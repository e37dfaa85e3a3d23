// Package report writes what a set of measurements came to: as JSON with every
// sample, as a Markdown table, as SVG plots, and as one HTML page that needs
// nothing else.
//
// The command calls it, with one Results value from which all of them are made.
// It measures nothing, and it starts nothing.
//
//	results.go  what was measured, and medians of it
//	markdown.go the table
//	svg.go      plots, legible on light and on dark
//	html.go     the page
//	write.go    all of them into a directory
package report

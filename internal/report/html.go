package report

import (
	"bytes"
	"html/template"
	"io"
)

// page has everything in it: no script, no font, no file beside it.
var page = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>The figures of the mTCP paper, measured here</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; background: Canvas; color: CanvasText; }
h1 { font-size: 1.5rem } h2 { font-size: 1.2rem; margin-top: 2.5rem }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; margin: .5rem 0 1rem }
th, td { padding: .2rem .6rem; text-align: left; border-bottom: 1px solid color-mix(in srgb, CanvasText 20%, Canvas); vertical-align: top }
svg { max-width: 100%; height: auto; display: block; margin: .5rem 0 }
p.paper { border-left: 3px solid color-mix(in srgb, CanvasText 30%, Canvas); padding-left: .7rem }
</style>
</head>
<body>
<h1>The figures of the mTCP paper, measured here</h1>
<ul>{{range .Facts}}<li>{{.}}</li>
{{end}}</ul>
{{range .Figures}}<h2 id="{{.ID}}">{{.Title}}</h2>
{{if .Note}}<p>{{.Note}}</p>
{{end}}{{if .Paper}}<p class="paper">The paper, on its own machine: {{.Paper}}</p>
{{end}}{{range .Plots}}{{.}}
{{end}}{{template "table" .Table}}
{{end}}<h2>What stood behind the rows</h2>
{{template "table" .Conditions}}
<h2>Left out</h2>
{{if .LeftOut.Rows}}{{template "table" .LeftOut}}{{else}}<p>Nothing.</p>{{end}}
</body>
</html>
{{define "table"}}<div class="wide"><table>
<tr>{{range .Head}}<th>{{.}}</th>{{end}}</tr>
{{range .Rows}}<tr>{{range .}}<td>{{.}}</td>{{end}}</tr>
{{end}}</table></div>{{end}}`))

// What the template reads.
type (
	pageData struct {
		Facts               []string
		Figures             []pageFigure
		Conditions, LeftOut pageTable
	}
	pageFigure struct {
		ID, Title, Note, Paper string
		Plots                  []template.HTML
		Table                  pageTable
	}
	pageTable struct {
		Head []string
		Rows [][]string
	}
)

func (t *table) page() pageTable { return pageTable{t.head, t.rows} }

// HTML writes the page.
func (r *Results) HTML(w io.Writer) error {
	d := pageData{Facts: r.facts(), Conditions: r.conditions().page(), LeftOut: r.leftOut().page()}
	for _, f := range r.Figures {
		p := pageFigure{ID: f.ID, Title: f.Title, Note: f.Note, Paper: f.Paper, Table: f.table().page()}
		for _, plot := range f.Plots() {
			p.Plots = append(p.Plots, template.HTML(plot.SVG)) // made here, every text escaped
		}
		d.Figures = append(d.Figures, p)
	}
	var b bytes.Buffer
	if err := page.Execute(&b, d); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

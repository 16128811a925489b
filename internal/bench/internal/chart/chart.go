// Package chart draws how many times faster exportyard is than others.
package chart

import (
	"bytes"
	"errors"
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	_ "gonum.org/v1/plot/vg/vgimg" // PNG
	_ "gonum.org/v1/plot/vg/vgsvg" // SVG

	"github.com/exportyard/exportyard/internal/bench/internal/contest"
	"github.com/exportyard/exportyard/internal/bench/internal/report"
)

// Sizes of the picture.
const (
	width     = 9 * vg.Inch
	rowHeight = 0.3 * vg.Inch
	barWidth  = 0.1 * vg.Inch
	border    = 0.12 * vg.Inch
	// around is the height of title, legend and axis, and legendRows how many
	// rows the legend takes above the first.
	around     = 1.7 * vg.Inch
	legendRows = 2.4
)

// family is what the picture asks for where it is shown; the first is what it was
// measured with.
const family = "font-family:Liberation Sans,Arial,Helvetica,sans-serif"

// The colours, which also differ in lightness.
var (
	one  = color.RGBA{R: 0x1f, G: 0x6f, B: 0xb4, A: 0xff}
	more = color.RGBA{R: 0x9c, G: 0xc9, B: 0xe8, A: 0xff}
	ink  = color.RGBA{R: 0x22, G: 0x22, B: 0x22, A: 0xff}
	gate = color.RGBA{R: 0xc6, G: 0x28, B: 0x28, A: 0xff}
)

// A line is a comparison: the ratio to a peer, read over one connection and over
// several, and what it must be. Zero is unknown.
type line struct {
	label     string
	one, more float64
	must      float64
	several   bool
}

// Save draws the ratios to a file of SVG, or of PNG, as its name says.
func Save(tables []*report.Table, path string) error {
	lines := linesOf(tables)
	if len(lines) == 0 {
		return errors.New("nobody was run beside exportyard")
	}
	p, err := compose(lines)
	if err != nil {
		return err
	}
	kind := strings.TrimPrefix(filepath.Ext(path), ".")
	paper, err := draw.NewFormattedCanvas(width, around+vg.Length(len(lines))*rowHeight, kind)
	if err != nil {
		return err
	}
	all := draw.New(paper)
	all.FillPolygon(color.White, []vg.Point{all.Min, {X: all.Max.X, Y: all.Min.Y}, all.Max, {X: all.Min.X, Y: all.Max.Y}})
	p.Draw(draw.Crop(all, border, -border, border, -border))
	var picture bytes.Buffer
	if _, err := paper.WriteTo(&picture); err != nil {
		return err
	}
	data := picture.Bytes()
	if kind == "svg" {
		data = bytes.ReplaceAll(data, []byte("font-family:Liberation Sans"), []byte(family))
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}

// linesOf finds the comparisons, the last one first, since the axis goes upwards.
func linesOf(tables []*report.Table) (lines []line) {
	for _, t := range tables {
		parallel := t.FirstInParallel()
		for _, s := range t.Series {
			if s.Case.Group == contest.Ours {
				continue
			}
			l := line{label: t.Name + " vs " + s.Name}
			var known bool
			l.one, known = t.Ratio(t.First(), s.Name)
			l.more, l.several = t.Ratio(parallel, s.Name)
			for _, target := range t.Output.Targets {
				if target.Peer == s.Name && target.Ours == t.First() {
					l.must = target.Must
				}
			}
			if known {
				lines = append(lines, l)
			}
		}
	}
	slices.Reverse(lines)
	return lines
}

func compose(lines []line) (*plot.Plot, error) {
	p := plot.New()
	p.BackgroundColor = color.White
	p.Title.Text = "How many times as fast as others (longer is better)"
	p.Title.Padding = vg.Points(8)
	p.X.Label.Text = "the other's time / exportyard's time"
	p.X.Min = 0
	for _, style := range []*text.Style{&p.X.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label, &p.Legend.TextStyle} {
		style.Font.Variant, style.Font.Size, style.Color = "Sans", vg.Points(9), ink
	}
	p.Title.TextStyle.Font.Variant, p.Title.TextStyle.Color = "Sans", ink
	p.X.Tick.Marker = plot.TickerFunc(ticks)
	labels := make([]string, len(lines))
	for i, l := range lines {
		labels[i] = l.label
		p.X.Max = max(p.X.Max, l.reach()+0.8)
	}
	p.NominalY(labels...)
	p.Legend.Top, p.Legend.Padding = true, vg.Points(3)
	if err := addBars(p, lines); err != nil {
		return nil, err
	}
	if err := addMarks(p, lines); err != nil {
		return nil, err
	}
	err := addNumbers(p, lines)
	p.Y.Max = float64(len(lines)-1) + legendRows
	return p, err
}

// reach is how far to the right something is drawn.
func (l line) reach() float64 { return max(l.one, l.more, l.must) }

// ticks has whole numbers.
func ticks(low, high float64) (out []plot.Tick) {
	for x := float64(int(low)); x <= high; x++ {
		out = append(out, plot.Tick{Value: x, Label: fmt.Sprintf("%gx", x)})
	}
	return out
}

func addBars(p *plot.Plot, lines []line) error {
	alone, first, second := make(plotter.Values, len(lines)), make(plotter.Values, len(lines)), make(plotter.Values, len(lines))
	several := false
	for i, l := range lines {
		if l.several {
			first[i], second[i], several = l.one, l.more, true
		} else {
			alone[i] = l.one
		}
	}
	add := func(values plotter.Values, fill color.Color, offset vg.Length, legend string) error {
		bars, err := plotter.NewBarChart(values, barWidth)
		if err != nil {
			return err
		}
		bars.Horizontal, bars.Color, bars.Offset = true, fill, offset
		bars.LineStyle.Width = 0
		p.Add(bars)
		if legend != "" {
			p.Legend.Add(legend, bars)
		}
		return nil
	}
	if !several {
		return add(alone, one, 0, "")
	}
	if err := errors.Join(add(alone, one, 0, ""), add(first, one, barWidth/2, "one connection")); err != nil {
		return err
	}
	return add(second, more, -barWidth/2, "two connections")
}

// addMarks draws the line of being as fast, and what must be reached.
func addMarks(p *plot.Plot, lines []line) error {
	even, err := plotter.NewLine(plotter.XYs{{X: 1, Y: -0.6}, {X: 1, Y: float64(len(lines)) - 0.4}})
	if err != nil {
		return err
	}
	even.LineStyle.Color, even.LineStyle.Dashes = ink, []vg.Length{vg.Points(3), vg.Points(3)}
	p.Add(even)
	legend := true
	for i, l := range lines {
		if l.must == 0 {
			continue
		}
		mark, err := plotter.NewLine(plotter.XYs{{X: l.must, Y: float64(i) - 0.38}, {X: l.must, Y: float64(i) + 0.38}})
		if err != nil {
			return err
		}
		mark.LineStyle.Color, mark.LineStyle.Width = gate, vg.Points(1.5)
		p.Add(mark)
		if legend {
			p.Legend.Add("must be reached", mark)
			legend = false
		}
	}
	return nil
}

// addNumbers writes each ratio behind its bar.
func addNumbers(p *plot.Plot, lines []line) error {
	var at plotter.XYLabels
	for i, l := range lines {
		x := l.reach()
		if x < 1 {
			x = 1 // the line would go through the number
		}
		at.XYs = append(at.XYs, plotter.XY{X: x + 0.06, Y: float64(i)})
		number := fmt.Sprintf("%.2f", l.one)
		if l.several {
			number += fmt.Sprintf(" / %.2f", l.more)
		}
		at.Labels = append(at.Labels, number)
	}
	labels, err := plotter.NewLabels(at)
	if err != nil {
		return err
	}
	for i := range labels.TextStyle {
		labels.TextStyle[i].Font = font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, vg.Points(8))
		labels.TextStyle[i].Color, labels.TextStyle[i].YAlign = ink, draw.YCenter
	}
	p.Add(labels)
	return nil
}

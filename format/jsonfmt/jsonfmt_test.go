package jsonfmt_test

import (
	"testing"

	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/format/jsonfmt"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]formattest.Harness{
		"lines":            {Formatter: jsonfmt.Lines{}, Decode: reader{}.lines},
		"lines strings":    {Formatter: jsonfmt.Lines{WideAsStrings: true}, Decode: reader{texts: true}.lines},
		"document":         {Formatter: jsonfmt.Document{}, Decode: reader{}.array, DecodeDocument: reader{}.document},
		"document strings": {Formatter: jsonfmt.Document{WideAsStrings: true}, Decode: reader{texts: true}.array, DecodeDocument: reader{texts: true}.document},
	} {
		h.JSONNullIsNull = true // JSON has one null
		h.JSONSpace = true      // the reader drops space around a value, Lines has no line breaks
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			formattest.Run(t, func(*testing.T) formattest.Harness { return h })
		})
	}
}

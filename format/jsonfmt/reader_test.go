package jsonfmt_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/source"
)

// reader reads files with encoding/json. Texts is set for files whose wide
// numbers are strings.
type reader struct{ texts bool }

func (r reader) lines(file []byte, schema source.Schema) (table formattest.Table, err error) {
	lines := strings.Split(string(file), "\n")
	if lines[len(lines)-1] != "" {
		return table, errors.New("the last line does not end")
	}
	for _, line := range lines[:len(lines)-1] {
		dec := json.NewDecoder(strings.NewReader(line))
		if err := r.row(dec, schema, &table); err != nil {
			return table, err
		}
		if err := atEnd(dec); err != nil {
			return table, err
		}
	}
	return table, nil
}

func (r reader) array(file []byte, schema source.Schema) (table formattest.Table, err error) {
	dec := json.NewDecoder(bytes.NewReader(file))
	if table, err = r.elements(dec, schema); err != nil {
		return table, err
	}
	return table, atEnd(dec)
}

func (r reader) document(file []byte, schemas map[string]source.Schema) (all []formattest.Dataset, err error) {
	dec := json.NewDecoder(bytes.NewReader(file))
	if err := expect(dec, json.Delim('{')); err != nil {
		return nil, err
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		table, err := r.elements(dec, schemas[key.(string)])
		if err != nil {
			return nil, err
		}
		all = append(all, formattest.Dataset{Name: key.(string), Table: table})
	}
	if err := expect(dec, json.Delim('}')); err != nil {
		return nil, err
	}
	return all, atEnd(dec)
}

func (r reader) elements(dec *json.Decoder, schema source.Schema) (table formattest.Table, err error) {
	if err := expect(dec, json.Delim('[')); err != nil {
		return table, err
	}
	for dec.More() {
		if err := r.row(dec, schema, &table); err != nil {
			return table, err
		}
	}
	return table, expect(dec, json.Delim(']'))
}

// row reads one object with its keys in the order of the file.
func (r reader) row(dec *json.Decoder, schema source.Schema, table *formattest.Table) error {
	if err := expect(dec, json.Delim('{')); err != nil {
		return err
	}
	var names []string
	var row []formattest.Cell
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return err
		}
		names = append(names, key.(string))
		if len(names) > len(schema) {
			return errors.New("more keys than fields")
		}
		cell, err := r.cell(raw, schema[len(names)-1].Kind)
		if err != nil {
			return fmt.Errorf("key %q: %w", key, err)
		}
		row = append(row, cell)
	}
	table.Names, table.Rows = names, append(table.Rows, row)
	return expect(dec, json.Delim('}'))
}

// cell checks that the value is of the JSON type that its kind is written as.
func (r reader) cell(raw json.RawMessage, kind source.Kind) (cell formattest.Cell, err error) {
	text := string(raw)
	if text == "null" {
		return formattest.Cell{Null: true}, nil
	}
	switch kind.Base() {
	case source.JSON:
		return formattest.Cell{Text: text}, nil
	case source.Bool:
		var b bool
		return formattest.Cell{Text: text}, json.Unmarshal(raw, &b)
	case source.Int64, source.AnyDecimal:
		if !r.texts {
			return number(raw)
		}
	case source.Float64:
		if text == "-0.0" {
			return formattest.Cell{Text: "-0"}, nil
		}
		if raw[0] != '"' {
			return number(raw)
		}
	}
	err = json.Unmarshal(raw, &cell.Text)
	return cell, err
}

func number(raw json.RawMessage) (formattest.Cell, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil {
		return formattest.Cell{}, err
	}
	n, ok := value.(json.Number)
	if !ok {
		return formattest.Cell{}, errors.New("not a number")
	}
	return formattest.Cell{Text: n.String()}, nil
}

func expect(dec *json.Decoder, want json.Delim) error {
	if got, err := dec.Token(); err != nil || got != want {
		return fmt.Errorf("found %v (error: %w) where %v must stand", got, err, want)
	}
	return nil
}

func atEnd(dec *json.Decoder) error {
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something stands behind the end")
	}
	return nil
}

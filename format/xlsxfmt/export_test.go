package xlsxfmt

// WithSheetRows returns the format with sheets of so many rows of data.
func WithSheetRows(f Format, n int) Format {
	f.sheetRows = n
	return f
}

// Package chunk lays out the columns of a Parquet row group: cells become
// pages, pages become a column chunk, with its dictionary, its bounds and its
// description for the footer. It knows nothing of rows and files.
package chunk

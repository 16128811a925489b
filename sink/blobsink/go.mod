module github.com/exportyard/exportyard/sink/blobsink

go 1.26.0

require github.com/exportyard/exportyard v0.1.0

require (
	github.com/stretchr/testify v1.12.1 // indirect
	go.uber.org/goleak v1.3.0 // indirect
	gocloud.dev v0.47.0 // indirect
)

replace github.com/exportyard/exportyard => ../..

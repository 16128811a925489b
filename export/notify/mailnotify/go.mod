module github.com/exportyard/exportyard/export/notify/mailnotify

go 1.26.0

require (
	github.com/exportyard/exportyard v0.1.0
	github.com/stretchr/testify v1.12.1
	github.com/wneessen/go-mail v0.8.1
	go.uber.org/goleak v1.3.0
)

require (
	go.yaml.in/yaml/v3 v3.0.6 // indirect
	golang.org/x/crypto v0.57.0 // indirect
	golang.org/x/text v0.42.0 // indirect
)

replace github.com/exportyard/exportyard => ../../..

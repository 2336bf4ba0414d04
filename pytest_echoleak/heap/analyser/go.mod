module pytest_echoleak/heap/analyser

go 1.21

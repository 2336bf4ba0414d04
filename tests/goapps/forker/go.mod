module example.com/forker

go 1.21

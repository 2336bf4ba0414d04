// Healthy: the texts of a locale are loaded when they are first asked for.
package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"

	"example.com/corpus/shared/serve"
)

type locale struct {
	once  sync.Once
	texts map[string]string
}

var locales [40]locale

func (l *locale) load(number int) {
	l.texts = map[string]string{}
	for i := range 20 {
		key := "text-" + strconv.Itoa(i)
		l.texts[key] = key + " in locale " + strconv.Itoa(number)
	}
}

func main() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthy", func(w http.ResponseWriter, _ *http.Request) {
		number := rand.IntN(len(locales))
		l := &locales[number]
		l.once.Do(func() { l.load(number) })
		fmt.Fprintln(w, l.texts["text-1"])
	})
	serve.Run(mux)
}

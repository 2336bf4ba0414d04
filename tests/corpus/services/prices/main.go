// Prices are remembered by product, without any bound. Known products cost nothing.
package main

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"example.com/corpus/shared/serve"
)

type price struct {
	cents    int64
	currency [3]byte
	quoted   time.Time
}

type cache struct {
	mu     sync.Mutex
	prices map[int]*price
	limit  int
}

func (c *cache) quote(product int) *price {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.prices[product]; ok {
		return known
	}
	if c.limit > 0 && len(c.prices) >= c.limit {
		for other := range c.prices {
			delete(c.prices, other)
			break
		}
	}
	quoted := &price{cents: int64(product) * 99, quoted: time.Now()}
	c.prices[product] = quoted
	return quoted
}

func handler(c *cache) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		product, err := strconv.Atoi(r.PathValue("product"))
		if err != nil {
			http.Error(w, "no such product", http.StatusNotFound)
			return
		}
		fmt.Fprintf(w, "%d cents\n", c.quote(product).cents)
	}
}

func main() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /leak/{product}", handler(&cache{prices: map[int]*price{}}))
	mux.HandleFunc("GET /healthy/{product}", handler(&cache{prices: map[int]*price{}, limit: 200}))
	serve.Run(mux)
}

// Package rates asks the provider of exchange rates.
package rates

import (
	"context"
	"fmt"
	"io"
	"net/http"
)

// Client asks one provider.
type Client struct {
	url   string
	http  *http.Client // keeps its connections for the next request
	fresh *http.Client // opens a connection for each request
}

// NewClient returns a client for the provider at url.
func NewClient(url string) *Client {
	return &Client{
		url:   url,
		http:  &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}},
		fresh: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	}
}

// StatusLeaky returns the status that the provider answers with.
//
// Wrong: only the status is of interest, so nobody reads or closes the body, "and the connection is
// not kept anyway". It waits for its reader for ever, with its two goroutines and its buffers.
func (c *Client) StatusLeaky() (int, error) {
	response, err := c.fresh.Get(c.url) // leak: body
	if err != nil {
		return 0, fmt.Errorf("ask the rates provider: %w", err)
	}
	return response.StatusCode, nil
}

// Status returns the status that the provider answers with.
//
// Mended: the body is read and closed, so that the connection serves the next request; and the
// request ends with its caller at the latest.
func (c *Client) Status(ctx context.Context) (status int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url, nil)
	if err != nil {
		return 0, fmt.Errorf("make the request to the rates provider: %w", err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return 0, fmt.Errorf("ask the rates provider: %w", err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return 0, fmt.Errorf("read the rates: %w", err)
	}
	return response.StatusCode, nil
}

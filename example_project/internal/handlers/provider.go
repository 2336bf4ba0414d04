package handlers

import (
	"fmt"
	"net/http"

	"github.com/labstack/echo/v5"

	"example.com/notes/internal/rates"
)

// Provider tells how the provider of exchange rates is. The mistake is in internal/rates.
type Provider struct {
	rates *rates.Client
}

// NewProvider returns the handlers that ask this client.
func NewProvider(client *rates.Client) *Provider {
	return &Provider{rates: client}
}

// Leaky answers with the provider's status.
func (p *Provider) Leaky(c *echo.Context) error {
	status, err := p.rates.StatusLeaky()
	return providerStatus(c, status, err)
}

// Fixed answers with the provider's status.
func (p *Provider) Fixed(c *echo.Context) error {
	status, err := p.rates.Status(c.Request().Context())
	return providerStatus(c, status, err)
}

func providerStatus(c *echo.Context, status int, err error) error {
	if err != nil {
		return echo.NewHTTPError(http.StatusBadGateway, "the rates provider is down").Wrap(err)
	}
	return c.String(http.StatusOK, fmt.Sprintf("the rates provider answers %d\n", status))
}

// stubRates stands in for the provider where none is configured.
func stubRates(c *echo.Context) error {
	return c.JSON(http.StatusOK, map[string]float64{"EUR": 1, "USD": 1.08, "JPY": 163.2})
}

"""The agent: one Go file laid over the service's package main, and how it is talked to."""

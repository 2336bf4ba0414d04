"""Where a settled snapshot of a service comes from."""

"""Go heap dumps: who holds what lives. Reading and naming is a Go program's; see analyser/."""

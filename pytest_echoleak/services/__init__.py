"""How a Go service is started: built, put in a container or a process, or attached to."""

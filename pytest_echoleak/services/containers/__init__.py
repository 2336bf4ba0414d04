"""Services in containers: the engine, the images that we make, and what a container may do."""

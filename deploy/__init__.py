"""What the images run: the server's entrypoint, its health check, and the steps that make an image."""

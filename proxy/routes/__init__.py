"""HTTP routes: parse, call the pipeline, stream or fold."""

"""Engine builds: a recipe goes in, a servable Triton model folder and its manifest come out."""

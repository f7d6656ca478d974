"""One module for each engine kind: a recipe in, the steps of its build out."""

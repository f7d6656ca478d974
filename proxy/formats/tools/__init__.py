"""One file for each family: what it writes, in its docstring, and the same as data."""

"""Control flow on traced values: ops whose parameters are graphs, and the functions that record them."""

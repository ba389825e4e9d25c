"""NumPy functions written in terms of graph ops, one family a module. Importing fills the table."""

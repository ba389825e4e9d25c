"""Programs over many examples at once, from the program for one."""

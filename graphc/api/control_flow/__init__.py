"""Branches and loops on traced values: `cond`, `switch`, `scan`, `fori_loop`, `while_loop`."""

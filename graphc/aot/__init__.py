"""Programs as C libraries: entries with a C interface, headers, manifests, and libraries loaded again."""

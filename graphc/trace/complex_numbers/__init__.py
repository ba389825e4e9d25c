"""Complex values while tracing: pairs of real ones, so that graphs know real numbers only."""

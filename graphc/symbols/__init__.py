"""SymPy expressions in and out, and elementwise primitives whose derivatives SymPy derives."""

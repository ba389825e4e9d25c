"""graphc: symbolic differentiation and native code generation for NumPy functions."""

"""Exported libraries, called with NumPy arrays. Needs NumPy and ctypes only: generated modules carry this."""

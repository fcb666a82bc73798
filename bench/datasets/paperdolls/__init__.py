"""The built-in data: layouts and photos of dressed figures, drawn from a seed."""

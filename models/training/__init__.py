"""How methods are trained: recipes, initial weights, losses, discriminators and games."""

"""Photos: a folder or manifest of them as a dataset with classes and a split."""

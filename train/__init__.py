"""From labelled photos to a trained ResNet50 and an honest report on it."""

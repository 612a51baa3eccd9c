"""The bundle: the one file that a device loads a model from, checked before any runtime sees a byte."""

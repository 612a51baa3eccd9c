"""The simulated belt: waste items drawn by the project itself, a moving belt to carry them, a dataset made of both."""

"""The engines: each runtime behind one protocol; the line's is chosen by measurement, proven, and watched."""

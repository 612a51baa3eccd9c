"""The part of sortline between training and the line: a trained model becomes a proven, quantized bundle."""

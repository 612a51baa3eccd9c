"""Run by `make eight`: all eight packages of the specification work in one process, not only in one environment."""

import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import paho.mqtt
import tensorflow as tf
import tf2onnx
import tflite_runtime

SHAPE = (1, 8, 8, 3)
RUN_TFLITE = """
import sys, numpy as np
from tflite_runtime.interpreter import Interpreter
interpreter = Interpreter(model_path=sys.argv[1] + "/model.tflite")
interpreter.allocate_tensors()
interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.load(sys.argv[1] + "/picture.npy"))
interpreter.invoke()
np.save(sys.argv[1] + "/answer.npy", interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
"""


def main() -> None:
    """Take one small model through TensorFlow, ONNX and TFLite, and compare what each answers."""
    picture = cv2.resize(np.arange(192, dtype=np.uint8).reshape(8, 8, 3), (8, 8))[None].astype(np.float32)
    model = tf.keras.Sequential([tf.keras.Input(SHAPE[1:]), tf.keras.layers.Conv2D(4, 3), tf.keras.layers.Softmax()])
    wanted = model(picture).numpy()
    for name, found in (("onnx", _through_onnx(model, picture)), ("tflite", _through_tflite(model, picture))):
        if not np.allclose(wanted, found, atol=1e-4):
            sys.exit(f"{name}: expected what TensorFlow answered, found a difference of {np.abs(wanted - found).max()}")
    parts = {"tensorflow": tf, "tf2onnx": tf2onnx, "onnx": onnx, "onnxruntime-gpu": onnxruntime, "opencv-python": cv2}
    parts |= {"numpy": np, "paho-mqtt": paho.mqtt, "tflite-runtime": tflite_runtime}
    said = ", ".join(f"{name} {part.__version__}" for name, part in parts.items())
    print(f"{said}: all eight import together, run and agree")


def _through_onnx(model: tf.keras.Model, picture: np.ndarray) -> np.ndarray:
    signature = [tf.TensorSpec(SHAPE, tf.float32, name="x")]
    proto, _ = tf2onnx.convert.from_function(tf.function(model, signature), signature, opset=17)
    onnx.checker.check_model(proto)
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": picture})[0]


def _through_tflite(model: tf.keras.Model, picture: np.ndarray) -> np.ndarray:
    """In a process of its own, as on a device: after `import tensorflow` tflite-runtime 2.14 fails in `reserve`."""
    with tempfile.TemporaryDirectory() as folder:
        content = Path(folder) / "model.tflite"
        content.write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
        np.save(Path(folder) / "picture.npy", picture)
        subprocess.run([sys.executable, "-c", RUN_TFLITE, folder], check=True)
        return np.load(Path(folder) / "answer.npy")


if __name__ == "__main__":
    main()

"""A GigE Vision camera: `python gige_camera.py INTERFACE SERIAL`, Aravis-SERIAL on that network interface, 25 fps.

Aravis' own fake camera, real packets, with pictures that carry the time; the callback works only through C.
"""

import ctypes
import signal
import sys
from ctypes import byref, c_char_p, c_size_t, c_uint32, c_void_p

import numpy as np

sys.path.insert(0, __file__.rpartition("/")[0])
import time_bars

GREY = 128
MONO8 = 0x01080001

library = ctypes.CDLL("libaravis-0.8.so.0")
library.arv_gv_fake_camera_new.restype = c_void_p
library.arv_gv_fake_camera_new.argtypes = [c_char_p, c_char_p]
library.arv_gv_fake_camera_get_fake_camera.restype = c_void_p
library.arv_gv_fake_camera_get_fake_camera.argtypes = [c_void_p]
library.arv_buffer_get_data.restype = c_void_p
library.arv_buffer_get_data.argtypes = [c_void_p, c_void_p]
library.arv_buffer_get_image_width.argtypes = [c_void_p]
library.arv_buffer_get_image_height.argtypes = [c_void_p]
Fill = ctypes.CFUNCTYPE(None, c_void_p, c_void_p, c_uint32, c_uint32, c_uint32)
library.arv_fake_camera_set_fill_pattern.restype = None
library.arv_fake_camera_set_fill_pattern.argtypes = [c_void_p, Fill, c_void_p]


@Fill
def fill(buffer: int, _data: int, _exposure_us: int, _gain: int, pixel_format: int) -> None:
    """Grey with the time; in colour formats 1, 2, 3, 4, … by the byte."""
    address = library.arv_buffer_get_data(buffer, byref(c_size_t()))
    width, height = library.arv_buffer_get_image_width(buffer), library.arv_buffer_get_image_height(buffer)
    size = width * height * (pixel_format >> 16 & 0xFF) // 8  # its bits a pixel, by the naming convention
    pixels = np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address))
    if pixel_format != MONO8:
        pixels[:] = np.arange(len(pixels)) % 3 * 100
        return
    picture = pixels.reshape(height, width)
    picture[:] = GREY
    time_bars.paint(picture)


camera = library.arv_gv_fake_camera_new(sys.argv[1].encode(), sys.argv[2].encode())
library.arv_fake_camera_set_fill_pattern(library.arv_gv_fake_camera_get_fake_camera(camera), fill, None)
print("up", flush=True)
signal.pause()

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Debian's python3 comes without the module that makes environments.
ENSURE_VENV = $(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	deploy/install-packages $$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')

.PHONY: demo test lint faults eight arm64 clean

demo: $(VENV)/demo.stamp ## items ride a belt and gates fire, with nothing else installed
	$(BIN)/python -m edge demo $(DEMO_FLAGS)

test: $(VENV)/test.stamp mosquitto cameras nspawn ## all tests, two files at a time; installs what they need
	$(BIN)/python -m pytest -n 2 $(TEST_FLAGS)

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

faults: $(VENV)/test.stamp mosquitto fault-tools ## processes die, networks fail, disks fill: an hour or two; FAULTS_FLAGS="--resume", "--rows kills --scale 0.1"
	$(BIN)/python -m tests.faults $(FAULTS_FLAGS)

eight: ## the one environment with all eight packages of the specification, Python 3.11
	@$(ENSURE_VENV)
	$(PYTHON) -m venv .venv-eight
	.venv-eight/bin/pip install --quiet --requirement requirements-eight.txt
	.venv-eight/bin/pip install --quiet --no-deps .
	TF_CPP_MIN_LOG_LEVEL=3 .venv-eight/bin/python tests/eight.py

arm64: $(VENV)/test.stamp ## nightly: a 64-bit Arm device's wheels install, and the golden self-test passes there, emulated: minutes
	@command -v qemu-aarch64-static >/dev/null || deploy/install-packages qemu-user-static
	$(BIN)/python tests/arm64.py

.PHONY: fault-tools
fault-tools:
	@command -v nft >/dev/null && command -v cc >/dev/null || deploy/install-packages nftables iproute2 gcc libc6-dev || \
		echo "without them, lost packets and a jumping clock are skipped" >&2

.PHONY: mosquitto
mosquitto:
	@command -v mosquitto >/dev/null || test -x /usr/sbin/mosquitto || deploy/install-packages mosquitto

.PHONY: nspawn
nspawn:
	@command -v systemd-nspawn >/dev/null || deploy/install-packages systemd-container || \
		echo "without it, the unit is not booted under a real systemd" >&2

# Network cameras to test against: GStreamer's RTSP server, run by Debian's Python, and Aravis with its fake GigE camera.
CAMERA_PACKAGES = python3-gi python3-numpy gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base \
	gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly libaravis-0.8-0 iproute2
export CAMERAS_ARE_THERE = import ctypes, numpy, gi; gi.require_version('GstRtspServer', '1.0'); \
	ctypes.CDLL('libaravis-0.8.so.0')
.PHONY: cameras
cameras:
	@/usr/bin/python3 -c "$$CAMERAS_ARE_THERE" 2>/dev/null || deploy/install-packages $(CAMERA_PACKAGES) || \
		echo "without them, the tests against network cameras are skipped" >&2

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "sortline needs Python 3.11 or later: make PYTHON=…")'
	@$(ENSURE_VENV)
	@$(PYTHON) -m venv $(VENV)

$(VENV)/demo.stamp: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[cpu,demo]'
	@touch $@

# Not compiled: a third of all the work would be for modules that nothing here imports.
$(VENV)/test.stamp: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --no-compile --constraint constraints.txt --editable '.[cpu,tflite,gate,demo,train,tensorboard,export,dev]'
	@touch $@ $(VENV)/demo.stamp

clean:
	rm -rf $(VENV) .venv-eight build *.egg-info

"""The start of the service: everything is there or it says why not, then the main loop runs, and all is let go."""

import contextlib
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from secrets import token_hex

from edge.announcer import Announcer
from edge.belt.watch import BeltWatch
from edge.bundle.bundle import Bundle, open_bundle
from edge.bundle.signature import read_public_key
from edge.camera.camera import Camera, Ended
from edge.commands import stop_on_signals
from edge.config import Config
from edge.config_file import check_routing, load_config
from edge.decision.voting import Model
from edge.engine.engine import Engine, open_engine
from edge.engine.fallback import open_with_fallback
from edge.engine.faults import Faults
from edge.engine.runtimes import CUDA
from edge.errors import ConfigError, EngineFault
from edge.ledger.ledger import Ledger
from edge.line import Line
from edge.line_control import LineControl
from edge.metrics import Metrics
from edge.service import FRAME_WAIT_S, Service
from edge.wire.inputs import Inputs
from edge.wire.messages import Answer
from edge.wire.publisher import Publisher, decoded
from edge.wire.remote_commands import RemoteCommands

log = logging.getLogger("sortline")


def run(config_path: Path) -> None:
    """Sort until SIGTERM or the end of a recording.

    Raises ConfigError, BundleError, ProviderError, BrokerError or CameraError when it cannot start, EngineFault when
    the engine fails: a new process may do better.
    """
    config = load_config(config_path)
    bundle = open_trusted(config)
    check_routing(config_path, config, bundle.manifest.labels)
    stop = stop_on_signals()
    boot = token_hex(8)
    with Camera(config.camera) as camera, Ledger(Path(config.ledger.path), config.ledger.rows) as ledger:
        metrics = Metrics()

        def on_answer(answer: Answer) -> None:
            metrics.answers[answer.outcome] += 1
            ledger.answer(answer)

        inputs = Inputs(config)
        heard = {"answer": decoded(Answer, on_answer), **inputs.subscriptions}
        with Publisher(config.mqtt, config.line, boot, on=heard) as publisher:
            publisher.connect()
            belt = BeltWatch(config, ledger.next_seq, inputs=inputs)
            faults = Faults(Path(config.ledger.path).with_suffix(".engine-faults"))
            try:
                engine = open_while_learning(lambda: open_with_fallback(config, bundle, faults), camera, belt, stop)
                log.info("engine %s", engine.why)
                model = model_of(engine, bundle)
                line = Line(config, model, boot, ledger, publisher, metrics, belt)
                control = LineControl(config_path, config, model.labels, line)
                with RemoteCommands(config.mqtt, config.line, boot, control.commands) as commands:
                    commands.connect()
                    announcer = Announcer(
                        config, model.name, engine.why, model.labels, boot, publisher, metrics, belt.odometer
                    )
                    try:
                        Service(camera, line, engine, control, commands, ledger, publisher, announcer, stop).serve()
                    except EngineFault as error:
                        if engine.candidate.runtime == CUDA:
                            faults.note(str(error))
                        raise
            except ConfigError as error:  # what the machine or the first frame shows contradicts the file
                raise ConfigError(f"{config_path}: {error}") from error


def open_while_learning(opened: Callable[[], Engine], camera: Camera, belt: BeltWatch, stop: threading.Event) -> Engine:
    """What `opened` returns or raises; the belt learns meanwhile, so that the start waits for the longer one alone."""
    with ThreadPoolExecutor(1) as beside:
        opening = beside.submit(opened)
        with contextlib.suppress(Ended):  # said again by the next look at the camera
            while belt.learns and not (opening.done() or stop.is_set()):
                if frame := camera.newest(FRAME_WAIT_S):
                    belt.listen()
                    belt.see(frame)
        return opening.result()


def open_trusted(config: Config) -> Bundle:
    """The line's bundle, signed and as new as its file demands. Raises BundleError, or ConfigError for a bad key."""
    keys = [read_public_key(Path(key)) for key in config.trusted_keys]
    return open_bundle(Path(config.bundle), keys, config.min_version)


def open_model(config: Config, bundle: Bundle) -> Model:
    """What the line's [engine] asks for, of this bundle."""
    return model_of(open_engine(config.engine, bundle), bundle)


def model_of(engine: Engine, bundle: Bundle) -> Model:
    """What the line knows of the engine that computes for it."""
    manifest = bundle.manifest
    name = f"{manifest.id}/{engine.variant_name}"
    return Model(name, manifest.labels, manifest.input.size, engine, engine.batch)

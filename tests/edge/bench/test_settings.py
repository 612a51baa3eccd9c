from pathlib import Path

from edge.bench.settings import line_config, write_config
from edge.config import EngineConfig
from edge.config_file import load_config
from edge.sim.broker import Broker


def test_a_daemon_reads_the_configuration_that_the_bench_measures(tmp_path: Path) -> None:
    """Written to a file and read as the daemon reads it, nothing of it is lost."""
    engine = EngineConfig(threads=2, precision="int8")
    config = line_config("frame", tmp_path / "f", tmp_path, Broker("127.0.0.1", 1883), ("paper", "can"), engine)
    bundle = tmp_path / "b.bundle"

    write_config(config, bundle, tmp_path / "bench.toml")
    read = load_config(tmp_path / "bench.toml")

    assert (read.engine, read.belt, read.gates, read.items) == (config.engine, config.belt, config.gates, "frame")
    assert (read.bundle, read.ledger.path) == (str(bundle), config.ledger.path)

"""Metrics for TensorBoard, written by tensorboardX: Keras' own callback would need TensorFlow."""

from pathlib import Path

from edge.errors import Unavailable
from train.checkpoint import Row
from train.keeping import Log


def open_log(folder: Path) -> Log:
    """Writes the numbers of each epoch below `folder`. Raises Unavailable when tensorboardX is not installed."""
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        raise Unavailable(
            f"--tensorboard: expected tensorboardX, found {error}; pip install 'sortline[tensorboard]'"
        ) from error
    writer = SummaryWriter(str(folder), flush_secs=1)

    def log(epoch: int, row: Row) -> None:
        for name, value in row.items():
            if isinstance(value, float):
                writer.add_scalar(f"{row['stage']}/{name}", value, epoch)
        writer.flush()

    return log

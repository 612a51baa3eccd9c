"""What can go wrong, each with the exit status that a shell or systemd sees.

SortlineError                     1   the work failed
├── Refused                       1   a check said no (an export that misses its gate)
├── UsageError                    2   the command was called wrongly
│   ├── DatasetError              2   photos that cannot be used as asked
│   └── RunError                  2   a run folder, model or weights that cannot be used as asked
├── Unavailable                  69   camera, broker or provider is missing
│   ├── CameraError              69
│   ├── BrokerError              69
│   ├── ProviderError            69
│   └── EngineFault              69
└── Misconfigured                78
    ├── ConfigError              78   a configuration file
    └── BundleError              78   a bundle that must not be loaded
"""

from typing import ClassVar


class SortlineError(Exception):
    """Root of all errors that a user can cause or mend; its text is one line for people."""

    exit_status: ClassVar[int] = 1


class Refused(SortlineError):
    """The work ran to its end and its result did not pass."""


class UsageError(SortlineError):
    """The command was given something that it cannot work with."""

    exit_status = 2


class DatasetError(UsageError):
    """A dataset folder, manifest or photo that cannot be used as asked."""


class RunError(UsageError):
    """A run folder, a model or pretrained weights that cannot be used as asked."""


class Unavailable(SortlineError):
    """Something outside this process is missing or refuses."""

    exit_status = 69


class CameraError(Unavailable):
    """The camera cannot be opened or stopped delivering."""


class BrokerError(Unavailable):
    """The MQTT broker cannot be reached or refuses."""


class ProviderError(Unavailable):
    """The asked execution provider is not the one that was got."""


class EngineFault(Unavailable):
    """The engine ran and failed; it is started anew with its process."""


class Misconfigured(SortlineError):
    """What the service was told to run cannot be run as it stands."""

    exit_status = 78


class ConfigError(Misconfigured):
    """A configuration file with an unknown key or a wrong value."""


class BundleError(Misconfigured):
    """A bundle that is damaged, foreign or does not agree with itself."""

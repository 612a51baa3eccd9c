from pathlib import Path

import pytest

from edge.config import Config, bin_of
from edge.config_file import check_routing, load_config
from edge.errors import ConfigError

SOUND = """\
line = "l1"
bundle = "models/a.bundle"
[camera]
source = "/dev/video0"
[belt]
direction = "right"
speed_mm_s = 400
mm_per_px = 1.0
line_mm = 320
[gates.paper]
distance_mm = 500
[gates.reject]
distance_mm = 900
[ledger]
path = "ledger.db"
"""


def test_a_sound_file_gives_its_values_and_the_defaults(tmp_path: Path) -> None:
    """What is set is what comes out, and everything else has its default."""
    config = loaded(tmp_path, SOUND)

    assert (config.line, config.camera.source, config.belt.speed_mm_s) == ("l1", "/dev/video0", 400)
    assert (config.mqtt.port, config.engine.runtime, config.routing.reject) == (1883, "auto", "reject")


@pytest.mark.parametrize(
    ("old", "runtime"),
    [
        ('provider = "cpu"\nformat = "onnx"', "onnxruntime-cpu"),
        ('provider = "cuda"', "onnxruntime-cuda"),
        ('format = "tflite"', "tflite"),
        ("threads = 2", "auto"),
    ],
)
def test_provider_and_format_of_older_files_are_understood(tmp_path: Path, old: str, runtime: str) -> None:
    """A line's file of 0.1 asks for the same runtime as before."""
    config = loaded(tmp_path, f"{SOUND}[engine]\n{old}\n")

    assert config.engine.runtime == runtime


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    """Bundle, ledger, password and certificates are found beside the file, whatever the working directory."""
    text = SOUND + '[mqtt]\npassword_file = "secret"\nca_file = "/etc/ssl/ca.pem"\n'

    config = loaded(tmp_path, text)

    assert config.bundle == str(tmp_path / "models/a.bundle")
    assert config.ledger.path == str(tmp_path / "ledger.db")
    assert config.mqtt.password_file == str(tmp_path / "secret")
    assert config.mqtt.ca_file == "/etc/ssl/ca.pem"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[camera]", "[kamera]", "camera: expected a value, found none|kamera: expected only known keys"),
        ("[belt]", "[belt]\ncolour = 1", "belt.colour: expected only known keys, found this one"),
        ('line = "l1"', 'line = "l1"\nlines = 2', "lines: expected only known keys"),
        ("[gates.paper]", "[gates.paper]\nspeed = 3", r"gates\.paper\.speed: expected only known keys"),
        ('source = "/dev/video0"', "", "camera.source: expected a value, found none"),
        ('line = "l1"', 'line = "a/b"', "line: expected str matching regex .*, found 'a/b'"),
        ('line = "l1"', "line = 1", "line: expected str, found 1"),
        ("speed_mm_s = 400", 'speed_mm_s = "high"', "belt.speed_mm_s: expected float, found 'high'"),
        ("speed_mm_s = 400", "speed_mm_s = 0", "belt.speed_mm_s: expected float > 0.0, found 0"),
        ("speed_mm_s = 400", "speed_mm_s = -1.5", "belt.speed_mm_s: expected float > 0.0, found -1.5"),
        ("speed_mm_s = 400", "speed_mm_s = inf", "belt.speed_mm_s: expected float <= 1000000000.0, found inf"),
        ("speed_mm_s = 400", "speed_mm_s = nan", "belt.speed_mm_s: expected float > 0.0, found nan"),
        ("speed_mm_s = 400", "speed_mm_s = true", "belt.speed_mm_s: expected float, found True"),
        ('"right"', '"east"', "belt.direction: expected one of .'right', 'left', 'down', 'up'., found 'east'"),
        (
            "line_mm = 320",
            "line_mm = 320\nroi = [0, 0, 10]",
            r"belt.roi: expected array of length 4, found \[0, 0, 10\]",
        ),
        ("line_mm = 320", "line_mm = 320\nroi = [0, 0, 10, 0]", r"belt.roi: expected left, .*, found \[0, 0, 10, 0\]"),
        ("line_mm = 320", "line_mm = 320\nroi = [-1, 0, 9, 9]", r"belt.roi: expected left, .*, found \[-1, 0, 9, 9\]"),
        ("line_mm = 320", "line_mm = 320\nroi = [0, 0, 9, 'x']", r"belt.roi\[3\]: expected int, found 'x'"),
        ("[gates.paper]", "[gates.'a b']", "gates: expected names of letters, digits, '_' and '-', found .*'a b'"),
        ("[gates.paper]\ndistance_mm = 500", "[gates]\npaper = 7", "gates.paper: expected object, found 7"),
        ("[gates.paper]", "[gates.paper]\nreach_mm = 0", "gates.paper.reach_mm: expected float > 0.0, found 0"),
        ("[gates.paper]", "[gates.paper]\ndead_ms = -1", "gates.paper.dead_ms: expected float >= 0.0, found -1"),
        ("[belt]", "[belt]\nspeed_from = 'radar'", "belt.speed_from: expected one of .'config', 'mqtt', 'picture'."),
        (
            "[belt]",
            "[belt]\nmm_per_pulse = 1",
            'belt.speed_from: expected "mqtt" where belt.mm_per_pulse is set, found',
        ),
        ("[belt]", "[belt]\nmax_item_mm = 20", "belt.max_item_mm: expected more than belt.min_item_mm = 25, found 20"),
        (
            "line_mm = 320",
            "line_mm = 320\nroi = [0, 0, 300, 200]",
            "belt.line_mm: expected less than the view's 300 mm",
        ),
        ("[camera]", "[camera]\nwidth = 300\nheight = 200", "belt.line_mm: expected less than the view's 300 mm"),
        (
            "distance_mm = 500",
            "distance_mm = 19",
            "gates.paper.distance_mm: expected at least 20, .* 400 mm/s .* found 19",
        ),
        (
            "distance_mm = 500",
            "distance_mm = 500\ndead_ms = 1300",
            "gates.paper.distance_mm: expected at least 540, .* the 1300 ms of dead_ms, found 500",
        ),
        (
            'line = "l1"',
            'line = "l1"\nitems = "box"',
            "items: expected one of .'belt', 'frame', 'trigger'., found 'box'",
        ),
        (
            'line = "l1"',
            'line = "l1"\nitems = "trigger"',
            'trigger: expected a table for items = "trigger", found none',
        ),
        (
            "[ledger]",
            "[trigger]\ndistance_mm = 5\n[ledger]",
            'items: expected "trigger" where there is a table .trigger.',
        ),
        (
            'line = "l1"',
            'line = "l1"\nitems = "trigger"\ntrigger = {tolerance_mm = 5}',
            "trigger.distance_mm: expected a value, found none",
        ),
        ("[ledger]", "[vote]\nframes = 0\n[ledger]", "vote.frames: expected int >= 1, found 0"),
        ("[ledger]", "[vote]\nlead = 1.0\n[ledger]", "vote.lead: expected float < 1.0, found 1.0"),
        (
            "[ledger]",
            "[routing.costs.paper]\npaper = 0\nreject = -2\n[ledger]",
            "routing.costs.paper.reject: expected float >= 0.0, found -2",
        ),
        (
            "[ledger]",
            "[routing.costs]\ncard = {paper = 1}\npaper = {paper = 'free'}\n[ledger]",
            "routing.costs.paper.paper: expected float, found 'free'",
        ),
        (
            "[ledger]",
            "[routing]\nmin_confidence = 0.5\ncosts = {paper = {paper = 0}}\n[ledger]",
            "routing.min_confidence: expected this or routing.costs, found both",
        ),
        ("[ledger]", "[routing.protect]\npaper = 2\n[ledger]", "routing.protect.paper: expected float <= 1.0, found 2"),
        (
            "[ledger]",
            "[routing]\ntouching = 'split'\n[ledger]",
            "routing.touching: expected one of .'reject', 'classify'.",
        ),
        (
            "[ledger]",
            "[engine]\nruntime = 'tpu'\n[ledger]",
            "engine.runtime: expected one of .'auto', 'onnxruntime-cpu'",
        ),
        ("[ledger]", "[engine]\nthreads = 0\n[ledger]", "engine.threads: expected int >= 1, found 0"),
        ("[ledger]", "[engine]\nthreads = 'all'\n[ledger]", "engine.threads: expected one of .'int', 'auto'., found"),
        ("[ledger]", "[engine]\ncpus = [-1]\n[ledger]", "engine.cpus.0.: expected int >= 0, found -1"),
        (
            "[ledger]",
            "[engine]\nruntime = 'tflite'\ncpu_fallback = true\n[ledger]",
            'engine.cpu_fallback: expected it where engine.runtime is "auto" or "onnxruntime-cuda", found "tflite"',
        ),
        (
            "[ledger]",
            "[engine]\nprovider = 'cpu'\nruntime = 'tflite'\n[ledger]",
            "engine.provider: expected this or engine.runtime, found both",
        ),
        (
            "[ledger]",
            "[engine]\nprovider = 'cuda'\nformat = 'tflite'\n[ledger]",
            "engine.provider: expected engine.runtime instead, found .'provider': 'cuda', 'format': 'tflite'.",
        ),
        ("[ledger]", "[routing]\nmin_confidence = 'high'\n[ledger]", "routing.min_confidence: expected float.*'high'"),
        ("[ledger]", "[routing]\nmin_confidence = 1.5\n[ledger]", "routing.min_confidence: expected float <= 1.0.*1.5"),
        ("[ledger]", "[routing]\nbins = {can = 'a/b'}\n[ledger]", "routing.bins.can: expected .*'a/b'"),
        ("[ledger]", "[routing]\nbins = {can = 3}\n[ledger]", "routing.bins.can: expected str, found 3"),
        ("[ledger]", "[mqtt]\nport = 70000\n[ledger]", "mqtt.port: expected int <= 65535, found 70000"),
        ("[ledger]", "[mqtt]\nport = '1883'\n[ledger]", "mqtt.port: expected int, found '1883'"),
        ("[ledger]", "[ledger]\nrows = 5", "ledger.rows: expected int >= 100, found 5"),
        ('path = "ledger.db"', "", "ledger.path: expected a value, found none"),
        ('source = "/dev/video0"', 'source = "x"\nwidth = 10', "camera.width: expected int >= 64, found 10"),
        ('source = "/dev/video0"', 'source = "x"\nloop = "no"', "camera.loop: expected bool, found 'no'"),
    ],
)
def test_a_wrong_value_is_named_with_its_file_key_and_what_was_expected(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    """One line: file, key path, expected, found; and the exit status of bad configuration."""
    assert SOUND.count(old) == 1

    with pytest.raises(ConfigError, match=said) as refused:
        loaded(tmp_path, SOUND.replace(old, new))

    assert str(refused.value).startswith(f"{tmp_path / 'l1.toml'}: ")
    assert "\n" not in str(refused.value)
    assert refused.value.exit_status == 78


@pytest.mark.parametrize("content", [b"line = ", b"\xff\xfe", b"line = 'a'\nline = 'b'\n", b"[camera"])
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    """What TOML says of it, on one line."""
    path = tmp_path / "l1.toml"
    path.write_bytes(content)

    with pytest.raises(ConfigError, match=r"l1\.toml: expected TOML, found") as refused:
        load_config(path)

    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["none.toml", "."])
def test_a_file_that_is_not_there_is_refused(tmp_path: Path, name: str) -> None:
    """A missing file and a folder say so."""
    with pytest.raises(ConfigError, match=r"expected a configuration file, found (No such file|Is a directory)"):
        load_config(tmp_path / name)


def test_a_class_goes_to_the_bin_of_its_name_unless_told_otherwise(tmp_path: Path) -> None:
    """routing.bins redirects the classes that it names."""
    config = loaded(tmp_path, SOUND + "[routing]\nbins = {card = 'paper'}\n")

    assert (bin_of(config, "card"), bin_of(config, "paper")) == ("paper", "paper")
    check_routing(tmp_path / "l1.toml", config, ("card", "paper"))


@pytest.mark.parametrize(
    ("routing", "labels", "said"),
    [
        ("", ("paper", "glass"), r"gates: expected a table for every bin .*, missing \['glass'\]"),
        ("reject = 'waste'", ("paper",), r"missing \['waste'\]"),
        ("min_confidence_of = {papre = 0.5}", ("paper",), r"routing.min_confidence_of: expected classes .*'papre'"),
        ("protect = {acid = 0.1}", ("paper",), r"routing.protect: expected classes of .*, found \['acid'\]"),
        ("costs = {acid = {paper = 9}}", ("paper",), r"routing.costs: expected classes of .*, found \['acid'\]"),
        (
            "costs = {paper = {paper = 0}}",
            ("paper",),
            r"routing.costs.paper: .* \['paper', 'reject'\], found \['paper'\]",
        ),
        (
            "costs = {paper = {paper = 0, reject = 1, river = 9}}",
            ("paper",),
            r"routing.costs.paper: expected a cost for every bin .*, found \['paper', 'reject', 'river'\]",
        ),
        (
            "bins = {card = 'paper'}\ncosts = {paper = {paper = 0, reject = 1}}",
            ("paper", "card"),
            r"routing.costs.card: expected a cost for every bin \['paper', 'reject'\], found none",
        ),
        ("bins = {paper = 'card'}", ("paper",), r"missing \['card'\]"),
        ("bins = {papre = 'paper'}", ("paper",), r"routing.bins: expected classes of .*, found \['papre'\]"),
    ],
)
def test_every_class_needs_a_bin_and_every_bin_a_gate(
    tmp_path: Path, routing: str, labels: tuple[str, ...], said: str
) -> None:
    """A bin without a gate, or a class that the bundle doesn't know, is found before the first item."""
    config = loaded(tmp_path, SOUND + f"[routing]\n{routing}\n")

    with pytest.raises(ConfigError, match=said):
        check_routing(tmp_path / "l1.toml", config, labels)


def test_the_example_is_sound() -> None:
    """What people copy and edit is a line that starts."""
    example = Path(__file__).parents[2] / "deploy" / "line.example.toml"

    config = load_config(example)

    check_routing(example, config, ("kitchen", "recyclable", "other", "hazardous"))


def test_a_reject_bin_needs_no_gate(tmp_path: Path) -> None:
    """What nobody moves falls off the belt's end: that is where rejects go."""
    config = loaded(tmp_path, SOUND.replace("[gates.reject]\ndistance_mm = 900\n", ""))

    check_routing(tmp_path / "l1.toml", config, ("paper",))

    assert "reject" not in config.gates


def loaded(folder: Path, text: str) -> Config:
    """The configuration in a file with this text."""
    path = folder / "l1.toml"
    path.write_text(text)
    return load_config(path)

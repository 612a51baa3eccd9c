"""GPU first-aid: each common failure gets its own fix."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from train.doctor import advice
from train.machine import Examination, Gpu, read_smi

if TYPE_CHECKING:
    from tests.train.conftest import Command

RTX = Gpu("NVIDIA GeForce RTX 3060 Laptop GPU", 6144, 5900)
WELL = Examination(
    system="Linux",
    python="3.12.3",
    backend="tensorflow",
    backend_version="2.21.0",
    build="CUDA 12.5.1, cuDNN 9",
    driver="560.35",
    gpus=(RTX,),
    on_bus=True,
    container=False,
    visible=None,
    backend_gpus=("gpu:0",),
)
BLIND = replace(WELL, backend_gpus=())


def test_where_all_is_well_there_is_nothing_to_do() -> None:
    """No advice, and no GPU lies idle."""
    assert advice(WELL) == []
    assert not WELL.idle_gpu


@pytest.mark.parametrize(
    ("found", "fix"),
    [
        (replace(BLIND, system="Windows", build="cpu"), "wsl --install"),
        (BLIND, "pip install 'tensorflow[and-cuda]==2.21.0'"),
        (replace(BLIND, build="cpu"), "built without CUDA: pip uninstall --yes tensorflow tensorflow-cpu"),
        (replace(BLIND, backend="jax", build=""), "jax[cuda12]"),
        (replace(BLIND, backend="torch", build=""), "--force-reinstall torch"),
        (replace(BLIND, visible="-1"), "unset CUDA_VISIBLE_DEVICES"),
        (replace(BLIND, driver="", gpus=()), "ubuntu-drivers install"),
        (replace(BLIND, driver="", gpus=(), system="WSL2", on_bus=False), "driver in Windows"),
        (replace(BLIND, driver="", gpus=(), container=True), "--gpus all"),
        (replace(BLIND, driver="", gpus=(), on_bus=False), "no NVIDIA GPU"),
        (replace(WELL, gpus=(Gpu("GTX 1650", 4096, 4000),)), "leave --batch at auto"),
        (replace(WELL, gpus=(Gpu("RTX 3060", 6144, 900),)), "only 900 of 6144 MiB free"),
    ],
)
def test_each_failure_has_its_fix(found: Examination, fix: str) -> None:
    """One line, and no other advice beside it."""
    said = advice(found)

    assert len(said) == 1
    assert fix in said[0]


@pytest.mark.parametrize(
    ("found", "idle"),
    [
        (BLIND, True),
        (replace(BLIND, driver="", gpus=()), True),
        (replace(BLIND, visible="-1"), False),
        (replace(BLIND, driver="", gpus=(), container=True), False),
        (replace(BLIND, driver="", gpus=(), on_bus=False), False),
    ],
)
def test_a_gpu_lies_idle_when_the_machine_has_it_and_nobody_hid_it(found: Examination, idle: bool) -> None:
    """Then --device auto stops; without a GPU, or with one kept away on purpose, the CPU is right."""
    assert found.idle_gpu is idle


def test_the_drivers_answer_is_read() -> None:
    """Two GPUs; a line of some warning is left out."""
    told = "560.35, NVIDIA H200, 143771, 143000\n560.35, NVIDIA H200, 143771, 20\nNo more.\n"

    assert read_smi(told) == ("560.35", (Gpu("NVIDIA H200", 143771, 143000), Gpu("NVIDIA H200", 143771, 20)))
    assert read_smi("") == ("", ())


def test_the_doctor_says_what_computes_here(command_line: Command) -> None:
    """The last line is one JSON object; without a usable GPU there is advice and exit status 69."""
    done = command_line("doctor", "--json")

    found = json.loads(done.out.splitlines()[-1])
    assert found["backend"] in ("tensorflow", "jax", "torch")
    assert done.status == (0 if found["backend_gpus"] else 69)
    assert found["backend_gpus"] or found["advice"]

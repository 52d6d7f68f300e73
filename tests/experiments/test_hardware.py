import pytest
import torch

from datamodules.errors import ConfigError
from experiments.configs.trainer import TrainerConfig
from experiments.hardware import check_hardware


@pytest.fixture
def gpus(monkeypatch):
    """Two GPUs of a kind, as torch would see them."""

    def two(name: str, capability: tuple[int, int]) -> None:
        for attribute, value in {
            "is_available": True,
            "device_count": 2,
            "get_device_capability": capability,
            "get_device_name": name,
            "get_arch_list": ["sm_75", "sm_90a", "sm_120", "compute_120"],
            "is_bf16_supported": capability >= (8, 0),
        }.items():
            monkeypatch.setattr(torch.cuda, attribute, lambda *_, value=value: value)

    return two


def test_v100_is_told_which_build_it_needs(gpus):
    gpus("Tesla V100", (7, 0))
    with pytest.raises(ConfigError, match=r"no code for Tesla V100 \(sm_70\).*whl/cu126"):
        check_hardware(TrainerConfig())


def test_newer_gpus_are_fine(gpus):
    gpus("H100", (9, 0))
    check_hardware(TrainerConfig(devices=2, precision="bf16-mixed", sync_batchnorm=True))


def test_more_devices_than_there_are_is_refused(gpus):
    gpus("H100", (9, 0))
    with pytest.raises(ConfigError, match="torch sees 2 GPUs here"):
        check_hardware(TrainerConfig(devices=3))


def test_bfloat16_is_refused_where_it_is_emulated(gpus):
    gpus("RTX 2080", (7, 5))
    with pytest.raises(ConfigError, match=r"use --trainer.precision 16-mixed"):
        check_hardware(TrainerConfig(precision="bf16-mixed"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"strategy": "fsdp", "clip_gradient_norm": None}, "strategy fsdp needs GPUs"),
        ({"strategy": "fsdp"}, "clip-gradient-norm none"),
        ({"sync_batchnorm": True}, "sync-batchnorm True needs GPUs"),
        ({"precision": "16-mixed"}, "16-mixed needs a GPU"),
    ],
)
def test_what_a_cpu_has_not_is_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        check_hardware(TrainerConfig(accelerator="cpu", **settings))

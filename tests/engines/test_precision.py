# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""In which precision a network runs on which device; the devices' capabilities are faked."""

from __future__ import annotations

import contextlib
import logging
import platform
from typing import Any

import pytest
import torch
from ignite.engine import Events
from monai.data import DataLoader, MetaTensor
from monai.transforms import Compose, Invertd

from ctan_monai.engines import MultiTaskEvaluator, bf16_autocast, bf16_is_native, use_bf16
from ctan_monai.engines import precision as module
from ctan_monai.transforms import AntiAliasedSpacingd


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Fakes what PyTorch says of the machine."""

    def fake(onednn: bool = False, avx512_bf16: bool = False, amx: bool = False, arm: bool = False) -> None:
        monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: onednn)
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512_bf16)
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
        monkeypatch.setattr(platform, "machine", lambda: "aarch64" if arm else "x86_64")

    module._warn_emulated.cache_clear()
    return fake


@pytest.mark.parametrize(
    ("capabilities", "native"),
    [
        ({"onednn": True, "avx512_bf16": True}, True),  # Zen 4, Cooper Lake
        ({"onednn": True, "avx512_bf16": True, "amx": True}, True),  # Sapphire Rapids
        ({"onednn": True}, False),  # AVX-512 alone (Skylake-X): oneDNN emulates, and says yes
        ({}, False),  # AVX2
        ({"onednn": False, "avx512_bf16": True}, False),  # ONEDNN_MAX_CPU_ISA=AVX2 on a Zen 4
        ({"onednn": True, "arm": True}, True),  # Graviton 3
        ({"arm": True}, False),  # Graviton 2
    ],
)
def test_auto_is_bfloat16_where_the_cpu_has_instructions_for_it(machine: Any, capabilities: Any, native: bool) -> None:
    machine(**capabilities)
    assert bf16_is_native("cpu") is native
    assert use_bf16("auto", "cpu") is use_bf16("Auto", torch.device("cpu")) is native


@pytest.mark.parametrize("native", [True, False])
def test_auto_on_a_gpu_asks_for_no_emulation(monkeypatch: pytest.MonkeyPatch, native: bool) -> None:
    asked = []

    def supported(including_emulation: bool = True) -> bool:
        asked.append(including_emulation)
        return True if including_emulation else native  # as a T4: with emulation always

    monkeypatch.setattr(torch.cuda, "device", lambda device: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    assert use_bf16("auto", "cuda:0") is native
    assert asked == [False]


def test_other_devices_compute_in_float32() -> None:
    assert use_bf16("auto", "mps") is False


def test_true_is_kept_and_warned_of_once_where_it_is_emulated(machine: Any, caplog: pytest.LogCaptureFixture) -> None:
    machine()
    with caplog.at_level(logging.WARNING):
        assert use_bf16(True, "cpu") and use_bf16("true", "cpu")
    assert len(caplog.messages) == 1
    assert "--amp auto" in caplog.text and "--amp true" in caplog.text


def test_native_devices_and_float32_are_not_warned_of(machine: Any, caplog: pytest.LogCaptureFixture) -> None:
    machine(onednn=True, avx512_bf16=True)
    assert use_bf16(True, "cpu")
    machine()
    assert not use_bf16("false", "cpu") and not use_bf16(False, "cpu") and not use_bf16("auto", "cpu")
    assert not caplog.messages


@pytest.mark.parametrize("amp", ["automatic", "", None, 2])
def test_a_wrong_value_is_refused(amp: Any) -> None:
    with pytest.raises(ValueError, match="amp"):
        use_bf16(amp, "cpu")


@pytest.mark.parametrize(("native", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_engines_run_in_it_by_default(machine: Any, native: bool, dtype: torch.dtype) -> None:
    machine(onednn=native, avx512_bf16=native)
    seen: list[torch.dtype] = []

    def network(image: torch.Tensor) -> dict[str, torch.Tensor]:
        result = torch.nn.functional.conv2d(image, torch.ones(1, 1, 1, 1))
        seen.append(result.dtype)
        return {"a": result.float()}

    evaluator = MultiTaskEvaluator(
        device=torch.device("cpu"), val_data_loader=[{"image": torch.ones(1, 1, 2, 2)}], network=network
    )
    evaluator.run()
    assert seen == [dtype]
    assert evaluator.precision == str(dtype).removeprefix("torch.")


def test_the_autocast_can_be_switched_off() -> None:
    with bf16_autocast("cpu", enabled=False):
        assert torch.nn.functional.conv2d(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 1, 1)).dtype == torch.float32


def test_a_prediction_lies_where_it_is_in_bfloat16_too() -> None:
    """Resampled back onto a grid of its own, which bfloat16 coordinates would move by up to half a voxel."""
    torch.manual_seed(0)
    image = MetaTensor(torch.rand(1, 120, 110, 100), affine=torch.diag(torch.tensor([1.0, 1.0, 1.0, 1.0])))
    preprocessing = Compose([AntiAliasedSpacingd("image", (1.7, 1.3, 1.1))])
    item = preprocessing({"image": image})
    found = {}
    for amp in (True, False):
        evaluator = MultiTaskEvaluator(
            device=torch.device("cpu"),
            val_data_loader=DataLoader([item], batch_size=1, num_workers=0),
            network=torch.nn.Identity(),
            postprocessing=Invertd("pred", preprocessing, orig_keys="image", nearest_interp=False),
            amp=amp,
        )
        evaluator.add_event_handler(
            Events.ITERATION_COMPLETED, lambda engine, amp=amp: found.__setitem__(amp, engine.state.output[0]["pred"])
        )
        evaluator.run()
    assert found[True].shape == image.shape
    torch.testing.assert_close(found[True].as_tensor(), found[False].as_tensor())

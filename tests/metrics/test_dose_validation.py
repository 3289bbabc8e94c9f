# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
import socket
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from monai.data import MetaTensor
from monai.handlers import from_engine

from ctan_monai.metrics import DoseScore, DoseScoreHandler

REFERENCE = torch.tensor([[[0.0, 10.0], [20.0, 30.0]]])  # (1, 2, 2), mean 15 Gy
PREDICTION = torch.tensor([[[0.0, 13.0], [18.0, 31.0]]])  # errors 0, 3, 2, 1: mean 1.5 Gy


def test_score_by_hand():
    metric = DoseScore()
    metric([PREDICTION], [REFERENCE])
    assert metric.aggregate().item() == pytest.approx(0.9)


def test_score_is_the_mean_of_the_patients_ratios():
    metric = DoseScore()
    metric([PREDICTION], [REFERENCE])  # 0.9
    metric([torch.zeros(1, 2, 2)], [torch.full((1, 2, 2), 60.0)])  # no dose at all: 0
    assert metric.aggregate().item() == pytest.approx(0.45)


def test_a_batch_equals_a_list():
    batch, items = DoseScore(), DoseScore()
    predictions, references = torch.stack([PREDICTION, REFERENCE]), torch.stack([REFERENCE, REFERENCE])
    torch.testing.assert_close(batch(predictions, references), items(list(predictions), list(references)))


@pytest.mark.parametrize("absent", [torch.zeros(1, 2, 2), torch.full((1, 2, 2), float("nan"))])
def test_a_patient_without_reference_dose_does_not_count(absent):
    metric = DoseScore()
    metric([PREDICTION, PREDICTION], [REFERENCE, absent])
    assert metric.aggregate().item() == pytest.approx(0.9)


def test_no_patient_with_reference_dose_is_nan():
    metric = DoseScore()
    metric([PREDICTION], [torch.zeros(1, 2, 2)])
    assert math.isnan(metric.aggregate().item())


def test_a_prediction_with_nan_is_the_worst_not_left_out():
    metric = DoseScore()
    metric([PREDICTION * float("nan"), PREDICTION], [REFERENCE, REFERENCE])
    assert metric.aggregate().item() == -float("inf")


def test_meta_tensors_and_half_precision_predictions():
    metric = DoseScore()
    metric([MetaTensor(PREDICTION.bfloat16())], [MetaTensor(REFERENCE)])
    assert metric.aggregate().item() == pytest.approx(0.9)


def test_shapes_that_differ_are_an_error():
    with pytest.raises(ValueError, match="on one grid"):
        DoseScore()([PREDICTION], [REFERENCE[..., :1]])


def test_no_patient_at_all_is_an_error():
    with pytest.raises(ValueError, match="DoseScore has seen no patient"):
        DoseScore().aggregate()


def _score_of_one_rank(rank: int, port: int, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    handler = DoseScoreHandler(output_transform=from_engine(["pred_dose", "dose"]), save_details=False)
    # three patients over two processes; rank 1's has no reference
    items = [
        [{"pred_dose": PREDICTION, "dose": REFERENCE}, {"pred_dose": REFERENCE, "dose": REFERENCE}],
        [{"pred_dose": PREDICTION, "dose": torch.zeros(1, 2, 2)}],
    ]
    handler.reset()
    handler.update(handler._output_transform(items[rank]))
    Path(folder, f"{rank}.txt").write_text(repr(handler.compute()))
    dist.destroy_process_group()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, on starting processes
def test_processes_gather_their_patients(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    mp.spawn(_score_of_one_rank, args=(port, str(tmp_path)), nprocs=2)
    scores = [float((tmp_path / f"{rank}.txt").read_text()) for rank in (0, 1)]
    assert scores == pytest.approx([0.95, 0.95])

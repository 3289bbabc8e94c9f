# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from ignite.metrics import Metric
from monai.bundle import ConfigParser
from monai.engines import SupervisedEvaluator
from monai.handlers import MeanDice, from_engine
from monai.transforms import AsDiscreted, Compose, FlattenSubKeysd

from ctan_monai.metrics import DoseScoreHandler, mean_score


class _Constant(Metric):
    def __init__(self, value: float) -> None:
        self.value = value
        super().__init__()

    def reset(self) -> None: ...

    def update(self, output: object) -> None: ...

    def compute(self) -> float:
        return self.value


class _FirstPlane(torch.nn.Module):
    """A network that predicts the organ in the first plane, 16 voxels, and 30 Gy everywhere."""

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        dose = torch.full_like(image, 30.0)
        labels = torch.zeros_like(image)
        labels[:, :, 0] = 1
        return {"segmentation": torch.cat([0.5 - labels, labels - 0.5], dim=1), "dose": dose}


def _patients() -> list[dict[str, torch.Tensor]]:
    # patient 0: organ in 32 voxels of which 16 are predicted (Dice 2/3), dose 40 Gy for 30 (score 0.75)
    # patient 1: organ not contoured, no reference dose
    segmentation = torch.zeros(2, 1, 4, 4, 4)
    segmentation[0, 0, :2] = 1
    dose = torch.zeros(2, 1, 4, 4, 4)
    dose[0] = 40
    body = torch.zeros(1, 4, 4, 4, dtype=torch.bool)
    body[0, 0, 0, 0] = True
    return [
        {"image": torch.zeros(1, 4, 4, 4), "segmentation": segmentation[i], "dose": dose[i], "body": body}
        for i in range(2)
    ]


def _prepare_batch(batch, device, non_blocking, **kwargs):
    return batch["image"], {key: batch[key] for key in ("segmentation", "dose", "body")}


def _evaluator(key_metric: dict, **kwargs) -> SupervisedEvaluator:
    return SupervisedEvaluator(
        device=torch.device("cpu"),
        val_data_loader=torch.utils.data.DataLoader(_patients(), batch_size=1),
        network=_FirstPlane(),
        prepare_batch=_prepare_batch,
        postprocessing=Compose(
            [
                FlattenSubKeysd(keys="pred", prefix="pred"),
                FlattenSubKeysd(keys="label", prefix="label"),
                AsDiscreted(keys="pred_segmentation", argmax=True, to_onehot=2),
                AsDiscreted(keys="label_segmentation", to_onehot=2),
            ]
        ),
        key_val_metric=key_metric,
        **kwargs,
    )


def _handlers(save_details: bool = True) -> dict[str, Metric]:
    return {
        "segmentation": MeanDice(
            include_background=False,
            output_transform=from_engine(["pred_segmentation", "label_segmentation"]),
            save_details=save_details,
        ),
        "dose": DoseScoreHandler(output_transform=from_engine(["pred_dose", "label_dose"]), save_details=save_details),
    }


def test_mean_by_hand():
    score = mean_score({"segmentation": _Constant(0.7), "dose": _Constant(0.9), "diagnosis": _Constant(0.2)})
    assert score.compute() == pytest.approx(0.6)


def test_only_the_tasks_of_the_network_count():
    score = mean_score({"segmentation": _Constant(0.7), "dose": _Constant(0.9)}, tasks=["dose"])
    assert score.compute() == pytest.approx(0.9)


def test_as_key_metric_of_a_monai_evaluator():
    evaluator = _evaluator({"score": mean_score(_handlers(save_details=False))})
    for epoch in (1, 2):  # a second run must start from nothing
        evaluator.run(global_epoch=epoch)
        assert evaluator.state.metrics == pytest.approx({"score": (2 / 3 + 0.75) / 2})
    assert evaluator.state.best_metric == pytest.approx((2 / 3 + 0.75) / 2)
    assert evaluator.state.best_metric_epoch == 1


def test_the_metrics_may_be_logged_by_themselves_too():
    handlers = _handlers()
    evaluator = _evaluator(
        {"score": mean_score(handlers)},
        additional_metrics={"dice": handlers["segmentation"], "dose_score": handlers["dose"]},
    )
    evaluator.run()
    assert evaluator.state.metrics == pytest.approx({"score": (2 / 3 + 0.75) / 2, "dice": 2 / 3, "dose_score": 0.75})
    # each patient once, though two metrics read the handler
    assert evaluator.state.metric_details["dose_score"].shape == (2, 1)


def test_a_mistyped_task_is_an_error():
    with pytest.raises(ValueError, match=r"\['doze'\].*\['dose'\]"):
        mean_score({"dose": _Constant(1.0)}, tasks=["doze"])


def test_no_task_is_an_error():
    with pytest.raises(ValueError, match="No score"):
        mean_score({"dose": _Constant(1.0)}, tasks=[])


def test_a_task_that_no_patient_has_a_label_for_is_an_error():
    with pytest.raises(ValueError, match="Task 'dose' has no score"):
        mean_score({"segmentation": _Constant(0.5), "dose": _Constant(float("nan"))}).compute()


def test_from_a_bundle_config():
    config = ConfigParser(
        {
            "tasks": ["dose"],
            "dose_metric": {
                "_target_": "ctan_monai.metrics.DoseScoreHandler",
                "output_transform": "$monai.handlers.from_engine(['pred_dose', 'label_dose'])",
                "save_details": False,
            },
            "score": {
                "_target_": "ctan_monai.metrics.mean_score",
                "metrics": {"dose": "@dose_metric"},
                "tasks": "@tasks",
            },
        }
    )
    config["imports"] = ["$import monai"]
    evaluator = _evaluator({"score": config.get_parsed_content("score")})
    evaluator.run()
    assert evaluator.state.metrics == pytest.approx({"score": 0.75})


def test_an_undefined_task_is_left_out_where_that_is_asked_for():
    nan = float("nan")
    metrics = {"covid": _Constant(0.8), "severity": _Constant(nan)}
    assert mean_score(metrics, skip_undefined=True).compute() == pytest.approx(0.8)
    with pytest.raises(ValueError, match="Task 'severity' has no score: the validation cases are all of one class"):
        mean_score({"severity": _Constant(nan)}, skip_undefined=True).compute()

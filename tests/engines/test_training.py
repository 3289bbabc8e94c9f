# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The trainer with its handlers on a tiny task: what an interrupted and resumed run must share with a whole one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from ignite.engine import Engine, Events
from monai.data import DataLoader, Dataset
from monai.engines.utils import IterationEvents
from monai.handlers import LrScheduleHandler
from monai.networks.utils import copy_model_state
from monai.transforms import RandGaussianNoised
from torch import nn

from ctan_monai.bundle import load_weights
from ctan_monai.data import EpochDataLoader
from ctan_monai.engines import MultiTaskEvaluator, MultiTaskTrainer, PrepareMultiTaskBatch, bf16_autocast
from ctan_monai.handlers import DynamicWeightAverage, EarlyStop, EpochLog, EpochSeed, TaskLossMeans, TrainingCheckpoint
from ctan_monai.losses import DoseMAELoss, MultiTaskLoss
from ctan_monai.utils import folder_lock


class TwoHeads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.heads = nn.ModuleDict({"a": nn.Conv2d(4, 1, 1), "b": nn.Conv2d(4, 1, 1)})
        self.types: list[torch.dtype] = []

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        features = self.conv(x).relu()
        self.types.append(features.dtype)
        return {name: head(features).float() for name, head in self.heads.items()}


def items(n: int = 9) -> list[dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    images = [torch.rand(1, 4, 4, generator=generator) for _ in range(n)]
    return [{"image": x, "a": 2 * x, "b": 1 - x} for x in images]


def training(
    folder: Path,
    epochs: int,
    resume: bool = False,
    workers: int = 0,
    amp: bool = False,
    patience: int = 0,
    steps: int = 0,
) -> tuple[MultiTaskTrainer, TwoHeads, TrainingCheckpoint]:
    torch.manual_seed(3)
    network = TwoHeads()
    data = Dataset(items(), transform=RandGaussianNoised("image", prob=1.0))
    loader = EpochDataLoader(data, seed=7, batch_size=2, shuffle=True, num_workers=workers, steps_per_epoch=steps)
    loss = MultiTaskLoss({"a": DoseMAELoss(1.0), "b": DoseMAELoss(1.0)})
    optimizer = torch.optim.Adam(network.parameters(), 0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=4)
    weighting = DynamicWeightAverage(loss)
    checkpoint = TrainingCheckpoint(
        folder,
        {"network": network, "optimizer": optimizer, "lr_scheduler": schedule, "weighting": weighting},
        resume=resume,
    )
    trainer = MultiTaskTrainer(
        device=torch.device("cpu"),
        max_epochs=epochs,
        train_data_loader=loader,
        network=network,
        optimizer=optimizer,
        loss_function=loss,
        prepare_batch=PrepareMultiTaskBatch(["a", "b"], channels_last=True),
        amp=amp,
        train_handlers=[
            EpochSeed(loader),
            TaskLossMeans(loss),
            EpochLog(folder / "training_log.csv", optimizer),
            weighting,
            LrScheduleHandler(schedule, print_lr=False),
            checkpoint,
            EarlyStop(checkpoint, patience),
        ],
    )
    return trainer, network, checkpoint


@pytest.mark.parametrize(("workers", "steps"), [(0, 0), (1, 0), (0, 3), (1, 7)])
def test_resumed_training_equals_uninterrupted(tmp_path: Path, workers: int, steps: int) -> None:
    whole, whole_network, _ = training(tmp_path / "whole", 4, workers=workers, steps=steps)
    whole.run()
    training(tmp_path / "parts", 2, workers=workers, steps=steps)[0].run()
    torch.rand(5)  # whatever happens between the two must not matter
    resumed, network, _ = training(tmp_path / "parts", 4, resume=True, workers=workers, steps=steps)
    resumed.run()
    assert whole.state.iteration == 4 * (steps or 4)
    for name, value in whole_network.state_dict().items():
        assert torch.equal(network.state_dict()[name], value), name
    assert resumed.loss_function.weights.tolist() == whole.loss_function.weights.tolist() != [1.0, 1.0]

    def rows(part: str) -> list[dict[str, str]]:
        return [
            {k: v for k, v in r.items() if k != "seconds"} for r in EpochLog.read(tmp_path / part / "training_log.csv")
        ]

    assert rows("parts") == rows("whole")
    assert [r["epoch"] for r in rows("whole")] == ["1", "2", "3", "4"]
    assert {"a_loss", "b_loss", "a_weight", "b_weight", "learning_rate", "loss"} <= set(rows("whole")[0])


def test_each_epoch_has_its_own_order_and_noise(tmp_path: Path) -> None:
    loader = EpochDataLoader(
        Dataset(items(), RandGaussianNoised("image", prob=1.0)), seed=1, batch_size=9, shuffle=True
    )

    def epoch(number: int) -> torch.Tensor:
        loader.set_epoch(number)
        return next(iter(loader))["image"]

    assert torch.equal(epoch(1), epoch(1))
    assert not torch.equal(epoch(1), epoch(2))


def test_a_last_batch_of_one_is_dropped_in_training_only() -> None:
    assert len(EpochDataLoader(Dataset(items(9)), seed=0, batch_size=2, shuffle=True)) == 4
    assert len(EpochDataLoader(Dataset(items(8)), seed=0, batch_size=3, shuffle=True)) == 3
    assert len(EpochDataLoader(Dataset(items(9)), seed=0, batch_size=2, shuffle=False)) == 5


def test_a_run_is_not_overwritten(tmp_path: Path) -> None:
    training(tmp_path, 1)[0].run()
    before = (tmp_path / "checkpoint.pt").read_bytes()
    trainer, _, checkpoint = training(tmp_path, 2)
    with pytest.raises(FileExistsError, match="--resume True"):
        trainer.run()
    with pytest.raises(FileExistsError, match="--resume True"):
        checkpoint.started(trainer)  # nor when it is tried again
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    training(tmp_path, 1)[0].run()
    trainer, _, checkpoint = training(tmp_path, 2, resume=True)
    checkpoint.objects["network"] = nn.Linear(2, 2)
    with pytest.raises(ValueError, match=r"checkpoint\.pt' does not fit this config \(network\)"):
        trainer.run()


def test_resuming_a_finished_run_does_nothing(tmp_path: Path) -> None:
    training(tmp_path, 2)[0].run()
    trainer, network, _ = training(tmp_path, 2, resume=True)
    trainer.run()
    saved = torch.load(tmp_path / "model.pt", weights_only=True)
    assert all(torch.equal(v, saved[k]) for k, v in network.state_dict().items())


def test_the_best_epoch_is_kept_over_a_resume(tmp_path: Path) -> None:
    """A worse epoch after resuming must not replace the best model."""

    class Validation:
        """Stands for the evaluator: scores by epoch."""

        class state:
            epoch, metrics, key_metric_name = 0, {"score": 0.0}, "score"

    training(tmp_path, 2)[0].run()
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    state["best_score"], state["best_epoch"] = 0.9, 2
    torch.save(state, tmp_path / "checkpoint.pt")
    best = (tmp_path / "model.pt").read_bytes()

    trainer, _, checkpoint = training(tmp_path, 3, resume=True)
    Validation.state.epoch, Validation.state.metrics = 3, {"score": 0.5}
    checkpoint.evaluator = Validation  # type: ignore[assignment]
    trainer.run()
    assert (tmp_path / "model.pt").read_bytes() == best
    assert (checkpoint.best_score, checkpoint.best_epoch) == (0.9, 2)


def test_early_stop(tmp_path: Path) -> None:
    trainer, _, checkpoint = training(tmp_path, 9, patience=2)
    checkpoint._is_best = lambda engine: False  # type: ignore[method-assign]
    checkpoint.improved_epoch = 1
    trainer.run()
    assert trainer.state.epoch == 3


def test_bf16_autocast_and_float32_loss(tmp_path: Path) -> None:
    trainer, network, _ = training(tmp_path, 1, amp=True)
    trainer.run()
    assert set(network.types) == {torch.bfloat16}
    assert trainer.state.output[0]["loss"].dtype == torch.float32
    with bf16_autocast("cpu", enabled=False):
        assert network(torch.rand(1, 1, 4, 4))["a"].dtype == torch.float32
    assert network.types[-1] == torch.float32


def test_resume_is_a_switch(tmp_path: Path) -> None:
    assert TrainingCheckpoint(tmp_path, {"network": TwoHeads()}, resume="false").resume is False  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="resume"):
        TrainingCheckpoint(tmp_path, {"network": TwoHeads()}, resume="perhaps")  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "value"), [("decollate", True), ("amp_kwargs", {"dtype": torch.float16})])
def test_unsupported_arguments_are_named(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name):
        MultiTaskTrainer(**{name: value})
    with pytest.raises(ValueError, match="amp_kwargs"):
        MultiTaskEvaluator(amp_kwargs={"dtype": torch.float16})


def test_a_second_run_goes_on(tmp_path: Path) -> None:
    trainer, network, _ = training(tmp_path, 2)
    weights = []
    trainer.add_event_handler(Events.STARTED, lambda: weights.append(network.conv.weight.clone()))
    for epochs in (2, 4, 6):
        trainer.run()
        assert (trainer.state.epoch, trainer.state.iteration) == (epochs, epochs * 4)
    assert [row["epoch"] for row in EpochLog.read(tmp_path / "training_log.csv")] == list("123456")
    assert not torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[1], weights[2])


def test_the_folder_is_free_after_each_run(tmp_path: Path) -> None:
    trainer, _, checkpoint = training(tmp_path, 1)
    for _ in range(2):
        trainer.run()
        assert checkpoint._lock == ""
    checkpoint.started(trainer)
    checkpoint.started(trainer)  # after an interruption, which does not end the run
    checkpoint.release(trainer)
    assert str(tmp_path.resolve()) not in folder_lock._counts


@pytest.mark.parametrize("again", [False, True])
def test_weights_that_the_caller_has_set_stay(tmp_path: Path, again: bool) -> None:
    """As in federated learning with resume: in the next round, and in the first one of a new process (again)."""
    trainer, network, _ = training(tmp_path, 1, resume=True)
    trainer.run()
    if again:
        trainer, network, _ = training(tmp_path, 1, resume=True)
    average = {name: torch.full_like(value, 0.25) for name, value in network.state_dict().items()}
    began: dict[str, torch.Tensor] = {}
    trainer.add_event_handler(
        Events.EPOCH_STARTED, lambda: began.update({k: v.clone() for k, v in network.state_dict().items()})
    )
    trainer.state.max_epochs = trainer.state.epoch + 1  # as MonaiAlgo does
    copy_model_state(network, average)
    trainer.run()
    assert trainer.state.epoch == 2
    assert all(torch.equal(value, average[name]) for name, value in began.items())
    assert trainer.optimizer.state_dict()["state"][0]["step"] == 8  # of both rounds
    assert [row["epoch"] for row in EpochLog.read(tmp_path / "training_log.csv")] == ["1", "2"]


def test_start_from(tmp_path: Path) -> None:
    training(tmp_path / "first", 1)[0].run()
    given = torch.load(tmp_path / "first" / "model.pt", weights_only=True)
    trainer, network, checkpoint = training(tmp_path / "second", 1)
    checkpoint.start_from = tmp_path / "first" / "model.pt"
    trainer.add_event_handler(
        Events.EPOCH_STARTED, lambda: [torch.testing.assert_close(v, given[k]) for k, v in network.state_dict().items()]
    )
    trainer.run()
    trainer, _, checkpoint = training(tmp_path / "third", 1)
    checkpoint.start_from = tmp_path / "none.pt"
    with pytest.raises(FileNotFoundError, match=r"none\.pt.*--start_from"):
        trainer.run()


def test_accumulated_gradients_are_the_mean_of_the_batches(tmp_path: Path) -> None:
    """Four batches of an epoch in steps of 3 and 1."""
    trainer, network, _ = training(tmp_path, 1)
    trainer.accumulation_steps = 3
    parts: list[torch.Tensor] = []
    steps: list[torch.Tensor] = []

    def own_gradient() -> None:
        loss = trainer.state.output["loss"]
        parts.append(torch.autograd.grad(loss, network.conv.weight, retain_graph=True)[0])

    trainer.add_event_handler(IterationEvents.LOSS_COMPLETED, own_gradient)
    trainer.optimizer.register_step_pre_hook(lambda *_: steps.append(network.conv.weight.grad.clone()))  # type: ignore[union-attr]
    trainer.run()
    assert len(parts) == 4
    assert len(steps) == 2
    torch.testing.assert_close(steps[0], torch.stack(parts[:3]).mean(dim=0))
    torch.testing.assert_close(steps[1], parts[3])


def test_a_compiled_network_saves_its_own_names(tmp_path: Path) -> None:
    _, network, checkpoint = training(tmp_path, 1)
    compiled = torch.compile(network, backend="eager")
    checkpoint.objects["network"] = compiled
    checkpoint.completed(Engine(lambda engine, batch: None))
    assert set(torch.load(tmp_path / "model.pt", weights_only=True)) == set(network.state_dict())
    load_weights(compiled, tmp_path / "model.pt")


def test_compile_trains_and_the_network_keeps_its_names(tmp_path: Path) -> None:
    trainer, network, _ = training(tmp_path, 1)
    options = {"train_data_loader": trainer.data_loader, "network": network, "optimizer": trainer.optimizer}
    again = MultiTaskTrainer(
        device=torch.device("cpu"), max_epochs=1, loss_function=trainer.loss_function,
        prepare_batch=trainer.prepare_batch, amp=False, compile="true", compile_kwargs={"backend": "eager"}, **options,
    )  # fmt: skip
    before = network.conv.weight.clone()
    again.run()
    assert isinstance(again.network, torch._dynamo.OptimizedModule)
    assert not torch.equal(before, network.conv.weight)
    assert set(network.state_dict()) == set(TwoHeads().state_dict())


@pytest.mark.parametrize("key", ["model", "network", "state_dict"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod."])
def test_weights_as_others_write_them(tmp_path: Path, key: str, prefix: str) -> None:
    state = TwoHeads().state_dict()
    torch.save({key: {prefix + name: value for name, value in state.items()}, "epoch": 3}, tmp_path / "model.pt")
    network = load_weights(TwoHeads(), tmp_path / "model.pt")
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())


def test_a_plain_loader_is_seeded(tmp_path: Path) -> None:
    """Its order comes from the global generators, which EpochSeed seeds for each epoch."""

    def orders() -> list[list[float]]:
        loader = DataLoader(Dataset(items()), batch_size=3, shuffle=True)
        seen: list[list[float]] = []
        engine = Engine(lambda engine, batch: seen.append(batch["image"].flatten().tolist()))
        EpochSeed(loader, 5).attach(engine)
        engine.run(loader, max_epochs=2)
        return seen

    first = orders()
    assert first == orders()
    assert first[:3] != first[3:]


def test_of_equally_good_epochs_the_last_is_kept(tmp_path: Path) -> None:
    """And named; the epoch from which early stopping counts is the first of them."""
    network, validator = torch.nn.Linear(1, 1), Engine(lambda engine, batch: None)
    checkpoint = TrainingCheckpoint(tmp_path, {"network": network}, validator)
    trainer = Engine(lambda engine, batch: None)
    checkpoint.attach(trainer)
    validator.state.key_metric_name = "score"
    kept = []
    for epoch, score in enumerate((0.5, 0.75, 0.5, 0.75, float("nan")), start=1):
        network.bias.data.fill_(epoch)
        trainer.state.epoch = validator.state.epoch = epoch
        validator.state.metrics = {"score": score}
        checkpoint.completed(trainer)
        kept.append(int(torch.load(tmp_path / "model.pt", weights_only=True)["bias"]))
    assert kept == [1, 2, 2, 4, 4]
    assert (checkpoint.best_score, checkpoint.best_epoch, checkpoint.improved_epoch) == (0.75, 4, 2)

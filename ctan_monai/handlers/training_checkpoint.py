# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events

from ctan_monai.bundle import load_weights
from ctan_monai.utils.errors import DataError, content_of
from ctan_monai.utils.files import write_atomic
from ctan_monai.utils.folder_lock import lock_folder, unlock_folder
from ctan_monai.utils.network_state import unwrap, weights_version
from ctan_monai.utils.switches import as_switch
from ctan_monai.utils.torch_file import read_torch_file

logger = logging.getLogger(__name__)


class TrainingCheckpoint:
    """Saves all that a run needs to go on, and the best network, after each epoch; loads it to resume.

    MONAI's CheckpointSaver does not write atomically, and forgets the best score when a run is resumed: the next epoch
    then replaces the best model, however bad. Two files in ``directory``: "checkpoint.pt" (everything) and "model.pt"
    (the best network's weights alone, which evaluation and inference read).

    A trainer may run several times in one process, as in the rounds of federated learning: each run goes on from the
    epoch before with the weights that the network has now. A checkpoint is read once, at the first start; weights that
    the caller has set before it, such as the average of all sites, stay, and ``max_epochs`` then counts from there.

    Args:
        directory: where the files are.
        objects: name to object with ``state_dict``; "network" is the one whose weights are the model.
        evaluator: validation engine; the network is best where its key metric is highest; of epochs with the same, the
            last one's is kept. Its handler must come first.
        resume: True goes on from checkpoint.pt, if there is one.
        start_from: file of weights that a new run begins with, for fine-tuning; None: those that the network has.

    Attributes:
        best_score: the highest value so far.
        best_epoch: of the network that is kept.
        improved_epoch: the first epoch with the best score, from which early stopping counts.

    Raises:
        DataError: on start, another process trains in the directory; or to resume, a file of the run is missing.
        FileExistsError: on first start, a run is there already and ``resume`` is False: nothing is overwritten.
    """

    def __init__(
        self,
        directory: str | Path,
        objects: Mapping[str, Any],
        evaluator: Engine | None = None,
        resume: bool = False,
        start_from: str | Path | None = None,
    ) -> None:
        if "network" not in objects:
            raise ValueError(f"objects must have a 'network', got {sorted(objects)}.")
        self.directory = Path(directory)
        self.objects = dict(objects)
        self.evaluator = evaluator
        self.resume = as_switch("resume", resume)  # on a command line, "false" is a text, and a text is true
        self.start_from = start_from
        self.best_score = -math.inf
        self.best_epoch = 0
        self.improved_epoch = 0
        self._lock = ""  # the folder, while it is taken
        self._version = 0  # of the weights with which the trainer was built
        self._done: tuple[int, int] | None = None  # epoch and iteration; None before the first start
        self._before = 0  # of max_epochs, the epochs that were done before this run

    @property
    def path(self) -> Path:
        """The file to resume from."""
        return self.directory / "checkpoint.pt"

    @property
    def model_path(self) -> Path:
        """The best network's weights."""
        return self.directory / "model.pt"

    def attach(self, engine: Engine) -> None:
        """Attach to the trainer after validation, the learning-rate schedule and the weighting."""
        self._version = weights_version(self.objects["network"])
        engine.add_event_handler(Events.STARTED, self.started)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.completed)
        engine.add_event_handler(Events.COMPLETED, self.ended)

    def started(self, engine: Engine) -> None:
        """Take the folder until the run ends; at first load the last checkpoint, or refuse to overwrite it."""
        if idist.get_rank() == 0:
            self.directory.mkdir(parents=True, exist_ok=True)
            self._lock = self._lock or lock_folder(self.directory, "--output_dir")
            if not engine.has_event_handler(self.release, Events.COMPLETED):
                engine.add_event_handler(Events.COMPLETED, self.release)  # after all others, which may write, too
        if self._done is not None:
            if engine.state.epoch == 0:  # Ignite begins anew after a run that is done
                self._go_on(engine, *self._done)
            return
        given = weights_version(self.objects["network"]) != self._version
        if not self.path.is_file():
            if self.start_from is not None and not given:
                load_weights(self.objects["network"], self.start_from, "--start_from")
                logger.info("the training begins with the weights of %s", self.start_from)
            self._done = (0, 0)
            return
        if not self.resume:
            raise FileExistsError(
                f"'{self.path}' holds a run already: give --resume True to go on with it, or another --output_dir."
            )
        state = read_torch_file(self.path)
        with content_of(self.path, "Restore it, or train anew in another --output_dir."):
            kept = (float(state["best_score"]), int(state["best_epoch"]), int(state.get("improved_epoch", 0)))
            done = (int(state["epoch"]), int(state["iteration"]))
            missing = set(self.objects) ^ set(dict(state["objects"]))
        if missing:
            raise ValueError(
                f"'{self.path}' was written by a run with other parts ({sorted(missing)}): use its config."
            )
        for name, item in self.objects.items():
            try:
                if not given or name != "network":
                    unwrap(item).load_state_dict(state["objects"][name])
                elif set(state["objects"][name]) != set(unwrap(item).state_dict()):
                    raise ValueError("its weights have other names")
            except (RuntimeError, ValueError, LookupError, TypeError, AttributeError) as error:
                reason = (str(error).splitlines() or [type(error).__name__])[0]
                raise ValueError(
                    f"'{self.path}' does not fit this config ({name}): resume with the method, network and weighting "
                    f"of that run, or choose another --output_dir. {reason}"
                ) from error
        self.best_score, self.best_epoch, improved = kept
        self.improved_epoch = improved if "improved_epoch" in state else self.best_epoch  # older checkpoints lack it
        if self.best_epoch and not self.model_path.is_file():
            raise DataError(
                f"'{self.model_path}' is missing beside 'checkpoint.pt': it had the best network, of epoch "
                f"{self.best_epoch}. Restore it, or train anew in another --output_dir."
            )
        if given:
            logger.info("%s: the network's weights were set before the start, and stay", self.path)
            self._go_on(engine, done[0], engine.state.iteration)
        else:
            self._done = engine.state.epoch, engine.state.iteration = done
        logger.info("resumed from %s at the end of epoch %d", self.path, state["epoch"])
        if engine.state.epoch >= (engine.state.max_epochs or 0):
            logger.info("nothing is left to do: all %d epochs are done; more with --max_epochs", engine.state.epoch)

    def _go_on(self, engine: Engine, epoch: int, iteration: int) -> None:
        """Count on from an epoch, with as many epochs to do as the trainer was given."""
        engine.state.max_epochs = (engine.state.max_epochs or 0) - self._before + epoch
        self._before = epoch
        self._done = engine.state.epoch, engine.state.iteration = epoch, iteration

    def completed(self, engine: Engine) -> None:
        """Write the files of this epoch."""
        self._done = engine.state.epoch, engine.state.iteration
        better = self._is_best(engine)
        if idist.get_rank() != 0:
            return
        state: dict[str, Any] = {
            "epoch": engine.state.epoch,
            "iteration": engine.state.iteration,
            "best_score": self.best_score,
            "best_epoch": self.best_epoch,
            "improved_epoch": self.improved_epoch,
            "objects": {name: unwrap(item).state_dict() for name, item in self.objects.items()},
        }
        if better:
            write_atomic(self.model_path, lambda stream: torch.save(state["objects"]["network"], stream))
        write_atomic(self.path, lambda stream: torch.save(state, stream))

    def ended(self, engine: Engine) -> None:
        """Say where the result is."""
        if idist.get_rank() == 0:
            logger.info("trained: the network of epoch %d, the best, is in %s", self.best_epoch, self.model_path)

    def release(self, engine: Engine) -> None:
        """Give the folder back."""
        if self._lock:
            unlock_folder(self._lock)
            self._lock = ""

    def failed(self, engine: Engine) -> None:
        """Give the folder back after an error, see :py:class:`ctan_monai.handlers.HandlerGroup`."""
        self.release(engine)

    def _is_best(self, engine: Engine) -> bool:
        """Whether to keep this epoch's network; without validation, the last is the best."""
        if self.evaluator is None:
            self.best_epoch = self.improved_epoch = engine.state.epoch
            return True
        validation: Any = self.evaluator.state
        if validation.epoch != engine.state.epoch:
            return False
        score = float(validation.metrics[validation.key_metric_name])
        if not score >= self.best_score:
            return False
        self.best_epoch = engine.state.epoch
        if score > self.best_score:  # else as good, but trained longer: the AUROC of a few patients is often the same
            self.best_score, self.improved_epoch = score, engine.state.epoch
            logger.info("best score so far: %.4f in epoch %d", score, engine.state.epoch)
        return True


class EarlyStop:
    """Ends a training whose score has not improved for some epochs; off at 0.

    Args:
        checkpoint: which knows when the score improved last, also over a resume.
        patience: epochs without a better score.
    """

    def __init__(self, checkpoint: TrainingCheckpoint, patience: int = 0) -> None:
        self.checkpoint = checkpoint
        self.patience = patience

    def attach(self, engine: Engine) -> None:
        """Attach after the checkpoint."""
        engine.add_event_handler(Events.EPOCH_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        """Stop if it is time."""
        if 0 < self.patience <= engine.state.epoch - self.checkpoint.improved_epoch:
            logger.info("no better score since epoch %d: stopped", self.checkpoint.improved_epoch)
            engine.terminate()

"""What experiments must know of a task beyond its module and its datamodule."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from datamodules.errors import ConfigError
from experiments.experiment import Experiment

if TYPE_CHECKING:
    from datamodules.base import TaskDataModule
    from datamodules.doctor.examination import Examination
    from experiments.predictor import Predictor
    from experiments.trained import TrainedModel
    from lightning_modules.base import TaskModule


class TaskKind(ABC):
    """One task: which classes belong to its settings, and which faults settings can have.

    Its file imports no torch at the top, so that settings can be checked without.
    """

    unexplained: ClassVar[str | None] = None
    """Why ``explain`` has nothing to draw for such a model, and what has; None: it draws."""

    @abstractmethod
    def check(self, experiment: Experiment) -> None:
        """Look for faults that need neither data nor weights.

        Raises:
            ConfigError: If there are any.
        """

    @abstractmethod
    def check_inputs(self, experiment: Experiment, data: "TaskDataModule") -> None:
        """Look whether the network can use what the cases are; reads no pixels.

        Raises:
            ConfigError: If not.
        """

    @abstractmethod
    def examine(self, experiment: Experiment, *, pixels: bool) -> "Examination":
        """Look for all that is wrong with the dataset; ``pixels``: read every file to its end."""

    @abstractmethod
    def build_data(
        self, experiment: Experiment, trained: Mapping[str, Any] | None
    ) -> "TaskDataModule":
        """The datamodule, not yet prepared.

        Args:
            experiment: Settings.
            trained: The facts that a trained model knew of its data, when others are to be scored.
        """

    @abstractmethod
    def build_module(
        self, experiment: Experiment, facts: Mapping[str, Any], *, load_weights: bool
    ) -> "TaskModule":
        """The module, with weights drawn from torch's global random state.

        Args:
            experiment: Settings.
            facts: Of the data, as its datamodule gives them and a checkpoint keeps them.
            load_weights: False when the weights of a checkpoint follow.

        Raises:
            KeyError, TypeError: If the facts are not of this task.
        """

    def file_predictor(self, model: "TrainedModel") -> "Predictor[Any]":
        """What applies a model to files; by default it has another way to be.

        Raises:
            ConfigError: If it has.
        """
        raise ConfigError(
            f"this verb is for classifiers, and the model is a {type(model.module).__name__}"
        )

    def judge_inputs(
        self, model: "TrainedModel", data: "TaskDataModule"
    ) -> Mapping[str, Sequence[str]] | None:
        """Why each case of an external dataset is unlike those that a model was trained on.

        Args:
            model: What is evaluated.
            data: The external dataset, prepared.

        Returns:
            Reasons by case id, none where it is alike; None: the checkpoint has no input guard.
        """
        from datamodules.labelled import LabelledData
        from experiments.fingerprint import guard_from, judge_cases
        from lightning_modules.classifier import Classifier

        guard, module = guard_from(model.facts), model.module
        if guard is None:
            return None
        assert isinstance(module, Classifier)
        assert isinstance(data, LabelledData)
        return judge_cases(guard, module, data, "test", model.device)

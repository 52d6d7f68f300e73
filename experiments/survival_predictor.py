"""A trained model of survival applied to slides, or to files of features."""

from functools import cached_property

from datamodules.configs.slides import SlideSettings
from experiments.predicted_files import PredictedFile, Row
from experiments.slide_predictor import SlidePredictor
from experiments.task_kinds.slide_survival import settings_of
from lightning_modules.metrics.decisions import thresholds


class SurvivalPredictor(SlidePredictor):
    """A model of survival that is ready for slides; of each file it says risk and survival."""

    @cached_property
    def data(self) -> SlideSettings:
        """Settings of the data that it was trained on."""
        return settings_of(self.experiment)[1]

    def row(self, film: PredictedFile) -> Row:
        """A row of predictions.csv: risk, group, and survival at the end of each interval."""
        risk, *survival = film.scores
        row = {"case_id": film.name, "patient_id": "", "risk": risk, "survival": survival}
        columns = self.module.table_row(row, self.operating_point)
        del columns["case_id"], columns["patient_id"]
        return {"file": film.name, **columns}

    def called(self, film: PredictedFile) -> list[str]:
        """The risk, where it is high."""
        chosen = thresholds(self.operating_point)
        return [name for name, least in chosen.items() if film.scores[0] >= least]

"""Early stopping that a resume does not forget."""

import pytorch_lightning as pl
from pytorch_lightning.callbacks import EarlyStopping


class StopEarly(EarlyStopping):
    """Lightning's early stopping; a run killed after the decision to stop stays stopped."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep to a decision made before the checkpoint was saved."""
        del pl_module
        if self.wait_count >= self.patience:
            trainer.should_stop = True

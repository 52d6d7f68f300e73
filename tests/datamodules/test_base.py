from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from fakes.skeletons import SquaresData

from datamodules.cases import Case, CaseTable
from datamodules.configs.xrays import XraysConfig
from datamodules.errors import DataError


def test_the_ids_of_a_batch_stay_as_they_are_when_its_tensors_move():
    data = SquaresData(XraysConfig(), seed=0)
    data._table = SimpleNamespace(
        cases=[SimpleNamespace(case_id=f"c{n}", patient_id=f"p{n}") for n in range(3)]
    )
    batch = {"index": torch.tensor([2, 0]), "image": torch.ones(2, 1)}
    batch = data.on_before_batch_transfer(batch, 0)
    moved = data.transfer_batch_to_device(batch, torch.device("meta"), 0)
    assert (moved["case_id"], moved["patient_id"]) == (["c2", "c0"], ["p2", "p0"])
    assert {moved["index"].device.type, moved["image"].device.type} == {"meta"}


class Unannotated(SquaresData):
    def indices(self, split):
        return []


def test_external_dataset_that_nobody_annotated_is_refused():
    data = Unannotated(XraysConfig(), seed=0)
    data._table = CaseTable("elsewhere", Path(), (Case("a", "a", {}),))
    with pytest.raises(DataError, match="no case of elsewhere is annotated"):
        data.prepare(held_out=True)
